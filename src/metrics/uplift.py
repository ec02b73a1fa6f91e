"""Uplift curves: whether a ranking of customers finds those whom a message changes."""

import numpy as np

from src.errors import ParameterError

__all__ = [
    "auuc",
    "profit_curve",
    "qini_coefficient",
    "qini_curve",
    "uplift_at_k",
    "uplift_curve",
]


def uplift_curve(
    outcome: np.ndarray,
    is_treated: np.ndarray,
    uplift: np.ndarray,
    weight: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Gain per customer if only the best-ranked share were treated.

    .. math:: g(n) = \left(\bar y_t(n) - \bar y_c(n)\right) \frac{n}{N}

    over the `n` best ranked; 0 while an arm is still empty. Customers with equal `uplift` enter
    together, so the order of rows is of no account.

    Parameters
    ----------
    outcome : array of shape (n_customers,)
        What happened, such as margin; higher is better.
    is_treated : array of shape (n_customers,), of bool or 0/1
        Whether the customer got the action, else control.
    uplift : array of shape (n_customers,)
        Predicted effect; the highest is ranked first.
    weight : array of shape (n_customers,), > 0, optional
        One over the probability of the arm drawn, where that differs between customers.

    Returns
    -------
    share : array of shape (n_points,), in [0, 1]
        Share of customers treated, from 0 to 1.
    gain : array of shape (n_points,)
        Gain per customer of all, unit of `outcome`; ends at the mean effect.

    References
    ----------
    .. Gutierrez, P. and Gérardy, J.-Y. (2017). Causal inference and uplift modelling: a review
       of the literature. PMLR 67.

    Examples
    --------
    >>> share, gain = uplift_curve(
    ...     np.array([3.0, 1.0, 1.0, 1.0]), np.array([1, 0, 1, 0]), np.array([2.0, 2.0, 0.0, 0.0])
    ... )
    >>> share, gain
    (array([0. , 0.5, 1. ]), array([0., 1., 1.]))
    """
    share, y_t, y_c, n_t, n_c = _cumulate(outcome, is_treated, uplift, weight)
    mean_t, mean_c = _ratio(y_t, n_t), _ratio(y_c, n_c)
    both = (n_t > 0) & (n_c > 0)
    return share, np.where(both, mean_t - mean_c, 0.0) * share


def auuc(
    outcome: np.ndarray,
    is_treated: np.ndarray,
    uplift: np.ndarray,
    weight: np.ndarray | None = None,
) -> float:
    """Area under `uplift_curve`; half the mean effect for a ranking that knows nothing.

    Parameters
    ----------
    outcome, is_treated, uplift, weight
        As in `uplift_curve`.

    Returns
    -------
    float
        Unit of `outcome`; higher is better.
    """
    share, gain = uplift_curve(outcome, is_treated, uplift, weight)
    return float(np.trapezoid(gain, share))


def profit_curve(
    outcome: np.ndarray,
    is_treated: np.ndarray,
    uplift: np.ndarray,
    cost_value: float,
    weight: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Profit per customer if only the best-ranked share were treated, the messages paid.

    .. math:: \pi(n) = g(n) - c\,\frac{n}{N}

    Parameters
    ----------
    outcome, is_treated, uplift, weight
        As in `uplift_curve`, where :math:`g` is from.
    cost_value : float
        Cost :math:`c` of treating one customer, unit of `outcome`.

    Returns
    -------
    share : array of shape (n_points,), in [0, 1]
    profit : array of shape (n_points,)
        Unit of `outcome`; where it is highest is the share to treat.

    Examples
    --------
    >>> share, profit = profit_curve(
    ...     np.array([3.0, 1.0, 1.0, 1.0]), np.array([1, 0, 1, 0]), np.array([2.0, 2, 0, 0]), 0.4
    ... )
    >>> profit
    array([0. , 0.8, 0.6])
    """
    share, gain = uplift_curve(outcome, is_treated, uplift, weight)
    return share, gain - cost_value * share


def qini_curve(
    outcome: np.ndarray,
    is_treated: np.ndarray,
    uplift: np.ndarray,
    weight: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Incremental outcome per treated customer, as the best-ranked share grows.

    .. math:: q(n) = \frac{1}{N_t}\left(Y_t(n) - Y_c(n) \frac{N_t(n)}{N_c(n)}\right)

    with sums over the `n` best ranked, the second term 0 while there is no control among them,
    and :math:`N_t` all treated. Equal `uplift` enters together.

    Parameters
    ----------
    outcome, is_treated, uplift, weight
        As in `uplift_curve`.

    Returns
    -------
    share : array of shape (n_points,), in [0, 1]
    gain : array of shape (n_points,)
        Unit of `outcome`; ends at the mean effect.

    References
    ----------
    .. Radcliffe, N. (2007). Using control groups to target on predicted lift. Direct Marketing
       Analytics Journal.
    """
    share, y_t, y_c, n_t, n_c = _cumulate(outcome, is_treated, uplift, weight)
    return share, (y_t - _ratio(y_c, n_c) * n_t) / n_t[-1]


def qini_coefficient(
    outcome: np.ndarray,
    is_treated: np.ndarray,
    uplift: np.ndarray,
    weight: np.ndarray | None = None,
) -> float:
    """Area between `qini_curve` and the straight line of a ranking that knows nothing.

    It is left in the unit of the outcome, per treated customer, and not divided by a perfect
    ranking's area: that area is unknown for outcomes in money and can be 0 when effects cancel.

    Parameters
    ----------
    outcome, is_treated, uplift, weight
        As in `uplift_curve`.

    Returns
    -------
    float
        0 for a ranking that knows nothing, negative for one that is worse; higher is better.
    """
    share, gain = qini_curve(outcome, is_treated, uplift, weight)
    return float(np.trapezoid(gain - share * gain[-1], share))


def uplift_at_k(
    outcome: np.ndarray,
    is_treated: np.ndarray,
    uplift: np.ndarray,
    k: float = 0.3,
    weight: np.ndarray | None = None,
) -> float:
    """Effect among the best-ranked share: mean of treated minus mean of control.

    Customers that tie at the border count in part, as they would on average in random order.

    Parameters
    ----------
    outcome, is_treated, uplift, weight
        As in `uplift_curve`.
    k : float, in (0, 1], default 0.3
        Share of customers looked at.

    Returns
    -------
    float
        Unit of `outcome`; nan if an arm is empty among them.
    """
    if not 0 < k <= 1:
        raise ParameterError(f"Expected a share k above 0 and at most 1, found {k}.")
    share, *sums = _cumulate(outcome, is_treated, uplift, weight)
    y_t, y_c, n_t, n_c = (float(np.interp(k, share, total)) for total in sums)
    return y_t / n_t - y_c / n_c if n_t > 0 and n_c > 0 else float("nan")


def _cumulate(
    outcome: np.ndarray, is_treated: np.ndarray, uplift: np.ndarray, weight: np.ndarray | None
) -> tuple[np.ndarray, ...]:
    """Sum over the best ranked at the end of each group of ties, from nobody to all."""
    outcome, uplift = np.asarray(outcome, dtype=float), np.asarray(uplift, dtype=float)
    treated = np.asarray(is_treated).astype(bool)
    weight = np.ones(len(outcome)) if weight is None else np.asarray(weight, dtype=float)
    _check(outcome, treated, uplift, weight)
    levels, group = np.unique(-uplift, return_inverse=True)
    arms = (
        np.ones(len(outcome)),
        weight * outcome * treated,
        weight * outcome * ~treated,
        weight * treated,
        weight * ~treated,
    )
    sums = [np.bincount(group, weights=arm, minlength=len(levels)) for arm in arms]
    count, *rest = (np.concatenate([[0.0], np.cumsum(total)]) for total in sums)
    return count / count[-1], *rest


def _check(
    outcome: np.ndarray, treated: np.ndarray, uplift: np.ndarray, weight: np.ndarray
) -> None:
    if not len(outcome) == len(treated) == len(uplift) == len(weight):
        raise ParameterError(
            f"Expected arrays of one length, found {len(outcome)}, {len(treated)}, {len(uplift)} "
            f"and {len(weight)}; give one row per customer in each."
        )
    if treated.all() or not treated.any():
        raise ParameterError(
            f"Expected treated and control customers, found {int(treated.sum())} treated of "
            f"{len(treated)}; an effect needs both."
        )
    if not (np.isfinite(outcome).all() and np.isfinite(uplift).all() and (weight > 0).all()):
        raise ParameterError(
            "Expected finite outcomes and scores and weights above 0, found others; drop them."
        )


def _ratio(total: np.ndarray, n: np.ndarray) -> np.ndarray:
    return np.divide(total, n, out=np.zeros_like(total), where=n > 0)
