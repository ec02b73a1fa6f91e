"""All features there are, Campanile's and the shop's own, and the choice among them by family."""

from src.errors import ParameterError
from src.features import (
    baskets,
    behaviour,
    contacts,
    interests,
    margins,
    newest,
    people,
    places,
    price_level,
    prices,
    returns,
    reviews,
    rfm,
    rhythm,
    times,
    windows,
)
from src.features.catalogue import Catalogue
from src.features.own import read_own

__all__ = ["BUILT_IN", "CORE", "CORE_NAMES", "choose_features", "read_catalogue"]

_MODULES = (
    *(rfm, windows, rhythm, times, baskets, prices, margins, returns, price_level),
    *(interests, newest, behaviour, contacts, reviews, places, people),
)

BUILT_IN = Catalogue(
    features=tuple(one for module in _MODULES for one in module.FEATURES),
    relations=tuple(one for module in _MODULES for one in getattr(module, "RELATIONS", ())),
)
"""Campanile's own features."""

CORE_NAMES = (
    *("recency_days", "frequency", "monetary_value", "r_score", "f_score", "m_score"),
    *("tenure_days", "n_orders_30", "n_orders_90", "n_orders_365"),
    *("spend_30_value", "spend_90_value", "spend_365_value", "spend_prior_90_value"),
    *("items_per_order", "gap_mean_days", "gap_std_days", "overdue_ratio"),
    *("discount_share", "discounted_lines_share", "private_brand_share"),
    *("weekend_share", "evening_share", "n_stores"),
    *("n_departments", "top_department", "top_department_share", "department_entropy"),
    *("n_redemptions_365", "n_exposures_365", "lifecycle"),
    *("age_band", "income_band", "home_ownership", "marital_status"),
    *("household_size", "household_composition", "kids_band"),
)
"""Features that the models and the campaign stages work with."""

CORE = BUILT_IN.choose(CORE_NAMES)
"""The least that every run computes."""


def read_catalogue() -> Catalogue:
    """Give all features there are: Campanile's, and those of installed packages.

    Raises
    ------
    ParameterError
        If a package's features cannot be read, or break a rule of :class:`Catalogue`.
    """
    features, relations = read_own()
    if not features:
        return BUILT_IN
    return Catalogue((*BUILT_IN.features, *features), (*BUILT_IN.relations, *relations))


def choose_features(families: str = "all") -> Catalogue:
    """Choose features by family; the core is always among them.

    Parameters
    ----------
    families : str, default "all"
        ``all``, ``core``, or names of families with commas between them.

    Returns
    -------
    Catalogue
        The core, the features of these families, and those they follow from.

    Raises
    ------
    ParameterError
        If there is no family of a name.

    Examples
    --------
    >>> choose_features("core") == CORE
    True
    """
    catalogue = read_catalogue()
    names = [name.strip() for name in families.split(",") if name.strip()]
    if "all" in names:
        return catalogue
    unknown = sorted(set(names) - set(catalogue.families) - {"core"})
    if unknown or not names:
        raise ParameterError(
            f"Expected families among {['all', 'core', *catalogue.families]}, found "
            f"{unknown or 'none'}; correct the parameter families."
        )
    chosen = [one.name for one in catalogue.features if one.family in names]
    return catalogue.choose({*CORE_NAMES, *chosen})
