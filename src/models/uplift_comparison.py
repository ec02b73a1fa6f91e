"""Learners compared on customers they had not seen, and the one champion, chosen honestly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import logging

import numpy as np
import pandas as pd

from src.metrics.uplift import qini_coefficient
from src.metrics.uplift_heterogeneity import effect_scores, judge_rankings
from src.metrics.uplift_resampled import compare_rankings, profit_band
from src.models.uplift_contacts import Contacts
from src.models.uplift_learners import Learner, expect_arms, expected_outcomes
from src.models.uplift_regressions import Ridge

__all__ = [
    "BASELINE",
    "Comparison",
    "HeldOut",
    "choose_champion",
    "compare_learners",
    "hold_out",
    "hold_out_profit",
]

logger = logging.getLogger(__name__)

BASELINE = "mean_effect"


@dataclass(frozen=True)
class HeldOut:
    """What learners predicted for customers they had not seen, over several deals into folds.

    Parameters
    ----------
    predicted : dict of arrays of shape (n, n_actions)
        By learner: the mean over deals of its predictions, each less its fold's mean.
    expected : array of shape (n, n_actions + 1)
        Expected outcome under each arm by a plain linear regression, for the scores.
    qinis : DataFrame
        One row per learner, action and deal: `learner`, `action`, `repeat`, `qini`.
    """

    predicted: dict[str, np.ndarray]
    expected: np.ndarray
    qinis: pd.DataFrame


@dataclass(frozen=True)
class Comparison:
    """Learners beside the plain baseline.

    Parameters
    ----------
    contacts : Contacts
        What was compared on.
    table : DataFrame
        One row per action and learner, the baseline first: `action`, `learner`, `qini`, `auuc`
        with `_lower` and `_upper`, `qini_spread` (standard deviation over deals into folds), and
        of the test `rank_effect`, `t`, `p_value`, `p_corrected`, `lower_corrected`.
    held_out : HeldOut
    scores : array of shape (n, n_actions)
        Doubly robust scores of the effect.
    """

    contacts: Contacts
    table: pd.DataFrame
    held_out: HeldOut
    scores: np.ndarray


def hold_out(
    contacts: Contacts,
    learners: Mapping[str, Callable[[], Learner]],
    seed: int,
    n_repeats: int = 3,
    n_folds: int = 5,
) -> HeldOut:
    """Predict every customer by learners that never saw that customer, several times.

    A fold's mean prediction is taken off: it is the mean effect of all others, which is by chance
    low where the fold's own is high, and would count against every learner.

    Parameters
    ----------
    contacts : Contacts
    learners : mapping of str to callable
        Makes a fresh learner.
    seed : int
        Of folds and learners.
    n_repeats : int, default 3
        Deals of the customers into folds.
    n_folds : int, default 5
    """
    rng = np.random.default_rng(seed)
    total = {name: np.zeros((len(contacts), len(contacts.actions))) for name in learners}
    expected, rows = 0.0, []
    for repeat in range(n_repeats):
        fold = contacts.fold_of(n_folds, rng)
        dealt = int(rng.integers(2**30))
        expected = expected + expected_outcomes(contacts, fold, Ridge, dealt) / n_repeats
        for name, make in learners.items():
            predicted = _predict_folds(contacts, make, fold, dealt)
            total[name] += predicted / n_repeats
            rows += _qinis(contacts, predicted, name, repeat)
    return HeldOut(total, expected, pd.DataFrame(rows))


def _predict_folds(
    contacts: Contacts, make: Callable[[], Learner], fold: np.ndarray, seed: int
) -> np.ndarray:
    predicted = np.zeros((len(contacts), len(contacts.actions)))
    for number in np.unique(fold):
        held = fold == number
        found = make().fit(contacts.take(~held), seed + int(number)).predict(contacts.X[held])
        predicted[held] = found - found.mean(axis=0)
    return predicted


def _qinis(contacts: Contacts, predicted: np.ndarray, name: str, repeat: int) -> list[dict]:
    rows = []
    for k, action in enumerate(contacts.actions):
        qini = qini_coefficient(*_curve_arrays(contacts, k, predicted[:, k]))
        rows.append({"learner": name, "action": action, "repeat": repeat, "qini": qini})
    return rows


def _curve_arrays(contacts: Contacts, k: int, ranking: np.ndarray) -> tuple[np.ndarray, ...]:
    """Outcome, arm, ranking and weight of the contacts an action is compared on."""
    pair = contacts.pair(k)
    arrays = (contacts.outcome, contacts.arm == k + 1, ranking, contacts.weight)
    return tuple(array[pair] for array in arrays)


def compare_learners(
    contacts: Contacts,
    learners: Mapping[str, Callable[[], Learner]],
    seed: int,
    n_repeats: int = 3,
    n_folds: int = 5,
    n_resamples: int = 500,
) -> Comparison:
    """Compare learners by Qini and AUUC, and test whether any finds differences at all.

    Parameters
    ----------
    contacts, learners, seed, n_repeats, n_folds
        As for `hold_out`.
    n_resamples : int, default 500
        Draws of customers for the intervals of Qini and AUUC.
    """
    held_out = hold_out(contacts, learners, seed, n_repeats, n_folds)
    scores = _scores(contacts, held_out.expected)
    judged = _judge_forward(contacts, learners, seed, n_folds)
    judged["action"] = np.array(contacts.actions)[judged.pop("action_number")]
    areas = [
        _areas(contacts, k, held_out.predicted, seed, n_resamples)
        for k in range(len(contacts.actions))
    ]
    spread = held_out.qinis.groupby(["action", "learner"])["qini"].std().rename("qini_spread")
    table = pd.concat(areas, ignore_index=True)
    table = table.merge(spread.reset_index(), on=["action", "learner"], how="left")
    judged = judged.rename(columns={"ranking": "learner"})
    table = table.merge(judged, on=["action", "learner"], how="left")
    logger.info("compare_learners: %d learners on %d contacts", len(learners), len(contacts))
    return Comparison(contacts, table, held_out, scores)


def _scores(contacts: Contacts, expected: np.ndarray) -> np.ndarray:
    return effect_scores(contacts.centered(), contacts.arm, contacts.pscore, expected)


def _judge_forward(
    contacts: Contacts, learners: Mapping[str, Callable[[], Learner]], seed: int, n_folds: int
) -> pd.DataFrame:
    """Test whether customers differ; each fold is predicted by the folds before it only."""
    fold = contacts.fold_of(n_folds, np.random.default_rng([seed, n_folds]))
    predicted = {name: np.zeros((len(contacts), len(contacts.actions))) for name in learners}
    expected = np.zeros((len(contacts), len(contacts.actions) + 1))
    for number in range(1, n_folds):
        held, before = fold == number, contacts.take(fold < number)
        expected[held] = expect_arms(before, contacts.X[held], Ridge, seed + number)
        for name, make in learners.items():
            predicted[name][held] = make().fit(before, seed + number).predict(contacts.X[held])
    judged = np.where(fold == 0, -1, fold)
    scores = _scores(contacts, expected)
    return judge_rankings(scores, contacts.tried, predicted, contacts.customer, seed, judged)


def _areas(
    contacts: Contacts, k: int, predicted: dict[str, np.ndarray], seed: int, n_resamples: int
) -> pd.DataFrame:
    pair = contacts.pair(k)
    rankings = {BASELINE: np.zeros(int(pair.sum()))}
    rankings |= {name: values[pair, k] for name, values in predicted.items()}
    customers = np.unique(contacts.customer[pair], return_inverse=True)[1]
    outcome, treated, _, weight = _curve_arrays(contacts, k, contacts.weight)
    areas = compare_rankings(
        outcome, treated, rankings, customers, seed, weight, n_resamples=n_resamples
    )
    areas = areas.rename(columns={"ranking": "learner"})
    areas.insert(0, "action", contacts.actions[k])
    return areas


def hold_out_profit(
    comparison: Comparison,
    action: str,
    learner: str,
    cost_value: float,
    seed: int,
    n_resamples: int = 500,
) -> pd.DataFrame:
    """Profit per customer if the share ranked best were addressed, messages paid.

    Parameters
    ----------
    comparison : Comparison
    action, learner : str
        Whose ranking of customers it had not seen.
    cost_value : float
        Cost of one message, shop currency.
    seed : int
        Of the resampling of customers.
    n_resamples : int, default 500
        Draws of customers for the interval.

    Returns
    -------
    DataFrame
        As from `src.metrics.uplift_resampled.profit_band`.
    """
    contacts = comparison.contacts
    k = contacts.actions.index(action)
    pair, ranking = contacts.pair(k), comparison.held_out.predicted[learner][:, k]
    customers = np.unique(contacts.customer[pair], return_inverse=True)[1]
    outcome, treated, ranked, weight = _curve_arrays(contacts, k, ranking)
    return profit_band(
        outcome, treated, ranked, customers, cost_value, seed, weight, n_resamples=n_resamples
    )


def choose_champion(table: pd.DataFrame, action: str, max_p: float = 0.025) -> str | None:
    """Best learner of an action, if customers are known to differ; else None.

    The best of many would look good by chance alone. So what counts is `p_corrected`, which holds
    the best against the best that chance makes of as many learners and actions.

    Parameters
    ----------
    table : DataFrame
        From `compare_learners`.
    action : str
    max_p : float, default 0.025
        Chance of calling any customers different where none are: one side of a 95 % interval.
    """
    tried = table[(table["action"] == action) & (table["p_corrected"] <= max_p)]
    return None if tried.empty else str(tried.loc[tried["t"].idxmax(), "learner"])
