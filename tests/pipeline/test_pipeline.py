"""The runner: what a run leaves behind, who may hold it, what is refused."""

import json
import shutil
import subprocess
import sys

import pytest

from src.data.tables import STAGES, TABLES
from src.errors import RunLockedError, StageOrderError
from src.pipeline import measure, resume, run
from src.root import PROJECT_ROOT
from src.run_record import RunRecord, hold_run, table_hashes
from src.stage import results_path, tables_path

pytestmark = [pytest.mark.notebook, pytest.mark.xdist_group("run")]


def results(run_folder, stage):
    return json.loads(results_path(run_folder, stage).read_text())


def test_a_run_leaves_twelve_notebooks_results_and_all_tables(smoke_run):
    record = json.loads((smoke_run / "run.json").read_text())
    assert record["state"] == "finished"
    assert sorted(record["stages"]) == sorted(STAGES)
    assert sorted(p.stem for p in (smoke_run / "notebooks").iterdir()) == sorted(STAGES)
    assert sorted(p.stem for p in (smoke_run / "results").iterdir()) == sorted(STAGES)
    for name, table in TABLES.items():
        assert (tables_path(smoke_run, table.stage) / name).is_dir()
    assert (smoke_run / "report" / "index.html").is_file()
    assert not list((smoke_run / ".staging").glob("*"))


def test_latest_points_at_the_finished_run(smoke_run):
    assert (smoke_run.parent / "latest").resolve() == smoke_run


def test_every_message_is_in_the_maildir_once(smoke_run):
    sent = results(smoke_run, "07_send")
    files = list((smoke_run / "outbox" / "maildir" / "new").iterdir())
    assert sent["n_planned"] > 50
    assert sent["n_sent"] == len(files) == sent["n_planned"] - sent["n_suppressed"]
    assert sent["n_unknown"] == 0


def test_the_answer_of_an_aa_test_is_cannot_tell(smoke_run):
    measured = results(smoke_run, "08_measure")
    assert measured["verdict"] == "cannot tell"
    assert measured["lower"] <= 0 <= measured["upper"]
    assert measured["lower"] < measured["incremental_profit"] < measured["upper"]
    assert measured["srm_p_value"] > 0.001
    assert measured["mde"] > 0
    assert measured["n_treated"] == results(smoke_run, "07_send")["n_planned"]


def test_the_smoke_run_has_three_hundred_customers(smoke_run):
    assert results(smoke_run, "01_ingest")["n_customers"] == 300


def test_no_notebook_shows_a_path_of_this_machine(smoke_run):
    outside = [str(PROJECT_ROOT), str(PROJECT_ROOT.parent)]
    for path in (smoke_run / "notebooks").iterdir():
        text = path.read_text().replace(str(smoke_run), "")
        assert not [part for part in outside if part in text], path.name


def test_a_held_run_is_refused_with_the_pid_that_holds_it(tmp_path):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path\n"
            "from src.run_record import hold_run\n"
            "with hold_run(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)",
            str(tmp_path),
        ],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(RunLockedError, match=f"process {holder.pid} holds"), hold_run(tmp_path):
            pass
    finally:
        holder.kill()
        holder.wait()
    with hold_run(tmp_path):
        assert (tmp_path / ".lock").exists()


@pytest.fixture
def copied_run(smoke_run, tmp_path):
    """A copy that may be damaged, without what is slow to copy."""
    copy = tmp_path / "copy"
    shutil.copytree(smoke_run, copy, ignore=shutil.ignore_patterns("report"))
    return copy


def test_changed_tables_are_not_built_upon(copied_run):
    part = copied_run / "tables/03_tag/tags/part-0.parquet"
    part.write_bytes(part.read_bytes() + b"x")
    with pytest.raises(StageOrderError, match="03_tag"):
        resume(str(copied_run))


def test_starting_late_needs_the_earlier_stages(copied_run):
    record = RunRecord.read(copied_run)
    record.drop_stage("02_clean")
    record.save()
    with pytest.raises(StageOrderError, match="02_clean"):
        run("params/smoke.yaml", str(copied_run), first="03")


def test_a_failing_stage_keeps_its_notebook_and_what_finished_before(copied_run, tmp_path):
    params = tmp_path / "strict.yaml"
    params.write_text(
        (PROJECT_ROOT / "params/smoke.yaml").read_text() + "03_tag: {min_customers: 100000}\n"
    )
    with pytest.raises(Exception, match=r"03_tag stopped at cell .*mend the cause, then resume"):
        run(str(params), str(copied_run), first="03", last="03")
    record = json.loads((copied_run / "run.json").read_text())
    assert record["state"] == "failed"
    assert record["stages"]["03_tag"]["state"] == "failed"
    assert record["stages"]["02_clean"]["state"] == "finished"
    assert "08_measure" not in record["stages"]
    assert (copied_run / "failed/03_tag.ipynb").is_file()
    assert not tables_path(copied_run, "03_tag").exists()


def test_running_send_again_sends_nothing(copied_run):
    before = sorted(p.name for p in (copied_run / "outbox/maildir/new").iterdir())
    run("params/smoke.yaml", str(copied_run), first="07", last="07")
    assert results(copied_run, "07_send")["n_sent_now"] == 0
    assert sorted(p.name for p in (copied_run / "outbox/maildir/new").iterdir()) == before


def test_hashes_name_every_table_of_a_stage(smoke_run):
    hashes = table_hashes(smoke_run, "03_tag")
    assert sorted(hashes) == sorted(
        f"{name}/part-0.parquet" for name, t in TABLES.items() if t.stage == "03_tag"
    )


def test_measured_again_it_decides_and_sends_nothing_anew(copied_run):
    kept = {
        path: path.read_bytes()
        for stage in ("03_tag", "04d_uplift", "05_decide", "06_campaign", "07_send")
        for path in (copied_run / "tables" / stage).rglob("*.parquet")
    }
    first = json.loads((copied_run / "results/08_measure.json").read_text())
    measure(str(copied_run))
    again = json.loads((copied_run / "results/08_measure.json").read_text())
    assert {path: path.read_bytes() for path in kept} == kept
    assert again["incremental_profit"] == first["incremental_profit"]
    assert again["changed_since_last"] != first["changed_since_last"]
    assert json.loads((copied_run / "run.json").read_text())["state"] == "finished"


def test_decisions_that_were_changed_are_not_measured(copied_run):
    part = copied_run / "tables/05_decide/decisions/part-0.parquet"
    part.write_bytes(part.read_bytes() + b"x")
    with pytest.raises(StageOrderError, match="05_decide"):
        measure(str(copied_run))


def test_a_run_that_was_not_sent_is_not_measured(tmp_path):
    run_dir = run("params/smoke.yaml", str(tmp_path / "short"), last="01")
    before = sorted(path.stat().st_mtime_ns for path in (run_dir / "tables").rglob("*.parquet"))
    with pytest.raises(StageOrderError, match="Expected the stages before 08 to be finished"):
        measure(str(run_dir))
    after = sorted(path.stat().st_mtime_ns for path in (run_dir / "tables").rglob("*.parquet"))
    assert after == before
