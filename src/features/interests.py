"""Which departments, categories and brands customers buy, and how broadly."""

import functools

import ibis
from ibis.expr.types import BooleanValue, FloatingValue, Table

from src.data.columns import count, real, share, text
from src.data.window import days_after, within
from src.features.catalogue import Feature
from src.features.relations import OBSERVATION_DAYS, Relation, Setting
from src.features.windows import days_before, value_of

__all__ = [
    "FEATURES",
    "OBSERVATION_DAYS",
    "RELATIONS",
    "build_interests",
    "rank_interests",
    "with_tops",
]

_NANO = 1_000_000_000


def build_interests(
    orders: Table,
    products: Table,
    as_of_date: str,
    observation_days: int = OBSERVATION_DAYS,
    by: str = "department",
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
    by : str, default "department"
        Column of `products` to split by.

    Returns
    -------
    ibis.Table
        One row per customer and department bought from: `spend_value`, `spend_share` of the
        customer's spend in known departments (0 if everything was free), `last_days` since
        the last purchase there. Products without a department are left out.
    """
    lines = within(orders, "ordered_at", days_after(as_of_date, -observation_days), as_of_date)
    lines = lines.join(products.select("product_id", by), "product_id")
    lines = lines.filter(lines[by].notnull())
    spend = lines.group_by("customer_id", by).agg(
        spend_minor=lines.line_value_minor.sum(),
        last_days=days_before(lines.ordered_at.max(), as_of_date),
    )
    totals = spend.group_by("customer_id").agg(total_minor=spend.spend_minor.sum())
    spend = spend.join(totals, "customer_id")
    return spend.select(
        "customer_id",
        by,
        spend_value=value_of(spend.spend_minor),
        spend_share=(spend.spend_minor / spend.total_minor.nullif(0)).fill_null(0.0),
        last_days="last_days",
    )


def with_tops(interests: Table) -> Table:
    """Add to interests `top_share`, the largest `spend_share` of the customer."""
    tops = interests.group_by("customer_id").agg(top_share=interests.spend_share.max())
    return interests.join(tops, "customer_id")  # a window would sort: four times as slow


def rank_interests(interests: Table, by: str = "department") -> Table:
    """Add to interests their `place` within the customer, from 0: by spend, then by name."""
    order = [interests.spend_share.desc(), interests[by]]
    place = ibis.row_number().over(group_by=interests.customer_id, order_by=order)
    return interests.mutate(place=place)


def _interests(orders: Table, products: Table, setting: Setting, by: str) -> Table:
    return build_interests(orders, products, setting.as_of_date, setting.observation_days, by)


def _shares(interests: Table, setting: Setting) -> Table:
    return with_tops(interests)


def _ranks(interests: Table, setting: Setting) -> Table:
    return rank_interests(interests)


def _is_top(shares: Table) -> BooleanValue:
    return (shares.spend_share == shares.top_share) & (shares.spend_share > 0)


def _entropy(shares: Table) -> FloatingValue:
    r"""Breadth :math:`-\sum_d p_d \ln p_d`: 0 for one department, :math:`\ln n` for n equal ones.

    Each term is rounded to a billionth and added as an integer, so that the result does not
    depend on the order of adding.
    """
    p = shares.spend_share
    term = (-p * p.nullif(0).ln() * _NANO).round().cast("int64")
    return term.sum(where=p > 0) / _NANO


def _is_second(ranks: Table) -> BooleanValue:
    return (ranks.place == 1) & (ranks.spend_share > 0)


def _relations(by: str) -> tuple[Relation, ...]:
    spend = functools.partial(_interests, by=by)
    return (
        Relation(
            f"{by}_spend",
            f"one row per customer and {by} bought from in the observation window",
            ("orders", "products"),
            spend,
            is_observed=True,
        ),
        Relation(
            f"{by}_shares",
            f"one row per customer and {by}, with the customer's largest share",
            (f"{by}_spend",),
            _shares,
            is_observed=True,
        ),
    )


def _features(by: str, several: str, family: str) -> tuple[Feature, ...]:
    of = functools.partial(Feature.of, family=family, relation=f"{by}_shares")
    return (
        of(
            count(f"n_{several}", f"{several.capitalize()} bought from."),
            build=lambda shares: shares.count(),
            fill=0,
        ),
        of(
            text(f"top_{by}", f"{by.capitalize()} with most spend.", True),
            build=lambda shares: shares[by].min(where=_is_top(shares)),
        ),
        of(
            share(f"top_{by}_share", "Its share of spend.", True),
            build=lambda shares: shares.spend_share.max(where=_is_top(shares)),
        ),
        of(
            real(f"{by}_entropy", f"Breadth of spend over {several}.", "nats", True),
            build=_entropy,
        ),
    )


RELATIONS = (
    *_relations("department"),
    *_relations("category"),
    *_relations("brand"),
    Relation(
        "department_ranks",
        "one row per customer and department, with its place by spend",
        ("department_spend",),
        _ranks,
        is_observed=True,
    ),
)

FEATURES = (
    *_features("department", "departments", "interests"),
    Feature.of(
        text("second_department", "Department with most spend but one.", True),
        family="interests",
        relation="department_ranks",
        build=lambda ranks: ranks.department.min(where=_is_second(ranks)),
    ),
    Feature.of(
        share("second_department_share", "Its share of spend.", True),
        family="interests",
        relation="department_ranks",
        build=lambda ranks: ranks.spend_share.max(where=_is_second(ranks)),
    ),
    *_features("category", "categories", "interests"),
    *_features("brand", "brands", "brands"),
)
