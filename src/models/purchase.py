"""A purchase model: one candidate, fitted, calibrated on later weeks, kept and used."""

from collections.abc import Callable
from dataclasses import dataclass
import json
from pathlib import Path

import numpy as np
import pandas as pd

from src.models.calibration import Calibration, cross_calibrate
from src.models.purchase_candidates import CANDIDATES, Candidate
from src.models.splits import HAS_ORDERED, customer_numbers

__all__ = [
    "PurchaseModel",
    "fit_purchase",
    "label_array",
    "read_model",
    "score_customers",
    "write_model",
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
    """Score customers as they stand.

    Parameters
    ----------
    model : PurchaseModel
        As fitted by :func:`fit_champion`.
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
        }
    )
    return scores.sort_values("customer_id", ignore_index=True)


def write_model(model: PurchaseModel, folder: Path) -> None:
    """Keep a model as `model.json`, its trees as LightGBM text in `trees.txt`; no pickle."""
    plain = model.candidate.to_json()
    trees = folder / "trees.txt"
    trees.unlink(missing_ok=True)
    if "trees" in plain:
        trees.write_text(str(plain.pop("trees")), encoding="utf-8")
    content = {
        "candidate": model.candidate.name,
        "parameters": plain,
        "calibration": model.calibration.to_json(),
    }
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / "model.json").write_text(text, encoding="utf-8")


def read_model(folder: Path) -> PurchaseModel:
    """Make the model that `write_model` kept; it gives the same probabilities."""
    content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    plain = content["parameters"]
    if (folder / "trees.txt").exists():
        plain["trees"] = (folder / "trees.txt").read_text(encoding="utf-8")
    candidate = CANDIDATES[content["candidate"]].from_json(plain)
    return PurchaseModel(candidate, Calibration.from_json(content["calibration"]))
