"""What customers' purchases leave the shop, where it says what a piece costs it."""

import functools

from ibis.expr.types import FloatingValue, Table

from src.data.columns import real, value
from src.data.window import known_by
from src.features.catalogue import Feature
from src.features.relations import Relation, Setting
from src.features.windows import WINDOW_DAYS, days_before, value_of

__all__ = ["FEATURES", "RELATIONS", "build_costed_lines"]


def build_costed_lines(orders: Table, products: Table, as_of_date: str) -> Table:
    """Put order lines, as known on one date, beside what they cost the shop.

    Parameters
    ----------
    orders, products : ibis.Table
        As in their contracts.
    as_of_date : str
        ISO date; lines after it are not seen.

    Returns
    -------
    ibis.Table
        One row per order line of a product whose cost is known: `customer_id`, `days_ago`,
        `value_minor` and `margin_minor`: what the shop received, less pieces times the cost of
        one, in cents.
    """
    costs = products.filter(products.unit_cost_value.notnull())
    lines = known_by(orders, "ordered_at", as_of_date)
    lines = lines.join(costs.select("product_id", "unit_cost_value"), "product_id")
    cost = (lines.unit_cost_value * lines.quantity * 100).round().cast("int64")
    return lines.select(
        "customer_id",
        days_ago=days_before(lines.ordered_at, as_of_date),
        value_minor=lines.line_value_minor,
        margin_minor=lines.line_value_minor - cost,
    )


def _costed_lines(orders: Table, products: Table, setting: Setting) -> Table:
    return build_costed_lines(orders, products, setting.as_of_date)


def _margin(lines: Table, days: int) -> FloatingValue:
    return value_of(lines.margin_minor.sum(where=lines.days_ago < days).fill_null(0))


def _margin_ratio(lines: Table) -> FloatingValue:
    return lines.margin_minor.sum() / lines.value_minor.sum().nullif(0)


RELATIONS = (
    Relation(
        "costed_lines",
        "one row per order line of a product whose cost is known",
        ("orders", "products"),
        _costed_lines,
    ),
)

_margins = functools.partial(Feature.of, family="margin", relation="costed_lines")

FEATURES = (
    *(
        _margins(
            value(
                f"margin_{days}_value",
                f"Spend of the last {days} days minus cost, of products whose cost is known; "
                "empty if none ever bought is.",
                True,
            ),
            build=functools.partial(_margin, days=days),
            window_days=days,
        )
        for days in WINDOW_DAYS
    ),
    _margins(
        real("margin_ratio", "Margin over the spend on the same products.", "ratio", True),
        build=_margin_ratio,
    ),
)
