"""Which candidate to trust: chosen on one snapshot, reported once on a later one."""

from collections.abc import Callable
from dataclasses import dataclass
import logging

import numpy as np
import pandas as pd

from src.errors import ParameterError
from src.metrics.classification import auc, brier_score, log_losses
from src.metrics.intervals import (
    Interval,
    bootstrap_difference,
    bootstrap_interval,
    bootstrap_mean,
    wilson_interval,
)
from src.models.calibration import Calibration
from src.models.design import purchase_columns
from src.models.purchase import PurchaseModel, fit_purchase, label_array
from src.models.purchase_candidates import (
    CANDIDATES,
    BaseRate,
    BoostedTrees,
    Candidate,
    LogisticModel,
    RfmRule,
)
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


@dataclass(frozen=True)
class PurchaseSettings:
    """What a marketer may want to change.

    Parameters
    ----------
    fit_share : float, default 0.7
        Share of customers that are fitted on; the figures come from the others.
    min_customers : int, default 100
        Customers needed at the earliest snapshot; with fewer a pooled rate is used.
    min_history_days : int, default 60
        Days of history needed at the earliest snapshot; with fewer a pooled rate is used.
    l2_strength : float, default 10.0
        Ridge penalty of the logistic regression.
    n_trees : int, default 80
        Trees of LightGBM.
    learning_rate : float, default 0.05
        Share of each tree that is added.
    n_resamples : int, default 1000
        Draws of the bootstrap.
    level : float, default 0.95
        Level of all intervals.
    seed : int, default 0
        Of LightGBM and of the bootstrap.
    """

    fit_share: float = 0.7
    min_customers: int = 100
    min_history_days: int = 60
    l2_strength: float = 10.0
    n_trees: int = 80
    learning_rate: float = 0.05
    n_resamples: int = 1000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.fit_share < 1:
            raise ParameterError(
                f"Expected fit_share between 0 and 1, found {self.fit_share}; some customers must "
                "be fitted on and some reported on."
            )


@dataclass(frozen=True)
class Comparison:
    """What came of the comparison.

    Parameters
    ----------
    candidates : pandas.DataFrame
        One row per candidate, the plainest first: `candidate`, `calibration`,
        `validation_log_loss`, and on the test customers `log_loss`, `lower`, `upper`, `brier`,
        `auc`, and the paired `gain` in log loss over the RFM rule with `gain_lower`,
        `gain_upper`. Empty where nothing could be compared.
    y : array of shape (n_test,)
        Who ordered among the test customers, 0 or 1.
    p : dict of arrays of shape (n_test,)
        Probability of each candidate for them.
    contender : str
        Plainest candidate within one standard error of the least log loss on validation.
    champion : str
        Candidate that is used: the contender, or the RFM rule if the test does not show the
        contender to be surely better.
    base_rate : Interval
        Share who ordered among all customers at the latest labelled snapshot (Wilson).
    gain : Interval
        Log loss of the RFM rule minus that of the contender, nats per test customer.
    auc : Interval
        Of the champion on the test customers.
    lack : str
        Why nothing could be compared; empty if it could.
    columns : tuple of str
        Numeric columns allowed as features.
    settings : PurchaseSettings
        As given.
    """

    candidates: pd.DataFrame
    y: np.ndarray
    p: dict[str, np.ndarray]
    contender: str
    champion: str
    base_rate: Interval
    gain: Interval
    auc: Interval
    lack: str
    columns: tuple[str, ...]
    settings: PurchaseSettings

    @property
    def is_compared(self) -> bool:
        """Whether the data sufficed for a comparison."""
        return not self.lack

    def result(self, column: str) -> float:
        """Figure of the champion in `candidates`; NaN if nothing was compared."""
        if not self.is_compared:
            return float("nan")
        return float(self.candidates.set_index("candidate").loc[self.champion, column])


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
    return ""


def _smaller_class(snapshot: pd.DataFrame) -> int:
    n_yes = int(snapshot[HAS_ORDERED].sum())
    return min(n_yes, len(snapshot) - n_yes)


def compare_candidates(
    labelled: dict[str, pd.DataFrame], history_days: int, settings: PurchaseSettings
) -> Comparison:
    """Fit, calibrate and choose on some customers in the past; report on others, later.

    Fitted on the train snapshot, calibrated and chosen on the validation snapshot, by the share
    `fit_share` of customers. Reported on the test snapshot by the other customers, so that the
    figures are out of time and out of sample. The test is looked at once, to report, and to ask
    whether the contender is surely better than the RFM rule.

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
    train, validation = (
        labelled[role][_is_fitted(labelled[role], settings)] for role in ("train", "validation")
    )
    test = labelled["test"][~_is_fitted(labelled["test"], settings)]
    y = label_array(test)
    p, losses, methods = {}, {}, []
    for name in CANDIDATES:
        model, crossed = fit_purchase(_maker(name, columns, settings), train, validation)
        p[name] = model.predict(test)
        losses[name] = log_losses(label_array(validation), crossed)
        methods.append(model.calibration.method)
    candidates = pd.DataFrame(
        {
            "candidate": list(CANDIDATES),
            "calibration": methods,
            "validation_log_loss": [float(values.mean()) for values in losses.values()],
        }
    ).join(_test_figures(y, p, settings))
    contender = choose_contender(losses)
    return _confirm(
        candidates, contender, y, p, _rate(labelled["test"], settings), columns, settings
    )


def _is_fitted(snapshot: pd.DataFrame, settings: PurchaseSettings) -> np.ndarray:
    """Say by hash whether a customer is fitted on, at every snapshot, or reported on."""
    numbers = customer_numbers(snapshot["customer_id"].tolist(), _REPORT_SALT)
    return numbers < settings.fit_share


def _maker(
    name: str, columns: tuple[str, ...], settings: PurchaseSettings
) -> Callable[[], Candidate]:
    makers: dict[str, Callable[[], Candidate]] = {
        "base_rate": BaseRate,
        "rfm_rule": RfmRule,
        "logistic_regression": lambda: LogisticModel(columns, settings.l2_strength),
        "lightgbm": lambda: BoostedTrees(
            columns, settings.n_trees, settings.learning_rate, settings.seed
        ),
    }
    return makers[name]


def _test_figures(
    y: np.ndarray, p: dict[str, np.ndarray], settings: PurchaseSettings
) -> pd.DataFrame:
    losses = {name: log_losses(y, p[name]) for name in p}
    rows = []
    for name in p:
        loss = _bootstrap(bootstrap_mean, settings, losses[name])
        gain = _bootstrap(bootstrap_difference, settings, losses["rfm_rule"], losses[name])
        rows.append(
            {
                "log_loss": loss.estimate,
                "lower": loss.lower,
                "upper": loss.upper,
                "brier": brier_score(y, p[name]),
                "auc": auc(y, p[name]),
                "gain": gain.estimate,
                "gain_lower": gain.lower,
                "gain_upper": gain.upper,
            }
        )
    return pd.DataFrame(rows)


def _bootstrap(
    method: Callable[..., Interval], settings: PurchaseSettings, *arrays: np.ndarray
) -> Interval:
    return method(
        *arrays, seed=settings.seed, n_resamples=settings.n_resamples, level=settings.level
    )


def _rate(snapshot: pd.DataFrame, settings: PurchaseSettings) -> Interval:
    if not len(snapshot):
        return _nothing(settings)
    return wilson_interval(int(snapshot[HAS_ORDERED].sum()), len(snapshot), settings.level)


def _nothing(settings: PurchaseSettings) -> Interval:
    return Interval(float("nan"), float("nan"), float("nan"), settings.level, 0)


def choose_contender(losses: dict[str, np.ndarray]) -> str:
    """Take the plainest candidate that is no more than one standard error behind the best.

    Parameters
    ----------
    losses : dict of arrays of shape (n,)
        Log loss of each validation customer by candidate, the plainest first. The standard
        error is that of the mean difference to the best within the same customers.

    References
    ----------
    .. Breiman, L. et al. (1984). Classification and Regression Trees, section 3.4.3: the rule of
       one standard error.

    Examples
    --------
    >>> rough, fine = np.array([0.5, 0.3, 0.5, 0.3]), np.array([0.3, 0.49, 0.3, 0.49])
    >>> choose_contender({"plain": rough, "elaborate": fine})
    'plain'
    """
    best = min(losses, key=lambda name: losses[name].mean())
    for name, values in losses.items():
        behind = values - losses[best]
        if behind.mean() <= behind.std() / np.sqrt(len(behind)):
            return name
    return best


def _confirm(
    candidates: pd.DataFrame,
    contender: str,
    y: np.ndarray,
    p: dict[str, np.ndarray],
    rate: Interval,
    columns: tuple[str, ...],
    settings: PurchaseSettings,
) -> Comparison:
    """Use the contender, or the RFM rule where the test does not show it to be better."""
    best = candidates.set_index("candidate").loc[contender]
    champion = contender
    if contender not in ("base_rate", "rfm_rule") and not best["gain_lower"] > 0:
        champion = "rfm_rule"
    gain = Interval(best["gain"], best["gain_lower"], best["gain_upper"], settings.level, len(y))
    area = bootstrap_interval(
        auc,
        y,
        p[champion],
        seed=settings.seed,
        n_resamples=settings.n_resamples,
        level=settings.level,
    )
    return Comparison(
        candidates, y, p, contender, champion, rate, gain, area, "", columns, settings
    )


def _uncompared(
    labelled: dict[str, pd.DataFrame],
    lack: str,
    columns: tuple[str, ...],
    settings: PurchaseSettings,
) -> Comparison:
    nothing = _nothing(settings)
    return Comparison(
        candidates=pd.DataFrame(columns=["candidate"]),
        y=np.empty(0),
        p={},
        contender="base_rate",
        champion="base_rate",
        base_rate=_rate(labelled["test"], settings),
        gain=nothing,
        auc=nothing,
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
    make = _maker(comparison.champion, comparison.columns, comparison.settings)
    return fit_purchase(make, labelled["validation"], labelled["test"])[0]
