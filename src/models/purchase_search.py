"""Better settings for the candidates that gain by them, found on the train snapshot alone."""

from collections.abc import Callable
from dataclasses import dataclass
import logging
import time
from types import ModuleType
from typing import TYPE_CHECKING
import warnings

import numpy as np
import pandas as pd

from src.metrics.classification import log_loss
from src.models.purchase_candidates import Entry
from src.models.splits import customer_numbers

if TYPE_CHECKING:
    import optuna

__all__ = ["SEARCHED", "Search", "search_settings"]

logger = logging.getLogger(__name__)

_N_FOLDS = 3
_SALT = "04b_purchase search"
_MOST_CUSTOMERS = 20_000


def _suggest_logistic(trial: "optuna.Trial") -> dict[str, object]:
    return {"l2_strength": trial.suggest_float("l2_strength", 0.1, 1000.0, log=True)}


def _suggest_tree(trial: "optuna.Trial") -> dict[str, object]:
    return {
        "n_leaves": trial.suggest_int("n_leaves", 2, 24),
        "leaf_customers": trial.suggest_int("leaf_customers", 10, 160, log=True),
    }


def _suggest_boosting(trial: "optuna.Trial") -> dict[str, object]:
    return {
        "n_trees": trial.suggest_int("n_trees", 30, 240, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "n_leaves": trial.suggest_int("n_leaves", 2, 12),
        "leaf_customers": trial.suggest_int("leaf_customers", 10, 100, log=True),
        "l2_strength": trial.suggest_float("l2_strength", 0.1, 30.0, log=True),
    }


SEARCHED: dict[str, Callable[["optuna.Trial"], dict[str, object]]] = {
    "logistic_regression": _suggest_logistic,
    "decision_tree": _suggest_tree,
    "lightgbm": _suggest_boosting,
}
"""Candidates that are searched, and what is tried. The forest hardly reacts to its settings, the
margin of the support vector machine has no log loss before it is calibrated, and the network
costs more time than it has so far been worth."""


@dataclass(frozen=True)
class Search:
    """What a search found for one candidate.

    Parameters
    ----------
    entry : Entry
        The candidate with the best settings tried, which may be the given ones.
    n_trials : int
        Settings tried, the given ones first.
    given_loss, best_loss : float
        Log loss of the given and of the best settings over the parts, nats per customer.
    is_time_up : bool
        Whether the time ended the search before all trials were made; then another run, on
        a slower or faster machine, may find other settings.
    """

    entry: Entry
    n_trials: int
    given_loss: float
    best_loss: float
    is_time_up: bool


def search_settings(
    entries: list[Entry],
    train: pd.DataFrame,
    y: np.ndarray,
    seconds: float,
    n_trials: int,
    seed: int,
) -> list[Search]:
    """Try settings by customers held out of the train snapshot; nothing later is looked at.

    Parameters
    ----------
    entries : list of Entry
        Candidates with their given settings; those in `SEARCHED` are searched.
    train : pandas.DataFrame
        One row per customer, of the train snapshot; at most 20,000, drawn by hash, are used.
    y : array of shape (n,)
        Who ordered, 0 or 1.
    seconds : float
        Processor time for all; each candidate gets an equal part of what is left. 0: no search.
    n_trials : int
        Settings tried for each candidate, the given ones first.
    seed : int
        Of the sampler: the same seed tries the same settings.

    References
    ----------
    .. Akiba, T. et al. (2019). Optuna: a next-generation hyperparameter optimization framework.
    .. Bergstra, J. et al. (2011). Algorithms for hyper-parameter optimization. NeurIPS.
    """
    chosen = [entry for entry in entries if entry.kind in SEARCHED]
    if seconds <= 0 or not chosen:
        return []
    train, y, fold = _draw_customers(train, y)
    began, found = time.process_time(), []
    for place, entry in enumerate(chosen):
        left = seconds - (time.process_time() - began)
        until = time.process_time() + left / (len(chosen) - place)
        found.append(_search_one(entry, _Loss(entry, train, y, fold), n_trials, until, seed))
        logger.info(
            "search %s: %d trials, log loss %.4f -> %.4f",
            entry.kind, found[-1].n_trials, found[-1].given_loss, found[-1].best_loss,
        )  # fmt: skip
    return found


def _draw_customers(
    train: pd.DataFrame, y: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """At most so many customers, with the part each belongs to."""
    numbers = customer_numbers(train["customer_id"].tolist(), _SALT)
    kept = np.sort(np.argsort(numbers, kind="stable")[:_MOST_CUSTOMERS])
    ranks = np.argsort(np.argsort(numbers[kept], kind="stable"), kind="stable")
    return train.iloc[kept], y[kept], ranks % _N_FOLDS


@dataclass(frozen=True)
class _Loss:
    """Log loss of settings over parts of the customers, each predicted by a fit on the others."""

    entry: Entry
    train: pd.DataFrame
    y: np.ndarray
    fold: np.ndarray

    def __call__(self, settings: dict[str, object]) -> float:
        make = Entry(self.entry.kind, self.entry.settings | settings).make
        p = np.empty(len(self.y))
        for part in range(_N_FOLDS):
            inside = self.fold == part
            fitted = make().fit(self.train[~inside], self.y[~inside])
            p[inside] = fitted.predict(self.train[inside])
        return log_loss(self.y, p)


def _import_optuna() -> ModuleType:
    """Import it only when something is searched, without its complaint about progress bars."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        import optuna

    return optuna


def _search_one(entry: Entry, loss: _Loss, n_trials: int, until: float, seed: int) -> Search:
    optuna = _import_optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    given_loss = loss({})
    best, n_tried = (given_loss, {}), 1
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    while n_tried < n_trials and time.process_time() < until:
        trial = study.ask()
        settings = SEARCHED[entry.kind](trial)
        value = loss(settings)
        study.tell(trial, value)
        best = min(best, (value, settings), key=lambda tried: tried[0])
        n_tried += 1
    is_better = best[0] < given_loss
    searched = Entry(entry.kind, entry.settings | best[1], is_searched=is_better)
    return Search(searched, n_tried, given_loss, best[0], n_tried < n_trials)
