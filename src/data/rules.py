"""Cleaning rules of every raw table: named, in order, to be switched on and off by name."""

from collections.abc import Callable, Iterable
import difflib
import functools

import ibis
from ibis.expr.types import BooleanValue, Table

from src.data.currency import currency_code, first_rate_dates
from src.data.judge import Rule, judge
from src.data.rule_kinds import (
    RAGGED_ROW,
    UNREADABLE_TEXT,
    UNREADABLE_VALUE,
    any_of,
    impossible_date,
    missing,
    missing_id,
    needed,
    repeated_key,
    repeated_row,
    tests_of_shop,
    unreadable_number,
)
from src.data.values import as_number, as_text, end_of_last_day
from src.data.window import parse_date
from src.errors import ParameterError

__all__ = ["EVENT_TYPES", "build_rules"]

EVENT_TYPES = ("view", "click", "favourite", "cart", "purchase", "coupon_redeemed")
"""What an event may be; see `events` in the data dictionary."""

_AMOUNTS = ("line_value", "discount", "coupon")


def build_rules(
    first_date: str,
    last_date: str,
    rules_on: Iterable[str] = (),
    rules_off: Iterable[str] = (),
    test_accounts: Table | None = None,
    rates: Table | None = None,
) -> dict[str, tuple[Rule, ...]]:
    """Make the rules of every raw table, in the order in which they are tried.

    Parameters
    ----------
    first_date, last_date : str
        First and last plausible ISO date of a fact.
    rules_on, rules_off : iterable of str
        Rules, each as `table.rule`, that are tried or left out whatever their default.
    test_accounts : ibis.Table, optional
        Customers (`customer_id`) whose rows are the shop's own tests.
    rates : ibis.Table, optional
        The table `rates_raw`; without it no currency but the shop's is known.

    Raises
    ------
    ParameterError
        If the dates are none, or in the wrong order; if a named rule is unknown, both on and
        off, or cannot be switched off.
    """
    if parse_date(first_date) > parse_date(last_date):
        raise ParameterError(
            f"Expected the first plausible date before the last, found {first_date} after "
            f"{last_date}; correct first_plausible_date or last_plausible_date."
        )
    date_rule = functools.partial(impossible_date, first_date, last_date)
    tests = tests_of_shop(test_accounts)
    all_rules = {
        "orders_raw": _order_rules(date_rule, tests),
        "products_raw": _product_rules(),
        "customers_raw": _customer_rules(tests),
        "events_raw": _event_rules(date_rule, tests),
        "reviews_raw": _review_rules(date_rule, tests),
        "exposures_raw": _exposure_rules(date_rule, tests),
        "rates_raw": _rate_rules(),
    }
    chosen = _switch(all_rules, list(rules_on), list(rules_off))
    return _with_currencies(chosen, rates)


def _switch(
    all_rules: dict[str, tuple[Rule, ...]], rules_on: list[str], rules_off: list[str]
) -> dict[str, tuple[Rule, ...]]:
    """Keep the rules that are on, by default or by name."""
    by_name = {f"{table}.{rule.name}": rule for table, rules in all_rules.items() for rule in rules}
    for name in (*rules_on, *rules_off):
        _check_name(name, by_name)
    for name in rules_off:
        if name in rules_on:
            raise ParameterError(
                f"Expected {name} in rules_on or in rules_off, found it in both; "
                "take it out of one."
            )
        if by_name[name].is_needed:
            raise ParameterError(
                f"Expected in rules_off a rule that later stages can do without, found {name}; "
                "take it out: rows that break it cannot be used."
            )
    on = {name for name, rule in by_name.items() if rule.is_on} | set(rules_on)
    return {
        table: tuple(rule for rule in rules if f"{table}.{rule.name}" in on - set(rules_off))
        for table, rules in all_rules.items()
    }


def _check_name(name: str, known: Iterable[str]) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    told = f"the nearest is {near[0]!r}" if near else "a name is such as 'orders_raw.free_line'"
    raise ParameterError(
        f"Expected in rules_on and rules_off names of rules, found {name!r} ({told}); correct it."
    )


def _with_currencies(
    rules: dict[str, tuple[Rule, ...]], rates: Table | None
) -> dict[str, tuple[Rule, ...]]:
    """Add to the rules of orders the one that rests on the rates which can be trusted."""
    first_dates = {}
    if rates is not None:
        judged = judge(rates, rules["rates_raw"])
        first_dates = first_rate_dates(judged.filter(judged["rule"].isnull()))
    unknown = Rule(
        "unknown_currency",
        "unknown",
        "for the currency there is no rate on or before the day of the order",
        "give the rate of every currency from its first order on",
        lambda t: _is_unknown_currency(t, first_dates),
        is_needed=True,
    )
    orders = list(rules["orders_raw"])
    after_dates = [rule.name for rule in orders].index("impossible_date") + 1
    return rules | {"orders_raw": (*orders[:after_dates], unknown, *orders[after_dates:])}


def _is_unknown_currency(orders: Table, first_dates: dict[str, str]) -> BooleanValue:
    code = currency_code(orders)
    known = [
        (code == currency) & (orders["ordered_at"] >= ibis.timestamp(first, timezone="UTC"))
        for currency, first in first_dates.items()
    ]
    return code.notnull() & ~any_of([ibis.literal(False), *known]).fill_null(False)


def _order_rules(date_rule: Callable[..., Rule], tests: Rule) -> tuple[Rule, ...]:
    return (
        RAGGED_ROW,
        tests,
        missing_id("order_id", "customer_id", "product_id"),
        UNREADABLE_TEXT,
        UNREADABLE_VALUE,
        unreadable_number(required=("quantity", "line_value"), others=_AMOUNTS[1:]),
        date_rule("ordered_at"),
        needed(
            "zero_quantity",
            "empty",
            "no piece was bought (a coupon or a correction, not goods)",
            "book coupons and corrections apart from goods",
            lambda t: as_number(t["quantity"]) == 0,
        ),
        needed(
            "negative_value",
            "impossible",
            "an amount of money is below zero, though pieces were bought",
            "book money that is given back as a return, with pieces below zero",
            lambda t: (as_number(t["quantity"]) >= 0) & any_of([t[name] < 0 for name in _AMOUNTS]),
        ),
        Rule(
            "free_line",
            "empty",
            "nothing was paid for the goods",
            "mark gifts and samples as such",
            lambda t: (as_number(t["line_value"]) == 0) & (as_number(t["quantity"]) > 0),
            is_on=False,
        ),
        repeated_key("order_id", "line_id", filled="line_id"),
        repeated_row(
            *("order_id", "product_id", "customer_id", "store_id", "ordered_at", "quantity"),
            *(*_AMOUNTS, "line_id", "currency", "refund_of"),
            is_on=False,  # the same article scanned twice looks just like this
        ),
    )


def _product_rules() -> tuple[Rule, ...]:
    return (
        RAGGED_ROW,
        missing_id("product_id"),
        UNREADABLE_TEXT,
        UNREADABLE_VALUE,
        unreadable_number(required=(), others=("list_value", "unit_cost")),
        Rule(
            "negative_value",
            "impossible",
            "the price or the cost is below zero",
            "correct the price or the cost",
            lambda t: (
                (as_number(t["list_value"]) < 0).fill_null(False)
                | (as_number(t["unit_cost"]) < 0).fill_null(False)
            ),
        ),
        repeated_key("product_id", is_needed=True),
    )


def _customer_rules(tests: Rule) -> tuple[Rule, ...]:
    return (
        RAGGED_ROW,
        tests,
        missing_id("customer_id"),
        UNREADABLE_TEXT,
        UNREADABLE_VALUE,
        repeated_key("customer_id", is_needed=True),
    )


def _event_rules(date_rule: Callable[..., Rule], tests: Rule) -> tuple[Rule, ...]:
    return (
        RAGGED_ROW,
        tests,
        missing_id("customer_id"),
        UNREADABLE_TEXT,
        UNREADABLE_VALUE,
        needed(
            "unknown_event_type",
            "unknown",
            f"the event is none of {', '.join(EVENT_TYPES)}",
            "map the shop's own event names in the source file",
            lambda t: ~as_text(t["event_type"]).lower().isin(EVENT_TYPES).fill_null(False),
        ),
        date_rule("event_at"),
    )


def _review_rules(date_rule: Callable[..., Rule], tests: Rule) -> tuple[Rule, ...]:
    return (
        RAGGED_ROW,
        tests,
        missing_id("customer_id"),
        UNREADABLE_TEXT,
        UNREADABLE_VALUE,
        missing("missing_text", "review_text"),
        unreadable_number(required=(), others=("rating",)),
        date_rule("reviewed_at"),
        repeated_row("customer_id", "reviewed_at", "product_id", "rating", "review_text"),
    )


def _exposure_rules(date_rule: Callable[..., Rule], tests: Rule) -> tuple[Rule, ...]:
    return (
        RAGGED_ROW,
        tests,
        missing_id("customer_id", "campaign_id"),
        UNREADABLE_TEXT,
        UNREADABLE_VALUE,
        missing("missing_action", "action"),
        date_rule("exposed_at"),
        date_rule("ended_at", is_required=False),
        needed(
            "ended_before_start",
            "impossible",
            "the contact ended before it began",
            "correct the days of the campaign",
            lambda t: end_of_last_day(t["ended_at"]) < t["exposed_at"],
        ),
        needed(
            "impossible_probability",
            "impossible",
            "drawn at random, but with a probability outside (0, 1]",
            "log the probability with which each contact was drawn",
            lambda t: (
                t["is_randomised"].fill_null(False)
                & ~((as_number(t["pscore"]) > 0) & (as_number(t["pscore"]) <= 1)).fill_null(False)
            ),
        ),
        repeated_key("campaign_id", "customer_id", is_needed=True),
    )


def _rate_rules() -> tuple[Rule, ...]:
    return (
        RAGGED_ROW,
        missing_id("currency", "rate_date"),
        UNREADABLE_TEXT,
        UNREADABLE_VALUE,
        unreadable_number(required=("rate",), others=()),
        needed(
            "impossible_rate",
            "impossible",
            "a rate is not above zero",
            "correct the rate",
            lambda t: as_number(t["rate"]) <= 0,
        ),
        repeated_key("currency", "rate_date", is_needed=True),
    )
