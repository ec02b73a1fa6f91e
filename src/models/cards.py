"""Model cards: what a model is for, what it learnt from, how good it is, and where it ends."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import file_digest, sha256
from importlib.metadata import version
import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from src.metrics.classification import calibration_table
from src.metrics.intervals import Interval, wilson_interval
from src.stage import Stage, tables_path

__all__ = [
    "CalibrationBin",
    "Challenge",
    "DataUsed",
    "GroupFigure",
    "Metric",
    "ModelCard",
    "Window",
    "calibration_bins",
    "column_types",
    "compare_groups",
    "data_used",
    "package_versions",
]

_PACKAGES = ("lightgbm", "numpy", "pandas", "scikit-learn", "scipy")
_TYPES = {"b": "boolean", "i": "int64", "u": "int64", "f": "float64", "M": "timestamp"}


@dataclass(frozen=True)
class Window:
    """Days that a model looked at: `role` such as ``train``, first and last day (ISO dates)."""

    role: str
    first_date: str
    last_date: str


@dataclass(frozen=True)
class DataUsed:
    """A table that was read: its name, rows, and SHA-256 over its files."""

    table: str
    n_rows: int
    sha256: str


@dataclass(frozen=True)
class Metric:
    """A figure with its interval.

    Parameters
    ----------
    name : str
        Such as ``log loss (nats per customer)``.
    window : str
        Role of the window it was measured on.
    figure : Interval
        Estimate, ends, level, customers.
    is_higher_better : bool
        Which way is better.
    """

    name: str
    window: str
    figure: Interval
    is_higher_better: bool


@dataclass(frozen=True)
class CalibrationBin:
    """What was predicted and what came, for customers of like prediction."""

    n: int
    predicted: float
    observed: float
    lower: float
    upper: float


@dataclass(frozen=True)
class GroupFigure:
    """The same for the customers of one group: `column` = `level`."""

    column: str
    level: str
    n: int
    predicted: float
    observed: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Challenge:
    """How this model did against the one that was in use, on the same customers and days.

    Parameters
    ----------
    incumbent : str
        Digest of the model in use, as `read_kept` gives it.
    gain : Interval
        By how much this model is better; positive is better, whatever the metric.
    metric : str
        What is compared, with its unit.
    """

    incumbent: str
    gain: Interval
    metric: str

    @property
    def is_won(self) -> bool:
        """Whether the challenger is surely better: the lower end of its gain lies above 0."""
        return self.gain.lower > 0


@dataclass(frozen=True)
class ModelCard:
    """What whoever uses or replaces a model must know.

    Parameters
    ----------
    stage : str
        Whose model it is, such as ``04b_purchase``.
    purpose : str
        What it is for and what not, one or two sentences.
    model : str
        What was chosen, such as ``logistic_regression``.
    baseline : str
        The rule that it had to beat.
    verdict : str
        In words: whether it did, by how much and how sure.
    as_of_date : str
        ISO date; nothing later was used.
    seed : int
        Of all draws.
    inputs, outputs : mapping of str to str
        Columns and their types, as `column_types` gives them.
    windows : tuple of Window
        Days learnt from, chosen on, reported on.
    data : tuple of DataUsed
        Tables read, as `data_used` gives them.
    metrics : tuple of Metric
        Figures on the test window first.
    calibration : tuple of CalibrationBin
        As `calibration_bins` gives them, or by decile of value.
    groups : tuple of GroupFigure
        As `compare_groups` gives them.
    limits : tuple of str
        Where not to trust it, one sentence each.
    challenge : Challenge, optional
        Where a model was in use before.
    versions : mapping of str to str
        Of the packages that make the predictions.
    """

    stage: str
    purpose: str
    model: str
    baseline: str
    verdict: str
    as_of_date: str
    seed: int
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    windows: tuple[Window, ...] = ()
    data: tuple[DataUsed, ...] = ()
    metrics: tuple[Metric, ...] = ()
    calibration: tuple[CalibrationBin, ...] = ()
    groups: tuple[GroupFigure, ...] = ()
    limits: tuple[str, ...] = ()
    challenge: Challenge | None = None
    versions: Mapping[str, str] = field(default_factory=lambda: package_versions())

    @property
    def data_hash(self) -> str:
        """One SHA-256 over all tables read."""
        lines = [f"{used.table} {used.sha256}" for used in self.data]
        return sha256("\n".join(lines).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Plain values; a number that is not finite becomes None."""
        return _plain(asdict(self))

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "ModelCard":
        """Make the card that `to_json` wrote down."""
        parts = dict(plain)
        for name, kind in _LISTS.items():
            parts[name] = tuple(kind(**_numbers(item)) for item in plain[name])
        parts["metrics"] = tuple(
            Metric(**(item | {"figure": _interval(item["figure"])})) for item in plain["metrics"]
        )
        if plain["challenge"]:
            gain = _interval(plain["challenge"]["gain"])
            parts["challenge"] = Challenge(**(plain["challenge"] | {"gain": gain}))
        return cls(**(parts | {"limits": tuple(plain["limits"])}))


_LISTS = {
    "windows": Window,
    "data": DataUsed,
    "calibration": CalibrationBin,
    "groups": GroupFigure,
}


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in item.items()}


def _interval(plain: Mapping[str, Any]) -> Interval:
    return Interval(**_numbers(plain))


def package_versions() -> dict[str, str]:
    """Versions of the packages on which predictions rest."""
    return {name: version(name) for name in _PACKAGES}


def column_types(frame: pd.DataFrame) -> dict[str, str]:
    """Types of a frame's columns, in the words of the data dictionary.

    Examples
    --------
    >>> column_types(pd.DataFrame({"n": [1], "share": [0.5], "city": ["Rome"], "is_new": [True]}))
    {'n': 'int64', 'share': 'float64', 'city': 'string', 'is_new': 'boolean'}
    """
    return {str(name): _TYPES.get(_kind(dtype), "string") for name, dtype in frame.dtypes.items()}


def _kind(dtype: Any) -> str:
    return getattr(dtype, "kind", "O")


def data_used(stage: Stage, *names: str) -> tuple[DataUsed, ...]:
    """Name tables of this run with their rows and a hash of their files.

    Parameters
    ----------
    stage : Stage
        Open stage of the run.
    *names : str
        Tables of earlier stages.
    """
    used = []
    for name in names:
        files, digest = sorted(tables_path(stage.run, "").glob(f"*/{name}/*.parquet")), sha256()
        for path in files:
            with path.open("rb") as file:
                digest.update(file_digest(file, "sha256").digest())
        n_rows = sum(pq.read_metadata(path).num_rows for path in files)
        used.append(DataUsed(name, n_rows, digest.hexdigest()))
    return tuple(used)


def calibration_bins(y: np.ndarray, p: np.ndarray, n_bins: int = 10) -> tuple[CalibrationBin, ...]:
    """Bins of `src.metrics.classification.calibration_table`, for a card.

    Parameters
    ----------
    y : array of shape (n,)
        What happened, 0 or 1.
    p : array of shape (n,), in [0, 1]
        Predicted probability of 1.
    n_bins : int, default 10
        Bins at most.
    """
    if not len(y):
        return ()
    table = calibration_table(y, p, n_bins).rename(
        columns={"p_mean": "predicted", "rate": "observed"}
    )
    return tuple(CalibrationBin(**row) for row in _plain(table.to_dict("records")))


def compare_groups(
    groups: pd.DataFrame, y: np.ndarray, p: np.ndarray, min_customers: int = 50
) -> tuple[GroupFigure, ...]:
    """Predicted against observed rate by group, so that nobody is served worse unseen.

    Parameters
    ----------
    groups : pandas.DataFrame of n rows
        One column per way to group customers, such as `lifecycle` or `age_group`; a missing
        value is the group ``unknown``.
    y : array of shape (n,)
        What happened, 0 or 1.
    p : array of shape (n,), in [0, 1]
        Predicted probability of 1.
    min_customers : int, default 50
        Smaller groups are left out: little can be said of them, and people could be told apart.

    Returns
    -------
    tuple of GroupFigure
        `lower` and `upper` are of the observed rate (Wilson, 95 %).
    """
    figures = []
    for column in groups:
        levels = (
            groups[column].astype("object").where(groups[column].notna(), "unknown").astype(str)
        )
        for level in sorted(levels.unique()):
            is_in = (levels == level).to_numpy()
            if is_in.sum() < min_customers:
                continue
            rate = wilson_interval(float(y[is_in].sum()), int(is_in.sum()))
            figures.append(
                GroupFigure(
                    str(column),
                    level,
                    rate.n,
                    float(p[is_in].mean()),
                    rate.estimate,
                    rate.lower,
                    rate.upper,
                )
            )
    return tuple(figures)
