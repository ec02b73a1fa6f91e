"""The catalogue of features: what each is called and means, what it needs, how it is computed."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
import functools
from graphlib import CycleError, TopologicalSorter
import re
from typing import get_args

from ibis.expr.types import Table, Value

from src.data.contract import Column, ColumnType
from src.errors import ParameterError
from src.features.relations import INPUTS, Relation, sort_relations

__all__ = ["PEERS", "PROFILE", "Catalogue", "Feature", "feature"]

PROFILE = "profile"
"""Relation of features that follow from other features of the same customer."""

PEERS = "peers"
"""Relation of features that compare all customers with each other."""

_DERIVED = (PROFILE, PEERS)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_RESERVED = ("customer_id", "as_of_date")
_TYPES = tuple(kind for kind in get_args(ColumnType) if kind not in ("floats", "any"))


@dataclass(frozen=True)
class Feature:
    """One column of `profiles`.

    Parameters
    ----------
    name, family : str
        Column, and the group of columns it is chosen with.
    relation : str
        Named table it is aggregated from; `PROFILE` if it follows from other features of the
        customer, `PEERS` if it compares all customers.
    type : str
        One of string, int64, float64, boolean, date, timestamp.
    meaning : str
        For readers, a sentence.
    build : callable
        Is given the relation, gives the value to aggregate by customer; for `PROFILE` and
        `PEERS` it is given one row per customer with the columns of `uses`, and gives a column.
    unit : str, optional
        Unit of a number; ``0-1`` is a share, and held to be one.
    window_days : int, optional
        Days looked back, the as-of day included; None is all history.
    fill : number, optional
        What customers get who have no row in the relation, or nothing to count in it; None:
        they get nothing, so the feature is nullable.
    is_nullable : bool, default False
        Whether a missing value is an honest answer.
    uses : tuple of str
        Features it follows from.
    package : str, optional
        Package that brought it; empty: this one.
    """

    name: str
    family: str
    relation: str
    type: str
    meaning: str
    build: Callable[[Table], Value]
    unit: str = ""
    window_days: int | None = None
    fill: float | None = None
    is_nullable: bool = False
    uses: tuple[str, ...] = ()
    package: str = ""

    @classmethod
    def of(
        cls,
        column: Column,
        family: str,
        relation: str,
        build: Callable[[Table], Value],
        window_days: int | None = None,
        fill: float | None = None,
        uses: tuple[str, ...] = (),
    ) -> "Feature":
        """Make a feature of a column of a contract."""
        named = {name: getattr(column, name) for name in ("name", "type", "meaning", "unit")}
        told = {"is_nullable": column.is_nullable, "window_days": window_days}
        return cls(
            family=family, relation=relation, build=build, fill=fill, uses=uses, **named, **told
        )

    @property
    def column(self) -> Column:
        """Column of the contract of `profiles`."""
        return Column(self.name, self.type, self.meaning, self.unit, self.is_nullable)

    @property
    def is_derived(self) -> bool:
        """Whether it follows from other features."""
        return self.relation in _DERIVED


def feature(
    name: str, *, family: str, relation: str, type: str, meaning: str, **fields: object
) -> Callable[[Callable[[Table], Value]], Feature]:
    """Make a feature of the function below: `build` of :class:`Feature`, whose fields these are.

    Examples
    --------
    >>> @feature(
    ...     "days_per_order", family="own", relation=PROFILE, type="float64", unit="days",
    ...     meaning="Days as a customer per order.", uses=("tenure_days", "frequency"),
    ... )
    ... def days_per_order(profile):
    ...     return profile.tenure_days / profile.frequency
    >>> days_per_order.name, days_per_order.is_derived
    ('days_per_order', True)
    """

    def make(build: Callable[[Table], Value]) -> Feature:
        return Feature(name, family, relation, type, meaning, build, **fields)

    return make


@dataclass(frozen=True)
class Catalogue:
    """Features that are computed together, and the relations they come from.

    Parameters
    ----------
    features : tuple of Feature
        In the order of the columns of `profiles`.
    relations : tuple of Relation
        Kept in an order in which each comes after those it needs.

    Raises
    ------
    ParameterError
        If a name is taken twice or reserved, a relation or a feature that is used is unknown,
        or something needs itself.
    """

    features: tuple[Feature, ...]
    relations: tuple[Relation, ...]

    def __post_init__(self) -> None:
        """Sort the relations, and check everything by name."""
        object.__setattr__(self, "relations", sort_relations(self.relations))
        _check_names(self.features)
        complete = {relation.name: relation.is_complete for relation in self.relations}
        for one in self.features:
            _check_feature(one, complete, set(self.names))
        _ = self.generations

    @property
    def names(self) -> list[str]:
        """Names of the features, in order."""
        return [one.name for one in self.features]

    @property
    def families(self) -> list[str]:
        """Families, in the order of their first feature."""
        return list(dict.fromkeys(one.family for one in self.features))

    def __getitem__(self, name: str) -> Feature:
        """Look a feature up."""
        return self._by_name[name]

    @functools.cached_property
    def _by_name(self) -> dict[str, Feature]:
        return {one.name: one for one in self.features}

    @functools.cached_property
    def generations(self) -> tuple[tuple[Feature, ...], ...]:
        """Derived features, parted so that each follows only from features of earlier parts."""
        derived = {one.name: one for one in self.features if one.is_derived}
        graph = {name: set(one.uses) & set(derived) for name, one in derived.items()}
        sorter, parts = TopologicalSorter(graph), []
        try:
            sorter.prepare()
        except CycleError as error:
            raise ParameterError(
                f"Expected no feature to follow from itself, found {' -> '.join(error.args[1])}; "
                "cut the circle."
            ) from None
        while sorter.is_active():
            ready = set(sorter.get_ready())
            parts.append(tuple(one for name, one in derived.items() if name in ready))
            sorter.done(*ready)
        return tuple(parts)

    def inputs_of(self, name: str) -> tuple[str, ...]:
        """Tables of `INPUTS` that a feature needs, in the order in which they stand there."""
        found = self.sources_of(name)
        return tuple(table for table in INPUTS if table in found)

    def sources_of(self, name: str) -> set[str]:
        """Name all inputs and relations that a feature needs, near or far."""
        one = self[name]
        if one.is_derived:
            return set().union(*(self.sources_of(used) for used in one.uses))
        return _sources(one.relation, {r.name: r for r in self.relations})

    def choose(self, names: Collection[str]) -> "Catalogue":
        """Keep the named features, those they follow from, and the relations they need."""
        wanted, waiting = set(), set(names)
        while waiting:
            name = waiting.pop()
            wanted.add(name)
            waiting |= set(self[name].uses) - wanted
        features = tuple(one for one in self.features if one.name in wanted)
        needed = {one.relation for one in features}
        for relation in reversed(self.relations):
            if relation.name in needed:
                needed |= set(relation.needs)
        return Catalogue(features, tuple(r for r in self.relations if r.name in needed))

    def without(self, names: Collection[str]) -> "Catalogue":
        """Drop the named features and all that follow from them."""
        dropped = set(names)
        for part in self.generations:
            dropped |= {one.name for one in part if dropped & set(one.uses)}
        return self.choose([name for name in self.names if name not in dropped])

    def with_build(self, name: str, build: Callable[[Table], Value]) -> "Catalogue":
        """Compute one feature in another way."""
        changed = tuple(
            replace(one, build=build) if one.name == name else one for one in self.features
        )
        return Catalogue(changed, self.relations)


def _sources(name: str, relations: dict[str, Relation]) -> set[str]:
    needs = relations[name].needs if name in relations else ()
    return {name}.union(*(_sources(need, relations) for need in needs))


def _check_names(features: Iterable[Feature]) -> None:
    seen: dict[str, Feature] = {}
    for one in features:
        if not _NAME.fullmatch(one.name) or one.name in _RESERVED:
            raise _fault(
                one,
                "a name of small letters, digits and _ that is not reserved",
                repr(one.name),
                "rename it",
            )
        if one.name in seen:
            other = seen[one.name].package or "Campanile"
            raise _fault(one, "a name of its own", f"one that {other} has as well", "rename one")
        seen[one.name] = one


def _check_feature(one: Feature, complete: dict[str, bool], names: set[str]) -> None:
    if one.type not in _TYPES:
        raise _fault(one, f"a type of {list(_TYPES)}", repr(one.type), "correct it")
    if not one.is_derived and one.relation not in complete:
        known = [*sorted(complete), *_DERIVED]
        raise _fault(one, f"a relation of {known}", repr(one.relation), "correct it")
    if one.is_derived != bool(one.uses):
        expected = "features to follow from" if one.is_derived else "no `uses` beside a relation"
        raise _fault(one, expected, f"{list(one.uses)}", f"see relation {one.relation!r}")
    unknown = sorted(set(one.uses) - names)
    if unknown:
        raise _fault(one, "known features in `uses`", f"{unknown}", "correct them")
    is_certain = one.is_derived or complete[one.relation] or one.fill is not None
    if not is_certain and not one.is_nullable:
        raise _fault(
            one, f"a fill for customers without a row in {one.relation!r}", "none",
            "give one, or say is_nullable=True",
        )  # fmt: skip
    if one.fill is not None and one.is_nullable:
        raise _fault(one, "either a fill or is_nullable", "both", "take one away")


def _fault(one: Feature, expected: str, found: str, remedy: str) -> ParameterError:
    package = f" of the package {one.package}" if one.package else ""
    return ParameterError(
        f"Expected the feature {one.name!r}{package} to have {expected}, found {found}; {remedy}."
    )
