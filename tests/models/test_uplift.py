import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from src.data.tables import TABLES
from src.errors import ParameterError
from src.models.uplift import CONSTANT_EFFECT, NO_HISTORY, fit_uplift, predict_uplift
from src.models.uplift_comparison import BASELINE, choose_champion, compare_learners
from src.models.uplift_contacts import build_contacts, fit_features
from src.models.uplift_kinds import KINDS, UNKNOWN, describe_kinds, judge_kinds, predict_baseline
from src.models.uplift_learners import LEARNERS, available_learners
from src.models.uplift_plots import plot_calibration, plot_history, plot_kinds, plot_learners
from src.models.uplift_report import (
    describe_calibration,
    describe_effects,
    describe_learners,
    record_effects,
    summarise_effects,
    summarise_learners,
    summarise_profit,
)
from src.models.uplift_words import learner_words
from tests.models.uplift_worlds import (
    COLUMNS,
    constant,
    draw_world,
    linear,
    mixed,
    sleeping_dogs,
)

LINEAR_ONLY = {name: make for name, make in LEARNERS.items() if name.endswith("linear")}
QUICK = {"n_repeats": 2, "n_members": 20, "learners": LEARNERS}
N_MEMBERS = 20


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def values_of(scores, action, ids, column="uplift_value"):
    return scores[scores["action"] == action].set_index("customer_id").loc[ids, column]


@pytest.fixture(scope="module")
def two_actions():
    """Customers differ in what `mail` does to them, and not in what `call` does."""
    rows, truth = draw_world(3000, 2, {"mail": mixed, "call": constant})
    return rows, truth, fit_uplift(rows, ("mail", "call", "letter"), COLUMNS, seed=1, **QUICK)


@pytest.fixture(scope="module")
def scores(two_actions):
    return predict_uplift(two_actions[2], two_actions[0])


class TestChampion:
    def test_difference_is_found_where_it_is_and_not_where_it_is_not(self, two_actions):
        mail, call, letter = two_actions[2].models
        assert mail.basis in LEARNERS
        assert (call.basis, letter.basis) == (CONSTANT_EFFECT, NO_HISTORY)
        assert "Customers differ" in describe_learners([mail])
        assert "everybody or nobody" in describe_learners([call])

    def test_the_baseline_is_in_the_same_table(self, two_actions):
        table = summarise_learners(two_actions[2].models)
        assert set(table["learner"]) == {BASELINE, *LEARNERS}
        baseline = table[table["learner"] == BASELINE]
        assert baseline["qini"].abs().max() < 1e-9
        half = [model.effect.estimate / 2 for model in two_actions[2].models[:2]]
        assert baseline["auuc"].to_numpy() == pytest.approx(half, rel=0.05)
        spread = table.loc[table["learner"] != BASELINE, "qini_spread"]
        assert (spread > 0).all()

    def test_the_champion_is_the_strongest_of_those_beyond_chance(self):
        table = pd.DataFrame(
            {
                "action": ["mail"] * 4,
                "learner": [BASELINE, "a", "b", "c"],
                "t": [np.nan, 3.0, 4.0, 1.0],
                "p_corrected": [np.nan, 0.02, 0.01, 0.6],
            }
        )
        assert choose_champion(table, "mail") == "b"
        assert choose_champion(table, "mail", max_p=0.005) is None

    @pytest.mark.long
    def test_with_a_constant_effect_it_seldom_pretends(self):
        n_worlds, pretended, actions = 100, 0, ("mail", "call")
        few = LINEAR_ONLY | {"s_trees": LEARNERS["s_trees"]}
        for seed in range(n_worlds):
            rows, _ = draw_world(600, seed, dict.fromkeys(actions, constant))
            contacts = build_contacts(rows, actions, fit_features(rows, COLUMNS).transform(rows))
            table = compare_learners(contacts, few, seed, n_repeats=1, n_resamples=1).table
            pretended += any(choose_champion(table, action) for action in actions)
        assert pretended / n_worlds <= 0.05

    @pytest.mark.long
    def test_true_differences_are_seldom_missed(self):
        n_worlds, found = 20, 0
        for seed in range(n_worlds):
            rows, _ = draw_world(1500, seed, {"mail": linear})
            model = fit_uplift(
                rows, ("mail",), COLUMNS, seed, n_repeats=1, n_members=2, learners=LINEAR_ONLY
            )
            found += model.models[0].basis != CONSTANT_EFFECT
        assert found >= 18


class TestScores:
    def test_different_effects_are_found_and_ranked(self, two_actions, scores):
        rows, truth, _ = two_actions
        found = values_of(scores, "mail", rows["customer_id"]).to_numpy()
        assert np.corrcoef(found, truth["mail"])[0, 1] > 0.8

    def test_differences_are_of_the_right_size(self, two_actions, scores):
        rows, truth, _ = two_actions
        found = values_of(scores, "mail", rows["customer_id"]).to_numpy()
        gap = found[truth["mail"] > 0].mean() - found[truth["mail"] < 0].mean()
        assert gap == pytest.approx(7.0, abs=1.2)
        mean = two_actions[2].models[0].effect
        assert found.mean() == pytest.approx(mean.estimate, abs=0.1)

    def test_the_table_keeps_its_contract(self, two_actions, scores):
        assert list(scores.columns) == TABLES["uplift_scores"].column_names
        assert len(scores) == 3 * len(two_actions[0])
        known = scores.dropna(subset=["uplift_value"])
        assert (known["lower"] <= known["uplift_value"]).all()
        assert (known["uplift_value"] <= known["upper"]).all()
        assert known["draws"].str.len().eq(N_MEMBERS).all()
        assert scores.loc[scores["basis"] == NO_HISTORY, "draws"].isna().all()

    def test_a_constant_effect_is_the_same_for_all(self, two_actions, scores):
        call = scores[scores["action"] == "call"]
        assert call["uplift_value"].nunique() == 1
        assert call["uplift_value"].iloc[0] == two_actions[2].models[1].effect.estimate
        assert call["draws"].map(tuple).nunique() == 1

    def test_draws_lie_about_the_estimate(self, two_actions, scores):
        mail = scores[scores["action"] == "mail"]
        draws = np.array(mail["draws"].to_list())
        shift = draws.mean(axis=1) - mail["uplift_value"].to_numpy()
        assert np.ptp(shift) < 1e-9  # the same for all: resampled minus actual mean effect
        assert abs(shift[0]) < 0.2
        width = (mail["upper"] - mail["lower"]) / 2
        assert width.to_numpy() == pytest.approx(1.96 * draws.std(axis=1, ddof=1))

    def test_the_order_of_profiles_changes_nothing(self, two_actions):
        rows, _, found = two_actions
        some = rows.head(50)
        first, second = predict_uplift(found, some), predict_uplift(found, some[::-1])
        pd.testing.assert_frame_equal(first, second)

    def test_two_fits_with_one_seed_agree_to_the_byte(self):
        rows, _ = draw_world(700, 8, {"mail": mixed})
        first, second = (
            predict_uplift(fit_uplift(rows, ("mail",), COLUMNS, seed=3, **QUICK), rows)
            for _ in range(2)
        )
        pd.testing.assert_frame_equal(first, second, check_exact=True)


class TestDraws:
    def test_differences_between_actions_are_joint(self):
        # both arms share their controls: the difference of two effects is surer than it would be
        # if their errors were independent, and as sure as the two arms alone make it
        rows, _ = draw_world(1500, 4, {"mail": constant, "call": constant}, (0.1, 0.45, 0.45))
        found = fit_uplift(
            rows, ("mail", "call"), COLUMNS, 1, n_repeats=1, n_members=400, learners=LINEAR_ONLY
        )
        mail, call = (found.ensemble.effects[name] for name in ("mail", "call"))
        alone = np.sqrt(mail.var() + call.var())
        arms = [rows.loc[rows["action"] == name, "outcome_value"] for name in ("mail", "call")]
        expected = np.sqrt(sum(arm.var() / len(arm) for arm in arms))
        assert (mail - call).std() < 0.6 * alone
        assert (mail - call).std() == pytest.approx(expected, rel=0.15)

    def test_a_members_resample_is_the_same_for_an_action_without_a_champion(self):
        rows, _ = draw_world(2000, 5, {"mail": linear, "call": constant})
        limits = {"n_repeats": 1, "n_members": 5, "learners": LINEAR_ONLY}
        both = fit_uplift(rows, ("mail", "call"), COLUMNS, 1, **limits)
        large = fit_uplift(rows, ("mail", "call"), COLUMNS, 1, min_arm_model=10**6, **limits)
        assert set(both.ensemble.champions) == {"mail"}
        assert large.comparison is None
        for name in ("mail", "call"):
            assert (both.ensemble.effects[name] == large.ensemble.effects[name]).all()

    @pytest.mark.long
    def test_intervals_of_single_customers_cover_where_the_model_is_right(self):
        # the linear world with a linear learner; over worlds, for four customers
        hits, n_worlds = [], 60
        spots = pd.DataFrame(
            {"recency_days": 50, "monetary_value": 30.0, "discount_share": [0.1, 0.4, 0.6, 0.9]}
        ).assign(customer_id=list("abcd"))
        learners = {"dr_linear": LEARNERS["dr_linear"]}
        for seed in range(n_worlds):
            rows, _ = draw_world(1500, seed, {"mail": linear})
            found = fit_uplift(
                rows, ("mail",), COLUMNS, seed, n_repeats=1, n_members=60, learners=learners
            )
            scored = predict_uplift(found, spots)
            hits += list(linear(spots).between(scored["lower"], scored["upper"]))
        assert np.mean(hits) >= 0.9


class TestSmallHistories:
    @pytest.mark.parametrize(
        ("n_customers", "basis"), [(0, NO_HISTORY), (60, NO_HISTORY), (250, CONSTANT_EFFECT)]
    )
    def test_they_claim_less(self, n_customers, basis):
        rows, _ = draw_world(max(n_customers, 1), 9, {"mail": mixed})
        model = fit_uplift(rows.head(n_customers), ("mail",), COLUMNS, seed=1, **QUICK).models[0]
        assert model.basis == basis
        assert model.learners is None
        assert "too few" in describe_learners([model]) or "nothing to learn" in describe_learners(
            [model]
        )

    def test_a_small_arm_does_not_spoil_a_large_one(self):
        rows, _ = draw_world(3000, 10, {"mail": linear, "call": constant}, (0.48, 0.48, 0.04))
        found = fit_uplift(
            rows, ("mail", "call"), COLUMNS, 1, n_repeats=1, n_members=5, learners=LINEAR_ONLY
        )
        mail, call = found.models
        assert mail.basis in LINEAR_ONLY
        assert call.basis == CONSTANT_EFFECT
        assert call.learners is None
        assert set(mail.learners["action"]) == {"mail"}

    def test_an_action_never_tried_stays_empty(self):
        rows, _ = draw_world(300, 11, {"mail": constant})
        found = fit_uplift(rows, ("call",), COLUMNS, seed=1, **QUICK)
        profiles = pd.DataFrame({"customer_id": ["b", "a"]})
        scores = predict_uplift(found, profiles)
        assert scores["uplift_value"].isna().all()
        assert scores["draws"].isna().all()
        assert scores["customer_id"].to_list() == ["a", "b"]
        kinds = judge_kinds(scores, {"a": np.nan, "b": np.nan}, {"call": 0.1})
        assert set(kinds["kind"]) == {UNKNOWN}
        assert "Nobody is called" in describe_kinds(kinds)
        assert np.isnan(predict_baseline(found, rows, profiles)).all()


def one_score(draws, action="mail"):
    row = {"customer_id": "a", "action": action, "draws": draws}
    return pd.DataFrame([row])


class TestKinds:
    def test_by_hand(self):
        # cost .5: two of four draws above it, one below -.5, one within; p0 = .8
        kinds = judge_kinds(one_score([2.0, 0.6, 0.1, -3.0]), {"a": 0.8}, {"mail": 0.5})
        row = kinds.iloc[0]
        assert [row[f"p_{kind}"] for kind in KINDS] == pytest.approx([0.5, 0.2, 0.05, 0.25])
        assert row["kind"] == "persuadable"
        assert row["p_kind"] == 0.5
        assert list(kinds.columns) == TABLES["uplift_kinds"].column_names

    def test_an_effect_too_small_to_count_is_none(self):
        kinds = judge_kinds(one_score([2.0, 0.6, 0.1, -3.0]), {"a": 0.8}, {"mail": 0.5}, 2.5)
        assert kinds["p_persuadable"][0] == 0.0
        assert kinds["p_sleeping_dog"][0] == 0.25
        assert kinds["kind"][0] == "sure_thing"

    @pytest.mark.parametrize(
        ("draws", "p_baseline", "kind"),
        [
            ([9.0, 9.0], 0.9, "persuadable"),
            ([0.0, 0.0], 0.9, "sure_thing"),
            ([0.0, 0.0], 0.1, "lost_cause"),
            ([-9.0, -9.0], 0.9, "sleeping_dog"),
        ],
    )
    def test_a_sure_case_of_each(self, draws, p_baseline, kind):
        kinds = judge_kinds(one_score(draws), {"a": p_baseline}, {"mail": 0.5})
        assert kinds["kind"][0] == kind

    def test_sleeping_dogs_are_found_and_probabilities_add_to_one(self):
        rows, truth = draw_world(4000, 12, {"mail": sleeping_dogs})
        found = fit_uplift(rows, ("mail",), COLUMNS, seed=1, **QUICK)
        scores = predict_uplift(found, rows)
        p_baseline = dict(
            zip(rows["customer_id"], predict_baseline(found, rows, rows), strict=True)
        )
        kinds = judge_kinds(scores, p_baseline, {"mail": 1.0})
        total = kinds[[f"p_{kind}" for kind in KINDS]].sum(axis=1)
        assert total.to_numpy() == pytest.approx(np.ones(4000))
        is_dog = (truth["mail"] < 0).to_numpy()
        assert kinds.loc[is_dog, "p_sleeping_dog"].mean() > 0.8
        assert kinds.loc[~is_dog, "p_sleeping_dog"].mean() < 0.35

    def test_the_baseline_is_that_of_customers_drawn_to_get_nothing(self, two_actions):
        rows, _, found = two_actions
        p = predict_baseline(found, rows, rows)
        low, high = rows["discount_share"] < 0.2, rows["discount_share"] > 0.8
        for group in (low, high):
            assert p[group].mean() == pytest.approx(rows.loc[group, "has_ordered"].mean(), abs=0.06)


def test_figures_and_texts_show_what_was_learnt(two_actions, scores):
    rows, _, found = two_actions
    models = found.models
    kinds = judge_kinds(
        scores,
        dict.fromkeys(rows["customer_id"], 0.4),
        dict.fromkeys(("mail", "call", "letter"), 0.1),
    )
    assert "1 of 2" in plot_learners(models)._suptitle.get_text()
    assert len(plot_calibration(models).axes) == 2
    assert "% for mail" in plot_kinds(kinds)._suptitle.get_text()
    assert summarise_effects(models)["what follows"].nunique() == 3
    assert "per contact" in describe_effects(models)
    profit = summarise_profit(found, dict.fromkeys(("mail", "call", "letter"), 0.1), 1)
    mail = profit[profit["action"] == "mail"].set_index("share")
    # half of the customers gain 5, the others lose 2: the half earns 2.5, all earn 1.5
    assert mail["lower"].loc[0.4:0.6].max() > 1.5
    assert mail["profit"].loc[0.6] > mail["profit"].loc[1.0]
    assert (mail["lower"] <= mail["profit"]).all()
    assert "of 10 groups" in describe_calibration(models)
    assert "likeliest" in describe_kinds(kinds)
    numbers = record_effects(models)
    assert numbers["letter_effect"] is None
    assert numbers["mail_basis"] in LEARNERS
    assert numbers["mail_p_corrected"] <= 0.025


def test_without_history_figures_say_so():
    models = fit_uplift(draw_world(5, 1, {"mail": constant})[0], ("call",), COLUMNS, 1).models
    assert "0 of 0" in plot_learners(models)._suptitle.get_text()
    assert plot_calibration(models).axes
    empty = pd.DataFrame(columns=["action", "p_kind", "p_persuadable"])
    assert "No kind" in plot_kinds(empty)._suptitle.get_text()
    assert "Nothing to learn" in describe_effects(models)
    assert "no prediction" in describe_calibration(models)
    assert summarise_learners(models).empty
    counts = pd.DataFrame(
        {"action": ["mail"], "n_contacts": [9], "n_randomised": [4], "n_usable": [3]}
    )
    assert "3 of 9" in plot_history(counts).get_title(loc="left")
    assert plot_history(counts.head(0)).get_title(loc="left")


def test_learners_are_named_in_words():
    assert learner_words("dr_trees") == "DR-learner, trees"
    assert learner_words(BASELINE).startswith("mean effect")


def test_learners_are_chosen_by_name_in_the_order_given():
    assert list(available_learners(["dr_linear", "s_linear"])) == ["dr_linear", "s_linear"]
    assert set(LEARNERS) <= set(available_learners())


def test_an_unknown_learner_is_refused_with_those_that_are_known():
    with pytest.raises(ParameterError, match=r"s_linear.*found 'dr_forest'"):
        available_learners(["dr_forest"])
