"""The audit log: whatever is done to it shows, and where."""

import random

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from src.keys import KEYS_VARIABLE
from src.ledger import verify_audit
from src.ledger.audit import append_audit, audited, read_audit
from src.ledger.schema import audit

N = 12


@pytest.fixture
def log(file_ledger, tmp_path, monkeypatch):
    """A log of twelve entries with its key and anchor, its triggers gone."""
    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "keys"))
    append(file_ledger, N)
    with file_ledger.write() as connection:
        connection.execute(text("DROP TRIGGER audit_no_update"))
        connection.execute(text("DROP TRIGGER audit_no_delete"))
    return file_ledger


def append(ledger, n, actor="ann"):
    for k in range(n):
        audited(
            ledger,
            lambda connection, k=k: append_audit(
                connection, ledger.now(), actor, "approve", f"campaign {k}", {"n": k}
            ),
        )


def change(ledger, *statements):
    with ledger.write() as connection:
        for statement in statements:
            connection.execute(text(statement))


def places(ledger):
    return [finding.entry_no for finding in verify_audit(ledger).findings]


def test_an_untouched_log_is_whole(ledger, tmp_path, monkeypatch):
    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "keys"))
    append(ledger, 5)
    assert verify_audit(ledger) == (5, ())
    assert [row.subject for row in read_audit(ledger)] == [f"campaign {k}" for k in range(5)]


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'bob'", "DELETE FROM audit"], ids=["update", "delete"]
)
def test_the_database_itself_refuses_changes(ledger, statement):
    append(ledger, 1)
    with pytest.raises(DBAPIError, match="only ever appended"):
        change(ledger, statement)


def tamper(ledger, kind, k):
    """Do one thing to entry k, and say where it must show."""
    move_head = (
        "UPDATE audit_head SET n_entries = (SELECT count(*) FROM audit), digest = coalesce("
        "(SELECT digest FROM audit ORDER BY entry_no DESC LIMIT 1), chain_id)"
    )
    if kind == "delete":
        change(ledger, f"DELETE FROM audit WHERE entry_no = {k}")
    elif kind == "insert":
        change(
            ledger,
            f"UPDATE audit SET entry_no = -entry_no WHERE entry_no > {k}",
            "UPDATE audit SET entry_no = 1 - entry_no WHERE entry_no < 0",
            f"INSERT INTO audit SELECT {k} + 1, recorded_at, actor, action, subject, details, "
            f"digest FROM audit WHERE entry_no = {k}",
            move_head,
        )
        return k + 1
    elif kind == "reorder":
        change(
            ledger,
            f"UPDATE audit SET entry_no = -1 WHERE entry_no = {k}",
            f"UPDATE audit SET entry_no = {k} WHERE entry_no = {k} + 1",
            f"UPDATE audit SET entry_no = {k} + 1 WHERE entry_no = -1",
        )
    elif kind == "cut":
        change(ledger, f"DELETE FROM audit WHERE entry_no >= {k}", move_head)
    else:
        value = "entry_no + 100" if kind == "entry_no" else f"'{'f' * 64}'"
        if kind == "recorded_at":
            value = "'2020-01-01 00:00:00.000000'"
        change(ledger, f"UPDATE audit SET {kind} = {value} WHERE entry_no = {k}")
    return k


EDITS = [column.name for column in audit.columns]


@pytest.mark.parametrize("kind", [*EDITS, "delete", "insert", "reorder", "cut"])
@pytest.mark.parametrize("k", [1, 2, 7, N - 1])
def test_every_kind_of_change_shows_at_its_place(log, kind, k):
    place = tamper(log, kind, k)
    assert places(log)[0] == place


def test_a_cut_of_the_very_last_entry_shows_by_the_anchor(log):
    assert tamper(log, "cut", N) in places(log)


def test_a_log_put_back_to_an_earlier_day_shows_by_the_anchor(log, tmp_path):
    before = [dict(row._mapping) for row in read_audit(log)]
    append(log, 3)
    with log.write() as connection:
        connection.execute(audit.delete())
        connection.execute(audit.insert(), before)
        head = {"n_entries": N, "digest": before[-1]["digest"]}
        connection.execute(
            text("UPDATE audit_head SET n_entries = :n_entries, digest = :digest"), head
        )
    assert places(log) == [N + 1]
    append(log, 4)  # grown again beyond the anchor: another history
    assert places(log) == [N + 3]


def test_without_the_key_no_chain_can_be_forged(log, tmp_path, monkeypatch):
    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "other"))
    append(log, 1, actor="mallory")
    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "keys"))
    assert places(log)[0] == N + 1


@pytest.mark.parametrize("harm", ["gone", "edited", "garbage"])
def test_harm_to_the_anchor_shows(log, tmp_path, harm):
    (anchor,) = (tmp_path / "keys").glob("*.anchor")
    if harm == "gone":
        anchor.unlink()
    else:
        told = anchor.read_text().replace(f'"n_entries": {N}', '"n_entries": 3')
        anchor.write_text(told if harm == "edited" else "{")
    assert places(log)
    append(log, 1)
    assert places(log) or harm == "gone"


@pytest.mark.slow
def test_a_thousand_changes_at_random_all_show_at_their_place(log):
    chance = random.Random(8)
    kinds = [*EDITS, "delete", "insert", "reorder", "cut"]
    n_shown = 0
    for _ in range(1_000):
        kind, k = chance.choice(kinds), chance.randint(1, N - 1)
        n_shown += places_after(log, kind, k)
    assert n_shown == 1_000


def places_after(log, kind, k):
    """Tamper, look, and put back; 1 if it showed where it was done."""
    rows = [dict(row._mapping) for row in read_audit(log)]
    with log.read() as connection:
        head = dict(connection.execute(text("SELECT * FROM audit_head")).one()._mapping)
    place = tamper(log, kind, k)
    shown = places(log)[0] == place
    with log.write() as connection:
        connection.execute(audit.delete())
        connection.execute(audit.insert(), rows)
        values = "n_entries = :n_entries, digest = :digest"
        connection.execute(text(f"UPDATE audit_head SET {values}"), head)
    return shown
