import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from src.data.tables import TABLES
from src.engine import connect
from src.models.design import DEMOGRAPHICS
from src.models.uplift import (
    CONSTANT_EFFECT,
    NO_HISTORY,
    T_LEARNER,
    estimate_effect,
    fit_uplift,
    predict_uplift,
)
from src.models.uplift_history import (
    build_uplift_rows,
    describe_history,
    select_randomised,
    summarise_history,
)
from src.models.uplift_plots import plot_contrasts, plot_effects, plot_imbalance, plot_qini
from src.models.uplift_report import describe_effects, record_effects, summarise_effects
from src.models.uplift_selection import (
    compare_addressed,
    contrast_campaigns,
    describe_contrasts,
    describe_imbalance,
    standardised_differences,
)

COLUMNS = ("recency_days", "monetary_value", "discount_share")
EXPOSURES = ["campaign_id", "customer_id", "exposed_at", "action", "is_randomised", "pscore"]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def table_of(frame, name):
    """Make an engine's table; times in UTC."""
    times = [column for column in ("exposed_at", "ordered_at") if column in frame]
    for column in times:
        frame = frame.assign(**{column: pd.to_datetime(frame[column], format="ISO8601")})
    table = connect().create_table(name, frame)
    return table.cast(dict.fromkeys(times, "timestamp('UTC')")) if times else table


def exposures_of(rows):
    types = dict.fromkeys(EXPOSURES, "str") | {"is_randomised": "bool", "pscore": "float64"}
    return table_of(pd.DataFrame(rows, columns=EXPOSURES).astype(types), "exposures")


def orders_of(rows):
    lines = pd.DataFrame(rows, columns=["customer_id", "ordered_at", "line_value_minor"])
    return table_of(lines.astype({"line_value_minor": "int64"}), "orders")


def draw_rows(n_customers, seed, effect, p_treated=0.5):
    """Draw a randomised campaign whose effect on each customer is known; effect(profiles)."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "campaign_id": "spring",
            "customer_id": [f"c{i:05d}" for i in range(n_customers)],
            "recency_days": rng.integers(0, 100, n_customers),
            "monetary_value": rng.gamma(2, 15, n_customers),
            "discount_share": rng.random(n_customers),
        }
    ).assign(**dict.fromkeys(DEMOGRAPHICS))
    truth = effect(rows)
    is_treated = rng.random(n_customers) < p_treated
    noise = rng.normal(0, 4, n_customers)
    rows["action"] = np.where(is_treated, "mail", "control")
    rows["pscore"] = np.where(is_treated, p_treated, 1 - p_treated)
    rows["outcome_value"] = 0.2 * rows["monetary_value"] + noise + truth * is_treated
    return rows, np.broadcast_to(truth, n_customers)


def constant(rows):
    return 1.5


def mixed(rows):
    return np.where(rows["discount_share"] > 0.5, 5.0, -2.0)


@pytest.fixture(scope="module")
def constant_world():
    rows, _ = draw_rows(3000, 1, constant)
    return rows, fit_uplift(rows, "mail", COLUMNS, seed=1)


@pytest.fixture(scope="module")
def mixed_world():
    rows, truth = draw_rows(3000, 2, mixed)
    return rows, truth, fit_uplift(rows, "mail", COLUMNS, seed=1)


class TestHistory:
    ROWS = (
        ("c1", "a", "2017-01-01", "mail", True, 0.5),
        ("c1", "b", "2017-01-01", "control", True, 0.5),
        ("c1", "c", "2017-01-01", "mail", False, np.nan),
        ("c2", "a", "2017-01-20", "mail", True, 0.25),
        ("c3", "a", "2017-02-20", "mail", True, 0.25),
    )

    def test_only_drawn_contacts_whose_window_is_over_are_used(self):
        # 10 days from January 20 on end with January 29
        exposures = exposures_of(self.ROWS)
        known = select_randomised(exposures, "2017-01-29", outcome_days=10)
        assert known[["campaign_id", "customer_id"]].to_numpy().tolist() == [
            ["c1", "a"],
            ["c1", "b"],
            ["c2", "a"],
        ]
        assert len(select_randomised(exposures, "2017-01-28", outcome_days=10)) == 2

    def test_summary_counts_what_was_known(self):
        history = summarise_history(exposures_of(self.ROWS), "2017-01-31", 10)
        mail = history.set_index("action").loc["mail"]
        assert mail[["n_campaigns", "n_contacts", "n_randomised", "n_usable"]].to_list() == [
            2,
            3,
            2,
            2,
        ]

    @pytest.mark.parametrize(
        ("n_kept", "said"),
        [(0, "No past contact"), (3, "can be used"), (-1, "none was drawn at random")],
        ids=["none", "drawn", "chosen"],
    )
    def test_the_text_says_what_there_is(self, n_kept, said):
        rows = self.ROWS[2:3] if n_kept < 0 else self.ROWS[:n_kept]
        history = summarise_history(exposures_of(list(rows)), "2017-01-31", 10)
        text = describe_history(history, ("mail", "call"))
        assert said in text
        assert ("call" in text) == (n_kept > 0)

    def test_rows_take_the_profile_before_and_the_margin_after(self):
        asked = []

        def build(date):
            asked.append(date)
            return table_of(
                pd.DataFrame({"customer_id": ["a", "b"], "age": [1, 2]}), f"p{len(asked)}"
            )

        orders = orders_of(
            [
                ("a", "2016-12-31 12:00", 9900),  # before
                ("a", "2017-01-01 12:00", 1000),  # the day itself
                ("a", "2017-01-10 23:00", 500),  # last day of ten
                ("a", "2017-01-11 00:00", 7700),  # after
            ]
        )
        randomised = select_randomised(exposures_of(self.ROWS[:2]), "2017-01-31", 10)
        rows = build_uplift_rows(build, randomised, orders, "2017-01-31", 10, margin_share=0.2)
        assert asked == ["2016-12-31"]
        assert rows["outcome_value"].to_list() == pytest.approx([0.2 * 15, 0])

    def test_who_was_unknown_before_the_contact_is_left_out(self):
        profiles = pd.DataFrame({"customer_id": ["b"]})
        randomised = select_randomised(exposures_of(self.ROWS[:2]), "2017-01-31", 10)
        orders = orders_of([("a", "2017-01-02", 100)])
        rows = build_uplift_rows(
            lambda date: table_of(profiles, "p"), randomised, orders, "2017-01-31", 10, 0.2
        )
        assert rows["customer_id"].to_list() == ["b"]


class TestSelection:
    def test_standardised_differences_by_hand(self):
        # shares .1 .3 against .6 .8: means .2 and .7, variances .02 each: -.5 / sqrt(.02)
        profiles = pd.DataFrame({"weekend_share": [0.1, 0.3, 0.6, 0.8], "evening_share": 0.5})
        is_first = np.array([True, True, False, False])
        columns = ("weekend_share", "evening_share")
        table = standardised_differences(profiles, is_first, columns)
        assert table["feature"].to_list() == ["weekend_share"]
        assert table["smd"][0] == pytest.approx(-0.5 / np.sqrt(0.02))

    def test_groups_that_were_drawn_are_alike(self):
        rows, _ = draw_rows(4000, 3, constant)
        table = standardised_differences(rows, (rows["action"] == "mail").to_numpy(), COLUMNS)
        assert table["smd"].abs().max() < 0.1
        assert "0 of 3" in describe_imbalance(
            table, {"eve": "2017-01-01", "n_addressed": 1, "n_others": 1}
        )

    def test_the_day_looked_at_lies_before_the_first_campaign_with_history(self):
        asked = []

        def build(date):
            asked.append(date)
            ids = [f"c{i}" for i in range(8)]
            share = [0.9, 0.8, 0.9, 0.7, 0.1, 0.2, 0.1, 0.0]
            columns = dict.fromkeys(
                ("recency_days", "monetary_value", "items_per_order", "gap_mean_days"), 1.0
            ) | dict.fromkeys(
                (
                    "gap_std_days",
                    "overdue_ratio",
                    "discount_share",
                    "discounted_lines_share",
                    "private_brand_share",
                    "evening_share",
                    "top_department_share",
                    "department_entropy",
                ),
                0.5,
            )
            return table_of(
                pd.DataFrame({"customer_id": ids, "weekend_share": share, **columns}), "p"
            )

        rows = [("early", "c7", "2017-01-10", "mail", False, np.nan)]
        rows += [("first", f"c{i}", "2017-02-05", "mail", False, np.nan) for i in range(3)]
        rows += [("later", "c3", "2017-03-01", "mail", False, np.nan)]
        orders = orders_of([("c0", "2017-01-01", 100)])
        table, facts = compare_addressed(build, exposures_of(rows), orders, "2017-03-31", 28)
        assert asked == ["2017-02-04"]
        assert facts == {"eve": "2017-02-04", "n_addressed": 4, "n_others": 3}  # c7 is left out
        assert table["feature"].to_list() == ["weekend_share"]
        assert table["smd"][0] > 1

    @pytest.mark.parametrize("is_randomised", [True, False], ids=["only drawn", "none"])
    def test_without_chosen_contacts_there_is_nothing_to_compare(self, is_randomised):
        rows = [("c", "a", "2017-02-05", "mail", True, 0.5)] if is_randomised else []
        orders = orders_of([("a", "2017-01-01", 100)])
        table, facts = compare_addressed(None, exposures_of(rows), orders, "2017-03-31")
        assert table.empty
        assert facts["eve"] is None
        days = pd.DataFrame({"customer_id": [], "order_date": [], "day_value_minor": []})
        contrasts = contrast_campaigns(days, exposures_of(rows), "2017-03-31")
        assert contrasts.empty
        assert "no past contact" in describe_imbalance(table, facts)
        assert "No past campaign" in describe_contrasts(contrasts)
        assert plot_imbalance(table).get_title(loc="left")
        assert plot_contrasts(contrasts).get_title(loc="left")

    def test_contrast_by_hand(self):
        # spend before: a, b 10 each, c, d 4 each; after: a, b 20, c, d 5
        days = [(who, "2017-01-20", 1000) for who in "ab"] + [
            (who, "2017-01-20", 400) for who in "cd"
        ]
        days += [(who, "2017-02-02", 2000) for who in "ab"] + [
            (who, "2017-02-02", 500) for who in "cd"
        ]
        days += [("a", "2017-01-01", 0)]
        order_days = pd.DataFrame(days, columns=["customer_id", "order_date", "day_value_minor"])
        rows = [("x", who, "2017-02-01", "mail", False, np.nan) for who in "ab"]
        contrasts = contrast_campaigns(
            order_days, exposures_of(rows), "2017-03-31", window_days=28, min_customers=2
        )
        assert contrasts["difference"].to_list() == [6.0, 15.0]
        assert contrasts["lower"].to_list() == [6.0, 15.0]  # no spread within the groups
        text = describe_contrasts(contrasts)
        assert "+15.00" in text
        assert "+6.00" in text
        assert "+6.00" in plot_contrasts(contrasts).get_title(loc="left")

    def test_a_window_that_is_not_over_is_not_shown(self):
        order_days = pd.DataFrame(
            {"customer_id": list("ab"), "order_date": "2017-01-01", "day_value_minor": 100}
        )
        rows = [("x", "a", "2017-02-01", "mail", False, np.nan)]
        for last, n_rows in (("2017-02-27", 0), ("2017-02-28", 2)):
            found = contrast_campaigns(order_days, exposures_of(rows), last, 28, min_customers=1)
            assert len(found) == n_rows


class TestEffect:
    def test_effect_by_hand(self):
        # treated 10 (p .5), 4 (p .25): (20 + 16) / (2 + 4) = 6; control 2, 4 (p .5): 3
        rows = pd.DataFrame(
            {
                "customer_id": list("abcd"),
                "action": ["mail", "mail", "control", "control"],
                "pscore": [0.5, 0.25, 0.5, 0.5],
                "outcome_value": [10.0, 4.0, 2.0, 4.0],
            }
        )
        assert estimate_effect(rows, "mail", seed=1).estimate == pytest.approx(3.0)

    def test_the_interval_covers_the_known_effect(self, constant_world):
        effect = constant_world[1].effect
        assert effect.lower < 1.5 < effect.upper
        assert effect.n == 3000

    @pytest.mark.slow
    def test_the_interval_covers_as_often_as_it_says(self):
        hits = 0
        for seed in range(40):
            rows, _ = draw_rows(300, 100 + seed, constant, p_treated=0.3)
            effect = estimate_effect(rows, "mail", seed)
            hits += effect.lower <= 1.5 <= effect.upper
        assert hits >= 34  # 38 expected of 40; fewer than 34 has a probability below 2 %

    def test_an_uneven_draw_does_not_bias_the_effect(self):
        # customers with high spend are treated nine times in ten, the others one in ten
        rng = np.random.default_rng(6)
        rows, _ = draw_rows(8000, 6, constant)
        p_treated = np.where(rows["monetary_value"] > 25, 0.9, 0.1)
        is_treated = rng.random(8000) < p_treated
        base = rows["outcome_value"] - 1.5 * (rows["action"] == "mail")
        rows["action"] = np.where(is_treated, "mail", "control")
        rows["pscore"] = np.where(is_treated, p_treated, 1 - p_treated)
        rows["outcome_value"] = base + 1.5 * is_treated
        naive = rows[is_treated]["outcome_value"].mean() - rows[~is_treated]["outcome_value"].mean()
        effect = estimate_effect(rows, "mail", seed=1)
        assert naive > 4
        assert effect.lower < 1.5 < effect.upper

    def test_controls_of_campaigns_without_the_action_do_not_count(self):
        rows, _ = draw_rows(400, 7, constant)
        other = rows.assign(campaign_id="other", action="control", outcome_value=1000.0)
        model = fit_uplift(pd.concat([rows, other]), "mail", COLUMNS, 1)
        assert model.effect.estimate < 10
        assert model.n_control == (rows["action"] == "control").sum()


class TestLearner:
    def test_a_constant_effect_is_not_called_different_between_customers(self, constant_world):
        model = constant_world[1]
        assert model.basis == CONSTANT_EFFECT
        assert model.qini.lower <= 0
        assert "no difference between customers is proven" in describe_effects([model])

    def test_different_effects_are_found_and_ranked(self, mixed_world):
        rows, truth, model = mixed_world
        assert model.basis == T_LEARNER
        assert model.qini.lower > 0
        scores = predict_uplift([model], rows).set_index("customer_id")
        found = scores.loc[rows["customer_id"], "uplift_value"].to_numpy()
        assert np.corrcoef(found, truth)[0, 1] > 0.8
        assert (scores["lower"] <= scores["upper"]).all()

    def test_differences_are_of_the_right_size(self, mixed_world):
        rows, truth, model = mixed_world
        scores = predict_uplift([model], rows).set_index("customer_id")
        found = scores.loc[rows["customer_id"], "uplift_value"].to_numpy()
        assert found[truth > 0].mean() == pytest.approx(5.0, abs=1.2)
        assert found[truth < 0].mean() == pytest.approx(-2.0, abs=1.2)
        assert 0 < model.slope <= 1

    def test_two_fits_with_one_seed_agree_to_the_byte(self):
        rows, _ = draw_rows(500, 8, mixed)
        first, second = (
            predict_uplift([fit_uplift(rows, "mail", COLUMNS, seed=3)], rows) for _ in range(2)
        )
        pd.testing.assert_frame_equal(first, second, check_exact=True)

    def test_the_constant_effect_is_the_same_for_all(self, constant_world):
        rows, model = constant_world
        scores = predict_uplift([model], rows.head(5))
        assert scores["uplift_value"].nunique() == 1
        assert scores["uplift_value"][0] == model.effect.estimate

    @pytest.mark.parametrize(
        ("n_customers", "basis"), [(0, NO_HISTORY), (40, NO_HISTORY), (250, CONSTANT_EFFECT)]
    )
    def test_small_histories_claim_less(self, n_customers, basis):
        rows, _ = draw_rows(max(n_customers, 1), 9, mixed)
        model = fit_uplift(rows.head(n_customers), "mail", COLUMNS, seed=1)
        assert model.basis == basis
        assert model.qini is None

    def test_an_action_never_tried_stays_empty(self, constant_world):
        rows, known = constant_world
        unknown = fit_uplift(rows, "call", COLUMNS, seed=1)
        profiles = pd.DataFrame({"customer_id": ["b", "a"]})
        scores = predict_uplift([unknown], profiles)
        assert list(scores.columns) == TABLES["uplift_scores"].column_names
        assert scores["uplift_value"].isna().all()
        assert set(scores["basis"]) == {NO_HISTORY}
        assert scores["customer_id"].to_list() == ["a", "b"]
        both = predict_uplift([known, unknown], rows.head(3))
        assert len(both) == 6
        assert both["uplift_value"].notna().sum() == 3


def test_figures_and_tables_show_what_was_learnt(constant_world, mixed_world):
    unknown = fit_uplift(constant_world[0], "call", COLUMNS, seed=1)
    models = [mixed_world[2], constant_world[1], unknown]
    assert "1 of 2" in plot_qini(models).get_title(loc="left")
    assert "2 of 2" in plot_effects(models).get_title(loc="left")
    assert plot_qini([unknown]).get_title(loc="left")
    assert plot_effects([unknown]).get_title(loc="left")
    assert summarise_effects(models)["what follows"].nunique() == 3
    numbers = record_effects([unknown, mixed_world[2]])
    assert numbers["call_effect"] is None
    assert numbers["mail_basis"] == T_LEARNER
    assert "Nothing to learn" in describe_effects([unknown])
