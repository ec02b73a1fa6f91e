from dataclasses import replace

from PIL import Image, ImageFilter
import pytest

from src.errors import SchemaError
from src.features.images.colors import DominantColor
from src.features.images.creatives import (
    Creative,
    CreativeLimits,
    check_creative,
    measure_creative,
)
from src.features.images.words import TextLine

SOUND = Creative(
    name="a.png",
    format="PNG",
    width=600,
    height=200,
    n_bytes=500_000,
    is_animated=False,
    sharpness=0.02,
    colors=(DominantColor("white", (255, 255, 255), 1.0),),
    lines=(TextLine("SALE", 0.9, 0.25, 3.0), TextLine("TODAY", 0.9, 0.05, 21.0)),
)


def names(creative, **limits):
    return [name for name, _ in check_creative(creative, CreativeLimits(**limits))]


def test_a_sound_picture_has_no_fault():
    assert check_creative(SOUND) == []
    assert SOUND.text == "SALE\nTODAY"
    assert SOUND.text_share == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"name": "a.jpg"}, ("ending", "The file ends in .jpg but is PNG.")),
        ({"name": "a"}, ("ending", "The file ends in nothing but is PNG.")),
        ({"width": 599}, ("width", "599 pixels wide, not 600 to 2000.")),
        ({"width": 2001}, ("width", "2001 pixels wide, not 600 to 2000.")),
        ({"n_bytes": 500_001}, ("weight", "500,001 bytes, more than 500,000.")),
        ({"sharpness": 0.0004}, ("sharpness", "Sharpness is 0.00040, below 0.00050.")),
        (
            {"lines": (TextLine("SALE", 0.9, 0.41, 9.0),)},
            ("text_share", "Text covers 41%, more than 30%."),
        ),
        (
            {"lines": (TextLine("SALE", 0.9, 0.1, 2.4),)},
            ("contrast", "'SALE' has contrast 2.4, below 3.0."),
        ),
        (
            {"lines": None},
            ("text", "Not read, since the extra `vision` is not installed; run make vision."),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_each_fault_is_told(change, fault):
    assert check_creative(replace(SOUND, **change)) == [fault]


def test_limits_can_be_moved():
    assert names(SOUND, min_contrast=4.5, max_text_share=0.25) == ["text_share", "contrast"]


def test_a_picture_is_measured_without_the_extra(save, photo, monkeypatch):
    monkeypatch.setattr("src.features.images.extra.find_spec", lambda name: None)
    blurred = photo("china").filter(ImageFilter.GaussianBlur(8))
    creative = measure_creative(save(blurred, "a.jpg"))
    assert (creative.width, creative.height, creative.format) == (640, 427, "JPEG")
    assert creative.lines is None
    assert creative.text_share == 0
    assert names(creative) == ["sharpness", "text"]


@pytest.mark.usefixtures("vision")
def test_pale_text_on_a_banner_is_found(save, banner):
    pale = measure_creative(save(banner("ONLY TODAY 5.99", "#bbbbbb"), "a.png"))
    assert pale.text == "ONLY TODAY 5.99"
    assert pale.colors[0].name == "white"
    # 1.05 / (.4969 + .05): #bbbbbb has luminance .4969
    assert pale.lines[0].contrast == pytest.approx(1.92, rel=0.05)
    assert names(pale) == ["contrast"]
    assert names(measure_creative(save(banner("ONLY TODAY 5.99"), "b.png"))) == []


def test_what_is_no_picture_cannot_be_measured(tmp_path):
    (tmp_path / "a.svg").write_text("<svg/>")
    with pytest.raises(SchemaError, match="markup"):
        measure_creative(tmp_path / "a.svg")


def test_a_tracking_pixel_is_measured(save):
    assert "width" in names(measure_creative(save(Image.new("RGBA", (1, 1)), "a.gif")))
