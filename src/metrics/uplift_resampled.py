"""Uplift curves of several rankings over the same draws of the customers, and their intervals."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from src.errors import ParameterError
from src.metrics.resampled import draw_counts

__all__ = ["compare_rankings", "profit_band"]


def compare_rankings(
    outcome: np.ndarray,
    is_treated: np.ndarray,
    rankings: dict[str, np.ndarray],
    customers: np.ndarray,
    seed: int,
    weight: np.ndarray | None = None,
    n_resamples: int = 500,
    level: float = 0.95,
) -> pd.DataFrame:
    """Qini coefficient and AUUC of each ranking, with intervals from resampling customers.

    Parameters
    ----------
    outcome, is_treated, weight
        As in `src.metrics.uplift.uplift_curve`, one row per contact.
    rankings : dict of arrays of shape (n,)
        Predicted effects by name, for customers not learnt from.
    customers : array of int, shape (n,)
        Who the contact is with, from 0; a customer drawn brings all contacts.
    seed, n_resamples, level
        Of the percentile bootstrap. All rankings see the same draws.

    Returns
    -------
    DataFrame
        One row per ranking: `ranking`, and `qini`, `auuc`, each with `_lower` and `_upper`,
        unit of the outcome. One ranking that holds everybody equal has a Qini of 0 and half the
        mean effect as AUUC.
    """
    weight = np.ones(len(outcome)) if weight is None else weight
    n = int(customers.max()) + 1
    rows = []
    for name, ranking in rankings.items():
        sample = _Ranked(outcome, is_treated, ranking, weight, customers)
        whole = sample.areas(np.ones((1, n)))
        blocks = [sample.areas(counts) for counts in _counts(n, len(outcome), seed, n_resamples)]
        draws = np.concatenate(blocks, axis=1)
        row = {"ranking": name}
        for i, measure in enumerate(("qini", "auuc")):
            ends = np.nanquantile(draws[i], [0.5 - level / 2, 0.5 + level / 2])
            row |= {measure: whole[i, 0], f"{measure}_lower": ends[0], f"{measure}_upper": ends[1]}
        rows.append(row)
    return pd.DataFrame(rows)


def profit_band(
    outcome: np.ndarray,
    is_treated: np.ndarray,
    ranking: np.ndarray,
    customers: np.ndarray,
    cost_value: float,
    seed: int,
    weight: np.ndarray | None = None,
    n_resamples: int = 500,
    level: float = 0.95,
) -> pd.DataFrame:
    """Profit curve of one ranking at every twentieth of the customers, with its interval.

    Parameters
    ----------
    outcome, is_treated, customers, weight, seed, n_resamples, level
        As in `compare_rankings`.
    ranking : array of shape (n,)
        Predicted effects; the highest is treated first.
    cost_value : float
        Cost of one treatment, unit of `outcome`.

    Returns
    -------
    DataFrame
        One row per share: `share`, `profit`, `lower`, `upper` (per customer of all; the interval
        holds at each share by itself).
    """
    weight = np.ones(len(outcome)) if weight is None else weight
    shares = np.arange(21) / 20
    n = int(customers.max()) + 1
    sample = _Ranked(outcome, is_treated, ranking, weight, customers)
    whole = sample.profits(np.ones((1, n)), shares, cost_value)[0]
    draws = np.concatenate(
        [
            sample.profits(counts, shares, cost_value)
            for counts in _counts(n, len(outcome), seed, n_resamples)
        ]
    )
    lower, upper = np.nanquantile(draws, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return pd.DataFrame({"share": shares, "profit": whole, "lower": lower, "upper": upper})


def _counts(n: int, n_rows: int, seed: int, n_resamples: int) -> Iterator[np.ndarray]:
    if n > n_rows:
        raise ParameterError(
            f"Expected customers numbered from 0 without gaps, found number {n - 1} among "
            f"{n_rows} contacts; number them anew."
        )
    return draw_counts(n, seed, n_resamples)


class _Ranked:
    """Contacts in the order of a ranking, the best first, ties together."""

    def __init__(
        self,
        outcome: np.ndarray,
        is_treated: np.ndarray,
        ranking: np.ndarray,
        weight: np.ndarray,
        customers: np.ndarray,
    ) -> None:
        order = np.argsort(-ranking, kind="stable")
        steps = np.diff(ranking[order]) != 0
        self.starts = np.flatnonzero(np.r_[True, steps])
        self.customers = customers[order]
        treated = np.asarray(is_treated).astype(bool)[order]
        weight, outcome = weight[order], np.asarray(outcome, dtype=float)[order]
        self.treated, self.control = weight * treated, weight * ~treated
        self.parts = (self.treated * outcome, self.control * outcome, self.treated, self.control)

    def cumulate(self, counts: np.ndarray) -> tuple[np.ndarray, ...]:
        """Share of customers, and the four sums, of shape (n_draws, n_groups + 1)."""
        drawn = counts[:, self.customers]
        share, *sums = (
            self._add(drawn * part) for part in (np.ones(len(self.customers)), *self.parts)
        )
        return share / share[:, -1:], *sums

    def _add(self, values: np.ndarray) -> np.ndarray:
        groups = np.add.reduceat(values, self.starts, axis=1)
        return np.pad(np.cumsum(groups, axis=1), ((0, 0), (1, 0)))

    def areas(self, counts: np.ndarray) -> np.ndarray:
        """Qini coefficient and AUUC of each draw, shape (2, n_draws); NaN if an arm is empty."""
        share, y_t, y_c, n_t, n_c = self.cumulate(counts)
        gain = (y_t - _ratio(y_c, n_c) * n_t) / np.where(n_t[:, -1:] > 0, n_t[:, -1:], np.nan)
        qini = np.trapezoid(gain - share * gain[:, -1:], share, axis=1)
        return np.array([qini, np.trapezoid(_gain(share, y_t, y_c, n_t, n_c), share, axis=1)])

    def profits(self, counts: np.ndarray, shares: np.ndarray, cost_value: float) -> np.ndarray:
        """Profit of each draw when those shares are treated, shape (n_draws, n_shares)."""
        share, *sums = self.cumulate(counts)
        gain = _gain(share, *sums)
        found = [np.interp(shares, x, y) for x, y in zip(share, gain, strict=True)]
        return np.array(found) - cost_value * shares


def _gain(
    share: np.ndarray, y_t: np.ndarray, y_c: np.ndarray, n_t: np.ndarray, n_c: np.ndarray
) -> np.ndarray:
    both = (n_t > 0) & (n_c > 0)
    return np.where(both, _ratio(y_t, n_t) - _ratio(y_c, n_c), 0.0) * share


def _ratio(total: np.ndarray, n: np.ndarray) -> np.ndarray:
    return np.divide(total, n, out=np.zeros_like(total), where=n > 0)
