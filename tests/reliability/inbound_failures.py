"""Failures of other senders with what comes back to them: source, scenario, mutant."""

import datetime as dt
import mailbox

from fastapi import FastAPI
from fastapi.testclient import TestClient
import sqlalchemy as sa

from src.inbound import app as app_module
from src.inbound import bounces as bounces_module
from src.inbound import mailbox as mailbox_module
from src.inbound.app import Site, build_app
from src.inbound.mailbox import MaildirMailbox, process_mailbox
from src.inbound.wishes import leave
from src.keys import read_key
from src.ledger import open_ledger
from src.send.links import LinkKind, make_token
import src.send.outbox as outbox
from tests.inbound.samples import SAMPLES
from tests.reliability.campaigns import key_of, plan_campaign
from tests.reliability.grounds import Ground
from tests.reliability.sinks import start_sink

__all__ = ["INBOUND"]


def _plan(folder, n=4):
    folder.mkdir(parents=True, exist_ok=True)
    with open_ledger(folder) as ledger:
        return plan_campaign(ledger, n, is_refusing=lambda _: False)


def _rows(ledger, text):
    with ledger.read() as connection:
        return connection.execute(sa.text(text)).all()


def refused_recipient_is_a_bounce(folder):
    plan = _plan(folder)
    gone = plan.recipients[key_of("c00001")]
    with start_sink(folder / "sink", {"recipients": {gone: ["rcpt:550"] * 9}}) as sink:
        Ground(folder, "", sink.port).deliver()
    with open_ledger(folder) as ledger:
        assert _rows(ledger, "SELECT customer_id, kind FROM feedback") == [("c00001", "hard")]
        assert {row[0] for row in _rows(ledger, "SELECT reason FROM suppressions")} == {
            "hard bounce"
        }


def only_mails_are_bounces(patch):
    patch.setattr(outbox, "note_refusals", lambda *_: None)


def _read_all(folder):
    """Read every sample; gives what the ledger kept and which mails are left."""
    _plan(folder)
    box = mailbox.Maildir(folder / "mail", create=True)
    for raw, *_ in SAMPLES.values():
        box.add(raw)
    with open_ledger(folder) as ledger:
        with ledger.write() as connection:
            connection.execute(sa.text("UPDATE messages SET state = 'SENT'"))
        counts = process_mailbox(ledger, MaildirMailbox(folder / "mail"), read_key("links"))
        kinds = {row[0] for row in _rows(ledger, "SELECT kind FROM feedback")}
    return counts, kinds, [raw for _, raw in MaildirMailbox(folder / "mail").mails()]


def identifiers_in_the_returned_part(folder):
    _, kinds, _ = _read_all(folder)
    assert kinds == {"hard", "soft", "block", "complaint"}


def looks_at_the_top_alone(patch):
    honest = bounces_module._find_message
    patch.setattr(bounces_module, "_find_message", lambda mail, _, key: honest(mail, [], key))


def answers_are_no_bounces_and_unknown_mail_stays(folder):
    counts, _, left = _read_all(folder)
    assert counts["auto-reply"] == sum(kind == "auto-reply" for _, kind, _ in SAMPLES.values())
    for name, (raw, _, is_ours) in SAMPLES.items():
        assert (raw in left) is not is_ours, name


def deletes_all_it_has_read(patch):
    honest = mailbox_module.process_mailbox

    def process(ledger, box, key):
        counts = honest(ledger, box, key)
        for name, _ in list(box.mails()):
            box.put_aside(name)
        return counts

    patch.setitem(globals(), "process_mailbox", process)


def looking_changes_nothing(folder):
    _plan(folder)
    day = dt.datetime.now(dt.UTC).date()
    token = make_token(LinkKind.LEAVE, read_key("links"), key_of("c00000"), day)
    with open_ledger(folder) as ledger:
        site = Site(ledger, read_key("links"))
        with TestClient(app_module.build_app(site)) as client:
            for method in ("GET", "HEAD", "OPTIONS", "PUT", "PROPFIND"):
                client.request(method, f"/unsubscribe?t={token}")
                assert not _rows(ledger, "SELECT * FROM suppressions"), method
            answer = client.post(f"/unsubscribe?t={token}", data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert _rows(ledger, "SELECT * FROM suppressions")


def leaves_on_get(patch):
    def build(site):
        app = FastAPI()

        @app.api_route("/unsubscribe", methods=["GET", "HEAD"])
        def ask(t: str):
            link = app_module.read_token(
                LinkKind.LEAVE, site.link_key, t, dt.datetime.now(dt.UTC).date()
            )
            leave(site.ledger, app_module.find_message(site.ledger, link.message_key))

        app.mount("/", build_app(site))
        return app

    patch.setattr(app_module, "build_app", build)


INBOUND = {
    7: ("listmonk#2623", refused_recipient_is_a_bounce, only_mails_are_bounces),
    8: ("listmonk#492", identifiers_in_the_returned_part, looks_at_the_top_alone),
    9: ("listmonk#1334", answers_are_no_bounces_and_unknown_mail_stays, deletes_all_it_has_read),
    17: ("mautic#14916", looking_changes_nothing, leaves_on_get),
}
