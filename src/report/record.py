"""What a run left behind, read so that a missing or broken piece is an answer, not a crash."""

from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

from src.data.tables import STAGES
from src.errors import ParameterError
from src.stage import results_path, staging_path

__all__ = ["RunRecord", "StageRecord", "read_run"]


@dataclass(frozen=True)
class StageRecord:
    """One stage of a run.

    Parameters
    ----------
    name : str
        One of `src.data.tables.STAGES`.
    state : str
        ``finished``, ``failed``, ``running``, ``unfinished`` if only a part of its notebook is
        there, or ``missing`` if nothing is known of it.
    seconds : float or None
        How long it ran.
    results : dict
        Its recorded numbers; empty if there are none.
    notebook : Path or None
        Executed notebook; of a stage that did not finish, as far as it came.
    facts : dict
        All else that the run's record says of it.
    """

    name: str
    state: str
    seconds: float | None
    results: dict[str, Any]
    notebook: Path | None
    facts: dict[str, Any]

    @property
    def number(self) -> str:
        """Number of the stage, such as ``04b``."""
        return self.name.split("_")[0]


@dataclass(frozen=True)
class RunRecord:
    """A run: its state, what it was made with, and its stages in order.

    Parameters
    ----------
    run_id : str
        Name of the run.
    state : str
        ``finished``, ``failed``, ``interrupted``, ``running``, or ``unknown`` without a readable
        record.
    facts : dict
        What the record says of the run as a whole.
    params : str
        Resolved parameters as they were written; empty if there are none.
    stages : tuple of StageRecord
        Every stage, run or not.
    """

    run_id: str
    state: str
    facts: dict[str, Any]
    params: str
    stages: tuple[StageRecord, ...]

    def results(self, stage: str) -> dict[str, Any]:
        """Look up the recorded numbers of one stage; empty if there are none."""
        return next(record.results for record in self.stages if record.name == stage)


def read_run(run: Path) -> RunRecord:
    """Read the record, the results and the places of the notebooks of a run.

    Raises
    ------
    ParameterError
        If there is no such folder.
    """
    if not run.is_dir():
        raise ParameterError(
            f"Expected the folder of a run, but {run} does not exist; give the run_id of a run "
            "under runs/."
        )
    facts = _read_object(run / "run.json")
    stages = facts.pop("stages", {})
    stages = stages if isinstance(stages, dict) else {}
    return RunRecord(
        run_id=str(facts.get("run_id") or run.name),
        state=str(facts.get("state") or "unknown"),
        facts=facts,
        params=_read_text(run / "params.yaml"),
        stages=tuple(_read_stage(run, name, stages.get(name)) for name in STAGES),
    )


def _read_stage(run: Path, name: str, facts: object) -> StageRecord:
    facts = dict(facts) if isinstance(facts, dict) else {}
    results = _read_object(results_path(run, name))
    notebook = _executed_notebook(run, name)
    guess = "finished" if results else "unfinished" if notebook else "missing"
    state = facts.pop("state", None) or guess
    seconds = facts.pop("seconds", None)
    return StageRecord(
        name=name,
        state=str(state),
        seconds=seconds if isinstance(seconds, int | float) else None,
        results=results,
        notebook=notebook,
        facts=facts,
    )


def _executed_notebook(run: Path, name: str) -> Path | None:
    """Take the published copy, else what a stage that did not finish left behind."""
    places = (
        run / "notebooks" / f"{name}.ipynb",
        run / "failed" / f"{name}.ipynb",
        staging_path(run, name) / "notebook.ipynb",
    )
    return next((place for place in places if place.is_file()), None)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read_text(path))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
