"""Deliver the planned messages of a campaign: each once, or not at all, or known to be unknown."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass
import datetime as dt
import logging

from sqlalchemy import Row

from src.decide.catalogue import Campaign
from src.errors import ChannelError
from src.ledger.people import Person, read_people
from src.ledger.queue import (
    Ending,
    begin_attempts,
    claim_messages,
    fail_untried,
    finish_attempts,
    read_contents,
)
from src.ledger.recovery import recover, resolve_by_evidence
from src.ledger.senders import sending
from src.ledger.states import Message, State
from src.ledger.store import Ledger
from src.send.channels import Channel, Envelope, RefusedError
from src.send.clock import Clock
from src.send.compose import ComposeError, Letterhead, build_letterhead, compose
from src.send.policy import find_denials

__all__ = ["deliver"]

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
    threads: Executor


def deliver(
    ledger: Ledger,
    channel: Channel,
    campaign: Campaign,
    clock: Clock,
    batch_rows: int = 64,
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
    batch_rows : int, default 64
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
    names = campaign.campaign_id, campaign.channel
    counts: Counter = Counter()
    with sending(ledger) as sender, ThreadPoolExecutor(channel.n_at_once) as threads:
        route = _Route(ledger, channel, letterhead, clock, max_attempts, retry_seconds, threads)
        recover(ledger, *names)
        resolve_by_evidence(ledger, *names, channel.name, channel.was_delivered)
        n_requeued = 1
        while n_requeued:
            while (batch := _send_batch(route, sender, names, batch_rows)) is not None:
                counts.update(batch)
                if on_progress:
                    on_progress(counts.total())
            n_requeued, _ = recover(ledger, *names)
    result = {f"n_{state.lower()}": counts[state] for state in _COUNTED}
    logger.info("deliver %s by %s: %s", campaign.campaign_id, channel.name, result)
    return result


def _send_batch(route: _Route, sender: str, names: tuple[str, str], n_rows: int) -> Counter | None:
    """Claim, then send in groups; None once nothing is left to claim."""
    claims, denied = claim_messages(
        route.ledger, sender, *names, find_denials, route.clock(), n_rows
    )
    if not claims and not denied:
        return None
    states = Counter(denied)
    contents = read_contents(route.ledger, [claim.content_sha256 for claim in claims])
    with route.ledger.read() as connection:
        people = read_people(connection, [claim.customer_id for claim in claims])
    n_at_once = route.channel.n_at_once
    for start in range(0, len(claims), n_at_once):
        group = claims[start : start + n_at_once]
        moment = route.clock()
        envelopes = _compose(route, group, contents, people, moment, states)
        states.update(_transmit_all(route, group, envelopes, moment))
    return states


def _compose(
    route: _Route,
    claims: Sequence[Message],
    contents: dict[str, Row],
    people: dict[str, Person],
    moment: dt.datetime,
    states: Counter,
) -> dict[str, Envelope]:
    """Make the envelopes, by message key; what cannot be made is FAILED."""
    envelopes, reasons = {}, {}
    for claim in claims:
        person = people.get(claim.customer_id, Person())
        content = contents[claim.content_sha256]
        try:
            envelopes[claim.message_key] = compose(route.letterhead, claim, content, person, moment)
        except ComposeError as error:
            reasons[claim] = str(error)
    if reasons:
        states[State.FAILED] += len(fail_untried(route.ledger, reasons, moment))
    return envelopes


def _transmit_all(
    route: _Route, claims: Sequence[Message], envelopes: dict[str, Envelope], moment: dt.datetime
) -> Counter:
    """Begin, hand over side by side, finish: two durable writes per group.

    An error that says nothing about the message stops the pass, after what is known of the
    others has been written; its own message stays TRANSMITTING, as after a crash, and the
    next pass finds it UNKNOWN.
    """
    ready = [claim for claim in claims if claim.message_key in envelopes]
    begun = begin_attempts(route.ledger, ready, route.channel.name, moment)
    transmissions = {
        row: route.threads.submit(_transmit, route, row, envelopes[row.message_key])
        for row in begun
    }
    wait(transmissions.values())
    errors = [found for done in transmissions.values() if (found := done.exception())]
    endings = {row: done.result() for row, done in transmissions.items() if not done.exception()}
    finished = finish_attempts(route.ledger, endings)
    if errors:
        raise errors[0]
    by_key = {row.message_key: ending.state for row, ending in endings.items()}
    return Counter(by_key[row.message_key] for row in finished)


def _transmit(route: _Route, message: Message, envelope: Envelope) -> Ending:
    """Touch the channel once. Reasons are our own words: a server's reply may hold addresses."""
    try:
        route.channel.deliver(envelope)
    except RefusedError:
        return Ending(State.FAILED, "refused by the channel")
    except ChannelError as error:
        if not error.is_retryable:
            return Ending(State.UNKNOWN, "channel cannot tell")
        if message.attempt >= route.max_attempts:
            return Ending(State.FAILED, f"not taken in {message.attempt} attempts")
        pause = dt.timedelta(seconds=route.retry_seconds * 2 ** (message.attempt - 1))
        return Ending(State.DEFERRED, "not taken yet", route.ledger.now() + pause)
    return Ending(State.SENT)
