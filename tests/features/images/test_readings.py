import os

import numpy as np
import pandas as pd
from PIL import Image
import pyarrow.parquet as pq
import pytest

from src.errors import ConfigurationError, ParameterError
from src.features.images import readings
from src.features.images.extra import find_missing
from src.features.images.readings import PARTS, find_parts, read_readings


@pytest.fixture
def pictures(save):
    """Three products: two share a picture, one's breaks off."""
    red = save(Image.new("RGB", (40, 20), "red"), "red.png")
    twin = save(Image.new("RGB", (40, 20), "red"), "twin.png")
    torn = save(Image.new("RGB", (40, 20), "blue"), "torn.png")
    torn.write_bytes(torn.read_bytes()[:50])
    return {"p1": red, "p2": torn, "p3": twin}


@pytest.fixture
def looks(monkeypatch):
    """Names of the pictures that were decoded."""
    names = []
    read = readings.read_picture
    monkeypatch.setattr(
        readings, "read_picture", lambda path: names.append(path.name) or read(path)
    )
    return names


def test_one_row_per_product_and_a_reason_where_it_is_refused(pictures, tmp_path):
    found = read_readings(pictures, tmp_path / "cache", ())
    assert found["product_id"].tolist() == ["p1", "p2", "p3"]
    assert found["picture"].tolist() == ["red.png", "torn.png", "twin.png"]
    assert found["refusal"].isna().tolist() == [True, False, True]
    assert "'torn.png'" in found["refusal"][1]
    assert found[["width", "height", "sharpness"]].to_numpy()[0].tolist() == [40, 20, 0]
    (color,) = found["colors"][2]
    assert (color["name"], color["rgb"].tolist(), color["share"]) == ("red", [255, 0, 0], 1.0)
    assert found[["labels", "embedding", "lines"]].isna().all(axis=None)


def test_content_is_looked_at_once(pictures, tmp_path, looks, save):
    first = read_readings(pictures, tmp_path / "cache", ())
    assert looks == ["red.png", "torn.png"]  # the twin has the same content
    looks.clear()
    pd.testing.assert_frame_equal(read_readings(pictures, tmp_path / "cache", ()), first)
    assert looks == ["torn.png"]  # refusals are not kept: the file may be mended
    looks.clear()
    save(Image.new("RGB", (9, 9), "green"), "red.png")
    changed = read_readings(pictures, tmp_path / "cache", ())
    assert looks == ["red.png", "torn.png"]
    assert changed["colors"][0][0]["name"] == "green"


def test_a_torn_file_of_the_cache_is_left_aside(pictures, tmp_path, looks, caplog):
    first = read_readings(pictures, tmp_path / "cache", ())
    (file,) = (tmp_path / "cache").rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:100])
    looks.clear()
    pd.testing.assert_frame_equal(read_readings(pictures, tmp_path / "cache", ()), first)
    assert "red.png" in looks
    assert "left aside" in caplog.text
    assert pq.read_table(file).num_rows == 1  # written anew


def test_a_crash_while_writing_leaves_nothing(pictures, tmp_path, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            read_readings(pictures, tmp_path / "cache", ())
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    assert len(read_readings(pictures, tmp_path / "cache", ())) == 3


def test_a_crash_loses_one_batch_at_most(save, tmp_path, monkeypatch, looks):
    monkeypatch.setattr(readings, "_BATCH", 2)
    five = {f"p{i}": save(Image.new("RGB", (i + 1, 1)), f"{i}.png") for i in range(5)}
    four = dict(list(five.items())[:4])
    read_readings(four, tmp_path / "cache", ())
    assert len(list((tmp_path / "cache").rglob("*.parquet"))) == 2
    looks.clear()
    assert read_readings(five, tmp_path / "cache", ())["width"].tolist() == [1, 2, 3, 4, 5]
    assert looks == ["4.png"]


def test_no_picture_is_no_row(tmp_path):
    found = read_readings({}, tmp_path / "cache", ())
    assert len(found) == 0
    assert {"product_id", "colors", "refusal"} <= set(found.columns)


def test_an_unknown_part_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="found \\['faces'\\]"):
        read_readings({}, tmp_path, ["faces"])


def test_without_the_extra_one_sentence_says_what_to_install(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("src.features.images.extra.find_spec", lambda name: None)
    assert "rapidocr" in find_missing()
    assert find_parts() == ()
    with pytest.raises(ConfigurationError, match=r"without .*rapidocr; run make vision"):
        read_readings(pictures, tmp_path, PARTS)


@pytest.mark.usefixtures("vision")
def test_all_parts_are_kept_and_come_back(photos, tmp_path, looks):
    assert find_parts() == PARTS
    first = read_readings(photos, tmp_path / "cache")
    looks.clear()
    again = read_readings(photos, tmp_path / "cache")
    assert looks == []
    pd.testing.assert_frame_equal(first, again)
    assert first["labels"][1][0]["name"] == "daisy"
    assert first["embedding"][0].dtype == np.float32
    assert first["embedding"].map(len).tolist() == [1280, 1280]
    assert first["lines"].map(len).tolist() == [0, 0]


@pytest.mark.usefixtures("vision")
def test_other_parts_are_another_cache(photos, tmp_path, looks):
    read_readings(photos, tmp_path / "cache", ())
    looks.clear()
    assert read_readings(photos, tmp_path / "cache", ["contents"])["labels"].notna().all()
    assert looks == ["china.jpg", "flower.jpg"]
