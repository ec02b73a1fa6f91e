"""Checks of the pictures that a campaign sends: size, weight, sharpness, text and its contrast."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from src.features.images.colors import DominantColor, find_colors
from src.features.images.extra import find_missing
from src.features.images.reading import ENDINGS, read_picture
from src.features.images.sharpness import estimate_sharpness
from src.features.images.words import TextLine, read_text

__all__ = ["Creative", "CreativeLimits", "check_creative", "measure_creative"]


@dataclass(frozen=True)
class CreativeLimits:
    """What a picture in a message may be.

    Parameters
    ----------
    min_width, max_width : int, default 600 and 2000
        Pixels; a mail is about 600 wide, twice that on fine screens.
    max_bytes : int, default 500,000
        Heavier pictures load late on a phone.
    max_text_share : float, default 0.3
        Share of the area, 0-1; text in a picture is not read aloud, searched or translated.
    min_contrast : float, default 3.0
        WCAG ratio, 1-21, of any line's letters and ground: 3 for large text, 4.5 for small.
    min_sharpness : float, default 0.0005
        As `estimate_sharpness` gives it.
    """

    min_width: int = 600
    max_width: int = 2000
    max_bytes: int = 500_000
    max_text_share: float = 0.3
    min_contrast: float = 3.0
    min_sharpness: float = 0.0005


@dataclass(frozen=True)
class Creative:
    """What was measured of one picture; `lines` is None where text could not be read."""

    name: str
    format: str
    width: int
    height: int
    n_bytes: int
    is_animated: bool
    sharpness: float
    colors: tuple[DominantColor, ...]
    lines: tuple[TextLine, ...] | None

    @property
    def text(self) -> str:
        """All text, line after line; empty if there is none or it was not read."""
        return "\n".join(line.text for line in self.lines or ())

    @property
    def text_share(self) -> float:
        """Share of the area that text covers, 0-1."""
        return min(sum(line.area_share for line in self.lines or ()), 1.0)


def measure_creative(path: Path) -> Creative:
    """Measure a picture; its text only where the extra ``vision`` is installed.

    Raises
    ------
    SchemaError
        If it cannot be read; see `read_picture`.
    """
    picture = read_picture(path)
    return Creative(
        name=picture.name,
        format=picture.format,
        width=picture.rgb.width,
        height=picture.rgb.height,
        n_bytes=picture.n_bytes,
        is_animated=picture.is_animated,
        sharpness=estimate_sharpness(picture.rgb),
        colors=find_colors(picture.rgb),
        lines=None if find_missing() else read_text(picture.rgb),
    )


def check_creative(
    creative: Creative, limits: CreativeLimits | None = None
) -> list[tuple[str, str]]:
    """Find what is wrong with a picture.

    Parameters
    ----------
    creative : Creative
        From `measure_creative`.
    limits : CreativeLimits, optional
        What it is held against; else the defaults.

    Returns
    -------
    list of (str, str)
        Name of the check and what was found, in one sentence; empty if all is well. Where
        text could not be read, ``text`` says so: it is not known to be well.
    """
    limits = limits or CreativeLimits()
    return [*_form_faults(creative, limits), *_text_faults(creative, limits)]


def _form_faults(creative: Creative, limits: CreativeLimits) -> Iterator[tuple[str, str]]:
    ending = Path(creative.name).suffix.lower()
    if ENDINGS.get(ending) != creative.format:
        yield "ending", f"The file ends in {ending or 'nothing'} but is {creative.format}."
    if not limits.min_width <= creative.width <= limits.max_width:
        yield (
            "width",
            f"{creative.width} pixels wide, not {limits.min_width} to {limits.max_width}.",
        )
    if creative.n_bytes > limits.max_bytes:
        yield "weight", f"{creative.n_bytes:,} bytes, more than {limits.max_bytes:,}."
    if creative.sharpness < limits.min_sharpness:
        yield (
            "sharpness",
            f"Sharpness is {creative.sharpness:.5f}, below {limits.min_sharpness:.5f}.",
        )


def _text_faults(creative: Creative, limits: CreativeLimits) -> Iterator[tuple[str, str]]:
    if creative.lines is None:
        yield "text", "Not read, since the extra `vision` is not installed; run make vision."
    if creative.text_share > limits.max_text_share:
        yield (
            "text_share",
            f"Text covers {creative.text_share:.0%}, more than {limits.max_text_share:.0%}.",
        )
    for line in creative.lines or ():
        if line.contrast < limits.min_contrast:
            yield (
                "contrast",
                f"{line.text!r} has contrast {line.contrast:.1f}, below {limits.min_contrast:.1f}.",
            )
