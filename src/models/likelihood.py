"""Maximum likelihood of positive parameters, with intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

__all__ = ["Estimate", "maximise"]

_LOG_BOUND = 12.0
_Z_95 = 1.959964


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
        `log_likelihood`, `is_converged` (false if a parameter ran to its bound), and an
        `Estimate` for each parameter.
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
    spread = _log_spread(lambda log_theta: loss(log_theta)[1] * scale, best.x)
    estimates = {
        name: Estimate(
            float(np.exp(at)), float(np.exp(at - _Z_95 * sd)), float(np.exp(at + _Z_95 * sd))
        )
        for name, at, sd in zip(names, best.x, spread, strict=True)
    }
    is_inside = bool(np.all(np.abs(best.x) < _LOG_BOUND - 1e-6))
    facts = {"log_likelihood": float(-best.fun * scale), "is_converged": is_inside}
    return np.exp(best.x), facts | estimates


def _log_spread(gradient: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """Take standard errors from the observed information: differences of the gradient."""
    step = 1e-4
    information = np.array(
        [(gradient(at + step * unit) - gradient(at - step * unit)) for unit in np.eye(len(at))]
    ) / (2 * step)
    information = (information + information.T) / 2
    if np.any(np.linalg.eigvalsh(information) <= 1e-8):
        return np.full(len(at), np.nan)
    return np.sqrt(np.diag(np.linalg.inv(information)))
