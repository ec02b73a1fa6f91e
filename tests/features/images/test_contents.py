import io
from pathlib import Path
import socket

import numpy as np
from PIL import Image
import pytest

from src.errors import SchemaError
from src.features.images import contents
from src.features.images.contents import (
    N_LABELS,
    cosine_similarity,
    find_most_similar,
    read_contents,
)


@pytest.fixture(scope="module")
def seen(vision, photo):
    """Contents of the photographs, and of each cut and saved badly."""
    found = {name: read_contents(photo(name)) for name in ("china", "flower")}
    for name in ("china", "flower"):
        image = photo(name)
        width, height = image.size
        cut = image.crop((width // 10, height // 10, width * 9 // 10, height * 9 // 10))
        buffer = io.BytesIO()
        image.resize((width // 2, height // 2)).save(buffer, "JPEG", quality=30)
        found[f"{name} cut"] = read_contents(cut)
        found[f"{name} worse"] = read_contents(Image.open(buffer).convert("RGB"))
    return found


def test_a_flower_is_a_daisy_and_a_chinese_palace_a_palace(seen):
    name, p = seen["flower"].labels[0]
    assert (name, p) == ("daisy", pytest.approx(0.36, abs=0.02))
    name, p = seen["china"].labels[0]
    assert (name, p) == ("palace", pytest.approx(0.31, abs=0.02))


def test_labels_fall_in_probability(seen):
    for found in seen.values():
        p = [p for _, p in found.labels]
        assert len(p) == N_LABELS
        assert p == sorted(p, reverse=True)
        assert 0 < sum(p) <= 1


def test_embeddings_have_unit_length(seen):
    for found in seen.values():
        assert (found.embedding.shape, found.embedding.dtype) == ((1280,), np.float32)
        assert np.linalg.norm(found.embedding) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("change", ["cut", "worse"])
def test_a_picture_is_more_like_its_copy_than_like_another(seen, change):
    for name, other in (("china", "flower"), ("flower", "china")):
        copy = cosine_similarity(seen[name].embedding, seen[f"{name} {change}"].embedding)
        stranger = cosine_similarity(seen[name].embedding, seen[other].embedding)
        assert copy > stranger + 0.3


def test_the_nearest_are_a_pictures_own_copies(seen):
    names = list(seen)
    embeddings = np.stack([found.embedding for found in seen.values()])
    places, similarities = find_most_similar(embeddings, 2)
    for i, name in enumerate(names):
        assert {names[place].split()[0] for place in places[i]} == {name.split()[0]}
    assert (np.diff(similarities) <= 0).all()


@pytest.mark.usefixtures("vision")
@pytest.mark.parametrize("size", [(1, 1), (50, 1), (1, 50), (3000, 60), (224, 224)])
def test_any_shape_has_contents(size):
    assert read_contents(Image.new("RGB", size, "red")).embedding.shape == (1280,)


@pytest.mark.usefixtures("vision")
def test_nothing_is_downloaded(photo, monkeypatch):
    def refuse(*_):
        raise AssertionError("no connection is needed")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    contents._session.cache_clear()
    assert read_contents(photo("flower")).labels[0][0] == "daisy"


@pytest.mark.usefixtures("vision")
def test_other_weights_than_those_tried_out_are_refused(monkeypatch):
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"other weights")
    with pytest.raises(SchemaError, match="SHA-256 579344248a93, found"):
        contents._read_packaged_weights()


def test_likeness_is_the_cosine():
    assert cosine_similarity(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(0.5**0.5)
    assert cosine_similarity(np.array([1.0, 0.0]), np.array([-2.0, 0.0])) == -1
    assert cosine_similarity(np.zeros(2), np.array([1.0, 0.0])) == 0


def test_neighbours_are_found_block_by_block(monkeypatch):
    angles = np.radians([0, 50, 10, 95, 55])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for block in (1, 2, 100):
        monkeypatch.setattr(contents, "_BLOCK", block)
        places, similarities = find_most_similar(embeddings, 2)
        assert places.tolist() == [[2, 1], [4, 2], [0, 1], [4, 1], [1, 3]]
        assert similarities[0] == pytest.approx(np.cos(np.radians([10, 50])))


@pytest.mark.parametrize("n_pictures", [0, 1, 2])
def test_few_pictures_have_few_neighbours(n_pictures):
    places, _ = find_most_similar(np.eye(n_pictures, 4, dtype=np.float32), 5)
    assert places.shape == (n_pictures, max(n_pictures - 1, 0))
