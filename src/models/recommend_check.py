"""How good the lists would have been: held against each customer's last basket."""

from dataclasses import dataclass

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import days_after
from src.metrics.intervals import bootstrap_mean
from src.metrics.ranking import coverage, ndcg_at_k, precision_at_k, recall_at_k
from src.models.recommend import (
    TARGETS,
    Purchases,
    Shelf,
    Target,
    best_items,
    build_shelf,
    index_purchases,
    rank_for,
    score_items,
)
from src.models.recommend_items import ItemRules, count_purchases, sum_up_days
from src.models.recommend_methods import METHODS, Recommender, fit_recommender

__all__ = [
    "MOST_CUSTOMERS",
    "Trial",
    "sample_customers",
    "sample_purchases",
    "summarise_trials",
    "try_methods",
]

MOST_CUSTOMERS = 20_000
"""Customers that methods are fitted and tried on; more would make them slower, hardly better."""

_BLOCK = 2_000


@dataclass(frozen=True)
class Trial:
    """One method on one window.

    Parameters
    ----------
    method, target : str
        Which lists were made.
    cut_date, last_date : str
        Methods learn up to the cut; last baskets lie after it, up to the last date.
    is_hit : array of shape (n_customers, k)
        Whether the item at each rank was in the basket; customers without one are left out.
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


def sample_customers(item_days: Table, last_date: str, n_most: int = MOST_CUSTOMERS) -> list[str]:
    """Choose customers who bought something by a date: all, or the first by name.

    Names are pseudonyms, hence hashes: the first of them are a random draw, the same each time.
    """
    known = item_days.filter(item_days.order_date <= ibis.date(last_date))
    chosen = known.select("customer_id").distinct().order_by("customer_id").limit(n_most)
    return chosen.to_pandas()["customer_id"].to_list()


def sample_purchases(
    item_days: Table, as_of_date: str, shelf: Shelf, n_most: int = MOST_CUSTOMERS
) -> Purchases:
    """Lay out the purchases of `sample_customers`, to learn from."""
    customers = np.array(sample_customers(item_days, as_of_date, n_most), dtype=object)
    counts = count_purchases(_of(item_days, customers), as_of_date)
    return index_purchases(counts, customers, shelf)


def _of(item_days: Table, customers: np.ndarray) -> Table:
    names = pd.DataFrame({"customer_id": pd.Series(customers, dtype="str")})
    return item_days.semi_join(ibis.memtable(names), "customer_id")


def try_methods(
    item_days: Table,
    last_date: str,
    eval_days: int,
    rules: ItemRules,
    k: int = 5,
    seed: int = 0,
    n_most: int = MOST_CUSTOMERS,
) -> list[Trial]:
    """Try every method on the last baskets of a window.

    What is bought together, and what is popular, is learnt up to the day before the window. A
    customer's own purchases count up to the day before the basket that the list is held against.

    Parameters
    ----------
    item_days : ibis.Table
        As from `src.models.recommend_items.build_item_days`.
    last_date : str
        ISO date, last day of the window; nothing after it is read.
    eval_days : int
        Length of the window; of each customer, the last basket in it counts.
    rules : ItemRules
    k : int, default 5
        Length of the lists.
    seed : int, default 0
        Of the start of ``als``.
    n_most : int, default 20,000
        Customers at most.

    Returns
    -------
    list of Trial
        One per target and method; none where nobody was known before the window or bought in it.
    """
    cut_date = days_after(last_date, -eval_days)
    customers = np.array(sample_customers(item_days, cut_date, n_most), dtype=object)
    known = item_days.filter(item_days.order_date <= ibis.date(cut_date))
    n_known = int(known.customer_id.nunique().execute())
    shelf = build_shelf(item_days, n_known, cut_date, rules)
    if not len(shelf.items):
        return []
    mine = item_days.filter(item_days.order_date <= ibis.date(last_date))
    mine = _of(mine, customers).cache()
    before, bought = _split_at_last_basket(mine, cut_date)
    learnt = index_purchases(count_purchases(mine, cut_date), customers, shelf)
    models = [fit_recommender(learnt.n_days, method, seed) for method in METHODS]
    buyers = np.sort(bought["customer_id"].unique())
    found = [
        _try_block(models, shelf, before, bought, buyers[start : start + _BLOCK], k)
        for start in range(0, len(buyers), _BLOCK)
    ]
    return _trials(found, len(shelf.items), cut_date, last_date)


def _split_at_last_basket(mine: Table, cut_date: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Count up to the day before each customer's last basket, and list what was in that."""
    later = mine.filter(mine.order_date > ibis.date(cut_date))
    last = later.group_by("customer_id").agg(basket_date=later.order_date.max())
    joined = mine.join(last, "customer_id")
    bought = joined.filter(joined.order_date == joined.basket_date)
    before = joined.filter(joined.order_date < joined.basket_date)
    age = before.basket_date.delta(before.order_date, unit="day") - 1
    counts = sum_up_days(before.mutate(age_days=age))
    return counts, bought.select("customer_id", "item").distinct().to_pandas()


def _try_block(
    models: list[Recommender],
    shelf: Shelf,
    before: pd.DataFrame,
    bought: pd.DataFrame,
    customers: np.ndarray,
    k: int,
) -> dict[tuple[Target, str], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """By target and method: hits by rank, how much could be hit, and the lists of these."""
    purchases = index_purchases(before, customers, shelf)
    relevant, n_outside = _match(bought, purchases)
    is_new = relevant & (purchases.n_days.toarray() == 0)
    truths = {
        "any": (relevant, relevant.sum(axis=1) + n_outside),
        "new": (is_new, is_new.sum(axis=1)),
    }
    found = {}
    for model in models:
        score = score_items(model, purchases)
        for target, (hit, n_relevant) in truths.items():
            top = best_items(rank_for(target, score, purchases), k)
            is_test = n_relevant > 0
            is_hit = np.take_along_axis(hit, top, axis=1)
            found[target, model.method] = (is_hit[is_test], n_relevant[is_test], top)
    return found


def _match(bought: pd.DataFrame, purchases: Purchases) -> tuple[np.ndarray, np.ndarray]:
    """Mark what each customer bought; count what lies outside the items."""
    row = pd.Index(purchases.customers).get_indexer(bought["customer_id"])
    column = pd.Index(purchases.items).get_indexer(bought["item"])
    inside = (row >= 0) & (column >= 0)
    is_bought = np.zeros((len(purchases.customers), len(purchases.items)), dtype=bool)
    is_bought[row[inside], column[inside]] = True
    outside = row[(row >= 0) & (column < 0)]
    return is_bought, np.bincount(outside, minlength=len(purchases.customers))


def _trials(found: list[dict], n_items: int, cut_date: str, last_date: str) -> list[Trial]:
    trials = []
    for target in TARGETS:
        for method in METHODS if found else ():
            parts = [block[target, method] for block in found]
            is_hit, n_relevant, top = (np.concatenate(part) for part in zip(*parts, strict=True))
            if not len(is_hit):
                continue
            by_customer = (
                metric(is_hit, n_relevant) for metric in (recall_at_k, ndcg_at_k, precision_at_k)
            )
            share = coverage(top, n_items)
            trials.append(Trial(method, target, cut_date, last_date, is_hit, *by_customer, share))
    return trials


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
