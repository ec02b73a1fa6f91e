"""A whole rehearsal by the real path: killed and resumed, with scanners and without."""

from contextlib import contextmanager
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import yaml

from src.errors import ParameterError
from src.ledger import count_states, open_ledger
from src.rehearsal.letters import deliver_letters, has_open
from src.rehearsal.page import write_page
from src.rehearsal.rehearse import Plan, rehearse
from src.rehearsal.world import World
from src.root import PROJECT_ROOT

N, WAVES, SEED = 800, 2, 11
SCANNED = World(bot_share=0.3, budget_share=0.3, p_unsubscribe=0.05)
PROGRAM = """
import json, sys
from pathlib import Path
from src.rehearsal.rehearse import Plan, rehearse
from src.rehearsal.world import World
world = World.model_validate_json(sys.argv[2])
rehearse(Plan("params/rehearsal.yaml", world, *json.loads(sys.argv[3])), Path(sys.argv[1]))
"""
NAMES = "profit estimate lower upper truth oracle nobody everybody random rfm".split()

pytestmark = [
    pytest.mark.notebook,
    pytest.mark.xdist_group("rehearsal"),
    pytest.mark.timeout(1_800),
]


def start(folder, world):
    """Begin, or go on with, a rehearsal in a process of its own."""
    numbers = json.dumps([N, WAVES, SEED])
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, folder, world.model_dump_json(), numbers],
        cwd=PROJECT_ROOT,
        env=os.environ | {"PYTHONPATH": "."},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def figures_of(folder):
    waves = json.loads((folder / "rehearsal.json").read_text())["waves"]
    return [{name: wave[name] for name in wave if name != "seconds"} for wave in waves]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, keys, mlflow_store):
    """A rehearsal that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    rehearse(Plan("params/rehearsal.yaml", SCANNED, N, WAVES, SEED), folder)
    return folder


def n_letters(folder, wave):
    file = folder / "truth" / f"wave-{wave}" / "letters.jsonl"
    return file.read_bytes().count(b'"key"') if file.exists() else 0


def is_finished(folder, wave, stage):
    file = folder / f"wave-{wave}" / "run.json"
    try:
        return stage in json.loads(file.read_text())["stages"]
    except (OSError, ValueError):
        return False


KILLS = {
    "while models are learnt": lambda folder: is_finished(folder, 1, "03_tag"),
    "in the middle of sending": lambda folder: n_letters(folder, 1) >= 20,
    "when readers have acted": lambda folder: (folder / "truth/wave-1/acted.json").exists(),
    "while it is measured again": lambda folder: (
        (folder / "wave-1/.staging/02_clean").exists()
        and (folder / "truth/wave-1/acted.json").exists()
    ),
    "between two waves": lambda folder: (folder / "truth/wave-1/figures.json").exists(),
    "while the second is decided": lambda folder: is_finished(folder, 2, "02_clean"),
}


def test_killed_at_six_moments_it_ends_with_the_same_figures(whole, tmp_path):
    folder = tmp_path / "killed"
    for moment, has_come in KILLS.items():
        process = start(folder, SCANNED)
        deadline = time.monotonic() + 300
        while not has_come(folder) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.poll() is None, f"{moment}: {process.stderr.read().decode()[-2000:]}"
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = start(folder, SCANNED)
    _, told = process.communicate(timeout=600)
    assert process.returncode == 0, told.decode()[-2000:]
    assert figures_of(folder) == figures_of(whole)


def test_every_wave_has_its_figures(whole):
    waves = figures_of(whole)
    assert [wave["wave"] for wave in waves] == [1, 2]
    for wave in waves:
        assert set(NAMES) <= set(wave)
        assert wave["nobody"] == 0.0
        assert wave["lower"] <= wave["estimate"] <= wave["upper"]
        assert wave["oracle"] >= max(
            wave[name] for name in ("profit", "everybody", "random", "rfm")
        )
        assert 0 < wave["n_letters"] <= wave["n_messages"]
    assert waves[0]["mode"] == "explore"


def test_only_who_may_be_written_to_got_a_letter(whole):
    for wave in figures_of(whole):
        assert wave["n_messages"] <= 1.15 * wave["budget"]
    for number in (1, 2):
        log = pd.read_parquet(whole / f"wave-{number}/tables/07_send/send_log")
        assert set(log["state"]) <= {"SENT", "FAILED", "SUPPRESSED"}
        assert log["state"].eq("SENT").sum() == n_letters(whole, number)


def test_the_second_campaign_learns_from_the_first(whole):
    drawn = pd.read_parquet(whole / "wave-1/tables/05_decide/decisions")
    exposures = pd.read_parquet(whole / "wave-2/tables/02_clean/exposures")
    assert exposures["campaign_id"].eq("wave_1").all()
    assert len(exposures) == drawn["action"].ne("none").sum()


def test_who_left_is_not_written_to_again(whole):
    results = json.loads((whole / "wave-1/results/08_measure.json").read_text())
    log = pd.read_parquet(whole / "wave-2/tables/05_decide/decisions")
    assert results["n_unsubscribed_treated"] > 0
    assert log["reason"].str.contains("unsubscribed").any()


def test_scanners_change_no_decision(whole, tmp_path):
    quiet = SCANNED.model_copy(update={"bot_share": 0.0})
    rehearse(Plan("params/rehearsal.yaml", quiet, N, WAVES, SEED), tmp_path / "quiet")
    for number in (1, 2):
        with_bots, without = (
            pd.read_parquet(folder / f"wave-{number}/tables/05_decide/decisions")
            for folder in (whole, tmp_path / "quiet")
        )
        pd.testing.assert_frame_equal(with_bots, without)
    clicks = [
        json.loads((folder / "truth/wave-1/acted.json").read_text())
        for folder in (whole, tmp_path / "quiet")
    ]
    assert clicks[0]["204"] > 20  # the hidden link, which only scanners follow
    assert "204" not in clicks[1]


def test_another_plan_in_the_same_folder_is_refused(whole):
    with pytest.raises(ParameterError, match="another seed"):
        rehearse(Plan("params/rehearsal.yaml", SCANNED, N, WAVES, SEED + 1), whole)


def test_the_page_says_what_the_figures_say(whole):
    text = write_page(whole / "rehearsal.json").read_text(encoding="utf-8")
    for wave in figures_of(whole):
        assert f"{wave['truth']:,.0f}" in text
        assert wave["verdict"] in text
    assert Path(whole / "rehearsal.html").stat().st_size < 1_000_000


def test_letters_that_were_put_off_are_sent_later_in_the_day(tmp_path, monkeypatch):
    """As if a sender outlived a kill: its mail server is gone, and 07's clock stands still."""
    ports = []

    @contextmanager
    def away_at_first(*arguments):
        with deliver_letters(*arguments) as (letters, channel):
            fields = yaml.safe_load(channel.read_text())
            ports.append(fields["port"])
            channel.write_text(yaml.safe_dump(fields | {"port": 1}))
            yield letters, channel

    def comes_back(shop, campaign):
        channel = shop.folder / "channels/rehearsal.yaml"
        fields = yaml.safe_load(channel.read_text())
        if fields["port"] == 1:
            with open_ledger(shop.folder, shop.ledger_url) as ledger:
                assert set(count_states(ledger, "wave_1")) <= {"DEFERRED", "PLANNED", "CLAIMED"}
        channel.write_text(yaml.safe_dump(fields | {"port": ports[-1]}))
        return has_open(shop, campaign)

    monkeypatch.setattr("src.rehearsal.wave.deliver_letters", away_at_first)
    monkeypatch.setattr("src.rehearsal.wave.has_open", comes_back)
    rehearse(Plan("params/rehearsal.yaml", SCANNED, N, 1, SEED), tmp_path)
    (wave,) = figures_of(tmp_path)
    log = pd.read_parquet(tmp_path / "wave-1/tables/07_send/send_log")
    assert set(log["state"]) == {"SENT", "FAILED"}
    assert log["state"].eq("SENT").sum() == wave["n_letters"] == n_letters(tmp_path, 1) > 100
    assert log.loc[log["state"].eq("FAILED"), "reason"].str.startswith("550").all()
