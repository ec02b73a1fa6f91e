"""How sure the sum of lifetime value is, as far as the fitted parameters go."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd

from src.metrics.intervals import Interval
from src.models.gamma_gamma import GammaGamma
from src.models.value import ValueModel, predict_value

__all__ = ["total_value_interval"]

_LEVEL = 0.95
_Z_95 = 1.959964
_STEP = 1e-3


def total_value_interval(
    model: ValueModel,
    facts: dict,
    btyd: pd.DataFrame,
    horizon_days: int,
    discount_rate: float,
    margin_share: float,
) -> Interval | None:
    """Interval of the sum of `clv` from the uncertainty of the parameters, by the delta method.

    It says how far the sum would move had chance given the same customers another history of
    the same kind. It does not cover what the model does not know: a season, a new competitor.
    The hold-outs tell of that.

    Parameters
    ----------
    model, facts
        As from `src.models.value.fit_value`.
    btyd, horizon_days, discount_rate, margin_share
        As in `src.models.value.predict_value`.

    Returns
    -------
    Interval or None
        95 %, on the log scale; None where there is no model of order days, or its likelihood is
        too flat to give an interval.
    """

    def total(changed: ValueModel) -> float:
        scores = predict_value(changed, btyd, horizon_days, discount_rate, margin_share)
        return float(scores["clv"].sum())

    parts = [("orders", facts["order_model"])]
    if isinstance(model.values, GammaGamma):
        parts.append(("values", facts["value_model"]))
    estimate, variance = total(model), 0.0
    if model.orders is None or not estimate > 0:
        return None
    for part, fit in parts:
        slopes = [
            np.log(total(_moved(model, part, field.name)) / estimate) / _STEP
            for field in fields(getattr(model, part))
        ]
        variance += np.array(slopes) @ fit["log_covariance"] @ np.array(slopes)
    half = _Z_95 * np.sqrt(variance)
    if not np.isfinite(half):
        return None
    ends = float(estimate * np.exp(-half)), float(estimate * np.exp(half))
    return Interval(estimate, *ends, _LEVEL, len(btyd))


def _moved(model: ValueModel, part: str, name: str) -> ValueModel:
    """Move one parameter a small step up on the log scale."""
    fitted = getattr(model, part)
    return replace(
        model, **{part: replace(fitted, **{name: getattr(fitted, name) * np.exp(_STEP)})}
    )
