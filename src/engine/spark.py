"""A Spark cluster, or Spark in this process.

All workers must see the folders of the run and of the source under the paths they have here.
"""

from collections.abc import Sequence
import importlib.util
import itertools
import os
from pathlib import Path
import re
import socket
import subprocess
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ibis.backends import BaseBackend
from ibis.expr.types import Table
from ibis.util import gen_name
import pyarrow as pa
import pyarrow.parquet as pq

from src.errors import ConfigurationError, ParameterError, SchemaError

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import Column, DataFrame, SparkSession

__all__ = ["check_master", "connect", "read_numbered", "read_parquet", "write_parquet"]

_MASTER = re.compile(r"local(\[(\d+|\*)\])?|spark://[^/\s]+:\d+(,[^/\s]+:\d+)*")
_SPECIAL = re.compile(r"[\\*?\[\]{},]")  # what Hadoop would take for a pattern
_PROBE_SECONDS = 5
_WORKER_SECONDS = 60
_MIN_PARTITIONS = 4
_SETTINGS = {
    "spark.app.name": "campanile",
    "spark.log.level": "ERROR",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.legacy.parquet.nanosAsLong": "true",  # else a file with nanoseconds is refused
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}


def connect(master: str) -> BaseBackend:
    """Open a session on a master: times in UTC, integers and casts checked as ANSI has it.

    One process has one master; a second call gives a session of its own on it. Memory and
    cores are those of the cluster and of ``spark-defaults.conf``.

    Raises
    ------
    ParameterError
        If `master` is no address of a master.
    ConfigurationError
        If Spark or Java is not installed here, or the cluster does not answer within a minute.
    """
    check_master(master)
    session = _session(master)
    _fit_partitions(session)
    return _backend(session)


def check_master(master: str) -> None:
    """Refuse what is no address of a master, or one at which nothing answers."""
    if not _MASTER.fullmatch(master):
        raise ParameterError(
            "Expected spark_master such as spark://host:7077 or local[2], found "
            f"{master!r}; correct it."
        )
    if importlib.util.find_spec("pyspark") is None:
        raise ConfigurationError(
            "Expected pyspark for engine: spark, found none; "
            "install it by pip install 'campanile[spark]'."
        )
    _probe(master)


def read_parquet(engine: BaseBackend, folder: Path) -> Table:
    """Read every Parquet file of a folder as one lazy table."""
    return _view(engine, _read(engine._session, sorted(folder.glob("*.parquet"))))


def read_numbered(engine: BaseBackend, files: Sequence[Path]) -> Table:
    """Read files as one lazy table, its rows numbered over all of them."""
    from pyspark.sql import functions as F

    rows = _read(engine._session, files).withColumn("source_row", F.col("_metadata.row_index"))
    if len(files) > 1:
        path = F.regexp_replace("_metadata.file_path", "^file:/+", "/")
        rows = rows.withColumn("file_path", path)
        names = [uri.partition(":")[2].replace("///", "/") for uri in rows.inputFiles()]
        first = engine._session.createDataFrame(_first_rows(files, names))
        rows = rows.join(F.broadcast(first), "file_path", "left")
        rows = rows.withColumn("source_row", F.col("source_row") + F.col("first_row"))
    return _view(engine, rows.drop("file_path", "first_row"))


def _first_rows(files: Sequence[Path], names: list[str]) -> pa.Table:
    """Give the number of the first row of each file, beside the file's name as Spark spells it."""
    spelt = {unquote(name): name for name in names}
    counts = [pq.read_metadata(path).num_rows for path in files]
    return pa.table(
        {
            "file_path": [spelt[os.path.abspath(path)] for path in files],
            "first_row": pa.array(itertools.accumulate(counts[:-1], initial=0), pa.int64()),
        }
    )


def write_parquet(engine: BaseBackend, table: Table, folder: Path) -> None:
    """Write a table as Parquet files of a new folder, and nothing else into it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    engine.typed_rows(table).write.parquet(str(folder))
    for path in folder.iterdir():
        if path.suffix != ".parquet" or path.name.startswith((".", "_")):
            path.unlink()


def _probe(master: str) -> None:
    """See that one of the masters can be reached: Spark itself would try for a minute."""
    if not master.startswith("spark://"):
        return
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _PROBE_SECONDS).close()
        except (OSError, OverflowError):
            continue
        return
    raise ConfigurationError(
        f"Expected a Spark master at {master}, but nothing answers there; start it, or correct "
        "spark_master."
    )


def _session(master: str) -> "SparkSession":
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    active = SparkContext._active_spark_context
    if active is None:
        return SparkSession(_context(master))
    if active.master != master:
        raise ConfigurationError(
            f"Expected one Spark master in one process, found {active.master} and {master}; "
            "start another kernel for the other."
        )
    return SparkSession(active).newSession()


def _context(master: str) -> "SparkContext":
    """Start the driver; what Java would print on failing becomes one sentence."""
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway
    from pyspark.logger import PySparkLogger

    PySparkLogger.getLogger("SQLQueryContextLogger").disabled = True  # it shows values of rows
    conf = SparkConf().setMaster(master).setAll(list(_SETTINGS.items()))
    if master.startswith("local") or _is_loopback(master):
        conf.set("spark.driver.host", "127.0.0.1").set("spark.driver.bindAddress", "127.0.0.1")
    try:
        gateway = launch_gateway(conf, {"stderr": subprocess.DEVNULL})
    except (PySparkException, OSError):
        raise ConfigurationError(
            "Expected Java 17 or later on this machine for engine: spark, found none that starts; "
            "install it, or set JAVA_HOME."
        ) from None
    try:
        context = SparkContext(conf=conf, gateway=gateway)
    except (Py4JError, PySparkException):
        context = None
    if context is None or not _has_worker(context):
        raise ConfigurationError(
            f"Expected a Spark master with a free worker at {master}, found none within a minute; "
            "start a worker, or end what holds its cores and memory."
        )
    return context


def _fit_partitions(session: "SparkSession") -> None:
    """Cut by the cores instead of Spark's 200, unless ``spark-defaults.conf`` says otherwise."""
    name, context = "spark.sql.shuffle.partitions", session.sparkContext
    if not context.getConf().contains(name):
        session.conf.set(name, str(max(_MIN_PARTITIONS, 2 * context.defaultParallelism)))


def _is_loopback(master: str) -> bool:
    return bool(re.match(r"spark://(localhost|127\.[\d.]+|\[::1\]):", master))


def _has_worker(context: "SparkContext") -> bool:
    """Wait until one executor is there beside the driver; a local master needs none."""
    end = time.monotonic() + _WORKER_SECONDS
    while not context.master.startswith("local"):
        if context._jsc.sc().getExecutorMemoryStatus().size() > 1:
            return True
        if time.monotonic() > end:
            context.stop()
            return False
        time.sleep(0.1)
    return True


def _read(session: "SparkSession", files: Sequence[Path]) -> "DataFrame":
    """Read files under exactly these names; nanoseconds are cut to microseconds."""
    from pyspark.errors import AnalysisException

    hidden = [path.name for path in files if path.name.startswith((".", "_"))]
    if hidden:
        raise SchemaError(
            f"Expected file names that do not begin with . or _, which Spark passes over, found "
            f"{hidden[0]}; rename it."
        )
    try:
        rows = session.read.parquet(*(_SPECIAL.sub(r"\\\g<0>", os.path.abspath(f)) for f in files))
    except AnalysisException as error:
        raise SchemaError(
            f"Expected types that Spark can read in {files[0].name}, but it says: "
            f"{error.getMessage().splitlines()[0]} Store that column in another type."
        ) from None
    for field in pq.read_schema(files[0]):
        if pa.types.is_timestamp(field.type):
            rows = rows.withColumn(field.name, _time(rows, field))
    return rows


def _time(rows: "DataFrame", field: pa.Field) -> "Column":
    """Give a time a zone where its file does; Spark reads some as plain numbers or moments."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import LongType, TimestampType

    found, quoted = rows.schema[field.name].dataType, "`{}`".format(field.name.replace("`", "``"))
    if isinstance(found, LongType):
        moment = F.timestamp_micros(F.expr(f"{quoted} div 1000"))
        return moment if field.type.tz else moment.cast("timestamp_ntz")
    is_moment = isinstance(found, TimestampType) and not field.type.tz
    return F.col(quoted).cast("timestamp_ntz") if is_moment else F.col(quoted)


def _view(engine: BaseBackend, rows: "DataFrame") -> Table:
    name = gen_name("files")
    rows.createOrReplaceTempView(name)
    return engine.table(name)


def _backend(session: "SparkSession") -> BaseBackend:
    from src.engine.spark_backend import SparkBackend

    backend = SparkBackend()
    backend.register_options()
    backend.do_connect(session)
    return backend
