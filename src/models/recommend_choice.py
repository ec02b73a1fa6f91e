"""Which method makes the lists: one that surely beats popularity and habit, else one of these."""

from dataclasses import dataclass

import pandas as pd

from src.metrics.intervals import Interval, bootstrap_difference
from src.models.recommend import Target
from src.models.recommend_check import Trial
from src.models.recommend_methods import BASELINES, METHODS

__all__ = ["Choice", "choose_method", "describe_choice", "list_gains", "record_choice"]

_WORDS = {
    "popularity": "popularity",
    "repurchase": "the own habit",
    "item_item": "habit and item-item co-purchase",
    "item_ridge": "habit and item-item ridge",
    "als": "habit and implicit ALS",
}
_METRICS = ("recall", "ndcg")


@dataclass(frozen=True)
class Choice:
    """What makes the lists, and why.

    Parameters
    ----------
    method : str
        Is used.
    challenger : str
        Best on the earlier window.
    baseline : str
        Best of `BASELINES` there: what is used if the challenger does not surely win.
    target : {"any", "new"}
    gains : dict of (metric, baseline) to Interval
        Recall and NDCG of the challenger minus those of each baseline, on the reported window,
        paired by customer; empty where nothing could be tried, or the challenger is a baseline.
    lack : str
        Why nothing could be tried; else empty.
    """

    method: str
    challenger: str
    baseline: str
    target: Target
    gains: dict[tuple[str, str], Interval]
    lack: str = ""


def choose_method(earlier: list[Trial], reported: list[Trial], target: Target, seed: int) -> Choice:
    """Choose on an earlier window, and hold it against both baselines on a later one.

    The challenger has the highest mean recall on the earlier window; of equals, the plainest. It
    makes the lists only if the lower ends of its gains in recall over *both* baselines lie above
    zero on the later window; else the better baseline of the earlier window does.

    Parameters
    ----------
    earlier, reported : list of Trial
        As from `src.models.recommend_check.try_methods`, on two windows.
    target : {"any", "new"}
    seed : int
        Of the intervals.
    """
    before = {trial.method: trial for trial in earlier if trial.target == target}
    after = {trial.method: trial for trial in reported if trial.target == target}
    if not before or not after:
        which = "last" if not after else "earlier"
        lack = f"nobody known before the {which} window bought in it"
        return Choice(BASELINES[0], BASELINES[0], BASELINES[0], target, {}, lack)
    challenger, baseline = (_best(before, names) for names in (METHODS, BASELINES))
    gains = {}
    if challenger not in BASELINES:
        gains = {
            (metric, name): bootstrap_difference(
                getattr(after[challenger], metric), getattr(after[name], metric), seed
            )
            for metric in _METRICS
            for name in BASELINES
        }
    is_won = bool(gains) and all(gains["recall", name].lower > 0 for name in BASELINES)
    return Choice(challenger if is_won else baseline, challenger, baseline, target, gains)


def _best(trials: dict[str, Trial], names: tuple[str, ...]) -> str:
    return max((name for name in names if name in trials), key=lambda m: trials[m].recall.mean())


def describe_choice(choice: Choice, earlier: list[Trial], reported: list[Trial]) -> str:
    """Say in Markdown which method makes the lists, on what, and how it fared."""
    if choice.lack:
        return (
            f"**Too little history to try the methods**: {choice.lack}. "
            f"`{choice.method}` is used untried."
        )
    trial = _trial(reported, choice.method, choice.target)
    chosen_on = _trial(earlier, choice.challenger, choice.target).last_date
    fared = (
        f"On {len(trial.recall):,} last baskets after {trial.cut_date}, up to {trial.last_date}, "
        f"its lists named {trial.recall.mean():.1%} of what was in them; of what they named, "
        f"{trial.precision.mean():.0%} was bought."
    )
    if not choice.gains:
        return (
            f"**`{choice.method}`, {_WORDS[choice.method]}, makes the lists**: on the window that "
            f"ended {chosen_on} nothing did better. {fared}"
        )
    told = "; ".join(
        f"against {_WORDS[name]} {gain.estimate:+.4f} [{gain.lower:+.4f}, {gain.upper:+.4f}]"
        for (metric, name), gain in choice.gains.items()
        if metric == "recall"
    )
    if choice.method == choice.challenger:
        verdict = (
            f"**`{choice.method}`, {_WORDS[choice.method]}, makes the lists**: best on the window "
            f"that ended {chosen_on}, and surely better than both baselines on the next"
        )
    else:
        verdict = (
            f"**The baseline `{choice.method}`, {_WORDS[choice.method]}, makes the lists**: "
            f"`{choice.challenger}` was best on the window that ended {chosen_on}, but not surely "
            "better than both baselines on the next"
        )
    return f"{verdict}. Recall {told}. {fared}"


def _trial(trials: list[Trial], method: str, target: str) -> Trial:
    return next(one for one in trials if (one.method, one.target) == (method, target))


def list_gains(choice: Choice) -> pd.DataFrame:
    """Lay out by how much the challenger leads each baseline, with 95 % intervals.

    Returns
    -------
    DataFrame
        One row per metric and baseline: `metric`, `challenger`, `baseline`, `gain`, `lower`,
        `upper`, `n_test`.
    """
    rows = [
        (metric, choice.challenger, name, gain.estimate, gain.lower, gain.upper, gain.n)
        for (metric, name), gain in choice.gains.items()
    ]
    columns = "metric challenger baseline gain lower upper n_test"
    return pd.DataFrame(rows, columns=columns.split())


def record_choice(
    choice: Choice, summary: pd.DataFrame, k: int
) -> dict[str, float | int | str | None]:
    """Lay out the trial of the method used and of the baselines as named numbers.

    Parameters
    ----------
    choice : Choice
    summary : DataFrame
        As from `src.models.recommend_check.summarise_trials`.
    k : int
        Length of the lists.
    """
    rows = summary[summary["target"] == choice.target].set_index("method")
    numbers: dict[str, float | int | str | None] = {
        "method": choice.method,
        "challenger": choice.challenger,
        "baseline": choice.baseline,
        "lack": choice.lack,
        "n_test": int(rows["n_test"].max()) if len(rows) else 0,
    }
    for prefix, name in (("", choice.method), *((f"{name}_", name) for name in BASELINES)):
        row = rows.loc[name] if name in rows.index else {}
        for metric, end in (("recall", ""), ("ndcg", "ndcg_")):
            key = f"{prefix}{metric}_at_{k}"
            numbers[key] = row.get(metric)
            numbers[f"{key}_lower"] = row.get(f"{end}lower")
            numbers[f"{key}_upper"] = row.get(f"{end}upper")
        numbers[f"{prefix}coverage"] = row.get("coverage")
    for (metric, name), gain in choice.gains.items():
        key = f"{metric}_gain_over_{name}"
        numbers |= {key: gain.estimate, f"{key}_lower": gain.lower, f"{key}_upper": gain.upper}
    return numbers
