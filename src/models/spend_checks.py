"""May orders and their value be multiplied? Whether spend drifts, or goes with frequency."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from src.metrics.intervals import Interval

__all__ = ["SpendChecks", "check_spend"]

LARGE_DRIFT = 0.10
"""Change of a customer's mean order value between halves that is too much for Gamma-Gamma."""

LARGE_CORRELATION = 0.30
"""Rank correlation of frequency and value that is too much for Gamma-Gamma."""

_MIN_CUSTOMERS = 20
_LEVEL = 0.95


@dataclass(frozen=True)
class SpendChecks:
    """What Gamma-Gamma assumes, held against the history.

    Parameters
    ----------
    drift : Interval or None
        Mean order value of a customer in the later half of the history over that in the
        earlier, geometric mean over customers seen in both; 1 is no drift. None with fewer than
        20 of them.
    correlation : Interval or None
        Spearman's correlation of frequency and mean value among repeat buyers; None with fewer
        than 20 of them, or where one does not vary.
    """

    drift: Interval | None
    correlation: Interval | None

    @property
    def has_drifted(self) -> bool:
        """Whether spend changed surely (the interval leaves out 1) and by more than a tenth."""
        drift = self.drift
        if drift is None or drift.lower <= 1 <= drift.upper:
            return False
        return bool(abs(np.log(drift.estimate)) > np.log1p(LARGE_DRIFT))

    @property
    def is_correlated(self) -> bool:
        """Whether value goes with frequency, surely and by .3 or more."""
        correlation = self.correlation
        if correlation is None or correlation.lower <= 0 <= correlation.upper:
            return False
        return abs(correlation.estimate) >= LARGE_CORRELATION

    @property
    def hold(self) -> bool:
        """Whether Gamma-Gamma may be used."""
        return not (self.has_drifted or self.is_correlated)


def check_spend(btyd: pd.DataFrame) -> SpendChecks:
    """Test that spend per order day stays, and that it does not go with frequency.

    Parameters
    ----------
    btyd : DataFrame
        One row per customer: `n_days`, `btyd_frequency`, `mean_day_value`, `n_late_days`,
        `mean_late_value`, as from `src.models.value.build_btyd`.

    Returns
    -------
    SpendChecks
        With 95 % intervals: of the mean log ratio by its standard error, of the correlation by
        Fisher's transformation with the spread for ranks (Bonett and Wright 2000).
    """
    return SpendChecks(_drift(btyd), _correlation(btyd))


def _drift(btyd: pd.DataFrame) -> Interval | None:
    n_early = (btyd["n_days"] - btyd["n_late_days"]).to_numpy(float)
    late = btyd["mean_late_value"].to_numpy(float)
    total = (btyd["mean_day_value"] * btyd["n_days"]).to_numpy(float)
    early = total - late * btyd["n_late_days"].to_numpy(float)
    in_both = (n_early > 0) & (btyd["n_late_days"].to_numpy() > 0) & (late > 0) & (early > 0)
    if in_both.sum() < _MIN_CUSTOMERS:
        return None
    change = np.log(late[in_both]) - np.log(early[in_both] / n_early[in_both])
    half = norm.ppf(0.5 + _LEVEL / 2) * change.std(ddof=1) / np.sqrt(len(change))
    ends = np.exp([change.mean(), change.mean() - half, change.mean() + half])
    return Interval(*(float(end) for end in ends), _LEVEL, len(change))


def _correlation(btyd: pd.DataFrame) -> Interval | None:
    repeat = btyd[btyd["btyd_frequency"] > 0]
    ranks = [rankdata(repeat[name]) for name in ("btyd_frequency", "mean_day_value")]
    if len(repeat) < _MIN_CUSTOMERS or any(np.ptp(rank) == 0 for rank in ranks):
        return None
    estimate = float(np.corrcoef(*ranks)[0, 1])
    inside = np.clip(estimate, -1 + 1e-12, 1 - 1e-12)
    half = norm.ppf(0.5 + _LEVEL / 2) * np.sqrt((1 + inside**2 / 2) / (len(repeat) - 3))
    lower, upper = np.tanh([np.arctanh(inside) - half, np.arctanh(inside) + half])
    return Interval(estimate, float(lower), float(upper), _LEVEL, len(repeat))
