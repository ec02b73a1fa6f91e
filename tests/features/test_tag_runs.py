"""Tags from run to run, through the door of a stage: bytes, earlier runs, the future."""

import datetime as dt
import hashlib
import json

import pandas as pd
import pytest

from src.errors import ParameterError, StageOrderError
from src.features.tag_changes import read_earlier_tags
from src.features.tag_history import build_tags
from src.features.tags import TagRule
from src.stage import Stage, publish, staging_path, tables_path

RULES = (
    TagRule(name="often", meaning="m", rule="frequency >= 5", owner="o", expires_days=90),
    TagRule(name="top", meaning="m", rule="frequency > quantile(frequency, 0.5)", owner="o"),
)
WRITTEN = ("tags", "tag_history", "tag_rules")


def profiles_of(date, **frequencies):
    return pd.DataFrame(
        [(who, dt.date.fromisoformat(date), n) for who, n in frequencies.items()],
        columns=["customer_id", "as_of_date", "frequency"],
    )


@pytest.fixture
def tag(tmp_path, engine):
    """Do what 03 does about tags; give the hashes of the files it publishes."""

    def run(name, date, previous="", source="params/sources/a.yaml", **frequencies):
        folder = tmp_path / name
        stage = Stage("03_tag", folder, engine)
        record_run(folder, date, source)
        earlier = read_earlier_tags(stage, previous and str(tmp_path / previous), date)
        path = staging_path(folder, "03_tag") / "tables" / "profiles"
        path.mkdir(parents=True)
        frame = profiles_of(date, **frequencies)
        frame.to_parquet(path / "part-0.parquet")
        profiles = engine.read_parquet(str(path / "part-0.parquet"))
        tables = build_tags(profiles, RULES, date, earlier)
        for table, content in zip(
            WRITTEN, (tables.tags, tables.history, tables.rules), strict=True
        ):
            stage.write(table, content)
        publish(folder, "03_tag")
        return hashes(folder)

    return run


def record_run(folder, date, source):
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps({"as_of_date": date}))
    (folder / "params.yaml").write_text(f"01_ingest:\n  source: {source}\n")


def hashes(folder):
    written = tables_path(folder, "03_tag")
    return {
        name: [hashlib.sha256(f.read_bytes()).hexdigest() for f in (written / name).iterdir()]
        for name in WRITTEN
    }


def test_a_run_again_gives_the_same_bytes_and_enters_nothing_twice(tag):
    tag("one", "2017-01-31", a=5, b=9, c=1, d=2)
    two = tag("two", "2017-02-28", "one", a=4, b=9, c=5, d=9)
    assert tag("two", "2017-02-28", "one", a=4, b=9, c=5, d=9) == two
    assert tag("three", "2017-02-28", "two", a=4, b=9, c=5, d=9) == two
    assert tag("four", "2017-02-28", "three", a=4, b=9, c=5, d=9) == two


def test_a_mistaken_run_of_a_date_leaves_no_trace(tag):
    tag("one", "2017-01-31", a=5, b=9, c=1, d=2)
    two = tag("two", "2017-02-28", "one", a=4, b=9, c=5, d=9)
    tag("mistaken", "2017-02-28", "one", a=9, b=1, d=7, e=8)
    assert tag("mended", "2017-02-28", "mistaken", a=4, b=9, c=5, d=9) == two


def test_history_that_is_later_changes_no_byte(tag):
    tag("one", "2017-01-31", a=5, b=9, c=1, d=2)
    two = tag("two", "2017-02-28", "one", a=4, b=9, c=5, d=9)
    tag("later", "2017-03-31", "two", a=50, b=0, c=0, d=0, e=90)
    assert tag("again", "2017-02-28", "one", a=4, b=9, c=5, d=9) == two
    with pytest.raises(ParameterError, match=r"as of 2017-02-28 or before.*is as of 2017-03-31"):
        tag("forbidden", "2017-02-28", "later", a=4, b=9, c=5, d=9)


def test_a_run_without_a_record_is_held_against_the_date_of_its_profiles(tag, tmp_path):
    tag("later", "2017-03-31", a=5)
    (tmp_path / "later" / "run.json").unlink()
    with pytest.raises(ParameterError, match="is as of 2017-03-31; name an older run"):
        tag("one", "2017-02-28", "later", a=5)


def test_an_earlier_run_must_be_there_another_and_of_the_same_shop(tag, tmp_path):
    tag("one", "2017-01-31", a=5)
    with pytest.raises(StageOrderError, match="found none; name a run whose 03_tag is finished"):
        tag("two", "2017-02-28", "nowhere", a=5)
    with pytest.raises(StageOrderError, match="Expected another run than this one"):
        tag("one", "2017-02-28", "one", a=5)
    with pytest.raises(ParameterError, match=r"of params/sources/b\.yaml, but .* is of params"):
        tag("three", "2017-02-28", "one", source="params/sources/b.yaml", a=5)


def test_every_table_of_a_later_run_is_refused(tag, tmp_path, engine):
    tag("later", "2017-03-31", a=5)
    record_run(tmp_path / "one", "2017-02-28", "params/sources/a.yaml")
    stage = Stage("03_tag", tmp_path / "one", engine)
    with pytest.raises(ParameterError, match=r"as of 2017-02-28 or before.*is as of 2017-03-31"):
        stage.earlier_table(str(tmp_path / "later"), "tags")
    record_run(tmp_path / "one", "2017-03-31", "params/sources/a.yaml")
    assert stage.earlier_table(str(tmp_path / "later"), "tags").count().execute() == 1


def test_no_earlier_run_is_no_error(engine, tmp_path):
    assert Stage("03_tag", tmp_path, engine).earlier_table("", "profiles") is None
