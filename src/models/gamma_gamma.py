"""What a purchase is worth: the Gamma-Gamma model of value per purchase."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, psi

from src.errors import ParameterError
from src.models.likelihood import maximise

__all__ = ["GammaGamma", "fit_gamma_gamma", "predict_order_value"]


@dataclass(frozen=True)
class GammaGamma:
    r"""Fitted Gamma-Gamma: values :math:`\Gamma(p, \nu)` with :math:`\nu \sim \Gamma(q, \gamma)`.

    Parameters
    ----------
    p, q : float
        Shapes; the mean over customers exists only if `q` > 1.
    gamma : float
        Rate of the rates, in the unit of value of the data.
    """

    p: float
    q: float
    gamma: float

    @property
    def mean_value(self) -> float:
        """Mean value of one purchase over all customers; infinite if it does not exist."""
        return self.p * self.gamma / (self.q - 1) if self.q > 1 else float("inf")

    def order_value(self, n_values: np.ndarray, mean_value: np.ndarray) -> np.ndarray:
        """Expect a value of each customer's next purchase, as `predict_order_value` does."""
        return predict_order_value(self, n_values, mean_value)


def fit_gamma_gamma(n_values: np.ndarray, mean_value: np.ndarray) -> tuple[GammaGamma, dict]:
    r"""Fit the Gamma-Gamma model of value per purchase by maximum likelihood.

    .. math:: L(\bar z, x) = \frac{\Gamma(p x + q)}{\Gamma(p x) \Gamma(q)}
              \frac{\gamma^q \bar z^{p x - 1} x^{p x}}{(\gamma + x \bar z)^{p x + q}}

    Parameters
    ----------
    n_values : array of shape (n_customers,), > 0
        Purchases :math:`x` that the mean is over.
    mean_value : array of shape (n_customers,), > 0
        Mean value :math:`\bar z` of a customer's purchases.

    Returns
    -------
    GammaGamma
        The fitted model.
    dict
        `log_likelihood`, `n_customers`, `is_converged`, and an `Estimate` for each of
        `p`, `q`, `gamma`.

    Raises
    ------
    ParameterError
        If there are no customers, or a count or mean is not above zero.

    References
    ----------
    .. Fader, P. and Hardie, B. (2013). The Gamma-Gamma model of monetary value.
    """
    if len(n_values) == 0 or np.any(n_values <= 0) or np.any(mean_value <= 0):
        raise ParameterError(
            f"Expected purchases and mean values above zero, found {len(n_values)} customers, some "
            "of them at or below zero; leave these out."
        )
    rows, weight = np.unique(
        np.column_stack([n_values, mean_value]).astype(float), axis=0, return_counts=True
    )
    x, z = rows.T
    scale = float(np.median(z))
    fitted, facts = maximise(
        lambda theta: _gamma_gamma_likelihood(theta, x, z, weight),
        [(5.0, 4.0, scale * 0.6), (1.0, 2.0, scale)],
        ("p", "q", "gamma"),
    )
    return GammaGamma(*map(float, fitted)), facts | {"n_customers": int(weight.sum())}


def _gamma_gamma_likelihood(
    theta: np.ndarray, x: np.ndarray, z: np.ndarray, weight: np.ndarray
) -> tuple[float, np.ndarray]:
    """Log-likelihood and its gradient by log parameter."""
    p, q, gamma = theta
    px, log_sum = p * x, np.log(gamma + x * z)
    log_likelihood = (
        gammaln(px + q)
        - gammaln(px)
        - gammaln(q)
        + q * np.log(gamma)
        + (px - 1) * np.log(z)
        + px * np.log(x)
        - (px + q) * log_sum
    )
    gradient = np.array(
        [
            weight @ (x * (psi(px + q) - psi(px) + np.log(z) + np.log(x) - log_sum)),
            weight @ (psi(px + q) - psi(q) + np.log(gamma) - log_sum),
            weight @ (q / gamma - (px + q) / (gamma + x * z)),
        ]
    )
    return float(weight @ log_likelihood), gradient * theta


def predict_order_value(
    model: GammaGamma, n_values: np.ndarray, mean_value: np.ndarray
) -> np.ndarray:
    r"""Expect a value of each customer's next purchase: the own mean, drawn towards all's.

    .. math:: E[M] = \frac{p (\gamma + x \bar z)}{p x + q - 1}

    Parameters
    ----------
    model : GammaGamma
    n_values : array of shape (n_customers,), >= 0
        Purchases that the mean is over; 0 gives the mean over all customers.
    mean_value : array of shape (n_customers,), >= 0
        Mean value of a purchase; of no account where `n_values` is 0.

    Returns
    -------
    array of shape (n_customers,)
        Same unit as `mean_value`; infinite where the model has no mean.

    Examples
    --------
    >>> cdnow = GammaGamma(p=6.25, q=3.74, gamma=15.44)
    >>> predict_order_value(cdnow, np.array([0, 2]), np.array([0.0, 22.35])).round(2)
    array([35.22, 24.66])
    """
    x = np.asarray(n_values, dtype=float)
    spread = model.p * x + model.q - 1
    total = model.p * (model.gamma + x * np.where(x > 0, mean_value, 0.0))
    return np.divide(total, spread, out=np.full(len(x), np.inf), where=spread > 0)
