"""Lifetime value to be kept: the model as plain parts, and its card."""

from collections.abc import Mapping
from dataclasses import asdict

import pandas as pd

from src.data.window import days_after
from src.errors import ParameterError
from src.metrics.intervals import Interval
from src.models.btyd import BgNbd
from src.models.cards import CalibrationBin, DataUsed, Metric, ModelCard, Window, column_types
from src.models.class_values import ClassValues
from src.models.gamma_gamma import GammaGamma
from src.models.pareto_nbd import ParetoNbd
from src.models.store import ModelParts
from src.models.value import ValueModel
from src.models.value_comparison import ValueComparison, spend_tenths
from src.models.value_looks import Look
from src.models.value_trees import SpendTrees

__all__ = ["build_value_card", "build_value_parts", "read_value_parts"]

_STAGE = "04c_value"
_KINDS = {
    "bg_nbd": BgNbd,
    "pareto_nbd": ParetoNbd,
    "gamma_gamma": GammaGamma,
    "class_means": ClassValues,
}
_PURPOSE = (
    "Expected margin of each customer over a horizon, as they were treated so far: to weigh whom "
    "it pays to keep. It does not say what a campaign would add."
)
_LIMITS = (
    "It knows of no season: a window before a feast will be above what is expected.",
    "A single customer's luck is far larger than the uncertainty of the parameters.",
    "Customers without an order are not described.",
)


def build_value_parts(champion: str, model: ValueModel, trees: SpendTrees | None) -> ModelParts:
    """Lay out what scores customers as plain numbers and texts.

    Parameters
    ----------
    champion : str
        Candidate that sets the level of spend; empty where nothing could be compared.
    model : ValueModel
    trees : SpendTrees or None
        Where they are the champion.
    """
    plain = {
        "champion": champion,
        "orders": _told(model.orders),
        "values": _told(model.values),
        "pooled_rate": model.pooled_rate,
        "pooled_value": model.pooled_value,
        "trees": trees.to_parts()["model"] if trees else None,
    }
    return ModelParts(plain, {"trees": trees.text} if trees else {})


def _told(fitted: object | None) -> dict | None:
    if fitted is None:
        return None
    kind = next(name for name, made in _KINDS.items() if isinstance(fitted, made))
    return {"kind": kind} | asdict(fitted)


def read_value_parts(parts: ModelParts) -> tuple[str, ValueModel, SpendTrees | None]:
    """Make again what `build_value_parts` laid out: champion, model, trees.

    Raises
    ------
    ParameterError
        If a kind of model is not known here.
    """
    plain = parts.plain
    model = ValueModel(
        _made(plain["orders"]),
        _made(plain["values"]),
        plain["pooled_rate"],
        plain["pooled_value"],
    )
    if plain["trees"] is None:
        return plain["champion"], model, None
    trees = SpendTrees.from_parts({"model": plain["trees"], "trees": parts.texts["trees"]})
    return plain["champion"], model, trees


def _made(told: Mapping | None) -> object | None:
    if told is None:
        return None
    if told["kind"] not in _KINDS:
        raise ParameterError(
            f"Expected a model of {', '.join(_KINDS)}, found {told['kind']!r} in a kept model of "
            f"{_STAGE}; fit it again with this version."
        )
    numbers = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in told.items()
        if name != "kind"
    }
    return _KINDS[told["kind"]](**numbers)


def build_value_card(
    comparison: ValueComparison,
    looks: dict[str, Look],
    value_scores: pd.DataFrame,
    data: tuple[DataUsed, ...],
    verdict: str,
    seed: int,
) -> ModelCard:
    """Write the card of the champion.

    Parameters
    ----------
    comparison : ValueComparison
    looks : dict of Look
        That it was made from.
    value_scores : DataFrame
        Scores of all customers.
    data : tuple of DataUsed
        Tables read.
    verdict : str
        As from `src.models.value_words.describe_choice`.
    seed : int
        Of all draws.
    """
    now = looks["now"]
    return ModelCard(
        stage=_STAGE,
        purpose=_PURPOSE,
        model=comparison.champion or "untried",
        baseline=comparison.baseline,
        verdict=verdict.replace("**", ""),
        as_of_date=now.as_of_date,
        seed=seed,
        inputs=column_types(now.btyd.drop(columns="customer_id")),
        outputs=column_types(value_scores.drop(columns="customer_id")),
        windows=tuple(_windows(looks)),
        data=data,
        metrics=_metrics(comparison),
        calibration=_tenths(comparison),
        limits=_LIMITS,
    )


def _windows(looks: dict[str, Look]) -> list[Window]:
    return [
        Window(role, days_after(look.as_of_date, 1), days_after(look.as_of_date, look.window_days))
        for role, look in looks.items()
        if role != "now"
    ]


def _metrics(comparison: ValueComparison) -> tuple[Metric, ...]:
    if not comparison.is_compared:
        return ()
    name = "share of the baseline's squared error removed by the contender"
    total: Interval = comparison.total
    return (
        Metric(name, "test", comparison.gain, is_higher_better=True),
        Metric("actual over expected spend", "test", total, is_higher_better=False),
    )


def _tenths(comparison: ValueComparison) -> tuple[CalibrationBin, ...]:
    if not comparison.is_compared:
        return ()
    tenths = spend_tenths(comparison.spend, comparison.expected[comparison.champion])
    return tuple(
        CalibrationBin(
            int(row.n), row.expected, row.actual, row.actual - row.half, row.actual + row.half
        )
        for row in tenths.itertuples()
    )
