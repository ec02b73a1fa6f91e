"""Persuadable, sure thing, lost cause, sleeping dog: how likely each is of every customer."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from src.models.uplift import Uplift

__all__ = ["KINDS", "UNKNOWN", "describe_kinds", "judge_kinds", "predict_baseline"]

KINDS = ("persuadable", "sure_thing", "lost_cause", "sleeping_dog")
UNKNOWN = "unknown"

_MIN_OF_EACH = 30


def predict_baseline(uplift: Uplift, rows: pd.DataFrame, profiles: pd.DataFrame) -> np.ndarray:
    """Probability that a customer orders within the outcome window without any message.

    Learnt from the contacts that were drawn to get nothing: a logistic regression, each contact
    weighted by one over its probability. With fewer than 30 who ordered or did not, their share
    is used for everybody.

    Parameters
    ----------
    uplift : Uplift
        Its features are used.
    rows : DataFrame
        As from `src.models.uplift_history.build_uplift_rows`, with `has_ordered`.
    profiles : DataFrame
        One row per customer, as they stand now.

    Returns
    -------
    array of shape (n_customers,)
        NaN without history.
    """
    if uplift.features is None:
        return np.full(len(profiles), np.nan)
    control = rows[rows["action"] == "control"]
    ordered = control["has_ordered"].to_numpy(dtype=bool)
    weight = 1.0 / control["pscore"].to_numpy(dtype=float)
    X = uplift.features.transform(control)
    if min(ordered.sum(), (~ordered).sum()) < _MIN_OF_EACH or not X.shape[1]:
        return np.full(len(profiles), np.average(ordered, weights=weight))
    model = LogisticRegression(C=0.1, max_iter=1000)
    model.fit(X, ordered, sample_weight=weight / weight.mean())
    return expit(model.decision_function(uplift.features.transform(profiles)))


def judge_kinds(
    scores: pd.DataFrame,
    p_baseline: Mapping[str, float],
    costs: Mapping[str, float],
    min_effect_value: float = 0.0,
) -> pd.DataFrame:
    r"""Say for every customer and action how likely each of the four kinds is.

    With the effect :math:`\tau` on margin, the least effect :math:`c` that counts, and the
    probability :math:`p_0` of an order without the message:

    .. math:: P(\text{persuadable}) = P(\tau > c), \quad P(\text{sleeping dog}) = P(\tau < -c),

    .. math:: P(\text{sure thing}) = p_0\,r, \quad P(\text{lost cause}) = (1 - p_0)\,r,
              \qquad r = P(|\tau| \le c).

    Probabilities of :math:`\tau` are shares of the draws of `uplift_scores`. A kind is never
    observed of a single customer, so it is never certain.

    Parameters
    ----------
    scores : DataFrame
        As from `src.models.uplift.predict_uplift`.
    p_baseline : mapping of str to float
        Probability of an order without a message, by customer.
    costs : mapping of str to float
        Cost of one message by action, shop currency.
    min_effect_value : float, default 0
        Least effect that counts, shop currency; never below the message's cost.

    Returns
    -------
    DataFrame
        One row per customer and action: the columns of `uplift_kinds`.
    """
    parts = [
        _judge_action(part, max(costs[action], min_effect_value))
        for action, part in scores.groupby("action")
    ]
    kinds = pd.concat(parts, ignore_index=True)
    kinds["p_baseline"] = kinds["customer_id"].map(p_baseline)
    rest = 1.0 - kinds["p_persuadable"] - kinds["p_sleeping_dog"]
    kinds["p_sure_thing"] = rest * kinds["p_baseline"]
    kinds["p_lost_cause"] = rest * (1.0 - kinds["p_baseline"])
    likely = kinds[[f"p_{kind}" for kind in KINDS]].to_numpy()
    is_known = ~np.isnan(likely).any(axis=1)
    best = np.where(is_known, np.nan_to_num(likely).argmax(axis=1), -1)
    kinds["kind"] = np.array([*KINDS, UNKNOWN])[best]
    kinds["p_kind"] = np.where(is_known, likely.max(axis=1), np.nan)
    columns = ["customer_id", "action", "kind", "p_kind", *(f"p_{kind}" for kind in KINDS)]
    kinds = kinds[[*columns, "p_baseline"]]
    return kinds.sort_values(["customer_id", "action"], ignore_index=True)


def _judge_action(scores: pd.DataFrame, least: float) -> pd.DataFrame:
    """Share of the draws above the least effect that counts, and below its negative."""
    found = scores[["customer_id", "action"]].copy()
    if scores["draws"].isna().any():
        return found.assign(p_persuadable=np.nan, p_sleeping_dog=np.nan)
    draws = np.array(scores["draws"].to_list(), dtype=float)
    return found.assign(
        p_persuadable=(draws > least).mean(axis=1), p_sleeping_dog=(draws < -least).mean(axis=1)
    )


def describe_kinds(kinds: pd.DataFrame, min_certainty: float = 0.8) -> str:
    """Say in Markdown how many of each kind there are, and how surely."""
    known = kinds[kinds["kind"] != UNKNOWN]
    if known.empty:
        return "Nobody is called persuadable or anything else: no effect is known."
    parts = []
    for action, part in known.groupby("action"):
        shares = part["kind"].value_counts(normalize=True)
        named = ", ".join(f"{share:.0%} {kind.replace('_', ' ')}" for kind, share in shares.items())
        sure = (part["p_kind"] >= min_certainty).mean()
        parts.append(
            f"**{action}**: likeliest {named}; {sure:.0%} of the customers with a probability of "
            f"{min_certainty:.0%} or more."
        )
    return " ".join(parts)
