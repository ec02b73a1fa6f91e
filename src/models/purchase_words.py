"""What 04b found, said in words and in a table that a reader can take in."""

import pandas as pd

from src.metrics.classification import expected_calibration_error
from src.metrics.intervals import Interval
from src.models.purchase_comparison import Comparison
from src.models.splits import HAS_ORDERED, Snapshot

__all__ = [
    "CANDIDATE_WORDS",
    "describe_choice",
    "describe_order",
    "list_candidates",
    "list_snapshots",
    "name_figures",
]

CANDIDATE_WORDS = {
    "base_rate": "base rate",
    "rfm_rule": "RFM rule",
    "logistic_regression": "logistic regression",
    "lightgbm": "LightGBM",
}
"""Candidates in words, the plainest first."""


def list_snapshots(
    snapshots: tuple[Snapshot, ...], labelled: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """Dates of each snapshot, its customers and the share of them who ordered."""
    rows = [
        {
            "snapshot": snapshot.role,
            "features until": snapshot.as_of_date,
            "outcomes until": snapshot.label_until,
            "customers": len(labelled[snapshot.role]),
            "share who ordered": round(labelled[snapshot.role][HAS_ORDERED].mean(), 3),
        }
        for snapshot in snapshots
    ]
    return pd.DataFrame(rows).set_index("snapshot")


def list_candidates(comparison: Comparison) -> pd.DataFrame:
    """Figures of the candidates, rounded, under readable names; else the rate that is used."""
    if not comparison.is_compared:
        return _list_rate(comparison.base_rate)
    names = {
        "calibration": "calibration",
        "validation_log_loss": "log loss, validation",
        "log_loss": "log loss, test",
        "lower": "lower",
        "upper": "upper",
        "brier": "Brier score",
        "auc": "AUC",
        "gain": "gain over rule",
        "gain_lower": "gain, lower",
        "gain_upper": "gain, upper",
    }
    table = comparison.candidates.set_index("candidate").rename(index=CANDIDATE_WORDS)
    return table[list(names)].rename(columns=names).round(3)


def _list_rate(rate: Interval) -> pd.DataFrame:
    row = {
        "share who ordered": rate.estimate,
        "lower": rate.lower,
        "upper": rate.upper,
        "customers": rate.n,
    }
    return pd.DataFrame([row], index=[CANDIDATE_WORDS["base_rate"]]).round(3)


def describe_choice(comparison: Comparison) -> str:
    """Say which candidate is used, and why (Markdown)."""
    champion = CANDIDATE_WORDS[comparison.champion]
    contender = CANDIDATE_WORDS[comparison.contender]
    gain = comparison.gain
    if not comparison.is_compared:
        return (
            f"**Nothing could be compared: {comparison.lack}.** Every customer gets the pooled "
            f"rate of the labelled snapshots. In the latest outcome window "
            f"{_share(comparison.base_rate)} of the known customers ordered. The scores of this "
            "stage then tell nobody apart."
        )
    if comparison.champion != comparison.contender:
        return (
            f"**The {champion} is used.** On the validation snapshot {contender} came out first, "
            f"but on {gain.n} customers and weeks it had not seen its advantage over the rule is "
            f"{_nats(gain)}, which is not surely above zero. So the plainer one it is."
        )
    if comparison.champion in ("base_rate", "rfm_rule"):
        return (
            f"**The {champion} is used.** Nothing more elaborate was clearly better on the "
            f"validation snapshot, so there is no reason for it. The test rests on {gain.n} "
            "customers."
        )
    return (
        f"**The model used is {champion}.** It came out first on the validation snapshot, where "
        f"nothing more elaborate was clearly better. On {gain.n} customers and weeks it had not "
        f"seen it is ahead of the RFM rule by {_nats(gain)}, surely above zero."
    )


def describe_order(comparison: Comparison) -> str:
    """Say how well the champion tells buyers from the others (Markdown)."""
    area = comparison.auc
    if not comparison.is_compared or area.estimate != area.estimate:
        return "*How well buyers are told from the others cannot be said here.*"
    return (
        f"Take one customer who ordered and one who did not: the champion ranks the buyer higher "
        f"in {100 * area.estimate:.0f} of 100 such pairs ({100 * area.level:.0f} % interval "
        f"{100 * area.lower:.0f} to {100 * area.upper:.0f}, {area.n} customers); chance gives 50."
    )


def name_figures(comparison: Comparison) -> dict[str, float]:
    """Figures of the champion on the test customers, as 04b records them; NaN if none.

    `log_loss_gain_over_rfm` is that of the contender, which the choice rests on.
    """
    has_test = comparison.is_compared
    p = comparison.p.get(comparison.champion)
    return {
        "auc": comparison.auc.estimate,
        "auc_lower": comparison.auc.lower,
        "auc_upper": comparison.auc.upper,
        "log_loss": comparison.result("log_loss"),
        "log_loss_lower": comparison.result("lower"),
        "log_loss_upper": comparison.result("upper"),
        "brier": comparison.result("brier"),
        "calibration_error": expected_calibration_error(comparison.y, p)
        if has_test
        else float("nan"),
        "log_loss_gain_over_rfm": comparison.gain.estimate,
        "log_loss_gain_over_rfm_lower": comparison.gain.lower,
        "log_loss_gain_over_rfm_upper": comparison.gain.upper,
    }


def _share(interval: Interval) -> str:
    if not interval.n:
        return "an unknown share"
    return (
        f"{100 * interval.estimate:.0f} % ({100 * interval.level:.0f} % interval "
        f"{100 * interval.lower:.0f} to {100 * interval.upper:.0f}, n = {interval.n})"
    )


def _nats(interval: Interval) -> str:
    return (
        f"{interval.estimate:.3f} nats per customer ({100 * interval.level:.0f} % interval "
        f"{interval.lower:.3f} to {interval.upper:.3f})"
    )
