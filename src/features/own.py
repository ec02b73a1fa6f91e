"""A shop's own features: modules of other packages, named by entry points."""

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from src.errors import ParameterError
from src.features.catalogue import Feature
from src.features.relations import Relation

__all__ = ["GROUP", "members_of", "read_own"]

GROUP = "campanile.features"
"""Entry point group under which a package names a module with features."""


def members_of(module: ModuleType, kind: type) -> Iterator[Feature | Relation]:
    """Give the features or the relations of a module, in the order in which they stand there.

    Parameters
    ----------
    module : module
        Its names may hold them alone or in tuples and lists; one of several names counts once.
    kind : type
        `Feature` or `Relation`.
    """
    seen = set()
    for value in vars(module).values():
        for one in value if isinstance(value, tuple | list) else (value,):
            if isinstance(one, kind) and id(one) not in seen:
                seen.add(id(one))
                yield one


def read_own() -> tuple[tuple[Feature, ...], tuple[Relation, ...]]:
    """Read the features of all installed packages that name a module under `GROUP`.

    Returns
    -------
    tuple of tuple
        Features and relations, in the order of the packages' names; each says its package.

    Raises
    ------
    ParameterError
        If such a module cannot be imported, is no module, or holds no feature.
    """
    features: list[Feature] = []
    relations: list[Relation] = []
    for point in sorted(entry_points(group=GROUP), key=lambda p: (_package(p), p.name)):
        module, package = _load(point), _package(point)
        found = [replace(one, package=package) for one in members_of(module, Feature)]
        if not found:
            raise ParameterError(
                f"Expected features in {point.value} of the package {package}, found none; make "
                "them with src.features.catalogue.feature, or take its entry point away."
            )
        features += found
        relations += [replace(one, package=package) for one in members_of(module, Relation)]
    return tuple(features), tuple(relations)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.name


def _load(point: EntryPoint) -> ModuleType:
    try:
        module = point.load()
    except Exception as error:  # whatever a shop's module does on import
        reason = " ".join(str(error).split()) or "no reason given"
        raise ParameterError(
            f"Expected to import the features in {point.value} of the package {_package(point)}, "
            f"found {type(error).__name__}: {reason}; mend the package, or uninstall it."
        ) from error
    if not isinstance(module, ModuleType):
        raise ParameterError(
            f"Expected the entry point {point.name!r} of the package {_package(point)} to name a "
            f"module, found {point.value}, a {type(module).__name__}; leave out what follows `:`."
        )
    return module
