"""Pictures of products: where they lie, what they are tagged with."""

from collections.abc import Callable, Iterable, Iterator
import logging
from pathlib import Path

import numpy as np
import pandas as pd

from src.errors import ParameterError
from src.features.images.reading import ENDINGS

__all__ = ["build_picture_tags", "build_product_pictures", "find_pictures"]

logger = logging.getLogger(__name__)

MIN_LABEL_P = 0.3
MIN_COLOR_SHARE = 0.1
_SEPARATOR = "; "  # some labels have a comma
_COUNTS = ("width", "height", "n_bytes")
_REMOTE = ("://", "data:")


def find_pictures(products: pd.DataFrame, folder: Path) -> dict[str, Path]:
    """Find the picture of each product in a folder of this machine.

    A picture is the file that `image_url` names, as a path inside the folder, else the one
    named after the product, such as ``4711.jpg``; of several endings the first by name.
    Nothing is downloaded: an address of the web names no file here.

    Parameters
    ----------
    products : DataFrame
        One row per product: `product_id`, `image_url` (may be missing).
    folder : Path
        Where the pictures lie.

    Returns
    -------
    dict of str to Path
        File by product, in the order of `products`; products without a picture are left out.
        A file that `image_url` names need not exist; `read_readings` then says so.

    Raises
    ------
    ParameterError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise ParameterError(
            f"Expected a folder of product pictures, found none at {folder}; correct its path."
        )
    named = {
        file.stem: file for file in sorted(folder.iterdir(), reverse=True) if _fits(file, folder)
    }
    urls = products["image_url"] if "image_url" in products else pd.Series(None, products.index)
    found = {}
    for product_id, url in zip(products["product_id"], urls, strict=True):
        path = _named_by(url, folder) or named.get(product_id)
        if path is not None:
            found[product_id] = path
    logger.info("find_pictures: %d products -> %d with a picture", len(products), len(found))
    return found


def build_product_pictures(
    readings: pd.DataFrame,
    min_label_p: float = MIN_LABEL_P,
    min_color_share: float = MIN_COLOR_SHARE,
) -> pd.DataFrame:
    """Sum up what the pictures of products show.

    Parameters
    ----------
    readings : DataFrame
        From `read_readings`.
    min_label_p : float, default 0.3
        The network's labels below this probability are left out: it always has an answer.
    min_color_share : float, default 0.1
        Colours of a smaller share of the picture are left out.

    Returns
    -------
    DataFrame
        One row per product with a picture: `product_id`; `picture`, the file's name; `width`,
        `height` in pixels; `n_bytes`; `sharpness`; `colors` and `contents`, names with ``; ``
        between, the commonest first; `has_text`; `text`, line after line; `refusal`. All but
        the first two are empty where the picture was refused; `contents` is empty where no
        label passes, it and the text where they were not read.
    """
    pictures = readings[["product_id", "picture", *_COUNTS, "sharpness"]].astype(
        dict.fromkeys(_COUNTS, "Int64")
    )
    pictures["colors"] = _texts(readings["colors"], lambda found: _colors(found, min_color_share))
    pictures["contents"] = _texts(readings["labels"], lambda found: _labels(found, min_label_p))
    pictures["has_text"] = [None if _is_missing(v) else len(v) > 0 for v in readings["lines"]]
    pictures["has_text"] = pictures["has_text"].astype("boolean")
    pictures["text"] = _texts(readings["lines"], _lines, "\n")
    pictures["refusal"] = readings["refusal"]
    return pictures


def build_picture_tags(pictures: pd.DataFrame) -> pd.DataFrame:
    """List the tags that each product's picture carries.

    Parameters
    ----------
    pictures : DataFrame
        From `build_product_pictures`.

    Returns
    -------
    DataFrame
        One row per product and tag: `product_id`, `picture_tag`: ``color: red``,
        ``shows: daisy`` or ``has text``.
    """
    rows = []
    for row in pictures.itertuples(index=False):
        tags = [f"color: {name}" for name in _names(row.colors)]
        tags += [f"shows: {name}" for name in _names(row.contents)]
        tags += ["has text"] if isinstance(row.text, str) else []
        rows += [(row.product_id, tag) for tag in tags]
    return pd.DataFrame(rows, columns=["product_id", "picture_tag"], dtype="str")


def _fits(file: Path, folder: Path) -> bool:
    return file.suffix.lower() in ENDINGS and file.is_file() and _is_inside(file, folder)


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, its links followed, stays in the folder."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):  # such as a null byte
        return False


def _named_by(url: object, folder: Path) -> Path | None:
    """File that a relative name means; none if it leads out of the folder."""
    if not isinstance(url, str) or not url.strip() or any(mark in url for mark in _REMOTE):
        return None
    path = folder / url.strip()
    if not _is_inside(path, folder):
        logger.warning("The picture %r lies outside the folder of pictures; left aside.", url)
        return None
    return path


def _is_missing(found: object) -> bool:
    return found is None or isinstance(found, float)


def _texts(
    column: pd.Series, names: Callable[[np.ndarray], Iterable[str]], separator: str = _SEPARATOR
) -> pd.Series:
    """Join names to one text; nothing where there are none."""
    texts = [None if _is_missing(v) else separator.join(names(v)) or None for v in column]
    return pd.Series(texts, column.index, dtype="str")


def _colors(found: np.ndarray, min_share: float) -> Iterator[str]:
    """Names of colours whose shades together fill enough."""
    shares: dict[str, float] = {}
    for color in found:
        shares[color["name"]] = shares.get(color["name"], 0.0) + color["share"]
    ranked = sorted(shares, key=lambda name: (-shares[name], name))
    return (name for name in ranked if shares[name] >= min_share)


def _labels(found: np.ndarray, min_p: float) -> Iterator[str]:
    return (label["name"] for label in found if label["p"] >= min_p)


def _lines(found: np.ndarray) -> Iterator[str]:
    return (line["text"] for line in found)


def _names(text: object) -> list[str]:
    return text.split(_SEPARATOR) if isinstance(text, str) else []
