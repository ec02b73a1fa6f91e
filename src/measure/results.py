"""Every comparison of a campaign as rows: arm, segment and metric, with interval and n."""

import numpy as np
import pandas as pd

from src.decide.catalogue import CONTROL
from src.measure.lift import (
    Lift,
    effect_on_all_weights,
    effect_on_treated_weights,
    estimate_lift,
)
from src.measure.pooling import shrink_effects

__all__ = [
    "ALL",
    "ANY_ACTION",
    "METRICS",
    "SHRUNK",
    "build_results",
    "campaign_lift",
    "campaign_weights",
    "unadjusted_lift",
]

ALL = "all"
ANY_ACTION = "any_action"

METRICS = {
    "profit_per_customer": "profit_value",
    "revenue_per_customer": "revenue_value",
    "orders_per_customer": "n_orders",
    "buyers_share": "is_buyer",
}
"""Metric in the results, and its column in the outcomes."""

SHRUNK = "profit_per_customer_shrunk"
TOTAL = "incremental_profit"
PLAIN = "profit_per_customer_unadjusted"


def campaign_lift(outcomes: pd.DataFrame, level: float, column: str = "profit_value") -> Lift:
    """Effect of the campaign per treated customer: any action against control, adjusted.

    Parameters
    ----------
    outcomes : DataFrame
        From `build_outcomes`.
    level : float
        Level of the interval.
    column : str, default "profit_value"
        Outcome; its `before_` twin is the covariate.
    """
    return _lift(outcomes, ANY_ACTION, column, level, is_adjusted=True)


def unadjusted_lift(outcomes: pd.DataFrame, level: float, column: str = "profit_value") -> Lift:
    """Give the same by a plain difference of means: the baseline that adjusting has to beat."""
    return _lift(outcomes, ANY_ACTION, column, level, is_adjusted=False)


def campaign_weights(outcomes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the headline, and who is treated, in the order of `outcomes`."""
    is_treated = outcomes["is_treated"].to_numpy()
    return effect_on_treated_weights(outcomes["pscore"].to_numpy(), is_treated), is_treated


def build_results(
    outcomes: pd.DataFrame,
    segments: pd.DataFrame,
    campaign_id: str,
    arms: tuple[str, ...],
    level: float,
) -> pd.DataFrame:
    r"""All comparisons of a campaign that can be estimated.

    `any_action` is the effect on those who were treated; an arm's is the effect if everyone of
    the experiment had got it. `incremental_profit` is the effect per customer times the
    customers assigned to the arm, message costs included. The headline, any action for all, has
    the level given. Arms are read side by side, and so are segments, so their intervals are
    widened to :math:`1 - (1 - \text{level}) / m` (Bonferroni), which keeps all m of them true
    together with the level given. Beside them stands each segment's effect drawn towards that of
    all (`shrink_effects`): the better guess for the next campaign.

    Parameters
    ----------
    outcomes : DataFrame
        From `build_outcomes`.
    segments : DataFrame
        One row per customer: `customer_id`, `segment`.
    campaign_id : str
        Name of the campaign.
    arms : tuple of str
        All arms, control first.
    level : float
        Level of the headline's interval.

    Returns
    -------
    DataFrame
        As in the contract of `campaign_results`; a comparison with fewer than two customers in
        either arm has no row.
    """
    rows = _rows(outcomes, ALL, ANY_ACTION, list(METRICS), level)
    each = 1 - (1 - level) / max(len(arms) - 1, 1)
    for arm in arms[1:]:
        rows += _rows(outcomes, ALL, arm, list(METRICS), each)
    named = outcomes.merge(segments, on="customer_id", how="left")
    named["segment"] = named["segment"].fillna("no segment")
    names = sorted(named["segment"].unique())
    each = 1 - (1 - level) / max(len(names), 1)
    for name in names:
        group = named[named["segment"].eq(name)]
        rows += _rows(group, name, ANY_ACTION, ["profit_per_customer"], each)
    rows += _shrunken_rows(named, names, level)
    columns = ["segment", "arm", "metric", "estimate", "lower", "upper", "level"]
    results = pd.DataFrame(rows, columns=[*columns, "n_treated", "n_control", "method"])
    return results.assign(campaign_id=campaign_id)


def _shrunken_rows(named: pd.DataFrame, names: list[str], level: float) -> list[tuple]:
    """Segments' effects by the help of each other."""
    metric = METRICS["profit_per_customer"]
    groups = {name: named[named["segment"].eq(name)] for name in names}
    lifts = {name: _lift(group, ANY_ACTION, metric, level, True) for name, group in groups.items()}
    known = {name: lift for name, lift in lifts.items() if lift.is_known and lift.standard_error}
    if not known:
        return []
    effects = [lift.estimate for lift in known.values()]
    shrunk = shrink_effects(effects, [lift.standard_error for lift in known.values()], level)
    method = "Hajek weights, effect on the treated; adjusted; parametric empirical Bayes"
    return [
        (name, ANY_ACTION, SHRUNK, *map(float, ends), level, lift.n_treated, lift.n_control, method)
        for (name, lift), ends in zip(known.items(), shrunk, strict=True)
    ]


def _rows(
    outcomes: pd.DataFrame, segment: str, arm: str, metrics: list[str], level: float
) -> list[tuple]:
    lifts = {name: _lift(outcomes, arm, METRICS[name], level, True) for name in metrics}
    rows = [_row(segment, arm, name, lift, 1.0) for name, lift in lifts.items()]
    profit = lifts["profit_per_customer"]
    rows.append(_row(segment, arm, TOTAL, profit, float(profit.n_treated)))
    if segment == ALL:
        plain = _lift(outcomes, arm, METRICS["profit_per_customer"], level, False)
        rows.append(_row(segment, arm, PLAIN, plain, 1.0))
    return [row for row in rows if np.isfinite(row[3])]


def _row(segment: str, arm: str, metric: str, lift: Lift, scale: float) -> tuple:
    ends = (lift.estimate * scale, lift.lower * scale, lift.upper * scale)
    weights = "Hajek weights, effect on " + ("the treated" if arm == ANY_ACTION else "all")
    adjusted = "no adjustment" if metric == PLAIN else "adjusted by the window before"
    method = f"{weights}; {adjusted}; robust t interval"
    return (segment, arm, metric, *ends, lift.level, lift.n_treated, lift.n_control, method)


def _lift(outcomes: pd.DataFrame, arm: str, column: str, level: float, is_adjusted: bool) -> Lift:
    weight, is_treated = campaign_weights(outcomes)
    if arm != ANY_ACTION:
        outcomes = outcomes[outcomes["action"].isin([CONTROL, arm])]
        is_treated = outcomes["is_treated"].to_numpy()
        weight = effect_on_all_weights(outcomes["pscore"].to_numpy())
    covariate = outcomes[f"before_{column}"].to_numpy() if is_adjusted else None
    return estimate_lift(outcomes[column].to_numpy(), is_treated, weight, covariate, level)
