"""`campanile tags check` and `why`, as a person sees them."""

import datetime as dt
import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from src.cli import app
from src.engine import connect
from src.errors import MarketingError
from src.features.tag_history import build_tags
from src.features.tags import TagRule
from src.stage import Stage, publish, staging_path

DAY = "2017-09-30"


def tell(*words):
    return CliRunner().invoke(app, ["tags", *map(str, words)], env={"COLUMNS": "100"})


@pytest.fixture
def rules_file(tmp_path):
    def write(*rules):
        file = tmp_path / "tags.yaml"
        file.write_text(
            "tags:\n" + "".join(
                f'- {{name: t{i}, meaning: m, owner: o, rule: "{rule}"}}\n'
                for i, rule in enumerate(rules)
            ), encoding="utf-8",
        )  # fmt: skip
        return file

    return write


@pytest.fixture
def a_run(tmp_path, monkeypatch):
    """A run of two customers: a comes often, b has no gap between orders."""
    monkeypatch.setattr("src.tag_commands.PROJECT_ROOT", tmp_path)
    folder = tmp_path / "runs" / "one"
    rows = [("aa11", dt.date(2017, 9, 30), 9, 2.5), ("bb22", dt.date(2017, 9, 30), 1, None)]
    columns = ["customer_id", "as_of_date", "frequency", "gap_mean_days"]
    path = staging_path(folder, "03_tag") / "tables" / "profiles"
    path.mkdir(parents=True)
    pd.DataFrame(rows, columns=columns).to_parquet(path / "part-0.parquet")
    (folder / "run.json").write_text(json.dumps({"run_id": "one", "stages": {}}))
    stage = Stage("03_tag", folder, connect())
    rules = (
        TagRule(name="often", meaning="Comes often.", rule="frequency >= 5 and frequency < 99",
                owner="crm", expires_days=30),
        TagRule(name="regular", meaning="Comes in a rhythm.", owner="crm",
                rule="gap_mean_days <= quantile(gap_mean_days, 0.5) and frequency > 0"),
    )  # fmt: skip
    tables = build_tags(stage.engine.read_parquet(str(path / "part-0.parquet")), rules, DAY)
    for name, table in zip(
        ("tags", "tag_history", "tag_rules"), (tables.tags, tables.history, tables.rules),
        strict=True,
    ):  # fmt: skip
        stage.write(name, table)
    publish(folder, "03_tag")
    (tmp_path / "runs" / "latest").symlink_to("one")
    return folder


def test_sound_rules_are_said_to_be_sound():
    answer = tell("check")
    assert answer.exit_code == 0
    assert "champion              ok\n" in answer.stdout
    assert answer.stdout.endswith("params/tags.yaml: 12 of 12 tags are sound.\n")


def test_every_error_is_shown_with_a_mark_under_its_place(rules_file):
    answer = tell("check", rules_file("frequency > 1", "frequency > 1 and recency_dys < 3", "(1"))
    assert answer.exit_code == 1
    lines = answer.stdout.splitlines()
    assert lines[:5] == [
        "t0  ok",
        "t1  ERROR  line 3",
        "    frequency > 1 and recency_dys < 3",
        "                      ^",
        "    Expected a column of profiles, found 'recency_dys' at position 19; "
        "did you mean 'recency_days'?",
    ]
    assert lines[6:8] == ["    (1", "    ^"]
    assert lines[-1].endswith("1 of 3 tags are sound.")


def test_the_mark_of_a_long_or_wide_rule_stays_under_its_place(rules_file):
    long = "frequency > 1 and " * 20 + "zzz > 3"
    wide = "top_department = '食品' and zzz > 3"
    lines = tell("check", rules_file(long, wide)).stdout.splitlines()
    assert lines[1].startswith("    ... ")
    assert lines[1][lines[2].index("^") :].startswith("zzz > 3")
    # two signs of two columns each stand before the mark
    assert lines[5].index("zzz") + 2 == lines[6].index("^")


def test_a_run_gives_sizes_and_marks_rules_for_nobody_and_everybody(rules_file, a_run):
    rules = (
        "frequency > 5",
        "frequency > 50",
        "frequency > 0",
        "frequency >= quantile(frequency, 1)",
    )
    answer = tell("check", rules_file(*rules), "--run", "one")
    assert answer.exit_code == 0
    assert answer.stdout.splitlines()[:4] == [
        "t0  ok     1 of 2 customers (50.0%)",
        "t1  ok     0 of 2 customers: selects NOBODY",
        "t2  ok     2 of 2 customers: selects EVERYBODY",
        "t3  ok     1 of 2 customers (50.0%)",
    ]


def test_a_rule_on_a_feature_that_the_run_lacks_selects_nobody(rules_file, a_run):
    answer = tell("check", rules_file("recency_days > 5", "frequency > 5"), "--run", "one")
    assert answer.exit_code == 0
    assert answer.stdout.splitlines()[:2] == [
        "t0  ok     names a column that this run lacks: selects NOBODY",
        "t1  ok     1 of 2 customers (50.0%)",
    ]


def test_why_tells_since_when_and_what_decided(a_run):
    answer = tell("why", "aa")
    assert answer.exit_code == 0
    assert answer.stdout.splitlines() == [
        "aa11, as of 2017-09-30: 2 of 2 tags",
        "",
        "often: YES, since 2017-09-30, until 2017-10-30 at the latest",
        "  means    Comes often.",
        "  rule     frequency >= 5 and frequency < 99",
        "  values   frequency = 9",
        "  because  frequency >= 5: holds",
        "           frequency < 99: holds",
        "",
        "regular: YES, since 2017-09-30",
        "  means    Comes in a rhythm.",
        "  rule     gap_mean_days <= quantile(gap_mean_days, 0.5) and frequency > 0",
        "  values   frequency = 1, gap_mean_days = missing, quantile(gap_mean_days, 0.5) = 2.5"
        .replace("= 1,", "= 9,").replace("missing", "2.5"),
        "  because  gap_mean_days <= quantile(gap_mean_days, 0.5): holds",
        "           frequency > 0: holds",
    ]  # fmt: skip


def test_why_tells_what_fails_and_what_is_missing(a_run):
    lines = tell("why", "bb22", "--run", "latest").stdout.splitlines()
    assert "often: no" in lines
    assert "  because  frequency >= 5: does not hold" in lines
    assert "regular: no: a value is missing" in lines
    assert "  because  gap_mean_days <= quantile(gap_mean_days, 0.5): cannot be known" in lines
    only = tell("why", "bb22", "--tag", "often").stdout
    assert "regular" not in only


@pytest.mark.parametrize(
    ("words", "telling"),
    [
        (("why", "zz"), "found nobody for 'zz'"),
        (("why", "aa", "--run", "none"), "Expected a run at none"),
        (("why", "aa", "--run", "../one"), "Expected a plain name below runs/"),
        (("why", "aa", "--tag", "oftn"), "Expected a tag of that run, found 'oftn'"),
        (("check", "nowhere.yaml"), "at nowhere.yaml, found none"),
        (("check", "--run", "none"), "Expected a run at none"),
    ],
)
def test_mistakes_are_told_in_one_sentence(a_run, words, telling):
    error = tell(*words).exception
    assert isinstance(error, MarketingError)
    assert telling in str(error)
    assert "\n" not in str(error)
