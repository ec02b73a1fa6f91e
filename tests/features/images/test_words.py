import socket

import numpy as np
from PIL import Image
import pytest

from src.features.images import words
from src.features.images.words import read_text

pytestmark = pytest.mark.usefixtures("vision")


def test_a_banner_is_read(banner):
    (line,) = read_text(banner("SALE 20% OFF 2026-12-24"))
    assert line.text == "SALE 20% OFF 2026-12-24"
    assert line.p > 0.9


def test_the_area_of_text_is_that_of_its_box(banner):
    image = banner("SALE 20% OFF 2026-12-24")
    ink = np.argwhere(np.asarray(image.convert("L")) < 128)
    height, width = ink.max(axis=0) - ink.min(axis=0) + 1
    (line,) = read_text(image)
    tight = height * width / (image.width * image.height)
    assert tight <= line.area_share <= 2 * tight  # the reader leaves a margin


@pytest.mark.parametrize(
    ("ink", "ground", "ratio"),
    [("black", "white", 21.0), ("white", "#767676", 4.54), ("#ff0000", "#ffffff", 4.0)],
)
def test_contrast_is_that_of_letters_and_ground(banner, ink, ground, ratio):
    (line,) = read_text(banner("SALE 20% OFF", ink, ground))
    assert line.contrast == pytest.approx(ratio, rel=0.05)


def test_lines_come_from_top_to_bottom(banner):
    image = Image.new("RGB", (800, 400), "white")
    image.paste(banner("FREE TEA"), (0, 0))
    image.paste(banner("UNTIL SUNDAY"), (0, 200))
    assert [line.text for line in read_text(image)] == ["FREE TEA", "UNTIL SUNDAY"]


def test_photographs_have_no_text(photo):
    assert read_text(photo("flower")) == ()
    assert read_text(photo("china")) == ()  # where the reader takes a gate for a letter


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (8, 8), (400, 8), (3000, 60)])
def test_any_shape_is_read(size):
    assert read_text(Image.new("RGB", size, "white")) == ()


def test_nothing_is_downloaded(banner, monkeypatch):
    def refuse(*_):
        raise AssertionError("no connection is needed")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    words._reader.cache_clear()
    assert read_text(banner("SALE")) != ()
