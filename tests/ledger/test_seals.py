"""No message without the seal of its checks, and none other than what was sealed."""

import ast

import pandas as pd
import pytest
from sqlalchemy import update

from src.errors import LedgerError, SchemaError
from src.ledger import content_sha256, count_states, plan_messages, record_assignments
from src.ledger.queue import read_contents
from src.ledger.schema import contents
from src.ledger.seals import check_seals, seal
from src.root import PROJECT_ROOT


@pytest.fixture
def assigned(file_ledger, assignment_frame):
    record_assignments(file_ledger, assignment_frame(c1="coupon", c2="coupon", c3="gift"))
    return file_ledger


CHANGES = {
    "subject": lambda rows: rows.assign(subject="$60 off"),
    "html": lambda rows: rows.assign(html="<p>$60 off</p>"),
    "text": lambda rows: rows.assign(text="$60 off"),
    "text and its hash": lambda rows: rows.assign(
        text="!", content_sha256=content_sha256(rows["subject"][0], rows["html"][0], "!")
    ),
    "no seal": lambda rows: rows.assign(seal=None),
    "empty seal": lambda rows: rows.assign(seal=""),
    "seal with a sign too many": lambda rows: rows.assign(seal=rows["seal"] + "0"),
    "number as seal": lambda rows: rows.assign(seal=0),
    "seal of wide signs": lambda rows: rows.assign(seal="é" * 64),
    "seals of each other": lambda rows: rows.assign(seal=rows["seal"].to_numpy()[::-1]),
    "another action": lambda rows: rows.assign(action="gift", customer_id="c3"),
    "hash as seal": lambda rows: rows.assign(seal=rows["content_sha256"]),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_was_changed_after_its_checks_is_not_planned(assigned, message_frame, change):
    with pytest.raises(LedgerError):
        plan_messages(assigned, change(message_frame("c1", "c2")))
    assert count_states(assigned, "spring") == {}


def test_one_unsealed_message_stops_all(assigned, message_frame):
    rows = message_frame("c1", "c2")
    rows.loc[1, "seal"] = ""
    with pytest.raises(LedgerError, match="1 of 2 lack it"):
        plan_messages(assigned, rows)
    assert count_states(assigned, "spring") == {}


def test_table_without_seals_is_refused(assigned, message_frame):
    with pytest.raises(SchemaError, match="seal"):
        plan_messages(assigned, message_frame("c1").drop(columns="seal"))


def test_two_contents_under_one_hash_are_refused(message_frame):
    rows = pd.concat([message_frame("c1"), message_frame("c2").assign(text="other")])
    with pytest.raises(LedgerError, match="another content"):
        check_seals(rows)


def test_sealed_messages_are_planned(assigned, message_frame):
    assert plan_messages(assigned, message_frame("c1", "c2")) == 2
    check_seals(message_frame())


def test_seal_needs_the_key_of_the_installation(message_frame, monkeypatch, tmp_path):
    rows = message_frame("c1")
    monkeypatch.setenv("CAMPANILE_KEYS", str(tmp_path / "other"))
    assert seal("k", "a", "c") != rows["seal"][0]
    with pytest.raises(LedgerError, match="lack it"):
        check_seals(rows)


def test_content_changed_in_the_database_is_not_read(assigned, message_frame):
    rows = message_frame("c1")
    plan_messages(assigned, rows)
    assert len(read_contents(assigned, rows["content_sha256"])) == 1
    with assigned.write() as connection:
        connection.execute(update(contents).values(text="$60 off"))
    with pytest.raises(LedgerError, match="as it was planned"):
        read_contents(assigned, rows["content_sha256"])


def test_only_the_checks_can_seal_and_only_one_function_writes_messages():
    """The gate is one: whoever else seals or inserts would go around it."""
    sealing, inserting = set(), set()
    for path in (PROJECT_ROOT / "src").rglob("*.py"):
        name = path.relative_to(PROJECT_ROOT / "src").as_posix()
        tree = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        sealing |= {name} if any(map(_takes_seal, tree)) else set()
        inserting |= {name} if any(map(_inserts_messages, tree)) else set()
    assert sealing == {"campaign/sealing.py"}
    assert inserting == {"ledger/messages.py"}


def _takes_seal(node):
    if isinstance(node, ast.ImportFrom):
        is_whole = node.module == "src.ledger" and any(a.name == "seals" for a in node.names)
        is_here = node.module == "src.ledger.seals"
        return is_whole or (is_here and any(a.name in ("seal", "_seal", "*") for a in node.names))
    return isinstance(node, ast.Import) and any(a.name == "src.ledger.seals" for a in node.names)


def _inserts_messages(node):
    is_insert = isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
        "insert",
        "insert_many",
    )
    return is_insert and any(getattr(argument, "id", "") == "messages" for argument in node.args)
