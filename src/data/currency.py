"""Amounts in another currency as amounts in the shop's, by the rate of their day."""

import ibis
from ibis.expr.types import StringValue, Table

from src.data.values import as_number, as_text

__all__ = ["currency_code", "first_rate_dates", "to_shop_currency"]


def currency_code(table: Table) -> StringValue:
    """ISO code in capitals; missing where the amounts are in the shop's own currency."""
    return as_text(table["currency"]).upper()


def first_rate_dates(rates: Table) -> dict[str, str]:
    """Tell from which ISO date on each currency has a rate.

    Parameters
    ----------
    rates : ibis.Table
        Trusted rows of `rates_raw`.
    """
    days = _read_rates(rates)
    first = days.group_by("currency").agg(day=lambda t: t["day"].min()).to_pandas()
    return {row.currency: row.day.strftime("%Y-%m-%d") for row in first.itertuples()}


def to_shop_currency(orders: Table, rates: Table) -> Table:
    """Add the rate of each order line: the last on or before its day in UTC.

    Parameters
    ----------
    orders : ibis.Table
        Order lines with `currency` (a code in capitals, or missing) and `ordered_at`.
    rates : ibis.Table
        Trusted rows of `rates_raw`.

    Returns
    -------
    ibis.Table
        The same rows with one more column, `shop_rate`: shop currency for one unit of the
        line's; 1 where the line is in the shop's own currency.
    """
    dated = orders.mutate(day=orders["ordered_at"].date())
    if int(orders.filter(orders["currency"].notnull()).count().execute()) == 0:
        return orders.mutate(shop_rate=ibis.literal(1.0))
    of_day = _rates_of_days(dated, _read_rates(rates))
    joined = dated.left_join(
        of_day, (dated["currency"] == of_day["code"]) & (dated["day"] == of_day["on_day"])
    )
    is_foreign = joined["currency"].notnull()
    return joined.mutate(shop_rate=ibis.ifelse(is_foreign, joined["rate"], 1.0)).select(
        *orders.columns, "shop_rate"
    )


def _read_rates(rates: Table) -> Table:
    return rates.select(
        currency=currency_code(rates),
        day=rates["rate_date"].date(),
        rate=as_number(rates["rate"]),
    )


def _rates_of_days(dated: Table, rates: Table) -> Table:
    """Give the rate of each currency on each day on which something was bought in it."""
    wanted = dated.filter(dated["currency"].notnull())
    wanted = wanted.select(code="currency", on_day="day").distinct()
    earlier = wanted.join(
        rates, (wanted["code"] == rates["currency"]) & (rates["day"] <= wanted["on_day"])
    )
    last = earlier.group_by("code", "on_day").agg(last_day=lambda t: t["day"].max())
    joined = last.join(
        rates, (last["code"] == rates["currency"]) & (last["last_day"] == rates["day"])
    )
    return joined.select("code", "on_day", "rate")
