"""A known effect on top of real orders, to see whether measuring finds it again."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from src.data.window import parse_date
from src.decide.catalogue import CONTROL, NONE
from src.errors import ParameterError

__all__ = ["add_known_effect"]

RESPONSE_SHARE = 0.25
_VALUE_SPREAD = 0.5


def add_known_effect(
    orders: pd.DataFrame,
    decisions: pd.DataFrame,
    effect_value: float | Mapping[str, float],
    seed: int,
    as_of_date: str,
    outcome_days: int = 56,
    response_share: float = RESPONSE_SHARE,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    r"""Add one more order for some of the customers that were assigned an action.

    Each answers with probability :math:`q` (`response_share`) by an order within the outcome
    window, worth :math:`e / q` times a log-normal factor of mean 1: the mean effect per assigned
    customer is :math:`e`. All their real orders stay.

    Parameters
    ----------
    orders : DataFrame
        One row per order line, as in the contract of `orders`, with at least one row.
    decisions : DataFrame
        One row per customer: `customer_id`, `action`.
    effect_value : float or mapping from action to float
        Mean extra revenue :math:`e` per assigned customer, shop currency, at least 0.
    seed : int
        Draws who answers, when and by how much.
    as_of_date : str
        Extra orders fall on the days after it.
    outcome_days : int, default 56
        Within so many days.
    response_share : float, in (0, 1], default 0.25
        Probability of an answer.

    Returns
    -------
    orders : DataFrame
        The orders given and the extra ones, in the same columns.
    truth : DataFrame
        One row per assigned customer, by `customer_id`: `action` and `added_minor`, the extra
        revenue in integer cents.

    Raises
    ------
    ParameterError
        If there is no order to copy from, an effect is negative, or `response_share` is not
        in (0, 1].
    """
    assigned = decisions.loc[~decisions["action"].isin([CONTROL, NONE]), ["customer_id", "action"]]
    truth = assigned.sort_values("customer_id", ignore_index=True)
    effect = _effects(truth["action"], effect_value)
    if orders.empty or not 0 < response_share <= 1 or (effect < 0).any():
        raise ParameterError(
            "Expected orders to copy from, effects of at least 0 and response_share in (0, 1], "
            f"found {len(orders)} order lines, least effect {effect.min(initial=0.0)} and "
            f"{response_share}; a loss cannot be added as orders."
        )
    rng = np.random.default_rng(seed)
    answers = rng.random(len(truth)) < response_share
    factor = rng.lognormal(-(_VALUE_SPREAD**2) / 2, _VALUE_SPREAD, len(truth))
    seconds = rng.integers(0, outcome_days * 86_400, len(truth))
    added = np.rint(100.0 * effect / response_share * factor * answers).astype(np.int64)
    truth = truth.assign(added_minor=added)
    extra = _extra_lines(orders.iloc[0], truth, seconds, as_of_date)
    return pd.concat([orders, extra], ignore_index=True), truth


def _effects(action: pd.Series, effect_value: float | Mapping[str, float]) -> np.ndarray:
    if isinstance(effect_value, Mapping):
        return action.map(dict(effect_value)).fillna(0.0).to_numpy(dtype=float)
    return np.full(len(action), float(effect_value))


def _extra_lines(
    template: pd.Series, truth: pd.DataFrame, seconds: np.ndarray, as_of_date: str
) -> pd.DataFrame:
    is_added = truth["added_minor"].gt(0).to_numpy()
    answered = truth[is_added]
    start = pd.Timestamp(parse_date(as_of_date), tz="UTC") + pd.Timedelta(days=1)
    columns = template.to_dict() | {
        "order_id": [f"rehearsal-{i:07d}" for i in range(len(answered))],
        "line_number": 1,
        "customer_id": answered["customer_id"].to_numpy(),
        "ordered_at": start + pd.to_timedelta(seconds[is_added], unit="s").as_unit("us"),
        "quantity": 1,
        "line_value_minor": answered["added_minor"].to_numpy(),
        "discount_minor": 0,
        "coupon_minor": 0,
        "is_discounted": False,
        "is_outlier": False,
    }
    return pd.DataFrame(columns)[list(template.index)]
