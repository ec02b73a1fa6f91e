"""Pictures for the tests: two photographs that scikit-learn carries, and what Pillow draws."""

import os
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
import pytest
import sklearn.datasets

from src.data.contract import check_table
from src.features.images.extra import find_missing


@pytest.fixture(scope="session")
def vision():
    """Need the extra `vision`."""
    missing = find_missing()
    if missing and os.environ.get("CAMPANILE_REQUIRE_SERVERS") != "1":
        pytest.skip(f"the extra `vision` needs {missing}; run make vision")
    assert not missing, f"the extra `vision` needs {missing}, but CAMPANILE_REQUIRE_SERVERS=1"


@pytest.fixture(scope="session")
def photos() -> dict[str, Path]:
    folder = Path(sklearn.datasets.__file__).parent / "images"
    return {name: folder / f"{name}.jpg" for name in ("china", "flower")}


@pytest.fixture(scope="session")
def photo(photos):
    """One of the photographs, decoded."""

    def read(name) -> Image.Image:
        return Image.open(photos[name]).convert("RGB")

    return read


@pytest.fixture
def save(tmp_path):
    """Save a drawing; gives the file's path."""

    def save(image, name, **settings) -> Path:
        image.save(tmp_path / name, **settings)
        return tmp_path / name

    return save


@pytest.fixture(scope="session")
def banner():
    """Draw one line of text on a flat."""

    def draw(text, ink="black", ground="white", size=(800, 200)) -> Image.Image:
        image = Image.new("RGB", size, ground)
        font = ImageFont.load_default(48)
        ImageDraw.Draw(image).text((40, 60), text, ink, font)
        return image

    return draw


@pytest.fixture
def n_rows(engine):
    """Hold a frame against its contract and count its rows."""

    def count(contract, frame) -> int:
        return check_table(
            contract, engine.create_table(contract.name, frame, temp=True, overwrite=True)
        )

    return count
