"""Find out how a text file is written: its encoding, delimiter and quote."""

import codecs
from collections import Counter
from collections.abc import Iterator
import csv
from dataclasses import dataclass
import io
import itertools
from pathlib import Path
import re

from src.errors import SourceError
from src.sources.origins import FileOrigin
from src.sources.unpacked import check_is_text, open_unpacked

__all__ = [
    "FIELD_LIMIT",
    "TextForm",
    "count_title_lines",
    "find_encoding",
    "find_form",
    "pass_over",
]

FIELD_LIMIT = 1 << 20
"""Characters that one field may have."""

HEAD_BYTES = 1 << 20
"""Bytes that are looked at where the whole file is not."""

_HEAD_CHARACTERS = 1 << 18
_BLOCK = 1 << 22
_DELIMITERS = ",;\t|"
_BOMS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\x84\x31\x95\x33": "gb18030",
}
# Characters of GB18030: four bytes that alternate with digits, as no other text has them, or two.
# Of those with two, signs (A1-A9) and the 3,755 commonest Chinese ones (B0-D7) tell it.
_FOUR = rb"[\x81-\xfe][\x30-\x39][\x81-\xfe][\x30-\x39]"
_GB18030 = re.compile(_FOUR + rb"|[\x81-\xfe][\x40-\xfe]")
_TELLING = re.compile(_FOUR + rb"|[\xa1-\xa9\xb0-\xd7][\xa1-\xfe]")
_ENOUGH = 100_000


@dataclass(frozen=True)
class TextForm:
    """How a text file of rows is written.

    Parameters
    ----------
    encoding : str
        Codec by Python's name.
    delimiter, quote : str
        One character each.
    skip_lines : int, default 0
        Lines above the header.
    """

    encoding: str
    delimiter: str
    quote: str
    skip_lines: int = 0


def find_form(file: Path, origin: FileOrigin, n_bytes: int | None = None) -> TextForm:
    """Find out the form of a text file of rows; what the origin says wins.

    The delimiter is the one of ``, ; tab |`` by which the most of the first rows have as many
    fields as the header, the header at least two; a file of one column has none. The quote is
    ``"``; it is ``'`` where the header begins with that sign. Where a title of one field stands
    above rows of several, it is taken for the header, so that the rows are told not to fit.

    Parameters
    ----------
    file : Path
        A regular file, packed with gzip if its name ends so.
    origin : FileOrigin
        What is said of its form.
    n_bytes : int, optional
        Look at so many bytes only; else at the whole file.

    Raises
    ------
    SourceError
        If it is no text, or not in the encoding that the origin names.
    """
    check_is_text(file)
    encoding = find_encoding(file, origin.encoding, n_bytes)
    head = _read_head(file, encoding, origin.skip_lines)
    quote = origin.quote or ("'" if head.lstrip("\ufeff \r\n").startswith("'") else '"')
    delimiter = origin.delimiter or _find_delimiter(head, quote)
    return TextForm(encoding, delimiter, quote, origin.skip_lines)


def pass_over(text: io.TextIOWrapper, n_lines: int) -> None:
    """Read so many lines of an open text, and forget them."""
    for _ in range(n_lines):
        text.readline(FIELD_LIMIT)


def _read_head(file: Path, encoding: str, skip_lines: int) -> str:
    with io.TextIOWrapper(open_unpacked(file), encoding, "replace", newline="") as text:
        pass_over(text, skip_lines)
        return text.read(_HEAD_CHARACTERS) + text.readline(FIELD_LIMIT)


def count_title_lines(file: Path) -> int:
    """Count the lines of title above the header: those before the first row as wide as most.

    Zero where the first row is as wide, where most rows have a single field, or where what
    stands above is as wide as half of the header, which is more than a title.

    Parameters
    ----------
    file : Path
        A text file of rows, packed with gzip if its name ends so.

    Raises
    ------
    SourceError
        If it is no text.
    """
    check_is_text(file)
    head = _read_head(file, find_encoding(file, None, HEAD_BYTES), 0)
    counts = [_titles_above(head, delimiter) for delimiter in _DELIMITERS]
    _, n_lines = max(counts, key=lambda found: found[0])
    return n_lines


def _titles_above(head: str, delimiter: str) -> tuple[int, int]:
    """Rows of the commonest width by a delimiter, and lines above the first of them."""
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    rows, before = [], 0
    try:
        for row in itertools.islice(reader, 1000):
            rows.append((len(row), before))
            before = reader.line_num
    except csv.Error:
        pass
    widths = Counter(width for width, _ in rows if width > 1)
    if not widths:
        return 0, 0
    width, n_rows = widths.most_common(1)[0]
    place = next(number for number, (found, _) in enumerate(rows) if found == width)
    is_title = all(2 * found <= width for found, _ in rows[:place])
    return n_rows, rows[place][1] if is_title else 0


def find_encoding(file: Path, named: str | None = None, n_bytes: int | None = None) -> str:
    """Find out the encoding of a text file; one that is named wins.

    In this order: the mark at the start of UTF-8, UTF-16 or GB18030; UTF-8 if every byte of
    the file fits it; GB18030 if every byte fits that and most of what is beyond ASCII makes
    common Chinese characters, signs, or characters of four bytes; Windows-1252 if bytes occur
    that are control characters in Latin-1 (such as that of the euro sign); Latin-1, in which
    every byte means something. A file that is UTF-8 but for a few bytes is refused instead of
    being read as another.

    Parameters
    ----------
    file : Path
        A regular file, packed with gzip if its name ends so.
    named : str, optional
        Encoding that the source file names.
    n_bytes : int, optional
        Look at so many bytes only; else at the whole file.

    Returns
    -------
    str
        ``utf-8``, ``utf-8-sig``, ``utf-16``, ``gb18030``, ``cp1252`` or ``latin-1``.

    Raises
    ------
    SourceError
        If the file is not in the encoding that is named, or broken in its own.
    """
    with open_unpacked(file) as stream:
        start = stream.read(4)
    marked = next((name for mark, name in _BOMS.items() if start.startswith(mark)), None)
    if named is not None:
        encoding = marked if named == "utf-8" and marked == "utf-8-sig" else named
        _check_encoding(file, encoding, n_bytes)
        return encoding
    if marked is not None:
        _check_encoding(file, marked, n_bytes)
        return marked
    place = _first_misfit(file, "utf-8", n_bytes)
    if place is None:
        return "utf-8"
    _check_not_broken_utf8(file, place, n_bytes)
    if _first_misfit(file, "gb18030", n_bytes) is None and _is_gb18030(file, n_bytes):
        return "gb18030"
    has_controls = any(re.search(rb"[\x80-\x9f]", block) for block in _blocks(file, n_bytes))
    is_windows = has_controls and _first_misfit(file, "cp1252", n_bytes) is None
    return "cp1252" if is_windows else "latin-1"


def _blocks(file: Path, n_bytes: int | None) -> Iterator[bytes]:
    left = n_bytes
    with open_unpacked(file) as stream:
        while block := stream.read(_BLOCK if left is None else min(left, _BLOCK)):
            left = left and left - len(block)
            yield block
            if left == 0:
                return


def _first_misfit(file: Path, encoding: str, n_bytes: int | None) -> int | None:
    """Offset of the first byte that is not in the encoding."""
    decoder = codecs.getincrementaldecoder(encoding.removesuffix("-sig"))()
    n_read = 0
    pending = 0
    try:
        for block in _blocks(file, n_bytes):
            pending = len(decoder.getstate()[0])
            decoder.decode(block)
            n_read += len(block)
        if n_bytes is None:
            pending = len(decoder.getstate()[0])
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return n_read - pending + error.start
    return None


def _check_encoding(file: Path, encoding: str, n_bytes: int | None) -> None:
    place = _first_misfit(file, encoding, n_bytes)
    if place is not None:
        raise SourceError(
            f"Expected {encoding} in {file.name}, found a byte that does not fit at offset "
            f"{place:,}; correct the field encoding, or write the file again."
        )


def _check_not_broken_utf8(file: Path, place: int, n_bytes: int | None) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    n_broken = n_sound = 0
    for block in _blocks(file, n_bytes):
        text = decoder.decode(block)
        n_here = text.count("\ufffd")
        n_broken += n_here
        n_sound += len(text) - len(text.encode("ascii", "ignore")) - n_here
    if n_sound >= 10 * n_broken:
        raise SourceError(
            f"Expected one encoding in {file.name}, found UTF-8 with {n_broken:,} misfits, the "
            f"first at offset {place:,}; mend them, or name another encoding in the field encoding."
        )


def _is_gb18030(file: Path, n_bytes: int | None) -> bool:
    """Whether most of what would be characters beyond ASCII are such as GB18030 has."""
    n_found = n_telling = 0
    for block in _blocks(file, n_bytes):
        found = _GB18030.findall(block)
        n_found += len(found)
        n_telling += sum(_TELLING.fullmatch(character) is not None for character in found)
        if n_found > _ENOUGH:
            break
    return n_telling * 2 > n_found


def _find_delimiter(head: str, quote: str) -> str:
    return max(_DELIMITERS, key=lambda delimiter: _fitness(head, delimiter, quote))


def _fitness(head: str, delimiter: str, quote: str) -> tuple[bool, float, int]:
    """Whether rows have several fields, share of them that fit the header, columns."""
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, quotechar=quote)
    rows: list[list[str]] = []
    try:
        rows.extend(itertools.islice(filter(None, reader), 1000))
    except csv.Error:  # what is wrong is told, with its line, when the rows are read
        pass
    if not rows:
        return False, 0.0, 0
    width = len(rows[0])
    rest = {len(row) for row in rows[1:]}
    has_title = width == 1 and len(rows) > 2 and len(rest) == 1 and rest != {1}
    n_fit = sum(len(row) == width for row in rows)
    return width > 1 or has_title, n_fit / len(rows), width
