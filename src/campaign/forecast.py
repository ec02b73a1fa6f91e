"""What the plan is expected to earn, and what its campaign will be able to tell."""

from collections.abc import Mapping
import math

import pandas as pd

from src.campaign.offers import format_amount

__all__ = ["tabulate_forecast"]


def tabulate_forecast(results: Mapping[str, object], currency: str) -> pd.DataFrame:
    """Put forecast profit with its interval, its costs, and what can be detected side by side.

    Parameters
    ----------
    results : mapping of str to object
        What 05 recorded: `mode`, `planned_profit` with its ends, `expected_message_cost`,
        `expected_discount`, `n_treated`, `n_control`, `mde_per_customer`, `mde_share`.
    currency : str
        Code of the shop's currency.

    Returns
    -------
    DataFrame
        One row per question, its `answer` in words. Where no effect is known there is no
        interval, and the answer says so rather than showing a point alone.
    """
    money = _Money(currency)
    lower, upper = results["planned_profit_lower"], results["planned_profit_upper"]
    if _is_known(lower) and _is_known(upper):
        profit = f"{money(results['planned_profit'])} (95 %: {money(lower)} to {money(upper)})"
    else:
        profit = (
            f"not known before the first campaign; {money(-results['planned_profit'])} is paid to "
            "learn it if messages change nothing"
        )
    share = results["mde_share"]
    per_customer = money(results["mde_per_customer"])
    answers = {
        "Expected profit of the plan": profit,
        "Cost of the messages": money(results["expected_message_cost"]),
        "Discounts expected to be redeemed": money(results["expected_discount"]),
        "Customers with a message, and in control": (
            f"{results['n_treated']:,} and {results['n_control']:,}"
        ),
        "Smallest true effect found four times in five": (
            f"{per_customer} per customer"
            + (f", {share:.0%} of profit" if _is_known(share) else "")
        ),
    }
    return pd.DataFrame({"answer": answers}).rename_axis("question")


class _Money:
    def __init__(self, currency: str) -> None:
        self.currency = currency

    def __call__(self, value: object) -> str:
        """Write an amount, minus first; unknown ones as such."""
        if not _is_known(value):
            return "unknown"
        sign = "−" if value < 0 else ""
        return sign + format_amount(round(abs(value), 2), self.currency)


def _is_known(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
