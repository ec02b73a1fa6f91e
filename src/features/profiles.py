"""The profile of every customer, as known on one date."""

from collections.abc import Mapping
import functools

import ibis
from ibis.expr.types import Table

from src.data.window import known_by
from src.features.catalogue import PEERS, PROFILE, Catalogue, Feature
from src.features.families import CORE
from src.features.measure import aggregate, measure
from src.features.relations import OBSERVATION_DAYS, Setting, build_relations
from src.features.rhythm import DEFAULT_LIFECYCLE, LifecycleRules, lifecycle

__all__ = [
    "build_profiles",
    "compare_customers",
    "describe_customers",
    "gather_tables",
    "with_lifecycle",
]

_BASE = "baskets"


def build_profiles(
    orders: Table,
    products: Table,
    customers: Table,
    events: Table,
    exposures: Table,
    as_of_date: str,
    observation_days: int = OBSERVATION_DAYS,
    lifecycle_rules: LifecycleRules = DEFAULT_LIFECYCLE,
    features: Catalogue = CORE,
    others: Mapping[str, Table] | None = None,
) -> Table:
    """Describe every customer with an order, by what was known on one date.

    Days and weeks are those of UTC. Every figure comes from integer sums, so neither the order
    of rows nor anything after the as-of date can change a byte of it. All features of one
    relation are aggregated in one pass.

    Parameters
    ----------
    orders, products, customers, events, exposures : ibis.Table
        As in their contracts, on one engine; the last three may be empty.
    as_of_date : str
        ISO date, the last day whose facts are used.
    observation_days : int, default 730
        Days looked back for interests and the price level.
    lifecycle_rules : LifecycleRules
        Limits of new, active, slipping and lapsed.
    features : Catalogue, default `CORE`
        What is computed; relations that it does not need are not built.
    others : mapping of str to ibis.Table, optional
        Further tables of `src.features.relations.INPUTS`: `refunds`, `reviews`,
        `review_scores`. One that is missing is empty.

    Returns
    -------
    ibis.Table
        One row per customer with at least one order by then, lazy: `customer_id`,
        `as_of_date`, and the features in the order of the catalogue.
    """
    tables = gather_tables(orders, products, customers, events, exposures, others)
    setting = Setting(as_of_date, observation_days)
    features = with_lifecycle(features, lifecycle_rules)
    parts = _aggregate_relations(tables, setting, features)
    described = _join_parts(parts, tables, setting, features)
    return compare_customers(described, features, parts.get(_BASE))


def gather_tables(
    orders: Table,
    products: Table,
    customers: Table,
    events: Table,
    exposures: Table,
    others: Mapping[str, Table] | None = None,
) -> dict[str, Table]:
    """Name the tables that relations may need."""
    return {
        "orders": orders,
        "products": products,
        "customers": customers,
        "events": events,
        "exposures": exposures,
    } | dict(others or {})


def with_lifecycle(features: Catalogue, rules: LifecycleRules) -> Catalogue:
    """Part the stages of life by these limits."""
    return features.with_build("lifecycle", functools.partial(lifecycle, rules=rules))


def describe_customers(tables: Mapping[str, Table], setting: Setting, features: Catalogue) -> Table:
    """Describe customers by what each did, without looking at any other.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        From `gather_tables`; orders and the like may be those of some customers only, if the
        relations that are shop-wide are among them.
    setting : Setting
        As-of date and days looked back.
    features : Catalogue
        What is computed.

    Returns
    -------
    ibis.Table
        One row per customer in `orders`: the columns of ``profiles`` without those that compare
        customers, and without what follows from these.
    """
    parts = _aggregate_relations(tables, setting, features)
    return _join_parts(parts, tables, setting, features)


def _aggregate_relations(
    tables: Mapping[str, Table], setting: Setting, features: Catalogue
) -> dict[str, Table]:
    """One table by customer for each relation that features come from."""
    built = build_relations(features.relations, tables, setting)
    by_relation: dict[str, list[Feature]] = {}
    for one in features.features:
        if not one.is_derived:
            by_relation.setdefault(one.relation, []).append(one)
    return {
        relation.name: aggregate(relation, built[relation.name], by_relation[relation.name])
        for relation in sorted(features.relations, key=lambda r: r.name != _BASE)
        if relation.name in by_relation
    }


def _join_parts(
    parts: Mapping[str, Table], tables: Mapping[str, Table], setting: Setting, features: Catalogue
) -> Table:
    """Join the parts to all customers with an order, fill, and add what follows."""
    base = parts[_BASE] if _BASE in parts else _buyers(tables["orders"], setting)
    described = _join_all(base, [part for name, part in parts.items() if name != _BASE])
    fills = {
        one.name: described[one.name].fill_null(one.fill)
        for one in features.features
        if one.fill is not None and not one.is_derived
    }
    described = described.mutate(as_of_date=ibis.date(setting.as_of_date), **fills)
    peers = _after_peers(features)
    for part in features.generations:
        own = [one for one in part if one.name not in peers]
        described = described.mutate(**_measure_all(own, described)) if own else described
    return described


def _buyers(orders: Table, setting: Setting) -> Table:
    known = known_by(orders, "ordered_at", setting.as_of_date)
    return known.select("customer_id").distinct()


def _join_all(base: Table, parts: list[Table]) -> Table:
    """Join all at once: joined one by one, each would be written into the query of the next."""
    joined, columns = base, list(base.columns)
    for number, part in enumerate(parts):
        key = f"customer_{number}"
        part = part.rename({key: "customer_id"})
        joined = joined.left_join(part, base.customer_id == part[key])
        columns += [name for name in part.columns if name != key]
    return joined.select(*columns)


def _measure_all(features: list[Feature], profile: Table) -> dict[str, ibis.Value]:
    return {one.name: measure(one, profile) for one in features}


def _after_peers(features: Catalogue) -> set[str]:
    """Names of the features that compare customers, and of those that follow from them."""
    found: set[str] = set()
    for part in features.generations:
        found |= {o.name for o in part if o.relation == PEERS or found & set(o.uses)}
    return found


def compare_customers(described: Table, features: Catalogue, narrow: Table | None = None) -> Table:
    """Add what depends on the other customers, and what follows from it.

    Parameters
    ----------
    described : ibis.Table
        From `describe_customers`, all customers.
    features : Catalogue
        What is computed.
    narrow : ibis.Table, optional
        The same customers with fewer columns; where it has those that are compared, ranking it
        spares memory.

    Returns
    -------
    ibis.Table
        `customer_id`, `as_of_date`, and the features in the order of the catalogue.
    """
    profiles, late = described, _after_peers(features)
    for part in features.generations:
        peers = [one for one in part if one.relation == PEERS]
        if peers:
            profiles = _join_peers(profiles, peers, features, narrow)
        own = [one for one in part if one.relation == PROFILE and one.name in late]
        if own:
            profiles = profiles.mutate(**_measure_all(own, profiles))
    return profiles.select("customer_id", "as_of_date", *features.names)


def _join_peers(
    profiles: Table, peers: list[Feature], features: Catalogue, narrow: Table | None
) -> Table:
    used = sorted({name for one in peers for name in one.uses})
    is_enough = narrow is not None and all(
        name in narrow.columns and features[name].fill is None for name in used
    )
    compared = (narrow if is_enough else profiles).select("customer_id", *used)
    scores = compared.select("customer_id", **_measure_all(peers, compared))
    return profiles.inner_join(scores, "customer_id")
