"""One campaign by letter, text message and push: decided, written, sent live, and measured."""

import datetime as dt
import json
import shutil

import pandas as pd
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner
import yaml

from src import cli
from src.ledger import open_ledger, record_consents
from src.ledger.people import read_people, record_people
from src.params import PROJECT_ROOT
from src.pipeline import run
from src.send import crew
from tests.reliability.sinks import start_sink

CHANNELS = ("email", "sms", "push")
AGREED_AT = pd.Timestamp("2017-01-02T08:00:00Z")
NOON = dt.datetime.combine(dt.date.today(), dt.time(11), dt.UTC) + dt.timedelta(days=3)
"""In three days, when the sending window has opened and nobody in Berlin sleeps."""


def enter_contacts(folder):
    """Give everybody of the run a telephone and an account, and agreement to both."""
    with open_ledger(folder) as ledger:
        with ledger.read() as connection:
            ids = sorted(connection.scalars(sa.text("SELECT customer_id FROM people")))
            people = read_people(connection, ids)
        frame = pd.DataFrame({"customer_id": ids})
        names = {
            name: [getattr(people[key], name) for key in ids]
            for name in ("first_name", "last_name", "email")
        }
        phones = [f"+4930{1234567 + i}" for i in range(len(ids))]
        record_people(ledger, frame.assign(**names, phone=phones, webhook=[f"@{i}" for i in ids]))
        said = {"purpose": "marketing", "is_granted": True, "source": "form", "wording": "Yes."}
        for channel in CHANNELS[1:]:
            record_consents(ledger, frame.assign(channel=channel, recorded_at=AGREED_AT, **said))


def write_campaign(folder):
    """The shop's campaign with a third and a fourth arm, and a window that opens in two days."""
    file = PROJECT_ROOT / "params" / "campaigns" / "autumn_coupon.yaml"
    campaign = yaml.safe_load(file.read_text())
    campaign["campaign_id"] = "three_ways"
    opens_on = dt.date.today() + dt.timedelta(days=2)
    campaign["sending"] = {"start_date": opens_on.isoformat(), "from_hour": 9, "to_hour": 20}
    letter = campaign["actions"].pop("five_dollars")
    campaign["actions"]["by_text"] = letter | {"label": "By text", "channel": "sms"}
    campaign["actions"]["by_push"] = letter | {"label": "By push", "channel": "push"}
    (folder / "campaign.yaml").write_text(yaml.safe_dump(campaign, sort_keys=False))
    return str(folder / "campaign.yaml")


def write_channels(folder, port, address):
    common = {"allow_loopback": True, "seconds": 5, "n_at_once": 2}
    sms = {"provider": "generic", "sender": "Shop", "token": "env:SMS_TOKEN"}
    files = {
        "relay": {"kind": "smtp", "host": "127.0.0.1", "port": port, "tls": "none"},
        "sms": {"kind": "sms", "url": f"{address}/sms"} | sms | common,
        "push": {"kind": "webhook", "secret": "env:HOOK_SECRET", "url": f"{address}/push"} | common,
    }
    for name, fields in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(fields))
    return str(folder / "relay.yaml")


def states(folder):
    query = (
        "SELECT channel, state, count(*) FROM messages WHERE campaign_id = 'three_ways' "
        "GROUP BY channel, state"
    )
    with open_ledger(folder) as ledger, ledger.read() as connection:
        rows = connection.execute(sa.text(query)).all()
    return {(channel, state): n for channel, state, n in rows}


def send(folder, monkeypatch):
    monkeypatch.setattr(cli, "_run_dir", lambda _: str(folder))
    answer = CliRunner().invoke(cli.app, ["send", folder.name, "--live"], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output


@pytest.mark.timeout(900)
def test_three_channels_wait_for_their_window_and_then_go_once(
    smoke_run,
    tmp_path,
    monkeypatch,
    gateway,
    secrets,
):
    folder = tmp_path / "run"
    shutil.copytree(smoke_run, folder)
    enter_contacts(folder)
    with start_sink(tmp_path / "sink") as sink:
        file = write_channels(tmp_path, sink.port, gateway.url)
        campaign = write_campaign(tmp_path)
        stages = ("05_decide", "06_campaign", "07_send", "08_measure")
        choices = [f"{stage}.campaign={campaign}" for stage in stages]
        choices.append(f"07_send.channel_file={file}")
        run(str(folder / "params.yaml"), str(folder), choices, "05", "08")
        planned = {channel: n for (channel, state), n in states(folder).items()}
        assert set(planned) == set(CHANNELS)

        send(folder, monkeypatch)
        assert states(folder) == {(channel, "DEFERRED"): n for channel, n in planned.items()}
        assert (sink.keys(), gateway.seen) == ([], [])

        ahead = NOON - dt.datetime.now(dt.UTC)
        honest = crew.open_ledger

        def open_later(*names):
            ledger = honest(*names)
            object.__setattr__(ledger, "now", lambda: dt.datetime.now(dt.UTC) + ahead)
            return ledger

        with monkeypatch.context() as later:
            later.setattr(crew, "open_ledger", open_later)
            later.setattr(crew, "run_clock", lambda *_: lambda: NOON)
            send(folder, monkeypatch)
        assert states(folder) == {(channel, "SENT"): n for channel, n in planned.items()}
        send(folder, monkeypatch)
        letters = sink.keys()
    calls = [path for path, _, _ in gateway.seen]
    assert (len(letters), len(set(letters))) == (planned["email"],) * 2
    assert {path: calls.count(path) for path in calls} == {
        "/sms": planned["sms"],
        "/push": planned["push"],
    }
    ids = [json.loads(body)["message_id"] for path, _, body in gateway.seen if path == "/push"]
    assert len(set(ids)) == planned["push"]
    run(str(folder / "params.yaml"), str(folder), None, "08", "08")
    recorded = json.loads((folder / "run.json").read_text())
    assert "08_measure" in json.dumps(recorded)
    results = pd.read_parquet(folder / "tables" / "08_measure" / "campaign_results")
    assert {"ten_percent", "by_text", "by_push"} <= set(results["arm"])
