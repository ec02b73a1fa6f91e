"""MLflow: a parent run per pipeline run, a child per stage; and a run without MLflow."""

import json
from pathlib import Path

import mlflow
from mlflow import MlflowClient
import pytest

from src import tracking
from src.data.tables import STAGES
from src.metrics.intervals import Interval
from src.models.cards import Challenge, DataUsed, ModelCard
from src.models.store import ModelParts, read_kept, write_kept
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


STAGE = "04b_purchase"


def keep(run, rate, challenge=None, inputs=None):
    """Keep a model as the stage of a run would; gives its digest."""
    card = ModelCard(
        stage=STAGE,
        purpose="Who orders.",
        model="base_rate",
        baseline="none",
        verdict="nothing to compare with.",
        as_of_date="2017-09-30",
        seed=1,
        inputs={"recency_days": "int64", "city": "string"} if inputs is None else inputs,
        outputs={"p_purchase": "float64"},
        data=(DataUsed("profiles", 3, "ab" * 32),),
        challenge=challenge,
    )
    return write_kept(run / "models" / STAGE, ModelParts({"rate": rate}), card)


@pytest.fixture
def start_run(tmp_path):
    """Start the record of a run of a campaign of its own; gives its folder."""

    def start(name):
        run = tmp_path / name
        (run / "results").mkdir(parents=True)
        record = RunRecord.create(run, f"params/{tmp_path.name}.yaml", "2017-09-30", 1)
        (run / "params.yaml").write_text("04b_purchase: {seed: 1}\n")
        results_path(run, STAGE).write_text('{"champion": "base_rate"}')
        record.finish_stage(STAGE, record.content["started_at"], 1.0)
        record.end("finished")
        return run

    return start


def track(run):
    tracker = Tracker(run)
    tracker.stage_finished(STAGE)
    tracker.close()
    return (run / ".tracking.log").read_text()


def gain(lower):
    return Interval(lower + 0.01, lower, lower + 0.02, 0.95, 100)


def test_a_kept_model_is_registered_with_signature_and_can_be_read_back(
    start_run, mlflow_store, tmp_path, monkeypatch
):
    run = start_run("first")
    digest = keep(run, 0.25)
    track(run)
    name = f"{tmp_path.name}.{STAGE}"
    client = MlflowClient(f"sqlite:///{mlflow_store / 'mlflow.db'}")
    version = client.get_model_version_by_alias(name, "champion")
    assert (str(version.version), version.tags["digest"]) == ("1", digest)
    assert version.tags["data_sha256"] == read_kept(run / "models" / STAGE, STAGE).card.data_hash
    assert "Model card" in version.description
    # not `set_tracking_uri`, which would move all later runs of this process to that store
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{mlflow_store / 'mlflow.db'}")
    described = mlflow.models.get_model_info(f"models:/{name}@champion")
    assert described.signature.inputs.input_names() == ["recency_days", "city"]
    assert [kind.name for kind in described.signature.inputs.input_types()] == ["long", "string"]
    assert described.signature.outputs.input_names() == ["p_purchase"]
    copy = mlflow.artifacts.download_artifacts(f"models:/{name}@champion")
    kept = read_kept(Path(copy) / described.flavors["campanile"]["folder"], STAGE)
    assert kept.parts.plain == {"rate": 0.25}


def test_the_alias_moves_only_to_a_model_that_surely_beat_the_champion(start_run, tmp_path):
    client = tracking._connect()
    name, digests = f"{tmp_path.name}.{STAGE}", {}
    for step, challenge, expected in (
        ("first", None, "1"),
        ("unasked", None, "1"),  # nobody compared it
        ("unsure", ("first", 0.0), "1"),  # the lower end is at 0
        ("better_than_another", ("unasked", 0.1), "1"),
        ("better", ("first", 0.1), "5"),
        ("late", ("first", 0.1), "5"),  # its opponent is no longer the champion
    ):
        run = start_run(step)
        against = challenge and Challenge(digests[challenge[0]], gain(challenge[1]), "log loss")
        digests[step] = keep(run, len(digests) / 10, against, inputs={})
        tracking._log_stage(client, tracking._parent_run(client, run), run, STAGE)
        champion = client.get_model_version_by_alias(name, "champion")
        assert str(champion.version) == expected, step
    assert len(client.search_model_versions(f"name='{name}'")) == 6


def test_a_damaged_model_is_not_registered_and_the_run_goes_on(start_run, mlflow_store, tmp_path):
    run = start_run("damaged")
    keep(run, 0.25)
    (run / "models" / STAGE / "model.json").write_text('{"rate": 0.9}')
    assert "not registered: Expected" in track(run)
    client, (parent,), (child,) = runs_of(run, mlflow_store)
    assert (parent.info.status, child.info.status) == ("FINISHED", "FINISHED")
    assert not client.search_model_versions(f"name='{tmp_path.name}.{STAGE}'")
    assert not [f.path for f in client.list_artifacts(child.info.run_id) if f.path == "model"]
