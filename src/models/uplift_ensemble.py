"""The champion learnt anew from resamples of the customers: estimates with their uncertainty."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from src.metrics.uplift_heterogeneity import effect_slope
from src.models.uplift_comparison import Comparison
from src.models.uplift_contacts import Contacts
from src.models.uplift_effects import draw_effects
from src.models.uplift_learners import Learner

__all__ = ["Champion", "Ensemble", "fit_ensemble"]


@dataclass(frozen=True)
class Champion:
    """The learner of one action, fitted on each resample.

    Parameters
    ----------
    place : int
        Of the action among those the learner predicts.
    slopes, centers : array of shape (n_members,)
    members : tuple of Learner
    """

    place: int
    slopes: np.ndarray
    centers: np.ndarray
    members: tuple[Learner, ...]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Let each member predict each row, shape (n_rows, n_members)."""
        return np.column_stack([member.predict(X)[:, self.place] for member in self.members])


@dataclass(frozen=True)
class Ensemble:
    r"""Effects as they would have been learnt from other customers of the same kind.

    Member k of every action rests on the same resample, so that differences between actions are
    joint. Its effect on a customer is

    .. math:: \hat\tau_{k}(x) = \bar\tau_k + \beta_k\,(f_k(x) - \bar f_k)

    with the mean effect :math:`\bar\tau_k` of the resample, the champion's prediction
    :math:`f_k`, its mean over the history, and :math:`\beta_k \ge 0` the size of true differences
    for one predicted, on held-out customers of the resample (below 1, predictions are drawn in).
    In all three a contact counts by its precision.
    Without a champion, :math:`\beta_k = 0`.

    Parameters
    ----------
    effects : dict of arrays of shape (n_members,)
        Mean effects, by action.
    champions : dict of Champion
        By action; an action without one has the mean effect for everybody.
    """

    effects: dict[str, np.ndarray]
    champions: dict[str, Champion]

    def draw(self, X: np.ndarray, action: str) -> np.ndarray:
        """Effect of one action on each row by each member, shape (n_rows, n_members)."""
        if action not in self.champions:
            return np.tile(self.effects[action], (len(X), 1))
        champion = self.champions[action]
        differences = champion.predict(X) - champion.centers
        return self.effects[action] + champion.slopes * differences


def fit_ensemble(
    contacts: Contacts,
    comparison: Comparison | None,
    champions: Mapping[str, str],
    learners: Mapping[str, Callable[[], Learner]],
    seed: int,
    n_members: int = 50,
) -> Ensemble:
    """Fit champions on resamples of the customers.

    Parameters
    ----------
    contacts : Contacts
        Of all actions with a history.
    comparison : Comparison or None
        Of the learners; None if none was tried.
    champions : mapping of str to str
        Learner by action.
    learners : mapping of str to callable
    seed : int
        Of resamples and learners.
    n_members : int, default 50
    """
    rng = np.random.default_rng(seed)
    n = contacts.n_customers
    times = np.array([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(n_members)])
    effects = draw_effects(contacts, times)
    fitted = {
        name: _fit_members(comparison.contacts, learners[name], times, seed)
        for name in sorted(set(champions.values()))
    }
    return Ensemble(
        dict(zip(contacts.actions, effects.T, strict=True)),
        {
            action: _champion(comparison, name, action, fitted[name], times)
            for action, name in champions.items()
        },
    )


def _fit_members(
    contacts: Contacts, make: Callable[[], Learner], times: np.ndarray, seed: int
) -> tuple[Learner, ...]:
    return tuple(make().fit(contacts.repeat(counts), seed + k) for k, counts in enumerate(times))


def _champion(
    comparison: Comparison,
    name: str,
    action: str,
    members: tuple[Learner, ...],
    times: np.ndarray,
) -> Champion:
    contacts = comparison.contacts
    place = contacts.actions.index(action)
    rows = contacts.tried[:, place]
    centers = [
        np.average(
            member.predict(contacts.X[rows])[:, place],
            weights=contacts.precision[rows, place] * counts[contacts.customer[rows]],
        )
        for member, counts in zip(members, times, strict=True)
    ]
    slopes = [_slope(comparison, name, place, counts) for counts in times]
    return Champion(place, np.array(slopes), np.array(centers), members)


def _slope(comparison: Comparison, name: str, place: int, times: np.ndarray) -> float:
    """Size of true differences for one predicted, on a resample's held-out customers."""
    contacts = comparison.contacts
    rows = contacts.tried[:, place]
    weight = times[contacts.customer[rows]] * contacts.precision[rows, place]
    predicted = comparison.held_out.predicted[name][rows, place]
    return float(max(0.0, effect_slope(comparison.scores[rows, place], predicted, weight)))
