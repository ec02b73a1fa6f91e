"""The audit log: appended to, chained by keyed hashes, and anchored outside the database."""

from collections.abc import Callable, Iterator
import datetime as dt
import fcntl
import hashlib
import hmac
import json
import os
from pathlib import Path
import pwd
import socket
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, Row, insert, select, update

from src.keys import keys_path, read_key
from src.ledger.schema import audit, audit_head
from src.ledger.store import Ledger

__all__ = [
    "AuditReport",
    "Finding",
    "account",
    "append_audit",
    "audited",
    "read_audit",
    "verify_audit",
]

_PAGE_ROWS = 10_000
_FIELDS = ("entry_no", "recorded_at", "actor", "action", "subject", "details")

Answer = TypeVar("Answer")


class Finding(NamedTuple):
    """Something wrong with the log, and the number of the entry it begins at."""

    entry_no: int
    what: str


class AuditReport(NamedTuple):
    """What a verification found."""

    n_entries: int
    findings: tuple[Finding, ...]


def account() -> str:
    """Name the account that runs this, as the system knows it: user@host."""
    return f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()[:60]}"


def audited(ledger: Ledger, work: Callable[[Connection], Answer]) -> Answer:
    """Do work that appends to the log in one transaction, then move the anchor on."""
    answer = ledger.transact(work)
    _move_anchor(ledger)
    return answer


def append_audit(
    connection: Connection,
    recorded_at: dt.datetime,
    actor: str,
    action: str,
    subject: str,
    details: dict,
) -> None:
    """Append one entry within the caller's transaction; use `audited` to run that.

    Parameters
    ----------
    connection : Connection
        The transaction that also does what the entry is about.
    recorded_at : datetime
        When.
    actor : str
        Who; empty: the account that runs this.
    action, subject : str
        What was done, to what.
    details : dict
        More, without personal data.
    """
    head = connection.execute(select(audit_head).with_for_update()).one()
    entry = {
        "entry_no": head.n_entries + 1,
        "recorded_at": recorded_at,
        "actor": actor or account(),
        "action": action,
        "subject": subject,
        "details": json.dumps(details, sort_keys=True, ensure_ascii=True),
    }
    digest = _digest(read_key("audit"), head.digest, tuple(entry[name] for name in _FIELDS))
    connection.execute(insert(audit), [entry | {"digest": digest}])
    connection.execute(update(audit_head).values(n_entries=entry["entry_no"], digest=digest))


def read_audit(ledger: Ledger) -> Iterator[Row]:
    """Give the entries in order."""
    last = 0
    while True:
        query = (select(audit).where(audit.c.entry_no > last).order_by(audit.c.entry_no)).limit(
            _PAGE_ROWS
        )
        with ledger.read() as connection:
            rows = connection.execute(query).all()
        yield from rows
        if len(rows) < _PAGE_ROWS:
            return
        last = rows[-1].entry_no


def verify_audit(ledger: Ledger) -> AuditReport:
    """Follow the chain from its start, and hold it against the head and the anchor.

    An entry that was changed, added or moved breaks the chain where it stands; one that was
    taken out leaves a gap. The chain cannot show that its end was cut off, or that the whole
    log was put back to an earlier day: the anchor, which lies with the keys, does.

    Returns
    -------
    AuditReport
        Number of entries, and at most one finding for the chain, the head and the anchor each.
    """
    with ledger.read() as connection:
        head = connection.execute(select(audit_head)).one_or_none()
    if head is None:
        return AuditReport(0, (Finding(1, "the head of the chain is missing"),))
    anchor, wrong = _read_anchor(head.chain_id)
    key, last, n_read = read_key("audit"), head.chain_id, 0
    findings: list[Finding] = []
    for row in read_audit(ledger):
        n_read += 1
        found = _check_entry(key, last, n_read, row)
        if found:
            findings.append(found)
            break
        if anchor and anchor["n_entries"] == n_read and anchor["digest"] != row.digest:
            findings.append(Finding(n_read, "is not the entry that was anchored"))
        last = row.digest
    else:
        findings += _check_end(head, n_read, last, anchor)
    return AuditReport(n_read, (*findings, *wrong))


def _check_entry(key: bytes, last: str, expected_no: int, row: Row) -> Finding | None:
    if row.entry_no != expected_no:
        return Finding(expected_no, f"is missing: entry {row.entry_no} follows")
    digest = _digest(key, last, tuple(row[:-1]))
    if not hmac.compare_digest(digest, row.digest):
        return Finding(expected_no, "was changed, added or moved: the chain breaks here")
    return None


def _check_end(head: Row, n_read: int, last: str, anchor: dict | None) -> Iterator[Finding]:
    if (head.n_entries, head.digest) != (n_read, last):
        place = min(head.n_entries, n_read) + 1
        yield Finding(place, f"the head speaks of {head.n_entries} entries, {n_read} are there")
    if anchor and anchor["n_entries"] > n_read:
        told = f"is missing: {anchor['n_entries']} entries were anchored, {n_read} are there"
        yield Finding(n_read + 1, told)
    if anchor is None and n_read:
        yield Finding(n_read, "no anchor lies with the keys, so a cut end would not show")


def _digest(key: bytes, last: str, entry: tuple) -> str:
    parts = [last, *(v.isoformat() if isinstance(v, dt.datetime) else v for v in entry)]
    return hmac.digest(key, json.dumps(parts).encode(), hashlib.sha256).hex()


def _anchor_path(chain_id: str) -> Path:
    return keys_path() / f"audit-{chain_id}.anchor"


def _read_anchor(chain_id: str) -> tuple[dict | None, tuple[Finding, ...]]:
    path = _anchor_path(chain_id)
    if not path.exists() or not path.stat().st_size:
        return None, ()
    try:
        anchor = json.loads(path.read_text(encoding="ascii"))
        if hmac.compare_digest(anchor.pop("seal"), _seal(anchor)):
            return anchor, ()
    except (ValueError, KeyError, AttributeError, TypeError):
        pass
    return None, (Finding(1, f"the anchor {path.name} is not what was written"),)


def _seal(anchor: dict) -> str:
    text = json.dumps(anchor, sort_keys=True)
    return hmac.digest(read_key("audit"), text.encode(), hashlib.sha256).hex()


def _move_anchor(ledger: Ledger) -> None:
    """Write the head beside the keys; several processes take turns, and none moves it back."""
    with ledger.read() as connection:
        head = connection.execute(select(audit_head)).one()
    path = _anchor_path(head.chain_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        known, wrong = _read_anchor(head.chain_id)
        is_evidence = bool(wrong) or not _is_passed(ledger, known, head)
        if not is_evidence:  # else it stays as it is, and every verification shows it
            _write_anchor(path, dict(head._mapping))
    finally:
        os.close(descriptor)


def _is_passed(ledger: Ledger, known: dict | None, head: Row) -> bool:
    """Whether the log has grown beyond what was anchored, from the very entry that was."""
    if known is None:
        return True
    query = select(audit.c.digest).where(audit.c.entry_no == known["n_entries"])
    with ledger.read() as connection:
        return known["n_entries"] < head.n_entries and connection.scalar(query) == known["digest"]


def _write_anchor(path: Path, anchor: dict) -> None:
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(anchor | {"seal": _seal(anchor)}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
