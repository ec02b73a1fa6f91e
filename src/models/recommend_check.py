"""How good the lists would have been: made at a past date, held against what was then bought."""

from dataclasses import dataclass

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import days_after
from src.metrics.intervals import Interval, bootstrap_difference, bootstrap_mean
from src.metrics.ranking import coverage, ndcg_at_k, precision_at_k, recall_at_k
from src.models.recommend import (
    METHODS,
    TARGETS,
    Purchases,
    Target,
    best_items,
    fit_recommender,
    index_purchases,
    rank_for,
    score_items,
)
from src.models.recommend_items import ItemRules, count_purchases

__all__ = [
    "Trial",
    "choose_method",
    "compare_recall",
    "describe_choice",
    "record_trials",
    "summarise_trials",
    "try_methods",
]


@dataclass(frozen=True)
class Trial:
    """One method on one window.

    Parameters
    ----------
    method, target : str
        Which lists were made.
    cut_date, last_date : str
        Lists know nothing after the cut; purchases after it, up to the last date, count.
    is_hit : array of shape (n_customers, k)
        Whether the item at each rank was bought; customers who bought nothing are left out.
    recall, ndcg, precision : array of shape (n_customers,)
        At k, by customer.
    coverage : float
        Share of the items that some list names.
    """

    method: str
    target: Target
    cut_date: str
    last_date: str
    is_hit: np.ndarray
    recall: np.ndarray
    ndcg: np.ndarray
    precision: np.ndarray
    coverage: float


def try_methods(
    item_days: Table, last_date: str, eval_days: int, rules: ItemRules, k: int = 5
) -> list[Trial]:
    """Try every method on the last days of a history.

    Parameters
    ----------
    item_days : ibis.Table
        As from `src.models.recommend_items.build_item_days`.
    last_date : str
        ISO date, last day of the window; nothing after it is read.
    eval_days : int
        Length of the window; lists are made from what was known before it.
    rules : ItemRules
    k : int, default 5
        Length of the lists.

    Returns
    -------
    list of Trial
        One per target and method; none where nobody was known before the window or bought in it.
    """
    cut_date = days_after(last_date, -eval_days)
    counts = count_purchases(item_days, cut_date)
    purchases = index_purchases(counts, counts["customer_id"].unique(), rules)
    if not len(purchases.items):
        return []
    later = item_days.filter(
        (item_days.order_date > ibis.date(cut_date))
        & (item_days.order_date <= ibis.date(last_date))
    )
    bought = later.select("customer_id", "item").distinct().to_pandas()
    relevant, n_outside = _match(bought, purchases)
    is_new = relevant & (purchases.n_days.toarray() == 0)
    truths = {
        "any": (relevant, relevant.sum(axis=1) + n_outside),
        "new": (is_new, is_new.sum(axis=1)),
    }
    trials = []
    for method in METHODS:
        score = score_items(fit_recommender(purchases, method), purchases)
        for target in TARGETS:
            top = best_items(rank_for(target, score, purchases), k)
            trials.append(_trial(method, target, cut_date, last_date, *truths[target], top))
    tried = [trial for trial in trials if len(trial.recall)]
    return sorted(tried, key=lambda trial: TARGETS.index(trial.target))


def _match(bought: pd.DataFrame, purchases: Purchases) -> tuple[np.ndarray, np.ndarray]:
    """Mark what each known customer bought later; count what lies outside the items."""
    row = pd.Index(purchases.customers).get_indexer(bought["customer_id"])
    column = pd.Index(purchases.items).get_indexer(bought["item"])
    inside = (row >= 0) & (column >= 0)
    is_bought = np.zeros((len(purchases.customers), len(purchases.items)), dtype=bool)
    is_bought[row[inside], column[inside]] = True
    outside = row[(row >= 0) & (column < 0)]
    return is_bought, np.bincount(outside, minlength=len(purchases.customers))


def _trial(
    method: str,
    target: Target,
    cut_date: str,
    last_date: str,
    relevant: np.ndarray,
    n_relevant: np.ndarray,
    top: np.ndarray,
) -> Trial:
    is_test = n_relevant > 0
    is_hit, n_test = np.take_along_axis(relevant, top, axis=1)[is_test], n_relevant[is_test]
    metrics = (metric(is_hit, n_test) for metric in (recall_at_k, ndcg_at_k, precision_at_k))
    share = coverage(top, relevant.shape[1])
    return Trial(method, target, cut_date, last_date, is_hit, *metrics, share)


def choose_method(trials: list[Trial], target: Target) -> str:
    """Choose the method with the highest mean recall; of equals, the plainest.

    Parameters
    ----------
    trials : list of Trial
        On a window before the one that is reported.
    target : {"any", "new"}
    """
    means = {trial.method: trial.recall.mean() for trial in trials if trial.target == target}
    known = [method for method in METHODS if method in means]
    return max(known, key=lambda method: means[method]) if known else METHODS[0]


def summarise_trials(trials: list[Trial], seed: int) -> pd.DataFrame:
    """Lay the trials out with 95 % intervals over customers.

    Returns
    -------
    DataFrame
        One row per trial: `target`, `method`, `recall` with `lower` and `upper`, `ndcg` with
        `ndcg_lower` and `ndcg_upper`, `precision`, `coverage`, `n_test`.
    """
    columns = (
        "target method recall lower upper ndcg ndcg_lower ndcg_upper precision coverage n_test"
    )
    rows = []
    for trial in trials:
        recall, ndcg = bootstrap_mean(trial.recall, seed), bootstrap_mean(trial.ndcg, seed)
        ends = (recall.estimate, recall.lower, recall.upper, ndcg.estimate, ndcg.lower, ndcg.upper)
        head, tail = (
            (trial.target, trial.method),
            (trial.precision.mean(), trial.coverage, recall.n),
        )
        rows.append((*head, *ends, *tail))
    return pd.DataFrame(rows, columns=columns.split())


def compare_recall(trials: list[Trial], method: str, target: Target, seed: int) -> Interval | None:
    """Recall of a method minus that of the best other, paired by customer; None without trials."""
    recalls = {trial.method: trial.recall for trial in trials if trial.target == target}
    others = [other for other in METHODS if other in recalls and other != method]
    if method not in recalls or not others:
        return None
    best = max(others, key=lambda other: recalls[other].mean())
    return bootstrap_difference(recalls[method], recalls[best], seed)


def describe_choice(
    earlier: list[Trial], reported: list[Trial], method: str, target: Target, seed: int
) -> str:
    """Say in Markdown which method was chosen, on what, and how it then fared."""
    if not any(trial.target == target for trial in reported):
        return (
            "**Too little history to try the methods**: nobody known before the last window bought "
            f"in it. `{method}` is used untried."
        )
    trial = next(trial for trial in reported if (trial.method, trial.target) == (method, target))
    chosen = (
        f"chosen on the window that ended {earlier[0].last_date}"
        if earlier
        else "taken without a trial, for the history is too short for an earlier window"
    )
    gain = compare_recall(reported, method, target, seed)
    text = (
        f"**`{method}`** was {chosen}. In the days after {trial.cut_date}, up to "
        f"{trial.last_date}, its lists named {trial.recall.mean():.1%} of what "
        f"{len(trial.recall):,} customers bought; of what they named, {trial.precision.mean():.0%} "
        "was bought."
    )
    if gain is None:
        return text
    verdict = "better" if gain.lower > 0 else "worse" if gain.upper < 0 else "not clearly different"
    return (
        f"{text} Recall against the best other method: {gain.estimate:+.4f} "
        f"[{gain.lower:+.4f}, {gain.upper:+.4f}], {verdict}."
    )


def record_trials(
    summary: pd.DataFrame, method: str, target: Target, k: int
) -> dict[str, float | int | None]:
    """Lay out the trial of the chosen method and of popularity as named numbers."""
    rows = summary[summary["target"] == target].set_index("method")
    numbers: dict[str, float | int | None] = {
        "n_test": int(rows["n_test"].max()) if len(rows) else 0
    }
    for prefix, name in (
        ("", method),
        ("popularity_", "popularity"),
        ("repurchase_", "repurchase"),
    ):
        row = rows.loc[name] if name in rows.index else {}
        for metric in ("recall", "ndcg"):
            lower, upper = (
                ("lower", "upper") if metric == "recall" else ("ndcg_lower", "ndcg_upper")
            )
            key = f"{prefix}{metric}_at_{k}"
            numbers[key] = row.get(metric)
            numbers[f"{key}_lower"], numbers[f"{key}_upper"] = row.get(lower), row.get(upper)
        numbers[f"{prefix}coverage"] = row.get("coverage")
    return numbers
