import pandas as pd
import pytest

from src.features import build_profiles
from src.features.rhythm import LifecycleRules, lifecycle

AS_OF = "2017-09-30"


@pytest.fixture
def rhythm(line, shop):
    def make(*days):
        orders = [line("ann", f"o{i}", f"{day} 12:00") for i, day in enumerate(days)]
        return build_profiles(*shop(orders), AS_OF).to_pandas().loc[0]

    return make


def test_one_day_has_no_gap(rhythm):
    row = rhythm("2017-09-21", "2017-09-21")
    assert row[["gap_mean_days", "gap_std_days", "overdue_ratio"]].isna().all()


def test_two_days_have_a_gap_but_no_spread(rhythm):
    row = rhythm("2017-09-10", "2017-09-20")
    assert row["gap_mean_days"] == 10
    assert row["overdue_ratio"] == 1.0  # 10 days since, mean gap 10
    assert pd.isna(row["gap_std_days"])


def test_regular_customers_have_no_spread_and_a_second_order_on_a_day_is_no_gap(rhythm):
    row = rhythm("2017-09-10", "2017-09-15", "2017-09-15", "2017-09-20")
    assert (row["gap_mean_days"], row["gap_std_days"]) == (5, 0)
    assert row["overdue_ratio"] == 2.0


def test_spread_is_the_sample_standard_deviation(rhythm):
    # gaps 2 and 6: mean 4, deviations -2 and 2, (4 + 4) / 1
    assert rhythm("2017-09-10", "2017-09-12", "2017-09-18")["gap_std_days"] == pytest.approx(8**0.5)


@pytest.mark.parametrize(
    ("recency", "tenure", "ratio", "stage"),
    [
        (0, 0, None, "new"),
        (20, 29, 9.0, "new"),
        (20, 30, 9.0, "active"),  # not yet 21 days
        (21, 30, 1.9, "active"),
        (21, 30, 2.0, "slipping"),
        (21, 30, None, "slipping"),
        (89, 300, 1.0, "active"),  # comes once in three months
        (89, 300, 3.0, "slipping"),
        (90, 300, 0.5, "lapsed"),
        (95, 95, None, "lapsed"),
    ],
)
def test_stage_of_life_is_the_first_rule_that_holds(engine, recency, tenure, ratio, stage):
    row = {"recency_days": [recency], "tenure_days": [tenure], "overdue_ratio": [ratio]}
    profiles = engine.create_table(
        "stages", pd.DataFrame(row).astype({"overdue_ratio": "float64"}), overwrite=True
    )
    assert lifecycle(profiles).execute().tolist() == [stage]


def test_limits_of_life_can_be_chosen(engine):
    rules = LifecycleRules(new_days=5, slipping_days=7, slipping_ratio=1.5, lapsed_days=14)
    profiles = engine.create_table(
        "stages",
        pd.DataFrame(
            {
                "recency_days": [4, 6, 7, 14],
                "tenure_days": [4, 6, 50, 50],
                "overdue_ratio": [9.0, 9.0, 1.5, 9.0],
            }
        ),
        overwrite=True,
    )
    found = lifecycle(profiles, rules).execute().tolist()
    assert found == ["new", "active", "slipping", "lapsed"]
