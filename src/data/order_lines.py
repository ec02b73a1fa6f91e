"""Order lines read from trusted raw rows: whole pieces, cents of the shop's currency, numbered."""

import ibis
from ibis.expr.types import Table

from src.data.currency import currency_code, to_shop_currency
from src.data.values import as_cents, as_id, as_number

__all__ = ["number_lines", "read_order_lines"]

_CONTENT = ("product_id", "ordered_at", "quantity", "line_value_minor", "discount_minor")
_MORE_CONTENT = ("coupon_minor", "customer_id")


def read_order_lines(trusted: Table, rates: Table) -> Table:
    """Read ids, pieces and amounts of all trusted rows, returned ones among them.

    Parameters
    ----------
    trusted : ibis.Table
        Trusted rows of `orders_raw`.
    rates : ibis.Table
        Trusted rows of `rates_raw`.

    Returns
    -------
    ibis.Table
        One row per raw row: the columns of `orders` that a single row can tell, and
        `source_row`, `line_id`, `refund_of`, `currency` (missing: the shop's), `own_minor` (the
        value in cents of that currency) and `is_return`. A returned row tells pieces and
        amounts without their sign. Goods sold by weight count as one piece per begun unit.
    """
    coded = trusted.mutate(currency=currency_code(trusted))
    rows = to_shop_currency(coded, rates)
    pieces = as_number(rows["quantity"])
    is_return = pieces < 0
    cents = {
        f"{name}_minor": as_cents(_unsigned(rows, name, is_return) * rows["shop_rate"])
        for name in ("line_value", "discount", "coupon")
    }
    return rows.select(
        "source_row",
        order_id=as_id(rows["order_id"]),
        line_id=as_id(rows["line_id"]),
        customer_id=rows["customer_id"],
        product_id=as_id(rows["product_id"]),
        store_id=as_id(rows["store_id"]),
        ordered_at=rows["ordered_at"],
        quantity=pieces.abs().ceil().cast("int64"),
        **cents,
        currency=rows["currency"],
        own_minor=as_cents(_unsigned(rows, "line_value", is_return)),
        refund_of=as_id(rows["refund_of"]),
        is_return=is_return,
    )


def number_lines(lines: Table) -> Table:
    """Add `line_number` within the order: by the shop's line number, else by content.

    The number does not depend on the order in which rows arrive: two rows that only `source_row`
    tells apart are equal in every column of `orders`.
    """
    by_shop = [lines["line_id"].length().asc(), lines["line_id"].asc()]  # so that 9 is before 10
    by_content = [lines[name] for name in (*_CONTENT, *_MORE_CONTENT)]
    in_order = ibis.window(
        group_by=lines["order_id"],
        order_by=[*by_shop, *by_content, lines["store_id"], lines["source_row"]],
    )
    return lines.mutate(line_number=(ibis.row_number().over(in_order) + 1).cast("int64"))


def _unsigned(rows: Table, name: str, is_return: ibis.expr.types.BooleanValue) -> ibis.Value:
    amount = as_number(rows[name])
    return ibis.ifelse(is_return, amount.abs(), amount)
