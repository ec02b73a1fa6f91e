"""Ways to expect what each customer spends in a window, from plain to elaborate."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from src.models.design import purchase_columns
from src.models.order_models import ORDER_MODELS, usable_order_models
from src.models.splits import customer_numbers
from src.models.value import ValueModel, expect_orders, expect_values, fit_value
from src.models.value_looks import Look
from src.models.value_trees import SpendTrees, fit_spend_trees

__all__ = [
    "BASELINES",
    "CANDIDATES",
    "CANDIDATE_WORDS",
    "ValueSettings",
    "expect_spend",
    "expect_window",
    "fit_champion_trees",
    "fit_trees",
    "use_champion",
]

CANDIDATES = ("pooled_rate", "last_period", "bg_nbd", "pareto_nbd", "spend_trees")
"""The plainer first: of two that cannot be told apart the earlier is taken."""

BASELINES = ("pooled_rate", "last_period")

CANDIDATE_WORDS = {
    "pooled_rate": "the same for all",
    "last_period": "as much as in the period before",
    "bg_nbd": "BG/NBD",
    "pareto_nbd": "Pareto/NBD",
    "spend_trees": "LightGBM with a loss for zeros",
}

_WEEK = 7.0
_HALVES_SALT = "04c_value halves"
_MIN_BUYERS = 100
_FLAT = "the likelihood is flat at its top, so that many parameters say the same"


@dataclass(frozen=True)
class ValueSettings:
    """What a data scientist may want to change.

    Parameters
    ----------
    min_customers : int, default 50
        With fewer, pooled rates instead of models.
    min_history_days : int, default 60
        History behind a snapshot that trees need to learn from it, days.
    n_trees : int, default 80
        Rounds of LightGBM.
    learning_rate : float, default 0.05
        Share of each tree that is added.
    max_misplaced : float, default 0.25
        Share of money in wrong tenths above which a candidate is not calibrated, 0-1.
    n_resamples : int, default 1000
        Draws of the bootstrap.
    seed : int, default 0
        Of LightGBM and of the bootstrap.
    """

    min_customers: int = 50
    min_history_days: int = 60
    n_trees: int = 80
    learning_rate: float = 0.05
    max_misplaced: float = 0.25
    n_resamples: int = 1000
    seed: int = 0


def expect_spend(
    look: Look, earlier: Look, history_days: int, settings: ValueSettings
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Ask each candidate, which knows nothing after the look's date, for the window's spend.

    Parameters
    ----------
    look : Look
        Whose customers are predicted.
    earlier : Look
        The one before, whose window had ended by then: the trees learn from it.
    history_days : int
        Days of history behind the earliest look.
    settings : ValueSettings

    Returns
    -------
    predictions : dict of arrays of shape (n_customers,)
        Expected spend in `window_days`, shop currency, by candidate.
    lacks : dict of str
        Why a candidate is missing, by candidate.
    """
    weeks = look.window_days / _WEEK
    model, facts = fit_value(look.btyd, settings.min_customers)
    values = expect_values(model, look.btyd)
    predictions = {
        "pooled_rate": np.full(len(look), model.pooled_rate * model.pooled_value * weeks),
        "last_period": look.past_value,
    }
    lacks = {}
    for name in ORDER_MODELS:
        if lack := _lack_of_orders(name, facts, settings):
            lacks[name] = lack
            continue
        orders = ValueModel(facts["order_fits"][name][0], None, 0.0, 0.0)
        predictions[name] = expect_orders(orders, look.btyd, weeks) * values
    if lack := _lack_of_trees(earlier, history_days, settings):
        lacks["spend_trees"] = lack
    else:
        predictions["spend_trees"] = _crossed_trees(look, earlier, history_days, settings)
    return predictions, lacks


def _lack_of_orders(name: str, facts: dict, settings: ValueSettings) -> str:
    """Say why a model of order days may not be used; empty if it may."""
    if name not in facts["order_fits"]:
        return (
            f"{facts['n_customers']:,} customers, {facts['n_repeat_buyers']:,} of them repeat "
            f"buyers; {settings.min_customers} and at least one are needed"
        )
    if name in usable_order_models(facts["order_fits"]):
        return ""
    at_bound = facts["order_fits"][name][1]["at_bound"]
    return f"{' and '.join(at_bound)} ran to the bound of the search" if at_bound else _FLAT


def _lack_of_trees(earlier: Look, history_days: int, settings: ValueSettings) -> str:
    """Say why trees cannot learn from a look; empty if they can."""
    if history_days < settings.min_history_days:
        return (
            f"{history_days} days of history before the earliest snapshot; "
            f"{settings.min_history_days} are needed"
        )
    n_buyers = int((earlier.spend_value > 0).sum())
    if n_buyers < _MIN_BUYERS:
        return f"{n_buyers} customers bought in the window to learn from; {_MIN_BUYERS} are needed"
    return "" if earlier.profiles.shape[1] else "no profiles were given"


def _crossed_trees(
    look: Look, earlier: Look, history_days: int, settings: ValueSettings
) -> np.ndarray:
    """Predict each half of the customers by trees that never saw them, at any date."""
    learnt, asked = (_half(each.btyd) for each in (earlier, look))
    expected = np.empty(len(look))
    for half in (False, True):
        trees = fit_trees(earlier, history_days, settings, learnt != half)
        expected[asked == half] = trees.predict(look.profiles[asked == half])
    return expected


def _half(btyd: pd.DataFrame) -> np.ndarray:
    return customer_numbers(btyd["customer_id"].tolist(), _HALVES_SALT) < 0.5


def fit_trees(
    look: Look, history_days: int, settings: ValueSettings, rows: np.ndarray | None = None
) -> SpendTrees:
    """Fit trees to a look whose window is over.

    Parameters
    ----------
    look : Look
    history_days : int
        Days of history behind the earliest look: columns over longer windows are left out.
    settings : ValueSettings
    rows : array of bool of shape (n_customers,), optional
        Customers to learn from; all by default.
    """
    rows = np.ones(len(look), dtype=bool) if rows is None else rows
    return fit_spend_trees(
        look.profiles[rows],
        look.spend_value[rows],
        purchase_columns(history_days),
        settings.n_trees,
        settings.learning_rate,
        settings.seed,
    )


def use_champion(champion: str, model: ValueModel, facts: dict) -> tuple[ValueModel, dict]:
    """Put the champion's model of order days in place of the likelier one, where it may be used.

    Parameters
    ----------
    champion : str
        A candidate; anything but `bg_nbd` and `pareto_nbd` changes nothing.
    model, facts
        As from `src.models.value.fit_value`.
    """
    if champion not in usable_order_models(facts["order_fits"]):
        return model, facts
    orders, fit = facts["order_fits"][champion]
    return replace(model, orders=orders), facts | {"order_name": champion, "order_model": fit}


def fit_champion_trees(
    champion: str, looks: dict[str, Look], history_days: int, settings: ValueSettings
) -> SpendTrees | None:
    """Fit the trees again on all customers of the latest look whose window is over.

    None if the champion is another candidate. The arguments are those of `expect_window` and
    `expect_spend`.
    """
    if champion != "spend_trees":
        return None
    return fit_trees(looks["test"], history_days, settings)


def expect_window(
    champion: str, looks: dict[str, Look], trees: SpendTrees | None = None
) -> tuple[np.ndarray, int] | None:
    """Ask a champion that is no model of order days for the spend of the window to come.

    Parameters
    ----------
    champion : str
        A candidate.
    looks : dict of Look
        As from `src.models.value_looks.build_looks`: predicted for `now`.
    trees : SpendTrees, optional
        As from `fit_champion_trees`.

    Returns
    -------
    tuple of (array of shape (n_customers,), int) or None
        Shop currency, and days of the window, as `src.models.value.predict_value` takes them.
        None if the champion is a model of order days, or there is none.
    """
    now = looks["now"]
    if champion == "last_period":
        return now.past_value, now.window_days
    if trees is not None:
        return trees.predict(now.profiles), now.window_days
    if champion == "pooled_rate":
        return _expect_pooled(now), now.window_days
    return None


def _expect_pooled(look: Look) -> np.ndarray:
    """Expect the same spend of everybody: the rate and the value of all order days together."""
    model, _ = fit_value(look.btyd, min_customers=len(look) + 1)
    each = model.pooled_rate * model.pooled_value * look.window_days / _WEEK
    return np.full(len(look), each)
