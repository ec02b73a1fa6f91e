import numpy as np
from PIL import Image, ImageFilter
import pytest

from src.features.images.sharpness import estimate_sharpness


def test_a_flat_has_no_sharpness():
    assert estimate_sharpness(Image.new("RGB", (50, 40), "red")) == 0


def test_a_dot_has_the_variance_of_its_laplacian():
    values = np.zeros((5, 5), dtype=np.uint8)
    values[2, 2] = 255
    image = Image.fromarray(values).convert("RGB")
    # the 3 x 3 inside: -4 in the middle, 1 at its four sides, 0 at the corners; mean 0,
    # so the variance is (16 + 4) / 9
    assert estimate_sharpness(image) == pytest.approx(20 / 9)


@pytest.mark.parametrize("size", [(1, 1), (2, 100), (100, 2), (3000, 60)])
def test_slivers_have_a_number(size):
    assert estimate_sharpness(Image.new("RGB", size)) == 0


def test_blur_lowers_it_a_hundredfold(photo):
    sharp = photo("china")
    assert estimate_sharpness(sharp.filter(ImageFilter.GaussianBlur(5))) < (
        estimate_sharpness(sharp) / 100
    )


def test_the_number_of_pixels_hardly_matters(photo):
    image = photo("china")
    large = image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST)
    assert estimate_sharpness(large) == pytest.approx(estimate_sharpness(image), rel=0.5)
