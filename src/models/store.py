"""Where models are kept and read: plain files, and a keyed digest that comes before any parser.

LightGBM 4.7 crashes on some malformed model files and loads truncated ones without a word, and a
pickle runs whatever is in it. So a kept model is a folder of numbers and texts, and not a byte of
it reaches a parser before the digest says that this installation wrote all of it, and wrote it
together:

=================  ==================================================================
`model.json`       plain numbers and texts
`<name>.txt`       any number of texts, such as LightGBM's trees in `trees.txt`
`arrays.npz`       arrays of numbers, if any; never objects
`card.json`        the model card, as data
`card.md`          the model card, to be read
`digest.json`      HMAC-SHA256 of each file, and one of all files together
=================  ==================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
import io
import json
import os
from pathlib import Path
import re
import shutil
import tempfile
import zipfile

import numpy as np

from src.errors import ModelRefusedError, ParameterError
from src.keys import read_key
from src.models.card_words import card_text
from src.models.cards import ModelCard
from src.models.sealed import read_sealed, sealed_digest

__all__ = ["KEY_NAME", "KeptModel", "ModelParts", "read_kept", "write_kept"]

KEY_NAME = "models"
"""Key of the digests; a model that moves to another machine needs it there, too."""

_DIGEST, _MODEL, _ARRAYS, _CARD = "digest.json", "model.json", "arrays.npz", "card.json"
_TEXT_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class ModelParts:
    """What a model is made of, as `to_json` and the like give it.

    Parameters
    ----------
    plain : mapping
        Values that JSON can hold; numbers are finite, and come back to the last bit.
    texts : mapping of str to str, optional
        Long texts by name (lower case), such as ``{"trees": booster.model_to_string()}``.
    arrays : mapping of str to numpy.ndarray, optional
        Arrays of numbers, truth values or text by name; never objects.
    """

    plain: Mapping[str, object]
    texts: Mapping[str, str] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class KeptModel:
    """A model that was read back: its parts, its card, and the digest that stands for it."""

    parts: ModelParts
    card: ModelCard
    digest: str


def write_kept(folder: Path, parts: ModelParts, card: ModelCard) -> str:
    """Keep a model: all of it, or nothing.

    The files are written beside `folder` and renamed into its place; what lay there is replaced
    as a whole. The same model and card give the same bytes.

    Parameters
    ----------
    folder : Path
        Such as ``stage.folder("models/04b_purchase")``; made if absent.
    parts : ModelParts
        The model.
    card : ModelCard
        Its card; `card.stage` is asked for again when the model is read.

    Returns
    -------
    str
        Digest of all files, 64 hexadecimal digits: names this model among all others.

    Raises
    ------
    ParameterError
        If a part cannot be kept as plain data: a number that is not finite, an object.
    """
    files = _as_files(parts, card)
    text, digest = sealed_digest(files, card.stage, read_key(KEY_NAME))
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, content in (files | {_DIGEST: text}).items():
            _write_durably(draft / name, content)
        draft.chmod(0o755)
        _swap(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return digest


def read_kept(folder: Path, stage: str) -> KeptModel:
    """Read a model that `write_kept` kept here; anything else is refused unparsed.

    Parameters
    ----------
    folder : Path
        Folder of the model.
    stage : str
        Whose model is expected, such as ``04b_purchase``.

    Raises
    ------
    ModelRefusedError
        If a file is missing, extra, a link, too large or not what was written, if the digest
        was made with another key, or if it is the model of another stage. One sentence says
        which, and what to do.
    """
    files, digest = read_sealed(folder, stage, _DIGEST, read_key(KEY_NAME))
    if not {_MODEL, _CARD} <= files.keys():
        raise ModelRefusedError(
            f"Expected {_MODEL} and {_CARD} in the model {folder.name}, found "
            f"{sorted(files)}; fit it again."
        )
    texts = {
        name.removesuffix(".txt"): content.decode("utf-8")
        for name, content in files.items()
        if name.endswith(".txt")
    }
    arrays = _read_arrays(files[_ARRAYS]) if _ARRAYS in files else {}
    parts = ModelParts(json.loads(files[_MODEL]), texts, arrays)
    return KeptModel(parts, ModelCard.from_json(json.loads(files[_CARD])), digest)


def _as_files(parts: ModelParts, card: ModelCard) -> dict[str, bytes]:
    files = {_MODEL: _json_bytes(parts.plain, "model"), _CARD: _json_bytes(card.to_json(), "card")}
    for name, text in parts.texts.items():
        if not _TEXT_NAME.fullmatch(name):
            raise ParameterError(
                f"Expected a text's name in lower case, found {name!r}; name it like 'trees'."
            )
        files[f"{name}.txt"] = text.encode("utf-8")
    if parts.arrays:
        files[_ARRAYS] = _array_bytes(parts.arrays)
    return files | {"card.md": card_text(card).encode("utf-8")}


def _json_bytes(plain: Mapping[str, object], what: str) -> bytes:
    try:
        text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"Expected finite numbers, texts, lists and mappings in the {what}, found something "
            f"else ({error}); keep numbers that are not finite as arrays."
        ) from None
    return (text + "\n").encode("utf-8")


def _array_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Write what `numpy.savez` writes, but without the time of day in it."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name in sorted(arrays):
            array = np.asarray(arrays[name])
            if array.dtype.hasobject:
                raise ParameterError(
                    f"Expected numbers, truth values or fixed-width text in the array {name!r}, "
                    "found objects; convert it first."
                )
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _EPOCH), "w", force_zip64=True) as f:
                np.lib.format.write_array(f, array, allow_pickle=False)
    return memory.getvalue()


def _read_arrays(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _swap(draft: Path, folder: Path) -> None:
    """Rename into place; a model that lies there is moved away first, never mixed in."""
    if folder.is_dir() and any(folder.iterdir()):
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        os.rename(folder, old)  # onto an empty folder: one step
        os.rename(draft, folder)
        shutil.rmtree(old)
    else:
        os.rename(draft, folder)
