"""A ledger in a folder of its own, and frames to fill it with."""

from contextlib import ExitStack
import shutil

import pandas as pd
import pytest

from src.ledger import (
    message_key,
    open_ledger,
    plan_messages,
    record_assignments,
    record_consents,
    record_people,
)
from tests.ledger.databases import KINDS, empty_tables, server_ledgers
from tests.ledger.sealing import sealed

SAID_AT = pd.Timestamp("2024-01-01T08:00:00Z")


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory):
    """Make the tables once; each test gets a copy of the file."""
    run = tmp_path_factory.mktemp("empty")
    open_ledger(run).close()
    return run / "ledger"


@pytest.fixture(scope="session")
def server_urls(tmp_path_factory):
    """Make a database on a server when the first test asks for it."""
    with ExitStack() as stack:
        urls = {}

        def url(kind):
            if kind not in urls:
                folder = tmp_path_factory.mktemp(kind)
                urls[kind] = stack.enter_context(server_ledgers(kind, folder))
            return urls[kind]

        yield url


@pytest.fixture(params=KINDS)
def ledger(request, tmp_path):
    """An empty ledger on each kind of database."""
    if request.param == "sqlite":
        empty = request.getfixturevalue("empty_ledger")
        shutil.copytree(empty, tmp_path / "ledger")
        url = ""
    else:
        url = request.getfixturevalue("server_urls")(request.param)
        empty_tables(url)
    with open_ledger(tmp_path, url) as ledger:
        yield ledger


@pytest.fixture
def file_ledger(tmp_path, empty_ledger):
    """A ledger in a file, for what only files have."""
    shutil.copytree(empty_ledger, tmp_path / "ledger")
    with open_ledger(tmp_path) as ledger:
        yield ledger


@pytest.fixture
def people_frame():
    def build(*customer_ids, **fields):
        frame = pd.DataFrame({"customer_id": list(customer_ids)})
        return frame.assign(
            first_name=fields.get("first_name", "Ann"),
            last_name=fields.get("last_name", "Lee"),
            email=fields.get("email", frame["customer_id"] + "@example.com"),
        )

    return build


@pytest.fixture
def consent_frame():
    def build(*customer_ids, is_granted=True, recorded_at=SAID_AT, **fields):
        return pd.DataFrame({"customer_id": list(customer_ids)}).assign(
            channel=fields.get("channel", "email"),
            purpose=fields.get("purpose", "marketing"),
            is_granted=is_granted,
            source="shop form",
            wording="I agree.",
            recorded_at=recorded_at,
        )

    return build


@pytest.fixture
def assignment_frame():
    def build(**action_of):
        return pd.DataFrame(
            {
                "campaign_id": "spring",
                "customer_id": list(action_of),
                "action": list(action_of.values()),
                "pscore": 0.5,
                "salt": "salt",
                "policy_version": "1",
                "decided_at": SAID_AT,
            }
        )

    return build


@pytest.fixture
def message_frame():
    def build(*customer_ids, action="coupon", text="⟦unsubscribe_url⟧", **fields):
        messages = pd.DataFrame(
            {
                "message_key": [message_key("spring", 1, key, "email") for key in customer_ids],
                "campaign_id": "spring",
                "step": 1,
                "customer_id": list(customer_ids),
                "channel": "email",
                "action": action,
                "template": "offer",
                "subject": "For ⟦first_name⟧",
                "html": "<p>⟦unsubscribe_url⟧</p>",
                "text": text,
                **fields,
            }
        )
        return sealed(messages)

    return build


@pytest.fixture
def plan_three(people_frame, consent_frame, assignment_frame, message_frame):
    """Plan one message each for c1, c2 and c3, all of whom may be contacted."""

    def plan(ledger):
        ids = ("c1", "c2", "c3")
        record_people(ledger, people_frame(*ids))
        record_consents(ledger, consent_frame(*ids))
        record_assignments(ledger, assignment_frame(**dict.fromkeys(ids, "coupon")))
        plan_messages(ledger, message_frame(*ids))
        return ledger

    return plan


@pytest.fixture
def planned(ledger, plan_three):
    return plan_three(ledger)


@pytest.fixture
def planned_in_file(file_ledger, plan_three):
    return plan_three(file_ledger)
