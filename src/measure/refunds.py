"""What came back: orders as they were kept, and the money that returns cost beyond that."""

from ibis.expr.types import IntegerValue, Table
import pandas as pd

from src.data.window import within

__all__ = ["kept_orders", "refund_totals"]


def kept_orders(orders: Table, refunds: Table) -> Table:
    """Take from every order line the pieces that were brought back, whenever that was.

    Parameters
    ----------
    orders : ibis.Table
        One row per order line, as in its contract.
    refunds : ibis.Table
        One row per returned line, as in its contract; those that found no order line are left
        out, for nobody can say whether the campaign sold what they return.

    Returns
    -------
    ibis.Table
        The same rows and columns, `line_value_minor` less the share of pieces returned, to the
        cent. An order that came back whole stays an order worth nothing.
    """
    returned = _returned_pieces(refunds)
    on = [
        orders["order_id"] == returned["returned_order"],
        orders["line_number"] == returned["returned_line"],
    ]
    joined = orders.left_join(returned, on)
    back = _returned_minor(joined)
    return joined.mutate(line_value_minor=joined["line_value_minor"] - back).select(*orders.columns)


def refund_totals(
    orders: Table, refunds: Table, customer_ids: pd.Series, after_date: str, last_date: str
) -> pd.DataFrame:
    """Add up what came back of a window's orders, by customer, whenever it came back.

    Returns
    -------
    DataFrame
        One row per customer, in the order given, integer cents: `n_refunds` (returned lines),
        `refund_minor` (money paid back) and `returned_minor` (what the pieces had been sold
        for). The two differ by fees that were kept, and by exchange rates that moved.
    """
    lines = within(orders, "ordered_at", after_date, last_date)
    returned = _returned_pieces(refunds)
    on = [
        lines["order_id"] == returned["returned_order"],
        lines["line_number"] == returned["returned_line"],
    ]
    joined = lines.inner_join(returned, on)
    totals = joined.mutate(returned_minor=_returned_minor(joined)).group_by("customer_id")
    sums = totals.agg(
        n_refunds=lambda t: t["n_returns"].sum().cast("int64"),
        refund_minor=lambda t: t["paid_back_minor"].sum().cast("int64"),
        returned_minor=lambda t: t["returned_minor"].sum().cast("int64"),
    )
    found = sums.to_pandas().set_index("customer_id").reindex(customer_ids.to_numpy())
    return found.fillna(0).astype("int64").reset_index(drop=True)


def _returned_pieces(refunds: Table) -> Table:
    matched = refunds.filter(refunds["order_id"].notnull() & refunds["order_line_number"].notnull())
    return matched.group_by(
        returned_order=matched["order_id"], returned_line=matched["order_line_number"]
    ).agg(
        n_returns=matched.count(),
        returned_quantity=matched["quantity"].sum(),
        paid_back_minor=matched["refund_minor"].sum(),
    )


def _returned_minor(joined: Table) -> IntegerValue:
    """Cents that the returned pieces of a line had been sold for."""
    share = (joined["returned_quantity"] / joined["quantity"]).clip(upper=1.0)
    return (joined["line_value_minor"] * share).round().cast("int64").fill_null(0)
