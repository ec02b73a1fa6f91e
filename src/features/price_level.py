r"""Whether customers buy the dear or the cheap things of the categories they buy.

.. math:: \text{price\_level}_i = \frac{\sum_c v_{ic}}{\sum_c q_{ic} \, V_c / Q_c}

with the spend :math:`v_{ic}` and the pieces :math:`q_{ic}` of customer :math:`i` in category
:math:`c`, and those of all customers, :math:`V_c` and :math:`Q_c`, in the observation window. What
was spent, over what the same pieces cost at the category's mean price: 1 is the mean of the shop,
1.2 a fifth dearer. What a customer buys much of weighs much. Lines without a category and lines
flagged as outliers are left out. Each product of pieces and mean price is rounded to a thousandth
of a cent and added as an integer, so that the result does not depend on the order of adding.
"""

from ibis.expr.types import Table

from src.data.columns import real
from src.data.window import days_after, within
from src.features.catalogue import Feature
from src.features.relations import Relation, Setting

__all__ = ["FEATURES", "RELATIONS", "build_category_baskets", "build_category_prices"]

_MILLI = 1000


def build_category_prices(
    orders: Table, products: Table, as_of_date: str, observation_days: int
) -> Table:
    """Add up what all customers bought in each category.

    Parameters
    ----------
    orders, products : ibis.Table
        As in their contracts, of all customers.
    as_of_date : str
        ISO date; lines after it are not seen.
    observation_days : int
        Days looked back, the as-of day included.

    Returns
    -------
    ibis.Table
        One row per `category`: `mean_minor`, the mean price of a piece in cents.
    """
    lines = _lines_of(orders, products, as_of_date, observation_days)
    return lines.group_by("category").agg(
        mean_minor=lines.line_value_minor.sum() / lines.quantity.sum()
    )


def build_category_baskets(
    orders: Table, products: Table, prices: Table, as_of_date: str, observation_days: int
) -> Table:
    """Add up what each customer bought in each category, and what it costs on average.

    Parameters
    ----------
    orders, products, as_of_date, observation_days
        As for `build_category_prices`; `orders` may be those of some customers only.
    prices : ibis.Table
        From `build_category_prices`.

    Returns
    -------
    ibis.Table
        One row per customer and category: `value_minor`, and `expected_milli`, thousandths of
        a cent that the pieces cost at the category's mean price.
    """
    lines = _lines_of(orders, products, as_of_date, observation_days)
    sums = lines.group_by("customer_id", "category").agg(
        value_minor=lines.line_value_minor.sum(), n_pieces=lines.quantity.sum()
    )
    priced = sums.join(prices, "category")
    expected = (priced.n_pieces * priced.mean_minor * _MILLI).round().cast("int64")
    return priced.select("customer_id", "category", "value_minor", expected_milli=expected)


def _lines_of(orders: Table, products: Table, as_of_date: str, observation_days: int) -> Table:
    lines = within(orders, "ordered_at", days_after(as_of_date, -observation_days), as_of_date)
    lines = lines.filter(~lines.is_outlier)
    lines = lines.join(products.select("product_id", "category"), "product_id")
    return lines.filter(lines.category.notnull())


def _prices(orders: Table, products: Table, setting: Setting) -> Table:
    return build_category_prices(orders, products, setting.as_of_date, setting.observation_days)


def _baskets(orders: Table, products: Table, prices: Table, setting: Setting) -> Table:
    dates = (setting.as_of_date, setting.observation_days)
    return build_category_baskets(orders, products, prices, *dates)


RELATIONS = (
    Relation(
        "category_prices",
        "one row per category, over all customers",
        ("orders", "products"),
        _prices,
        is_shop_wide=True,
        is_observed=True,
    ),
    Relation(
        "category_baskets",
        "one row per customer and category bought from in the observation window",
        ("orders", "products", "category_prices"),
        _baskets,
        is_observed=True,
    ),
)

FEATURES = (
    Feature.of(
        real(
            "price_level",
            "Spend over what the same pieces cost at the mean price of their category; 1 is the "
            "mean of the shop.",
            "ratio",
            True,
        ),
        family="price_level",
        relation="category_baskets",
        build=lambda baskets: (
            baskets.value_minor.sum() * _MILLI / baskets.expected_milli.sum().nullif(0)
        ),
    ),
)
