"""Which way to expect a customer's spend: chosen on one window, reported once on a later one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from src.metrics.intervals import Interval, bootstrap_interval
from src.models.value_candidates import (
    BASELINES,
    CANDIDATES,
    ValueSettings,
    expect_spend,
)
from src.models.value_looks import Look

__all__ = [
    "ValueComparison",
    "choose_value_contender",
    "compare_values",
    "misplaced_share",
    "spend_tenths",
]

_N_TENTHS = 10


@dataclass(frozen=True)
class ValueComparison:
    """What came of the comparison.

    Parameters
    ----------
    candidates : DataFrame
        One row per candidate, the plainest first: `candidate`; `validation_rmse` and
        `validation_misplaced`; and on the test window `rmse`, `mae` (shop currency per
        customer), `misplaced` (share of money in wrong tenths), `total` (actual over expected
        spend), and `gain`, `gain_lower`, `gain_upper`: share of the baseline's squared error
        that the candidate removes. Empty where nothing could be compared.
    lacks : dict of str
        Why a candidate is missing on validation or on test.
    baseline : str
        The better of the plain ones on validation.
    contender : str
        Chosen on validation.
    champion : str
        Candidate that is used: the contender if the test shows it surely better than the
        baseline, the baseline otherwise. Empty where nothing could be compared.
    gain : Interval or None
        Of the contender on the test window.
    total : Interval or None
        Actual over expected spend of the champion on the test window.
    spend : array of shape (n_test,)
        What each customer spent in the test window.
    expected : dict of arrays of shape (n_test,)
        What each candidate had expected.
    dates : tuple of str
        Dates of the validation and the test look.
    lack : str
        Why nothing could be compared; empty if it could.
    """

    candidates: pd.DataFrame
    lacks: dict[str, str]
    baseline: str
    contender: str
    champion: str
    gain: Interval | None
    total: Interval | None
    spend: np.ndarray
    expected: dict[str, np.ndarray]
    dates: tuple[str, str]
    lack: str

    @property
    def is_compared(self) -> bool:
        """Whether the data sufficed for a comparison."""
        return not self.lack


def compare_values(
    looks: dict[str, Look], history_days: int, settings: ValueSettings
) -> ValueComparison:
    """Choose on the validation window, report on the test window.

    Every candidate sees the same customers and nothing after the look's date. Order models are
    fitted again at each look; trees learn from the look before, each customer's by trees that
    learnt from other customers. So the comparison is out of time, and out of sample for what
    could learn a customer by heart.

    Parameters
    ----------
    looks : dict of Look
        `train`, `validation`, `test` as from `src.models.value_looks.build_looks`.
    history_days : int
        Days of history behind the train look.
    settings : ValueSettings
    """
    if lack := _lack(looks, settings):
        return _uncompared(lack, looks)
    found, lacks = {}, {}
    for role, before in (("validation", "train"), ("test", "validation")):
        found[role], missing = expect_spend(looks[role], looks[before], history_days, settings)
        lacks = missing | lacks
    names = [name for name in CANDIDATES if all(name in found[role] for role in found)]
    expected = {name: found["validation"][name] for name in names}
    losses = _squared_errors(looks["validation"].spend_value, expected)
    misplaced = {
        name: misplaced_share(looks["validation"].spend_value, expected[name]) for name in names
    }
    contender = choose_value_contender(losses, misplaced, settings.max_misplaced)
    baseline = min(BASELINES, key=lambda name: losses[name].mean())
    validation = pd.DataFrame(
        {
            "candidate": names,
            "validation_rmse": [np.sqrt(losses[name].mean()) for name in names],
            "validation_misplaced": [misplaced[name] for name in names],
        }
    )
    tested = {name: found["test"][name] for name in names}
    return _report(validation, lacks, baseline, contender, tested, looks, settings)


def _lack(looks: dict[str, Look], settings: ValueSettings) -> str:
    fewest = min(len(looks[role]) for role in ("validation", "test"))
    if fewest < settings.min_customers:
        return f"a snapshot knows {fewest:,} customers, and {settings.min_customers} are needed"
    for role in ("validation", "test"):
        if not looks[role].spend_value.any():
            return f"nobody spent anything in the {role} window"
    return ""


def _uncompared(lack: str, looks: dict[str, Look]) -> ValueComparison:
    dates = (looks["validation"].as_of_date, looks["test"].as_of_date)
    nothing = pd.DataFrame(columns=["candidate"])
    return ValueComparison(
        nothing, {}, "pooled_rate", "", "", None, None, np.empty(0), {}, dates, lack
    )


def _squared_errors(spend: np.ndarray, expected: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.square(spend - values) for name, values in expected.items()}


def misplaced_share(spend: np.ndarray, expected: np.ndarray) -> float:
    r"""Share of the money that is not where it was expected, by tenths of customers.

    .. math:: \frac{\sum_d |A_d - P_d|}{\sum_d A_d}

    with actual money A and expected money P of each tenth d of the customers, sorted by what was
    expected. 0 is calibrated; lower is better.

    Parameters
    ----------
    spend, expected : array of shape (n_customers,)
        Shop currency.

    Returns
    -------
    float
        NaN if nothing was spent.

    Examples
    --------
    >>> misplaced_share(np.array([1.0, 3.0]), np.array([2.0, 2.5]))
    0.375
    """
    tenths = spend_tenths(spend, expected)
    off = np.abs(tenths["actual"] - tenths["expected"]) * tenths["n"]
    total = float(spend.sum())
    return float(off.sum() / total) if total > 0 else float("nan")


def spend_tenths(spend: np.ndarray, expected: np.ndarray) -> pd.DataFrame:
    """Mean expected and actual spend by tenths of customers, least expected first.

    Returns
    -------
    DataFrame
        One row per tenth that has a customer: `expected`, `actual` (shop currency per
        customer), `half` (half the width of the 95 % interval of `actual`), `n`.
    """
    order = np.argsort(expected, kind="stable")
    parts = [part for part in np.array_split(order, _N_TENTHS) if len(part)]
    rows = [
        {
            "expected": expected[part].mean(),
            "actual": spend[part].mean(),
            "half": 1.96 * spend[part].std() / np.sqrt(len(part)),
            "n": len(part),
        }
        for part in parts
    ]
    return pd.DataFrame(rows)


def choose_value_contender(
    losses: dict[str, np.ndarray], misplaced: dict[str, float], max_misplaced: float
) -> str:
    """Take the plainest calibrated candidate within one standard error of the best of them.

    Squared error, since it is least at the expected spend; the absolute error is least at the
    median, which is nothing where most buy nothing.

    Parameters
    ----------
    losses : dict of arrays of shape (n,)
        Squared error of each customer by candidate, the plainest first.
    misplaced : dict of float
        As from `misplaced_share`, by candidate.
    max_misplaced : float
        Above it a candidate is not calibrated. If none is, all may be taken.

    Examples
    --------
    >>> sharp, blunt = np.array([1.0, 1.1, 0.9]), np.array([4.0, 4.2, 4.1])
    >>> choose_value_contender({"plain": blunt, "fine": sharp}, {"plain": 0.1, "fine": 0.2}, 0.25)
    'fine'
    >>> choose_value_contender({"plain": blunt, "fine": sharp}, {"plain": 0.1, "fine": 0.3}, 0.25)
    'plain'
    """
    calibrated = [name for name in losses if misplaced[name] <= max_misplaced] or list(losses)
    best = min(calibrated, key=lambda name: losses[name].mean())
    for name in calibrated:
        behind = losses[name] - losses[best]
        if behind.mean() <= behind.std() / np.sqrt(len(behind)):
            return name
    return best


def _report(
    validation: pd.DataFrame,
    lacks: dict[str, str],
    baseline: str,
    contender: str,
    expected: dict[str, np.ndarray],
    looks: dict[str, Look],
    settings: ValueSettings,
) -> ValueComparison:
    """Open the test window once, and use the contender only if it is surely better there."""
    spend = looks["test"].spend_value
    losses = _squared_errors(spend, expected)
    gains = {name: _gain(losses[baseline], losses[name], settings) for name in expected}
    figures = [
        {
            "rmse": np.sqrt(losses[name].mean()),
            "mae": np.abs(spend - values).mean(),
            "misplaced": misplaced_share(spend, values),
            "total": spend.sum() / values.sum() if values.sum() > 0 else np.nan,
            "gain": gains[name].estimate,
            "gain_lower": gains[name].lower,
            "gain_upper": gains[name].upper,
        }
        for name, values in expected.items()
    ]
    gain = gains[contender]
    champion = contender if gain.lower > 0 else baseline
    total = bootstrap_interval(
        _ratio, spend, expected[champion], seed=settings.seed, n_resamples=settings.n_resamples
    )
    return ValueComparison(
        validation.join(pd.DataFrame(figures)),
        lacks,
        baseline,
        contender,
        champion,
        gain,
        total,
        spend,
        expected,
        (looks["validation"].as_of_date, looks["test"].as_of_date),
        "",
    )


def _gain(baseline: np.ndarray, candidate: np.ndarray, settings: ValueSettings) -> Interval:
    return bootstrap_interval(
        _removed, baseline, candidate, seed=settings.seed, n_resamples=settings.n_resamples
    )


def _removed(baseline: np.ndarray, candidate: np.ndarray) -> float:
    total = baseline.sum()
    return float(1 - candidate.sum() / total) if total > 0 else float("nan")


def _ratio(actual: np.ndarray, expected: np.ndarray) -> float:
    total = expected.sum()
    return float(actual.sum() / total) if total > 0 else float("nan")
