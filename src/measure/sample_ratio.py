"""Whether the arms have the sizes that were planned, and whether they were alike before."""

import numpy as np
import pandas as pd
from scipy import stats

from src.decide.catalogue import CONTROL
from src.measure.lift import effect_on_all_weights, estimate_lift

__all__ = ["balance_before", "sample_ratio_p_value", "sample_ratio_table"]


def sample_ratio_table(action: pd.Series, pscore: pd.Series, arms: tuple[str, ...]) -> pd.DataFrame:
    r"""Count the customers found and planned in every arm.

    Each customer of an arm stands for :math:`1 / p_i` customers of the experiment, so every arm
    should stand for all of them:

    .. math:: \hat N_a = \sum_{i \in a} 1 / p_i \approx N

    Returns
    -------
    DataFrame
        Row per arm: `n_found`, `n_planned` (:math:`N / \hat N_a` times as many), and both as
        shares of all.
    """
    grouped = (1.0 / pscore).groupby(action.to_numpy())
    found = grouped.size().reindex(arms, fill_value=0)
    stands_for = grouped.sum().reindex(arms, fill_value=0.0)
    n = len(action)
    shares = found / stands_for.where(found.gt(0))
    missing = shares.isna()
    if missing.any():  # an arm without anybody: what the other arms leave
        shares[missing] = max(0.0, 1.0 - shares.sum()) / missing.sum()
    return pd.DataFrame(
        {
            "n_found": found.astype(int),
            "n_planned": n * shares,
            "found_share": found / n if n else np.nan,
            "planned_share": shares,
        }
    )


def sample_ratio_p_value(action: pd.Series, pscore: pd.Series, arms: tuple[str, ...]) -> float:
    r"""Probability of arms at least this far from plan if nothing went wrong.

    Where an arm's probability is the same for all customers: Pearson's chi-square. Where it
    differs: Wald's test that all :math:`\hat N_a` are the same, with variances
    :math:`\sum_i (1/p_{ia} - 1)`, estimated from the arm's own customers as
    :math:`\sum_{i \in a} (1/p_i)(1/p_i - 1)`, and covariances :math:`-N`.

    Parameters
    ----------
    action : Series of str, length n
        Arm of every customer of the experiment.
    pscore : Series of float, length n
        Probability with which that arm was drawn.
    arms : tuple of str
        All arms of the experiment; one that is missing is counted as 0.

    Returns
    -------
    float
        Small means broken: below .001 no result should be read. NaN with no customer.

    References
    ----------
    .. Fabijan, A. et al. (2019). Diagnosing sample ratio mismatch in online controlled
       experiments. KDD.
    """
    if len(action) == 0 or len(arms) < 2:
        return np.nan
    is_constant = pscore.groupby(action.to_numpy()).agg(lambda p: p.max() - p.min()).max() < 1e-12
    if is_constant:
        table = sample_ratio_table(action, pscore, arms)
        off = (table["n_found"] - table["n_planned"]) ** 2
        statistic = float((off / table["n_planned"].clip(lower=1e-9)).sum())
        return float(stats.chi2.sf(statistic, len(arms) - 1))
    return _unequal_p_value(action, pscore, arms)


def _unequal_p_value(action: pd.Series, pscore: pd.Series, arms: tuple[str, ...]) -> float:
    n, weight = len(action), 1.0 / pscore
    by_arm = pd.DataFrame({"stands_for": weight, "variance": weight * (weight - 1)}).groupby(
        action.to_numpy()
    )
    sums = by_arm.sum()  # by name of the arms that are there
    covariance = np.full((len(sums), len(sums)), -float(n))
    np.fill_diagonal(covariance, sums["variance"])
    contrasts = np.eye(len(sums))[1:] - np.eye(len(sums))[0]
    off = contrasts @ sums["stands_for"].to_numpy()
    statistic = float(off @ np.linalg.pinv(contrasts @ covariance @ contrasts.T) @ off)
    p_value = float(stats.chi2.sf(max(statistic, 0.0), max(len(sums) - 1, 1)))
    if len(sums) < len(arms):  # an arm without anybody, at the least probability seen
        p_value = min(p_value, float((1 - pscore.min()) ** n))
    return p_value


def balance_before(outcomes: pd.DataFrame, arms: tuple[str, ...], level: float) -> pd.DataFrame:
    """Profit per customer of every arm before anything was sent; arms should not differ.

    Parameters
    ----------
    outcomes : DataFrame
        From `build_outcomes`: `action`, `pscore`, `before_profit_value`.
    arms : tuple of str
        All arms, control first.
    level : float
        Level at which all intervals hold together (Bonferroni).

    Returns
    -------
    DataFrame
        Row per arm but control: `arm`, `difference_value` to control with `lower` and `upper`,
        `n_treated`, `n_control`.
    """
    rows = []
    for arm in arms[1:]:
        pair = outcomes[outcomes["action"].isin([CONTROL, arm])]
        lift = estimate_lift(
            pair["before_profit_value"].to_numpy(),
            pair["action"].eq(arm).to_numpy(),
            effect_on_all_weights(pair["pscore"].to_numpy()),
            level=1 - (1 - level) / max(len(arms) - 1, 1),
        )
        rows.append((arm, lift.estimate, lift.lower, lift.upper, lift.n_treated, lift.n_control))
    names = ["arm", "difference_value", "lower", "upper", "n_treated", "n_control"]
    return pd.DataFrame(rows, columns=names)
