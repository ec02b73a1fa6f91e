"""Which looks of products customers spend on: the tags of pictures join the interests."""

from ibis.expr.types import Table

from src.data.window import days_after, within
from src.features.interests import OBSERVATION_DAYS
from src.features.windows import days_before, value_of

__all__ = ["build_picture_interests"]


def build_picture_interests(
    orders: Table, picture_tags: Table, as_of_date: str, observation_days: int = OBSERVATION_DAYS
) -> Table:
    """Split customers' spend by what the pictures of the products show.

    Pictures have no date: as products and departments, they are taken as they are now.

    Parameters
    ----------
    orders : ibis.Table
        As in its contract.
    picture_tags : ibis.Table
        One row per `product_id` and `picture_tag`, from `build_picture_tags`.
    as_of_date : str
        ISO date; lines after it are not seen.
    observation_days : int, default 730
        Days looked back, the as-of day included, as for interests in departments.

    Returns
    -------
    ibis.Table
        One row per customer and tag of a product bought: `spend_value`; `spend_share` of the
        customer's spend on products whose pictures have tags (0 if everything was free);
        `last_days` since the last purchase. A product counts in full for each of its tags, so
        the shares of a customer may add up to more than 1.
    """
    lines = within(orders, "ordered_at", days_after(as_of_date, -observation_days), as_of_date)
    bought = lines.group_by("customer_id", "product_id").agg(
        spend_minor=lines.line_value_minor.sum(), last_at=lines.ordered_at.max()
    )
    bought = bought.semi_join(picture_tags, "product_id")
    totals = bought.group_by("customer_id").agg(total_minor=bought.spend_minor.sum())
    tagged = bought.join(picture_tags.select("product_id", "picture_tag"), "product_id")
    spend = tagged.group_by("customer_id", "picture_tag").agg(
        spend_minor=tagged.spend_minor.sum(),
        last_days=days_before(tagged.last_at.max(), as_of_date),
    )
    spend = spend.join(totals, "customer_id")
    return spend.select(
        "customer_id",
        "picture_tag",
        spend_value=value_of(spend.spend_minor),
        spend_share=(spend.spend_minor / spend.total_minor.nullif(0)).fill_null(0.0),
        last_days="last_days",
    )
