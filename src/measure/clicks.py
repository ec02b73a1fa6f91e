"""What was clicked, by arm, with and without machines: told beside the estimate, never in it."""

import pandas as pd

__all__ = ["clicks_by_arm"]


def clicks_by_arm(
    outcomes: pd.DataFrame, responses: pd.DataFrame, reasons: pd.Series, arms: tuple[str, ...]
) -> pd.DataFrame:
    """Count who clicked in every arm.

    Parameters
    ----------
    outcomes : DataFrame
        One row per customer of the experiment: `customer_id`, `action`.
    responses : DataFrame
        One row per response to a message: `customer_id`, `kind`.
    reasons : Series of str
        Why each response counts as a machine's, from `find_bots`; empty for a person's.
    arms : tuple of str
        All arms.

    Returns
    -------
    DataFrame
        Row per arm: `n_clicks` and `n_clickers` (customers) of all, `n_person_clicks` and
        `n_person_clickers` without machines, and `machine_share` of the clicks, NaN without any.

    Notes
    -----
    A machine that behaves like a person passes, and whoever was not written to cannot click, so
    clicks compare nothing: they are no outcome and no reward.
    """
    arm_of = outcomes.set_index("customer_id")["action"]
    clicks = responses.loc[responses["kind"] == "click", ["customer_id"]]
    clicks = clicks.assign(arm=clicks["customer_id"].map(arm_of), reason=reasons.loc[clicks.index])
    by_people = clicks[clicks["reason"] == ""]
    counts = pd.concat([_count(clicks, "n_"), _count(by_people, "n_person_")], axis=1)
    counts = counts.reindex(list(arms)).fillna(0).astype(int)
    n_clicks = counts["n_clicks"].where(counts["n_clicks"] > 0)
    return counts.assign(machine_share=1 - counts["n_person_clicks"] / n_clicks)


def _count(clicks: pd.DataFrame, prefix: str) -> pd.DataFrame:
    by_arm = clicks.groupby("arm")["customer_id"]
    return pd.DataFrame({f"{prefix}clicks": by_arm.size(), f"{prefix}clickers": by_arm.nunique()})
