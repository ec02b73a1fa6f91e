"""Pictures from untrusted files: upright, in RGB, on white; or one sentence that refuses them."""

from dataclasses import dataclass
import hashlib
import io
from pathlib import Path
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from src.errors import SchemaError

__all__ = ["ENDINGS", "Picture", "hash_picture", "read_picture"]

ENDINGS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".gif": "GIF",
    ".webp": "WEBP",
}
"""Endings of picture files, and the format that each promises."""

MAX_BYTES = 25_000_000
MAX_PIXELS = 50_000_000
"""A cheap camera's picture has half as many; a decompression bomb has thousands of millions."""
MAX_ASPECT = 50
MAX_SCANS = 100
"""A progressive JPEG has about ten; each is decoded over the whole picture."""

_FORMATS = tuple(dict.fromkeys(ENDINGS.values()))
_ANIMATED = ("GIF", "PNG", "WEBP")
_SCAN = b"\xff\xda"  # inside a scan, ff is always followed by 00 or a restart
_DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_FROM_16_BITS = 257  # 65,535 / 255


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture as a reader sees it.

    Parameters
    ----------
    name, format, sha256 : str
        File name without its folder; ``JPEG``, ``PNG``, ``GIF`` or ``WEBP`` by content, whatever
        the ending says; hash of the file's bytes.
    n_bytes : int
        Size of the file.
    is_animated : bool
        Whether more frames follow; only the first is looked at.
    rgb : PIL.Image.Image
        Mode RGB, 8 bits; turned as EXIF says; what is transparent is white.
    """

    name: str
    format: str
    sha256: str
    n_bytes: int
    is_animated: bool
    rgb: Image.Image


def read_picture(path: Path) -> Picture:
    """Read a picture file that nobody vouches for.

    The content decides, not the ending; only JPEG, PNG, GIF and WebP are decoded. Colours are
    those of the file: an embedded colour profile is not applied.

    Parameters
    ----------
    path : Path
        A plain file.

    Returns
    -------
    Picture

    Raises
    ------
    SchemaError
        If there is no such plain file, it is empty or larger than `MAX_BYTES`, is no picture of
        the four kinds (SVG and HTML are none), has more than `MAX_PIXELS` pixels or
        `MAX_SCANS` scans, is longer than `MAX_ASPECT` times its width or the reverse, or breaks
        off. The message is one sentence and names the file.
    """
    content = _read_bytes(path)
    image, is_animated = _decode(path.name, content)
    return Picture(
        name=path.name,
        format="JPEG" if image.format == "MPO" else image.format,
        sha256=hashlib.sha256(content).hexdigest(),
        n_bytes=len(content),
        is_animated=is_animated,
        rgb=_on_white(_upright(image)),
    )


def hash_picture(path: Path) -> str:
    """SHA-256 of a picture file, without decoding it.

    Raises
    ------
    SchemaError
        If there is no such plain file, or it is empty or larger than `MAX_BYTES`.
    """
    return hashlib.sha256(_read_bytes(path)).hexdigest()


def _read_bytes(path: Path) -> bytes:
    try:
        # a pipe or a device would hang or never end
        content = _read_start(path) if path.is_file() else None
    except OSError as error:  # such as a name too long, or no permission
        raise SchemaError(
            f"Expected a readable file {path.name!r}, found: {error.strerror}; mend that."
        ) from None
    if content is None:
        raise SchemaError(f"Expected a picture file {path.name!r}, found none; add or rename it.")
    if not content:
        raise SchemaError(f"Expected a picture in {path.name!r}, found 0 bytes; save it again.")
    if len(content) > MAX_BYTES:
        raise SchemaError(
            f"Expected at most {MAX_BYTES // 10**6} MB in {path.name!r}, found "
            f"{path.stat().st_size / 10**6:.1f} MB; save it smaller."
        )
    return content


def _read_start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _decode(name: str, content: bytes) -> tuple[Image.Image, bool]:
    """Decode the first frame; whether there are more."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # doubts about metadata; size is judged below
            image = Image.open(io.BytesIO(content), formats=_FORMATS)
            _check_size(name, image, content)
            image.load()
            return image, image.format in _ANIMATED and getattr(image, "is_animated", False)
    except SchemaError:
        raise
    except UnidentifiedImageError:
        raise SchemaError(
            f"Expected a JPEG, PNG, GIF or WebP picture in {name!r}, found {_kind(content)}; "
            "save it as one of these."
        ) from None
    except Image.DecompressionBombError:
        raise SchemaError(_too_many_pixels(name, "several times as many")) from None
    except Exception as error:  # decoders answer bad bytes with errors of any type
        reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
        raise SchemaError(
            f"Expected a whole picture in {name!r}, but it breaks off or is damaged ({reason}); "
            "save it again."
        ) from None


def _check_size(name: str, image: Image.Image, content: bytes) -> None:
    """Refuse by what the header says, before anything is decoded."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise SchemaError(_too_many_pixels(name, f"{width} x {height}"))
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise SchemaError(
            f"Expected {name!r} to be at most {MAX_ASPECT} times as long as wide, found "
            f"{width} x {height} pixels; cut it."
        )
    n_scans = content.count(_SCAN) if image.format in ("JPEG", "MPO") else 1
    if n_scans > MAX_SCANS:
        raise SchemaError(
            f"Expected at most {MAX_SCANS} scans in the JPEG {name!r}, found {n_scans}; "
            "save it again."
        )


def _too_many_pixels(name: str, found: str) -> str:
    return (
        f"Expected at most {MAX_PIXELS // 10**6} million pixels in {name!r}, found {found}; "
        "save it smaller."
    )


def _kind(content: bytes) -> str:
    start = content[:256].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        return "markup such as SVG or HTML"
    return "a PDF" if start.startswith(b"%PDF") else "something else"


def _upright(image: Image.Image) -> Image.Image:
    """Turn as EXIF says; a picture whose EXIF cannot be read is left as it lies."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            turned = ImageOps.exif_transpose(image)
    except Exception:  # a parser of untrusted bytes, as above; the pixels are sound
        return image
    return turned


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP:  # Pillow would cut these off at 255
        image = Image.fromarray((np.asarray(image) // _FROM_16_BITS).clip(0, 255).astype("uint8"))
    if not image.has_transparency_data:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
