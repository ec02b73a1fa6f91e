"""What 04d promised against what came: realised effects by groups of the predicted ones."""

import numpy as np
import pandas as pd

from src.measure.lift import effect_on_treated_weights, estimate_lift
from src.measure.pooling import shrink_effects

__all__ = ["predicted_and_realised"]

N_GROUPS = 5


def predicted_and_realised(
    outcomes: pd.DataFrame, uplift_scores: pd.DataFrame, level: float, n_groups: int = N_GROUPS
) -> pd.DataFrame:
    """Compare by groups of equal size, from the least to the most promising customers.

    Groups are cut by the best effect that was predicted for a customer, which control has as
    well. Both sides are effects on margin net of discounts, before the cost of messages.

    Parameters
    ----------
    outcomes : DataFrame
        From `build_outcomes`.
    uplift_scores : DataFrame
        One row per customer and action: `customer_id`, `action`, `uplift_value`.
    level : float
        Of each realised interval; effects are shrunk, so that all may be read.
    n_groups : int, default 5

    Returns
    -------
    DataFrame
        One row per group: `group` (from 1), `predicted_value` (mean of the action assigned, over
        the treated), `realised_value`, `lower`, `upper`, `n_treated`, `n_control`. Empty where
        nothing was predicted, or the same for all.
    """
    names = ["group", "predicted_value", "realised_value", "lower", "upper"]
    columns = [*names, "n_treated", "n_control"]
    known = uplift_scores.dropna(subset=["uplift_value"])
    best = known.groupby("customer_id")["uplift_value"].max()
    score = outcomes["customer_id"].map(best).astype(float)
    if score.notna().sum() < 2 * n_groups or score.nunique() < n_groups:
        return pd.DataFrame(columns=columns)
    group = np.ceil(score.rank(method="first", pct=True) * n_groups)
    own = outcomes[["customer_id", "action"]].merge(known, on=["customer_id", "action"], how="left")
    gross = outcomes["profit_value"] + outcomes["cost_value"]
    rows, errors = [], []
    for number in range(1, n_groups + 1):
        inside = group.eq(number).to_numpy()
        is_treated = outcomes["is_treated"].to_numpy()[inside]
        weight = effect_on_treated_weights(outcomes["pscore"].to_numpy()[inside], is_treated)
        before = outcomes["before_profit_value"].to_numpy()[inside]
        lift = estimate_lift(gross.to_numpy()[inside], is_treated, weight, before, level)
        predicted = own["uplift_value"].to_numpy(dtype=float)[inside][is_treated]
        if not lift.is_known or lift.standard_error == 0 or np.isnan(predicted).all():
            return pd.DataFrame(columns=columns)
        rows.append(
            (number, float(np.nanmean(predicted)), lift.estimate, lift.n_treated, lift.n_control)
        )
        errors.append(lift.standard_error)
    table = pd.DataFrame(rows, columns=["group", "predicted_value", "realised_value", *columns[5:]])
    shrunk = shrink_effects(table["realised_value"], errors, level)
    ends = dict(zip(names[2:], shrunk.T, strict=True))
    return table.assign(**ends)[columns]
