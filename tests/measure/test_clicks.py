"""Clicks by arm, with and without machines; and that they decide and change nothing."""

import hashlib
import shutil

import pandas as pd
import pytest
import sqlalchemy as sa

from src.inbound.clicks import find_bots
from src.ledger import open_ledger
from src.ledger.responses import read_responses, record_response
from src.measure.clicks import clicks_by_arm
from src.pipeline import run

ARMS = ("control", "letter", "card")
CUSTOMERS = pd.DataFrame(
    {"customer_id": ["a", "b", "c", "d"], "action": ["letter", "letter", "card", "control"]}
)
TABLES = (
    "05_decide/decisions",
    "06_campaign/messages",
    "07_send/send_log",
    "08_measure/campaign_results",
)


def responses(*rows):
    columns = ["message_key", "customer_id", "kind", "link", "agent", "seconds"]
    frame = pd.DataFrame(rows, columns=columns)
    sent_at = pd.Timestamp("2026-11-21T09:00:00Z")
    at = sent_at + pd.to_timedelta(frame["seconds"], unit="s")
    return frame.assign(recorded_at=at, attempted_at=sent_at)


def count(*rows):
    found = responses(*rows)
    return clicks_by_arm(CUSTOMERS, found, find_bots(found), ARMS)


def test_people_and_machines_are_told_apart_by_arm():
    table = count(
        ("m1", "a", "click", "x", "person", 60),
        ("m1", "a", "click", "y", "person", 90),
        ("m2", "b", "click", "x", "machine", 60),
        ("m2", "b", "open", "", "person", 60),
        ("m3", "c", "click", "x", "person", 0.2),
    )
    assert table.loc["letter"].tolist() == [3, 2, 2, 1, pytest.approx(1 / 3)]
    assert table.loc["card"].tolist() == [1, 1, 0, 0, 1.0]
    assert table.loc["control", "n_clicks"] == 0
    assert pd.isna(table.loc["control", "machine_share"])


def test_nobody_clicked():
    table = count()
    assert table.index.tolist() == list(ARMS)
    assert table["n_clicks"].tolist() == [0, 0, 0]


def test_customers_outside_the_experiment_are_not_counted():
    assert count(("m", "z", "click", "x", "person", 60))["n_clicks"].sum() == 0


def _inject(folder):
    """Let scanners follow every link of three messages in ten."""
    with open_ledger(folder) as ledger:
        with ledger.read() as connection:
            keys = list(connection.scalars(sa.text("SELECT message_key FROM messages")))
        scanned = sorted(keys)[: -(-len(keys) * 3 // 10)]
        for key in scanned:
            for kind, link in (("click", "x"), ("click", "y"), ("trap", "")):
                record_response(ledger, key, kind, link, "person")
        campaign_id = "autumn_coupon"
        return len(scanned), len(read_responses(ledger, campaign_id))


def _digests(folder):
    files = {name: sorted((folder / "tables" / name).glob("*.parquet")) for name in TABLES}
    assert all(files.values())
    return {
        name: [hashlib.sha256(path.read_bytes()).hexdigest() for path in found]
        for name, found in files.items()
    }


@pytest.mark.timeout(900)
def test_clicks_of_scanners_change_no_decision_and_no_estimate(smoke_run, tmp_path):
    """Decided, sent and measured twice from the same data: the tables are equal byte for byte."""
    digests = {}
    for name in ("quiet", "scanned"):
        folder = tmp_path / name
        shutil.copytree(smoke_run, folder)
        if name == "scanned":
            n_scanned, n_responses = _inject(folder)
            assert n_responses == 3 * n_scanned > 0
        run(str(folder / "params.yaml"), str(folder), None, "05", "08")
        digests[name] = _digests(folder)
    assert digests["scanned"] == digests["quiet"]
