"""Deliver the planned messages of a campaign: each once, or not at all, or known to be unknown."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
import datetime as dt
import logging

from sqlalchemy import Row

from src.decide.catalogue import Campaign
from src.errors import ChannelError
from src.ledger.people import Person, read_people
from src.ledger.queue import (
    begin_attempt,
    claim_messages,
    fail_unsent,
    finish_attempt,
    read_contents,
    recover,
    resolve_by_evidence,
)
from src.ledger.senders import sending
from src.ledger.states import State
from src.ledger.store import Ledger
from src.send.channels import Channel, Envelope, RefusedError
from src.send.clock import Clock
from src.send.compose import ComposeError, Letterhead, build_letterhead, compose
from src.send.policy import find_denials

__all__ = ["deliver"]

_LOST_CLAIM = "LOST_CLAIM"
_COUNTED = (State.SENT, State.SUPPRESSED, State.FAILED, State.DEFERRED, State.UNKNOWN)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Route:
    ledger: Ledger
    channel: Channel
    letterhead: Letterhead
    clock: Clock
    max_attempts: int
    retry_seconds: float


def deliver(
    ledger: Ledger,
    channel: Channel,
    campaign: Campaign,
    clock: Clock,
    batch_rows: int = 50,
    max_attempts: int = 3,
    retry_seconds: float = 900.0,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, int]:
    """Send what is planned and due; again, or beside another sender, it sends nothing twice.

    Parameters
    ----------
    ledger : Ledger
        Where the messages are planned.
    channel : Channel
        The way out.
    campaign : Campaign
        Whose messages, and who the sender is.
    clock : callable
        Time that messages and attempts are dated with.
    batch_rows : int, default 50
        Messages per claim.
    max_attempts : int, default 3
        A message deferred so often is FAILED.
    retry_seconds : float, default 900
        Wait before the second attempt; it doubles with each further one.
    on_progress : callable, optional
        Told after each claim how many messages this pass has done.

    Returns
    -------
    dict of str to int
        What this pass did: `n_sent`, `n_suppressed`, `n_failed`, `n_deferred`, `n_unknown`.
    """
    letterhead = build_letterhead(campaign)
    route = _Route(ledger, channel, letterhead, clock, max_attempts, retry_seconds)
    names = campaign.campaign_id, campaign.channel
    counts: Counter = Counter()
    with sending(ledger) as sender:
        recover(ledger, *names)
        resolve_by_evidence(ledger, *names, channel.name, channel.was_delivered)
        n_requeued = 1
        while n_requeued:
            while batch := _send_batch(route, sender, names, batch_rows):
                counts.update(batch)
                if on_progress:
                    on_progress(counts.total())
            n_requeued, _ = recover(ledger, *names)
    result = {f"n_{state.lower()}": counts[state] for state in _COUNTED}
    logger.info("deliver %s by %s: %s", campaign.campaign_id, channel.name, result)
    return result


def _send_batch(route: _Route, sender: str, names: tuple[str, str], n_rows: int) -> Counter:
    """Claim, then send one by one; empty once nothing is left to claim."""
    claims, n_denied = claim_messages(
        route.ledger, sender, *names, find_denials, route.clock(), n_rows
    )
    contents = read_contents(route.ledger, [claim.content_sha256 for claim in claims])
    with route.ledger.read() as connection:
        people = read_people(connection, [claim.customer_id for claim in claims])
    states = Counter({State.SUPPRESSED: n_denied}) if n_denied else Counter()
    for claim in claims:
        person = people.get(claim.customer_id, Person())
        states[_send(route, claim, contents[claim.content_sha256], person)] += 1
    return states


def _send(route: _Route, claim: Row, content: Row, person: Person) -> str:
    """Bring one claimed message to an end, or to UNKNOWN."""
    moment = route.clock()
    try:
        envelope = compose(route.letterhead, claim, content, person, moment)
    except ComposeError as error:
        is_held = fail_unsent(route.ledger, claim, str(error), moment)
        return State.FAILED if is_held else _LOST_CLAIM
    message = begin_attempt(route.ledger, claim, route.channel.name, moment)
    if message is None:
        return _LOST_CLAIM
    state, reason, next_at = _transmit(route, message, envelope)
    is_held = finish_attempt(route.ledger, message, state, reason, next_at)
    return state if is_held else _LOST_CLAIM


def _transmit(
    route: _Route, message: Row, envelope: Envelope
) -> tuple[State, str | None, dt.datetime | None]:
    """Touch the channel once. Reasons are our own words: a server's reply may hold addresses.

    An error that is no `ChannelError` is not caught: the message stays TRANSMITTING, as after
    a crash, and the next pass finds it UNKNOWN.
    """
    try:
        route.channel.deliver(envelope)
    except RefusedError:
        return State.FAILED, "refused by the channel", None
    except ChannelError as error:
        if not error.is_retryable:
            return State.UNKNOWN, "channel cannot tell", None
        if message.attempt >= route.max_attempts:
            return State.FAILED, f"not taken in {message.attempt} attempts", None
        wait = dt.timedelta(seconds=route.retry_seconds * 2 ** (message.attempt - 1))
        return State.DEFERRED, "not taken yet", route.ledger.now() + wait
    return State.SENT, None, None
