"""A sentiment model among the kept models: plain values and arrays, no pickle, sealed."""

from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any

import numpy as np

from src.errors import SchemaError
from src.features.text.card import STAGE, sentiment_card
from src.features.text.encoders import ENCODERS, Encoder
from src.features.text.heads import EncoderHead, WordList
from src.features.text.linear import LinearText, NGrams, TextFeatures
from src.features.text.prepare import LANGUAGES
from src.features.text.sentiment import LanguageModel, SentimentModel
from src.models.cards import DataUsed
from src.models.store import ModelParts, read_kept, write_kept

__all__ = ["read_sentiment", "write_sentiment"]

_FORMAT = "campanile sentiment 1"
_HASH_BYTES = 16
_FLAWS = (ValueError, KeyError, TypeError, AttributeError, IndexError)


def write_sentiment(
    model: SentimentModel,
    folder: Path,
    as_of_date: str,
    seed: int,
    data: tuple[DataUsed, ...] = (),
) -> None:
    """Keep a model with its card; an older one in the folder is replaced as a whole.

    Parameters
    ----------
    model : SentimentModel
        Fitted.
    folder : Path
        Such as ``stage.folder("models/03_tag")``; see `src.models.store` for what it will hold.
    as_of_date : str
        ISO date, the last day whose reviews were used.
    seed : int
        Of the folds.
    data : tuple of DataUsed
        Tables read, as `src.models.cards.data_used` gives them.
    """
    arrays: dict[str, np.ndarray] = {"training_hashes": _as_rows(model.training_hashes)}
    terms: dict[str, list[list[str]]] = {}
    languages = {
        language: _describe(language, each, arrays, terms)
        for language, each in model.languages.items()
    }
    plain = {"format": _FORMAT, "languages": languages}
    texts = {"terms": json.dumps(terms, ensure_ascii=False)}
    card = sentiment_card(model, as_of_date, seed, data)
    write_kept(folder, ModelParts(plain, texts, arrays), card)


def _as_rows(hashes: frozenset[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(sorted(hashes)), np.uint8).reshape(-1, _HASH_BYTES)


def _describe(
    language: str, model: LanguageModel, arrays: dict[str, np.ndarray], terms: dict[str, Any]
) -> dict[str, Any]:
    """Put arrays and terms of a language aside, and give the rest as plain values."""
    parts = []
    for number, part in enumerate(model.parts):
        key = f"{language}_{number}"
        if isinstance(part, WordList):
            parts.append({"kind": "word_list"})
            continue
        arrays[f"{key}_coef"] = part.coef
        entry: dict[str, Any] = {"intercept": part.intercept}
        if isinstance(part, EncoderHead):
            entry |= {"kind": "encoder", "encoder": part.encoder.name}
        else:
            arrays[f"{key}_idf"] = part.features.weights()
            terms[key] = part.features.vocabularies()
            kinds = [[k.analyzer, k.shortest, k.longest] for k in part.features.kinds]
            entry |= {"kind": "n_grams", "n_grams": kinds}
        parts.append(entry)
    plain = ("slope", "offset", "basis", "figures")
    return {"parts": parts} | {name: getattr(model, name) for name in plain}


def read_sentiment(folder: Path, memory: Path | None = None) -> SentimentModel:
    """Make the model that `write_sentiment` kept; it gives the same scores to the last digit.

    Parameters
    ----------
    folder : Path
        Of the model.
    memory : Path, optional
        File in which an encoder's vectors are remembered.

    Raises
    ------
    ModelRefusedError
        If the folder is not there, or holds anything but what was written.
    SchemaError
        If another version of this program wrote it.
    """
    parts = read_kept(folder, STAGE).parts
    try:
        if parts.plain["format"] == _FORMAT:
            return _restore(parts, memory)
    except _FLAWS:
        pass
    raise SchemaError(
        f"Expected a text model of the form {_FORMAT!r} in {folder.name}, found another; name the "
        "folder models/03_tag of a run by this version, or leave text_model empty."
    )


def _restore(parts: ModelParts, memory: Path | None) -> SentimentModel:
    terms, languages = json.loads(parts.texts["terms"]), parts.plain["languages"]
    if not set(languages) <= set(LANGUAGES):
        raise KeyError("a language that is not told apart here")
    models = {}
    for language, entry in languages.items():
        of_language = tuple(
            _part(f"{language}_{number}", each, parts.arrays, terms, memory)
            for number, each in enumerate(entry["parts"])
        )
        rest = {name: value for name, value in entry.items() if name != "parts"}
        models[language] = LanguageModel(parts=of_language, **rest)
    hashes = frozenset(row.tobytes() for row in parts.arrays["training_hashes"])
    return SentimentModel(models, hashes)


def _part(
    key: str,
    entry: dict[str, Any],
    arrays: Mapping[str, np.ndarray],
    terms: dict[str, list[list[str]]],
    memory: Path | None,
) -> LinearText | EncoderHead | WordList:
    if entry["kind"] == "word_list":
        return WordList()
    coef, intercept = arrays[f"{key}_coef"], float(entry["intercept"])
    if entry["kind"] == "encoder":
        if len(coef) != ENCODERS[entry["encoder"]].n_dimensions:
            raise ValueError("weights of another encoder")
        return EncoderHead(Encoder(entry["encoder"], memory), coef, intercept)
    kinds = tuple(NGrams(*kind) for kind in entry["n_grams"])
    idf = arrays[f"{key}_idf"]
    if not len(coef) == len(idf) == sum(map(len, terms[key])):
        raise ValueError("weights and terms that do not fit")
    return LinearText(TextFeatures.restore(kinds, terms[key], idf), coef, intercept)
