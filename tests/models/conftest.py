"""Made customers whose order probability is known."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from src.models.design import DEMOGRAPHICS, purchase_columns
from src.models.splits import HAS_ORDERED

HISTORY_DAYS = 175


def _draw_customers(n_customers, seed, as_of_date="2017-06-24"):
    """Draw profiles with `has_ordered`: recency and one age band matter, all else is noise."""
    rng = np.random.default_rng(seed)
    columns = {name: rng.gamma(2.0, 5.0, n_customers) for name in purchase_columns(HISTORY_DAYS)}
    columns["recency_days"] = rng.integers(0, 90, n_customers)
    columns["gap_mean_days"][rng.random(n_customers) < 0.1] = np.nan
    columns |= {name: ["known"] * n_customers for name in DEMOGRAPHICS}
    columns["age_band"] = rng.choice(["young", "old", None], n_customers)
    customers = pd.DataFrame(columns)
    is_old = (customers["age_band"] == "old").to_numpy(dtype=float)
    customers["p_true"] = expit(2.0 - 0.06 * customers["recency_days"] + 1.5 * is_old)
    customers[HAS_ORDERED] = rng.random(n_customers) < customers["p_true"]
    customers["r_score"] = pd.qcut(-customers["recency_days"], 5, labels=False) + 1
    customers["f_score"] = rng.integers(1, 6, n_customers)
    customers["lifecycle"] = "active"
    customers["as_of_date"] = pd.Timestamp(as_of_date)
    customers.insert(0, "customer_id", [f"c{i:05d}" for i in range(n_customers)])
    return customers


@pytest.fixture(scope="session")
def draw_customers():
    return _draw_customers


@pytest.fixture(scope="session")
def snapshots_drawn():
    """Draw three labelled snapshots of the same customers."""

    def draw(n_customers, seed=1):
        dates = {"train": "2017-06-24", "validation": "2017-07-29", "test": "2017-09-02"}
        return {
            role: _draw_customers(n_customers, seed + i, date)
            for i, (role, date) in enumerate(dates.items())
        }

    return draw
