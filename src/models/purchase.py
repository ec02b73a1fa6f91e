"""A purchase model: one candidate, fitted, calibrated on later weeks, kept and used."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from src.models.calibration import Calibration, cross_calibrate
from src.models.purchase_candidates import CANDIDATES, Candidate
from src.models.purchase_reasons import NO_REASON, explain_scores
from src.models.splits import HAS_ORDERED, customer_numbers
from src.models.store import ModelParts

__all__ = [
    "PurchaseModel",
    "fit_purchase",
    "label_array",
    "model_from",
    "model_parts",
    "score_customers",
]

_N_FOLDS = 5
_FOLD_SALT = "04b_purchase fold"


@dataclass(frozen=True)
class PurchaseModel:
    """A fitted candidate and its calibration."""

    candidate: Candidate
    calibration: Calibration

    def predict(self, profiles: pd.DataFrame) -> np.ndarray:
        """Calibrated probability of an order for each customer, shape (n,)."""
        return np.clip(self.calibration.predict(self.candidate.predict(profiles)), 0.0, 1.0)

    def explain(self, profiles: pd.DataFrame) -> pd.Series:
        """Reason for each customer's probability in words; see `explain_scores`."""
        if self.calibration.is_flat:
            return pd.Series(NO_REASON, index=profiles.index, dtype="str")
        return explain_scores(self.candidate, profiles)


def label_array(snapshot: pd.DataFrame) -> np.ndarray:
    """Labels of a snapshot as 0.0 and 1.0, shape (n,)."""
    return snapshot[HAS_ORDERED].to_numpy(dtype="float64")


def fit_purchase(
    make: Callable[[], Candidate], earlier: pd.DataFrame, later: pd.DataFrame
) -> tuple[PurchaseModel, np.ndarray]:
    """Fit on one snapshot, calibrate on a later one.

    The probabilities that the calibration learns from are those of models that did not see the
    customer: customers are cut into parts by hash, and each part is predicted by a model
    fitted on the other parts.

    Parameters
    ----------
    make : callable
        Gives a fresh candidate.
    earlier, later : pandas.DataFrame
        Labelled snapshots, the outcome window of the first ending before the second.

    Returns
    -------
    PurchaseModel
        Fitted on all of `earlier`, calibrated on all of `later`.
    array of shape (n_later,)
        Probabilities for `later` by fits and calibrations that did not see the customer.
    """
    fold_earlier, fold_later = _folds(earlier), _folds(later)
    raw = np.empty(len(later))
    for part in range(_N_FOLDS):
        rest = earlier[fold_earlier != part]
        raw[fold_later == part] = (
            make().fit(rest, label_array(rest)).predict(later[fold_later == part])
        )
    calibration, crossed = cross_calibrate(label_array(later), raw, fold_later)
    return PurchaseModel(make().fit(earlier, label_array(earlier)), calibration), crossed


def _folds(snapshot: pd.DataFrame) -> np.ndarray:
    numbers = customer_numbers(snapshot["customer_id"].tolist(), _FOLD_SALT)
    return (numbers * _N_FOLDS).astype(int)


def score_customers(model: PurchaseModel, profiles: pd.DataFrame) -> pd.DataFrame:
    """Score customers as they stand; any block of them gives the same rows as all at once.

    Parameters
    ----------
    model : PurchaseModel
        As fitted by :func:`src.models.purchase_comparison.fit_champion`.
    profiles : pandas.DataFrame
        One row per customer.

    Returns
    -------
    pandas.DataFrame
        `purchase_scores`: one row per customer, by `customer_id`.
    """
    p = model.predict(profiles) if len(profiles) else np.empty(0)
    scores = pd.DataFrame(
        {
            "customer_id": profiles["customer_id"].to_numpy(),
            "p_purchase": p,
            "p_churn": 1.0 - p,
            "model": model.candidate.name,
            "reason": model.explain(profiles).to_numpy(),
        }
    )
    texts = dict.fromkeys(("customer_id", "model", "reason"), "str")  # also where nobody is
    return scores.astype(texts).sort_values("customer_id", ignore_index=True)


def model_parts(model: PurchaseModel) -> ModelParts:
    """Take a model apart into plain values, its trees as LightGBM's text; no pickle."""
    plain = model.candidate.to_json()
    texts = {"trees": str(plain.pop("trees"))} if "trees" in plain else {}
    content = {
        "candidate": model.candidate.name,
        "parameters": plain,
        "calibration": model.calibration.to_json(),
    }
    return ModelParts(content, texts)


def model_from(parts: ModelParts) -> PurchaseModel:
    """Make the model that `model_parts` took apart; it gives the same probabilities."""
    content = parts.plain
    kind = CANDIDATES[content["candidate"]]
    candidate = kind.from_json({**content["parameters"], **parts.texts})
    return PurchaseModel(candidate, Calibration.from_json(content["calibration"]))
