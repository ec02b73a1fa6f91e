"""Histories kept as replacements over an earlier run's: read, they are as if written whole."""

import datetime as dt
import hashlib
import os
from pathlib import Path
import random
import shutil
import subprocess
import sys

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from src.data import stored
from src.data.stored import Replacement, is_replaced
from src.errors import SchemaError, StageOrderError
from src.features.tag_changes import EarlierTags, read_earlier_tags
from src.features.tag_explain import explain_customer
from src.features.tag_history import build_tags
from src.features.tags import TagRule
from src.root import PROJECT_ROOT
from src.stage import Stage, open_stage, publish, staging_path, tables_path
from tests.features.test_tag_history import SCHEMA, TEXTS, rule, shop

PEOPLE = [f"c{i:02}" for i in range(40)]
NAMES = ("profiles", "tags", "tag_history", "tag_rules")
OFTEN = rule("often", "frequency >= 3", expires_days=20)


@pytest.fixture(autouse=True)
def small_bases(monkeypatch):
    """Let small tables have something beside them, too."""
    monkeypatch.setattr(stored, "FEWEST_ROWS", 1)
    monkeypatch.setattr(stored, "LARGEST_SHARE", 0.5)


def run_03(folder: Path, people: dict, day: str, rules: tuple[TagRule, ...], previous="") -> Stage:
    """Do what 03 does about tags; a later stage of the run, which may read it all."""
    stage = open_stage("03_tag", str(folder))
    earlier = read_earlier_tags(stage, previous and str(previous), day)
    rows = [(who, dt.date.fromisoformat(day), *values) for who, values in people.items()]
    frame = pd.DataFrame(rows, columns=list(SCHEMA))
    profiles = stage.engine.create_table("profiles_now", frame, schema=SCHEMA, temp=True)
    path = staging_path(folder, "03_tag") / "tables" / "profiles"
    path.mkdir(parents=True)
    profiles.to_parquet(path / "part-0.parquet")
    tables = build_tags(profiles, rules, day, earlier)
    stage.write_onward("tag_history", tables.history, str(previous), tables.replacement)
    stage.write_view("tags", tables.tags, as_of_date=day)
    stage.write("tag_rules", tables.rules)
    publish(folder, "03_tag")
    return Stage("05_decide", folder, stage.engine)


def frames(stage: Stage) -> dict[str, pd.DataFrame]:
    return {name: stage.frame(name) for name in NAMES}


def assert_same_tables(ours: Stage, theirs: Stage) -> None:
    for name, frame in frames(ours).items():
        pd.testing.assert_frame_equal(frame, theirs.frame(name))


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*.parquet"))
    }


def history_path(folder: Path) -> Path:
    return tables_path(folder, "03_tag") / "tag_history"


# --- against tables that are written whole, on random shops -----------------------------------


def next_shop(chance: random.Random, people: dict) -> dict:
    """Some are gone, some changed, some new; sometimes nobody."""
    is_quiet = chance.random() < 0.2
    people = {who: row for who, row in people.items() if is_quiet or chance.random() > 0.03}
    n_changed = 0 if is_quiet else chance.choice([1, 2, 3, 25])
    return people | shop(chance, chance.sample(PEOPLE, n_changed))


def next_rules(chance: random.Random, rules: tuple[TagRule, ...]) -> tuple[TagRule, ...]:
    """Mostly the same; else one is gone or new, or another in text or in days."""
    if rules and chance.random() < 0.6:
        return rules
    i = chance.randrange(6)
    others = tuple(one for one in rules if one.name != f"t{i}")
    days = chance.choice([None, 10, 40])
    return (*others, *chance.choice([(), (rule(f"t{i}", chance.choice(TEXTS), days),)]))


@pytest.mark.parametrize("seed", range(4))
def test_after_any_number_of_runs_a_reader_finds_what_writing_whole_gives(tmp_path, seed):
    chance = random.Random(seed)
    people, day, previous = shop(chance, PEOPLE), dt.date(2017, 1, 1), ""
    rules = tuple(rule(f"t{i}", TEXTS[i], 5 * i or None) for i in range(5))
    forms = []
    for number in range(8):
        one, other = tmp_path / f"{number}", tmp_path / f"{number}-whole"
        before = previous and tmp_path / f"{previous}-whole"
        ours = run_03(one, people, str(day), rules, previous and tmp_path / previous)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stored, "LARGEST_SHARE", -1.0)
            theirs = run_03(other, people, str(day), rules, before)
        assert not is_replaced(history_path(other))
        assert_same_tables(ours, theirs)
        forms.append(is_replaced(history_path(one)))
        if previous and chance.random() < 0.5:
            shutil.rmtree(tmp_path / previous)
            assert_same_tables(ours, theirs)
        previous = str(number)
        day += dt.timedelta(days=chance.choice([0, 1, 15, 30]))
        people, rules = next_shop(chance, people), next_rules(chance, rules)
    assert True in forms  # both forms occur, and one after the other
    assert False in forms[forms.index(True) :]


# --- three runs of one shop --------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path):
    """A first run, and two of later dates in each of which little changes."""
    chance = random.Random(1)
    people, previous, stages = shop(chance, PEOPLE), "", []
    rules = (OFTEN, rule("slow", "gap_mean_days > 2"))
    for number, day in enumerate(("2017-01-01", "2017-01-10", "2017-01-25")):
        folder = tmp_path / f"run-{number}"
        people = people | {f"c{number:02}": (number * 3, 4.0, "new")}
        stages.append(run_03(folder, people, day, rules, previous))
        previous = folder
    return stages


def test_what_did_not_change_is_the_file_of_the_first_run(runs):
    first, *later = (history_path(stage.run) for stage in runs)
    assert [file.name for file in first.iterdir()] == ["part-0.parquet"]
    for folder in later:
        assert sorted(part.name for part in folder.iterdir()) == ["base", "replaced", "rows"]
        assert (folder / "base/part-0.parquet").samefile(first / "part-0.parquet")
        assert pq.read_metadata(folder / "rows/part-0.parquet").num_rows < 8
    tags = tables_path(runs[-1].run, "03_tag") / "tags"
    assert [str(file.relative_to(tags)) for file in tags.rglob("*.parquet")] == [
        "view/part-0.parquet"
    ]


def test_a_tag_expires_by_the_date_alone(runs):
    last = runs[-1].frame("tags")
    assert set(last["as_of_date"].astype(str)) == {"2017-01-25"}
    entered = last.loc[last["tag"] == "often", "entered_date"].astype(str)
    assert set(entered) <= {"2017-01-10", "2017-01-25"}  # 20 days after the first it ended
    history = runs[-1].frame("tag_history")
    assert (history["tag"].eq("often") & history["left_date"].isna()).sum() > len(entered)


def test_an_earlier_run_may_be_deleted_and_is_never_written_to(runs):
    first, second, last = (stage.run for stage in runs)
    before, known = hashes(first), frames(runs[-1])
    shutil.rmtree(second)
    assert hashes(first) == before
    shutil.rmtree(first)
    for name, frame in known.items():
        pd.testing.assert_frame_equal(frame, Stage("05_decide", last).frame(name))


def test_the_same_run_again_has_the_same_bytes(runs, tmp_path):
    people = {
        row.customer_id: (row.frequency, row.gap_mean_days, row.lifecycle)
        for row in runs[-1].frame("profiles").itertuples()
    }
    rules = (OFTEN, rule("slow", "gap_mean_days > 2"))
    again = run_03(tmp_path / "again", people, "2017-01-25", rules, runs[1].run)
    for name in ("tag_history", "tags", "tag_rules"):
        ours, theirs = (tables_path(run.run, "03_tag") / name for run in (again, runs[-1]))
        assert hashes(ours) == hashes(theirs)


def test_a_file_system_without_links_gets_a_copy(runs, tmp_path, monkeypatch):
    def no_link(source, target):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", no_link)
    people = {
        row.customer_id: (row.frequency, row.gap_mean_days, row.lifecycle)
        for row in runs[-1].frame("profiles").itertuples()
    }
    rules = (OFTEN, rule("slow", "gap_mean_days > 2"))
    copied = run_03(tmp_path / "copied", people, "2017-01-25", rules, runs[1].run)
    file = history_path(copied.run) / "base/part-0.parquet"
    assert not file.samefile(history_path(runs[0].run) / "part-0.parquet")
    assert_same_tables(copied, runs[-1])


def test_every_reader_sees_plain_rows(runs, tmp_path):
    last = runs[-1]
    history, tags = last.table("tag_history"), last.table("tags")
    tables = EarlierTags(last.table("profiles"), history, last.table("tag_rules"))
    for who in ("c00", "c01", "c02", "c30"):
        carried = {one.tag for one in explain_customer(tables, who) if one.is_carried}
        assert carried == set(tags.filter(tags.customer_id == who).tag.execute())
        rows = history.filter(history.customer_id == who)
        assert rows.count().execute() == rows.distinct().count().execute()
    stage = Stage("03_tag", tmp_path / "next", last.engine)
    earlier = stage.earlier_table(str(last.run), "tags")
    assert earlier.count().execute() == tags.count().execute()


def test_the_query_of_the_docs_reads_them_without_campanile(runs):
    text = (PROJECT_ROOT / "docs/tags.md").read_text(encoding="utf-8")
    query = text.split("```sql\n")[1].split("```")[0]
    found = duckdb.sql(query.replace("runs/latest", str(runs[-1].run))).df()
    tags = runs[-1].frame("tags")
    assert len(found) == len(tags)
    assert set(zip(found["customer_id"], found["tag"], strict=True)) == set(
        zip(tags["customer_id"], tags["tag"], strict=True)
    )


# --- what is small, large, wrong, or broken off --------------------------------------------------


def test_a_small_table_is_written_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "FEWEST_ROWS", 10_000)
    people = shop(random.Random(1), PEOPLE)
    run_03(tmp_path / "one", people, "2017-01-01", (OFTEN,))
    run_03(tmp_path / "two", people, "2017-01-02", (OFTEN,), tmp_path / "one")
    assert not is_replaced(history_path(tmp_path / "two"))


def test_replacements_add_up_until_all_is_written_whole_again(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "LARGEST_SHARE", 0.2)
    people = {who: (5, 1.0, "new") for who in PEOPLE}
    run_03(tmp_path / "0", people, "2017-01-01", (OFTEN,))
    forms = []
    for number in range(1, 6):  # three more leave each time: 3, 6, then 9 of 40 rows
        people |= {who: (1, 1.0, "new") for who in PEOPLE[3 * number - 3 : 3 * number]}
        previous = tmp_path / f"{number - 1}"
        run_03(tmp_path / f"{number}", people, f"2017-01-0{number + 1}", (OFTEN,), previous)
        forms.append(is_replaced(history_path(tmp_path / f"{number}")))
    assert forms == [True, True, False, True, True]


def test_other_days_of_expiry_are_written_for_all(tmp_path):
    people = {who: (5, 1.0, "new") for who in PEOPLE}
    run_03(tmp_path / "one", people, "2017-01-01", (OFTEN,))
    rules = (rule("often", OFTEN.rule, expires_days=5),)
    two = run_03(tmp_path / "two", people, "2017-01-02", rules, tmp_path / "one")
    assert not is_replaced(history_path(two.run))
    assert set(two.frame("tag_history")["expires_date"].astype(str)) == {"2017-01-06"}


def test_rows_of_somebody_who_is_not_replaced_are_refused(runs, tmp_path):
    stage = open_stage("03_tag", str(tmp_path / "wrong"))
    history = stage.earlier_table(str(runs[1].run), "tag_history")
    nobody = history.select("customer_id").limit(0)
    replacement = Replacement(nobody, history.limit(1))
    with pytest.raises(SchemaError, match="only of those who are replaced, but 1 are of others"):
        stage.write_onward("tag_history", history, str(runs[1].run), replacement)
    assert not (staging_path(stage.run, "03_tag") / "tables" / "tag_history").exists()


def test_a_view_waits_for_what_it_views(runs, tmp_path):
    stage = open_stage("03_tag", str(tmp_path / "early"))
    tags = stage.earlier_table(str(runs[1].run), "tags")
    with pytest.raises(StageOrderError, match="tag_history first"):
        stage.write_view("tags", tags, as_of_date="2017-01-10")


KILLED = """
import os, random, signal
from pathlib import Path
from src.data import stored
from tests.features.test_tag_generations import OFTEN, PEOPLE, rule, run_03, shop
stored.FEWEST_ROWS, stored.LARGEST_SHARE = 1, 0.5
{kill}
people = shop(random.Random(1), PEOPLE) | {{"c00": (0, 4.0, "new"), "c01": (3, 4.0, "new")}}
run_03(Path("{folder}"), people, "2017-01-20", (OFTEN, rule("slow", "gap_mean_days > 2")),
       Path("{previous}"))
"""
KILLS = {
    "before the link": "os.link = lambda *_: os.kill(os.getpid(), signal.SIGKILL)",
    "after the link": "stored.write_view = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    "import src.stage; src.stage.write_view = stored.write_view",
}


@pytest.mark.parametrize("kill", KILLS.values(), ids=KILLS)
def test_a_killed_run_leaves_nothing_half_written(runs, tmp_path, kill):
    before = hashes(runs[0].run)
    folder = tmp_path / "killed"

    def attempt(kill):
        script = KILLED.format(kill=kill, folder=folder, previous=runs[1].run)
        return subprocess.run([sys.executable, "-c", script], cwd=PROJECT_ROOT, check=False)

    assert attempt(kill).returncode == -9
    assert staging_path(folder, "03_tag").is_dir()
    assert not tables_path(folder, "03_tag").exists()
    assert hashes(runs[0].run) == before
    assert attempt("").returncode == 0
    assert is_replaced(history_path(folder))
    assert not staging_path(folder, "03_tag").exists()
    assert hashes(runs[0].run) == before
