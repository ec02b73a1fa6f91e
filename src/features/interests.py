"""Which departments customers buy from, and how broadly."""

from ibis.expr.types import Table

from src.data.window import days_after, within
from src.features.windows import days_before, value_of

__all__ = ["OBSERVATION_DAYS", "build_breadth", "build_interests"]

OBSERVATION_DAYS = 730
_NANO = 1_000_000_000


def build_interests(
    orders: Table, products: Table, as_of_date: str, observation_days: int = OBSERVATION_DAYS
) -> Table:
    """Split customers' spend over the departments of the shop.

    Parameters
    ----------
    orders, products : ibis.Table
        As in their contracts.
    as_of_date : str
        ISO date; lines after it are not seen.
    observation_days : int, default 730
        Days looked back, the as-of day included: interests older than that have faded.

    Returns
    -------
    ibis.Table
        One row per customer and department bought from: `spend_value`, `spend_share` of the
        customer's spend in known departments (0 if everything was free), `last_days` since
        the last purchase there. Products without a department are left out.
    """
    lines = within(orders, "ordered_at", days_after(as_of_date, -observation_days), as_of_date)
    lines = lines.join(products.select("product_id", "department"), "product_id")
    lines = lines.filter(lines.department.notnull())
    spend = lines.group_by("customer_id", "department").agg(
        spend_minor=lines.line_value_minor.sum(),
        last_days=days_before(lines.ordered_at.max(), as_of_date),
    )
    totals = spend.group_by("customer_id").agg(total_minor=spend.spend_minor.sum())
    spend = spend.join(totals, "customer_id")
    return spend.select(
        "customer_id",
        "department",
        spend_value=value_of(spend.spend_minor),
        spend_share=(spend.spend_minor / spend.total_minor.nullif(0)).fill_null(0.0),
        last_days="last_days",
    )


def build_breadth(interests: Table) -> Table:
    r"""Summarise each customer's interests.

    The entropy :math:`-\sum_d p_d \ln p_d` of the shares of spend is 0 for one department and
    :math:`\ln n` for `n` equal ones. Each term is rounded to a billionth and added as an
    integer, so that the result does not depend on the order of adding.

    Parameters
    ----------
    interests : ibis.Table
        From `build_interests`.

    Returns
    -------
    ibis.Table
        One row per customer: `n_departments`; `top_department` by spend, of equals the first
        by name; `top_department_share`; `department_entropy` in nats. The last three are
        empty where nothing was spent.
    """
    tops = interests.group_by("customer_id").agg(top_share=interests.spend_share.max())
    ranked = interests.join(tops, "customer_id")  # a window would sort: four times as slow
    share = ranked.spend_share
    is_top = (share == ranked.top_share) & (share > 0)
    term = (share > 0).ifelse((-share * share.nullif(0).ln() * _NANO).round().cast("int64"), 0)
    summary = ranked.group_by("customer_id").agg(
        n_departments=ranked.count(),
        top_department=ranked.department.min(where=is_top),
        top_department_share=share.max(where=is_top),
        entropy=term.sum() / _NANO,
    )
    spent = summary.top_department.notnull()
    return summary.mutate(department_entropy=spent.ifelse(summary.entropy, None)).drop("entropy")
