"""Any mapping of any texts gives what a plain reading in Python gives, or one sentence."""

import copy
import datetime as dt
import math
import re
import string

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from src.data.mapped import map_table
from src.engine import connect
from src.errors import MarketingError
from src.sources.config import Source
from src.sources.mapping import check_source
from tests.conftest import FIELDS, GOODS, SALES

NUMBERS = ("quantity", "line_value", "discount", "coupon")
TEXTS = ("order_id", "customer_id", "product_id", "store_id", "refund_of")
MISSING = ("", "  ", "n/a", " N/A ", "?")
GARBAGE = ("free", "1,2,3", "1.2.3", "--1", "12 pieces", "0x10", "1e400x", "٣", "=1+1", "€ 5")
SCALES = (0.01, 0.5, 100.0)
NAMES = st.text(
    st.sampled_from(string.ascii_letters + string.digits + " .,:;'\"`[]{}()%$#/\\-_é漢ß"),
    min_size=1,
    max_size=12,
).filter(lambda name: name.strip() == name and name.casefold() not in ("source_row", "_ragged"))


def spelt(cents: int, form: str, has_groups: bool) -> str:
    text = f"{cents / 100:,.2f}" if has_groups else f"{cents / 100:.2f}"
    return text.translate(str.maketrans(",.", ".,")) if form == "comma" else text


def number_cells(form: str) -> st.SearchStrategy:
    """A text, the number it spells, and whether it is one that says nothing."""
    numbers = st.builds(
        lambda cents, has_groups: (spelt(cents, form, has_groups), cents / 100, False),
        st.integers(-(10**8), 10**8),
        st.booleans(),
    )
    empty = st.sampled_from(MISSING).map(lambda text: (text, None, True))
    return st.one_of(numbers, empty, st.sampled_from(GARBAGE).map(lambda text: (text, None, False)))


TIME_CELLS = st.one_of(
    st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2099, 12, 31)).map(
        lambda at: (f"{at:%d.%m.%Y %H:%M}", at.replace(second=0, microsecond=0), False)
    ),
    st.sampled_from(MISSING).map(lambda text: (text, None, True)),
    st.sampled_from(("yesterday", "31.02.2024", "1.13.2024")).map(lambda t: (t, None, False)),
)


@st.composite
def shops(draw) -> tuple[dict, dict, str]:
    """Columns of a source as cells, the mapping of a table, and the form of its numbers."""
    form = draw(st.sampled_from(["point", "comma"]))
    names = draw(st.lists(NAMES, min_size=4, max_size=7, unique_by=str.casefold))
    n_rows = draw(st.integers(1, 6))

    def column(cells):
        return draw(st.lists(cells, min_size=n_rows, max_size=n_rows))

    cells = {names[0]: column(TIME_CELLS)}
    cells |= {name: column(number_cells(form)) for name in names[1:]}
    number = st.sampled_from(names[1:])
    mappings = {"ordered_at": names[0]}
    for raw in NUMBERS:
        mappings[raw] = draw(
            st.one_of(
                number,
                st.lists(number, min_size=1, max_size=3),
                st.lists(number, min_size=2, max_size=3).map(lambda parts: {"product": parts}),
                st.builds(lambda n, s: {"column": n, "scale": s}, number, st.sampled_from(SCALES)),
                st.integers(0, 9).map(lambda value: {"value": value}),
            )
        )
    for raw in draw(st.permutations(TEXTS)):
        mappings[raw] = draw(
            st.one_of(
                st.sampled_from(names),
                st.just({"row": True}),
                st.just({"value": "all"}),
                number.map(lambda name: {"column": name, "names": {"free": "gift", "€ 5": "five"}}),
            )
        )
    return cells, dict(draw(st.permutations(list(mappings.items())))), form


def expected_number(mapped, row) -> float | None:
    if isinstance(mapped, str):
        return row[mapped][1]
    if isinstance(mapped, list):
        return sum(row[name][1] or 0.0 for name in mapped)
    if "value" in mapped:
        return mapped["value"]
    names = mapped.get("product") or [mapped["column"]]
    values = [row[name][1] for name in names]
    return None if None in values else math.prod(values) * mapped.get("scale", 1.0)


def expected_text(mapped, row, number) -> str | None:
    if isinstance(mapped, str):
        text, _, is_missing = row[mapped]
        return None if is_missing else text
    if "row" in mapped:
        return str(number)
    if "value" in mapped:
        return mapped["value"]
    text, _, is_missing = row[mapped["column"]]
    return None if is_missing else mapped["names"].get(text.strip(), text.strip())


def expected_note(mapping, row) -> str | None:
    """What stands where a number or time should, by the order of the mapping, each column once."""
    read = []
    for raw, mapped in mapping.items():
        if raw in TEXTS:
            continue
        parts = mapped if isinstance(mapped, list) else [mapped]
        if isinstance(mapped, dict):
            parts = mapped.get("product") or [mapped[key] for key in ("column",) if key in mapped]
        read += parts
    lost = [
        f"{name}={row[name][0]}"
        for name in dict.fromkeys(read)
        if row[name][1] is None and not row[name][2]
    ]
    return "; ".join(lost) or None


@given(shop=shops())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_mapping_reads_what_a_plain_reading_reads(shop):
    cells, mapping, form = shop
    n_rows = len(next(iter(cells.values())))
    rows = [{name: column[n] for name, column in cells.items()} for n in range(n_rows)]
    texts = pd.DataFrame({name: [cell[0] for cell in column] for name, column in cells.items()})
    fields = {"name": "shop", "currency": "EUR", "numbers": form, "times": ["dmy"]}
    fields |= {"missing": ["n/a", "?"]}
    fields["tables"] = {"orders_raw": {"file": "o.csv", "columns": mapping}}
    table = ibis.memtable(
        texts.assign(source_row=range(n_rows)),
        schema=dict.fromkeys(texts.columns, "string") | {"source_row": "int64"},
    )
    source = Source.model_validate(fields, strict=True)
    found = connect().to_pandas(map_table(table, source, "orders_raw").order_by("source_row"))
    assert found["source_row"].tolist() == list(range(n_rows))
    for number, row in enumerate(rows):
        read = found.iloc[number].astype(object).where(found.iloc[number].notna(), None)
        for raw in NUMBERS:
            value = expected_number(mapping[raw], row)
            assert read[raw] == (value if value is None else pytest.approx(value, rel=1e-12)), raw
        for raw in TEXTS:
            assert read[raw] == expected_text(mapping[raw], row, number), raw
        moment = row[mapping["ordered_at"]][1]
        assert read["ordered_at"] == (moment and moment.replace(tzinfo=dt.UTC))
        assert read["unreadable"] == expected_note(mapping, row)


def places(fields, path=()):
    """Every place of a nested structure, inner ones too."""
    found = [path] if path else []
    items = fields.items() if isinstance(fields, dict) else enumerate(fields)
    for key, value in items:
        found += places(value, (*path, key)) if isinstance(value, dict | list) else [(*path, key)]
    return found


ODD_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(
            ["order", "sku", "sales", "env/X", "../x", "*", "customers_raw", "2024-1-1"]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.text(max_size=6), st.sampled_from(["file", "column", "value", "product"])),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def spoiling(tmp_path_factory):
    """Check a spoilt copy of a source file whose data is in place."""
    folder = tmp_path_factory.mktemp("spoilt")
    for name, columns in (("sales", SALES), ("goods", GOODS)):
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")

    def check(fields: dict) -> str:
        file = folder / "shop.yaml"
        file.write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")
        try:
            check_source(str(file))
        except MarketingError as error:
            return "" if error.__cause__ else str(error)
        return "Expected nothing else"

    return check, FIELDS | {"folder": str(folder)}


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_spoilt_source_file_is_read_or_refused_in_one_sentence(spoiling, data):
    check, fields = spoiling
    spoilt = copy.deepcopy(fields)
    for _ in range(data.draw(st.integers(1, 2))):
        *path, last = data.draw(st.sampled_from(places(spoilt)))
        part = spoilt
        for key in path:
            part = part[key]
        if data.draw(st.booleans()):
            part[last] = data.draw(ODD_VALUES)
        elif isinstance(part, dict):
            part[data.draw(st.text(max_size=8))] = part.pop(last)
    told = check(spoilt)
    assert told.startswith("Expected ")
    assert "\n" not in told
    inner_words = r"\b(?:\w+Origin|TableSource|pydantic|instance of)\b"
    assert set(re.findall(inner_words, told)) <= set(re.findall(inner_words, str(spoilt)))
