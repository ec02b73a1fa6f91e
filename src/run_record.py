"""The record of a run, `run.json`: what finished, when, from what; and the lock on its folder."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
import datetime as dt
import fcntl
import hashlib
from importlib.metadata import version
import json
import os
from pathlib import Path
import platform
import shutil
import subprocess
from typing import Any

from src.data.tables import STAGES
from src.errors import ParameterError, RunLockedError, StageOrderError
from src.root import PROJECT_ROOT
from src.stage import results_path, staging_path, tables_path

__all__ = ["RunRecord", "hold_run", "table_hashes"]

_PACKAGES = ("duckdb", "ibis-framework", "lightgbm", "mlflow", "numpy", "pandas", "scikit-learn")


class RunRecord:
    """State of one run on disk; every change is durable before it counts.

    Parameters
    ----------
    run : Path
        Folder of the run.
    content : dict
        What `run.json` holds.
    """

    def __init__(self, run: Path, content: dict[str, Any]) -> None:
        self.run = run
        self.content = content

    @classmethod
    def create(cls, run: Path, params_file: str, as_of_date: str, seed: int) -> "RunRecord":
        """Start the record of a new run."""
        record = cls(
            run,
            {
                "run_id": run.name,
                "params_file": params_file,
                "as_of_date": as_of_date,
                "seed": seed,
                "state": "running",
                "started_at": _now(),
                "ended_at": None,
                **_code_version(),
                "versions": {"python": platform.python_version()}
                | {name: version(name) for name in _PACKAGES},
                "stages": {},
            },
        )
        record.save()
        return record

    @classmethod
    def read(cls, run: Path) -> "RunRecord":
        """Read the record of a run.

        Raises
        ------
        ParameterError
            If there is no such run or its record cannot be read.
        """
        try:
            return cls(run, json.loads((run / "run.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise ParameterError(
                f"Expected a run at {run.name}, found no run.json there; `ls runs` lists the runs."
            ) from None
        except ValueError:
            raise ParameterError(
                f"Expected JSON in {run.name}/run.json, found something else; start a new run."
            ) from None

    def save(self) -> None:
        """Write `run.json` beside its place, then rename it there."""
        draft = self.run / ".run.json.draft"
        with draft.open("w", encoding="utf-8") as file:
            json.dump(self.content, file, indent=2, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self.run / "run.json")

    def is_finished(self, stage: str) -> bool:
        """Whether a stage is done and published."""
        return self.content["stages"].get(stage, {}).get("state") == "finished"

    def finish_stage(self, stage: str, started_at: str, seconds: float) -> None:
        """Note that a stage is published; from here on it counts."""
        self.content["stages"][stage] = {
            "state": "finished",
            "started_at": started_at,
            "ended_at": _now(),
            "seconds": round(seconds, 2),
            "notebook_sha256": _file_hash(PROJECT_ROOT / "notebooks" / f"{stage}.ipynb"),
            "tables": table_hashes(self.run, stage),
        }
        self.save()

    def fail_stage(self, stage: str, error: str) -> None:
        """Note that a stage failed, and why."""
        self.content["stages"][stage] = {"state": "failed", "ended_at": _now(), "error": error}
        self.save()

    def end(self, state: str) -> None:
        """Note how the run ended: ``finished``, ``failed`` or ``interrupted``."""
        self.content |= {"state": state, "ended_at": _now()}
        self.save()

    def go_on(self) -> None:
        """Note that the run goes on, and sweep away what no finished stage has written.

        Raises
        ------
        StageOrderError
            If a finished stage's tables are no longer what it wrote.
        """
        self.content |= {"state": "running", "ended_at": None}
        for stage in STAGES:
            if self.is_finished(stage):
                self._check_unchanged(stage)
            else:
                self.drop_stage(stage)
        self.save()

    def start_again(self, stages: Collection[str]) -> None:
        """Note that some stages are done again; until each has ended, what it wrote stays.

        Raises
        ------
        StageOrderError
            If the tables of another stage are no longer what it wrote.
        """
        for stage in STAGES:
            if self.is_finished(stage) and stage not in stages:
                self._check_unchanged(stage)
        self.content |= {"state": "running", "ended_at": None}
        self.save()

    def drop_stage(self, stage: str) -> None:
        """Forget a stage and remove its tables, results and notebook."""
        self.content["stages"].pop(stage, None)
        for folder in (tables_path(self.run, stage), staging_path(self.run, stage)):
            shutil.rmtree(folder, ignore_errors=True)
        results_path(self.run, stage).unlink(missing_ok=True)
        for folder in ("notebooks", "failed"):
            (self.run / folder / f"{stage}.ipynb").unlink(missing_ok=True)

    def _check_unchanged(self, stage: str) -> None:
        if table_hashes(self.run, stage) != self.content["stages"][stage]["tables"]:
            raise StageOrderError(
                f"Expected the tables of {stage} in {self.run.name} as that stage wrote them, but "
                f"they have changed since; run again with --from {stage[:2]}."
            )


def table_hashes(run: Path, stage: str) -> dict[str, str]:
    """SHA-256 of every Parquet file that a stage published."""
    folder = tables_path(run, stage)
    return {
        str(path.relative_to(folder)): _file_hash(path)
        for path in sorted(folder.rglob("*.parquet"))
    }


@contextmanager
def hold_run(run: Path) -> Iterator[None]:
    """Hold a run folder alone; the lock goes with the process, however that ends.

    Raises
    ------
    RunLockedError
        If another process holds it; the text names its pid.
    """
    run.mkdir(parents=True, exist_ok=True)
    with (run / ".lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RunLockedError(
                f"Expected the run {run.name} to be free, but process {file.read().strip()} holds "
                "it; wait for it, stop it, or choose another --run-id."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _code_version() -> dict[str, Any]:
    commit = _git("rev-parse", "HEAD")
    return {
        "git_commit": commit or None,
        "is_dirty": bool(_git("status", "--porcelain")) if commit else None,
    }


def _git(*arguments: str) -> str:
    try:
        answer = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", *arguments],  # noqa: S607
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
