"""Probabilities made honest: mapped to the rates seen among customers not fitted on."""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from src.errors import ParameterError
from src.metrics.classification import check_probabilities, log_loss

__all__ = ["METHODS", "Calibration", "cross_calibrate", "fit_calibration"]

METHODS = ("none", "platt", "isotonic")
"""Ways to calibrate, the simplest first."""

_FLOOR = 1e-6


@dataclass(frozen=True)
class Calibration:
    """A rising map from raw to calibrated probability.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    slope, intercept : float
        Of the straight line in log-odds (Platt).
    knots_raw, knots_rate : tuple of float
        Corners of the rising steps, joined by straight lines (isotonic).
    """

    method: str
    slope: float = 1.0
    intercept: float = 0.0
    knots_raw: tuple[float, ...] = ()
    knots_rate: tuple[float, ...] = ()

    @property
    def is_flat(self) -> bool:
        """Whether every raw probability becomes the same."""
        if self.method == "isotonic":
            return len(set(self.knots_rate)) == 1
        return self.method == "platt" and self.slope == 0

    def predict(self, raw: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of shape (n,) for raw ones."""
        raw = np.asarray(raw, dtype=float)
        if self.method == "isotonic":
            return np.interp(raw, self.knots_raw, self.knots_rate)
        if self.method == "platt":
            return expit(self.intercept + self.slope * _log_odds(raw))
        return raw

    def to_json(self) -> dict[str, object]:
        """Plain values that make the same map again."""
        return asdict(self) | {
            "knots_raw": list(self.knots_raw),
            "knots_rate": list(self.knots_rate),
        }

    @classmethod
    def from_json(cls, plain: dict) -> "Calibration":
        """Make the map that `to_json` wrote down."""
        knots = {name: tuple(plain[name]) for name in ("knots_raw", "knots_rate")}
        return cls(plain["method"], plain["slope"], plain["intercept"], **knots)


def fit_calibration(y: np.ndarray, raw: np.ndarray, method: str) -> Calibration:
    """Learn the map from raw probabilities to what happened.

    Parameters
    ----------
    y : array of shape (n,)
        What happened to customers the raw model was not fitted on, 0 or 1.
    raw : array of shape (n,), in [0, 1]
        Its probabilities for them.
    method : str
        `none`; `platt`, a line in log-odds with a slope of at least 0 and Platt's softened
        labels; or `isotonic`, the best rising map, kept away from 0 and 1 by 1 / (n + 2).

    References
    ----------
    .. Platt, J. (1999). Probabilistic outputs for support vector machines.
    .. Zadrozny, B. and Elkan, C. (2002). Transforming classifier scores into accurate
       multiclass probability estimates. KDD.
    """
    y, raw = check_probabilities(y, raw)
    if method == "none":
        return Calibration("none")
    if method == "platt":
        return _fit_platt(y, raw)
    if method == "isotonic":
        return _fit_isotonic(y, raw)
    raise ParameterError(f"Expected a calibration among {METHODS}, found {method!r}.")


def _fit_platt(y: np.ndarray, raw: np.ndarray) -> Calibration:
    n_yes, n_no = y.sum(), (1 - y).sum()
    target = np.where(y == 1, (n_yes + 1) / (n_yes + 2), 1 / (n_no + 2))
    x = _log_odds(raw)

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        score = line[0] * x + line[1]
        error = expit(score) - target
        value = np.mean(np.logaddexp(0.0, score) - target * score)
        return value, np.array([np.mean(error * x), np.mean(error)])

    found = minimize(
        loss, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)]
    )
    return Calibration("platt", slope=float(found.x[0]), intercept=float(found.x[1]))


def _fit_isotonic(y: np.ndarray, raw: np.ndarray) -> Calibration:
    fitted = IsotonicRegression(out_of_bounds="clip").fit(raw, y)
    margin = 1 / (len(y) + 2)
    rates = np.clip(fitted.y_thresholds_, margin, 1 - margin)
    return Calibration(
        "isotonic",
        knots_raw=tuple(float(knot) for knot in fitted.X_thresholds_),
        knots_rate=tuple(float(rate) for rate in rates),
    )


def cross_calibrate(
    y: np.ndarray, raw: np.ndarray, fold: np.ndarray
) -> tuple[Calibration, np.ndarray]:
    """Choose the way to calibrate on customers it was not learnt from, then learn it from all.

    Parameters
    ----------
    y : array of shape (n,)
        What happened, 0 or 1.
    raw : array of shape (n,), in [0, 1]
        Probabilities by models that were not fitted on the customer.
    fold : array of shape (n,)
        Part of the customers each belongs to. The map applied to a part is learnt from the
        other parts.

    Returns
    -------
    Calibration
        Of the method with the least log loss (the simplest of equals), learnt from all rows.
    array of shape (n,)
        Its probabilities for each part, learnt from the others: to compare candidates on.
    """
    crossed = {method: _cross_predict(y, raw, fold, method) for method in METHODS}
    best = min(METHODS, key=lambda method: log_loss(y, crossed[method]))
    return fit_calibration(y, raw, best), crossed[best]


def _cross_predict(y: np.ndarray, raw: np.ndarray, fold: np.ndarray, method: str) -> np.ndarray:
    p = np.empty(len(y))
    for part in np.unique(fold):
        inside = fold == part
        learnt_from = ~inside if (~inside).any() else inside
        p[inside] = fit_calibration(y[learnt_from], raw[learnt_from], method).predict(raw[inside])
    return p


def _log_odds(p: np.ndarray) -> np.ndarray:
    return logit(np.clip(p, _FLOOR, 1 - _FLOOR))
