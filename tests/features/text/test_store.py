import json

import numpy as np
import pytest

from src.errors import ModelRefusedError, SchemaError
from src.features.text import read_sentiment, score_texts, write_sentiment
from src.models.store import ModelParts, read_kept, write_kept

TEXTS = [
    "味道不错，送餐很快",
    "服务恶劣",
    "lovely staff",
    "slow and awful",
    "什么都没有",
    "unknown",
]


@pytest.fixture
def folder(model, tmp_path, keys):
    write_sentiment(model, tmp_path / "models" / "03_tag", "2024-03-31", 1)
    return tmp_path / "models" / "03_tag"


def test_a_model_read_back_gives_the_same_scores_to_the_last_digit(model, folder):
    again = read_sentiment(folder)
    assert score_texts(again, TEXTS).equals(score_texts(model, TEXTS))
    assert again.training_hashes == model.training_hashes
    assert again.describe() == model.describe()


def test_the_folder_holds_plain_values_and_arrays_only(folder):
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        *("arrays.npz", "card.json", "card.md", "digest.json", "model.json", "terms.txt")
    ]
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fu" for name in arrays.files)
    plain = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert plain["languages"]["zh"]["figures"]["n_labels"] == 60


def test_the_card_says_how_good_it_is_and_against_what(folder):
    card = read_kept(folder, "03_tag").card
    assert [(m.name, m.figure.n) for m in card.metrics] == [
        ("accuracy (zh)", 60),
        ("share positive (zh)", 60),
        ("accuracy (en)", 40),
        ("share positive (en)", 40),
    ]
    assert card.metrics[1].figure.estimate == 0.5
    assert "surely better than the baseline's 0.500" in card.verdict
    assert card.as_of_date == "2024-03-31"


def test_writing_twice_gives_the_same_files_and_leaves_no_draft(model, folder):
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "stray.txt").write_text("of an older model")
    write_sentiment(model, folder, "2024-03-31", 1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert [path.name for path in folder.parent.iterdir()] == ["03_tag"]


def test_a_changed_folder_is_refused_in_one_sentence(folder):
    text = (folder / "terms.txt").read_text(encoding="utf-8")
    (folder / "terms.txt").write_text(text.replace("好", "坏"), encoding="utf-8")
    with pytest.raises(ModelRefusedError, match=r"terms\.txt") as told:
        read_sentiment(folder)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("how", ["other form", "other kinds", "other language"])
def test_a_model_of_another_version_is_refused_in_one_sentence(folder, how):
    kept = read_kept(folder, "03_tag")
    plain = dict(kept.parts.plain)
    if how == "other form":
        plain["format"] = "campanile sentiment 0"
    elif how == "other kinds":
        plain["languages"]["zh"]["parts"][0]["n_grams"] = [["char", 1, 2]]
    else:
        plain["languages"]["xx"] = plain["languages"].pop("zh")
    write_kept(folder, ModelParts(plain, kept.parts.texts, kept.parts.arrays), kept.card)
    with pytest.raises(SchemaError, match="Expected a text model of the form") as told:
        read_sentiment(folder)
    assert "\n" not in str(told.value)
