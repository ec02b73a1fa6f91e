"""Maximum likelihood of positive parameters, with intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

__all__ = ["Estimate", "maximise"]

_LOG_BOUND = 12.0
_FLAT_REACH = 1.0  # on the log scale; without a top, what is so far out is on its way there
_Z_95 = 1.959964
_N_NEWTON = 3


@dataclass(frozen=True)
class Estimate:
    """One parameter with its 95 % interval (observed information on the log scale).

    Parameters
    ----------
    value, lower, upper : float
        The ends are nan where the likelihood is too flat to give any.
    """

    value: float
    lower: float
    upper: float


def maximise(
    likelihood: Callable[[np.ndarray], tuple[float, np.ndarray]],
    starts: list[tuple[float, ...]],
    names: tuple[str, ...],
) -> tuple[np.ndarray, dict]:
    """Climb a likelihood of positive parameters from each start and keep the highest end.

    Parameters
    ----------
    likelihood : callable
        Takes the parameters; gives the log-likelihood and its gradient by log parameter.
    starts : list of tuple
        Where to start from.
    names : tuple of str
        Names of the parameters.

    Returns
    -------
    array of shape (n_parameters,)
        The parameters of the highest likelihood found.
    dict
        `log_likelihood`, `is_converged` (false if a parameter ran to its bound, or the likelihood
        is flat at its top), `at_bound` (the names of those that did), `log_covariance` (of the
        logarithms of the parameters, nan where the likelihood is flat), and an `Estimate` for
        each parameter.
    """

    def loss(log_theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = likelihood(np.exp(log_theta))
        return -value / scale, -gradient / scale

    scale = max(abs(likelihood(np.array(starts[0]))[0]), 1.0)
    ends = [
        minimize(
            loss,
            np.log(start),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-_LOG_BOUND, _LOG_BOUND)] * len(names),
            options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000},
        )
        for start in starts
    ]
    best = min(ends, key=lambda end: end.fun)

    def slope(log_theta: np.ndarray) -> np.ndarray:
        return loss(log_theta)[1] * scale

    information = _information(slope, best.x)
    best.x = _polish(slope, information, best.x)
    covariance = _inverse(information)
    half = _Z_95 * np.sqrt(np.diag(covariance))
    with np.errstate(over="ignore"):  # of a flat likelihood the upper end is infinite
        ends = zip(np.exp(best.x), np.exp(best.x - half), np.exp(best.x + half), strict=True)
    estimates = {
        name: Estimate(*map(float, found)) for name, found in zip(names, ends, strict=True)
    }
    is_flat = not np.isfinite(covariance).all()
    at_bound = _at_bound(names, best.x, is_flat)
    facts = {
        "log_likelihood": float(-best.fun * scale),
        "is_converged": not at_bound and not is_flat,
        "at_bound": at_bound,
        "log_covariance": covariance,
    }
    return np.exp(best.x), facts | estimates


def _at_bound(names: tuple[str, ...], at: np.ndarray, is_flat: bool) -> tuple[str, ...]:
    """Name the parameters that ran to their bound.

    Where nothing grows any more, the search stops a little before it on some processors.
    """
    least = _LOG_BOUND - (_FLAT_REACH if is_flat else 1e-6)
    return tuple(name for name, one in zip(names, at, strict=True) if abs(one) >= least)


def _information(gradient: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """Observed information, from differences of the gradient of the negative log-likelihood."""
    step = 1e-4
    information = np.array(
        [(gradient(at + step * unit) - gradient(at - step * unit)) for unit in np.eye(len(at))]
    ) / (2 * step)
    return (information + information.T) / 2


def _inverse(information: np.ndarray) -> np.ndarray:
    if np.any(np.linalg.eigvalsh(information) <= 1e-8):
        return np.full_like(information, np.nan)
    return np.linalg.inv(information)


def _polish(
    gradient: Callable[[np.ndarray], np.ndarray], information: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Go the last step to the top by Newton, so that every processor ends at the same numbers.

    The search stops where the likelihood no longer grows in sixteen digits, which leaves the
    parameters free in the eighth. What ran to its bound stays there; where the likelihood is
    too flat for a small step, all stay.
    """
    free = np.abs(at) < _LOG_BOUND - 1e-6
    covariance = _inverse(information[np.ix_(free, free)])
    if not np.all(np.isfinite(covariance)):
        return at
    end = at.copy()
    for _ in range(_N_NEWTON):
        end[free] -= covariance @ gradient(end)[free]
    is_near = np.all(np.abs(end - at) < 0.01) and np.all(np.abs(end[free]) < _LOG_BOUND - 1e-6)
    return end if is_near else at
