import hashlib
import io
import os
import struct
import warnings
import zlib

import numpy as np
from PIL import Image
import pytest

from src.errors import SchemaError
from src.features.images.reading import MAX_BYTES, hash_picture, read_picture

FORMATS = [("a.jpg", "JPEG"), ("a.png", "PNG"), ("a.gif", "GIF"), ("a.webp", "WEBP")]


def refusal(path) -> str:
    """One sentence that names the file, and nothing of the machine."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SchemaError) as caught:
            read_picture(path)
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    assert str(path.parent) not in text
    assert text.startswith("Expected ")
    assert text.endswith(".")
    return text


def pixel(path, place=(0, 0)):
    return read_picture(path).rgb.getpixel(place)


def png(width, height, bits=8, kind=2, data=b"", extra=b""):
    """Write a PNG by hand, so that its header may lie."""

    def chunk(name, content):
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("name", "form"), FORMATS)
def test_four_formats_are_read(save, name, form):
    path = save(Image.new("RGB", (30, 20), (200, 0, 0)), name)
    picture = read_picture(path)
    assert (picture.name, picture.format, picture.rgb.mode, picture.rgb.size) == (
        *(name, form, "RGB"),
        (30, 20),
    )
    assert picture.n_bytes == path.stat().st_size
    assert picture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() == hash_picture(path)
    assert not picture.is_animated
    assert np.abs(np.array(picture.rgb.getpixel((5, 5))) - (200, 0, 0)).max() <= 2  # lossy


def test_the_content_counts_not_the_ending(save, tmp_path):
    save(Image.new("RGB", (3, 3)), "a.png").rename(tmp_path / "a.jpg")
    assert read_picture(tmp_path / "a.jpg").format == "PNG"


def test_a_real_photograph(photos):
    picture = read_picture(photos["china"])
    assert (picture.format, picture.rgb.size) == ("JPEG", (640, 427))


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"\xef\xbb\xbf  <!DOCTYPE html><script>alert(1)</script>",
        b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><svg>&a;</svg>",
    ],
    ids=["svg", "html", "xml"],
)
def test_markup_is_refused_whatever_it_is_called(tmp_path, content):
    path = tmp_path / "logo.png"
    path.write_bytes(content)
    assert "markup such as SVG or HTML" in refusal(path)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"%PDF-1.7 ...", "a PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "something else"),
        (os.urandom(4000), "something else"),
        (b"\x89PNG\r\n\x1a\n", "something else"),
        (b"\xff\xd8\xff", "something else"),
    ],
    ids=["pdf", "eps", "noise", "png start", "jpeg start"],
)
def test_what_is_no_picture_is_refused(tmp_path, content, found):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    text = refusal(path)
    assert found in text or "damaged" in text


def test_formats_that_shops_do_not_use_are_not_decoded(save):
    assert "something else" in refusal(save(Image.new("RGB", (9, 9)), "a.tiff"))
    assert "something else" in refusal(save(Image.new("RGB", (9, 9)), "a.bmp"))


def test_an_empty_file_a_folder_a_pipe_and_nothing_are_refused(tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert "found 0 bytes" in refusal(tmp_path / "empty.jpg")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("folder.jpg", "pipe.jpg", "absent.jpg"):
        assert "found none" in refusal(tmp_path / name)


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    assert "File name too long" in refusal(tmp_path / f"{'x' * 5000}.png")


def test_a_heavy_file_is_refused_unread(tmp_path):
    path = tmp_path / "a.jpg"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 10**6)
    assert "at most 25 MB in 'a.jpg', found 26.0 MB" in refusal(path)


@pytest.mark.parametrize(
    ("size", "found"),
    [
        ((60_000, 60_000), "several times as many"),
        ((12_000, 12_000), "12000 x 12000"),
        ((10_000, 5_001), "10000 x 5001"),
    ],
    ids=["twice beyond Pillow's limit", "beyond Pillow's limit", "beyond ours"],
)
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path, size, found):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(*size, data=zlib.compress(b"\0" * 10**6)))
    assert refusal(path) == (
        f"Expected at most 50 million pixels in 'bomb.png', found {found}; save it smaller."
    )


def test_a_bomb_of_text_inside_a_png_is_refused(tmp_path):
    packed = b"note\0\0" + zlib.compress(b"\0" * 80_000_000, 9)
    extra = struct.pack(">I", len(packed)) + b"zTXt" + packed
    extra += struct.pack(">I", zlib.crc32(b"zTXt" + packed))
    path = tmp_path / "a.png"
    path.write_bytes(png(1, 1, data=zlib.compress(b"\0" * 4), extra=extra))
    assert "damaged" in refusal(path)


def test_a_jpeg_of_endless_scans_is_refused(save):
    path = save(Image.new("RGB", (64, 64), "red"), "scans.jpg", progressive=True)
    content = path.read_bytes()
    last = content.rindex(b"\xff\xda")
    path.write_bytes(content[:last] + content[last:-2] * 200 + content[-2:])
    assert "at most 100 scans" in refusal(path)


def test_a_sliver_is_refused(save):
    assert "at most 50 times as long as wide" in refusal(save(Image.new("L", (600, 2)), "a.png"))
    assert read_picture(save(Image.new("L", (100, 2)), "b.png")).rgb.size == (100, 2)


@pytest.mark.parametrize(("name", "form"), FORMATS)
def test_a_file_that_breaks_off_is_refused(save, photo, name, form):
    path = save(photo("flower"), name)
    content = path.read_bytes()
    for share in (0.1, 0.5, 0.9):
        path.write_bytes(content[: int(len(content) * share)])
        assert "breaks off or is damaged" in refusal(path)


@pytest.mark.parametrize(("name", "form"), FORMATS)
def test_damaged_bytes_are_read_or_refused_but_nothing_else(save, photo, name, form):
    path = save(photo("flower").resize((60, 40)), name)
    content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    rng = np.random.default_rng(0)
    refusals = []
    for _ in range(150):
        spoilt = content.copy()
        places = rng.integers(0, len(spoilt), 4)
        places[0] = rng.integers(0, 60)  # headers break more than pixels
        spoilt[places] = rng.integers(0, 256, 4)
        path.write_bytes(spoilt.tobytes())
        try:
            assert read_picture(path).rgb.mode == "RGB"
        except SchemaError as error:
            refusals.append(str(error))
    assert refusals
    assert not any("\n" in text for text in refusals)


def test_of_an_animation_the_first_frame_is_looked_at(save):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue", "green")]
    for name in ("a.gif", "a.png", "a.webp"):
        path = save(frames[0], name, save_all=True, append_images=frames[1:], lossless=True)
        picture = read_picture(path)
        assert picture.is_animated
        assert picture.rgb.getpixel((4, 4))[0] >= 250


def test_cmyk_is_read_as_it_is_printed(save):
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan, all magenta and yellow: red
    red, green, blue = pixel(save(ink, "a.jpg"), (8, 8))
    assert red > 245
    assert max(green, blue) < 12


def test_sixteen_bits_keep_their_brightness(save):
    half = np.full((4, 4), 0x8000, dtype=np.uint16)  # 32768 // 257 = 127
    assert pixel(save(Image.fromarray(half), "a.png")) == (127, 127, 127)


def test_sixteen_bits_of_color_are_read(tmp_path):
    row = b"\0" + struct.pack(">3H", 0xFFFF, 0x8000, 0)
    (tmp_path / "a.png").write_bytes(png(1, 1, bits=16, data=zlib.compress(row)))
    red, green, blue = pixel(tmp_path / "a.png")
    assert (red, blue) == (255, 0)
    assert green in (127, 128)


def test_what_is_transparent_is_white(save):
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    path = save(palette, "palette.png", transparency=1)
    assert [pixel(path, (x, 0)) for x in (0, 1)] == [(255, 0, 0), (255, 255, 255)]
    assert pixel(save(Image.new("RGBA", (1, 1), (0, 0, 0, 0)), "rgba.png")) == (255, 255, 255)
    assert pixel(save(Image.new("LA", (1, 1), (0, 51)), "gray.png")) == (204, 204, 204)  # 255 - 51


def test_a_picture_is_turned_as_its_camera_was_held(save):
    image = Image.new("RGB", (40, 20), "white")
    image.paste("red", (0, 0, 20, 20))  # red left
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right: what is left comes to the top
    picture = read_picture(save(image, "a.jpg", exif=exif, quality=95))
    assert picture.rgb.size == (20, 40)
    top, bottom = picture.rgb.getpixel((10, 5)), picture.rgb.getpixel((10, 35))
    assert top[1] < 20 < 235 < bottom[1]


def test_broken_exif_does_not_spoil_a_sound_picture(save):
    path = save(Image.new("RGB", (9, 5)), "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read_picture(path).rgb.size == (9, 5)


def test_a_phones_file_of_several_pictures_is_a_jpeg(tmp_path):
    first, second = (Image.new("RGB", (8, 8), color) for color in ("red", "blue"))
    buffer = io.BytesIO()
    first.save(buffer, "MPO", save_all=True, append_images=[second])
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    picture = read_picture(tmp_path / "a.jpg")
    assert (picture.format, picture.is_animated) == ("JPEG", False)
