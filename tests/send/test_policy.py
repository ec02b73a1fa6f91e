"""The gate: an assignment to this very action, and nothing against contact."""

import datetime as dt

import pandas as pd
import pytest
from sqlalchemy import select, text

from src.ledger import suppress
from src.ledger.outcomes import Denial
from src.ledger.schema import messages
from src.ledger.states import Message
from src.send.policy import Facts, find_denials, may_send

NOON = dt.datetime(2024, 2, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        (Facts("coupon", ""), (True, "")),
        (Facts("coupon", "no consent"), (False, "no consent")),
        (Facts("gift", ""), (False, "assigned to another action")),
        (Facts("control", ""), (False, "in the control group")),
        (Facts("none", ""), (False, "outside the experiment")),
        (Facts(None, ""), (False, "no assignment")),
        (Facts("control", "no consent"), (False, "in the control group")),
    ],
)
def test_one_message(facts, answer):
    assert may_send("coupon", facts) == answer


def test_the_ledger_is_asked_for_every_fact(ledger, plan):
    plan(4, is_refusing=lambda i: i == 1)
    wish = {"customer_id": ["c0002"], "channel": "email", "reason": "complaint"}
    suppress(ledger, pd.DataFrame(wish).assign(recorded_at=pd.Timestamp("2024-01-02", tz="UTC")))
    with ledger.write() as connection:
        connection.execute(
            text("UPDATE assignments SET action = 'none' WHERE customer_id = 'c0003'")
        )
        columns = [messages.c[name] for name in Message._fields]
        found = connection.execute(select(*columns).order_by(messages.c.customer_id))
        rows = [Message._make(row) for row in found]
        denials = find_denials(connection, rows, NOON)
    nothing = Denial("")
    assert [denials.get(row.message_key, nothing).reason for row in rows] == [
        "",
        "no consent",
        "complaint",
        "outside the experiment",
    ]
