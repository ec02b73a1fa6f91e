"""How many of the assigned were reached: beside the estimate, never in it."""

import numpy as np
import pandas as pd

__all__ = ["delivered_share", "delivery_by_arm", "is_delivered"]

_DELIVERED = ("SENT", "RESOLVED_SENT")


def delivery_by_arm(
    outcomes: pd.DataFrame, send_log: pd.DataFrame, arms: tuple[str, ...]
) -> pd.DataFrame:
    """Count assigned and delivered customers of every arm.

    Parameters
    ----------
    outcomes : DataFrame
        One row per customer of the experiment: `customer_id`, `action`.
    send_log : DataFrame
        One row per message and attempt: `customer_id`, `state`.
    arms : tuple of str
        All arms; control shows whether anybody was contacted by mistake.

    Returns
    -------
    DataFrame
        Row per arm: `n_assigned`, `n_delivered` and `delivered_share`.
    """
    by_arm = (
        is_delivered(outcomes, send_log).groupby(outcomes["action"].to_numpy()).agg(["size", "sum"])
    )
    by_arm = by_arm.reindex(arms, fill_value=0).astype(int)
    by_arm.columns = ["n_assigned", "n_delivered"]
    share = by_arm["n_delivered"] / by_arm["n_assigned"].where(by_arm["n_assigned"] > 0)
    return by_arm.assign(delivered_share=share)


def delivered_share(outcomes: pd.DataFrame, send_log: pd.DataFrame) -> float:
    """Share of the customers assigned an action that were reached; NaN if there are none."""
    treated = outcomes[outcomes["is_treated"]]
    return float(is_delivered(treated, send_log).mean()) if len(treated) else np.nan


def is_delivered(outcomes: pd.DataFrame, send_log: pd.DataFrame) -> pd.Series:
    """Whether each customer of the experiment was reached, in the order of `outcomes`."""
    reached = send_log.loc[send_log["state"].isin(_DELIVERED), "customer_id"]
    return outcomes["customer_id"].isin(reached)
