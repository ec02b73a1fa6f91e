"""Three ways to part customers into kinds: k-means, Ward's hierarchy, and density (HDBSCAN)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial import cKDTree
from sklearn.cluster import HDBSCAN, KMeans
from threadpoolctl import threadpool_limits

__all__ = ["METHODS", "Parting", "Way", "fit_partings", "list_ways"]

Method = Literal["k_means", "ward", "hdbscan"]

METHODS: tuple[Method, ...] = ("k_means", "ward", "hdbscan")
"""From the plainest to the least plain."""

_SHARES = (0.02, 0.05, 0.1)
_MOST_SAMPLED = 2000
_FEWEST_TOGETHER = 5
_N_STARTS = 5


@dataclass(frozen=True)
class Way:
    """One way to part customers.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    setting : float
        Number of segments; for ``hdbscan`` the share of customers that makes a segment.
    """

    method: Method
    setting: float


@dataclass(frozen=True)
class Parting:
    """A fitted way: whoever is nearest to a point belongs to its segment.

    Parameters
    ----------
    points : array of shape (n_points, n_columns)
        Centres for ``k_means``; else the customers it was learnt from, without those in no segment.
    labels : array of shape (n_points,), of int
        Segment of each point, from 0.
    unassigned : float, in [0, 1]
        Share of the customers learnt from that lie in no dense region; they go with the nearest.
    """

    points: np.ndarray
    labels: np.ndarray
    unassigned: float = 0.0

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return int(self.labels.max()) + 1 if len(self.labels) else 0

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """Segment of each row of Z, of int."""
        if self.n_segments < 2:
            return np.zeros(len(Z), dtype=int)
        return self.labels[cKDTree(self.points).query(Z)[1]]


def list_ways(min_segments: int, max_segments: int) -> list[Way]:
    """List the ways that are tried, the plainest first."""
    counted = [
        Way(method, k)
        for method in ("k_means", "ward")
        for k in range(min_segments, max_segments + 1)
    ]
    return counted + [Way("hdbscan", share) for share in _SHARES]


def fit_partings(Z: np.ndarray, ways: Sequence[Way], seed: int) -> list[Parting]:
    """Part customers in each of several ways.

    ``k_means`` sees all of them. ``ward`` and ``hdbscan`` compare every customer with every other
    and so see a sample of 2,000; the hierarchy is built once and cut at each number of segments.

    Parameters
    ----------
    Z : array of shape (n_customers, n_columns)
        Standardised columns.
    ways : sequence of Way
    seed : int
        Of starts and sample.

    References
    ----------
    .. Ward, J. (1963). Hierarchical grouping to optimize an objective function. JASA 58, 236-244.
    .. Campello, R., Moulavi, D. and Sander, J. (2013). Density-based clustering based on
       hierarchical density estimates. PAKDD.
    """
    sample = Z
    if len(Z) > _MOST_SAMPLED:
        chosen = np.random.default_rng(seed).choice(len(Z), _MOST_SAMPLED, replace=False)
        sample = Z[np.sort(chosen)]
    with threadpool_limits(1):  # sums over threads would differ in the last bit
        tree = linkage(sample, "ward") if any(way.method == "ward" for way in ways) else None
        return [_fit(Z, sample, tree, way, seed) for way in ways]


def _fit(
    Z: np.ndarray, sample: np.ndarray, tree: np.ndarray | None, way: Way, seed: int
) -> Parting:
    if way.method == "k_means":
        k = min(int(way.setting), len(np.unique(Z, axis=0)))
        centres = KMeans(k, n_init=_N_STARTS, random_state=seed % 2**32).fit(Z).cluster_centers_
        return Parting(centres, np.arange(len(centres)))
    if way.method == "ward":
        labels = fcluster(tree, int(way.setting), "maxclust") - 1
        return Parting(sample, labels)
    fewest = max(_FEWEST_TOGETHER, round(way.setting * len(sample)))
    labels = HDBSCAN(min_cluster_size=fewest, copy=True).fit(sample).labels_
    is_in = labels >= 0
    return Parting(sample[is_in], labels[is_in], float(1 - is_in.mean()))
