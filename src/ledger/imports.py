"""Lists from elsewhere: suppressions, consents, and what a provider says it has sent."""

from collections.abc import Callable, Iterator
import csv
import datetime as dt
from pathlib import Path
import re
from typing import NamedTuple

import pandas as pd
from sqlalchemy import Connection, select

from src.errors import SchemaError
from src.ledger.audit import append_audit, audited
from src.ledger.consents import record_consents
from src.ledger.history import write_endings
from src.ledger.recovery import read_messages, settle
from src.ledger.schema import people
from src.ledger.states import State
from src.ledger.store import Ledger, chunks
from src.ledger.suppressions import EVERY_CHANNEL, add_entries, check_reason, suppress
from src.ledger.tokens import (
    address_token,
    normalize_phone,
    person_token,
    phone_token,
    webhook_token,
)

__all__ = ["Imported", "import_consents", "import_provider_log", "import_suppressions"]

_WAYS: dict[str, tuple[str, Callable[[str], str]]] = {
    "email": ("email", address_token),
    "phone": ("sms", phone_token),
    "webhook": ("webhook", webhook_token),
    "customer_id": (EVERY_CHANNEL, person_token),
}
_CHANNEL = re.compile(r"[a-z][a-z0-9_]{0,15}|\*")
_ROWS_AT_ONCE = 50_000
_YES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_OUTCOMES = {"sent": True, "delivered": True, "not sent": False, "not_sent": False}
_KEY = re.compile(r"[0-9a-f]{64}")
_SHOWN = 20


class Imported(NamedTuple):
    """What an import did.

    Parameters
    ----------
    n_rows : int
        Rows of the file.
    n_new : int
        Rows that changed something.
    rejected : tuple of (int, str)
        Line number and what is wrong with it, for the first twenty that were not taken; never
        what the line says.
    n_rejected : int
        How many in all.
    """

    n_rows: int
    n_new: int
    rejected: tuple[tuple[int, str], ...]
    n_rejected: int


class _Bad(Exception):
    """One line that cannot be taken."""


def import_suppressions(ledger: Ledger, path: Path, actor: str = "") -> Imported:
    """Put a list of people on the list of those never to be contacted.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    path : Path
        CSV with a header: one of `email`, `phone` (E.164), `webhook`, `customer_id`; optionally
        `channel` (default: that of the column; ``*``: every one), `reason` (default
        ``imported``) and `recorded_at` (ISO 8601 with zone; default now).
    actor : str, default ""
        Who imports; empty: the account that runs this.

    Notes
    -----
    Only tokens are kept, so that people need not be known to be left alone. The same list
    again adds nothing. Nobody who is listed already changes.
    """
    now = ledger.now()
    reader = _Reader(path, lambda line: _suppression(line, now))
    n_new = 0
    for lines in reader.batches():
        entries = {
            (_WAYS[line.way][1](line.value), line.channel): (line.reason, line.recorded_at)
            for line in reversed(lines)  # of two lines the first counts
            if line.way != "customer_id"
        }
        n_new += ledger.transact(lambda found, new=entries: add_entries(found, new, now))
        n_new += _suppress_known(ledger, [line for line in lines if line.way == "customer_id"])
    return _told(ledger, reader, n_new, actor, "import suppressions")


def import_consents(ledger: Ledger, path: Path, actor: str = "") -> Imported:
    """Append consent events from a file.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    path : Path
        CSV with a header: `customer_id`, or `email` of people the ledger knows; `channel`,
        `purpose`, `is_granted` (true or false), `source`, `wording`, `recorded_at` (ISO 8601
        with zone); optionally `proof`.
    actor : str, default ""
        Who imports; empty: the account that runs this.
    """
    reader = _Reader(path, lambda line: _consent(line, ledger.now()))
    n_new = 0
    for rows in reader.batches():
        known = _customers_of(ledger, [row["token"] for row in rows if row["token"]])
        found = [
            row | {"customer_id": customer_id}
            for row in rows
            for customer_id in ([row["customer_id"]] if row["customer_id"] else known(row["token"]))
        ]
        n_new += record_consents(ledger, pd.DataFrame(found)) if found else 0
    return _told(ledger, reader, n_new, actor, "import consents")


def import_provider_log(ledger: Ledger, path: Path, actor: str = "") -> Imported:
    """Settle UNKNOWN messages by what a provider says about them.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    path : Path
        CSV with a header: `message` (a message key, or the Message-ID that holds it) and
        `outcome` (``sent`` or ``not sent``).
    actor : str, default ""
        Who imports; empty: the account that runs this.

    Returns
    -------
    Imported
        `n_new` counts messages that were UNKNOWN and no longer are; the same log again
        changes nothing, and nothing but an UNKNOWN message ever changes.
    """
    reader = _Reader(path, _outcome)
    n_new = 0
    for pieces in reader.batches():
        outcomes = _agreed(reader, pieces)
        for keys in chunks(sorted(outcomes)):
            told = {key: outcomes[key] for key in keys}
            n_new += ledger.transact(lambda found, told=told: _settle(found, told, ledger.now()))
    return _told(ledger, reader, n_new, actor, "import provider log")


class _Reader:
    """Lines of a CSV file, made into what an import needs; bad ones are counted and left."""

    def __init__(self, path: Path, make: Callable[[dict[str, str]], object]) -> None:
        self.path, self.make = path, make
        self.n_rows = self.n_rejected = 0
        self.rejected: list[tuple[int, str]] = []

    def batches(self) -> Iterator[list]:
        """Give what was made, some ten thousand lines at once."""
        made: list = []
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            for line in csv.DictReader(file):
                self.n_rows += 1
                try:
                    made.append(self.make(line))
                except (_Bad, SchemaError) as error:
                    self.reject(str(error))
                if len(made) == _ROWS_AT_ONCE:
                    yield made
                    made = []
        if made:
            yield made

    def reject(self, what: str) -> None:
        """Count a line that is not taken; the header is line 1."""
        self.n_rejected += 1
        if len(self.rejected) < _SHOWN:
            self.rejected.append((self.n_rows + 1, what))


def _told(ledger: Ledger, reader: _Reader, n_new: int, actor: str, action: str) -> Imported:
    counts = {"n_rows": reader.n_rows, "n_new": n_new, "n_rejected": reader.n_rejected}
    audited(
        ledger,
        lambda connection: append_audit(
            connection, ledger.now(), actor, action, reader.path.name[:200], counts
        ),
    )
    return Imported(reader.n_rows, n_new, tuple(reader.rejected), reader.n_rejected)


class _Line(NamedTuple):
    """One person to be left alone; never shown."""

    way: str
    value: str
    channel: str
    reason: str
    recorded_at: dt.datetime


def _suppression(line: dict[str, str], now: dt.datetime) -> _Line:
    ways = [name for name in _WAYS if (line.get(name) or "").strip()]
    if len(ways) != 1:
        raise _Bad("one of email, phone, webhook and customer_id is needed")
    (way,) = ways
    value = line[way].strip()
    _check_way(way, value)
    channel = (line.get("channel") or "").strip() or _WAYS[way][0]
    if not _CHANNEL.fullmatch(channel):
        raise _Bad("the channel is no name of a channel")
    reason = (line.get("reason") or "").strip() or "imported"
    check_reason(reason)
    return _Line(way, value, channel, reason, _time(line.get("recorded_at") or "", now))


def _suppress_known(ledger: Ledger, lines: list[_Line]) -> int:
    """Suppress customers by their pseudonyms, and the mailboxes the ledger knows of them."""
    if not lines:
        return 0
    columns = ["way", "customer_id", "channel", "reason", "recorded_at"]
    return suppress(ledger, pd.DataFrame(lines, columns=columns))


def _check_way(way: str, value: str) -> None:
    if way == "email" and not re.fullmatch(r"[^\s@]+@[^\s@]+", value):
        raise _Bad("the email is no address")
    if way == "phone" and not normalize_phone(value):
        raise _Bad("the phone is no number with its country, such as +4930123456")


def _consent(line: dict[str, str], now: dt.datetime) -> dict:
    texts = {
        name: (line.get(name) or "").strip()
        for name in ("customer_id", "email", "channel", "purpose", "source", "wording", "proof")
    }
    if bool(texts["customer_id"]) == bool(texts["email"]):
        raise _Bad("either customer_id or email is needed")
    missing = [name for name in ("channel", "purpose", "source", "wording") if not texts[name]]
    if missing:
        raise _Bad(f"{missing[0]} is missing")
    is_granted = _YES.get((line.get("is_granted") or "").strip().lower())
    if is_granted is None:
        raise _Bad("is_granted is neither true nor false")
    recorded_at = _time(line.get("recorded_at") or "", None)
    if recorded_at > now:
        raise _Bad("recorded_at lies in the future")
    token = address_token(texts.pop("email")) if texts["email"] else texts.pop("email")
    return texts | {"token": token, "is_granted": is_granted, "recorded_at": recorded_at}


def _time(text: str, missing: dt.datetime | None) -> dt.datetime:
    if not text.strip() and missing is not None:
        return missing
    try:
        found = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise _Bad("recorded_at is no ISO 8601 time") from None
    if found.tzinfo is None:
        raise _Bad("recorded_at has no zone")
    return found


def _customers_of(ledger: Ledger, tokens: list[str]) -> Callable[[str], list[str]]:
    found: dict[str, list[str]] = {}
    with ledger.read() as connection:
        for piece in chunks(sorted(set(tokens))):
            query = select(people.c.address_token, people.c.customer_id).where(
                people.c.address_token.in_(piece)
            )
            for token, customer_id in connection.execute(query):
                found.setdefault(token, []).append(customer_id)
    return lambda token: found.get(token, [])


def _outcome(line: dict[str, str]) -> tuple[str, bool]:
    key = _KEY.search((line.get("message") or "").lower())
    if key is None:
        raise _Bad("message holds no message key")
    was_sent = _OUTCOMES.get((line.get("outcome") or "").strip().lower())
    if was_sent is None:
        raise _Bad("outcome is neither sent nor not sent")
    return key.group(), was_sent


def _agreed(reader: _Reader, pieces: list[tuple[str, bool]]) -> dict[str, bool]:
    """Leave out a message of which the log says both."""
    said: dict[str, set[bool]] = {}
    for key, was_sent in pieces:
        said.setdefault(key, set()).add(was_sent)
    for key in [key for key, answers in said.items() if len(answers) > 1]:
        reader.reject("the log says both of a message")
        del said[key]
    return {key: answers.pop() for key, answers in said.items()}


def _settle(connection: Connection, outcomes: dict[str, bool], now: dt.datetime) -> int:
    reason = "by the provider's log"
    unknown = [
        row for row in read_messages(connection, list(outcomes)) if row.state == State.UNKNOWN
    ]
    for row in unknown:
        settle(connection, row, outcomes[row.message_key], reason, now)
    sent = [row for row in unknown if outcomes[row.message_key]]
    write_endings(connection, sent, State.RESOLVED_SENT, reason)
    return len(unknown)
