"""The answer in one word, why, and what would be needed to know more."""

from dataclasses import dataclass
import math

import pandas as pd
from scipy import stats

from src.decide.power import detectable_effect
from src.measure.lift import Lift

__all__ = [
    "CANNOT_TELL",
    "GAIN",
    "LOSS",
    "Verdict",
    "answer_sentence",
    "choose_verdict",
    "customers_needed",
    "detectable_now",
    "planned_and_found",
    "summarize_lift",
    "truth_sentence",
]

GAIN = "gain"
LOSS = "loss"
CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Verdict:
    """One of `gain`, `loss`, `cannot tell`, and the reason in words."""

    verdict: str
    reason: str


def choose_verdict(
    lift: Lift, srm_p_value: float, n_orders: float, srm_threshold: float = 0.001
) -> Verdict:
    """Read the interval of incremental profit, if it may be read.

    Parameters
    ----------
    lift : Lift
        Effect on profit, any action against control.
    srm_p_value : float
        From `sample_ratio_p_value`.
    n_orders : float
        Orders of the experiment's customers in the outcome window.
    srm_threshold : float, default 0.001
        Below it the split is broken and the result is not read.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> choose_verdict(Lift(2.0, 1.0, 3.0, 0.5, 0.95, 90, 90), 0.4, 70.0).verdict
    'gain'
    """
    if srm_p_value < srm_threshold:
        return Verdict(
            CANNOT_TELL,
            "the arms do not have the sizes that were drawn, so the split is broken somewhere "
            "between assignment and here; find that first",
        )
    if min(lift.n_treated, lift.n_control) == 0:
        is_empty = lift.n_treated == lift.n_control
        empty = "any arm" if is_empty else "control" if lift.n_control == 0 else "any action"
        return Verdict(CANNOT_TELL, f"nobody was assigned to {empty}")
    if not lift.is_known:
        return Verdict(CANNOT_TELL, "one customer in an arm shows no spread to judge by")
    if n_orders == 0:
        return Verdict(CANNOT_TELL, "nobody ordered in the outcome window")
    if lift.standard_error == 0:
        return Verdict(CANNOT_TELL, "all customers of an arm did alike, so chance cannot be judged")
    if lift.lower > 0:
        return Verdict(GAIN, "the whole interval lies above zero")
    if lift.upper < 0:
        return Verdict(LOSS, "the whole interval lies below zero")
    return Verdict(CANNOT_TELL, "zero lies inside the interval")


def detectable_now(lift: Lift) -> float:
    """Smallest true effect per customer found four times in five with the spread now known."""
    return detectable_effect(lift.standard_error, 1.0, level=lift.level)


def customers_needed(lift: Lift) -> int | None:
    r"""Count the customers that the same split would need to find the effect now estimated.

    .. math:: n^* = n \left( \delta / \hat\tau \right)^2

    with :math:`\delta` the effect detectable now. None if there is no estimate or it is zero.
    """
    if not _has_spread(lift) or lift.estimate == 0:
        return None
    n_customers = lift.n_treated + lift.n_control
    needed = n_customers * (detectable_now(lift) / abs(lift.estimate)) ** 2
    return math.ceil(needed) if needed < 2**53 else None


def _has_spread(lift: Lift) -> bool:
    return lift.is_known and lift.standard_error > 0


def answer_sentence(lift: Lift, verdict: Verdict, days: int, outcome_days: int) -> str:
    """Give the result first: total, interval, verdict, and what would be needed."""
    partial = f" Only {days} of {outcome_days} days are over: read it again then."
    partial *= days < outcome_days
    if not _has_spread(lift):
        return f"**{verdict.verdict.capitalize()}**: {verdict.reason}.{partial}"
    total, lower, upper = (lift.n_treated * x for x in (lift.estimate, lift.lower, lift.upper))
    text = (
        f"**{verdict.verdict.capitalize()}**: over {days} days the campaign is estimated to have "
        f"earned **{total:,.0f}** ({lift.level:.0%} interval {lower:,.0f} to {upper:,.0f}, shop "
        f"currency, message costs included) with {lift.n_treated:,} customers assigned an action "
        f"and {lift.n_control:,} in control; {verdict.reason}."
    )
    needed = customers_needed(lift)
    if verdict.verdict == CANNOT_TELL and needed:
        text += (
            f" An effect of {lift.estimate:,.2f} per customer, if real, would need about "
            f"{needed:,} customers in the same split to be told from chance; with these, only "
            f"one of {detectable_now(lift):,.2f} or more would be."
        )
    return text + partial


def truth_sentence(lift: Lift, mode: str, cost_per_customer: float) -> str:
    """In a dry run, say what is known to be true, and whether the interval holds it."""
    if mode == "rehearsal":
        return "This was a rehearsal: the customers are invented, and only it knows their law."
    if mode != "dry_run":
        return "Messages really went out, so the true effect is not known."
    if lift.n_treated == 0:
        return "**This was a dry run, and nobody was assigned an action.**"
    text = (
        "**This was a dry run: nobody received anything.** It is an A/A test: the true effect on "
        "what customers buy is zero, and all that is left is the planned cost of the messages, "
        f"{-cost_per_customer * lift.n_treated:,.2f} in all."
    )
    if not _has_spread(lift):
        return text
    is_inside = lift.lower <= -cost_per_customer <= lift.upper
    if is_inside:
        return text + " The interval holds that truth."
    miss = f"{1 - lift.level:.0%}"
    return text + f" The interval misses it, as one in {1 / (1 - lift.level):.0f} ({miss}) must."


def planned_and_found(lift: Lift, mde_planned: float, explained_planned: float) -> pd.DataFrame:
    """Set what was foreseen before the campaign beside what its outcomes say.

    Returns
    -------
    DataFrame
        Rows: effect detectable per customer, half width of the interval (shop currency), part of
        the variance that the window before explains (0-1). Columns `planned`, `found`.
    """
    planned_error = mde_planned / detectable_effect(1.0, 1.0, level=lift.level)
    half_planned = planned_error * stats.norm.ppf((1 + lift.level) / 2)
    return pd.DataFrame(
        {
            "planned": [mde_planned, half_planned, explained_planned],
            "found": [
                detectable_now(lift),
                (lift.upper - lift.lower) / 2,
                lift.variance_reduction,
            ],
        },
        index=["detectable per customer", "half width of the interval", "explained by the past"],
    )


def summarize_lift(lift: Lift, verdict: Verdict) -> dict[str, float | int | str | None]:
    """Name the headline numbers for the record.

    Returns
    -------
    dict
        `incremental_profit`, `lower`, `upper`, `mde` (totals over the treated, shop currency),
        the same per customer, `level`, `n_treated`, `n_control`, `cuped_variance_reduction`,
        `n_planned_needed`, `verdict` and `reason`.
    """
    mde = detectable_now(lift)
    return {
        "incremental_profit": lift.n_treated * lift.estimate,
        "lower": lift.n_treated * lift.lower,
        "upper": lift.n_treated * lift.upper,
        "mde": lift.n_treated * mde,
        "incremental_profit_per_customer": lift.estimate,
        "lower_per_customer": lift.lower,
        "upper_per_customer": lift.upper,
        "mde_per_customer": mde,
        "level": lift.level,
        "n_treated": lift.n_treated,
        "n_control": lift.n_control,
        "cuped_variance_reduction": lift.variance_reduction,
        "n_planned_needed": customers_needed(lift),
        "verdict": verdict.verdict,
        "reason": verdict.reason,
    }
