"""Which features say something, for how many customers, and which are left out for want of data."""

from collections.abc import Mapping

import ibis
from ibis.expr.types import BooleanValue, Table
import pandas as pd

from src.data.window import known_by
from src.features.catalogue import Catalogue, Feature
from src.features.families import CORE_NAMES, read_catalogue
from src.features.relations import INPUTS, Setting, build_relations

__all__ = [
    "build_coverage",
    "cover_features",
    "describe_coverage",
    "drop_silent",
    "find_empty",
    "list_features",
]

_TOLD_BY_CUSTOMERS = ("orders", "products", "customers")


def find_empty(tables: Mapping[str, Table], as_of_date: str) -> tuple[str, ...]:
    """Find the inputs, and the relations of those a shop may lack, that say nothing by a date.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Inputs by name, as far as there are any.
    as_of_date : str
        ISO date; later rows do not count, so that they cannot change what is computed.

    Returns
    -------
    tuple of str
        Names of `INPUTS` that are missing or have no row by then, and of relations without a
        row: a shop may have events, but none of a visit.
    """
    known = {
        name: known_by(tables[name], time, as_of_date) if time else tables[name]
        for name, time in INPUTS.items()
        if name in tables
    }
    empty = [name for name in INPUTS if name not in known or not _has_rows(known[name])]
    relations = read_catalogue().relations
    built = build_relations(relations, tables, Setting(as_of_date))
    may_lack = set(INPUTS) - set(_TOLD_BY_CUSTOMERS)
    for relation in relations:
        if may_lack & set(relation.needs):
            may_lack.add(relation.name)
            is_silent = bool(set(empty) & set(relation.needs)) or not _has_rows(
                built[relation.name]
            )
            empty += [relation.name] if is_silent else []
    return tuple(empty)


def _has_rows(table: Table) -> bool:
    return bool(table.limit(1).count().execute())


def drop_silent(features: Catalogue, empty: tuple[str, ...]) -> Catalogue:
    """Drop the features that need a source that says nothing; the core stays, empty or 0.

    Parameters
    ----------
    features : Catalogue
        What was chosen.
    empty : tuple of str
        From `find_empty`.
    """
    silent = [name for name in features.names if features.sources_of(name) & set(empty)]
    return features.without([name for name in silent if name not in CORE_NAMES])


def cover_features(profiles: Table, features: Catalogue) -> pd.DataFrame:
    """Count for how many customers each feature says something.

    That is, it is not missing; and a count, a sum or a share is not 0, while a time may be.

    Parameters
    ----------
    profiles : ibis.Table
        From `build_profiles`, with these features.
    features : Catalogue
        What was computed.

    Returns
    -------
    pandas.DataFrame
        One row per feature, in the order of the catalogue: `family`, `feature`, `meaning`,
        `unit`, `n_customers`, `customer_share`.
    """
    counts = _count(profiles, {one.name: _says(profiles, one) for one in features.features})
    rows = [(one.family, one.name, one.meaning, one.unit) for one in features.features]
    coverage = pd.DataFrame(rows, columns=["family", "feature", "meaning", "unit"])
    return coverage.join(counts, on="feature")


def list_features(coverage: pd.DataFrame) -> str:
    """List the features by family with the share of customers each says something about.

    Parameters
    ----------
    coverage : pandas.DataFrame
        From `cover_features`.

    Returns
    -------
    str
        Markdown table.
    """
    shown = coverage.assign(
        entry=[
            f"`{row.feature}` {row.customer_share:.0%}" for row in coverage.itertuples(index=False)
        ]
    )
    families = shown.groupby("family", sort=False)["entry"].agg(", ".join)
    rows = [f"| {family} | {entries} |" for family, entries in families.items()]
    return "\n".join(
        ["| family | features, and for how many each says something |", "|---|---|", *rows]
    )


def build_coverage(
    profiles: Table, features: Catalogue, chosen: Catalogue, empty: tuple[str, ...]
) -> pd.DataFrame:
    """Count for how many customers each family says something by one of its features.

    Parameters
    ----------
    profiles : ibis.Table
        From `build_profiles`, with the features that are left.
    features, chosen : Catalogue
        The features that are left by `drop_silent`, and those before it.
    empty : tuple of str
        From `find_empty`.

    Returns
    -------
    pandas.DataFrame
        One row per `family` chosen: `n_features` computed, `n_customers` and `customer_share`
        it says something about, `is_empty`: nothing in its source is known by the date.
    """
    by_family = {name: [] for name in chosen.families}
    for one in features.features:
        by_family[one.family].append(one)
    conditions = {
        name: ibis.or_(*(_says(profiles, one) for one in found))
        for name, found in by_family.items()
        if found
    }
    counts = _count(profiles, conditions).reindex(list(by_family), fill_value=0)
    coverage = counts.rename_axis("family").reset_index()
    coverage.insert(1, "n_features", [len(by_family[name]) for name in coverage["family"]])
    coverage["is_empty"] = [
        _is_empty(name, n, chosen, empty)
        for name, n in zip(coverage["family"], coverage["n_customers"], strict=True)
    ]
    return coverage.astype({"n_customers": "int64", "customer_share": "float64"})


def _is_empty(family: str, n_customers: int, chosen: Catalogue, empty: tuple[str, ...]) -> bool:
    """Without a source that says anything; of what every shop has, without anybody it is about."""
    names = [one.name for one in chosen.features if one.family == family]
    if all(set(chosen.inputs_of(name)) - set(_TOLD_BY_CUSTOMERS) for name in names):
        return all(chosen.sources_of(name) & set(empty) for name in names)
    return n_customers == 0


def _says(profiles: Table, one: Feature) -> BooleanValue:
    column = profiles[one.name]
    is_time = one.unit in ("days", "ratio") and one.fill is None  # ordered today: 0 days ago
    if one.type in ("int64", "float64") and not is_time:
        return (column != 0).fill_null(False)
    return column.fill_null(False) if one.type == "boolean" else column.notnull()


def _count(profiles: Table, conditions: dict[str, BooleanValue]) -> pd.DataFrame:
    counted = {name: profiles.count(where=condition) for name, condition in conditions.items()}
    row = profiles.aggregate(n_of_all=profiles.count(), **counted).to_pandas().loc[0]
    n_customers = row.drop("n_of_all").rename("n_customers").astype("int64").to_frame()
    n_customers["customer_share"] = n_customers["n_customers"] / max(row["n_of_all"], 1)
    return n_customers


def describe_coverage(coverage: pd.DataFrame) -> str:
    """Say in a sentence which families are left out because their source is empty."""
    left_out = list(coverage.loc[coverage["is_empty"], "family"])
    if not left_out:
        return "Nothing is left out: every family of columns has a source that says something."
    return (
        f"**Left out, because their source has nothing by this date:** {', '.join(left_out)}. The "
        "columns that the models need stay, empty or 0; a tag that needs them goes to nobody."
    )
