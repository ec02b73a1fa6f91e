"""The way of a message from PLANNED to its end: claims, attempts, endings."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
import datetime as dt
import time
from typing import NamedTuple

from sqlalchemy import Connection, Row, bindparam, select

from src.errors import LedgerError
from src.ledger.approvals import require_approval
from src.ledger.campaigns import CampaignState, lock_campaign
from src.ledger.history import defer, hold, move, write_endings, write_untried
from src.ledger.outcomes import Denial, Ending, Gate
from src.ledger.people import find_busy_people
from src.ledger.retries import rules_of
from src.ledger.schema import contents, messages
from src.ledger.seals import content_sha256
from src.ledger.states import CLAIMABLE, Message, State
from src.ledger.store import Ledger, chunks

__all__ = [
    "Denial",
    "Ending",
    "Gate",
    "begin_attempts",
    "claim_messages",
    "fail_untried",
    "finish_attempts",
    "read_contents",
    "turn_over",
]

_BUSY_TRIES = 200
_BUSY_PAUSE_SECONDS = 0.01


@dataclass(frozen=True)
class _Claim:
    """Who claims what, when."""

    sender: str
    campaign_id: str
    channel: str
    gate: Gate
    moment: dt.datetime
    now: dt.datetime
    until: dt.datetime
    n_rows: int


def claim_messages(
    ledger: Ledger,
    sender: str,
    campaign_id: str,
    channel: str,
    gate: Gate,
    denied_at: dt.datetime,
    n_rows: int = 64,
    lease_seconds: float = 120.0,
) -> tuple[list[Message], Counter[State]]:
    """Claim the next messages, those of the highest expected profit first.

    What the gate denies is written in the same transaction: SUPPRESSED, CANCELLED, or
    DEFERRED until it may be sent.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    sender : str
        Name from `sending`.
    campaign_id, channel : str
        Which messages.
    gate : Gate
        The contact policy, evaluated inside the transaction.
    denied_at : datetime
        The moment on the run's clock: what the gate goes by, and the time of denials.
    n_rows : int, default 64
        Messages per claim.
    lease_seconds : float, default 120
        After so many seconds another sender may take the claim over.

    Returns
    -------
    claims : list of Message
        Messages this sender now holds, with the fence that proves it.
    denied : Counter of State
        Messages that the gate moved, by state. Both are empty when the queue is.
    """
    names = (sender, campaign_id, channel, gate, denied_at)
    for _ in range(_BUSY_TRIES):
        now = ledger.now()
        until = now + dt.timedelta(seconds=lease_seconds)
        claim = _Claim(*names, now, until, n_rows)
        found = ledger.transact(lambda connection, claim=claim: _claim(connection, claim))
        if found is not None:
            return found
        time.sleep(_BUSY_PAUSE_SECONDS)
    raise LedgerError(
        f"Expected to claim messages of {campaign_id}, but for "
        f"{_BUSY_TRIES * _BUSY_PAUSE_SECONDS:.0f} s other transactions held every customer that "
        "is next; look for a program that keeps a transaction open on the table people."
    )


def begin_attempts(
    ledger: Ledger,
    claims: Sequence[Message],
    transport: str,
    attempted_at: dt.datetime,
    lease_seconds: float = 120.0,
) -> list[Message]:
    """Write TRANSMITTING, durably, before the channel is touched for any of the claims.

    Returns
    -------
    list of Message
        The messages that may now be sent; a claim that was lost is not among them, nor one
        whose lease has run out: what the gate saw is too old by then.

    Raises
    ------
    ApprovalError
        If the transport reaches people and the campaign lacks an approval it needs.
    """
    start = _Start(transport, attempted_at, ledger.now(), lease_seconds)
    return ledger.transact(lambda connection: _begin(connection, claims, start)) if claims else []


def finish_attempts(ledger: Ledger, endings: dict[Message, Ending]) -> list[Message]:
    """Write how begun attempts ended.

    Returns
    -------
    list of Message
        Messages whose ending was written. The others were declared UNKNOWN by another sender
        meanwhile; what this one knows of them is no longer believed.
    """
    now = ledger.now()
    return ledger.transact(lambda connection: _finish(connection, endings, now)) if endings else []


def turn_over(
    ledger: Ledger,
    endings: dict[Message, Ending],
    claims: Sequence[Message],
    transport: str,
    attempted_at: dt.datetime,
    lease_seconds: float = 120.0,
    on_finished: Callable[[Connection, dict[Message, Ending]], None] | None = None,
) -> tuple[list[Message], list[Message]]:
    """Finish one group and begin the next in one durable write: half the waits for the disk.

    `on_finished` is told, in the same transaction, what was written of how messages ended.

    Returns
    -------
    finished, begun : list of Message
        As `finish_attempts` and `begin_attempts` give them.
    """
    start = _Start(transport, attempted_at, ledger.now(), lease_seconds)

    def turn(connection: Connection) -> tuple[list[Message], list[Message]]:
        finished = _finish(connection, endings, start.now)
        if on_finished:
            on_finished(connection, {row: endings[row] for row in finished})
        return finished, _begin(connection, claims, start)

    return ledger.transact(turn)


def fail_untried(
    ledger: Ledger, reasons: dict[Message, str], failed_at: dt.datetime
) -> list[Message]:
    """End claimed messages that cannot be made, without an attempt; returns those still held."""
    now = ledger.now()

    def fail(connection: Connection) -> list[Message]:
        held = hold(connection, list(reasons))
        for reason in sorted(set(reasons.values())):
            rows = [row for row in held if reasons[row] == reason]
            move(connection, rows, State.FAILED, now, reason, leased_until=None)
            write_untried(connection, rows, State.FAILED, reason, failed_at)
        return held

    return ledger.transact(fail) if reasons else []


def read_contents(ledger: Ledger, hashes: Sequence[str]) -> dict[str, Row]:
    """Subjects and bodies by their hash.

    Raises
    ------
    LedgerError
        If one is no longer what its hash was taken of.
    """
    with ledger.read() as connection:
        found = {
            row.content_sha256: row
            for piece in chunks(sorted(set(hashes)))
            for row in connection.execute(_CONTENTS, {"hashes": piece})
        }
    for sha256, row in found.items():
        if content_sha256(row.subject, row.html, row.text) != sha256:
            raise LedgerError(
                f"Expected the content {sha256[:12]}… as it was planned, found another in the "
                "ledger; somebody changed it there: restore the ledger, nothing of it was sent."
            )
    return found


class _Start(NamedTuple):
    """How and when attempts begin."""

    transport: str
    attempted_at: dt.datetime
    now: dt.datetime
    lease_seconds: float


def _begin(connection: Connection, claims: Sequence[Message], start: _Start) -> list[Message]:
    campaign_ids = {claim.campaign_id for claim in claims}
    require_approval(connection, campaign_ids, start.transport)
    values = {
        "transport": start.transport,
        "attempted_at": start.attempted_at,
        "leased_until": start.now + dt.timedelta(seconds=start.lease_seconds),
        "first_tried_at": start.now,
    }
    held = [row for row in hold(connection, claims) if row.leased_until > start.now]
    return move(connection, held, State.TRANSMITTING, start.now, attempt_change=1, **values)


def _finish(
    connection: Connection, endings: dict[Message, Ending], now: dt.datetime
) -> list[Message]:
    held = hold(connection, list(endings))
    groups: dict[tuple[State, str | None], list[Message]] = {}
    for row in held:
        ending = endings[row]
        groups.setdefault((ending.state, ending.reason), []).append(row)
    for (state, reason), rows in groups.items():
        if state == State.DEFERRED:
            defer(connection, [(row, _due(endings[row])) for row in rows], reason, now)
        else:
            move(connection, rows, state, now, reason, next_at=None, leased_until=None)
        write_endings(connection, rows, state, reason)
    return held


_COLUMNS = [messages.c[name] for name in Message._fields]
_IN_QUEUE = (
    messages.c.campaign_id == bindparam("campaign"),
    messages.c.channel == bindparam("channel"),
)
_BY_PROFIT = (
    select(*_COLUMNS)
    .where(*_IN_QUEUE, messages.c.state == bindparam("state"))
    .order_by(messages.c.expected_profit_value.desc(), messages.c.message_key)
    .limit(bindparam("n_rows"))
    .with_for_update(skip_locked=True)
)
_BY_TIME = (
    select(*_COLUMNS)
    .where(
        *_IN_QUEUE, messages.c.next_at <= bindparam("now"), messages.c.state == State.DEFERRED.value
    )
    .order_by(messages.c.next_at, messages.c.message_key)
    .limit(bindparam("n_rows"))
    .with_for_update(skip_locked=True)
)
_CONTENTS = select(contents).where(
    contents.c.content_sha256.in_(bindparam("hashes", expanding=True))
)


def _claim(connection: Connection, claim: _Claim) -> tuple[list[Message], Counter[State]] | None:
    """Claim in one transaction; None if other transactions hold every customer in question."""
    campaign = lock_campaign(connection, claim.campaign_id)
    if campaign is None or campaign.state == CampaignState.PAUSED:
        return [], Counter()
    rows = _next(connection, claim)
    busy = find_busy_people(connection, [row.customer_id for row in rows])
    free = [row for row in rows if row.customer_id not in busy]
    if rows and not free:
        return None
    denials = _late_denials(campaign, free, claim.now)
    asked = [row for row in free if row.message_key not in denials]
    denials |= claim.gate(connection, asked, claim.moment) if asked else {}
    allowed = [row for row in asked if row.message_key not in denials]
    values = {"sender": claim.sender, "leased_until": claim.until, "next_at": None}
    claimed = move(connection, allowed, State.CLAIMED, claim.now, **values)
    _deny(connection, claim, [row for row in free if row.message_key in denials], denials)
    return claimed, Counter(denial.state for denial in denials.values())


def _next(connection: Connection, claim: _Claim) -> list[Message]:
    """Take the best of every waiting state, then the best of them all."""
    names = {"campaign": claim.campaign_id, "channel": claim.channel, "n_rows": claim.n_rows}
    found = connection.execute(_BY_TIME, names | {"now": claim.now}).all()
    for state in sorted(CLAIMABLE - {State.DEFERRED}):
        found += connection.execute(_BY_PROFIT, names | {"state": state.value}).all()
    rows = sorted(map(Message._make, found), key=_rank)
    return rows[: claim.n_rows]


def _rank(row: Message) -> tuple[float, str]:
    return -row.expected_profit_value, row.message_key


def _late_denials(campaign: Row, rows: Sequence[Message], now: dt.datetime) -> dict[str, Denial]:
    """Call off what belongs to a cancelled campaign or has been tried for too long."""
    if campaign.state == CampaignState.CANCELLED:
        called_off = Denial("campaign called off", State.CANCELLED)
        return {row.message_key: called_off for row in rows}
    rules = rules_of(campaign)
    late = Denial(rules.late_reason, State.CANCELLED)
    return {row.message_key: late for row in rows if rules.is_late(row, now)}


def _deny(
    connection: Connection, claim: _Claim, rows: Sequence[Message], denials: dict[str, Denial]
) -> None:
    for denial in set(denials.values()):
        denied = [row for row in rows if denials[row.message_key] == denial]
        if denial.state == State.DEFERRED:
            due_at = claim.now + (_until(denial) - claim.moment)
            defer(connection, [(row, due_at) for row in denied], denial.reason, claim.now)
            continue
        move(connection, denied, denial.state, claim.now, denial.reason, next_at=None)
        write_untried(connection, denied, denial.state, denial.reason, claim.moment)


def _until(denial: Denial) -> dt.datetime:
    if denial.until is None:
        raise LedgerError("Expected the time until which a message is put off, found none.")
    return denial.until


def _due(ending: Ending) -> dt.datetime:
    if ending.next_at is None:
        raise LedgerError(
            "Expected the time of the next attempt of a DEFERRED message, found none; give next_at."
        )
    return ending.next_at
