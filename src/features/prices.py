r"""How customers pay: discounts, coupons and the shop's own brand.

.. math:: \text{discount\_share} = \frac{\sum (d + c)}{\sum (v + d)}

with line value :math:`v`, the shop's own discount :math:`d` and coupon :math:`c`. The
undiscounted price is :math:`v + d`: a coupon is paid for by somebody else, so :math:`v` contains
it already, while the customer saves :math:`d + c`. Capped at 1, for a coupon booked above its
line; empty if everything was free.
"""

import functools

from ibis.expr.types import FloatingValue, Table

from src.data.columns import share, value
from src.data.window import known_by
from src.features.catalogue import Feature
from src.features.relations import Relation, Setting
from src.features.windows import WINDOW_DAYS, days_before, value_of

__all__ = ["FEATURES", "PRIVATE_BRAND", "RELATIONS", "build_lines"]

PRIVATE_BRAND = "Private"


def build_lines(orders: Table, products: Table, as_of_date: str) -> Table:
    """Give order lines, as known on one date, the brand of their product.

    Parameters
    ----------
    orders, products : ibis.Table
        As in their contracts.
    as_of_date : str
        ISO date; lines after it are not seen.

    Returns
    -------
    ibis.Table
        The columns of `orders`, with `brand` (empty where unknown) and `days_ago`.
    """
    lines = known_by(orders, "ordered_at", as_of_date)
    lines = lines.left_join(products.select("product_id", "brand"), "product_id")
    return lines.mutate(days_ago=days_before(lines.ordered_at, as_of_date))


def _lines(orders: Table, products: Table, setting: Setting) -> Table:
    return build_lines(orders, products, setting.as_of_date)


def _discount_share(lines: Table, days: int | None = None) -> FloatingValue:
    where = None if days is None else lines.days_ago < days
    saved = (lines.discount_minor + lines.coupon_minor).sum(where=where)
    undiscounted = (lines.line_value_minor + lines.discount_minor).sum(where=where)
    found = saved / undiscounted.nullif(0)
    return (found > 1).ifelse(1.0, found)


def _private_share(lines: Table) -> FloatingValue:
    minor = lines.line_value_minor
    private = minor.sum(where=lines.brand == PRIVATE_BRAND).fill_null(0)
    return private / minor.sum(where=lines.brand.notnull()).nullif(0)


RELATIONS = (
    Relation(
        "lines", "one row per order line", ("orders", "products"), _lines, is_complete=True
    ),
)  # fmt: skip

_prices = functools.partial(Feature.of, relation="lines")

FEATURES = (
    _prices(
        share("discount_share", "Discount and coupons over the undiscounted price.", True),
        family="discounts",
        build=_discount_share,
    ),
    _prices(
        share("discounted_lines_share", "Order lines bought at a discount."),
        family="discounts",
        build=lambda lines: lines.count(where=lines.is_discounted) / lines.count(),
    ),
    *(
        _prices(
            share(
                f"discount_share_{days}",
                f"Discount and coupons of the last {days} days over the undiscounted price.",
                True,
            ),
            family="discounts",
            build=functools.partial(_discount_share, days=days),
            window_days=days,
        )
        for days in WINDOW_DAYS
    ),
    _prices(
        share("private_brand_share", "Spend on private brand.", True),
        family="brands",
        build=_private_share,
    ),
    _prices(
        share("coupon_lines_share", "Order lines with a coupon."),
        family="coupons",
        build=lambda lines: lines.count(where=lines.coupon_minor > 0) / lines.count(),
    ),
    _prices(
        value("coupons_365_value", "Worth of the coupons used in the last 365 days."),
        family="coupons",
        build=lambda lines: value_of(lines.coupon_minor.sum(where=lines.days_ago < 365)),
        window_days=365,
        fill=0,
    ),
)
