"""05 as a notebook: the same arms again, and what it decides once there is a history."""

import json
import shutil

import pandas as pd
import pytest
from sqlalchemy import select

from src.ledger import open_ledger
from src.ledger.schema import assignments
from src.pipeline import run
from src.stage import results_path, tables_path
from tests.decide.history_shop import write_shop

pytestmark = [pytest.mark.notebook, pytest.mark.xdist_group("run")]

ARM = ["customer_id", "action", "pscore", "policy_version"]


def decisions_of(folder) -> pd.DataFrame:
    return pd.read_parquet(tables_path(folder, "05_decide") / "decisions")


def results_of(folder) -> dict:
    return json.loads(results_path(folder, "05_decide").read_text())


def kept_in(folder) -> list[tuple]:
    with open_ledger(folder) as ledger, ledger.read() as connection:
        rows = connection.execute(select(assignments).order_by(assignments.c.customer_id))
        return [tuple(row) for row in rows]


@pytest.fixture
def copied(smoke_run, tmp_path):
    return shutil.copytree(smoke_run, tmp_path / "copy")


def test_a_rerun_gives_the_same_table_and_writes_nothing_new(copied):
    before, kept = decisions_of(copied), kept_in(copied)
    run("params/smoke.yaml", str(copied), first="05", last="05")
    pd.testing.assert_frame_equal(decisions_of(copied), before)
    assert kept_in(copied) == kept


def test_a_lost_ledger_is_drawn_again_alike(copied):
    kept = kept_in(copied)
    with open_ledger(copied) as ledger, ledger.write() as connection:
        connection.execute(assignments.delete())
    run("params/smoke.yaml", str(copied), first="05", last="05")
    assert kept_in(copied) == kept


def test_another_seed_does_not_redraw_who_has_an_arm(copied, tmp_path):
    before = decisions_of(copied)
    params = tmp_path / "other.yaml"
    params.write_text(
        "run: {as_of_date: '2017-09-30', seed: 7,"
        " campaign: params/campaigns/autumn_coupon.yaml}\n"
        "01_ingest: {source: params/sources/complete_journey.yaml, max_customers: 300}\n"
    )
    run(str(params), str(copied), first="05", last="05")
    pd.testing.assert_frame_equal(decisions_of(copied)[ARM], before[ARM])


def test_what_is_written_names_its_stratum_policy_and_eligibility(smoke_run):
    decisions = decisions_of(smoke_run)
    drawn = decisions[decisions["action"].ne("none")]
    assert drawn[["stratum", "policy_version"]].notna().all(axis=None)
    rows = kept_in(smoke_run)
    assert len(rows) == len(drawn)
    assert len({row[-3] for row in rows}) == 1  # one table of eligibility
    assert all(row[-2].startswith("may be contacted") for row in rows)
    assert all(sum(json.loads(row[-1]).values()) == pytest.approx(1, abs=1e-5) for row in rows)


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_with_a_drawn_history_the_plan_earns_more_than_any_constant(tmp_path, keys, mlflow_store):
    folder = run(str(write_shop(tmp_path, 2_500, 3)), str(tmp_path / "run"), last="05")
    found, decisions = results_of(folder), decisions_of(folder)
    assert (found["mode"], found["promotion"]) == ("exploit", "promote")
    assert 0 < found["planned_profit_lower"] < found["planned_profit"]
    profiles = pd.read_parquet(tables_path(folder, "03_tag") / "profiles")
    hunters = profiles.loc[profiles["discount_share"] > 0.15, "customer_id"]
    drawn = decisions[decisions["action"].ne("none")]
    share = drawn["action"].eq("five_dollars").groupby(drawn["customer_id"].isin(hunters)).mean()
    assert share[True] > share[False] + 0.15  # those who answer, and the others
    assert drawn["pscore"].min() >= 0.05 - 1e-9
