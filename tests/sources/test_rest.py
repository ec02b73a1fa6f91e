"""REST sources: every way of paging, a busy server waited for, and plain errors."""

import json
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from src.errors import ConfigurationError, SchemaError, SourceError
from src.sources import rest
from src.sources.config import Source
from src.sources.landed import Landed
from src.sources.origins import RestOrigin
from src.sources.rest import land_rest
from tests.sources.servers import Site, free_port

CANARY = "kanarienvogel-77"
ORDERS = [{"id": f"o{number}", "total": number} for number in range(7)]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Wait for milliseconds where the program waits for seconds."""
    monkeypatch.setattr(rest, "_BACKOFF", 0.01)


def keep(*_: object, **__: object) -> None:
    """Stand for the clearing away of what a landing wrote on its way."""


def land(folder: Path, url: str, **fields: object) -> Landed:
    origin = RestOrigin.model_validate({"url": url, **fields})
    return land_rest("small_shop", "orders_raw", origin, folder, lambda n: None)


def rows(landed: Landed) -> list[dict]:
    return [row for file in landed.files for row in pq.read_table(file).to_pylist()]


def as_json(value: object, **headers: str) -> tuple[int, dict, bytes]:
    return 200, {"Content-Type": "application/json", **headers}, json.dumps(value).encode()


def shop(path: str, query: dict, headers: dict) -> tuple[int, dict, bytes]:
    """Seven orders by every way of paging, three at a time however many are asked for."""
    kind = path.strip("/")
    start = {
        "page": lambda: 3 * (int(query["page"]) - 1),
        "offset": lambda: int(query["offset"]),
        "cursor": lambda: int(query.get("after", 0)),
        "link": lambda: int(query.get("from", 0)),
        "header": lambda: int(query.get("from", 0)),
        "none": lambda: 0,
    }[kind]()
    page = ORDERS if kind == "none" else ORDERS[start : start + 3]
    following = start + 3 if start + 3 < len(ORDERS) else None
    link = f"/{kind}?from={following}" if following else None
    if kind == "header":
        return as_json(page, **({"Link": f'<{link}>; rel="next"'} if link else {}))
    return as_json({"data": {"orders": page}, "next": link if kind == "link" else following})


@pytest.mark.parametrize(
    ("kind", "paging", "n_asked"),
    [
        ("none", {}, 1),
        ("page", {"size_parameter": "limit", "size": 5}, 4),
        ("offset", {}, 4),
        ("cursor", {"parameter": "after", "next": "next"}, 3),
        ("link", {"next": "next"}, 3),
    ],
)
def test_every_way_of_paging_gives_all_rows_once(tmp_path, kind, paging, n_asked):
    with Site(shop) as site:
        paging = {"kind": kind, **paging}
        landed = land(tmp_path, f"{site.url}/{kind}", records="data.orders", paging=paging)
    assert rows(landed) == ORDERS
    assert len(site.asked) == n_asked
    assert landed.n_read == landed.n_rows == 7


def test_a_link_in_the_header_is_followed(tmp_path):
    with Site(shop) as site:
        landed = land(tmp_path, f"{site.url}/header", paging={"kind": "link"})
    assert rows(landed) == ORDERS


def test_nested_objects_are_columns_with_dots_and_mixed_values_are_text(tmp_path):
    answers = [
        {"id": 1, "customer": {"id": "c1", "address": {"city": "Köln"}}, "tags": ["a"], "x": 1},
        {"id": 2, "customer": {"id": None}, "price": 2.5, "x": "two", "half": "\ud800"},
        {"id": 3, "price": 3, "x": True},
    ]
    with Site(lambda *_: as_json(answers)) as site:
        landed = land(tmp_path, site.url)
    assert rows(landed) == [
        {"id": 1, "customer.id": "c1", "customer.address.city": "Köln", "tags": '["a"]', "x": "1",
         "price": None, "half": None},
        {"id": 2, "customer.id": None, "customer.address.city": None, "tags": None, "x": "two",
         "price": 2.5, "half": "?"},
        {"id": 3, "customer.id": None, "customer.address.city": None, "tags": None, "x": "true",
         "price": 3.0, "half": None},
    ]  # fmt: skip


def test_pages_of_different_types_get_one_schema(tmp_path):
    pages = {"1": [{"id": 1, "v": None}], "2": [{"id": 2, "v": 2}], "3": [{"id": 3, "v": 2.5}]}
    with Site(lambda path, query, headers: as_json(pages.get(query["page"], []))) as site:
        landed = land(tmp_path, site.url, paging={"kind": "page"})
    assert [row["v"] for row in rows(landed)] == [None, 2.0, 2.5]


def changing(orders: list[dict]) -> Site:
    """Orders from a given change on."""
    return Site(
        lambda path, query, headers: as_json(
            [order for order in orders if order["changed"] >= query.get("since", "")]
        )
    )


def test_only_what_changed_is_read_and_nothing_twice(tmp_path):
    orders = [{"id": n, "changed": f"2024-03-0{n}T00:00:00", "total": 1} for n in range(1, 5)]
    fields = {"cursor": "changed", "cursor_parameter": "since", "key": ["id"]}
    with changing(orders) as site:
        assert land(tmp_path, site.url, **fields).n_read == 4
        orders[0] |= {"changed": "2024-03-05T00:00:00", "total": 9}
        orders.append({"id": 5, "changed": "2024-03-04T00:00:00", "total": 1})
        second = land(tmp_path, site.url, **fields)
        assert second.n_read == 2
        assert {row["id"]: row["total"] for row in rows(second)} == {1: 9, 2: 1, 3: 1, 4: 1, 5: 1}
        assert site.asked[-1][2] == {"since": "2024-03-04T00:00:00"}
        third = land(tmp_path, site.url, **fields)
        assert (third.n_read, third.files) == (0, second.files)


def test_a_busy_server_is_waited_for_as_it_asks(tmp_path, monkeypatch):
    answers = iter(
        [(429, {"Retry-After": "1"}, b""), (503, {}, b""), (500, {}, b""), as_json(ORDERS)]
    )
    with Site(lambda *_: next(answers)) as site:
        landed = land(tmp_path, site.url)
    times = [time for time, _, _ in site.asked]
    assert landed.n_rows == 7
    assert len(times) == 4
    assert times[1] - times[0] >= 1


def test_a_token_goes_along_and_is_written_nowhere(tmp_path, monkeypatch, caplog):
    seen = []

    def answer(path, query, headers):
        seen.append(headers["Authorization"])
        return as_json(ORDERS) if len(seen) == 1 else (401, {}, b"no")

    monkeypatch.setenv("API_TOKEN", CANARY)
    monkeypatch.setattr("src.sources.loads.shutil", SimpleNamespace(rmtree=keep))
    with Site(answer) as site:
        land(tmp_path / "orders_raw", site.url, secret="env/API_TOKEN")
        monkeypatch.undo()
        monkeypatch.setenv("API_TOKEN", CANARY)
        with pytest.raises(SourceError, match="token in env/API_TOKEN to open") as caught:
            land(tmp_path / "orders_raw", site.url, secret="env/API_TOKEN")
    assert seen == [f"Bearer {CANARY}"] * 2
    assert CANARY not in str(caught.value) + caplog.text
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if CANARY.encode() in file.read_bytes()]


def test_a_token_that_is_not_there_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("API_TOKEN", raising=False)
    with pytest.raises(ConfigurationError, match="set the variable API_TOKEN"):
        land(tmp_path, "http://127.0.0.1:1/", secret="env/API_TOKEN")


PAGED = {"paging": {"kind": "page"}}
BAD = {
    "no JSON": ((200, {"Content-Type": "text/html"}, b"<html>"), {}, "JSON from .*text/html"),
    "no list": (as_json({"data": 1}), {}, r"an object with \['data'\]"),
    "no path": (as_json({"data": 1}), {"records": "rows"}, "list of objects at 'rows'"),
    "no objects": (as_json([1, 2]), {}, "found a list"),
    "no rows": (as_json([]), {}, "Expected rows at"),
    "the same for ever": (as_json(ORDERS), PAGED, "the same page twice"),
    "the same cursor": (
        as_json({"rows": ORDERS, "next": "x"}),
        {"records": "rows", "paging": {"kind": "cursor", "next": "next"}},
        "the same page twice",
    ),
    "a link elsewhere": (
        as_json({"rows": ORDERS, "next": "http://elsewhere.example/x"}),
        {"records": "rows", "paging": {"kind": "link", "next": "next"}},
        "found a link to elsewhere.example",
    ),
    "no right": ((403, {}, b""), {}, "add rest.secret"),
    "not there": ((404, {}, b""), {}, "found the answer 404; run"),
    "broken": ((500, {}, b""), {}, "the answer 500 after 5 tries"),
    "always busy": ((429, {}, b""), {}, "the answer 429 after 5 tries"),
    "nested for ever": ((200, {}, b"[" * 100_000), {}, "Expected JSON"),
}


@pytest.mark.parametrize(("answer", "fields", "told"), BAD.values(), ids=BAD)
def test_an_answer_that_is_not_asked_for_stops_in_one_sentence(tmp_path, answer, fields, told):
    with Site(lambda *_: answer) as site, pytest.raises(SourceError, match=told) as caught:
        land(tmp_path, site.url, **fields)
    assert "\n" not in str(caught.value)
    assert len(site.asked) <= 5
    assert not list(tmp_path.rglob("part-*.parquet"))


def test_a_server_that_is_down_is_told_after_some_tries(tmp_path):
    with pytest.raises(SourceError, match="ConnectionError after 5 tries"):
        land(tmp_path, f"http://127.0.0.1:{free_port()}/orders")


def test_rows_without_the_cursor_are_refused(tmp_path):
    fields = {"cursor": "changed", "cursor_parameter": "since", "key": ["id"]}
    with Site(lambda *_: as_json(ORDERS)) as site, pytest.raises(SchemaError, match="'changed'"):
        land(tmp_path, site.url, **fields)


def test_an_answer_cut_off_midway_leaves_what_was_landed(tmp_path):
    whole = as_json(ORDERS)
    answers = iter([whole] + [(200, {"Content-Length": "9999", "Connection": "close"}, b"[{")] * 5)
    with Site(lambda *_: next(answers)) as site:
        before = land(tmp_path, site.url)
        with pytest.raises(SourceError, match="from http"):
            land(tmp_path, site.url)
    assert [file.is_file() for file in before.files] == [True]


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "http://user:word@127.0.0.1/"},
        {"url": "ftp://127.0.0.1/"},
        {"url": "http://x/", "cursor": "changed"},
        {"url": "http://x/", "paging": {"kind": "cursor"}},
    ],
    ids=["password in the address", "no web address", "half a cursor", "nowhere next"],
)
def test_a_source_that_cannot_work_is_refused_before(fields):
    columns = {"rate_date": "d", "currency": "c", "rate": "r"}
    table = {"rest": fields, "columns": columns}
    with pytest.raises(ValueError, match="rates_raw"):
        Source.model_validate({"name": "x", "currency": "EUR", "tables": {"rates_raw": table}})
