"""A topic of events: every message once, broken ones kept aside, plain errors."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from src.errors import SourceError
from src.sources import kafka
from src.sources.kafka import land_kafka
from src.sources.landed import Landed
from src.sources.origins import KafkaOrigin
from tests.sources.servers import broker, free_port, make_topic, produce


@pytest.fixture(scope="module")
def address():
    with broker() as found:
        yield found


def land(folder: Path, address: str, topic: str) -> Landed:
    origin = KafkaOrigin(servers=address, topic=topic)
    return land_kafka("small_shop", "events_raw", origin, folder, lambda n: None)


def rows(landed: Landed) -> list[dict]:
    return [row for file in landed.files for row in pq.read_table(file).to_pylist()]


def as_json(*values: object) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


def test_events_land_once_and_the_next_run_goes_on(address, tmp_path):
    topic = make_topic(address, 3)
    produce(
        address,
        topic,
        [(n % 3, each) for n, each in enumerate(as_json(*({"n": n} for n in range(90))))],
    )
    first = land(tmp_path, address, topic)
    assert sorted(row["n"] for row in rows(first)) == list(range(90))
    assert (first.n_rows, first.n_read) == (90, 90)

    second = land(tmp_path, address, topic)
    assert (second.n_read, second.files) == (0, first.files)

    produce(address, topic, [(1, b'{"n": 90}')])
    third = land(tmp_path, address, topic)
    assert third.n_read == 1
    assert sorted(row["n"] for row in rows(third)) == list(range(91))


def test_files_are_named_by_partition_and_offsets(address, tmp_path):
    topic = make_topic(address, 2)
    produce(address, topic, [(0, b"{}"), (0, b"{}"), (1, b"{}")])
    names = [file.name for file in land(tmp_path, address, topic).files]
    assert names == [f"p00000-{0:019d}-{1:019d}.parquet", f"p00001-{0:019d}-{0:019d}.parquet"]


def test_nested_and_changing_fields_get_one_schema(address, tmp_path):
    topic = make_topic(address)
    values = [{"who": {"id": 1}, "v": 1, "l": [1]}, {"who": {"id": 2}, "v": 1.5}]
    produce(address, topic, [(0, each) for each in as_json(*values)])
    assert [row["v"] for row in rows(land(tmp_path, address, topic))] == [1.0, 1.5]
    produce(address, topic, [(0, each) for each in as_json({"v": "x", "new": True})])
    landed = land(tmp_path, address, topic)
    found = [(row["who.id"], row["v"], row["l"], row["new"]) for row in rows(landed)]
    assert [(who, tags, new) for who, _, tags, new in found] == [
        (1, "[1]", None),
        (2, None, None),
        (None, None, True),
    ]
    assert [v for _, v, _, _ in found] == ["1", "1.5", "x"]
    assert {pq.read_schema(file).field("v").type for file in landed.files} == {
        landed.schema.field("v").type
    }


def test_a_message_that_is_no_json_object_is_kept_aside_and_stops_nothing(address, tmp_path):
    topic = make_topic(address)
    broken = [b"nonsense", b"[1]", b'"x"', b"\xff\xfe", None, b"[" * 100_000, b"", b"NaN"]
    produce(
        address, topic, [(0, each) for each in [b'{"n": 1}', *broken, b'{"n": NaN, "_ragged": 1}']]
    )
    found = rows(land(tmp_path, address, topic))
    assert [row["n"] for row in found] == [1] + [None] * 9
    assert [row["_ragged"] for row in found] == [
        None,
        *(f"no JSON object at offset {n} of partition 0" for n in range(1, 9)),
        None,
    ]


def test_offsets_are_committed_once_the_files_are_in_place(address, tmp_path):
    import confluent_kafka as ck

    topic = make_topic(address)
    produce(address, topic, [(0, b"{}")] * 5)
    land(tmp_path, address, topic)
    consumer = ck.Consumer({"bootstrap.servers": address, "group.id": "campanile-small_shop"})
    (part,) = consumer.committed([ck.TopicPartition(topic, 0)], timeout=10)
    consumer.close()
    assert part.offset == 5


@pytest.mark.parametrize("name", ["no_such_topic", "empty"])
def test_a_topic_without_messages_is_told_in_one_sentence(address, tmp_path, name):
    topic = make_topic(address) if name == "empty" else name
    with pytest.raises(SourceError, match="found none") as caught:
        land(tmp_path, address, topic)
    assert "\n" not in str(caught.value)


def test_brokers_out_of_reach_are_told_in_one_sentence(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(kafka, "_PATIENCE", 1)
    with pytest.raises(SourceError, match="see that they run") as caught:
        land(tmp_path, f"127.0.0.1:{free_port()}", "events")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_brokers_that_go_away_leave_what_was_landed(tmp_path, monkeypatch):
    monkeypatch.setattr(kafka, "_PATIENCE", 2)
    with broker() as address:
        topic = make_topic(address)
        produce(address, topic, [(0, b"{}")])
        before = land(tmp_path, address, topic)
    with pytest.raises(SourceError, match="run again"):
        land(tmp_path, address, topic)
    assert [file.is_file() for file in before.files] == [True]
