"""MLflow: a parent run per pipeline run, a child per stage; and a run without MLflow."""

import json

from mlflow import MlflowClient
import pytest

from src.data.tables import STAGES
from src.run_record import RunRecord
from src.stage import results_path
from src.tracking import RUN_ID_TAG, Tracker

pytestmark = [
    pytest.mark.notebook,
    pytest.mark.xdist_group("run"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow's own code
]


def runs_of(run, store):
    client = MlflowClient(f"sqlite:///{store / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("campanile")
    found = client.search_runs([experiment.experiment_id], f"tags.`{RUN_ID_TAG}` = '{run.name}'")
    parents = [r for r in found if "mlflow.parentRunId" not in r.data.tags]
    return client, parents, [r for r in found if "mlflow.parentRunId" in r.data.tags]


def test_a_run_has_one_parent_and_a_child_per_stage(smoke_run, mlflow_store):
    client, parents, children = runs_of(smoke_run, mlflow_store)
    (parent,) = [p for p in parents if p.data.tags["campanile.folder"] == str(smoke_run)]
    own = [c for c in children if c.data.tags["mlflow.parentRunId"] == parent.info.run_id]
    assert sorted(child.data.tags["stage"] for child in own) == sorted(STAGES)
    assert {r.info.status for r in (parent, *own)} == {"FINISHED"}
    results = json.loads(results_path(smoke_run, "08_measure").read_text())
    (last,) = [child for child in own if child.data.tags["stage"] == "08_measure"]
    assert last.data.metrics["08_measure.n_treated"] == results["n_treated"]
    assert last.data.tags["verdict"] == results["verdict"]
    names = [file.path for file in client.list_artifacts(last.info.run_id)]
    assert "08_measure.ipynb" in names
    assert parent.data.params["05_decide.seed"] == "20170930"


def test_a_run_that_is_killed_does_not_stay_running(tmp_path, mlflow_store):
    run = tmp_path / "cut"
    run.mkdir()
    RunRecord.create(run, "params/smoke.yaml", "2017-09-30", 1)
    (run / "params.yaml").write_text("01_ingest: {seed: 1}\n")
    tracker = Tracker(run)
    tracker._process.stdin.close()  # as the end of the runner does, however it ends
    assert tracker._process.wait(timeout=60) == 0
    _, (parent,), _ = runs_of(run, mlflow_store)
    assert parent.info.status == "KILLED"


@pytest.mark.timeout(60)  # it must not wait for ever
def test_without_mlflow_a_run_goes_on(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////no/such/folder/mlflow.db")
    run = tmp_path / "alone"
    run.mkdir()
    RunRecord.create(run, "params/smoke.yaml", "2017-09-30", 1)
    tracker = Tracker(run)
    tracker.stage_finished("01_ingest")
    tracker.close()
    assert "complete without" in caplog.text
