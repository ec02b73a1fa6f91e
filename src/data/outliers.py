"""Quantities too large to be believed: flagged, or cut to a ceiling; never dropped."""

import difflib

import ibis
from ibis.expr.types import IntegerValue, Table

from src.errors import ParameterError

__all__ = ["check_outliers", "limit_orders", "limit_refunds"]

_WAYS = ("flag", "winsorise")


def check_outliers(outliers: str, quantity_ceiling: int) -> None:
    """Refuse a way or a ceiling that cannot be.

    Parameters
    ----------
    outliers : {"flag", "winsorise"}
        What is done with a quantity above the ceiling.
    quantity_ceiling : int, 1 or more
        Largest quantity that is believed, in pieces.

    Raises
    ------
    ParameterError
        If one of them is not so.
    """
    if outliers not in _WAYS:
        near = difflib.get_close_matches(outliers, _WAYS, n=1)
        told = f"; the nearest is {near[0]!r}" if near else ""
        raise ParameterError(
            f"Expected outliers to be 'flag' or 'winsorise', found {outliers!r}{told}; correct it."
        )
    if quantity_ceiling < 1:
        raise ParameterError(
            f"Expected a quantity_ceiling of 1 piece or more, found {quantity_ceiling}; correct it."
        )


def limit_orders(lines: Table, quantity_ceiling: int, outliers: str) -> Table:
    """Flag order lines above the ceiling; cut them to it where that is asked for.

    Parameters
    ----------
    lines : ibis.Table
        Order lines with `quantity` and amounts in cents.
    quantity_ceiling : int
        Largest quantity that is believed, in pieces.
    outliers : {"flag", "winsorise"}
        ``winsorise`` cuts a larger quantity to the ceiling and its amounts in proportion, so
        that the price of a piece stays what it was, to the cent of the line.

    Returns
    -------
    ibis.Table
        The same rows with `is_outlier`.
    """
    check_outliers(outliers, quantity_ceiling)
    flagged = lines.mutate(is_outlier=lines["quantity"] > quantity_ceiling)
    if outliers == "flag":
        return flagged
    names = ("line_value_minor", "discount_minor", "coupon_minor")
    return flagged.mutate(
        quantity=ibis.least(flagged["quantity"], quantity_ceiling),
        **{name: _scaled(flagged, name, flagged["quantity"], quantity_ceiling) for name in names},
    )


def limit_refunds(refunds: Table, lines: Table, quantity_ceiling: int, outliers: str) -> Table:
    """Cut refunds in the proportion in which the line they take back was cut.

    Parameters
    ----------
    refunds : ibis.Table
        The table `refunds`, matched to lines that are not cut yet.
    lines : ibis.Table
        These lines: `order_id`, `line_number`, `quantity`.
    quantity_ceiling, outliers
        As in :func:`limit_orders`.

    Returns
    -------
    ibis.Table
        The same rows. One without a line is cut as an order line would be. A part of a piece
        that is left over counts as one piece.
    """
    check_outliers(outliers, quantity_ceiling)
    if outliers == "flag":
        return refunds
    large = lines.filter(lines["quantity"] > quantity_ceiling).select(
        large_order="order_id", large_line="line_number", large_quantity="quantity"
    )
    joined = refunds.left_join(
        large,
        (refunds["order_id"] == large["large_order"])
        & (refunds["order_line_number"] == large["large_line"]),
    )
    own = ibis.ifelse(joined["match"] == "none", joined["quantity"], ibis.null("int64"))
    whole = ibis.greatest(
        ibis.coalesce(joined["large_quantity"], own, quantity_ceiling), quantity_ceiling
    )
    pieces = joined["quantity"].cast("float64") * quantity_ceiling / whole.cast("float64")
    return joined.mutate(
        quantity=pieces.ceil().cast("int64"),
        refund_minor=_scaled(joined, "refund_minor", whole, quantity_ceiling),
    ).select(*refunds.columns)


def _scaled(table: Table, name: str, whole: IntegerValue, ceiling: int) -> IntegerValue:
    """Cents that are left of an amount when `whole` pieces are cut to the ceiling."""
    cut = (table[name].cast("float64") * ceiling / whole.cast("float64")).round().cast("int64")
    return ibis.ifelse(whole > ceiling, cut, table[name])
