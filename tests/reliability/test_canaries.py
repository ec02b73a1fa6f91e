"""People and secrets planted in a whole run are found nowhere but where they are delivered."""

import base64
import logging
import os
import quopri
import secrets
import shutil
import sqlite3
import traceback
from urllib.parse import quote

from fastapi.testclient import TestClient
import pandas as pd
import pytest
import sqlalchemy as sa

from src.decide.catalogue import read_campaign
from src.inbound.app import Site, build_app
from src.inbound.mailbox import MaildirMailbox, process_mailbox
from src.keys import KEYS_VARIABLE, keys_path, read_key
from src.ledger import open_ledger
from src.ledger.people import Person, read_people, record_people, rotate_vault
import src.ledger.vault as vault_module
from src.pipeline import run
from src.send import deliver, run_clock
from src.send.channels import MemoryChannel
from src.send.links import LinkKind, make_token
from src.tracking import STORE_VARIABLE
from tests.reliability.campaigns import plan_campaign
from tests.reliability.canaries import Scanner

N_PEOPLE = 1_000
VARIABLES = ("SMTP_PASSWORD", "SMS_TOKEN", "PUSH", "HOOK", "DKIM_KEY", "IMAP_PASSWORD")
DELIVERED = ("outbox/maildir",)


@pytest.fixture
def own_places(tmp_path, monkeypatch):
    """Keys, MLflow's store and secrets of this run alone."""
    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "keys"))
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "work" / "mlruns"))
    monkeypatch.setattr("src.tracking._PATIENCE_SECONDS", 600)  # what MLflow holds is scanned, too
    planted = {name: f"canary-{secrets.token_hex(12)}" for name in VARIABLES}
    for name, value in planted.items():
        monkeypatch.setenv(f"CAMPANILE_{name}", value)
    return list(planted.values())


def _words_of(ledger):
    """Names, addresses and numbers of everybody in the ledger."""
    with ledger.read() as connection:
        ids = list(connection.scalars(sa.text("SELECT customer_id FROM people")))
        people = read_people(connection, ids).values()
    fields = ("first_name", "last_name", "email", "phone")
    return len(ids), {getattr(one, name) for one in people for name in fields} - {""}


def _plant(ledger):
    """Give all customers of the run new names and addresses, and add others up to a thousand."""
    with ledger.read() as connection:
        ids = list(connection.scalars(sa.text("SELECT customer_id FROM people")))
    ids += [f"planted{n:04d}" for n in range(N_PEOPLE - len(ids))]
    marks = [secrets.token_hex(5) for _ in ids]
    frame = pd.DataFrame({"customer_id": ids, "first_name": [f"Zoë{mark}" for mark in marks]})
    frame["last_name"] = [f"Müller{mark[::-1]}" for mark in marks]
    frame["email"] = [f"{mark}@canary.example.com" for mark in marks]
    record_people(ledger, frame.assign(phone=_PHONES[: len(ids)]))


_PHONES = [f"+49151{20_000_000 + 7 * n}" for n in range(N_PEOPLE)]


def _keys():
    found = []
    for path in keys_path().glob("*.key"):
        text = path.read_text().strip()
        found += [text, bytes.fromhex(text)]
    return found


def _use(ledger, folder):
    """Do what a shop does after a run: serve, read mail, fail, rotate, back up."""
    with ledger.read() as connection:
        keys = list(connection.scalars(sa.text("SELECT message_key FROM messages LIMIT 5")))
    site = Site(ledger, read_key("links"), {"acme": (os.environ["CAMPANILE_HOOK"],)})
    with TestClient(build_app(site), raise_server_exceptions=False) as client:
        pages = []
        for key in keys:
            token = make_token(LinkKind.LEAVE, read_key("links"), key, ledger.now().date())
            pages.append(client.get(f"/preferences?t={token}").text)
            wish = {"List-Unsubscribe": "One-Click"}
            pages.append(client.post(f"/unsubscribe?t={token}", data=wish).text)
        pages += [client.get("/metrics").text, client.get("/health").text]
        pages.append(client.post("/hooks/acme", content=b"{}").text)
    (folder / "pages.html").write_text("\n".join(pages))
    for place in ("new", "cur", "tmp"):
        (folder / "mail" / place).mkdir(parents=True)
    process_mailbox(ledger, MaildirMailbox(folder / "mail"), read_key("links"))
    rotate_vault(ledger)
    (folder / "traceback.txt").write_text(_fail(ledger))


class Failing(MemoryChannel):
    def deliver(self, envelope):
        raise RuntimeError(f"cannot deliver {envelope!r}")


def _fail(ledger):
    """Break off a delivery; gives the traceback."""
    with ledger.write() as connection:
        connection.execute(
            sa.text("UPDATE messages SET state='PLANNED' WHERE state IN ('SENT', 'UNKNOWN')")
        )
    campaign = read_campaign("params/campaigns/autumn_coupon.yaml")
    try:
        deliver(ledger, Failing(), campaign, run_clock("campaign", "2017-09-30"))
    except RuntimeError:
        return traceback.format_exc()
    raise AssertionError("nothing was handed over, so nothing failed")


@pytest.mark.notebook
@pytest.mark.xdist_group("own runs")
@pytest.mark.timeout(900)
def test_a_whole_run_shows_nobody_and_no_secret(tmp_path, own_places, caplog):
    caplog.set_level(logging.DEBUG)
    work = tmp_path / "work"
    folder = run("params/smoke.yaml", str(work / "run"), first="01", last="01")
    with open_ledger(folder) as ledger:
        _plant(ledger)
    run("params/smoke.yaml", str(work / "run"), first="02", last="08")
    with open_ledger(folder) as ledger:
        _use(ledger, work)
        n_people, words = _words_of(ledger)
        copy = sqlite3.connect(work / "backup.db")
        with sqlite3.connect(folder / "ledger" / "ledger.db") as source:
            source.backup(copy)
        copy.close()
        for path in (folder / "ledger").glob("ledger.db*"):  # with the write-ahead log as it is
            shutil.copy(path, work / f"copy-{path.name}")
        (work / "log.txt").write_text(caplog.text)
        hidden = [*own_places, *_keys()]
        assert list((work / "mlruns").rglob("*.ipynb")), "MLflow was told"
        assert n_people >= N_PEOPLE
        assert len(own_places) + len(list(keys_path().glob("*.key"))) >= 12
        hits = Scanner([*words, *hidden]).scan(work, left_out=DELIVERED)
        assert hits == {}
        delivered = Scanner(words).scan(folder / "outbox" / "maildir")
        assert delivered, "the people are found where they are delivered to"


@pytest.mark.parametrize("spelling", ["raw", "base64", "qp", "url", "utf-16", "hex", "json"])
def test_the_scanner_finds_every_spelling(tmp_path, spelling):
    word = "Zoë.Canary@example.com"
    raw = word.encode()
    texts = {
        "raw": raw,
        "qp": quopri.encodestring(raw),
        "url": quote(word).encode(),
        "utf-16": word.encode("utf-16"),
        "hex": raw.hex().encode(),
        "json": word.encode("ascii", "backslashreplace"),
    }
    for offset in range(9):
        before, after = b"x" * offset, b"y" * (7 * offset)
        content = before + texts.get(spelling, raw) + after
        content = base64.b64encode(content) if spelling == "base64" else content
        (tmp_path / "file").write_bytes(content)
        assert Scanner([word]).scan(tmp_path), offset


def test_without_encryption_people_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(vault_module.Vault, "seal", lambda _, __, ___, text: text.encode() or None)
    monkeypatch.setattr(
        vault_module.Vault, "open", lambda _, __, ___, ____, kept: (kept or b"").decode()
    )
    with open_ledger(tmp_path) as ledger:
        plan_campaign(ledger, 50)
        _, words = _words_of(ledger)
        hits = Scanner(words).scan(tmp_path)
    assert any("ledger.db" in name for name in hits)


def test_with_encryption_they_are_not(tmp_path):
    with open_ledger(tmp_path) as ledger:
        plan_campaign(ledger, 50)
        _, words = _words_of(ledger)
        assert Scanner(words).scan(tmp_path) == {}


def test_if_people_showed_themselves_the_log_would_hold_them(tmp_path, monkeypatch):
    person = Person("Zoë", "Canary", "zoe.canary@example.com")
    scanner = Scanner([person.email, "Zoë Canary"])
    (tmp_path / "log").write_text(f"{person!r}")
    assert scanner.scan(tmp_path) == {}
    monkeypatch.setattr(Person, "__repr__", lambda self: f"Person({vars(self)})")
    (tmp_path / "log").write_text(f"{person!r}")
    assert scanner.scan(tmp_path)
