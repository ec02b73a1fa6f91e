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
from src.root import PROJECT_ROOT
from src.stage import results_path, staging_path, tables_path

LAUNCHER = """
import os, sys
import papermill
from src.pipeline import resume, run
import src.decide.catalogue, src.sources.mapping, src.features.tags, src.report
for line in sys.stdin:
    what, folder = line.split()
    pid = os.fork()
    if pid == 0:
        try:
            run("params/smoke.yaml", folder) if what == "run" else resume(folder)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Launcher:
    """Starts runners as forks of one process, so that thirteen starts pay for imports once."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER],
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("wb"),
            text=True,
        )

    def start(self, what: str, run: Path) -> psutil.Process:
        self.process.stdin.write(f"{what} {run}\n")
        self.process.stdin.flush()
        return psutil.Process(int(self.process.stdout.readline()))

    def end(self) -> int:
        """Wait for the runner to end and return its exit code."""
        return int(self.process.stdout.readline())


@pytest.fixture
def launcher(tmp_path):
    launcher = Launcher(tmp_path / "launcher.log")
    yield launcher
    launcher.process.kill()
    launcher.process.wait()


def is_inside(run: Path, stage: str) -> bool:
    """Whether the stage is at work; for sending: whether some messages are out already."""
    if stage == "07_send":
        delivered = run / "outbox" / "maildir" / "new"
        return delivered.is_dir() and any(delivered.iterdir())
    return staging_path(run, stage).is_dir()


def kill_inside(launcher: Launcher, runner: psutil.Process, run: Path, stage: str) -> None:
    deadline = time.monotonic() + 180
    while not is_inside(run, stage):
        assert runner.is_running(), launcher.log.read_text()[-2000:]
        assert time.monotonic() < deadline, f"{stage} never started"
        time.sleep(0.002)
    family = [
        child
        for child in runner.children(recursive=True)
        if "src.tracking" not in " ".join(child.cmdline())
    ]
    os.kill(runner.pid, signal.SIGKILL)
    assert launcher.end() == -signal.SIGKILL
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
@pytest.mark.xdist_group("run")
@pytest.mark.timeout(900)
def test_twelve_kills_leave_the_tables_of_a_quiet_run(smoke_run, launcher, tmp_path):
    run = tmp_path / "killed"
    runner = launcher.start("run", run)
    for stage in STAGES:
        kill_inside(launcher, runner, run, stage)
        record = check_whole_or_nothing(run)
        assert record["stages"].get(stage, {}).get("state") != "finished"
        runner = launcher.start("resume", run)
    assert launcher.end() == 0, launcher.log.read_text()[-2000:]
    assert check_whole_or_nothing(run)["state"] == "finished"
    for name, table in TABLES.items():
        quiet, killed = (
            pq.read_table(tables_path(path, table.stage) / name) for path in (smoke_run, run)
        )
        assert killed.equals(quiet), f"{name} differs"
    assert not list((run / ".staging").glob("*"))
