"""Three ways to part customers, and the choice among them by stability."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from src.models.segment_plots import plot_ways
from src.models.segment_stability import choose_way, compare_ways
from src.models.segment_ways import Way, fit_partings, list_ways
from src.models.segments import fit_segments

COLUMNS = ["recency_days", "n_orders_90"]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def blobs(n_each, seed=1, centres=((0, 0), (3, 0), (0, 3))):
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(len(centres)), n_each)
    return np.array(centres, float)[kind] + rng.normal(0, 0.2, (len(kind), 2)), kind


def rings(n_each, seed=1):
    """Two rings around one another: dense, and of no common centre."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, 2 * n_each)
    kind = np.repeat([0, 1], n_each)
    radius = np.array([0.5, 2.5])[kind] + rng.normal(0, 0.05, 2 * n_each)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), kind


@pytest.mark.parametrize("way", [Way("k_means", 3), Way("ward", 3), Way("hdbscan", 0.1)])
def test_every_way_finds_kinds_that_lie_apart(way):
    Z, kind = blobs(80)
    (parting,) = fit_partings(Z, [way], seed=1)
    assert parting.n_segments == 3
    assert adjusted_rand_score(kind, parting.predict(Z)) > 0.98


def test_density_finds_what_centres_cannot():
    Z, kind = rings(150)
    by_density, by_centre = fit_partings(Z, [Way("hdbscan", 0.1), Way("k_means", 2)], seed=1)
    assert adjusted_rand_score(kind, by_density.predict(Z)) > 0.98
    assert adjusted_rand_score(kind, by_centre.predict(Z)) < 0.2


def test_wards_hierarchy_is_that_of_scikit_learn():
    Z, _ = blobs(40, seed=3, centres=((0, 0), (1, 0), (0, 1), (1, 1)))
    (parting,) = fit_partings(Z, [Way("ward", 4)], seed=1)
    theirs = AgglomerativeClustering(4, linkage="ward").fit(Z).labels_
    assert adjusted_rand_score(theirs, parting.predict(Z)) == 1


def test_a_large_shop_is_parted_by_a_sample():
    Z, kind = blobs(1500)
    ward, density = fit_partings(Z, [Way("ward", 3), Way("hdbscan", 0.1)], seed=1)
    assert len(ward.points) == 2000
    for parting in (ward, density):
        assert adjusted_rand_score(kind, parting.predict(Z)) > 0.98


def test_where_nothing_is_dense_there_is_one_segment_without_a_stability():
    Z = np.random.default_rng(1).uniform(-1, 1, (200, 2))
    ways = compare_ways(Z, [Way("hdbscan", 0.5)], n_resamples=2, seed=1)
    assert ways["n_segments"].tolist() == [0]
    assert ways["stability"].isna().all()
    assert choose_way(ways, 2, 8) is None


def test_stability_of_kinds_is_far_above_that_of_shuffled_columns():
    Z, _ = blobs(70)
    ways = compare_ways(Z, list_ways(3, 4), n_resamples=5, seed=1).set_index(["method", "setting"])
    right, wrong = ways.loc["k_means", 3], ways.loc["k_means", 4]
    assert right["stability"] > 0.98
    assert right["stability"] > wrong["stability"]
    assert right["stability"] > right["stability_shuffled"]
    assert (ways["stability_lower"] <= ways["stability"]).all()
    assert (ways["stability"] <= ways["stability_upper"]).all()


def ways_of(**columns):
    n = len(columns["method"])
    usual = {"setting": [3] * n, "n_segments": [3] * n, "smallest_share": [0.2] * n}
    usual |= {"unassigned": [0.0] * n, "stability_spread": [0.05] * n}
    return pd.DataFrame(usual | columns)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"stability": [0.5, 0.9], "silhouette": [0.9, 0.1]}, 1),
        ({"stability": [0.88, 0.9], "silhouette": [0.3, 0.2]}, 0),
        ({"stability": [0.9, 0.9], "silhouette": [0.2, 0.2]}, 0),
        ({"stability": [0.5, 0.9], "silhouette": [0.2, 0.2], "smallest_share": [0.2, 0.01]}, 0),
        ({"stability": [0.5, 0.9], "silhouette": [0.2, 0.2], "n_segments": [3, 2]}, 0),
        ({"stability": [0.5, 0.9], "silhouette": [0.2, 0.2], "unassigned": [0.0, 0.6]}, 0),
    ],
    ids=[
        "stability before sharpness",
        "sharper among hardly less stable",
        "plainer among equals",
        "no tiny segments",
        "enough segments",
        "not most outside",
    ],
)
def test_the_way_is_chosen_by_stability(columns, expected):
    assert choose_way(ways_of(method=["k_means", "ward"], **columns), 3, 8) == expected


def test_another_way_than_k_means_can_win():
    Z, kind = rings(200)
    profiles = pd.DataFrame(
        {
            "customer_id": [f"c{i:03d}" for i in range(len(Z))],
            "lifecycle": "active",
            "spend_90_value": 1.0,
            # log-scaled columns whose logarithms are the rings
            "recency_days": np.expm1(Z[:, 0] + 3),
            "n_orders_90": np.expm1(Z[:, 1] + 3),
        }
    )
    found = fit_segments(profiles, COLUMNS, seed=1, min_segments=2, max_segments=3, n_resamples=4)
    assert found.method == "hdbscan"
    assert adjusted_rand_score(kind, found.customers["segment"]) > 0.98
    assert "by HDBSCAN" in plot_ways(found).get_title(loc="left")
