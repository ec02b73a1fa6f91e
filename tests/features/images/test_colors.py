import numpy as np
from PIL import Image
import pytest

from src.features.images.colors import contrast_ratio, find_colors, name_color


def flats(rgb, widths, height=90):
    """Stripes of colours, each so many pixels wide."""
    row = np.repeat(np.array(rgb, dtype=np.uint8), widths, axis=0)
    return Image.fromarray(np.tile(row, (height, 1, 1)))


@pytest.mark.parametrize("seed", range(20))
def test_the_colors_of_a_flat_drawing_are_exact(seed):
    rgb = np.random.default_rng(seed).integers(0, 256, (3, 3)).tolist()
    found = find_colors(flats(rgb, (60, 30, 10)))
    assert [list(color.rgb) for color in found] == rgb
    assert [color.share for color in found] == pytest.approx([0.6, 0.3, 0.1])


def test_a_large_drawing_keeps_its_colors():
    found = find_colors(flats([(255, 0, 0), (0, 0, 255)], (1500, 500), height=700))
    assert [(color.name, color.rgb) for color in found] == [
        ("red", (255, 0, 0)),
        ("blue", (0, 0, 255)),
    ]
    assert found[0].share == pytest.approx(0.75, abs=1 / 128)  # one column of the small copy


def test_one_color_is_all_of_it():
    (color,) = find_colors(Image.new("RGB", (1, 1), (0, 128, 0)))
    assert (color.name, color.rgb, color.share) == ("green", (0, 128, 0), 1.0)


def test_no_more_colors_than_asked_for_and_shares_add_up(photo):
    found = find_colors(photo("flower"), 3)
    assert len(found) == 3
    assert sum(color.share for color in found) == pytest.approx(1)
    assert [c.share for c in found] == sorted((c.share for c in found), reverse=True)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((10, 10, 10), "black"),
        ((128, 128, 128), "gray"),
        ((250, 250, 250), "white"),
        ((220, 20, 30), "red"),
        ((255, 150, 20), "orange"),
        ((110, 60, 20), "brown"),
        ((240, 230, 210), "beige"),
        ((250, 230, 30), "yellow"),
        ((60, 140, 60), "green"),
        ((40, 200, 200), "turquoise"),
        ((30, 60, 170), "blue"),
        ((110, 30, 140), "purple"),
        ((250, 130, 180), "pink"),
    ],
)
def test_colors_have_plain_names(rgb, name):
    assert name_color(rgb) == name


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ((0, 0, 0), (255, 255, 255), 21.0),  # (1 + .05) / (0 + .05)
        ((255, 255, 255), (119, 119, 119), 4.478),  # #777: just below 4.5, as WCAG's own tools say
        ((118, 118, 118), (255, 255, 255), 4.542),  # #767676: the lightest gray that passes
        ((255, 0, 0), (0, 0, 0), 5.252),  # (.2126 + .05) / .05
        ((7, 7, 7), (7, 7, 7), 1.0),
    ],
)
def test_contrast_is_that_of_wcag_whichever_is_in_front(one, other, ratio):
    assert contrast_ratio(one, other) == pytest.approx(ratio, abs=5e-4)
    assert contrast_ratio(one, other) == contrast_ratio(other, one)
