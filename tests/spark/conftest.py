"""A real Spark cluster on loopback: a master and two workers of one core each."""

from collections.abc import Iterator
import contextlib
import ctypes
import importlib.util
import os
from pathlib import Path
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from src.engine import connect

_START_SECONDS = 60
_LOOPBACK = ("--host", "127.0.0.1", "--webui-port", "0")
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # Java warms up for longer than we run
_ENVIRONMENT = {
    "SPARK_LOCAL_IP": "127.0.0.1",
    "SPARK_DAEMON_MEMORY": "256m",
    "SPARK_DAEMON_JAVA_OPTS": _SHORT_LIVED,
    "SPARK_LAUNCHER_OPTS": _SHORT_LIVED,
}
_DEFAULTS = f"""
spark.driver.extraJavaOptions {_SHORT_LIVED}
spark.executor.extraJavaOptions {_SHORT_LIVED}
spark.sql.shuffle.partitions 2
"""


@pytest.fixture(scope="session")
def spark_master(tmp_path_factory) -> Iterator[str]:
    """Address of a standalone master with two one-core workers."""
    missing = _missing()
    if missing and os.environ.get("CAMPANILE_REQUIRE_SERVERS") != "1":
        pytest.skip(f"Spark needs {missing}, which is not on this machine")
    assert not missing, f"Spark needs {missing}, but CAMPANILE_REQUIRE_SERVERS=1"
    folder = tmp_path_factory.mktemp("cluster")
    with start_cluster(folder) as master, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        yield master


@pytest.fixture(scope="session")
def engines(spark_master):
    """DuckDB and Spark."""
    return connect(), connect("spark", spark_master)


def _missing() -> str:
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark"
    return "" if shutil.which("java") else "Java"


@contextlib.contextmanager
def start_cluster(folder: Path, n_workers: int = 2, memory: str = "1g") -> Iterator[str]:
    """Start a master and its workers; whatever happens, none of them stays."""
    processes: list[subprocess.Popen] = []
    (folder / "spark-defaults.conf").write_text(_DEFAULTS)
    try:
        log = _launch(processes, folder / "master.log", "master.Master", "--port", "0")
        master = _await(log, r"Starting Spark master at (spark://\S+)")
        logs = [
            _launch(
                *(processes, folder / f"worker-{i}.log", "worker.Worker", "--cores", "1"),
                *("--memory", memory, "--work-dir", str(folder / "work"), master),
            )
            for i in range(n_workers)
        ]
        for log in logs:
            _await(log, r"Successfully registered with master (\S+)")
        yield master
    finally:
        for process in reversed(processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # executors are in the worker's group
            process.wait()


def _launch(processes: list, log: Path, name: str, *arguments: str) -> Path:
    import pyspark

    command = Path(pyspark.__file__).parent / "bin" / "spark-class"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(command), f"org.apache.spark.deploy.{name}", *_LOOPBACK, *arguments],
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    processes.append(process)
    return log


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _await(log: Path, pattern: str) -> str:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        found = re.search(pattern, log.read_text(errors="replace"))
        if found:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"{pattern!r} did not come: {log.read_text(errors='replace')[-2000:]}")
