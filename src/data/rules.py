"""Cleaning rules: named, ordered, with a reason; the first that a row breaks refuses it."""

from collections.abc import Callable
from dataclasses import dataclass
import functools
import operator

import ibis
from ibis.expr.types import BooleanValue, Table

from src.data.sources import column_kind
from src.data.values import as_id, as_number, as_text, end_of_last_day, has_control
from src.data.window import end_of_day, parse_date
from src.errors import ParameterError

__all__ = ["EVENT_TYPES", "Rule", "build_rules", "judge"]

EVENT_TYPES = ("view", "click", "favourite", "cart", "coupon_redeemed")
"""What an event may be; see `events` in the data dictionary."""

_LARGEST_NUMBER = 1e12


@dataclass(frozen=True)
class Rule:
    """One reason not to trust a row.

    Parameters
    ----------
    name : str
        Short name, as it stands in `rejected`.
    reason : str
        Why such a row cannot be used, in words.
    is_broken : callable, optional
        Gives the rows that break the rule; a null counts as kept.
    key : tuple of str
        For a rule on repeats, instead of `is_broken`: of the trusted rows that agree in
        these columns, all but the first break it.
    """

    name: str
    reason: str
    is_broken: Callable[[Table], BooleanValue] | None = None
    key: tuple[str, ...] = ()


def _has_unreadable_text(table: Table) -> BooleanValue:
    texts = [name for name in table.columns if column_kind(name) == "text"]
    return _any([has_control(table[name]) for name in texts if name != "customer_id"])  # a hash


def _any(conditions: list[BooleanValue]) -> BooleanValue:
    return functools.reduce(operator.or_, conditions)


_UNREADABLE_TEXT = Rule(
    "unreadable_text",
    "a text holds control characters, such as a NUL byte",
    _has_unreadable_text,
)


def build_rules(first_date: str, last_date: str) -> dict[str, tuple[Rule, ...]]:
    """Make the rules of every raw table, in the order in which they are tried.

    Parameters
    ----------
    first_date, last_date : str
        First and last plausible ISO date of a fact.

    Raises
    ------
    ParameterError
        If the dates are none, or in the wrong order.
    """
    if parse_date(first_date) > parse_date(last_date):
        raise ParameterError(
            f"Expected the first plausible date before the last, found {first_date} after "
            f"{last_date}; correct first_plausible_date or last_plausible_date."
        )
    date_rule = functools.partial(_impossible_date, first_date, last_date)
    return {
        "orders_raw": _order_rules(date_rule),
        "products_raw": _list_rules("product_id"),
        "customers_raw": _list_rules("customer_id"),
        "events_raw": _event_rules(date_rule),
        "reviews_raw": _review_rules(date_rule),
        "exposures_raw": _exposure_rules(date_rule),
    }


def judge(raw: Table, rules: tuple[Rule, ...]) -> Table:
    """Name the first rule that each row breaks.

    Parameters
    ----------
    raw : ibis.Table
        A raw table.
    rules : tuple of Rule
        Its rules, in order; those on repeats come last.

    Returns
    -------
    ibis.Table
        The rows of `raw` with one more column, `rule`: null where the row is trusted.
    """
    single = [rule for rule in rules if rule.is_broken is not None]
    judged = raw.mutate(
        rule=ibis.cases(
            *((rule.is_broken(raw).fill_null(False), rule.name) for rule in single),
            else_=ibis.null("string"),
        )
    )
    for rule in rules:
        if rule.key:
            judged = _judge_repeats(judged, rule)
    return judged


def _judge_repeats(judged: Table, rule: Rule) -> Table:
    """Mark all trusted rows but the first of those that agree in the key."""
    trusted = judged.filter(judged["rule"].isnull())
    rows = trusted.select("source_row", **{name: _comparable(trusted, name) for name in rule.key})
    leading = list(rule.key[:2])
    sizes = rows.group_by(leading).agg(n_same=lambda t: t.count())
    suspects = sizes.filter(sizes["n_same"] > 1).drop("n_same").cache()
    if int(suspects.count().execute()) == 0:
        return judged
    near = rows.semi_join(suspects, leading)  # few: the window below is the costly part
    same = ibis.window(group_by=list(rule.key), order_by=near["source_row"])
    ranked = near.select(repeated_row="source_row", rank=ibis.row_number().over(same))
    repeats = ranked.filter(ranked["rank"] > 0).drop("rank").cache()
    joined = judged.left_join(repeats, judged["source_row"] == repeats["repeated_row"])
    is_repeat = joined["repeated_row"].notnull()
    return joined.mutate(rule=ibis.ifelse(is_repeat, rule.name, joined["rule"])).select(
        *judged.columns
    )


def _comparable(table: Table, name: str) -> ibis.Value:
    column = table[name]
    return column if column.type().is_integer() or not name.endswith("_id") else as_id(column)


def _order_rules(date_rule: Callable[..., Rule]) -> tuple[Rule, ...]:
    amounts = ("quantity", "line_value", "discount", "coupon")
    return (
        _missing("missing_id", "order_id", "customer_id", "product_id"),
        _UNREADABLE_TEXT,
        _unreadable_number(required=amounts[:2], others=amounts[2:]),
        date_rule("ordered_at"),
        Rule(
            "zero_quantity",
            "no piece was bought (a coupon or a correction, not goods)",
            lambda t: t["quantity"] == 0,
        ),
        Rule(
            "negative_quantity",
            "pieces came back (a return, not an order)",
            lambda t: t["quantity"] < 0,
        ),
        Rule(
            "negative_value",
            "an amount of money is below zero",
            lambda t: (t["line_value"] < 0) | (t["discount"] < 0) | (t["coupon"] < 0),
        ),
        _repeated_row("order_id", "product_id", "customer_id", "store_id", "ordered_at", *amounts),
    )


def _list_rules(key: str) -> tuple[Rule, ...]:
    return (_missing("missing_id", key), _UNREADABLE_TEXT, _repeated_key(key))


def _event_rules(date_rule: Callable[..., Rule]) -> tuple[Rule, ...]:
    return (
        _missing("missing_id", "customer_id"),
        _UNREADABLE_TEXT,
        Rule(
            "unknown_event_type",
            f"the event is none of {', '.join(EVENT_TYPES)}",
            lambda t: ~as_text(t["event_type"]).lower().isin(EVENT_TYPES).fill_null(False),
        ),
        date_rule("event_at"),
    )


def _review_rules(date_rule: Callable[..., Rule]) -> tuple[Rule, ...]:
    return (
        _missing("missing_id", "customer_id"),
        _UNREADABLE_TEXT,
        _missing("missing_text", "review_text"),
        _unreadable_number(required=(), others=("rating",)),
        date_rule("reviewed_at"),
        _repeated_row("customer_id", "reviewed_at", "product_id", "rating", "review_text"),
    )


def _exposure_rules(date_rule: Callable[..., Rule]) -> tuple[Rule, ...]:
    return (
        _missing("missing_id", "customer_id", "campaign_id"),
        _UNREADABLE_TEXT,
        _missing("missing_action", "action"),
        date_rule("exposed_at"),
        date_rule("ended_at", is_required=False),
        Rule(
            "ended_before_start",
            "the contact ended before it began",
            lambda t: end_of_last_day(t["ended_at"]) < t["exposed_at"],
        ),
        Rule(
            "impossible_probability",
            "drawn at random, but with a probability outside (0, 1]",
            lambda t: (
                t["is_randomised"].fill_null(False)
                & ~((t["pscore"] > 0) & (t["pscore"] <= 1)).fill_null(False)
            ),
        ),
        _repeated_key("campaign_id", "customer_id"),
    )


def _missing(name: str, *columns: str) -> Rule:
    return Rule(
        name,
        f"{' or '.join(columns)} is missing",
        lambda t: _any([_is_missing(t[column]) for column in columns]),
    )


def _is_missing(column: ibis.Value) -> BooleanValue:
    return column.isnull() if column.type().is_integer() else as_id(column).isnull()


def _unreadable_number(required: tuple[str, ...], others: tuple[str, ...]) -> Rule:
    """Refuse what is missing, NaN, infinite, or too large to be counted in whole cents."""
    return Rule(
        "unreadable_number",
        f"{' or '.join(required + others)} is missing or no finite number",
        lambda t: _any(
            [_is_unreadable(t, column).fill_null(True) for column in required]
            + [_is_unreadable(t, column).fill_null(False) for column in others]
        ),
    )


def _is_unreadable(table: Table, column: str) -> BooleanValue:
    number = as_number(table[column])
    return number.isnan() | (number.abs() > _LARGEST_NUMBER)


def _impossible_date(
    first_date: str, last_date: str, column: str, is_required: bool = True
) -> Rule:
    first = ibis.timestamp(f"{first_date} 00:00:00", timezone="UTC")
    return Rule(
        "impossible_date",
        f"{column} is missing, before {first_date} or after {last_date}"
        if is_required
        else f"{column} is before {first_date} or after {last_date}",
        lambda t: ((t[column] < first) | (t[column] >= end_of_day(last_date))).fill_null(
            is_required
        ),
    )


def _repeated_key(*key: str) -> Rule:
    return Rule("duplicate_key", f"an earlier row has the same {' and '.join(key)}", key=key)


def _repeated_row(*key: str) -> Rule:
    return Rule("duplicate_row", "an earlier row says exactly the same", key=key)
