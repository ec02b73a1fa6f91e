"""What 04b found, said in words and in a table that a reader can take in."""

import pandas as pd

from src.metrics.classification import expected_calibration_error
from src.metrics.intervals import Interval
from src.models.purchase_candidates import BASELINES
from src.models.purchase_comparison import Comparison
from src.models.splits import HAS_ORDERED, Snapshot

__all__ = [
    "candidate_words",
    "describe_choice",
    "describe_order",
    "describe_search",
    "list_candidates",
    "list_snapshots",
    "name_figures",
]

_WORDS = {
    "base_rate": "base rate",
    "last_period": "same as last period",
    "rfm_rule": "RFM rule",
    "decision_tree": "decision tree",
    "logistic_regression": "logistic regression",
    "linear_svm": "support vector machine",
    "random_forest": "random forest",
    "lightgbm": "LightGBM",
    "neural_network": "neural network",
}

_MEASURES = {
    "log_loss": "log loss",
    "auc": "AUC",
    "brier": "Brier score",
    "calibration_slope": "calibration slope",
    "lift": "lift, likeliest tenth",
    "churn_lift": "churn lift, least likely tenth",
}


def candidate_words(name: str) -> str:
    """Say a candidate's name in words.

    Examples
    --------
    >>> candidate_words("lightgbm_searched")
    'LightGBM, searched'
    """
    kind = name.removesuffix("_searched")
    return _WORDS[kind] + (", searched" if kind != name else "")


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
    """Figures of the candidates with their intervals, as text; else the rate that is used."""
    if not comparison.is_compared:
        return _list_rate(comparison.base_rate)
    table = comparison.candidates.set_index("candidate")
    shown = pd.DataFrame(
        {
            "calibration": table["calibration"],
            "log loss, validation": table["validation_log_loss"].map("{:.3f}".format),
            f"lead over {candidate_words(comparison.baseline)}": [
                _with_ends(comparison.lead("log_loss", name)) for name in table.index
            ],
        }
    )
    for measure, words in _MEASURES.items():
        shown[words] = [_with_ends(comparison.figure(measure, name)) for name in table.index]
    return shown.rename(index=candidate_words)


def _with_ends(interval: Interval) -> str:
    if interval.estimate != interval.estimate:
        return "–"
    return f"{interval.estimate:.3f} [{interval.lower:.3f}; {interval.upper:.3f}]"


def _list_rate(rate: Interval) -> pd.DataFrame:
    row = {
        "share who ordered": rate.estimate,
        "lower": rate.lower,
        "upper": rate.upper,
        "customers": rate.n,
    }
    return pd.DataFrame([row], index=[candidate_words("base_rate")]).round(3)


def describe_search(comparison: Comparison) -> str:
    """Say what the search for settings found (Markdown)."""
    if not comparison.searches:
        return "*No settings were searched for; the given ones are used.*"
    told = []
    for search in comparison.searches:
        words = candidate_words(search.entry.kind)
        change = f"{search.given_loss:.3f} to {search.best_loss:.3f}"
        told.append(
            f"{words} ({change}, {search.n_trials} tried)"
            if search.entry.is_searched
            else f"{words} (the given settings stay best of {search.n_trials})"
        )
    text = f"Settings searched for, by log loss within the train snapshot: {'; '.join(told)}."
    late = [candidate_words(one.entry.kind) for one in comparison.searches if one.is_time_up]
    if late:
        text += (
            f" **The time was up before all were tried for {', '.join(late)}**: another run may "
            "find other settings; raise `search_seconds`."
        )
    return text


def describe_choice(comparison: Comparison) -> str:
    """Say which candidate is used, and why (Markdown)."""
    champion = candidate_words(comparison.champion)
    contender = candidate_words(comparison.contender)
    rule = candidate_words(comparison.baseline)
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
            f"**The {champion} is used.** The validation snapshot chose {contender}, but on "
            f"{gain.n} customers and weeks it had not seen its lead over the rule is "
            f"{_nats(gain)}, which is not surely above zero. So the plainer one it is."
        )
    if comparison.champion in ("base_rate", *BASELINES):
        return (
            f"**The {champion} is used.** Nothing more elaborate was surely better on the "
            f"validation snapshot, so there is no reason for it. The test rests on {gain.n} "
            "customers."
        )
    return (
        f"**The model used is {champion}.** On the validation snapshot it surely beat whatever is "
        f"plainer, and nothing more elaborate surely beat it. On {gain.n} customers and weeks it "
        f"had not seen it is ahead of the baseline, the {rule}, by {_nats(gain)}, surely above "
        "zero."
    )


def describe_order(comparison: Comparison) -> str:
    """Say how well the champion tells buyers from the others (Markdown)."""
    area = comparison.auc
    if not comparison.is_compared or area.estimate != area.estimate:
        return "*How well buyers are told from the others cannot be said here.*"
    text = (
        f"Take one customer who ordered and one who did not: the champion ranks the buyer higher "
        f"in {100 * area.estimate:.0f} of 100 such pairs ({100 * area.level:.0f} % interval "
        f"{100 * area.lower:.0f} to {100 * area.upper:.0f}, {area.n} customers); chance gives 50."
    )
    lift = comparison.figure("churn_lift")
    return text + (
        f" Among the least likely tenth, customers stay away {lift.estimate:.1f} times as often as "
        f"on average ({lift.lower:.1f} to {lift.upper:.1f})."
    )


def name_figures(comparison: Comparison) -> dict[str, float]:
    """Figures of the champion on the test customers, as 04b records them; NaN if none.

    `log_loss_gain` is that of the contender over the baseline, which the choice rests on.
    """
    named = {}
    for measure in ("auc", "log_loss", "brier", "calibration_slope", "lift", "churn_lift"):
        named |= _three(measure, comparison.figure(measure))
    error = float("nan")
    if comparison.is_compared:
        error = expected_calibration_error(comparison.y, comparison.p[comparison.champion])
    return (
        named
        | {"calibration_error": error}
        | _three("log_loss_gain", comparison.gain)
        | _three("auc_gain", comparison.lead("auc", comparison.contender))
    )


def _three(name: str, interval: Interval) -> dict[str, float]:
    return {
        name: interval.estimate,
        f"{name}_lower": interval.lower,
        f"{name}_upper": interval.upper,
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
