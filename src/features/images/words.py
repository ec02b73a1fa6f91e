"""Text in pictures, Chinese and English, by RapidOCR.

Needs the extra ``vision``, which carries the models; nothing is downloaded.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from src.features.images.colors import contrast_ratio, find_colors
from src.features.images.extra import require_vision

if TYPE_CHECKING:
    from rapidocr import RapidOCR

__all__ = ["TextLine", "read_text"]

_MIN_SIDE = 8
"""No letter fits into less."""
_MIN_LETTERS = 2
"""A lone letter is more often a pattern: a gate in a photograph is read as 鑫."""
_LONGEST_SIDE = 960
_MODELS = {
    "Det": "PP-OCRv6_det_small.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    "Rec": "PP-OCRv6_rec_small.onnx",
}
_N_COLORS = 4
_MIN_INK_SHARE = 0.05
"""Less of a line's area is the blur between letter and ground."""


@dataclass(frozen=True)
class TextLine:
    """One line of text in a picture.

    Parameters
    ----------
    text : str
        As read.
    p : float
        How sure the reader is, 0-1.
    area_share : float
        Share of the picture that the line's box covers, 0-1.
    contrast : float
        WCAG ratio of letters and ground, 1-21.
    """

    text: str
    p: float
    area_share: float
    contrast: float


def read_text(image: Image.Image) -> tuple[TextLine, ...]:
    """Read the text in a picture, seen at no more than 960 pixels a side.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode RGB.

    Returns
    -------
    tuple of TextLine
        From top to bottom, lines of at least two letters or digits of which the reader is at
        least half sure.

    Raises
    ------
    ConfigurationError
        If the extra ``vision`` is not installed.
    """
    reader = _reader()
    if min(image.size) < _MIN_SIDE:
        return ()
    found = reader(np.asarray(image)[:, :, ::-1])  # blue first, as OpenCV has it
    if found.boxes is None:
        return ()
    lines = zip(found.txts, found.scores, found.boxes, strict=True)
    return tuple(
        _line(image, text, float(p), box)
        for text, p, box in lines
        if sum(map(str.isalnum, text)) >= _MIN_LETTERS
    )


def _line(image: Image.Image, text: str, p: float, box: np.ndarray) -> TextLine:
    share = min(_area(box) / (image.width * image.height), 1.0)
    return TextLine(text.strip(), p, share, _contrast(image, box))


def _area(box: np.ndarray) -> float:
    """Area of a polygon from its corners, by the shoelace formula."""
    x, y = np.asarray(box, dtype=float).T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _contrast(image: Image.Image, box: np.ndarray) -> float:
    """Contrast of the commonest colour of a box with that of its colours farthest from it."""
    start = np.floor(box.min(axis=0)).astype(int).clip(0, np.array(image.size) - 1)
    end = np.ceil(box.max(axis=0)).astype(int).clip(start + 1, image.size)
    cut = image.crop((*start.tolist(), *end.tolist()))
    ground, *others = find_colors(cut, _N_COLORS)
    inks = [color.rgb for color in others if color.share >= _MIN_INK_SHARE]
    return max((contrast_ratio(ground.rgb, ink) for ink in inks), default=1.0)


@cache
def _reader() -> "RapidOCR":
    require_vision()
    import rapidocr

    folder = Path(rapidocr.__file__).parent / "models"
    # a path that is given is never downloaded
    paths = {f"{part}.model_path": str(folder / name) for part, name in _MODELS.items()}
    settings = {
        "Global.log_level": "error",
        "Det.limit_type": "max",  # else short strips are blown up: ten times the work
        "Det.limit_side_len": _LONGEST_SIDE,
    }
    return rapidocr.RapidOCR(params=settings | paths)
