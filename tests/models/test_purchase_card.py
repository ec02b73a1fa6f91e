from dataclasses import replace

import numpy as np
import pytest

from src.errors import LeakageError
from src.metrics.classification import log_losses
from src.models.card_words import card_text
from src.models.cards import ModelCard
from src.models.purchase import model_parts
from src.models.purchase_card import (
    build_card,
    challenge_incumbent,
    describe_challenge,
    settle_model,
)
from src.models.purchase_comparison import PurchaseSettings, compare_candidates, fit_champion
from src.models.splits import plan_snapshots
from src.models.store import read_kept, write_kept

AS_OF = "2017-09-30"
SNAPSHOTS = plan_snapshots(AS_OF)
TEST_DATE = SNAPSHOTS[-1].as_of_date
SETTINGS = PurchaseSettings(n_trees=10, n_resamples=200, search_seconds=0, seed=1)


@pytest.fixture(scope="module")
def labelled(snapshots_drawn):
    return snapshots_drawn(400)


@pytest.fixture(scope="module")
def comparison(labelled):
    return compare_candidates(labelled, 175, SETTINGS)


@pytest.fixture(scope="module")
def model(comparison, labelled):
    return fit_champion(comparison, labelled)


@pytest.fixture(scope="module")
def card(comparison, model, labelled):
    return build_card(comparison, model, SNAPSHOTS, labelled["test"], (), AS_OF)


def kept_as_of(folder, model, card, date):
    write_kept(folder, model_parts(model), replace(card, as_of_date=date))
    return read_kept(folder, "04b_purchase")


def test_a_card_says_what_the_comparison_found(card, comparison, model):
    assert card.model == comparison.champion
    assert set(card.inputs) == set(model.candidate.reads)
    figures = {metric.name: metric.figure for metric in card.metrics}
    assert figures["AUC"] == comparison.auc
    assert sum(one.n for one in card.calibration) == len(comparison.y)
    assert [window.last_date for window in card.windows][-1] == AS_OF
    assert "surely" in card_text(card)
    assert ModelCard.from_json(card.to_json()) == card


def test_a_kept_model_scores_as_before(tmp_path, card, model, labelled):
    kept = kept_as_of(tmp_path / "model", model, card, AS_OF)
    read, _, challenge = settle_model(model, card, None, None, TEST_DATE)
    assert (read, challenge) == (model, None)
    assert "No model is in use" in describe_challenge(None)
    again = write_kept(tmp_path / "again", kept.parts, kept.card)
    assert again == kept.digest


def test_a_model_does_not_replace_itself(tmp_path, card, model, comparison, labelled):
    # the incumbent is the champion as fitted for the comparison, so that it gains nothing
    kept = kept_as_of(tmp_path / "model", model, card, TEST_DATE)
    same = {**comparison.p, comparison.champion: model.predict(comparison.test)}
    rerun = replace(comparison, p=same)
    scoring, its_card, challenge = settle_model(model, card, kept, rerun, TEST_DATE)
    assert (challenge.gain.estimate, challenge.is_won) == (0.0, False)
    assert its_card.as_of_date == TEST_DATE
    test = labelled["test"]
    assert scoring.predict(test).tolist() == model.predict(test).tolist()
    assert "goes on" in describe_challenge(challenge)


def test_a_surely_better_model_replaces_a_poor_one(tmp_path, card, labelled, comparison, model):
    # what was learnt from labels turned round is surely worse
    wrong = {
        role: frame.assign(has_ordered=~frame["has_ordered"]) for role, frame in labelled.items()
    }
    poor = fit_champion(comparison, wrong)
    kept = kept_as_of(tmp_path / "model", poor, card, TEST_DATE)
    scoring, its_card, challenge = settle_model(model, card, kept, comparison, TEST_DATE)
    by_hand = log_losses(comparison.y, poor.predict(comparison.test)) - log_losses(
        comparison.y, comparison.p[comparison.champion]
    )
    assert challenge.gain.estimate == pytest.approx(by_hand.mean())
    assert challenge.is_won
    assert (scoring, its_card.challenge.incumbent) == (model, kept.digest)
    assert "replaces" in describe_challenge(challenge)


def test_a_model_that_has_seen_the_test_weeks_is_no_rival(tmp_path, card, model, comparison):
    kept = kept_as_of(tmp_path / "model", model, card, AS_OF)
    with pytest.raises(LeakageError, match="fitted on facts up to"):
        challenge_incumbent(kept, comparison, TEST_DATE)


def test_where_nothing_is_compared_the_model_in_use_goes_on(tmp_path, card, model, labelled):
    kept = kept_as_of(tmp_path / "model", model, card, TEST_DATE)
    few = {role: frame.head(50) for role, frame in labelled.items()}
    nothing = compare_candidates(few, 175, SETTINGS)
    pooled = fit_champion(nothing, few)
    plain = build_card(nothing, pooled, SNAPSHOTS, few["test"], (), AS_OF)
    assert plain.inputs == {}
    assert "Nothing could be compared" in card_text(plain)
    scoring, _, challenge = settle_model(pooled, plain, kept, nothing, TEST_DATE)
    assert not challenge.is_won
    assert np.isnan(challenge.gain.estimate)
    assert scoring.candidate.name == model.candidate.name
    assert "nothing could be compared" in describe_challenge(challenge)
