"""What an outcome window held when it was read, and what has changed since it was read before."""

from collections.abc import Mapping
import json
from pathlib import Path

import pandas as pd

__all__ = ["describe_change", "earlier_reading", "reading_totals"]

_COUNTS = {
    "n_orders": ("order", "orders"),
    "n_refunds": ("return", "returns"),
    "n_unsubscribed": ("opt-out", "opt-outs"),
    "n_complaints": ("complaint", "complaints"),
}
_VALUES = {"revenue_value": "revenue kept", "refund_value": "paid back"}


def reading_totals(outcomes: pd.DataFrame) -> dict[str, float | int]:
    """Add up what the window holds, both arms together.

    Parameters
    ----------
    outcomes : DataFrame
        From `build_outcomes`.

    Returns
    -------
    dict
        `n_orders`, `n_refunds`, `n_unsubscribed`, `n_complaints`, and in shop currency
        `revenue_value` (kept) and `refund_value` (paid back).
    """
    return {
        "n_orders": int(outcomes["n_orders"].sum()),
        "n_refunds": int(outcomes["n_refunds"].sum()),
        "n_unsubscribed": int(outcomes["is_unsubscribed"].sum()),
        "n_complaints": int(outcomes["is_complaint"].sum()),
        "revenue_value": int(outcomes["revenue_minor"].sum()) / 100,
        "refund_value": int(outcomes["refund_minor"].sum()) / 100,
    }


def earlier_reading(results: Path, campaign_id: str, as_of_date: str) -> dict | None:
    """Read what was recorded when the same campaign was measured before, if it was.

    Parameters
    ----------
    results : Path
        Recorded numbers of 08_measure of this run or an earlier one.
    campaign_id, as_of_date : str
        Only a reading of this very campaign is comparable.
    """
    if not results.is_file():
        return None
    found = json.loads(results.read_text(encoding="utf-8"))
    is_same = (found.get("campaign_id"), found.get("as_of_date")) == (campaign_id, as_of_date)
    return found if is_same and "n_refunds" in found else None


def describe_change(earlier: Mapping | None, now: Mapping) -> str:
    """Say in one sentence what came in since the earlier reading, and what it did to the answer.

    Parameters
    ----------
    earlier, now : mapping
        `n_days`, `incremental_profit` and what `reading_totals` gives.

    Returns
    -------
    str
        Empty if there was no earlier reading.

    Examples
    --------
    >>> zero = dict.fromkeys(("n_orders", "n_unsubscribed", "n_complaints"), 0)
    >>> before = zero | {"n_days": 28, "incremental_profit": 10.0, "n_refunds": 0,
    ...                  "revenue_value": 60.0, "refund_value": 0.0}
    >>> now = before | {"n_refunds": 1, "revenue_value": 40.0, "refund_value": 20.0,
    ...                 "incremental_profit": 7.5}
    >>> describe_change(before, now)[24:]
    '1 return more, revenue kept -20.00, paid back +20.00. Incremental profit 10.00 → 7.50.'
    """
    if earlier is None:
        return ""
    parts = []
    for name, (one, several) in _COUNTS.items():
        n = now[name] - earlier[name]
        if n:
            parts.append(
                f"{abs(n):,} {one if abs(n) == 1 else several} {'more' if n > 0 else 'fewer'}"
            )
    for name, words in _VALUES.items():
        change = round(now[name] - earlier[name], 2)
        if change:
            parts.append(f"{words} {change:+,.2f}")
    if now["n_days"] != earlier["n_days"]:
        parts.insert(0, f"{earlier['n_days']} → {now['n_days']} days")
    if not parts:
        return "Since the last reading nothing has changed."
    profits = " → ".join(_amount(one["incremental_profit"]) for one in (earlier, now))
    return f"Since the last reading: {', '.join(parts)}. Incremental profit {profits}."


def _amount(value: float | None) -> str:
    return "unknown" if value is None or value != value else f"{value:,.2f}"
