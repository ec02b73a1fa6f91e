"""Those never to be contacted: a list of keyed tokens that outlives the people themselves."""

from collections.abc import Iterable, Sequence
import datetime as dt
import logging
import re
import time

import pandas as pd
from sqlalchemy import Connection, bindparam, func, or_, select

from src.errors import SchemaError
from src.ledger.history import move
from src.ledger.people import lock_people
from src.ledger.schema import messages, people, suppressions
from src.ledger.states import Message, State
from src.ledger.store import Ledger, chunks, insert_many, rows_of
from src.ledger.tokens import person_tokens

__all__ = [
    "EVERY_CHANNEL",
    "add_entries",
    "check_reason",
    "find_suppressed",
    "read_tokens",
    "suppress",
    "take_back",
    "token_column",
    "wait_until_still",
]

EVERY_CHANNEL = "*"
"""Channel of an entry that holds for all."""

_REASON = re.compile(r"[a-z][a-z0-9 _-]{0,39}")
_TOKEN_COLUMNS = {"email": "address_token", "sms": "phone_token"}
_STILL_PAUSE_SECONDS = 0.01
_COLUMNS = [messages.c[name] for name in Message._fields]

logger = logging.getLogger(__name__)


def suppress(ledger: Ledger, wishes: pd.DataFrame) -> int:
    """Put customers, and the mailboxes they use, on the list of those never to be contacted.

    Parameters
    ----------
    ledger : Ledger
        Where to keep it.
    wishes : DataFrame
        One row per wish: `customer_id`, `channel` (``*`` for every one), `reason` (a few
        lower-case words such as ``unsubscribed``), `recorded_at`.

    Returns
    -------
    int
        Entries that were new.

    Raises
    ------
    SchemaError
        If a reason is more than a few words: free text may hold personal data.
    """
    rows = rows_of(wishes, ("customer_id", "channel", "reason", "recorded_at"))
    for row in rows:
        check_reason(row["reason"])

    def add(connection: Connection) -> int:
        ids = [row["customer_id"] for row in rows]
        lock_people(connection, ids)
        tokens = {
            channel: read_tokens(connection, channel, ids)
            for channel in {row["channel"] for row in rows}
        }
        entries = {
            (token, row["channel"]): (row["reason"], row["recorded_at"])
            for row in reversed(rows)  # the first wish of a customer is the one that is kept
            for token in tokens[row["channel"]][row["customer_id"]]
        }
        n_new = add_entries(connection, entries, ledger.now())
        take_back(connection, ((row["customer_id"], row["channel"]) for row in rows), ledger.now())
        return n_new

    n_new = ledger.transact(add)
    logger.info("suppress: %d wishes, %d new entries", len(rows), n_new)
    return n_new


def check_reason(reason: object) -> None:
    """Refuse a reason that may hold personal data.

    Raises
    ------
    SchemaError
        If it is more than a few lower-case words.
    """
    if not _REASON.fullmatch(str(reason)):
        raise SchemaError(
            "Expected reasons of at most 40 lower-case letters, digits, spaces, - or _, found "
            "another; give a short reason such as 'unsubscribed'."
        )


def add_entries(
    connection: Connection,
    entries: dict[tuple[str, str], tuple[str, dt.datetime]],
    now: dt.datetime,
) -> int:
    """Add entries that are not there yet; claims of the people behind them go back.

    Parameters
    ----------
    connection : Connection
        A transaction that writes.
    entries : dict
        Reason and time by token and channel.
    now : datetime
        Time of the steps that take claims back.

    Returns
    -------
    int
        Entries that were new.
    """
    n_new = 0
    for piece in chunks(sorted(entries)):
        known = set(connection.execute(_KNOWN, {"tokens": [token for token, _ in piece]}).all())
        fresh = [
            {"token": token, "channel": channel, "reason": why, "recorded_at": at}
            for token, channel in piece
            if (token, channel) not in known
            for why, at in [entries[token, channel]]
        ]
        if fresh:
            insert_many(connection, suppressions, fresh)
        n_new += len(fresh)
    sharing = _sharing(connection, entries)
    lock_people(connection, [customer_id for customer_id, _ in sharing])
    take_back(connection, sharing, now)
    return n_new


def token_column(channel: str) -> str:
    """Column of `people` with the token under which a channel reaches them.

    Examples
    --------
    >>> token_column("email"), token_column("sms"), token_column("push")
    ('address_token', 'phone_token', 'webhook_token')
    """
    return _TOKEN_COLUMNS.get(channel, "webhook_token")


def read_tokens(
    connection: Connection, channel: str, customer_ids: Sequence[str]
) -> dict[str, list[str]]:
    """Give the tokens under which each customer may be suppressed: person, then mailbox."""
    tokens = {key: [token] for key, token in person_tokens(customer_ids).items()}
    names = [*_TOKEN_COLUMNS.values(), "webhook_token"]
    columns = names if channel == EVERY_CHANNEL else [token_column(channel)]
    query = select(people.c.customer_id, *(people.c[name] for name in columns)).where(
        people.c.customer_id.in_(bindparam("ids", expanding=True))
    )
    for piece in chunks(list(tokens)):
        for customer_id, *found in connection.execute(query, {"ids": piece}):
            tokens[customer_id] += [token for token in found if token is not None]
    return tokens


def find_suppressed(connection: Connection, channel: str, tokens: Sequence[str]) -> dict[str, str]:
    """Give the reason of every token that is on the list for a channel."""
    return {
        token: reason
        for piece in chunks(tokens)
        for token, reason in connection.execute(_LISTED, {"tokens": piece, "channel": channel})
    }


def take_back(connection: Connection, refused: Iterable[tuple[str, str]], now: dt.datetime) -> None:
    """Return claimed messages of customers on channels to the queue, whose gate will refuse.

    The fence goes up, so a sender that still holds the claim cannot begin to transmit.
    """
    ids_of: dict[str, set[str]] = {}
    for customer_id, channel in refused:
        ids_of.setdefault(channel, set()).add(customer_id)
    for channel in sorted(ids_of):
        query = select(*_COLUMNS).where(
            messages.c.customer_id.in_(bindparam("ids", expanding=True)),
            messages.c.state == State.CLAIMED.value,
        )
        if channel != EVERY_CHANNEL:
            query = query.where(messages.c.channel == channel)
        query = query.order_by(messages.c.message_key).with_for_update()
        for piece in chunks(sorted(ids_of[channel])):
            held = [Message._make(row) for row in connection.execute(query, {"ids": piece})]
            move(connection, held, State.PLANNED, now, "contact refused", leased_until=None)


def wait_until_still(
    ledger: Ledger, customer_ids: Sequence[str], channel: str, timeout_seconds: float = 10.0
) -> bool:
    """Wait until nothing of some customers is being handed over.

    What was TRANSMITTING when they opted out may still be on its way into the channel. Whoever
    acknowledges an opt-out only after this has sent nothing after the acknowledgment.

    Returns
    -------
    bool
        Whether it became still in time.
    """
    query = select(func.count()).where(
        messages.c.customer_id.in_(list(customer_ids)),
        messages.c.state == State.TRANSMITTING.value,
        or_(messages.c.channel == channel, channel == EVERY_CHANNEL),
    )
    deadline = time.monotonic() + timeout_seconds
    while True:
        with ledger.read() as connection:
            if not connection.scalar(query):
                return True
        if time.monotonic() > deadline:
            return False
        time.sleep(_STILL_PAUSE_SECONDS)


_TOKENS = suppressions.c.token.in_(bindparam("tokens", expanding=True))
_KNOWN = select(suppressions.c.token, suppressions.c.channel).where(_TOKENS)
_LISTED = (
    select(suppressions.c.token, suppressions.c.reason)
    .where(_TOKENS, suppressions.c.channel.in_([bindparam("channel"), EVERY_CHANNEL]))
    .order_by(suppressions.c.channel)  # the channel's own reason comes last, and counts
)


def _sharing(connection: Connection, entries: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Find the customers who are reached under any of the tokens, with the channel."""
    tokens_of: dict[str, set[str]] = {}
    for token, channel in entries:
        tokens_of.setdefault(channel, set()).add(token)
    found = set()
    for channel, tokens in tokens_of.items():
        names = [*_TOKEN_COLUMNS.values(), "webhook_token"]
        columns = names if channel == EVERY_CHANNEL else [token_column(channel)]
        for name in columns:
            query = select(people.c.customer_id).where(
                people.c[name].in_(bindparam("tokens", expanding=True))
            )
            for piece in chunks(sorted(tokens)):
                ids = connection.scalars(query, {"tokens": piece})
                found |= {(customer_id, channel) for customer_id in ids}
    return found
