"""S-, T-, X- and DR-learners of several actions at once, on linear models or on trees.

Each is given :class:`~src.models.uplift_contacts.Contacts`, and predicts the effect of every
action against control. Probabilities of arms are those written down when the arms were drawn:
regressions weigh a contact by one over its probability, so that arms that were not drawn evenly
are compared over the same customers.

References
----------
.. Künzel, S. et al. (2019). Metalearners for estimating heterogeneous treatment effects using
   machine learning. PNAS 116(10): S-, T- and X-learner.
.. Kennedy, E. (2023). Towards optimal doubly robust estimation of heterogeneous causal effects.
   Electronic Journal of Statistics 17(2): DR-learner.
"""

from collections.abc import Callable, Mapping, Sequence
import importlib.util
from typing import Protocol

import numpy as np

from src.errors import ParameterError
from src.metrics.uplift_heterogeneity import effect_scores
from src.models.uplift_contacts import Contacts
from src.models.uplift_forest import CausalForest
from src.models.uplift_regressions import MakeRegression, Regression, Ridge, make_trees

__all__ = [
    "FOREST",
    "LEARNERS",
    "DRLearner",
    "Learner",
    "SLearner",
    "TLearner",
    "XLearner",
    "available_learners",
    "expect_arms",
    "expected_outcomes",
]

FOREST = "causal_forest"
_N_FOLDS = 2


class Learner(Protocol):
    """Learns the effect of every action, and predicts it."""

    def fit(self, contacts: Contacts, seed: int) -> "Learner":
        """Learn from contacts."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict the effect of each action on each row, shape (n, n_actions)."""


def _fit_arm(
    make: MakeRegression, contacts: Contacts, y: np.ndarray, rows: np.ndarray, seed: int
) -> Regression:
    """Fit an outcome on some contacts, weighted by how they were drawn."""
    weight = contacts.weight[rows]
    regression = make(int(np.count_nonzero(rows)), seed)
    return regression.fit(contacts.X[rows], y[rows], sample_weight=weight / weight.mean())


def _fit_arms(make: MakeRegression, contacts: Contacts, seed: int) -> list[Regression]:
    """One regression of the outcome for each arm, control first."""
    y = contacts.centered()
    arms = range(len(contacts.actions) + 1)
    return [_fit_arm(make, contacts, y, contacts.arm == arm, seed + arm) for arm in arms]


def _predict_arms(arms: list[Regression], X: np.ndarray) -> np.ndarray:
    return np.column_stack([arm.predict(X) for arm in arms])


class SLearner:
    """One regression for all arms; the effect is what changing the arm changes in it.

    Parameters
    ----------
    make : callable
        Makes a regression.
    join : callable
        Joins features and arm flags into what it is fitted on.
    """

    def __init__(
        self, make: MakeRegression, join: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> None:
        self.make, self.join = make, join

    def fit(self, contacts: Contacts, seed: int) -> "SLearner":
        """Learn from contacts."""
        self.n_actions_ = len(contacts.actions)
        flags = np.eye(self.n_actions_ + 1)[contacts.arm][:, 1:]
        weight = contacts.weight / contacts.weight.mean()
        self.model_ = self.make(len(contacts), seed).fit(
            self.join(contacts.X, flags), contacts.centered(), sample_weight=weight
        )
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict the effect of each action on each row, shape (n, n_actions)."""
        flags = np.eye(self.n_actions_ + 1)[:, 1:]
        arms = [self.model_.predict(self.join(X, np.tile(flag, (len(X), 1)))) for flag in flags]
        return np.column_stack(arms[1:]) - arms[0][:, None]


def append_arm(X: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Features and arm side by side; trees find for themselves where they meet."""
    return np.hstack([X, flags])


def cross_arm(X: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Features, arm, and their products, without which all effects would be equal."""
    return np.hstack([X, flags, *(X * flags[:, [k]] for k in range(flags.shape[1]))])


class TLearner:
    """One regression for each arm; the effect is their difference."""

    def __init__(self, make: MakeRegression) -> None:
        self.make = make

    def fit(self, contacts: Contacts, seed: int) -> "TLearner":
        """Learn from contacts."""
        self.arms_ = _fit_arms(self.make, contacts, seed)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict the effect of each action on each row, shape (n, n_actions)."""
        expected = _predict_arms(self.arms_, X)
        return expected[:, 1:] - expected[:, :1]


class XLearner:
    r"""Effects imputed by the other arm's regression, then regressed, then averaged.

    .. math:: \hat\tau(x) = g\,\hat\tau_0(x) + (1 - g)\,\hat\tau_1(x)

    with :math:`\hat\tau_1` from the treated, :math:`\hat\tau_0` from control and g the treated
    share of the two: what rests on more contacts counts more. Any g between 0 and 1 is valid.
    """

    def __init__(self, make: MakeRegression) -> None:
        self.make = make

    def fit(self, contacts: Contacts, seed: int) -> "XLearner":
        """Learn from contacts."""
        arms = _fit_arms(self.make, contacts, seed)
        expected, y = _predict_arms(arms, contacts.X), contacts.centered()
        self.pairs_ = []
        for k in range(len(contacts.actions)):
            treated = contacts.arm == k + 1
            control = (contacts.arm == 0) & contacts.tried[:, k]
            gained = np.where(treated, y - expected[:, 0], expected[:, k + 1] - y)
            tau_1 = _fit_arm(self.make, contacts, gained, treated, seed + 2 * k)
            tau_0 = _fit_arm(self.make, contacts, gained, control, seed + 2 * k + 1)
            share = treated.sum() / (treated.sum() + control.sum())
            self.pairs_.append((share, tau_0, tau_1))
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict the effect of each action on each row, shape (n, n_actions)."""
        return np.column_stack(
            [g * tau_0.predict(X) + (1 - g) * tau_1.predict(X) for g, tau_0, tau_1 in self.pairs_]
        )


class DRLearner:
    """Doubly robust scores, cross-fitted, regressed on the features.

    Unbiased in its scores whatever the regressions of the outcome are, since the probabilities
    of arms are known; each score counts by its precision.
    """

    def __init__(self, make: MakeRegression) -> None:
        self.make = make

    def fit(self, contacts: Contacts, seed: int) -> "DRLearner":
        """Learn from contacts."""
        fold = contacts.fold_of(_N_FOLDS, np.random.default_rng(seed))
        expected = expected_outcomes(contacts, fold, self.make, seed)
        scores = effect_scores(contacts.centered(), contacts.arm, contacts.pscore, expected)
        self.effects_ = []
        for k in range(len(contacts.actions)):
            rows = contacts.tried[:, k]
            regression = self.make(int(rows.sum()), seed + k)
            precision = contacts.precision[rows, k]
            weight = precision / precision.mean()
            self.effects_.append(
                regression.fit(contacts.X[rows], scores[rows, k], sample_weight=weight)
            )
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict the effect of each action on each row, shape (n, n_actions)."""
        return np.column_stack([effect.predict(X) for effect in self.effects_])


def expected_outcomes(
    contacts: Contacts, fold: np.ndarray, make: MakeRegression, seed: int
) -> np.ndarray:
    """Predict the outcome of each contact under each arm, less its campaign's level.

    Parameters
    ----------
    contacts : Contacts
    fold : array of int, shape (n,)
        A customer's fold is predicted by what was learnt from the others.
    make : callable
        Makes a regression.
    seed : int

    Returns
    -------
    array of shape (n, n_actions + 1)
        Control first.
    """
    expected = np.zeros((len(contacts), len(contacts.actions) + 1))
    for number in np.unique(fold):
        held = fold == number
        learn = contacts.take(~held)
        expected[held] = expect_arms(learn, contacts.X[held], make, seed + int(number))
    return expected


def expect_arms(learn: Contacts, X: np.ndarray, make: MakeRegression, seed: int) -> np.ndarray:
    """Predict the outcome of fresh rows under each arm, shape (n, n_actions + 1)."""
    return _predict_arms(_fit_arms(make, learn, seed), X)


LEARNERS: Mapping[str, Callable[[], Learner]] = {
    "s_linear": lambda: SLearner(Ridge, cross_arm),
    "t_linear": lambda: TLearner(Ridge),
    "x_linear": lambda: XLearner(Ridge),
    "dr_linear": lambda: DRLearner(Ridge),
    "s_trees": lambda: SLearner(make_trees, append_arm),
    "t_trees": lambda: TLearner(make_trees),
    "x_trees": lambda: XLearner(make_trees),
    "dr_trees": lambda: DRLearner(make_trees),
}
"""The learners that need nothing but this package, by name."""


def available_learners(names: Sequence[str] = ()) -> dict[str, Callable[[], Learner]]:
    """Give the learners that can be fitted here; the forest where its package is installed.

    Parameters
    ----------
    names : sequence of str, default ()
        Those to be tried; empty: all.

    Raises
    ------
    ParameterError
        If a name is no learner, or its package is not installed.
    """
    found = dict(LEARNERS)
    if importlib.util.find_spec("econml") is not None:
        found[FOREST] = CausalForest
    for name in names:
        if name not in found:
            raise ParameterError(
                f"Expected 04d_uplift.learners among {sorted(found)}, found {name!r}; name one of "
                "these, or `make econml` for the causal forest."
            )
    return {name: found[name] for name in names or found}
