"""How customers pay: discounts, coupons and the shop's own brand."""

from ibis.expr.types import Table

from src.data.window import known_by

__all__ = ["PRIVATE_BRAND", "build_prices"]

PRIVATE_BRAND = "Private"


def build_prices(orders: Table, products: Table, as_of_date: str) -> Table:
    r"""Measure how much of customers' shopping is discounted or of the shop's own brand.

    .. math:: \text{discount\_share} = \frac{\sum (d + c)}{\sum (v + d)}

    with line value :math:`v`, the shop's own discount :math:`d` and coupon :math:`c`. The
    undiscounted price is :math:`v + d`: a coupon is paid for by somebody else, so :math:`v`
    contains it already, while the customer saves :math:`d + c`. Capped at 1, for a coupon
    booked above its line; empty if everything was free.

    Parameters
    ----------
    orders, products : ibis.Table
        As in their contracts.
    as_of_date : str
        ISO date; lines after it are not seen.

    Returns
    -------
    ibis.Table
        One row per customer: `discount_share`, `discounted_lines_share` (of order lines),
        `private_brand_share` (of the spend on products whose brand is known; else empty).
    """
    lines = known_by(orders, "ordered_at", as_of_date)
    brands = products.select("product_id", "brand")
    lines = lines.left_join(brands, "product_id")
    value, discount = lines.line_value_minor, lines.discount_minor
    saved, undiscounted = discount + lines.coupon_minor, value + discount
    share = saved.sum() / undiscounted.sum().nullif(0)
    private = value.sum(where=lines.brand == PRIVATE_BRAND).fill_null(0)
    return lines.group_by("customer_id").agg(
        discount_share=(share > 1).ifelse(1.0, share),
        discounted_lines_share=lines.count(where=lines.is_discounted) / lines.count(),
        private_brand_share=private / value.sum(where=lines.brand.notnull()).nullif(0),
    )
