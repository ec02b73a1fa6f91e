"""A topic of JSON messages: landed until it is caught up, each message exactly once."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
import datetime as dt
import logging
from pathlib import Path
import re
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from src.errors import ParameterError, SourceError
from src.sources.header import RAGGED
from src.sources.landed import Landed
from src.sources.loads import LoadFolder, open_loads
from src.sources.mapped_only import blank_unasked
from src.sources.origins import KafkaOrigin
from src.sources.secrets import read_secret
from src.sources.uniform import flatten, read_json, rows_to_table

if TYPE_CHECKING:
    import confluent_kafka as ck

__all__ = ["land_kafka"]

logger = logging.getLogger(__name__)


_BATCH = 50_000
_PATIENCE = 30  # seconds without any message before the broker counts as gone
_FILE = re.compile(r"p(\d+)-(\d+)-(\d+)\.parquet")
_Span = tuple[int, int]


def land_kafka(
    source_name: str,
    place: str,
    origin: KafkaOrigin,
    folder: Path,
    tell: Callable[[int], None],
    columns: Collection[str] | None = None,
) -> Landed:
    """Bring the messages of a topic into reach as Parquet files.

    Each file bears its partition and its first and last offset, and reading goes on where the
    files end. So the files alone say what has been read; the offsets that are committed to
    the group, after the files are in place, are for others to look at.

    Parameters
    ----------
    source_name : str
        Name of the shop.
    place : str
        Raw table that it feeds, for the words of an error.
    origin : KafkaOrigin
        Brokers and topic.
    folder : Path
        Where the files are kept, for this origin alone.
    tell : callable
        Is told how many messages have come so far.
    columns : collection of str, optional
        Columns whose values are kept; None for all.

    Returns
    -------
    Landed
        Fields of the JSON object as columns, nested ones with dots, and ``_partition``,
        ``_offset``, ``_timestamp`` and ``_ragged`` of the message. A message that is no JSON
        object is a row in which only those are filled.

    Raises
    ------
    SourceError
        If the brokers cannot be reached or break off, the topic is not there, is empty, or was
        made anew; what has been landed stays.
    """
    with (
        open_loads(folder, f"kafka {origin.topic}") as loads,
        _open_consumer(origin, source_name) as consumer,
    ):
        starts = _starts(consumer, origin, place, _ends(loads))
        n_read = 0
        for batch, positions in _batches(consumer, origin, place, starts):
            _write(loads, batch, positions, columns)
            _commit(consumer, origin, positions)
            n_read += sum(map(len, batch.values()))
            tell(n_read)
        if not loads.files():
            raise SourceError(
                f"Expected messages in the topic {origin.topic} for tables.{place}, found none; "
                "leave the table out until there are some."
            )
        return loads.landed(origin.topic, origin.topic, n_read)


@contextmanager
def _open_consumer(origin: KafkaOrigin, source_name: str) -> Iterator["ck.Consumer"]:
    """Open a consumer that neither commits nor prints by itself, and close it."""
    import confluent_kafka as ck

    settings = {
        "bootstrap.servers": origin.servers,
        "group.id": f"campanile-{source_name}",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "log_level": 0,
    }
    if origin.secret:
        user, _, password = read_secret(origin.secret).partition(":")
        settings |= {
            "security.protocol": "SASL_SSL",
            "sasl.mechanisms": "PLAIN",
            "sasl.username": user,
            "sasl.password": password,
        }
    try:
        consumer = ck.Consumer(settings)
    except (ck.KafkaException, ValueError):
        raise ParameterError(
            "Expected host:port in the field kafka.servers, found something that the client does "
            "not take; correct it."
        ) from None
    try:
        yield consumer
    finally:
        consumer.close()


def _ends(loads: LoadFolder) -> dict[int, int]:
    """Offset after the last landed one, by partition: from the names of the files."""
    ends: dict[int, int] = {}
    for file in loads.files():
        partition, _, last = map(int, _FILE.fullmatch(file.name).groups())
        ends[partition] = max(ends.get(partition, 0), last + 1)
    return ends


def _starts(
    consumer: "ck.Consumer", origin: KafkaOrigin, place: str, ends: dict[int, int]
) -> dict[int, int]:
    """First offset to read, by partition: where the files end, or what the topic still has."""
    import confluent_kafka as ck

    starts = {}
    with _kafka_errors(origin, place):
        topic = consumer.list_topics(origin.topic, timeout=_PATIENCE).topics[origin.topic]
        if topic.error is not None or not topic.partitions:
            raise SourceError(
                f"Expected the topic {origin.topic} that tables.{place}.kafka names at "
                f"{origin.servers}, found none of that name; correct it."
            )
        for number in sorted(topic.partitions):
            part = ck.TopicPartition(origin.topic, number)
            low, _ = consumer.get_watermark_offsets(part, timeout=_PATIENCE)
            end = ends.get(number, low)
            if end < low:
                told = "%s: %d messages of partition %d were gone before they were read"
                logger.warning(told, origin.topic, low - end, number)
            starts[number] = max(low, end)
    return starts


def _batches(
    consumer: "ck.Consumer", origin: KafkaOrigin, place: str, starts: dict[int, int]
) -> Iterator[tuple[dict[int, list[dict[str, Any]]], dict[int, _Span]]]:
    """Rows by partition, and which offsets they span, until every partition is caught up."""
    import confluent_kafka as ck

    parts = {number: ck.TopicPartition(origin.topic, number, at) for number, at in starts.items()}
    reached = dict(starts)
    rows: dict[int, list[dict[str, Any]]] = {}
    consumer.assign(list(parts.values()))
    while parts:
        with _kafka_errors(origin, place):
            messages = _consume(consumer, origin, place)
        for message in messages:
            number = message.partition()
            if number not in parts:
                continue  # came after its end was reached: for the next time
            if message.error() is None:
                rows.setdefault(number, []).append(_to_row(message))
                reached[number] = message.offset() + 1
            else:
                consumer.pause([parts.pop(number)])
        if rows and (not parts or sum(map(len, rows.values())) >= _BATCH):
            yield rows, {number: (starts[number], reached[number]) for number in rows}
            starts, rows = dict(reached), {}


def _consume(consumer: "ck.Consumer", origin: KafkaOrigin, place: str) -> list["ck.Message"]:
    import confluent_kafka as ck

    for _ in range(_PATIENCE):
        messages = consumer.consume(10_000, timeout=1.0)
        for message in messages:
            error = message.error()
            if error is not None and error.code() != ck.KafkaError._PARTITION_EOF:
                raise ck.KafkaException(error)
        if messages:
            return messages
    raise SourceError(
        f"Expected more messages of the topic {origin.topic} for tables.{place}, found none for "
        f"{_PATIENCE} s; see that the brokers at {origin.servers} run, then run again."
    )


def _to_row(message: "ck.Message") -> dict[str, Any]:
    kind, milliseconds = message.timestamp()
    own = {
        "_partition": message.partition(),
        "_offset": message.offset(),
        "_timestamp": _to_time(milliseconds) if kind else None,
        RAGGED: None,
    }
    try:
        value = read_json(message.value() or b"")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        place = f"offset {message.offset()} of partition {message.partition()}"
        return own | {RAGGED: f"no JSON object at {place}"}
    return flatten(value) | own


def _to_time(milliseconds: int) -> dt.datetime | None:
    try:
        return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _write(
    loads: LoadFolder,
    batch: dict[int, list[dict[str, Any]]],
    positions: dict[int, _Span],
    columns: Collection[str] | None,
) -> None:
    prepared = loads.work / "prepared"
    prepared.mkdir()
    for partition, rows in sorted(batch.items()):
        first, end = positions[partition]
        name = f"p{partition:05d}-{first:019d}-{end - 1:019d}.parquet"
        pq.write_table(blank_unasked(rows_to_table(rows), columns), prepared / name)
    loads.publish(prepared, replaces=False)


def _commit(consumer: "ck.Consumer", origin: KafkaOrigin, positions: dict[int, _Span]) -> None:
    """Tell the group how far the files reach; they count, so a failure changes nothing."""
    import confluent_kafka as ck

    offsets = [
        ck.TopicPartition(origin.topic, partition, end) for partition, (_, end) in positions.items()
    ]
    try:
        consumer.commit(offsets=offsets, asynchronous=False)
    except ck.KafkaException as error:
        logger.warning("%s: offsets were not committed (%s)", origin.topic, error.args[0].name())


@contextmanager
def _kafka_errors(origin: KafkaOrigin, place: str) -> Iterator[None]:
    """Tell what the client raises in one sentence."""
    import confluent_kafka as ck

    try:
        yield
    except ck.KafkaException as error:
        if error.args[0].code() == ck.KafkaError._AUTO_OFFSET_RESET:
            raise SourceError(
                f"Expected the topic {origin.topic} to go on where its landed messages end, found "
                f"that it was made anew; move the landed data of {place} away to begin anew too."
            ) from None
        raise SourceError(
            f"Expected the brokers at {origin.servers} to give the topic {origin.topic} for "
            f"tables.{place}, found {error.args[0].name()}; see that they run and that "
            "kafka.servers is right, then run again."
        ) from None
