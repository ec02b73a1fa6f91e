"""Looking for planted words in files, in every spelling that programs give to text."""

import base64
from collections.abc import Iterable
from pathlib import Path
import quopri
from urllib.parse import quote

import numpy as np
import pyarrow.parquet as pq

__all__ = ["Scanner", "spellings"]

_HEAD = 8


def spellings(word: str | bytes) -> dict[str, set[bytes]]:
    """Give the spellings of a word: raw, base64 at its three offsets, QP, URL, UTF-16, hex."""
    raw = word if isinstance(word, bytes) else word.encode()
    found = {
        "raw": {raw},
        "base64": {_inner_base64(raw, offset) for offset in range(3)},
        "quoted-printable": {quopri.encodestring(raw).replace(b"=\n", b"").strip()},
        "url": {quote(raw, safe="").encode(), quote(raw, safe="@").encode()},
        "hex": {raw.hex().encode(), raw.hex().upper().encode()},
    }
    if isinstance(word, str):
        found["utf-16"] = {word.encode("utf-16-le"), word.encode("utf-16-be")}
        found["json"] = {word.encode("ascii", "backslashreplace")}
    return found


def _inner_base64(raw: bytes, offset: int) -> bytes:
    """Base64 of a word that stands `offset` octets into a text, without what its ends share."""
    coded = base64.b64encode(b"\0" * offset + raw)
    start = (8 * offset + 5) // 6
    end = (offset + len(raw)) * 8 // 6
    return coded[start:end]


class Scanner:
    """Finds words in files; a spelling shorter than eight octets would be found by chance."""

    def __init__(self, words: Iterable[str | bytes]) -> None:
        self._meant: dict[bytes, tuple[str | bytes, str]] = {}
        for word in words:
            for name, forms in spellings(word).items():
                for form in forms:
                    if len(form) >= _HEAD:
                        self._meant.setdefault(form, (word, name))
        heads: dict[int, list[bytes]] = {}
        for form in self._meant:
            heads.setdefault(int.from_bytes(form[:_HEAD], "little"), []).append(form)
        self._by_head = heads
        self._heads = np.array(sorted(heads), dtype=np.uint64)

    def scan_bytes(self, content: bytes) -> set[tuple[str | bytes, str]]:
        """Give the words in a content, with the spelling each was found in."""
        found = set()
        for shift in range(_HEAD):
            usable = (len(content) - shift) // _HEAD * _HEAD
            if usable <= 0:
                break
            values = np.frombuffer(content, "<u8", usable // _HEAD, shift)
            places = np.searchsorted(self._heads, values)
            places[places == len(self._heads)] = 0
            for hit in np.flatnonzero(self._heads[places] == values):
                start = shift + int(hit) * _HEAD
                for form in self._by_head[int(values[hit])]:
                    if content[start : start + len(form)] == form:
                        found.add(self._meant[form])
        return found

    def scan(self, root: Path, left_out: Iterable[str] = ()) -> dict[str, set]:
        """Look through all files below a folder; gives those with hits."""
        hits, n_files = {}, 0
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            if not path.is_file() or any(part in name for part in left_out):
                continue
            n_files += 1
            found = self.scan_bytes(path.read_bytes() + _unpacked(path))
            if found:
                hits[name] = found
        assert n_files, "nothing was looked at"
        return hits


def _unpacked(path: Path) -> bytes:
    """Give the texts of a compressed table, where they can be found."""
    if path.suffix != ".parquet":
        return b""
    table = pq.read_table(path)
    columns = [column.cast("string") for column in table.columns if str(column.type) == "string"]
    return b"\n".join("\n".join(filter(None, one.to_pylist())).encode() for one in columns)
