"""Made experiments whose effect on every customer is known."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from src.models.design import DEMOGRAPHICS

COLUMNS = ("recency_days", "monetary_value", "discount_share")
NOISE = 4.0

Effect = Callable[[pd.DataFrame], np.ndarray | float]


def nothing(rows):
    return 0.0


def constant(rows):
    return 1.5


def linear(rows):
    """Between -3 and 6: a straight line in a feature that is used as it is."""
    return 9.0 * rows["discount_share"] - 3.0


def mixed(rows):
    return np.where(rows["discount_share"] > 0.5, 5.0, -2.0)


def sleeping_dogs(rows):
    """A fifth of the customers lose by a message; the others do not care."""
    return np.where(rows["discount_share"] > 0.8, -6.0, 0.0)


def draw_profiles(n_customers: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "campaign_id": "spring",
            "customer_id": [f"c{i:06d}" for i in range(n_customers)],
            "recency_days": rng.integers(0, 100, n_customers),
            "monetary_value": rng.gamma(2, 15, n_customers),
            "discount_share": rng.random(n_customers),
        }
    ).assign(**dict.fromkeys(DEMOGRAPHICS))


def draw_world(
    n_customers: int,
    seed: int,
    effects: dict[str, Effect],
    shares: tuple[float, ...] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw a campaign with an arm for each effect and control; rows and true effects by action.

    `shares` are the probabilities of the arms, control first; without them all are equal.
    """
    rows = draw_profiles(n_customers, seed)
    rng = np.random.default_rng(seed + 1_000_000)
    names = np.array(["control", *effects])
    p = np.array(shares) if shares else np.full(len(names), 1 / len(names))
    arm = rng.choice(len(names), n_customers, p=p)
    truth = pd.DataFrame(
        {name: np.broadcast_to(effect(rows), n_customers) for name, effect in effects.items()}
    )
    gained = np.column_stack([np.zeros(n_customers), truth.to_numpy()])
    noise = rng.normal(0, NOISE, n_customers)
    rows["action"], rows["pscore"] = names[arm], p[arm]
    rows["outcome_value"] = (
        0.2 * rows["monetary_value"] + noise + gained[np.arange(n_customers), arm]
    )
    rows["has_ordered"] = rows["discount_share"] + rng.logistic(0, 0.2, n_customers) < 0.5
    return rows, truth
