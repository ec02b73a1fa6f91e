"""Leakage guards: a feature that knows the outcome stops the run, by its name.

Three guards, the certain ones first:

1. **Declared.** `known_after` names columns that are known only after the moment of decision,
   such as the length of the very call that is decided on. None of them may be a feature.
2. **Dates.** Profiles must be stamped with the day they were taken on, that day must lie before
   the first day of the outcome window, and no date in a feature may lie after it.
3. **Statistics.** A feature that alone ranks the outcome with an AUC above .98 is taken for the
   outcome in disguise: by its value, by whether it is missing, or by any shape at all (the rate
   of its level or quantile, learnt on other rows).

There is no fourth guard for weaker leaks, such as one that asks how much the AUC falls when a
feature is left out. The length of a bank's sales call ranks its outcome with an AUC of about .82,
and so does the recency of a good customer: no statistic tells the two apart, only knowledge of
when a column is filled. So that is asked for as a declaration, and the AUC of every feature is
given back, the strongest first, to be read.
"""

from collections.abc import Mapping, Sequence
import datetime as dt

import numpy as np
import pandas as pd

from src.data.window import parse_date
from src.errors import LeakageError, ParameterError
from src.metrics.classification import auc

__all__ = ["MAX_AUC", "check_incumbent", "check_leaks"]

MAX_AUC = 0.98
"""A feature that alone exceeds it stops the run."""

_MIN_CLASS = 20
_MOST_ROWS = 50_000
_MOST_LEVELS = 256
_N_QUANTILES = 100
_N_FOLDS = 5
_PRIOR_ROWS = 1.0
_STAMP = "as_of_date"


def check_leaks(
    features: pd.DataFrame,
    y: np.ndarray,
    as_of_date: str,
    label_from: str,
    known_after: Mapping[str, str] | Sequence[str] = (),
    max_auc: float = MAX_AUC,
) -> pd.DataFrame:
    """Stop if a feature knows the outcome; else say how much each tells alone.

    Parameters
    ----------
    features : pandas.DataFrame of n rows
        One row per customer: every column the model may use, and as far as they are there
        `customer_id` (an order of ids can give the outcome away) and `as_of_date` (the stamp
        of `profiles`).
    y : array of shape (n,)
        Outcome, 0 or 1. A count or value is cut into two: above 0, and above its median.
    as_of_date : str
        ISO date of the snapshot, the last day whose facts may be features.
    label_from : str
        ISO date, first day of the outcome window.
    known_after : sequence of str, or mapping of str to str, optional
        Columns known only after `as_of_date`, perhaps with the reason.
    max_auc : float, default 0.98
        Limit, above .5 and at most 1.

    Returns
    -------
    pandas.DataFrame
        One row per feature, the strongest first: `feature`, `auc` (alone, in its better
        direction, .5 to 1; NaN where one of the two outcomes has fewer than 20 rows), and
        `form` (``value``, ``missing`` or ``level``). At most 50,000 rows, drawn with a fixed
        seed, half of each outcome where there are enough, are looked at.

    Raises
    ------
    LeakageError
        If any guard finds something; the text names each feature and how it was found.
    ParameterError
        If `y` has another length than `features`.
    """
    if len(y) != len(features):
        raise ParameterError(
            f"Expected one outcome per row, found {len(y)} outcomes and {len(features)} rows; "
            "label the same customers."
        )
    _check_declared(list(features.columns), known_after)
    _check_dates(features, parse_date(as_of_date), parse_date(label_from))
    alone = _rank_alone(features.drop(columns=_STAMP, errors="ignore"), np.asarray(y, dtype=float))
    found = alone[alone["auc"] > max_auc]
    if len(found):
        named = ", ".join(
            f"{row.feature} ({row.auc:.3f} by its {row.form})" for row in found.itertuples()
        )
        raise LeakageError(
            f"Expected no feature that alone tells the outcome after {as_of_date} with an AUC "
            f"above {max_auc:g}, but found {named}; leave it out if it was recorded later, else "
            "raise max_auc and say why."
        )
    return alone


def check_incumbent(learnt_until: str, snapshot_date: str) -> None:
    """Refuse to hold a challenger against a model that has seen the days it is compared on.

    Parameters
    ----------
    learnt_until : str
        ISO date on the card of the model in use: its `as_of_date`.
    snapshot_date : str
        ISO date of the snapshot on which both are compared.

    Raises
    ------
    LeakageError
        If the model in use knew anything later than the snapshot.
    """
    if parse_date(learnt_until) > parse_date(snapshot_date):
        raise LeakageError(
            f"Expected a model in use that was fitted on facts up to {snapshot_date}, the day of "
            f"the comparison, but its card says {learnt_until}; compare on a later window, or "
            "leave champion_run empty."
        )


def _check_declared(columns: list[str], known_after: Mapping[str, str] | Sequence[str]) -> None:
    found = [name for name in columns if name in known_after]
    if not found:
        return
    reasons = known_after if isinstance(known_after, Mapping) else {}
    named = ", ".join(f"{name} ({reasons[name]})" if name in reasons else name for name in found)
    raise LeakageError(
        f"Expected only features that are known when the decision is made, but found {named}, "
        "declared as known after it; leave it out of the features."
    )


def _check_dates(features: pd.DataFrame, as_of: dt.date, label_from: dt.date) -> None:
    if label_from <= as_of:
        raise LeakageError(
            f"Expected outcomes from the day after as_of_date {as_of}, but the outcome window "
            f"begins on {label_from}; move the window."
        )
    if _STAMP in features:
        stamps = set(pd.to_datetime(features[_STAMP]).dt.date)
        if stamps - {as_of}:
            raise LeakageError(
                f"Expected features as they stood on {as_of}, but as_of_date in them says "
                f"{', '.join(map(str, sorted(stamps, key=str)))}; build them for the day of the "
                "snapshot."
            )
    for name in features.columns.difference([_STAMP]):
        latest = _latest_date(features[name])
        if latest is not None and latest > as_of:
            raise LeakageError(
                f"Expected no fact later than {as_of} among the features, but {name} goes up to "
                f"{latest}; leave it out, or give it as a number of days if it was known by then."
            )


def _latest_date(values: pd.Series) -> dt.date | None:
    """Last day in a column of dates or times; None if it is none, or empty."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert("UTC")
    elif values.dtype.kind != "M":
        first = values.dropna().head(1)
        if values.dtype != object or first.empty or not isinstance(first.iloc[0], dt.date):
            return None
        values = pd.to_datetime(values)
    latest = values.max()
    return None if pd.isna(latest) else latest.date()


def _rank_alone(features: pd.DataFrame, y: np.ndarray) -> pd.DataFrame:
    """AUC of each feature alone, the strongest first."""
    labels = _labels(y)
    rows = []
    for name in features:
        best = max(
            (found for label in labels for found in _forms(features[name], label)),
            default=(float("nan"), "value"),
        )
        rows.append((str(name), *best))
    alone = pd.DataFrame(rows, columns=["feature", "auc", "form"])
    return alone.sort_values(["auc", "feature"], ascending=[False, True], ignore_index=True)


def _labels(y: np.ndarray) -> list[np.ndarray]:
    """Outcomes of two kinds, each as 0 and 1 with NaN for rows that are not looked at."""
    cuts = [y > 0, y > np.median(y)] if len(y) else []
    labels = [cut for cut in cuts if min(cut.sum(), (~cut).sum()) >= _MIN_CLASS]
    if len(labels) == 2 and (labels[0] == labels[1]).all():
        labels.pop()
    return [_sampled(label) for label in labels]


def _sampled(label: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    kept = np.full(len(label), np.nan)
    for value in (0, 1):
        places = np.flatnonzero(label == value)
        if len(places) > _MOST_ROWS // 2:
            places = rng.choice(places, _MOST_ROWS // 2, replace=False)
        kept[places] = value
    return kept


def _forms(values: pd.Series, label: np.ndarray) -> list[tuple[float, str]]:
    """AUC of one feature by value, by missingness, and by any shape."""
    is_used = ~np.isnan(label)
    values, y = values[is_used], label[is_used]
    is_missing, ranks = values.isna().to_numpy(), _as_ranks(values)
    top = np.nanmax(ranks, initial=0.0) + 1
    found = [(_either_way(y, is_missing.astype(float)), "missing")]
    for filler in (0.0, top):  # missing as lowest, and as highest
        found.append((_either_way(y, np.where(is_missing, filler, ranks) / top), "value"))
    known = ~is_missing
    if is_missing.any() and min(y[known].sum(), (1 - y[known]).sum()) >= _MIN_CLASS:
        found.append((_either_way(y[known], ranks[known] / top), "value"))
    found.append((auc(y, _rate_of_level(np.where(is_missing, 0, ranks), y)), "level"))
    return found


def _as_ranks(values: pd.Series) -> np.ndarray:
    """Ranks from 1, equal values the same; texts by the alphabet, missing values NaN."""
    if not pd.api.types.is_numeric_dtype(values) and values.dtype.kind != "M":
        values = values.astype("str").where(values.notna())
    return values.rank(method="dense").to_numpy(dtype="float64", na_value=np.nan)


def _rate_of_level(levels: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Rate of each row's level, or quantile where there are many, among the rows of other folds."""
    if levels.max() > _MOST_LEVELS:
        edges = np.quantile(levels, np.linspace(0, 1, _N_QUANTILES + 1)[1:-1])
        levels = np.searchsorted(edges, levels, side="left")
    levels = levels.astype("int64")
    folds = np.random.default_rng(1).permutation(len(y)) % _N_FOLDS
    rates = np.empty(len(y))
    for fold in range(_N_FOLDS):
        rest = folds != fold
        n = np.bincount(levels[rest], minlength=levels.max() + 1)
        n_yes = np.bincount(levels[rest], weights=y[rest], minlength=levels.max() + 1)
        rate = (n_yes + _PRIOR_ROWS * y[rest].mean()) / (n + _PRIOR_ROWS)
        rates[~rest] = rate[levels[~rest]]
    return rates


def _either_way(y: np.ndarray, numbers: np.ndarray) -> float:
    area = auc(y, numbers)
    return max(area, 1 - area)
