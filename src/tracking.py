"""MLflow: one parent run per pipeline run, one child per stage. The only importer of `mlflow`.

MLflow takes seconds to import and may be down, slow or locked; a run must not wait for it.
So a process of its own does the talking: the runner names each finished stage on a pipe, and
when the pipe closes, however the runner ended, the parent run is closed too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
import dataclasses
import datetime as dt
import fcntl
import json
import logging
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import yaml

from src.errors import ModelRefusedError
from src.realised import DEMOTED, NOT_JUDGED, PROMOTED, Realised, judge_policy, read_realised
from src.root import PROJECT_ROOT
from src.stage import results_path

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, RunTag
    from mlflow.models import Model

    from src.models.cards import ModelCard
    from src.models.store import KeptModel

__all__ = ["RUN_ID_TAG", "STORE_VARIABLE", "Tracker", "registered_name", "tracking_uri"]

logger = logging.getLogger(__name__)

RUN_ID_TAG = "campanile.run_id"
STORE_VARIABLE = "CAMPANILE_MLRUNS"
"""Environment variable that moves MLflow's store away from the project's `mlruns`."""

_EXPERIMENT = "campanile"
_PATIENCE_SECONDS = 45
_LONGEST_PARAM = 500
_LARGEST_BATCH = 100  # of parameters; MLflow takes no more at once
_CHAMPION = "champion"
_SIGNATURE_TYPES = {
    "int64": "long",
    "float64": "double",
    "date": "datetime",
    "timestamp": "datetime",
}
_RUN_STATES = {"finished": "FINISHED", "failed": "FAILED"}


class Tracker:
    """Tells MLflow about a run, from a process of its own.

    Parameters
    ----------
    run : Path
        Folder of the run; everything told is read from there.
    """

    def __init__(self, run: Path) -> None:
        with (run / ".tracking.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this very interpreter and module
                [sys.executable, "-m", "src.tracking", str(run)],
                cwd=PROJECT_ROOT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stage_finished(self, stage: str) -> None:
        """Hand a finished stage on; never waits, never fails."""
        try:
            self._process.stdin.write(f"{stage}\n".encode())
            self._process.stdin.flush()
        except OSError:
            logger.warning("MLflow could not be told about %s; the run goes on.", stage)

    def run_ended(self) -> None:
        """Say that nothing more is to come; never waits, never fails."""
        try:
            self._process.stdin.close()
        except OSError:
            logger.warning("MLflow could not be told that the run has ended.")

    def close(self) -> None:
        """Close the parent run; waits 45 s at most, the run is complete in any case."""
        self.run_ended()
        try:
            failed = self._process.wait(timeout=_PATIENCE_SECONDS) != 0
        except subprocess.TimeoutExpired:
            failed = True
        if failed:
            logger.warning("MLflow did not take this run; it is complete without (.tracking.log).")


def tracking_uri() -> str:
    """Where MLflow keeps its runs: the environment's choice, else SQLite below `mlruns`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_store() / 'mlflow.db'}"


def _store() -> Path:
    return Path(os.environ.get(STORE_VARIABLE) or PROJECT_ROOT / "mlruns")


def _serve(run: Path) -> None:
    """Log stages as they are named on standard input, then close the parent run."""
    os.nice(10)  # the notebooks go first
    client = _connect()
    parent = _parent_run(client, run)
    for line in sys.stdin:
        _log_stage(client, parent, run, line.strip())
    record = _record(run)
    client.log_artifact(parent, str(run / "params.yaml"))
    state = _RUN_STATES.get(record["state"], "KILLED")
    client.set_terminated(parent, state, end_time=_milliseconds(record["ended_at"]))


def _connect() -> "MlflowClient":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    with _one_at_a_time():  # SQLite migrations of two first runs would race
        return MlflowClient(tracking_uri())


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    _store().mkdir(parents=True, exist_ok=True)
    with (_store() / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _parent_run(client: "MlflowClient", run: Path) -> str:
    """Find the run by its id, or make it."""
    with _one_at_a_time():
        experiment = client.get_experiment_by_name(_EXPERIMENT)
        experiment_id = (
            experiment.experiment_id
            if experiment
            else client.create_experiment(_EXPERIMENT, (_store() / "artifacts").as_uri())
        )
        condition = f"tags.`{RUN_ID_TAG}` = '{run.name}' and tags.`campanile.folder` = '{run}'"
        known = client.search_runs([experiment_id], condition, max_results=1)
        if known:
            client.update_run(known[0].info.run_id, "RUNNING")
            return known[0].info.run_id
        record = _record(run)
        created = client.create_run(
            experiment_id,
            start_time=_milliseconds(record["started_at"]),
            run_name=run.name,
            tags={
                RUN_ID_TAG: run.name,
                "campanile.folder": str(run),
                "params_file": record["params_file"],
                "as_of_date": record["as_of_date"],
                "git_commit": str(record["git_commit"]),
                "is_dirty": str(record["is_dirty"]),
            },
        )
    _log_params(client, created.info.run_id, run)
    return created.info.run_id


def _log_params(client: "MlflowClient", run_id: str, run: Path) -> None:
    from mlflow.entities import Param

    blocks = yaml.safe_load((run / "params.yaml").read_text(encoding="utf-8"))
    given = [
        Param(f"{stage}.{name}", str(value)[:_LONGEST_PARAM])
        for stage, values in blocks.items()
        for name, value in values.items()
    ]
    for start in range(0, len(given), _LARGEST_BATCH):
        client.log_batch(run_id, params=given[start : start + _LARGEST_BATCH])


def _log_stage(client: "MlflowClient", parent: str, run: Path, stage: str) -> None:
    entry = _record(run)["stages"][stage]
    child = client.create_run(
        client.get_run(parent).info.experiment_id,
        start_time=_milliseconds(entry["started_at"]),
        run_name=f"{run.name}/{stage}",
        tags={"mlflow.parentRunId": parent, RUN_ID_TAG: run.name, "stage": stage},
    ).info.run_id
    results = json.loads(results_path(run, stage).read_text(encoding="utf-8"))
    metrics, tags = _figures(stage, results, entry["ended_at"])
    client.log_batch(child, metrics=metrics, tags=tags)
    client.log_batch(parent, metrics=metrics)
    notebook = run / "notebooks" / f"{stage}.ipynb"
    if notebook.exists():
        client.log_artifact(child, str(notebook))
    if (run / "models" / stage).is_dir():
        _log_model(client, child, run, stage)
    if stage == "08_measure":
        _log_policy(client, child, run, results)
    client.set_terminated(child, "FINISHED", end_time=_milliseconds(entry["ended_at"]))


def _figures(
    stage: str, results: dict[str, object], ended_at: str
) -> tuple[list["Metric"], list["RunTag"]]:
    """Sort recorded numbers and words into MLflow's metrics and tags."""
    from mlflow.entities import Metric, RunTag

    at = _milliseconds(ended_at)
    metrics = [
        Metric(f"{stage}.{name}", value, at, 0)
        for name, value in results.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    tags = [RunTag(name, value) for name, value in results.items() if isinstance(value, str)]
    return metrics, tags


def _log_model(client: "MlflowClient", child: str, run: Path, stage: str) -> None:
    """Log a stage's model with its signature and register it, if it is what the stage kept."""
    from src.models.store import read_kept  # statistics packages: only this process needs them

    try:
        kept = read_kept(run / "models" / stage, stage)
    except ModelRefusedError as error:
        logger.warning("The model of %s is not registered: %s", stage, error)
        return
    with tempfile.TemporaryDirectory() as draft:
        shutil.copytree(run / "models" / stage, Path(draft, "kept"))
        _described(kept.card, child).save(str(Path(draft, "MLmodel")))
        client.log_artifacts(child, draft, "model")
    _register(client, child, registered_name(_record(run)["params_file"], stage), kept)


def registered_name(params_file: str, stage: str) -> str:
    """Name of a stage's model in the registry; each campaign has its own.

    Examples
    --------
    >>> registered_name("params/demo.yaml", "04b_purchase")
    'demo.04b_purchase'
    """
    return f"{re.sub('[/:]', '_', Path(params_file).stem)}.{stage}"


def _described(card: "ModelCard", child: str) -> "Model":
    """Describe a kept model to MLflow: where it is, what goes in and what comes out; no pickle."""
    from mlflow.models import Model, ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    inputs, outputs = (  # a model that looks at no column has no inputs, which MLflow calls None
        Schema([ColSpec(_SIGNATURE_TYPES.get(kind, kind), name) for name, kind in columns.items()])
        if columns
        else None
        for columns in (card.inputs, card.outputs)
    )
    model = Model("model", run_id=child, signature=ModelSignature(inputs, outputs))
    return model.add_flavor("campanile", stage=card.stage, model=card.model, folder="kept")


def _register(client: "MlflowClient", child: str, name: str, kept: "KeptModel") -> None:
    """Add a version; it becomes champion if there is none, or if it surely beat that very one."""
    from mlflow.exceptions import MlflowException

    from src.models.card_words import card_text

    card, challenge = kept.card, kept.card.challenge
    with _one_at_a_time():
        try:
            champion = client.get_registered_model(name).aliases.get(_CHAMPION)
        except MlflowException:
            client.create_registered_model(name)
            champion = None
        digest = client.get_model_version(name, champion).tags["digest"] if champion else ""
        version = client.create_model_version(
            name,
            f"runs:/{child}/model",
            child,
            tags={
                "digest": kept.digest,
                "data_sha256": card.data_hash,
                "as_of_date": card.as_of_date,
                "model": card.model,
            },
            description=card_text(card),
        ).version
        if not champion or (challenge and challenge.is_won and challenge.incumbent == digest):
            client.set_registered_model_alias(name, _CHAMPION, version)


def _log_policy(client: "MlflowClient", child: str, run: Path, measured: dict[str, Any]) -> None:
    """Keep what the policy of this campaign brought, and move the champion by it."""
    decided = results_path(run, "05_decide")
    known = json.loads(decided.read_text(encoding="utf-8")) if decided.is_file() else {}
    now = read_realised(str(known.get("policy_version") or ""), measured)
    if now is None:
        client.set_tag(child, "policy", NOT_JUDGED)
        return
    name = registered_name(_record(run)["params_file"], "05_decide")
    with _one_at_a_time():
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name)
        champion = client.get_registered_model(name).aliases.get(_CHAMPION)
        tags = client.get_model_version(name, champion).tags if champion else {}
        decision, reason = judge_policy(now, _read_tags(tags) if champion else None)
        version = _policy_version(client, name, child, now.policy_version)
        told = {key: str(value) for key, value in dataclasses.asdict(now).items()}
        told |= {"run_id": run.name, "decision": decision, "reason": reason}
        told |= {key: str(measured.get(key)) for key in ("campaign_id", "as_of_date", "verdict")}
        for key, value in told.items():
            client.set_model_version_tag(name, version, key, value)
        if decision == PROMOTED:
            client.set_registered_model_alias(name, _CHAMPION, version)
        elif decision == DEMOTED:
            client.delete_registered_model_alias(name, _CHAMPION)
    client.set_tag(child, "policy", decision)


def _policy_version(client: "MlflowClient", name: str, child: str, policy: str) -> str:
    """Find the version of a policy, or add it: read again, it stays one."""
    for version in client.search_model_versions(f"name = '{name}'"):
        if version.tags.get("policy_version") == policy:
            return version.version
    return client.create_model_version(name, f"runs:/{child}/08_measure.ipynb", child).version


def _read_tags(tags: dict[str, str]) -> Realised:
    numbers = (float(tags[name]) for name in ("estimate", "lower", "upper", "level"))
    return Realised(tags["policy_version"], *numbers)


def _record(run: Path) -> dict[str, Any]:
    return json.loads((run / "run.json").read_text(encoding="utf-8"))


def _milliseconds(moment: str | None) -> int | None:
    return int(dt.datetime.fromisoformat(moment).timestamp() * 1000) if moment else None


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
