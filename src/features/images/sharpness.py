"""How sharp a picture is."""

import numpy as np
from PIL import Image

__all__ = ["estimate_sharpness"]

_SHOWN_PIXELS = 512


def estimate_sharpness(image: Image.Image) -> float:
    r"""Variance of the Laplacian of the brightness, seen at no more than 512 pixels a side.

    .. math:: \nabla^2 b_{ij} = b_{i-1,j} + b_{i+1,j} + b_{i,j-1} + b_{i,j+1} - 4 b_{ij}

    Large pictures are first made smaller, as a mail or a shop page shows them, so that the
    number does not depend on how many pixels a camera has.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode RGB.

    Returns
    -------
    float
        At least 0, brightness being 0-1; higher is sharper. 0 for a flat, and for a picture
        less than 3 pixels wide or high.

    References
    ----------
    .. Pech-Pacheco, J. L. et al. (2000). Diatom autofocusing in brightfield microscopy: a
       comparative study. ICPR.
    """
    if min(image.size) < 3:
        return 0.0
    shown = image.convert("L")
    shown.thumbnail((_SHOWN_PIXELS, _SHOWN_PIXELS), Image.Resampling.BOX)
    if min(shown.size) < 3:
        return 0.0
    b = np.asarray(shown, dtype=np.float64) / 255
    inner = b[1:-1, 1:-1]
    laplacian = b[:-2, 1:-1] + b[2:, 1:-1] + b[1:-1, :-2] + b[1:-1, 2:] - 4 * inner
    return float(laplacian.var())
