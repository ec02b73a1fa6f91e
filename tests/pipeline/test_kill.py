"""Kill -9 in each of the twelve stages, go on each time: the tables are those of a quiet run."""

import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import psutil
import pyarrow.parquet as pq
import pytest

from src.data.tables import STAGES, TABLES
from src.stage import PROJECT_ROOT, results_path, staging_path, tables_path

START = "from src.pipeline import run; import sys; run('params/smoke.yaml', sys.argv[1])"
GO_ON = "from src.pipeline import resume; import sys; resume(sys.argv[1])"


def spawn(code: str, run: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(run)],
        cwd=PROJECT_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def is_inside(run: Path, stage: str) -> bool:
    """Whether the stage is at work; for sending: whether some messages are out already."""
    if stage == "07_send":
        delivered = run / "outbox" / "maildir" / "new"
        return delivered.is_dir() and any(delivered.iterdir())
    return staging_path(run, stage).is_dir()


def kill_inside(process: subprocess.Popen, run: Path, stage: str) -> None:
    deadline = time.monotonic() + 180
    while not is_inside(run, stage):
        assert process.poll() is None, process.stderr.read().decode()[-2000:]
        assert time.monotonic() < deadline, f"{stage} never started"
        time.sleep(0.002)
    family = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "src.tracking" not in " ".join(child.cmdline())
    ]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not psutil.wait_procs(family, timeout=10)[1], "a kernel outlived the runner"


def check_whole_or_nothing(run: Path) -> dict:
    """Each stage has either everything or, once gone on from, nothing."""
    record = json.loads((run / "run.json").read_text())
    for stage, entry in record["stages"].items():
        if entry["state"] == "finished":
            assert tables_path(run, stage).is_dir()
            assert results_path(run, stage).is_file()
            assert (run / "notebooks" / f"{stage}.ipynb").is_file()
    return record


@pytest.mark.notebook
@pytest.mark.timeout(900)
def test_twelve_kills_leave_the_tables_of_a_quiet_run(smoke_run, tmp_path):
    run = tmp_path / "killed"
    process = spawn(START, run)
    for stage in STAGES:
        kill_inside(process, run, stage)
        record = check_whole_or_nothing(run)
        assert record["stages"].get(stage, {}).get("state") != "finished"
        process = spawn(GO_ON, run)
    assert process.wait(timeout=180) == 0, process.stderr.read().decode()[-2000:]
    assert check_whole_or_nothing(run)["state"] == "finished"
    for name, table in TABLES.items():
        quiet, killed = (
            pq.read_table(tables_path(path, table.stage) / name) for path in (smoke_run, run)
        )
        assert killed.equals(quiet), f"{name} differs"
    assert not list((run / ".staging").glob("*"))
