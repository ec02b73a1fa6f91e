"""Readings of every day: by hand, and over campaigns in which nothing was done."""

import logging
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from src.errors import ParameterError
from src.measure import daily, results, sample_ratio
from src.measure.lift import Lift, effect_on_treated_weights, estimate_lift
from src.measure.sequential import always_valid, boundary
from tests.measure import test_aa as campaigns_of
from tests.measure.shop import AS_OF, DAYS, PLAN, events_table, orders_table

logger = logging.getLogger(__name__)


def test_the_bound_is_the_published_one():
    # Howard et al. (2021), eq. 14, at v = v*: rho = v / 7.95 for alpha .05
    rho = 1 / (-2 * math.log(0.05) + math.log(-2 * math.log(0.05) + 1))
    near = math.sqrt((1 + rho) * math.log((1 + rho) / (rho * 0.05**2)))
    assert boundary(1.0, 0.95) == pytest.approx(near, rel=2e-3)  # theirs is an approximation
    around = [boundary(ratio, 0.95) for ratio in (0.5, 0.9, 1.0, 1.1, 2.0)]
    assert min(around) == around[2]  # narrowest where it was planned to be


@pytest.mark.parametrize(("ratio", "level"), [(0.0, 0.95), (-1.0, 0.95), (1.0, 1.0), (1.0, 0.0)])
def test_nonsense_is_refused(ratio, level):
    with pytest.raises(ParameterError, match="above 0"):
        boundary(ratio, level)


def test_what_is_not_known_stays_unknown():
    unknown = Lift(math.nan, math.nan, math.nan, math.nan, 0.95, 5, 0)
    assert math.isnan(always_valid(unknown, 1.0).lower)
    known = Lift(1.0, 0.0, 2.0, 0.5, 0.95, 90, 90)
    assert math.isnan(always_valid(known, math.nan).upper)
    wide = always_valid(known, 0.5)
    assert (wide.lower, wide.upper) == pytest.approx((1 - 0.5 * 3.0351, 1 + 0.5 * 3.0351), abs=1e-3)
    exact = Lift(1.0, 1.0, 1.0, 0.0, 0.95, 90, 90)
    assert always_valid(exact, 0.5) == exact


@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_sums_that_are_looked_at_every_day_leave_the_bound_one_time_in_twenty_at_most(correlation):
    """Gaussian sums of 56 days whose days are independent, or go together in a customer."""
    rng = np.random.default_rng(1)
    shared = math.sqrt(correlation) * rng.standard_normal((20_000, 1))
    day = shared + math.sqrt(1 - correlation) * rng.standard_normal((20_000, 56))
    days = np.arange(1, 57)
    error = np.sqrt(days * (1 - correlation) + days**2 * correlation)
    bound = np.array([boundary((one / error[-1]) ** 2, 0.95) for one in error]) * error
    left = (np.abs(day.cumsum(axis=1)) > bound).any(axis=1).mean()
    naive = (np.abs(day.cumsum(axis=1)) > 1.96 * error).any(axis=1).mean()
    assert left <= 0.05
    assert naive > 2 * 0.05 if correlation == 0 else naive > 0.05


@pytest.fixture(scope="module")
def campaign():
    planned = campaigns_of.plan(0)
    return planned, campaigns_of.decide(planned, 7)


def test_the_last_day_is_the_reading_of_the_window(campaign):
    planned, decisions = campaign
    engine = campaigns_of.engine()
    orders, events = orders_table(engine, planned.shop.orders), events_table(engine)
    found = campaigns_of.outcomes.build_outcomes(orders, events, decisions, PLAN, AS_OF, DAYS)
    profit = daily.daily_profit(orders, events, found, PLAN, AS_OF, DAYS)
    assert profit.shape == (len(found), DAYS)
    assert profit[:, -1] == pytest.approx(found["profit_value"].to_numpy(), abs=1e-9)
    assert (np.diff(profit, axis=1) >= 0).all()  # nothing comes back in this shop
    table = daily.read_daily(profit, found, 2.0, 0.95)
    lift = results.campaign_lift(found, 0.95)
    last = table.iloc[-1]
    assert last["estimate"] == pytest.approx(lift.n_treated * lift.estimate)
    assert last["lower"] == pytest.approx(lift.n_treated * lift.lower)
    assert (table["seq_lower"] < table["lower"]).all()
    assert (table["seq_upper"] > table["upper"]).all()


def day_by_day(planned):
    """Profit of all customers by day after and in all before, as arrays."""
    orders = planned.shop.orders
    place = pd.Index(planned.shop.ids).get_indexer(orders["customer_id"])
    end = pd.Timestamp(AS_OF, tz="UTC") + pd.Timedelta(days=1)
    day = (orders["ordered_at"] - end).dt.days.to_numpy()
    value = orders["line_value_minor"].to_numpy() * PLAN.margin_share / 100
    after, before = np.zeros((len(planned.shop.ids), DAYS)), np.zeros(len(planned.shop.ids))
    inside = (day >= 0) & (day < DAYS)
    np.add.at(after, (place[inside], day[inside]), value[inside])
    earlier = (day < 0) & (day >= -DAYS)
    np.add.at(before, place[earlier], value[earlier])
    return after.cumsum(axis=1), before


def peek(planned, decisions, arrays):
    """Outcomes of one campaign as `read_daily` takes them, and profit by day."""
    after, before = arrays
    drawn = decisions.set_index("customer_id").reindex(planned.shop.ids)
    inside = drawn["action"].ne("none").to_numpy()
    frame = pd.DataFrame(
        {
            "is_treated": drawn["action"].isin(PLAN.actions)[inside].to_numpy(),
            "pscore": drawn["pscore"][inside].to_numpy(dtype=float),
            "before_profit_value": before[inside],
        }
    )
    return frame, after[inside]


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_1000_campaigns_without_effect_read_every_day():
    cache, single, ever_fixed, ever_valid = {}, [], [], []
    for k, planned, decisions in campaigns_of.campaigns(1_000, 200_000):
        arrays = cache.setdefault(k % campaigns_of.N_SHOPS, day_by_day(planned))
        frame, profit = peek(planned, decisions, arrays)
        factor = len(frame) / (frame["is_treated"].sum() * (~frame["is_treated"]).sum())
        planned_error = np.std(profit[:, -1] - frame["before_profit_value"]) * math.sqrt(factor)
        table = daily.read_daily(profit, frame, planned_error, 0.95)
        is_off = (table["lower"] > 0) | (table["upper"] < 0)
        single.append(is_off.iloc[-1])
        ever_fixed.append(is_off.any())
        ever_valid.append(((table["seq_lower"] > 0) | (table["seq_upper"] < 0)).any())
    logger.info(
        "last day %.3f, ever by the fixed interval %.3f, ever by the other %.3f",
        *(np.mean(found) for found in (single, ever_fixed, ever_valid)),
    )
    assert 0.036 <= np.mean(single) <= 0.064
    assert np.mean(ever_fixed) > 0.10  # what peeking does to an interval that is not made for it
    assert np.mean(ever_valid) <= 0.05


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_1000_campaigns_with_an_effect_are_covered_and_cuped_narrows_as_it_should():
    cache, covered, narrowed = {}, [], []
    rng = np.random.default_rng(3)
    for k, planned, decisions in campaigns_of.campaigns(1_000, 300_000):
        arrays = cache.setdefault(k % campaigns_of.N_SHOPS, day_by_day(planned))
        frame, profit = peek(planned, decisions, arrays)
        is_treated, before = frame["is_treated"].to_numpy(), frame["before_profit_value"].to_numpy()
        effect, share = 2.0, 0.25  # a quarter answer, by a long tail
        answer = (rng.random(len(frame)) < share) * rng.lognormal(-0.125, 0.5, len(frame)) / share
        outcome = profit[:, -1] + is_treated * effect * answer
        weight = effect_on_treated_weights(frame["pscore"].to_numpy(), is_treated)
        lift = estimate_lift(outcome, is_treated, weight, before)
        plain = estimate_lift(outcome, is_treated, weight)
        covered.append(lift.lower <= effect <= lift.upper)
        squared = [
            weighted_r2(outcome[arm], before[arm], weight[arm]) for arm in (is_treated, ~is_treated)
        ]
        narrowed.append(
            (lift.standard_error / plain.standard_error)
            / math.sqrt(1 - explained(outcome, before, is_treated, weight, squared))
        )
    logger.info("covered %.3f, narrowed %.3f of sqrt(1-R2)", np.mean(covered), np.mean(narrowed))
    assert 0.93 <= np.mean(covered) <= 0.97
    assert 0.9 <= np.mean(narrowed) <= 1.1


def weighted_r2(outcome, before, weight):
    """Squared correlation as the arm's weighted mean sees it."""
    share = (weight / weight.sum()) ** 2
    y, x = (v - np.average(v, weights=weight) for v in (outcome, before))
    return (share @ (x * y)) ** 2 / ((share @ x**2) * (share @ y**2))


def explained(outcome, before, is_treated, weight, squared):
    """R2 of both arms together, each by its part of the plain variance."""
    parts = []
    for arm in (is_treated, ~is_treated):
        share = weight[arm] / weight[arm].sum()
        parts.append(
            (share**2) @ (outcome[arm] - np.average(outcome[arm], weights=weight[arm])) ** 2
        )
    return float(np.average(squared, weights=parts))


@pytest.mark.parametrize(("n_customers", "n_caught"), [(20_000, 0), (2_000_000, 4)])
def test_one_percent_lost_from_one_arm_is_caught_once_there_are_enough(n_customers, n_caught):
    """Of equal halves: at two million always, at one 24 times in 25, at 20,000 never."""
    rng = np.random.default_rng(5)
    found = {0.0: [], 0.01: []}
    for lost in found:
        for _ in range(4):
            is_treated = rng.random(n_customers) < 0.5
            is_there = ~is_treated | (rng.random(n_customers) >= lost)
            action = pd.Series(np.where(is_treated[is_there], "letter", "control"))
            p_value = sample_ratio.sample_ratio_p_value(
                action, pd.Series(0.5, action.index), ("control", "letter")
            )
            found[lost].append(p_value < 0.001)
    assert sum(found[0.0]) == 0
    assert sum(found[0.01]) == n_caught


def test_how_many_customers_the_sample_ratio_needs_to_see_one_percent():
    # half of n lose 1 %: off by .0025 n, of which chance is .5 sqrt(n)
    power = [stats.norm.sf(stats.norm.isf(0.0005) - 0.005 * math.sqrt(n)) for n in (2e4, 1e6, 2e6)]
    assert power == pytest.approx([0.005, 0.956, 0.9999], abs=0.001)
