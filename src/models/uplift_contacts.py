"""Contacts that were drawn at random, as arrays for learners: features, arms, outcomes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from src.errors import ParameterError
from src.models.design import DEMOGRAPHICS, Design, fit_design, purchase_columns
from src.models.uplift_chances import had_a_chance, precision_of, read_chances
from src.models.uplift_history import CONTROL

__all__ = [
    "Contacts",
    "Features",
    "build_contacts",
    "feature_columns",
    "fit_features",
]

_CONTACTED = ("n_exposures_365",)
"""Profile columns of earlier contacts, for a message may do less the more there were."""

_CATEGORIES = (*DEMOGRAPHICS, "top_department")
_LEAST_LEVEL = 0.01


def feature_columns(history_days: int) -> tuple[str, ...]:
    """Give the profile columns that effects may hang on: of purchases, and of earlier contacts."""
    return (*purchase_columns(history_days), *_CONTACTED)


@dataclass(frozen=True)
class Features:
    """Profiles as numbers without gaps: of mean 0 and, but for flags, spread 1 where fitted.

    Parameters
    ----------
    design : Design
    center, scale : array of shape (n_features,)
        A missing number counts as the mean.
    """

    design: Design
    center: np.ndarray
    scale: np.ndarray

    def transform(self, profiles: pd.DataFrame) -> np.ndarray:
        """Feature matrix of shape (n_customers, n_features)."""
        scaled = (self.design.transform(profiles) - self.center) / self.scale
        return np.nan_to_num(scaled, nan=0.0)


def fit_features(profiles: pd.DataFrame, columns: tuple[str, ...]) -> Features:
    """Choose the features that vary, and their scale.

    Parameters
    ----------
    profiles : DataFrame
        One row per contact, as from `src.models.uplift_history.build_uplift_rows`.
    columns : tuple of str
        Profile columns that may be features.
    """
    least = max(20, int(_LEAST_LEVEL * len(profiles)))
    categories = tuple(name for name in _CATEGORIES if name in profiles)
    design = fit_design(profiles, columns, least, categories)
    X = design.transform(profiles)
    spread = np.nanstd(X, axis=0) if X.size else np.ones(X.shape[1])
    spread[len(design.columns) :] = 1.0  # a flag that few have is then drawn in the more
    return Features(design, np.nanmean(X, axis=0), np.where(spread > 0, spread, 1.0))


@dataclass(frozen=True)
class Contacts:
    """One row per contact of an experiment with several arms.

    Parameters
    ----------
    X : array of shape (n, n_features)
        The profile before the contact, without gaps.
    arm : array of int, shape (n,)
        Arm drawn; 0 is control, k the k-th of `actions`.
    outcome : array of shape (n,)
        What came of it; more is better.
    pscore : array of shape (n,), in (0, 1]
        Probability with which that arm was drawn: known, never estimated.
    customer, campaign : array of int, shape (n,)
        Who, from 0, and in which campaign, from 0. A customer's contacts belong together.
    actions : tuple of str
        Names of the arms but control.
    tried : array of bool, shape (n, n_actions)
        Whether the contact's campaign had the action, and this customer a fair chance of it and
        of control, so that either could have been drawn; see
        `src.models.uplift_chances.LEAST_CHANCE`.
    precision : array of shape (n, n_actions)
        How much the contact can tell of each action's effect; see
        `src.models.uplift_chances.precision_of`.
    """

    X: np.ndarray
    arm: np.ndarray
    outcome: np.ndarray
    pscore: np.ndarray
    customer: np.ndarray
    campaign: np.ndarray
    actions: tuple[str, ...]
    tried: np.ndarray
    precision: np.ndarray

    def __len__(self) -> int:
        """Count contacts."""
        return len(self.arm)

    @property
    def n_customers(self) -> int:
        """Count of customers, by the highest of their numbers."""
        return int(self.customer.max()) + 1

    @property
    def weight(self) -> np.ndarray:
        """One over the probability of the arm drawn: makes the arms alike in all else."""
        return 1.0 / self.pscore

    def take(self, index: np.ndarray) -> "Contacts":
        """Take some contacts, by number or mask; customers and campaigns keep their numbers."""
        names = [one.name for one in fields(self) if one.name != "actions"]
        return replace(self, **{name: getattr(self, name)[index] for name in names})

    def pair(self, action: int) -> np.ndarray:
        """Mask of the contacts that an action is compared on: its own and their controls."""
        return self.tried[:, action] & ((self.arm == 0) | (self.arm == action + 1))

    def centered(self) -> np.ndarray:
        """Outcomes less the mean of their campaign's controls, so that seasons do not count."""
        is_control = self.arm == 0
        n = int(self.campaign.max()) + 1
        weight = np.bincount(self.campaign, self.weight * is_control, minlength=n)
        total = np.bincount(self.campaign, self.weight * is_control * self.outcome, minlength=n)
        overall = total.sum() / weight.sum() if weight.sum() > 0 else 0.0
        level = np.divide(total, weight, out=np.full(n, overall), where=weight > 0)
        return self.outcome - level[self.campaign]

    def fold_of(self, n_folds: int, rng: np.random.Generator) -> np.ndarray:
        """Deal customers into folds; all contacts of one are in the same."""
        known, number = np.unique(self.customer, return_inverse=True)
        return (rng.permutation(len(known)) % n_folds)[number]

    def repeat(self, times: np.ndarray) -> "Contacts":
        """Every customer's contacts so many times; `times` has shape (n_customers,)."""
        return self.take(np.repeat(np.arange(len(self)), times[self.customer]))

    def only(self, actions: Sequence[str]) -> "Contacts":
        """Keep some of the actions and their controls; customers keep their numbers."""
        places = [self.actions.index(name) for name in actions]
        arms = np.full(len(self.actions) + 1, -1)
        arms[[0, *(place + 1 for place in places)]] = np.arange(len(places) + 1)
        arm, tried = arms[self.arm], self.tried[:, places]
        kept = (arm >= 0) & tried.any(axis=1)
        precision = self.precision[:, places]
        chosen = replace(self, arm=arm, tried=tried, precision=precision, actions=tuple(actions))
        return chosen.take(kept)


def build_contacts(rows: pd.DataFrame, actions: Sequence[str], X: np.ndarray) -> Contacts:
    """Give customers, campaigns and arms their numbers.

    Parameters
    ----------
    rows : DataFrame
        One row per contact: `campaign_id`, `customer_id`, `action`, `pscore`, `outcome_value`,
        and `pscores` (JSON) where the probabilities of all arms are known. Contacts of other
        actions, and of campaigns without any of these, are left out; and those that had a chance
        of less than `LEAST_CHANCE` of either arm of a comparison, from that comparison.
    actions : sequence of str
        Arms to compare with control.
    X : array of shape (n_rows, n_features)
        Features of the rows.

    Raises
    ------
    ParameterError
        If a `pscore` is not in (0, 1] or an outcome is not a number.
    """
    arms = {CONTROL: 0} | {name: k + 1 for k, name in enumerate(actions)}
    arm = rows["action"].map(arms).fillna(-1).to_numpy(dtype=int)
    campaign = pd.factorize(rows["campaign_id"], sort=True)[0]
    has = np.zeros((campaign.max(initial=-1) + 1, len(arms)), dtype=bool)
    has[campaign[arm >= 0], arm[arm >= 0]] = True
    chances = read_chances(rows, actions)
    tried = (has[:, 1:] & has[:, :1])[campaign] & had_a_chance(chances)
    is_own = np.take_along_axis(tried, np.maximum(arm - 1, 0)[:, None], axis=1)[:, 0]
    kept = (arm >= 0) & np.where(arm > 0, is_own, tried.any(axis=1))
    pscore = rows["pscore"].to_numpy(dtype=float)[kept]
    outcome = rows["outcome_value"].to_numpy(dtype=float)[kept]
    _check(pscore, outcome)
    customer = pd.factorize(rows["customer_id"].to_numpy()[kept], sort=True)[0]
    arm, campaign, tried = arm[kept], campaign[kept], tried[kept]
    precision = precision_of(chances[kept], arm, pscore, campaign)
    return Contacts(
        X[kept], arm, outcome, pscore, customer, campaign, tuple(actions), tried, precision
    )


def _check(pscore: np.ndarray, outcome: np.ndarray) -> None:
    if not ((pscore > 0) & (pscore <= 1)).all() or not np.isfinite(outcome).all():
        raise ParameterError(
            "Expected a pscore in (0, 1] and a finite outcome for every contact drawn at random, "
            "found others; keep only contacts whose probability was written down when drawn."
        )
