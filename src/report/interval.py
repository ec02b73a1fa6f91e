"""An interval as a small drawing, with zero marked."""

from dataclasses import dataclass
import math

from src.report.words import format_number

__all__ = ["IntervalBar", "draw_interval"]

_MARGIN = 0.16
"""Share of the width left free at either end, for the labels."""

_CLOSE = 30.0
"""Ends nearer to each other than this, in per cent of the width, share one label."""


@dataclass(frozen=True)
class IntervalBar:
    """Where things stand in the drawing: places in per cent of its width.

    Parameters
    ----------
    zero, lower, upper, estimate : float
        Places.
    labels : tuple of (float, str, str)
        Place, SVG text anchor and text of the labels under the bar.
    summary : str
        The drawing in words, for those who do not see it.
    """

    zero: float
    lower: float
    upper: float
    estimate: float
    labels: tuple[tuple[float, str, str], ...]
    summary: str


def draw_interval(lower: object, estimate: object, upper: object) -> IntervalBar | None:
    """Place an interval and zero on one scale.

    Parameters
    ----------
    lower, estimate, upper : float
        Ends and middle, in one unit.

    Returns
    -------
    IntervalBar or None
        None if one of the three is no finite number, or they are out of order.
    """
    values = (lower, estimate, upper)
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        return None
    if not lower <= estimate <= upper:
        return None
    low, high = min(lower, 0.0), max(upper, 0.0)
    scale = (1 - 2 * _MARGIN) / (high - low) if high > low else 0.0

    def place(value: float) -> float:
        return round(100 * (_MARGIN + (value - low) * scale), 2) if scale else 50.0

    texts = format_number("lower", round(lower)), format_number("upper", round(upper))
    return IntervalBar(
        zero=place(0.0),
        lower=place(lower),
        upper=place(upper),
        estimate=place(estimate),
        labels=_place_labels(place(lower), place(upper), texts),
        summary=f"Interval from {texts[0]} to {texts[1]}, zero marked",
    )


def _place_labels(
    lower: float, upper: float, texts: tuple[str, str]
) -> tuple[tuple[float, str, str], ...]:
    if upper - lower >= _CLOSE:
        return ((lower, "middle", texts[0]), (upper, "middle", texts[1]))
    middle = (lower + upper) / 2
    anchor = "start" if middle < 25 else "end" if middle > 75 else "middle"
    return ((round(middle, 2), anchor, f"{texts[0]} to {texts[1]}"),)
