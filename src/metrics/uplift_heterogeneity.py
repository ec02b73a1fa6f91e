"""Whether customers differ in what an action does to them: scores, test, slope, calibration."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from src.errors import ParameterError

__all__ = ["calibrate_effects", "effect_scores", "effect_slope", "judge_rankings"]


def effect_scores(
    outcome: np.ndarray,
    arm: np.ndarray,
    pscore: np.ndarray,
    expected: np.ndarray,
) -> np.ndarray:
    r"""Doubly robust score of each action's effect on each contact.

    .. math:: \Gamma_{ia} = \hat\mu_a(x_i) - \hat\mu_0(x_i)
              + \frac{1\{A_i = a\}}{p_i}\left(y_i - \hat\mu_a(x_i)\right)
              - \frac{1\{A_i = 0\}}{p_i}\left(y_i - \hat\mu_0(x_i)\right)

    Its expectation given :math:`x_i` is the effect, whatever :math:`\hat\mu` is, since
    :math:`p_i` is the known probability of the arm drawn. Single scores are noisy: only their
    means say anything.

    Parameters
    ----------
    outcome : array of shape (n,)
    arm : array of int, shape (n,)
        Arm drawn; 0 is control, k the k-th action.
    pscore : array of shape (n,), in (0, 1]
        Probability with which that arm was drawn.
    expected : array of shape (n, n_actions + 1)
        Expected outcome :math:`\hat\mu` under each arm, learnt from other customers.

    Returns
    -------
    array of shape (n, n_actions)
        Unit of the outcome.

    References
    ----------
    .. Robins, J., Rotnitzky, A. and Zhao, L. (1994). Estimation of regression coefficients when
       some regressors are not always observed. JASA 89(427).
    """
    rows = np.arange(len(outcome))
    residual = np.zeros_like(expected)
    residual[rows, arm] = (outcome - expected[rows, arm]) / pscore
    total = expected + residual
    return total[:, 1:] - total[:, :1]


def effect_slope(
    scores: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None
) -> float:
    r"""Slope :math:`\beta` of the effect on its prediction (best linear predictor).

    .. math:: \beta = \mathrm{Cov}(\Gamma, S) / \mathrm{Var}(S)

    1: predicted differences are of the right size; 0: customers do not differ as predicted.

    Parameters
    ----------
    scores : array of shape (n,)
        From `effect_scores`.
    predicted : array of shape (n,)
        For customers not learnt from.
    weight : array of shape (n,), optional
        How often each row counts.

    Returns
    -------
    float
        0 if all predictions are equal.

    References
    ----------
    .. Chernozhukov, V., Demirer, M., Duflo, E. and Fernández-Val, I. (2018). Generic machine
       learning inference on heterogeneous treatment effects in randomized experiments. NBER
       24678.
    """
    weight = np.ones(len(scores)) if weight is None else weight
    centred = predicted - np.average(predicted, weights=weight)
    spread = weight @ centred**2
    return float((weight * centred) @ scores / spread) if spread > 1e-12 else 0.0


def judge_rankings(
    scores: np.ndarray,
    tried: np.ndarray,
    rankings: Mapping[str, np.ndarray],
    customers: np.ndarray,
    seed: int,
    fold: np.ndarray | None = None,
    n_draws: int = 4000,
    level: float = 0.95,
) -> pd.DataFrame:
    r"""Test whether any of several rankings finds customers whose effect is larger.

    The statistic is the covariance of effect and rank, which is the population's Qini
    coefficient (RATE with linear weights):

    .. math:: \theta = \frac1n \sum_i (\Gamma_i - \bar\Gamma)\,(r_i - \tfrac12)

    with :math:`r_i` the share of contacts ranked below, ties in the middle; by fold, and the
    studentised statistics of the folds are added up. A fold's ranking must come from *earlier*
    folds only: in plain cross-validation, two folds that each predict the other agree by chance
    twice, which an error that takes them for independent does not see.

    Since the best of many is looked for, its size is judged against the distribution of the
    *largest* of all statistics when no customer differs (Gaussian multipliers over customers):
    under a constant effect, the chance that any ranking of any action has `p_corrected` of at
    most .05 is at most 5 %, up to the normal approximation.

    Parameters
    ----------
    scores : array of shape (n, n_actions)
        From `effect_scores`.
    tried : array of bool, shape (n, n_actions)
        Whether the action could have been drawn for the contact.
    rankings : mapping of str to array of shape (n, n_actions)
        Predicted effects, for customers not learnt from.
    customers : array of int, shape (n,)
        Who the contact is with, from 0; a customer's contacts are not independent.
    seed, n_draws
        Of the multipliers.
    fold : array of int, shape (n,), optional
        Fold of each contact; a negative one is not judged. Without it all are one fold.
    level : float, default 0.95
        Of the simultaneous one-sided bound.

    Returns
    -------
    DataFrame
        One row per ranking and action (its number): `ranking`, `action_number`, `rank_effect`
        (unit of the outcome), `standard_error`, `t`, `p_value` (of it alone), `p_corrected`, and
        `lower_corrected`, below which none of the true values lies with probability `level`.

    References
    ----------
    .. Yadlowsky, S. et al. (2025). Evaluating treatment prioritization rules via rank-weighted
       average treatment effects. JASA 120(549).
    .. Chernozhukov, V., Chetverikov, D. and Kato, K. (2013). Gaussian approximations and
       multiplier bootstrap for maxima of sums of high-dimensional random vectors. Annals of
       Statistics 41(6).
    .. Wager, S. (2024). Sequential validation of treatment heterogeneity. arXiv 2405.05534.
    .. White, H. (2000). A reality check for data snooping. Econometrica 68(5).
    """
    keys = [(name, a) for name in rankings for a in range(scores.shape[1])]
    if not keys:
        raise ParameterError("Expected at least one ranking of one action to test, found none.")
    fold = np.zeros(len(scores), dtype=int) if fold is None else fold
    found = [
        _over_folds(scores[:, a], rankings[name][:, a], np.where(tried[:, a], fold, -1), customers)
        for name, a in keys
    ]
    effect, error, t = (np.array(values) for values in list(zip(*found, strict=True))[:3])
    largest = _largest_by_chance(np.column_stack([parts for *_, parts in found]), seed, n_draws)
    beyond = (largest[:, None] >= t).sum(axis=0)
    table = pd.DataFrame(keys, columns=["ranking", "action_number"])
    return table.assign(
        rank_effect=effect,
        standard_error=error,
        t=t,
        p_value=norm.sf(t),
        p_corrected=(1 + beyond) / (1 + n_draws),
        lower_corrected=effect - np.quantile(largest, level) * error,
    )


def _over_folds(
    scores: np.ndarray, ranking: np.ndarray, fold: np.ndarray, customers: np.ndarray
) -> tuple[float, float, float, np.ndarray]:
    """Rank effect, its error, the sum of studentised folds, and what each customer adds to it."""
    numbers = np.unique(fold[fold >= 0])
    effects, errors = np.zeros(len(numbers)), np.zeros(len(numbers))
    scaled = np.zeros(int(customers.max()) + 1)
    for i, number in enumerate(numbers):
        effects[i], influence = _rank_effect(scores, ranking, fold == number, customers)
        errors[i] = np.sqrt(influence @ influence)
        if errors[i] > 0:
            scaled += influence / errors[i]
    z = np.divide(effects, errors, out=np.zeros_like(effects), where=errors > 0)
    root = np.sqrt(max(len(numbers), 1))
    error = np.sqrt(errors @ errors) / max(len(numbers), 1)
    return effects.sum() / max(len(numbers), 1), error, z.sum() / root, scaled / root


def _rank_effect(
    scores: np.ndarray, ranking: np.ndarray, tried: np.ndarray, customers: np.ndarray
) -> tuple[float, np.ndarray]:
    """Covariance of effect and rank, and what each customer adds to its error."""
    n = int(tried.sum())
    rank = (rankdata(ranking[tried]) - 0.5) / n - 0.5
    product = (scores[tried] - scores[tried].mean()) * rank
    effect = float(product.mean())
    error = (product - effect * (np.ptp(rank) > 0)) / n
    return effect, np.bincount(customers[tried], error, minlength=int(customers.max()) + 1)


def _largest_by_chance(scaled: np.ndarray, seed: int, n_draws: int) -> np.ndarray:
    """Largest studentised statistic in each draw of multipliers."""
    rng = np.random.default_rng(seed)
    rows = max(1, 4_000_000 // len(scaled))
    blocks = [
        (rng.standard_normal((min(rows, n_draws - start), len(scaled))) @ scaled).max(axis=1)
        for start in range(0, n_draws, rows)
    ]
    return np.concatenate(blocks)


def calibrate_effects(
    scores: np.ndarray,
    predicted: np.ndarray,
    customers: np.ndarray,
    n_groups: int = 10,
    level: float = 0.95,
    weight: np.ndarray | None = None,
) -> pd.DataFrame:
    """Predicted against realised effect, by tenths of the prediction.

    Parameters
    ----------
    scores : array of shape (n,)
        From `effect_scores`; their mean is what a group's effect turned out to be.
    predicted : array of shape (n,)
        For customers not learnt from. Equal predictions stay in one group.
    customers : array of int, shape (n,)
        Who the contact is with.
    n_groups : int, default 10
        Groups of about equal size, the lowest first.
    level : float, default 0.95
        Of the interval of the realised effect (normal, clustered by customer).
    weight : array of shape (n,), optional
        How much each contact counts within its group.

    Returns
    -------
    DataFrame
        One row per group: `group` (from 1), `n`, `predicted`, `realised`, `lower`, `upper`.
    """
    group = np.minimum((rankdata(predicted) - 0.5) / len(predicted) * n_groups, n_groups - 1e-9)
    group = group.astype(int)
    z = norm.ppf(0.5 + level / 2)
    weight = np.ones(len(scores)) if weight is None else weight
    rows = []
    for number in np.unique(group):
        inside = group == number
        counts = weight[inside]
        meant, realised = (counts @ values[inside] / counts.sum() for values in (predicted, scores))
        parts = np.bincount(customers[inside], counts * (scores[inside] - realised))
        half = z * np.sqrt((parts**2).sum()) / counts.sum()
        ends = (realised - half, realised + half)
        rows.append((number + 1, int(inside.sum()), meant, realised, *ends))
    return pd.DataFrame(rows, columns=["group", "n", "predicted", "realised", "lower", "upper"])
