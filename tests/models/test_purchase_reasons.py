import pandas as pd
import pytest

from src.models.calibration import Calibration
from src.models.purchase import PurchaseModel, score_customers
from src.models.purchase_candidates import BaseRate, Entry, LogisticModel
from src.models.purchase_reasons import NO_REASON, explain_scores, value_words
from src.models.purchase_settings import PurchaseSettings, list_entries
from src.models.splits import HAS_ORDERED


@pytest.fixture(scope="module")
def customers(draw_customers):
    return draw_customers(400, seed=8)


class TwoDrivers:
    """Contributions that are given."""

    name, effect_unit, reads = "two", "log-odds", ("recency_days", "discount_share")

    def __init__(self, *rows):
        self.rows = rows

    def contributions(self, profiles):
        return pd.DataFrame(self.rows, columns=[*self.reads, "age_band"], index=profiles.index)


def test_reasons_by_hand():
    profiles = pd.DataFrame(
        {
            "recency_days": [3, 40, 40, 5],
            "discount_share": [0.256, None, 0.1, 0.1],
            "age_band": ["25-34", None, "25-34", "25-34"],
        },
        index=[4, 7, 1, 0],
    )
    candidate = TwoDrivers([2.0, 1.0, 0.5], [-2.0, 0.1, 1.0], [0.0, 0.0, -0.3], [0.0, 0.0, 0.0])
    reasons = explain_scores(candidate, profiles)
    assert reasons.index.tolist() == [4, 7, 1, 0]
    assert reasons.tolist() == [
        "raised by days since the last order (3) and "
        "share of the price cut off by discounts (26 %)",
        "lowered by days since the last order (40), "
        "raised by age of the head of household (unknown)",
        "lowered by age of the head of household (25-34)",
        "like the average customer",
    ]


@pytest.mark.parametrize(
    ("values", "column", "words"),
    [
        ([0.5, 0.004], "discount_share", ["50 %", "0 %"]),
        ([12, 12, 3], "n_orders_90", ["12", "12", "3"]),
        (
            [1234.5, 0.123, 5.67, float("nan")],
            "monetary_value",
            ["1,234", "0.12", "5.7", "unknown"],
        ),
        (["a", None], "age_band", ["a", "unknown"]),
    ],
)
def test_values_are_written_for_reading(values, column, words):
    assert value_words(pd.Series(values), column).tolist() == words


@pytest.mark.parametrize(
    "entry",
    list_entries(("recency_days", "monetary_value"), PurchaseSettings(n_trees=10)),
    ids=lambda entry: entry.name,
)
def test_every_candidate_gives_every_customer_a_reason(entry, customers):
    y = customers[HAS_ORDERED].to_numpy(dtype=float)
    model = PurchaseModel(entry.make().fit(customers, y), Calibration("none"))
    scores = score_customers(model, customers)
    assert scores["reason"].str.len().gt(0).all()
    if entry.kind == "base_rate":
        assert scores["reason"].unique().tolist() == [NO_REASON]
    else:
        assert scores["reason"].nunique() > 1
    # a block gives the same rows as all at once
    part = score_customers(model, customers.iloc[100:150])
    pd.testing.assert_frame_equal(
        part, scores.iloc[100:150].reset_index(drop=True), check_exact=False, rtol=1e-12
    )
    nobody = score_customers(model, customers.head(0))
    assert nobody.empty
    assert nobody.dtypes.astype(str).tolist() == part.dtypes.astype(str).tolist()


def test_the_strongest_driver_of_a_regression_leads_the_reason(customers):
    y = customers[HAS_ORDERED].to_numpy(dtype=float)
    fitted = LogisticModel(("recency_days", "monetary_value")).fit(customers, y)
    fresh, old = (customers.assign(recency_days=days, age_band=None).head(1) for days in (0, 89))
    assert explain_scores(fitted, fresh)[0].startswith("raised by days since the last order (0)")
    assert explain_scores(fitted, old)[0].startswith("lowered by days since the last order (89)")


def test_a_calibration_that_makes_all_equal_leaves_no_reason(customers):
    fitted = Entry("rfm_rule").make().fit(customers, customers[HAS_ORDERED].to_numpy(dtype=float))
    for flat in (
        Calibration("platt", slope=0.0),
        Calibration("isotonic", 1, 0, (0.1, 0.2), (0.3, 0.3)),
    ):
        scores = score_customers(PurchaseModel(fitted, flat), customers)
        assert scores["p_purchase"].nunique() == 1
        assert scores["reason"].unique().tolist() == [NO_REASON]
    assert BaseRate().fit(customers, [1.0]).contributions(customers).shape == (400, 0)
