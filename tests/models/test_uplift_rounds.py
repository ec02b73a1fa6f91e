"""Past rounds with effects learnt from other customers."""

import numpy as np
import pytest

from src.data.tables import table_contract
from src.models.uplift import CONSTANT_EFFECT, fit_uplift
from src.models.uplift_learners import LEARNERS
from src.models.uplift_rounds import build_rounds
from tests.models.uplift_worlds import COLUMNS, constant, draw_world, linear

QUICK = {"n_repeats": 1, "n_members": 2, "learners": {"t_linear": LEARNERS["t_linear"]}}


@pytest.fixture(scope="module")
def world():
    rows, truth = draw_world(4_000, 3, {"mail": linear, "call": constant})
    found = fit_uplift(rows, ("mail", "call", "letter"), COLUMNS, seed=1, **QUICK)
    return rows, truth, found, build_rounds(found, rows, seed=2)


def test_rows_keep_their_contract_and_their_round(world):
    rows, _, _, rounds = world
    assert list(rounds.columns) == list(table_contract("uplift_rounds").column_names)
    assert len(rounds) == 2 * len(rows)  # nobody was drawn a letter: nothing is known of it
    first = rounds[rounds["action"].eq("mail")].set_index("customer_id")
    rows = rows.set_index("customer_id")
    assert first["drawn_action"].eq(rows["action"]).all()
    assert first["pscore"].eq(rows["pscore"]).all()
    assert first["outcome_value"].eq(rows["outcome_value"]).all()
    assert rounds.notna().all(axis=None)
    assert rounds["open_share"].eq(1.0).all()


def test_it_is_told_how_many_tosses_of_a_campaign_were_open():
    rows, _ = draw_world(1_000, 5, {"mail": constant})
    rows = rows.assign(pscores='{"control": 0.5, "mail": 0.5}')
    rows.loc[rows.index[:200], "pscores"] = '{"control": 0.99, "mail": 0.01}'
    rounds = build_rounds(fit_uplift(rows, ("mail",), COLUMNS, seed=1, **QUICK), rows, seed=2)
    assert len(rounds) == 800
    assert rounds["open_share"].tolist() == pytest.approx([0.8] * 800)


def test_effects_of_unseen_customers_are_near_the_truth(world):
    _, truth, found, rounds = world
    assert [model.basis for model in found.models[:2]] == ["t_linear", CONSTANT_EFFECT]
    mail = rounds[rounds["action"].eq("mail")]["uplift_value"].to_numpy()
    assert np.corrcoef(mail, truth["mail"])[0, 1] > 0.9
    assert mail.std() == pytest.approx(truth["mail"].std(), rel=0.25)
    call = rounds[rounds["action"].eq("call")]["uplift_value"]
    assert call.nunique() == 5  # the mean of all other folds
    assert call.mean() == pytest.approx(1.5, abs=0.5)


def test_expected_margin_of_control_is_near_the_truth(world):
    rows, _, _, rounds = world
    expected = rounds[rounds["action"].eq("mail")]["control_value"].to_numpy()
    # a straight line in the logarithm of what the margin is straight in explains most of it
    left = (expected - 0.2 * rows["monetary_value"]).var() / (0.2 * rows["monetary_value"]).var()
    assert left < 0.25
    assert expected.mean() == pytest.approx(0.2 * rows["monetary_value"].mean(), abs=0.4)


def test_a_customer_does_not_answer_for_themself(world):
    rows, _, _, before = world
    changed = rows.copy()
    is_first = changed.index == 0
    changed.loc[is_first, "outcome_value"] += 10_000.0
    found = fit_uplift(changed, ("mail", "call"), COLUMNS, seed=1, **QUICK)
    after = build_rounds(found, changed, seed=2)
    own = after["customer_id"].eq(rows["customer_id"].iloc[0]).to_numpy()
    call = after["action"].eq("call").to_numpy()
    assert after.loc[own & call, "uplift_value"].tolist() == pytest.approx(
        before.loc[own & call, "uplift_value"].tolist()
    )


def test_few_contacts_have_the_mean_effect_and_none_no_rounds():
    rows, _ = draw_world(300, 4, {"mail": constant})
    few = build_rounds(fit_uplift(rows, ("mail",), COLUMNS, seed=1), rows, seed=2)
    assert few["uplift_value"].nunique() == 5
    nobody = rows.head(0)
    none = build_rounds(fit_uplift(nobody, ("mail",), COLUMNS, seed=1), nobody, seed=2)
    assert none.empty
    assert list(none.columns) == list(few.columns)
