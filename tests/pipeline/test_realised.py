"""Policies promoted and demoted by what they brought, in a real MLflow store."""

import json
import math

from mlflow import MlflowClient
import pytest

from src.realised import (
    DEMOTED,
    NOT_JUDGED,
    PROMOTED,
    UNCHANGED,
    Realised,
    judge_policy,
    read_realised,
)
from src.run_record import RunRecord
from src.stage import results_path
from src.tracking import Tracker, registered_name

MEASURED = {
    "incremental_profit_per_customer": 2.0,
    "lower_per_customer": 1.0,
    "upper_per_customer": 3.0,
    "level": 0.95,
    "mode": "live",
    "srm_p_value": 0.5,
    "n_days": 28,
    "outcome_days": 28,
    "campaign_id": "spring",
    "as_of_date": "2024-03-31",
    "verdict": "gain",
}


def around(estimate, half=1.0, policy="p"):
    return Realised(policy, estimate, estimate - half, estimate + half, 0.95)


def test_a_policy_has_to_be_surely_better():
    assert judge_policy(around(1.5), None)[0] == PROMOTED
    assert judge_policy(around(0.9), None)[0] == UNCHANGED
    champion = around(1.0, policy="old")
    assert judge_policy(around(2.3), champion)[0] == UNCHANGED  # 1.3 with half sqrt(2)
    assert judge_policy(around(2.5), champion)[0] == PROMOTED
    assert judge_policy(around(-9.0), champion)[0] == UNCHANGED  # the champion is another
    assert judge_policy(around(-0.5), around(1.0))[0] == UNCHANGED
    assert judge_policy(around(-1.5), around(1.0))[0] == DEMOTED


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "dry_run"},
        {"srm_p_value": 1e-5},
        {"srm_p_value": None},
        {"n_days": 27},
        {"lower_per_customer": None},
        {"upper_per_customer": math.nan},
        {"upper_per_customer": 1.0},
    ],
)
def test_what_may_not_be_read_judges_nobody(change):
    assert read_realised("p", MEASURED | change) is None
    assert read_realised("", MEASURED) is None
    assert read_realised("p", MEASURED).error == pytest.approx(1 / 1.959964)


@pytest.fixture
def measure(tmp_path, mlflow_store):
    """Record a campaign of a policy and track it; gives the registry's view afterwards."""
    params = f"params/{tmp_path.name}.yaml"
    client = MlflowClient(f"sqlite:///{mlflow_store / 'mlflow.db'}")
    name = registered_name(params, "05_decide")

    def track(run_name, policy, **changed):
        run = tmp_path / run_name
        if not run.exists():
            (run / "results").mkdir(parents=True)
            record = RunRecord.create(run, params, "2024-03-31", 1)
            (run / "params.yaml").write_text("05_decide: {seed: 1}\n")
            results_path(run, "05_decide").write_text(json.dumps({"policy_version": policy}))
            record.finish_stage("08_measure", record.content["started_at"], 1.0)
            record.end("finished")
        results_path(run, "08_measure").write_text(json.dumps(MEASURED | changed))
        tracker = Tracker(run)
        tracker.stage_finished("08_measure")
        tracker._process.stdin.close()
        assert tracker._process.wait(timeout=120) == 0, (run / ".tracking.log").read_text()
        if not client.search_registered_models(f"name = '{name}'"):
            return None, {}
        alias = client.get_registered_model(name).aliases.get("champion")
        versions = client.search_model_versions(f"name = '{name}'")
        by_policy = {version.tags["policy_version"]: version for version in versions}
        champion = next((p for p, v in by_policy.items() if v.version == alias), None)
        assert len(by_policy) == len(versions)
        return champion, {policy: version.tags for policy, version in by_policy.items()}

    return track


def values(estimate, half):
    ends = (estimate, estimate - half, estimate + half)
    names = ("incremental_profit_per_customer", "lower_per_customer", "upper_per_customer")
    return dict(zip(names, ends, strict=True))


@pytest.mark.notebook
@pytest.mark.xdist_group("own runs")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow's own code
@pytest.mark.timeout(600)
def test_the_champion_moves_by_what_was_measured(measure):
    assert measure("dry", "a", mode="dry_run") == (None, {})
    champion, tags = measure("one", "a")
    assert champion == "a"
    assert tags["a"]["decision"] == PROMOTED
    assert float(tags["a"]["lower"]) == 1.0
    champion, tags = measure("two", "b", **values(2.5, 1.0))
    assert champion == "a"
    assert "not surely bring more" in tags["b"]["reason"]
    champion, tags = measure("three", "c", **values(6.0, 1.0))
    assert champion == "c"
    again, tags = measure("three", "c", **values(6.0, 1.0))  # read again: one version, unmoved
    assert (again, tags["c"]["decision"]) == ("c", UNCHANGED)
    champion, tags = measure("three", "c", **values(-6.0, 1.0))  # late returns
    assert champion is None
    assert tags["c"]["decision"] == DEMOTED
    assert NOT_JUDGED not in {one["decision"] for one in tags.values()}
