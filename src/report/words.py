"""Recorded numbers as people read them, and the verdict in words."""

from dataclasses import dataclass
import datetime as dt
import math
from typing import Any

__all__ = [
    "Verdict",
    "describe_verdict",
    "format_day",
    "format_number",
    "format_seconds",
    "label_of",
]

SRM_ALARM = 0.001
"""A sample-ratio check below this says that the groups are not what the draw made."""

_SUFFIXES = ("_value", "_days", "_seconds", "_share")
_OF_MONEY = ("_value", "profit", "lower", "upper", "mde", "clv", "_per_customer")


@dataclass(frozen=True)
class Verdict:
    """The answer of a campaign.

    Parameters
    ----------
    kind : str
        ``gain``, ``loss``, ``open`` (cannot tell) or ``none`` (not measured).
    short, sentence : str
        The answer in two words, and in a sentence.
    warning : str
        Why the answer should not be believed; mostly empty.
    """

    kind: str
    short: str
    sentence: str
    warning: str = ""


def describe_verdict(results: dict[str, Any]) -> Verdict:
    """Say in words what 08_measure recorded.

    Parameters
    ----------
    results : dict
        `verdict` (``gain``, ``loss`` or ``cannot tell``), `incremental_profit`, `lower`,
        `upper`, `mde` in shop currency, `level` and `srm_p_value` in 0-1, `reason` in words;
        `currency` if known. Whatever is missing is left out of the sentence.

    Examples
    --------
    >>> describe_verdict({"verdict": "gain", "incremental_profit": 1500.0, "lower": 200.0,
    ...                   "upper": 2800.0, "level": 0.95}).sentence
    'The campaign earned 1,500 more than no campaign would have; the true gain lies between 200 and 2,800 (95 % interval).'
    """  # noqa: E501
    answer = results.get("verdict")
    between = _between(results)
    reason = str(results.get("reason") or "")
    profit = results.get("incremental_profit")
    if answer == "gain" and _is_number(profit):
        text = f"The campaign earned {_money(profit, results)} more than no campaign would have"
        return Verdict("gain", "A gain", f"{text}{_true('gain', between)}.", _warning(results))
    if answer == "loss" and _is_number(profit):
        text = f"The campaign cost {_money(-profit, results)} more than it earned"
        return Verdict("loss", "A loss", f"{text}{_true('effect', between)}.", _warning(results))
    if answer == "cannot tell" and between:
        text = "The campaign may have earned something, cost something or changed nothing"
        text = f"{text}{_true('effect', between)}{_unseen(results)}."
        return Verdict("open", "Cannot tell", text, _warning(results))
    if answer == "cannot tell":
        text = f"What the campaign earned cannot be told{f': {reason}' if reason else ''}."
        return Verdict("open", "Cannot tell", text, _warning(results))
    if answer is not None:
        return Verdict("none", "No verdict", f"The measurement ended with: {answer}.")
    return Verdict("none", "Not measured", "What the campaign earned was not measured in this run.")


def format_number(name: str, value: object) -> str:
    """Write a recorded value for people; its name tells the unit.

    Examples
    --------
    >>> format_number("n_customers", 2469), format_number("holdout_share", 0.1)
    ('2,469', '10 %')
    >>> format_number("lower", -123.4), format_number("auc", 0.81234)
    ('−123.40', '0.812')
    """
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(format_number("", item) for item in value)
    if not isinstance(value, int | float):
        return str(value).replace("_", " ")
    return _sign(value) + _format_size(name, abs(value))


def label_of(name: str) -> str:
    """Turn a recorded name into words.

    Examples
    --------
    >>> label_of("n_orders_kept"), label_of("mean_order_value")
    ('orders kept', 'mean order')
    """
    words = name.removeprefix("n_")
    for suffix in _SUFFIXES:
        if words.endswith(suffix) and words != suffix:
            words = words.removesuffix(suffix)
    return words.replace("_", " ").strip() or name


def format_seconds(seconds: float | None) -> str:
    """Write a duration; empty if it is not known.

    Examples
    --------
    >>> format_seconds(3.24), format_seconds(83), format_seconds(None)
    ('3.2 s', '1 min 23 s', '')
    """
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def format_day(value: object) -> str:
    """Write an ISO date or time as a day; what is neither, as it stands.

    Examples
    --------
    >>> format_day("2017-09-30"), format_day(None)
    ('30 September 2017', '')
    """
    if value is None:
        return ""
    try:
        day = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    return f"{day.day} {day:%B} {day.year}"


def _format_size(name: str, size: float) -> str:
    if isinstance(size, int):
        return f"{size:,}"
    if _is_share(name) and size <= 1:
        return f"{size * 100:.3g} %"
    if name.endswith("p_value"):
        return f"{size:.3f}" if size >= 0.001 else "under 0.001"
    if name.endswith("_days"):
        return f"{size:,.1f} days"
    if name.endswith("_seconds"):
        return f"{size:,.1f} s"
    if name.endswith(_OF_MONEY) and size < 1000:
        return f"{size:,.2f}"
    if size >= 1000:
        return f"{size:,.0f}"
    return f"{size:.3g}"


def _is_share(name: str) -> bool:
    return name.startswith(("p_", "share_", "mean_p_")) or name.endswith(("_share", "_rate"))


def _sign(value: float) -> str:
    return "−" if value < 0 else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _money(value: float, results: dict[str, Any]) -> str:
    """Write an amount; cents only where they matter."""
    digits = 0 if abs(value) >= 100 else 2
    currency = results.get("currency")
    return f"{_sign(value)}{abs(value):,.{digits}f}" + (f" {currency}" if currency else "")


def _between(results: dict[str, Any]) -> str:
    lower, upper, level = (results.get(name) for name in ("lower", "upper", "level"))
    if not (_is_number(lower) and _is_number(upper)):
        return ""
    interval = f" ({level * 100:.3g} % interval)" if _is_number(level) else ""
    return f"between {_money(lower, results)} and {_money(upper, results)}{interval}"


def _true(what: str, between: str) -> str:
    return f"; the true {what} lies {between}" if between else ""


def _unseen(results: dict[str, Any]) -> str:
    mde = results.get("mde")
    if not _is_number(mde):
        return ""
    return f". An effect smaller than {_money(abs(mde), results)} could hardly have been seen"


def _warning(results: dict[str, Any]) -> str:
    p_value = results.get("srm_p_value")
    if not _is_number(p_value) or p_value >= SRM_ALARM:
        return ""
    return (
        "The groups differ in size more than chance allows (sample-ratio check: p "
        f"{format_number('srm_p_value', float(p_value))}), so something went wrong before or "
        "during sending: do not act on this verdict."
    )
