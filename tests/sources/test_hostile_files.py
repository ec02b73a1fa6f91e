"""Files as no one wants them: stopped with one sentence, or landed with exact content."""

from collections.abc import Callable
import gzip
import json
import os
from pathlib import Path
import re
import struct
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.errors import MarketingError, ParameterError, SchemaError, SourceError
from src.sources import text_files, text_form

SECRET = "jane-s3cret"  # stands in every file that is refused, and in no message
HEAD = "order,buyer\n"
SOUND = f"order,buyer\n1,{SECRET}\n2,b\n"
MANY = "".join(f"{n},{SECRET}\n" for n in range(100))  # so that one row is less than 5 %
MANY_ORDERS = [str(n) for n in range(100)]


def _bytes(content: str | bytes, encoding: str = "utf-8") -> bytes:
    return content if isinstance(content, bytes) else content.encode(encoding)


def _file(name: str, content: str | bytes, encoding: str = "utf-8") -> Callable:
    return lambda folder, workbook: (folder / name).write_bytes(_bytes(content, encoding))


def _files(**contents: str | bytes) -> Callable:
    def make(folder, workbook):
        for name, content in contents.items():
            (folder / name.replace("__", ".")).write_bytes(_bytes(content))

    return make


def _csv(content: str | bytes, encoding: str = "utf-8") -> Callable:
    return _file("o.csv", content, encoding)


def _jsonl(content: str | bytes) -> Callable:
    return _file("o.jsonl", content)


def _gz(content: str | bytes) -> bytes:
    return gzip.compress(_bytes(content), mtime=0)


def _book(*rows: list, **more) -> Callable:
    return lambda folder, workbook: workbook("o.xlsx", Orders=list(rows), **more)


def _link(target: str) -> Callable:
    return lambda folder, workbook: (folder / "o.csv").symlink_to(target)


def _parquet(name: str, **columns: list) -> Callable:
    return lambda folder, workbook: pq.write_table(pa.table(columns), folder / name)


def _both(*makes: Callable) -> Callable:
    def make(folder, workbook):
        for one in makes:
            one(folder, workbook)

    return make


def _lying_book(folder: Path, workbook: Callable) -> None:
    """Declare fewer bytes for the parts of a workbook than they unpack to."""
    file = workbook("o.xlsx", Orders=[["id"], [1], *[[SECRET]] * 1000])
    data = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        size = archive.getinfo("xl/worksheets/s1.xml").file_size
    file.write_bytes(bytes(data).replace(struct.pack("<I", size), struct.pack("<I", 100)))


def _locked_book(folder: Path, workbook: Callable) -> None:
    file = workbook("o.xlsx", Orders=[["id"], [SECRET]])
    data = bytearray(file.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # bit 0: encrypted
        place = data.find(mark)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(mark, place + 1)
    file.write_bytes(data)


# name: what is in the folder, pattern, form, class of error, parts of the sentence
STOPPED = {
    # --- places
    "nothing there": (_csv(SOUND), "p.csv", {}, ParameterError, ["p.csv", "found none"]),
    "a folder": (lambda f, w: (f / "o.csv").mkdir(), "o.csv", {}, ParameterError, ["a folder"]),
    "a pipe": (lambda f, w: os.mkfifo(f / "o.csv"), "o.csv", {}, ParameterError, ["a pipe"]),
    "a device": (_link("/dev/zero"), "o.csv", {}, ParameterError, ["a pipe, socket or device"]),
    "a link to nothing": (_link("gone.csv"), "*.csv", {}, SourceError, ["a link to nothing"]),
    "a link to itself": (_link("o.csv"), "*.csv", {}, SourceError, ["o.csv"]),
    "a file that cannot be read": (
        _link("/proc/self/mem"),
        "o.csv",
        {},
        SourceError,
        ["Expected to read o.csv", "input/output error"],
    ),
    "a pattern that is none": (_csv(SOUND), "a**b.csv", {}, ParameterError, ["a**b.csv"]),
    "an ending that says nothing": (
        _file("o.dat", SOUND),
        "o.dat",
        {},
        ParameterError,
        ["o.dat", "add the field format"],
    ),
    "several formats": (
        _both(_csv(SOUND), _jsonl('{"order": 1}')),
        "o.*",
        {},
        ParameterError,
        ["o.csv and o.jsonl"],
    ),
    "packed Parquet": (
        _file("o.parquet.gz", _gz(SOUND)),
        "o.parquet.gz",
        {},
        ParameterError,
        ["unpack it"],
    ),
    "packed workbook": (_file("o.xlsx.gz", _gz("")), "o.xlsx.gz", {}, ParameterError, ["unpack"]),
    # --- something else under the ending
    "empty": (_csv(""), "o.csv", {}, SourceError, ["o.csv", "an empty file"]),
    "blank lines only": (_csv("\n\r\n\n"), "o.csv", {}, SourceError, ["blank lines only"]),
    "mark of UTF-8 only": (_csv(b"\xef\xbb\xbf"), "o.csv", {}, SourceError, ["blank lines only"]),
    "Parquet": (_parquet("o.csv", order=[SECRET]), "o.csv", {}, SourceError, ["a Parquet file"]),
    "workbook": (
        lambda f, w: w("o.xlsx", Orders=[[SECRET]]).rename(f / "o.csv"),
        "o.csv",
        {},
        SourceError,
        ["an Excel workbook"],
    ),
    "old workbook": (
        _csv(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)),
        "o.csv",
        {},
        SourceError,
        ["old or locked"],
    ),
    "packed without saying so": (_csv(_gz(SOUND)), "o.csv", {}, SourceError, ["a gzip file"]),
    "a login page": (
        _csv(f"\n<!DOCTYPE html><html>{SECRET}</html>"),
        "o.csv",
        {},
        SourceError,
        ["a web page"],
    ),
    "a page in JSON lines": (_jsonl("<html></html>"), "o.jsonl", {}, SourceError, ["a web page"]),
    "text as Parquet": (
        _file("o.parquet", SOUND),
        "o.parquet",
        {},
        ParameterError,
        ["Expected Parquet in o.parquet"],
    ),
    "empty Parquet": (_file("o.parquet", b""), "o.parquet", {}, ParameterError, ["o.parquet"]),
    "Parquet with a broken footer": (
        _file("o.parquet", b"PAR1" + bytes(40) + b"\x10\0\0\0PAR1"),
        "o.parquet",
        {},
        ParameterError,
        ["broken file"],
    ),
    "text as workbook": (_file("o.xlsx", SOUND), "o.xlsx", {}, SourceError, ["something else"]),
    "empty workbook": (_file("o.xlsx", b""), "o.xlsx", {}, SourceError, ["something else"]),
    # --- encodings
    "UTF-16 without its mark": (
        _csv(SOUND, "utf-16-le"),
        "o.csv",
        {},
        SourceError,
        ["UTF-16 or UTF-32 without the mark"],
    ),
    "UTF-32": (_csv(SOUND, "utf-32"), "o.csv", {}, SourceError, ["o.csv", "UTF-32"]),
    "UTF-16 cut in a character": (
        _csv(SOUND.encode("utf-16")[:-1]),
        "o.csv",
        {},
        SourceError,
        ["Expected utf-16", f"offset {2 * len(SOUND):,}"],
    ),
    "UTF-8 with one broken byte": (
        _csv(HEAD.encode() + "ä".encode() * 50 + b"\xff," + SECRET.encode()),
        "o.csv",
        {},
        SourceError,
        ["UTF-8 with 1 misfits", "offset 112"],
    ),
    "UTF-8 mark, then another encoding": (
        _csv(b"\xef\xbb\xbf" + HEAD.encode() + b"1,bl\xe9 " + SECRET.encode()),
        "o.csv",
        {},
        SourceError,
        ["Expected utf-8-sig", "offset 19"],
    ),
    "not the encoding that is named": (
        _csv(b"order,buyer\n1,bl\xe9 " + SECRET.encode()),
        "o.csv",
        {"encoding": "utf-8"},
        SourceError,
        ["Expected utf-8 in o.csv", "offset 16"],
    ),
    "named gb18030, cut in a character": (
        _csv("order,buyer\n1,张".encode("gb18030")[:-1]),
        "o.csv",
        {"encoding": "gb18030"},
        SourceError,
        ["Expected gb18030", "offset 14"],
    ),
    # --- header
    "no header": (
        _csv(f"536365,{SECRET},3\n536366,b,4\n"),
        "o.csv",
        {},
        SchemaError,
        ["a header row in o.csv", "column 1"],
    ),
    "no header, a date first": (
        _csv(f"{SECRET},2024-01-31\n"),
        "o.csv",
        {},
        SchemaError,
        ["column 2"],
    ),
    "no header, an address": (
        _csv(f"{SECRET}@example.com,a\nx,b\n"),
        "o.csv",
        {},
        SchemaError,
        ["column 1"],
    ),
    "two columns of one name": (_csv("a,a\n1,2\n"), "o.csv", {}, SchemaError, ["'a' and 'a'"]),
    "names that differ in case alone": (
        _csv("Id,ID\n1,2\n"),
        "o.csv",
        {},
        SchemaError,
        ["'Id' and 'ID'"],
    ),
    "name given to a blank one": (
        _csv("column_2,\n1,2\n"),
        "o.csv",
        {},
        SchemaError,
        ["'column_2' and 'column_2'"],
    ),
    "blank header": (_csv(",,\n1,2,3\n"), "o.csv", {}, SchemaError, ["an empty one"]),
    "NUL in the header": (_csv("or\0der,b\n1,2\n"), "o.csv", {}, SchemaError, ["column 1"]),
    "a long name": (_csv("a" * 300 + ",b\n1,2\n"), "o.csv", {}, SchemaError, ["column 1"]),
    "reserved name": (_csv("a,_Ragged\n1,2\n"), "o.csv", {}, SchemaError, ["_ragged", "rename"]),
    "a row of names as columns": (
        _csv(",".join(f"c{n}" for n in range(4_001)) + "\n"),
        "o.csv",
        {},
        SchemaError,
        ["at most 4,000 columns"],
    ),
    # --- rows
    "quote never closed": (
        _csv(f'{HEAD}1,a\n2,"{SECRET}\n3,c\n'),
        "o.csv",
        {},
        SchemaError,
        ["never closed", "line 3"],
    ),
    "quote closed rows later": (
        _csv(f'{HEAD}1,a\n2,"{SECRET}\n3,"c"\n4,d\n'),
        "o.csv",
        {},
        SchemaError,
        ["text behind a closing", "line 3"],
    ),
    "quote never closed in the header": (
        _csv(f'"order,buyer\n1,{SECRET}\n'),
        "o.csv",
        {},
        SchemaError,
        ["never closed", "line 1"],
    ),
    "text behind a quote": (
        _csv(f'{HEAD}1,"a" {SECRET}\n'),
        "o.csv",
        {},
        SchemaError,
        ["text behind a closing", "line 2"],
    ),
    "cell of 10 MB": (
        _csv(f"{HEAD}1,{SECRET}\n2,{'x' * 10_000_000}\n"),
        "o.csv",
        {},
        SchemaError,
        ["more than 1,048,576 characters", "line 3"],
    ),
    "cell of 10 MB in quotes": (
        _csv(f'{HEAD}1,{SECRET}\n2,"{"x" * 10_000_000}"\n'),
        "o.csv",
        {},
        SchemaError,
        ["more than 1,048,576 characters", "line 3"],
    ),
    "a line of 22 MB": (
        _csv(HEAD + "1," + "x" * 22_000_000),
        "o.csv",
        {},
        SchemaError,
        ["16,777,216 characters", "after line 1"],
    ),
    "a header of 20 MB": (_csv("x" * 20_000_000), "o.csv", {}, SchemaError, ["16,777,216"]),
    "6 % ragged rows": (
        _csv(HEAD + "1,a\n" * 94 + f"1,b,{SECRET}\n" * 6),
        "o.csv",
        {},
        SchemaError,
        ["Expected 2 fields", "in 6 of 100", "line 96", "delimiter"],
    ),
    "the wrong delimiter": (
        _csv(f"order;buyer\n1;{SECRET},a\n2;b,c\n"),
        "o.csv",
        {"delimiter": ","},
        SchemaError,
        ["in 2 of 2", "delimiter"],
    ),
    "a title above the header": (
        _csv(f"Orders of May\n{SOUND}"),
        "o.csv",
        {},
        SchemaError,
        ["Expected 1 field in", "line 2", "skip_lines"],
    ),
    "lines to skip in what has none": (
        _jsonl('{"order": 1}'),
        "o.jsonl",
        {"skip_lines": 1},
        ParameterError,
        ["skip_lines", "o.jsonl", "take it out"],
    ),
    "more lines to skip than there are": (
        _csv(SOUND),
        "o.csv",
        {"skip_lines": 9},
        SourceError,
        ["blank lines only"],
    ),
    "more rows to skip than there are": (
        _book(["id"], [SECRET]),
        "o.xlsx",
        {"skip_lines": 9},
        SourceError,
        ["an empty sheet"],
    ),
    "a quote never closed below a title": (
        _csv(f'Orders of May\n\n{HEAD}1,"{SECRET}\n'),
        "o.csv",
        {"skip_lines": 2},
        SchemaError,
        ["never closed", "line 4"],
    ),
    # --- packed
    "gzip cut short": (
        _file("o.csv.gz", _gz(SOUND)[:-9]),
        "o.csv.gz",
        {},
        SourceError,
        ["o.csv.gz", "cut short"],
    ),
    "gzip with a wrong checksum": (
        _file("o.csv.gz", _gz(SOUND)[:-8] + bytes(8)),
        "o.csv.gz",
        {},
        SourceError,
        ["a broken one"],
    ),
    "gzip with rubbish behind": (
        _file("o.csv.gz", _gz(SOUND) + b"rubbish"),
        "o.csv.gz",
        {},
        SourceError,
        ["a broken one"],
    ),
    "no gzip": (_file("o.csv.gz", SOUND), "o.csv.gz", {}, SourceError, ["another kind"]),
    "empty gzip": (_file("o.csv.gz", b""), "o.csv.gz", {}, SourceError, ["o.csv.gz"]),
    "gzip of nothing": (_file("o.csv.gz", _gz("")), "o.csv.gz", {}, SourceError, ["empty"]),
    "gzip in gzip": (_file("o.csv.gz", _gz(_gz(SOUND))), "o.csv.gz", {}, SourceError, ["a gzip"]),
    "gzip bomb": (
        _file("o.csv.gz", _gz(HEAD + "1,a\n" * 20_000_000)),
        "o.csv.gz",
        {},
        SourceError,
        ["at most 250 times its size"],
    ),
    # --- JSON lines
    "broken JSON": (
        _jsonl(f'{{"order": 1}}\n{{"order": "{SECRET}\n'),
        "o.jsonl",
        {},
        SchemaError,
        ["o.jsonl", "broken JSON on line 2"],
    ),
    "one list of all": (
        _jsonl(json.dumps([{"order": SECRET}])),
        "o.jsonl",
        {},
        SchemaError,
        ["a list on line 1"],
    ),
    "a bare value": (_jsonl('{"a": 1}\n5\n'), "o.jsonl", {}, SchemaError, ["value on line 2"]),
    "an object over several lines": (
        _jsonl(json.dumps({"order": SECRET}, indent=1)),
        "o.jsonl",
        {},
        SchemaError,
        ["broken JSON on line 1"],
    ),
    "NaN": (_jsonl('{"a": NaN}\n'), "o.jsonl", {}, SchemaError, ["NaN", "line 1"]),
    "infinity": (_jsonl('{"a": 1e999}\n'), "o.jsonl", {}, SchemaError, ["beyond range on line 1"]),
    "number of 5,000 digits": (
        _jsonl('{"a": ' + "1" * 5000 + "}"),
        "o.jsonl",
        {},
        SchemaError,
        ["line 1"],
    ),
    "field named twice": (
        _jsonl(f'{{"a": 1, "a": "{SECRET}"}}'),
        "o.jsonl",
        {},
        SchemaError,
        ["names a field twice on line 1"],
    ),
    "fields of one flat name": (
        _jsonl(f'{{"a.b": 1, "a": {{"b": "{SECRET}"}}}}'),
        "o.jsonl",
        {},
        SchemaError,
        ["names a field twice on line 1"],
    ),
    "nested 100,000 deep": (
        _jsonl('{"a":' * 100_000 + "1" + "}" * 100_000),
        "o.jsonl",
        {},
        SchemaError,
        ["nested too deeply on line 1"],
    ),
    "half a character": (
        _jsonl(f'{{"a": 1}}\n{{"a": "{SECRET} \\ud800"}}'),
        "o.jsonl",
        {},
        SchemaError,
        ["half of a character", "line 2"],
    ),
    "address as a field": (
        _jsonl(f'{{"{SECRET}@example.com": 1}}'),
        "o.jsonl",
        {},
        SchemaError,
        ["address on line 1"],
    ),
    "field without a name": (_jsonl('{"": 1}'), "o.jsonl", {}, SchemaError, ["an empty"]),
    "objects by id": (
        _jsonl(json.dumps({f"c{n}": {"paid": 1} for n in range(4_001)})),
        "o.jsonl",
        {},
        SchemaError,
        ["more than 4,000 fields on line 1"],
    ),
    "empty objects": (_jsonl("{}\n{}\n"), "o.jsonl", {}, SchemaError, ["found none"]),
    "JSON line of 20 MB": (
        _jsonl('{"a": "' + "x" * 20_000_000 + '"}'),
        "o.jsonl",
        {},
        SchemaError,
        ["16,777,216 characters on line 1"],
    ),
    # --- workbooks
    "sheet that is not there": (
        _book(["id"], [SECRET]),
        "o.xlsx",
        {"sheet": "Mai"},
        ParameterError,
        ["the sheet 'Mai'", "['Orders']"],
    ),
    "empty sheet": (_book(), "o.xlsx", {}, SourceError, ["an empty sheet"]),
    "sheet without header": (_book([536365, SECRET]), "o.xlsx", {}, SchemaError, ["column 1"]),
    "workbook cut short": (
        lambda f, w: (f / "o.xlsx").write_bytes(w("o.xlsx", Orders=[["id"]]).read_bytes()[:-30]),
        "o.xlsx",
        {},
        SourceError,
        ["broken"],
    ),
    "zip that is no workbook": (
        lambda f, w: zipfile.ZipFile(f / "o.xlsx", "w").writestr("a.txt", SECRET),
        "o.xlsx",
        {},
        SourceError,
        ["a broken or locked one"],
    ),
    "workbook with broken XML": (
        _book(["id"], ["<c><v>1"]),
        "o.xlsx",
        {},
        SourceError,
        ["a broken or locked one"],
    ),
    "workbook that points nowhere": (
        _book(["id"], ['<c t="s"><v>99</v></c>']),
        "o.xlsx",
        {},
        SourceError,
        ["a broken or locked one"],
    ),
    "locked workbook": (_locked_book, "o.xlsx", {}, SourceError, ["locked"]),
    "workbook that lies on its size": (_lying_book, "o.xlsx", {}, SourceError, ["o.xlsx"]),
    "workbook with a cell far away": (
        _book(["id"], ['<c><v>1</v></c><c r="XFD1048576"><v>1</v></c>'.replace("<c><", "<c ><")]),
        "o.xlsx",
        {},
        SourceError,
        ["row 1,048,576 and column 16,384", "stray cells"],
    ),
    "workbook bomb": (
        _book(["id"], extra={f"xl/bomb{n}.bin": "0" * (1 << 20) for n in range(5)}),
        "o.xlsx",
        {},
        SourceError,
        ["bytes unpacked"],
    ),
    # --- several files
    "the same bytes twice": (
        _files(a__csv=SOUND, b__csv=SOUND),
        "*.csv",
        {},
        SourceError,
        ["a.csv and b.csv", "take one away"],
    ),
    "the same Parquet twice": (
        _both(_parquet("a.parquet", x=[1]), _parquet("b.parquet", x=[1])),
        "*.parquet",
        {},
        SourceError,
        ["a.parquet and b.parquet"],
    ),
    "other columns": (
        _files(a__csv=SOUND, b__csv="order,buyer,tax\n1,a,2\n"),
        "*.csv",
        {},
        SchemaError,
        ["a.csv and b.csv", "'tax' in b.csv alone"],
    ),
    "other columns in Parquet": (
        _both(_parquet("a.parquet", x=[1], y=[1]), _parquet("b.parquet", x=[2])),
        "*.parquet",
        {},
        SchemaError,
        ["'y' in a.parquet alone"],
    ),
    "other types in Parquet": (
        _both(_parquet("a.parquet", x=[1]), _parquet("b.parquet", x=["1"])),
        "*.parquet",
        {},
        SchemaError,
        ["Expected int64 in the column 'x' of b.parquet", "found string"],
    ),
    "names in Parquet that differ in case": (
        _parquet("o.parquet", x=[1], X=[1]),
        "o.parquet",
        {},
        SchemaError,
        ["'x' and 'X'"],
    ),
}

# name: what is in the folder, pattern, form, columns that land
LANDED = {
    "header only": (_csv(HEAD), "o.csv", {}, {"order": [], "buyer": []}),
    "no line end at the end": (_csv(f"{HEAD}1,a"), "o.csv", {}, {"order": ["1"], "buyer": ["a"]}),
    "blank lines between": (
        _csv("\n\norder,buyer\n\n1,a\n\n\n2,b\n\n"),
        "o.csv",
        {},
        {"order": ["1", "2"], "buyer": ["a", "b"]},
    ),
    "line ends of old Macs": (
        _csv("order,buyer\r1,a\r2,b\r"),
        "o.csv",
        {},
        {"order": ["1", "2"], "buyer": ["a", "b"]},
    ),
    "a title that is skipped": (
        _csv("\ufeffOrders of May; 2024\r\n\r\norder;buyer\r\n1;a,b\r\n"),
        "o.csv",
        {"skip_lines": 2},
        {"order": ["1"], "buyer": ["a,b"]},
    ),
    "a title of a sheet that is skipped": (
        _book(["Orders of May", None], [None, None], ["id", "paid"], [1, 2.5]),
        "o.xlsx",
        {"skip_lines": 2},
        {"id": [1.0], "paid": [2.5]},
    ),
    "mixed line ends": (
        _csv("order,buyer\r\n1,a\n2,b\r3,c"),
        "o.csv",
        {},
        {"order": ["1", "2", "3"], "buyer": ["a", "b", "c"]},
    ),
    "blanks, zeros and signs as written": (
        _csv('order,buyer\n 007 ,"  "\n1e5,NULL\n"",-\n'),
        "o.csv",
        {},
        {"order": [" 007 ", "1e5", None], "buyer": ["  ", "NULL", "-"]},
    ),
    "NUL in a field stays for the rules": (
        _csv("order,buyer\n1,a\0b\n2,c\n"),
        "o.csv",
        {},
        {"order": ["1", "2"], "buyer": ["a\0b", "c"]},
    ),
    "quotes of all sorts": (
        _csv('order,buyer\n1,"a ""b"" c"\n2,"x\r\ny"\n3,5" pipe\n4,"a,b"\n5,""""\n'),
        "o.csv",
        {},
        {
            "order": ["1", "2", "3", "4", "5"],
            "buyer": ['a "b" c', "x\r\ny", '5" pipe', "a,b", '"'],
        },
    ),
    "single quotes": (
        _csv("'order';'buyer'\n'1';'a;b'\n'2';'O''Brien'\n"),
        "o.csv",
        {},
        {"order": ["1", "2"], "buyer": ["a;b", "O'Brien"]},
    ),
    "apostrophes are no quotes": (
        _csv("order;buyer\n1;'tis\n2;O'Brien\n"),
        "o.csv",
        {},
        {"order": ["1", "2"], "buyer": ["'tis", "O'Brien"]},
    ),
    "decimal commas beside semicolons": (
        _csv("order;paid\n1;2,50\n2;1.234,00\n"),
        "o.csv",
        {},
        {"order": ["1", "2"], "paid": ["2,50", "1.234,00"]},
    ),
    "tabs": (_file("o.tsv", "a\tb\n1\t2,3\n"), "o.tsv", {}, {"a": ["1"], "b": ["2,3"]}),
    "bars": (_file("o.txt", "a|b\n1|2,3\n"), "o.txt", {}, {"a": ["1"], "b": ["2,3"]}),
    "one column": (_csv('a\nx\n""\ny\n'), "o.csv", {}, {"a": ["x", None, "y"]}),
    "one column with commas": (_csv("a\nx, y\nz\n"), "o.csv", {}, {"a": ["x, y", "z"]}),
    "blanks and breaks around names": (
        _csv('\ufeff order ,"buyer\n name",,\n1,a,b,c\n'),
        "o.csv",
        {},
        {"order": ["1"], "buyer name": ["a"], "column_3": ["b"], "column_4": ["c"]},
    ),
    "UTF-8 with its mark": (
        _csv("a,b\nä,€\n", "utf-8-sig"),
        "o.csv",
        {},
        {"a": ["ä"], "b": ["€"]},
    ),
    "UTF-8 with its mark, named without": (
        _csv("a,b\nä,€\n", "utf-8-sig"),
        "o.csv",
        {"encoding": "utf-8"},
        {"a": ["ä"], "b": ["€"]},
    ),
    "UTF-16 with its mark": (_csv("a\tb\nä\t€\n", "utf-16"), "o.csv", {}, {"a": ["ä"], "b": ["€"]}),
    "Latin-1": (_csv("a,b\ncafé,Größe\n", "latin-1"), "o.csv", {}, {"a": ["café"], "b": ["Größe"]}),
    "Latin-1 that happens to be GB18030": (
        _csv("größe,b\nMüller,x\n", "latin-1"),
        "o.csv",
        {},
        {"größe": ["Müller"], "b": ["x"]},
    ),
    "Windows with a euro sign": (
        _csv("a,b\n5 €,é \n", "cp1252"),
        "o.csv",
        {},
        {"a": ["5 €"], "b": ["é "]},
    ),
    "GB18030": (
        _csv("订单,备注\n1,很好，下次再来\n2,退货\n", "gb18030"),
        "o.csv",
        {},
        {"订单": ["1", "2"], "备注": ["很好，下次再来", "退货"]},
    ),
    "an accent after megabytes of ASCII": (
        _csv("a,b\n" + "1,2\n" * 700_000 + "x,é \n", "latin-1"),
        "o.csv",
        {},
        {"a": ["1"] * 700_000 + ["x"], "b": ["2"] * 700_000 + ["é "]},
    ),
    "ragged rows": (
        _csv("a,b,c\n" + "1,2,3\n" * 50 + "4,5\n" + "6,7,8,9\n" + "1,2,3\n" * 50),
        "o.csv",
        {},
        {
            "a": ["1"] * 50 + ["4", "6"] + ["1"] * 50,
            "b": ["2"] * 50 + ["5", "7"] + ["2"] * 50,
            "c": ["3"] * 50 + [None, "8"] + ["3"] * 50,
            "_ragged": [None] * 50
            + ["2 fields instead of 3", "4 fields instead of 3"]
            + [None] * 50,
        },
    ),
    "ragged rows in one of two files": (
        _files(a__csv=HEAD + MANY, b__csv=HEAD + MANY + "x\n"),
        "*.csv",
        {},
        {
            "order": [*MANY_ORDERS, *MANY_ORDERS, "x"],
            "buyer": [SECRET] * 200 + [None],
            "_ragged": [None] * 200 + ["1 field instead of 2"],
        },
    ),
    "columns in another order": (
        _files(a__csv="a,b\n1,2\n", b__csv="b,a\n4,3\n"),
        "*.csv",
        {},
        {"a": ["1", "3"], "b": ["2", "4"]},
    ),
    "two empty days are no twins": (
        _files(a__csv=HEAD, b__csv=HEAD, c__csv=f"{HEAD}1,a\n"),
        "*.csv",
        {},
        {"order": ["1"], "buyer": ["a"]},
    ),
    "gzip of several parts": (
        _file("o.csv.gz", _gz(HEAD) + _gz("1,a\n") + _gz("2,b\n")),
        "o.csv.gz",
        {},
        {"order": ["1", "2"], "buyer": ["a", "b"]},
    ),
    "nested JSON": (
        _jsonl('{"id": 1, "buyer": {"id": "a", "tags": [1, "ü"]}}\n\n{"id": 2.5, "buyer": {}}\n'),
        "o.jsonl",
        {},
        {"id": [1.0, 2.5], "buyer.id": ["a", None], "buyer.tags": ['[1, "ü"]', None]},
    ),
    "JSON of mixed kinds": (
        _jsonl('{"a": 1, "b": true}\n{"a": "C2", "b": null}\n{"a": 3.0, "b": ""}\n{"c": null}'),
        "o.jsonl",
        {},
        {"a": ["1", "C2", "3", None], "b": [True, None, None, None], "c": [None] * 4},
    ),
    "ids beyond 64 bits": (
        _jsonl('{"a": 5}\n{"a": 99999999999999999999}\n'),
        "o.jsonl",
        {},
        {"a": ["5", "99999999999999999999"]},
    ),
    "fields that one file lacks": (
        _files(a__jsonl='{"id": 1}\n', b__jsonl='{"tax": 0.5, "id": "x"}\n'),
        "*.jsonl",
        {},
        {"id": ["1", "x"], "tax": [None, 0.5]},
    ),
    "packed JSON lines": (_file("o.jsonl.gz", _gz('{"a": 1}')), "o.jsonl.gz", {}, {"a": [1]}),
    "workbook with gaps and errors": (
        _book(
            ["id", "paid", "note", None, "flag"],
            [536365, 2.5, "a", None, True],
            [None, None],
            ["C536366", '<c t="e"><v>#N/A</v></c>', None, None, False],
        ),
        "o.xlsx",
        {},
        {
            "id": ["536365", "C536366"],
            "paid": [2.5, None],
            "note": ["a", None],
            "column_4": [None, None],
            "flag": [True, False],
        },
    ),
}


@pytest.mark.parametrize(("make", "pattern", "form", "kind", "told"), STOPPED.values(), ids=STOPPED)
@pytest.mark.usefixtures("small_bounds")
def test_a_file_that_cannot_be_trusted_stops_with_one_sentence(
    shop_folder, workbook, land, tmp_path, make, pattern, form, kind, told
):
    make(shop_folder, workbook)
    with pytest.raises(MarketingError) as caught:
        land(pattern, **form)
    message = str(caught.value)
    assert type(caught.value) is kind
    assert message.startswith("Expected ")
    assert "\n" not in message
    assert len(re.findall(r"\.(?:\s|$)", message)) == 1, "more than one sentence"
    for part in told:
        assert part in message
    assert SECRET not in message
    assert str(tmp_path) not in message.replace(f"in {shop_folder} of", "")
    assert caught.value.__cause__ is None
    left = [file.name for file in tmp_path.glob("raw/**/*") if file.name.endswith(".draft")]
    assert left == []


@pytest.mark.parametrize(("make", "pattern", "form", "columns"), LANDED.values(), ids=LANDED)
def test_an_odd_file_lands_as_it_is(shop_folder, workbook, land_rows, make, pattern, form, columns):
    make(shop_folder, workbook)
    assert land_rows(pattern, **form).to_pydict() == columns


def test_there_are_enough_hostile_files():
    assert len(STOPPED) + len(LANDED) >= 100


def test_bounds_of_fields_are_the_ones_that_are_documented():
    assert text_form.FIELD_LIMIT == 1_048_576
    assert text_files.LINE_LIMIT == 16_777_216
    assert text_files.MAX_RAGGED_SHARE == 0.05
