"""Bad inputs: one sentence, exit code 2, no traceback, nothing half-written."""

import shutil
import uuid

import pytest
import yaml

from src import cli
from src.root import PROJECT_ROOT

DEMO = """
run: {as_of_date: "2017-09-30", seed: 1, campaign: params/campaigns/autumn_coupon.yaml}
01_ingest: {source: params/sources/complete_journey.yaml, max_customers: 300}
"""


def refuse(monkeypatch, capsys, *arguments: str) -> str:
    """Call the command, expect its refusal, and return what it said."""
    name = f"refused-{uuid.uuid4()}"
    if arguments[0] == "run" and "--run-id" not in arguments:
        arguments = (*arguments, "--run-id", name)
    monkeypatch.setattr("sys.argv", ["campanile", *arguments])
    monkeypatch.setattr(cli.console, "soft_wrap", True)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert "Traceback" not in said
    assert not (PROJECT_ROOT / "runs" / name).exists()
    return " ".join(said.split())


# what is wrong | the params file | what the sentence must tell
PARAMS = {
    "empty file": ("", ["blocks", "NoneType", "params/demo.yaml"]),
    "a list": ("- a\n- b\n", ["blocks", "list"]),
    "broken YAML": ("run: {as_of_date: '2017\n", ["YAML", "line"]),
    "tab indent": ("run:\n\tseed: 1\n", ["YAML", "line 2"]),
    "key twice": (DEMO + "run: {seed: 2}\n", ["'run' is given twice"]),
    "name twice": ("run:\n  seed: 1\n  seed: 2\n", ["'seed' is given twice", "line 3"]),
    "unknown block": (DEMO + "05_decied: {}\n", ["'05_decied'", "did you mean '05_decide'"]),
    "block without values": ("run: {seed: 1}\n05_decide: 3\n", ["'05_decide'", "found 3"]),
    "unknown parameter": (
        DEMO + "05_decide: {holdout_shar: 0.1}\n",
        ["did you mean 'holdout_share'"],
    ),
    "unknown run name": ("run: {sed: 1}\n", ["'sed'", "did you mean 'seed'"]),
    "run_dir in a block": (DEMO + "03_tag: {run_dir: x}\n", ["03_tag", "run_dir"]),
    "text for a number": (DEMO + "05_decide: {holdout_share: lots}\n", ["float", "'lots'"]),
    "truth for a number": (DEMO + "05_decide: {holdout_share: true}\n", ["float", "True"]),
    "real for a whole number": ("run: {seed: 1.5}\n", ["int", "1.5"]),
    "number for a text": ("run: {campaign: 3}\n", ["str", "found 3"]),
    "bare date": ("run: {as_of_date: 2017-09-30}\n", ["date in quotes", "'2017-09-30'"]),
    "no such day": ("run: {as_of_date: '2017-02-30'}\n", ["ISO date", "2017-02-30"]),
    "date in words": ("run: {as_of_date: 'last week'}\n", ["ISO date", "last week"]),
    "missing source": (
        DEMO.replace("complete_journey", "nowhere"),
        ["params/sources/nowhere.yaml"],
    ),
    "missing campaign": (
        DEMO.replace("autumn_coupon", "nothing"),
        ["params/campaigns/nothing.yaml"],
    ),
    "missing tag rules": (DEMO + "03_tag: {tag_rules: params/no.yaml}\n", ["params/no.yaml"]),
}


@pytest.mark.parametrize("case", PARAMS)
def test_bad_params_are_refused_before_anything_starts(case, tmp_path, monkeypatch, capsys):
    text, telling = PARAMS[case]
    file = tmp_path / "bad.yaml"
    file.write_text(text, encoding="utf-8")
    said = refuse(monkeypatch, capsys, "run", str(file))
    for part in telling:
        assert part in said


def test_missing_params_file_is_named(monkeypatch, capsys):
    assert "params/nowhere.yaml" in refuse(monkeypatch, capsys, "run", "params/nowhere.yaml")


def test_params_that_are_no_text_are_refused(tmp_path, monkeypatch, capsys):
    file = tmp_path / "binary.yaml"
    file.write_bytes(b"run: {seed: \xff\xfe}")
    assert "UTF-8" in refuse(monkeypatch, capsys, "run", str(file))


# what is wrong | arguments | what the sentence must tell
ARGUMENTS = {
    "unknown stage": (["run", "params/smoke.yaml", "--from", "09"], "'09'"),
    "stages the wrong way": (["run", "params/smoke.yaml", "--from", "05", "--to", "03"], "before"),
    "override without name": (["run", "params/smoke.yaml", "--set", "05_decide=1"], "BLOCK.NAME"),
    "override of nothing": (["run", "params/smoke.yaml", "--set", "05_decide.x=1"], "'x'"),
    "resume of no run": (["resume", "no-such-run"], "no-such-run"),
    "report of no run": (["report", "no-such-run"], "no-such-run"),
    "run outside runs": (["resume", "../elsewhere"], "plain name"),
    "start in the middle of nothing": (
        ["run", "params/smoke.yaml", "--from", "04", "--run-id", "no-such-run"],
        "no-such-run",
    ),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_bad_arguments_are_refused(case, monkeypatch, capsys):
    arguments, telling = ARGUMENTS[case]
    assert telling in refuse(monkeypatch, capsys, *arguments)


# what is wrong | path of keys in the campaign file | new value (None removes) | telling part
CAMPAIGNS = {
    "unknown field": (["actions", "ten_percent", "discuont_share"], 0.1, "discuont_share"),
    "share above one": (["margin_share"], 1.5, "margin_share"),
    "negative cost": (["actions", "ten_percent", "cost_value"], -1, "cost_value"),
    "no actions": (["actions"], {}, "actions"),
    "an action called control": (
        ["actions", "control"],
        {"label": "x", "template": "y"},
        "control",
    ),
    "no goal": (["goal"], None, "goal"),
    "unknown channel": (["channel"], "pigeon", "channel"),
}


@pytest.mark.parametrize("case", CAMPAIGNS)
def test_bad_campaigns_are_refused(case, tmp_path, monkeypatch, capsys):
    path, value, telling = CAMPAIGNS[case]
    campaign = yaml.safe_load((PROJECT_ROOT / "params/campaigns/autumn_coupon.yaml").read_text())
    place = campaign
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    file = tmp_path / "campaign.yaml"
    file.write_text(yaml.safe_dump(campaign), encoding="utf-8")
    params = tmp_path / "params.yaml"
    params.write_text(DEMO.replace("params/campaigns/autumn_coupon.yaml", str(file)))
    said = refuse(monkeypatch, capsys, "run", str(params))
    assert telling in said
    assert file.name in said


def test_a_run_that_exists_is_not_written_over(tmp_path, monkeypatch, capsys):
    run = PROJECT_ROOT / "runs" / f"taken-{tmp_path.name}"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    try:
        said = refuse(monkeypatch, capsys, "run", "params/smoke.yaml", "--run-id", run.name)
        assert "exists" in said
    finally:
        shutil.rmtree(run)
