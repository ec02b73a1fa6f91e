"""What gives customers their segment, to be kept: as plain parts, and its card."""

import numpy as np

from src.metrics.intervals import Interval
from src.models.cards import DataUsed, Metric, ModelCard, Window
from src.models.segment_check import SpendCheck
from src.models.segment_moves import Moves
from src.models.segment_ways import Parting, Way
from src.models.segments import Scale, Segmentation, SegmentRule
from src.models.store import ModelParts

__all__ = ["build_segment_card", "read_segment_parts", "segment_parts"]

_STAGE = "04a_segment"
_PURPOSE = (
    "One segment for each customer, to speak to kinds of customers and to report by kind. Not for "
    "prices, credit, or any decision about a person's rights."
)
_LIMITS = (
    "Names are relative to this shop: quiet is quieter than the others here.",
    "Near the edge of a segment a customer may fall either way; see the stability.",
    "A segment says how customers behave, not what a message changes.",
)


def segment_parts(rule: SegmentRule) -> ModelParts:
    """Lay out a rule as plain values and arrays."""
    plain = {
        "columns": list(rule.scale.columns),
        "names": list(rule.names),
        "method": rule.way.method if rule.way else None,
        "setting": rule.way.setting if rule.way else None,
    }
    arrays = {"mean": rule.scale.mean, "spread": rule.scale.spread}
    if rule.parting is not None:
        plain["unassigned"] = rule.parting.unassigned
        arrays |= {"points": rule.parting.points, "labels": rule.parting.labels}
    return ModelParts(plain, arrays=arrays)


def read_segment_parts(parts: ModelParts) -> SegmentRule:
    """Make again the rule that `segment_parts` laid out."""
    plain, arrays = parts.plain, parts.arrays
    scale = Scale(tuple(plain["columns"]), arrays["mean"], arrays["spread"])
    if plain["method"] is None:
        return SegmentRule(None, scale)
    parting = Parting(arrays["points"], arrays["labels"], plain["unassigned"])
    return SegmentRule(Way(plain["method"], plain["setting"]), scale, parting, (*plain["names"],))


def build_segment_card(
    segmentation: Segmentation,
    check: SpendCheck,
    moves: Moves,
    verdict: str,
    data: tuple[DataUsed, ...],
    as_of_date: str,
    seed: int,
) -> ModelCard:
    """Write the card of the segments.

    Parameters
    ----------
    segmentation : Segmentation
        That is used.
    check : SpendCheck
        Against lifecycle stages.
    moves : Moves
        Since an earlier day.
    verdict : str
        As from `src.models.segment_check.describe_check`.
    data : tuple of DataUsed
        Tables read.
    as_of_date : str
        Last day whose facts were used.
    seed : int
        Of all draws.
    """
    return ModelCard(
        stage=_STAGE,
        purpose=_PURPOSE,
        model=segmentation.method,
        baseline="lifecycle stages",
        verdict=verdict.replace("**", ""),
        as_of_date=as_of_date,
        seed=seed,
        inputs=dict.fromkeys(segmentation.rule.scale.columns, "float64"),
        outputs={"segment": "string"},
        windows=(Window("test", check.first_date, check.last_date),),
        data=data,
        metrics=tuple(_metrics(segmentation, check, moves)),
        limits=_LIMITS,
    )


def _metrics(segmentation: Segmentation, check: SpendCheck, moves: Moves) -> list[Metric]:
    found = [
        ("share of the stages' squared error removed", "test", check.gain, True),
        ("variance of log spend explained by clusters", "test", check.told, True),
        ("variance of log spend explained by stages", "test", check.told_by_baseline, True),
        ("share of customers who moved", moves.since, moves.moved, False),
    ]
    if np.isfinite(segmentation.result("stability")):
        ends = (segmentation.result(f"stability{end}") for end in ("", "_lower", "_upper"))
        stability = Interval(*ends, 1.0, len(segmentation.customers))
        found.append(("stability (range of the draws)", "as of", stability, True))
    return [Metric(name, where, figure, up) for name, where, figure, up in found if figure]
