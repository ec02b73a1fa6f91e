"""Which candidate to trust: chosen on one snapshot, reported once on a later one."""

from dataclasses import dataclass, field
import logging

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from src.metrics.classification import log_losses
from src.metrics.intervals import Interval, bootstrap_difference, wilson_interval
from src.metrics.resampled import compare_measures
from src.models.calibration import Calibration
from src.models.design import DEMOGRAPHICS, purchase_columns
from src.models.purchase import PurchaseModel, fit_purchase, label_array
from src.models.purchase_candidates import BASELINES, BaseRate, Entry
from src.models.purchase_search import Search, search_settings
from src.models.purchase_settings import PurchaseSettings, list_entries
from src.models.splits import HAS_ORDERED, customer_numbers

__all__ = [
    "Comparison",
    "PurchaseSettings",
    "choose_contender",
    "compare_candidates",
    "fit_champion",
    "lacks",
]

logger = logging.getLogger(__name__)

_MIN_CLASS = 20
_REPORT_SALT = "04b_purchase report"
_DRAW_SALT = "04b_purchase compared"
_RULES = ("base_rate", *BASELINES)


@dataclass(frozen=True)
class Comparison:
    """What came of the comparison.

    Parameters
    ----------
    candidates : pandas.DataFrame
        One row per candidate, the plainest first: `candidate`, `calibration`,
        `validation_log_loss`. Empty where nothing could be compared.
    figures : pandas.DataFrame
        One row per candidate and measure on the test customers, as from
        :func:`src.metrics.resampled.compare_measures`.
    test : pandas.DataFrame
        The test customers, one row each.
    y : array of shape (n_test,)
        Who ordered among them, 0 or 1.
    p : dict of arrays of shape (n_test,)
        Probability of each candidate for them.
    baseline : str
        The rule with the least log loss on validation: what a model must beat.
    contender : str
        Candidate that the validation snapshot chose; see `choose_contender`.
    champion : str
        Candidate that is used: the contender, or the baseline if the test does not show the
        contender to be surely better.
    base_rate : Interval
        Share who ordered among all customers at the latest labelled snapshot (Wilson).
    lack : str
        Why nothing could be compared; empty if it could.
    columns : tuple of str
        Numeric columns allowed as features.
    settings : PurchaseSettings
        As given.
    entries : dict of Entry
        Candidates by name, with their settings.
    searches : list of Search
        What the search for settings found.
    """

    candidates: pd.DataFrame
    figures: pd.DataFrame
    test: pd.DataFrame
    y: np.ndarray
    p: dict[str, np.ndarray]
    baseline: str
    contender: str
    champion: str
    base_rate: Interval
    lack: str
    columns: tuple[str, ...]
    settings: PurchaseSettings
    entries: dict[str, Entry] = field(default_factory=dict)
    searches: list[Search] = field(default_factory=list)

    @property
    def is_compared(self) -> bool:
        """Whether the data sufficed for a comparison."""
        return not self.lack

    @property
    def auc(self) -> Interval:
        """Of the champion on the test customers."""
        return self.figure("auc")

    @property
    def gain(self) -> Interval:
        """Log loss of the baseline minus that of the contender, nats per test customer."""
        return self.lead("log_loss", self.contender)

    def figure(self, measure: str, candidate: str = "") -> Interval:
        """Figure of a candidate, else of the champion; NaN if nothing was compared."""
        return self._interval(measure, candidate, ("estimate", "lower", "upper"))

    def lead(self, measure: str, candidate: str = "") -> Interval:
        """Lead of a candidate, else of the champion, over the baseline; above 0 is better."""
        return self._interval(measure, candidate, ("lead", "lead_lower", "lead_upper"))

    def _interval(self, measure: str, candidate: str, names: tuple[str, ...]) -> Interval:
        if not self.is_compared:
            return _nothing(self.settings)
        table = self.figures.set_index(["candidate", "measure"])
        found = table.loc[(candidate or self.champion, measure), list(names)]
        return Interval(*(float(value) for value in found), self.settings.level, len(self.y))


def lacks(labelled: dict[str, pd.DataFrame], history_days: int, settings: PurchaseSettings) -> str:
    """Say in words what the data lack for a comparison; empty if nothing.

    Parameters
    ----------
    labelled : dict of pandas.DataFrame
        As built by :func:`src.models.splits.build_snapshots`.
    history_days : int
        Days of history at the earliest snapshot.
    settings : PurchaseSettings
        Limits.
    """
    if history_days < settings.min_history_days:
        return (
            f"the earliest snapshot has {history_days} days of history behind it, and "
            f"{settings.min_history_days} are needed"
        )
    n_customers = min(len(snapshot) for snapshot in labelled.values())
    if n_customers < settings.min_customers:
        return f"a snapshot knows {n_customers} customers, and {settings.min_customers} are needed"
    fewest = min(_smaller_class(snapshot) for snapshot in labelled.values())
    if fewest < _MIN_CLASS:
        return (
            f"in a snapshot only {fewest} customers ordered, or only {fewest} did not, and "
            f"{_MIN_CLASS} of each are needed"
        )
    n_test = int((~_is_fitted(labelled["test"], settings)).sum())
    if n_test < _MIN_CLASS:
        return f"{n_test} customers are left to report on, and {_MIN_CLASS} are needed"
    train = labelled["train"][[*purchase_columns(history_days), *DEMOGRAPHICS]]
    if train.nunique().max() < 2:
        return "no column that may be looked at differs between the customers"
    return ""


def _smaller_class(snapshot: pd.DataFrame) -> int:
    n_yes = int(snapshot[HAS_ORDERED].sum())
    return min(n_yes, len(snapshot) - n_yes)


def compare_candidates(
    labelled: dict[str, pd.DataFrame], history_days: int, settings: PurchaseSettings
) -> Comparison:
    """Fit, calibrate and choose on some customers in the past; report on others, later.

    Settings are searched for and candidates fitted on the train snapshot, calibrated and chosen
    on the validation snapshot, by the share `fit_share` of customers. Reported on the test
    snapshot by the other customers, so that the figures are out of time and out of sample. The
    test is looked at once, to report, and to ask whether the contender is surely better than the
    baseline.

    Parameters
    ----------
    labelled, history_days, settings
        As for :func:`lacks`. If something is lacking, nothing is compared and the champion is
        the base rate.
    """
    lack = lacks(labelled, history_days, settings)
    columns = purchase_columns(history_days)
    if lack:
        logger.info("compare_candidates: pooled rate, %s", lack)
        return _uncompared(labelled, lack, columns, settings)
    with threadpool_limits(1):  # sums over threads would differ in the last bit
        return _compare(
            *_split(labelled, settings), _rate(labelled["test"], settings), columns, settings
        )


def _compare(
    train: pd.DataFrame,
    validation: pd.DataFrame,
    test: pd.DataFrame,
    rate: Interval,
    columns: tuple[str, ...],
    settings: PurchaseSettings,
) -> Comparison:
    entries = list_entries(columns, settings)
    searches = search_settings(
        entries, train, label_array(train), settings.search_seconds, settings.n_trials,
        settings.seed,
    )  # fmt: skip
    entries = _with_searched(entries, searches)
    candidates, losses, p = _fit_all(entries, train, validation, test)
    baseline = min(BASELINES, key=lambda name: losses[name].mean())
    contender = choose_contender(losses, settings)
    y = label_array(test)
    figures = compare_measures(y, p, baseline, settings.seed, settings.n_resamples, settings.level)
    return Comparison(
        candidates=candidates,
        figures=figures,
        test=test,
        y=y,
        p=p,
        baseline=baseline,
        contender=contender,
        champion=_confirm(figures, contender, baseline),
        base_rate=rate,
        lack="",
        columns=columns,
        settings=settings,
        entries={entry.name: entry for entry in entries},
        searches=searches,
    )


def _fit_all(
    entries: list[Entry], train: pd.DataFrame, validation: pd.DataFrame, test: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Fit each candidate: its row, its losses on validation, its probabilities on the test."""
    rows, losses, p = [], {}, {}
    for entry in entries:
        model, crossed = fit_purchase(entry.make, train, validation)
        p[entry.name] = model.predict(test)
        losses[entry.name] = log_losses(label_array(validation), crossed)
        rows.append((entry.name, model.calibration.method, float(losses[entry.name].mean())))
    columns = ["candidate", "calibration", "validation_log_loss"]
    return pd.DataFrame(rows, columns=columns), losses, p


def _split(
    labelled: dict[str, pd.DataFrame], settings: PurchaseSettings
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Train and validation rows of customers fitted on, test rows of the others."""
    share = settings.max_customers / max(len(snapshot) for snapshot in labelled.values())
    train, validation, test = (
        _draw(labelled[role], share) for role in ("train", "validation", "test")
    )
    return (
        train[_is_fitted(train, settings)],
        validation[_is_fitted(validation, settings)],
        test[~_is_fitted(test, settings)],
    )


def _draw(snapshot: pd.DataFrame, share: float) -> pd.DataFrame:
    """Draw a share of the customers by hash, the same at every snapshot."""
    if share >= 1:
        return snapshot
    return snapshot[customer_numbers(snapshot["customer_id"].tolist(), _DRAW_SALT) < share]


def _is_fitted(snapshot: pd.DataFrame, settings: PurchaseSettings) -> np.ndarray:
    """Say by hash whether a customer is fitted on, at every snapshot, or reported on."""
    numbers = customer_numbers(snapshot["customer_id"].tolist(), _REPORT_SALT)
    return numbers < settings.fit_share


def _with_searched(entries: list[Entry], searches: list[Search]) -> list[Entry]:
    """Put what a search improved behind the candidate with its given settings."""
    found = {search.entry.kind: search.entry for search in searches if search.entry.is_searched}
    return [
        one
        for entry in entries
        for one in ((entry, found[entry.kind]) if entry.kind in found else (entry,))
    ]


def choose_contender(losses: dict[str, np.ndarray], settings: PurchaseSettings) -> str:
    """Climb from the plainest candidate: the next takes its place only if it is surely better.

    Parameters
    ----------
    losses : dict of arrays of shape (n,)
        Log loss of each validation customer by candidate, the plainest first. Surely better: the
        lower end of the mean difference within the same customers (bootstrap) lies above 0.
    settings : PurchaseSettings
        Draws, level and seed of the bootstrap.

    Examples
    --------
    >>> rough, fine = np.array([0.5, 0.3, 0.5, 0.3]), np.array([0.3, 0.49, 0.3, 0.49])
    >>> choose_contender({"plain": rough, "elaborate": fine}, PurchaseSettings())
    'plain'
    """
    chosen, *rest = losses
    for name in rest:
        lead = bootstrap_difference(
            losses[chosen], losses[name], settings.seed, settings.n_resamples, settings.level
        )
        if lead.lower > 0:
            chosen = name
    return chosen


def _confirm(figures: pd.DataFrame, contender: str, baseline: str) -> str:
    """Take the contender, or the baseline where the test does not show a model to be better."""
    if contender in _RULES:
        return contender
    found = figures.set_index(["candidate", "measure"]).loc[(contender, "log_loss")]
    return contender if found["lead_lower"] > 0 else baseline


def _rate(snapshot: pd.DataFrame, settings: PurchaseSettings) -> Interval:
    if not len(snapshot):
        return _nothing(settings)
    return wilson_interval(int(snapshot[HAS_ORDERED].sum()), len(snapshot), settings.level)


def _nothing(settings: PurchaseSettings) -> Interval:
    return Interval(float("nan"), float("nan"), float("nan"), settings.level, 0)


def _uncompared(
    labelled: dict[str, pd.DataFrame],
    lack: str,
    columns: tuple[str, ...],
    settings: PurchaseSettings,
) -> Comparison:
    return Comparison(
        candidates=pd.DataFrame(columns=["candidate"]),
        figures=pd.DataFrame(columns=["candidate", "measure"]),
        test=labelled["test"].head(0),
        y=np.empty(0),
        p={},
        baseline="rfm_rule",
        contender="base_rate",
        champion="base_rate",
        base_rate=_rate(labelled["test"], settings),
        lack=lack,
        columns=columns,
        settings=settings,
    )


def fit_champion(comparison: Comparison, labelled: dict[str, pd.DataFrame]) -> PurchaseModel:
    """Fit the champion again by the same recipe, one snapshot later and on all customers.

    Fitted on the validation snapshot, calibrated on the test snapshot, the latest whose
    outcomes are known. Where nothing was compared: the pooled rate of all labelled customers.
    """
    if not comparison.is_compared:
        pooled = pd.concat(labelled.values(), ignore_index=True)
        return PurchaseModel(BaseRate().fit(pooled, label_array(pooled)), Calibration("none"))
    make = comparison.entries[comparison.champion].make
    with threadpool_limits(1):
        return fit_purchase(make, labelled["validation"], labelled["test"])[0]
