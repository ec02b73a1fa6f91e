"""Dominant colours of a picture, their names in plain words, and contrast."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageColor

__all__ = ["DominantColor", "contrast_ratio", "find_colors", "name_color"]

RGB = tuple[int, int, int]

_THUMBNAIL_PIXELS = 128
_KMEANS = 3
_SAMPLES = {
    "black": ("#000000", "#1c1c1c"),
    "gray": ("#4d4d4d", "#808080", "#b0b0b0", "#d3d3d3"),
    "white": ("#ffffff", "#f2f2f2"),
    "red": ("#ff0000", "#dc143c", "#b22222", "#8b0000", "#cd5c5c"),
    "orange": ("#ffa500", "#ff8c00", "#ff7f50", "#e2711d"),
    "brown": ("#8b4513", "#a0522d", "#5c4033", "#b5793f"),
    "beige": ("#f5f5dc", "#ffe4c4", "#d2b48c", "#e3cba8"),
    "yellow": ("#ffff00", "#ffd700", "#f0e68c", "#d4af37"),
    "green": ("#00ff00", "#008000", "#90ee90", "#6b8e23", "#2e8b57", "#556b2f", "#12352a"),
    "turquoise": ("#afeeee", "#40e0d0", "#00ffff", "#008b8b", "#005050"),
    "blue": ("#0000ff", "#000080", "#191970", "#1e90ff", "#4169e1", "#4682b4", "#87ceeb"),
    "purple": ("#800080", "#4b0082", "#8a2be2", "#9370db", "#dda0dd"),
    "pink": ("#ffc0cb", "#ff69b4", "#ff1493", "#db7093"),
}
"""What each word is taken to mean, as CSS writes colours."""

_WHITE_POINT = np.array([0.95047, 1.0, 1.08883])  # D65
_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)  # of linear sRGB, IEC 61966-2-1
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True)
class DominantColor:
    """One colour of a picture: its name, its sRGB value (0-255), its share of the area."""

    name: str
    rgb: RGB
    share: float


def find_colors(image: Image.Image, n_colors: int = 5) -> tuple[DominantColor, ...]:
    """Find the colours that fill most of a picture.

    Median cut and three rounds of k-means on a copy of at most 128 pixels a side. The copy
    takes pixels and does not mix them, so that the colours of a flat drawing are exact.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode RGB.
    n_colors : int, default 5
        At most so many colours.

    Returns
    -------
    tuple of DominantColor
        By falling share; the shares sum to 1.
    """
    copy = image.copy()
    copy.thumbnail((_THUMBNAIL_PIXELS, _THUMBNAIL_PIXELS), Image.Resampling.NEAREST)
    reduced = copy.quantize(n_colors, Image.Quantize.MEDIANCUT, kmeans=_KMEANS)
    palette = np.asarray(reduced.getpalette(), dtype=int).reshape(-1, 3)
    counts = sorted(reduced.getcolors(), key=lambda found: (-found[0], found[1]))
    n_pixels = copy.width * copy.height
    colors = [(count, tuple(palette[index].tolist())) for count, index in counts]
    return tuple(DominantColor(name_color(rgb), rgb, count / n_pixels) for count, rgb in colors)


def name_color(rgb: RGB) -> str:
    """Name a colour by the nearest sample in CIELAB.

    Parameters
    ----------
    rgb : tuple of three int
        sRGB, 0-255.

    Returns
    -------
    str
        One of thirteen words: black, gray, white, red, orange, brown, beige, yellow, green,
        turquoise, blue, purple, pink.

    References
    ----------
    .. CIE 015:2018, section 8.2.1 (CIELAB); distances are the plain ones of 1976.

    Examples
    --------
    >>> name_color((250, 5, 5)), name_color((20, 30, 120))
    ('red', 'blue')
    """
    names, samples = _samples()
    return names[int(np.argmin(((samples - _lab(rgb)) ** 2).sum(axis=1)))]


def contrast_ratio(one: RGB, other: RGB) -> float:
    r"""Contrast of two colours, whichever is in front.

    .. math:: (L_{lighter} + 0.05) / (L_{darker} + 0.05)

    Parameters
    ----------
    one, other : tuple of three int
        sRGB, 0-255.

    Returns
    -------
    float
        1 (the same) to 21 (black on white). Text wants at least 4.5, large text 3.

    References
    ----------
    .. W3C (2024). Web Content Accessibility Guidelines 2.2, contrast ratio and success
       criterion 1.4.3.

    Examples
    --------
    >>> round(contrast_ratio((0, 0, 0), (255, 255, 255)), 2)
    21.0
    """
    darker, lighter = sorted(float(_linear(rgb) @ _LUMINANCE) for rgb in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def _linear(rgb: RGB) -> np.ndarray:
    """Light of the three channels, 0-1."""
    values = np.asarray(rgb, dtype=float) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _lab(rgb: RGB) -> np.ndarray:
    ratios = _XYZ @ _linear(rgb) / _WHITE_POINT
    cubes = np.where(ratios > (6 / 29) ** 3, np.cbrt(ratios), ratios * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = cubes
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@cache
def _samples() -> tuple[list[str], np.ndarray]:
    names = [name for name, values in _SAMPLES.items() for _ in values]
    samples = [_lab(ImageColor.getrgb(value)) for values in _SAMPLES.values() for value in values]
    return names, np.array(samples)
