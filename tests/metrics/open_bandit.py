"""The small Open Bandit Dataset: rounds by a random policy, and the policy to be valued."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import yaml

SEED, N_ARMS, N_PLACES = 12345, 80, 3


@dataclass(frozen=True)
class OpenBandit:
    """Logged rounds of the random policy, and Bernoulli Thompson sampling's probabilities."""

    features: np.ndarray
    item_features: np.ndarray
    action: np.ndarray
    place: np.ndarray
    reward: np.ndarray
    pscore: np.ndarray
    policy: np.ndarray
    truth: float


def read_open_bandit(shared_data, n_simulations=100_000):
    folder = shared_data / "open_bandit"
    logged, other = (
        pd.read_csv(folder / f"obd_{name}_all.csv.gz", index_col=0).sort_values("timestamp")
        for name in ("random", "bts")
    )
    place = logged["position"].rank(method="dense").to_numpy().astype(int) - 1
    prior = yaml.safe_load((folder / "prior_bts.yaml").read_text(encoding="utf-8"))["all"]
    shares = thompson_shares(prior, n_simulations)
    users = logged.loc[:, logged.columns.str.startswith("user_feature")]
    return OpenBandit(
        features=pd.get_dummies(users, drop_first=True).to_numpy(float),
        item_features=_read_items(folder),
        action=logged["item_id"].to_numpy(),
        place=place,
        reward=logged["click"].to_numpy(float),
        pscore=logged["propensity_score"].to_numpy(),
        policy=shares[:, place].T,
        truth=float(other["click"].mean()),
    )


def thompson_shares(prior, n_simulations):
    """Share of draws from the prior in which an item ranks first, second, third."""
    random = np.random.RandomState(SEED)  # the generator that the published figures used
    counts = np.zeros((N_ARMS, N_PLACES))
    for _ in range(n_simulations // 10_000):
        drawn = random.beta(prior["alpha"], prior["beta"], size=(10_000, N_ARMS))
        best = np.argsort(drawn, axis=1)[:, ::-1][:, :N_PLACES]
        for place in range(N_PLACES):
            counts[:, place] += np.bincount(best[:, place], minlength=N_ARMS)
    return counts / n_simulations


def _read_items(folder):
    items = pd.read_csv(folder / "item_context_random_all.csv.gz", index_col=0)
    labels = items.drop(columns=["item_id", "item_feature_0"])
    codes = labels.apply(lambda column: pd.factorize(column, sort=True)[0])
    return np.column_stack([codes.to_numpy(), items["item_feature_0"].to_numpy()])
