"""Deliver the planned messages of a campaign: each once, or not at all, or known to be unknown."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
import datetime as dt
from functools import cached_property
import logging
import time

from src.decide.catalogue import Campaign
from src.errors import ParameterError
from src.ledger.approvals import DRY_TRANSPORTS, check_approved
from src.ledger.marks import SendMark, marking
from src.ledger.outcomes import Ending
from src.ledger.people import Person, read_people
from src.ledger.queue import claim_messages, fail_untried, read_contents, turn_over
from src.ledger.recovery import recover, resolve_by_evidence
from src.ledger.retries import RetryRules, read_rules
from src.ledger.senders import sending
from src.ledger.states import Message, State
from src.ledger.store import Ledger
from src.send.breaker import Breaker, note_refusals
from src.send.channels import PLAIN, Channel, Envelope, Outcome, Verdict, hand_over
from src.send.clock import Clock
from src.send.compose import ComposeError, Content, Letterhead, build_letterhead, compose
from src.send.policy import find_denials
from src.send.texts import COMPOSERS
from src.send.throttle import Limits, Throttle

__all__ = ["POLICIES", "deliver"]

POLICIES = ("hold", "retry")
"""What becomes of a message that was perhaps taken: it waits for a decision, or goes again."""

_COUNTED = (State.SENT, State.SUPPRESSED, State.FAILED, State.DEFERRED, State.UNKNOWN)
_LONGEST_NAP_SECONDS = 1.0
_LEASE_SECONDS = 120.0
_MAX_WAITING = 20
"""Batches that are held at most while their domains want no more."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Route:
    ledger: Ledger
    channel: Channel
    letterhead: Letterhead
    clock: Clock
    rules: RetryRules
    on_unknown: str
    threads: Executor
    mark: SendMark


@dataclass(frozen=True)
class _Waiting:
    """A claimed message on its way to the channel."""

    claim: Message
    content: Content
    person: Person

    @cached_property
    def domain(self) -> str:
        return _domain(self.claim, self.person.email).lower()


def deliver(
    ledger: Ledger,
    channel: Channel,
    campaign: Campaign,
    clock: Clock,
    batch_rows: int = 256,
    on_unknown: str = "hold",
    limits: Limits = Limits(),  # noqa: B008 - frozen
    on_progress: Callable[[int], None] | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
    by: str = "",
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
    batch_rows : int, default 256
        Messages per claim.
    on_unknown : str, default "hold"
        ``hold``: a message that was perhaps taken is UNKNOWN and waits for a decision.
        ``retry``: it goes again, for what must arrive even if twice.
    limits : Limits
        What may be asked of servers.
    on_progress : callable, optional
        Told after each group how many messages this pass has done.
    is_stopped : callable, optional
        Asked before each group whether to end here; what is claimed goes back to the queue.
    by : str, default ""
        Channel of the messages, such as ``sms``; empty: the campaign's.

    Returns
    -------
    dict of str to int
        What this pass did: `n_sent`, `n_suppressed`, `n_failed`, `n_deferred`, `n_unknown`.

    Raises
    ------
    ParameterError
        If `on_unknown` is neither.
    RestoredError
        If the ledger is an older copy of one that was sent from.
    """
    if on_unknown not in POLICIES:
        raise ParameterError(f"Expected on_unknown to be one of {POLICIES}, found {on_unknown!r}.")
    letterhead = build_letterhead(campaign, getattr(channel, "stationery", PLAIN))
    names = campaign.campaign_id, by or campaign.channel
    is_live = channel.name not in DRY_TRANSPORTS
    if is_live:
        check_approved(ledger, campaign.campaign_id)
    rules = read_rules(ledger, campaign.campaign_id)
    with (
        marking(ledger, is_live) as mark,
        sending(ledger) as sender,
        ThreadPoolExecutor(channel.n_at_once) as threads,
    ):
        route = _Route(ledger, channel, letterhead, clock, rules, on_unknown, threads, mark)
        run = _Pass(route, sender, names, batch_rows, Throttle(limits), on_progress, is_stopped)
        try:
            run.deliver_all()
        finally:
            getattr(channel, "close", int)()
    result = {f"n_{state.lower()}": run.states[state] for state in _COUNTED}
    logger.info("deliver %s, %s by %s: %s", *names, channel.name, result)
    return result


class _Pass:
    """One way through the queue: what is held, what is done."""

    def __init__(
        self,
        route: _Route,
        sender: str,
        names: tuple[str, str],
        n_rows: int,
        throttle: Throttle,
        on_progress: Callable[[int], None] | None,
        is_stopped: Callable[[], bool],
    ) -> None:
        self.route, self.sender, self.names, self.n_rows = route, sender, names, n_rows
        self.throttle, self.on_progress, self.is_stopped = throttle, on_progress, is_stopped
        self.waiting: dict[str, _Waiting] = {}
        self.ended: dict[Message, Ending] = {}
        self.states: Counter = Counter()
        self.breaker = Breaker(route.ledger, names[0])

    def deliver_all(self) -> None:
        """Settle what others left, then send until nothing is left that may go now."""
        ledger, names = self.route.ledger, self.names
        recover(ledger, *names)
        self._settle()
        is_patient = True
        while is_patient:
            try:
                is_patient = self._empty_queue()
            finally:
                self._finish()
            n_requeued, _ = recover(ledger, *names)
            is_patient = is_patient and n_requeued > 0

    def _settle(self) -> None:
        """Ask the channel what it took; by policy, let go again what it cannot tell."""
        route = self.route
        asked = [route.channel.was_delivered]
        if route.on_unknown == "retry":
            asked.append(lambda _: False)
        for was_delivered in asked:
            resolve_by_evidence(route.ledger, *self.names, route.channel.name, was_delivered)

    def _empty_queue(self) -> bool:
        """Send until the queue is empty; False if it ends before, stopped or out of patience."""
        is_drained = False
        n_at_once = self.route.channel.n_at_once
        while not self.is_stopped():
            domains = {key: item.domain for key, item in self.waiting.items()}
            chosen = self.throttle.choose(domains, n_at_once)
            if chosen and not getattr(self.route.channel, "check", _is_there)():
                self.throttle.give_back(len(chosen))
                chosen = []
            elif chosen:
                self._send([self.waiting.pop(key) for key in chosen])
            is_short = len(chosen) < n_at_once and len(self.waiting) < _MAX_WAITING * self.n_rows
            if is_short and not is_drained:
                is_drained = not self._claim()
            elif not chosen:
                if not self.waiting:
                    return True
                if not self._nap():
                    return False
        return False

    def _nap(self) -> bool:
        """Wait until a message may go; False if that is too long."""
        self._finish()
        domains = {key: item.domain for key, item in self.waiting.items()}
        seconds = self.throttle.seconds_to_wait(domains)
        if seconds > self.throttle.limits.patience_seconds:
            logger.warning("%d messages wait for a later pass", len(self.waiting))
            return False
        time.sleep(min(seconds, _LONGEST_NAP_SECONDS))
        return True

    def _claim(self) -> bool:
        """Claim the next messages; False once there are none."""
        route = self.route
        if not self.breaker.check():
            return False
        claims, denied = claim_messages(
            route.ledger, self.sender, *self.names, find_denials, route.clock(), self.n_rows
        )
        if not claims and not denied:
            return False
        self._count(denied)
        contents = read_contents(route.ledger, [claim.content_sha256 for claim in claims])
        with route.ledger.read() as connection:
            people = read_people(connection, [claim.customer_id for claim in claims])
        for claim in claims:
            person = people.get(claim.customer_id, Person())
            item = _Waiting(claim, contents[claim.content_sha256], person)
            self.waiting[claim.message_key] = item
        return True

    def _send(self, group: Sequence[_Waiting]) -> None:
        """Compose, begin, hand over side by side: one durable write per group.

        An error that says nothing about the message stops the pass, after what is known of the
        others has been written; its own message stays TRANSMITTING, as after a crash, and the
        next pass finds it UNKNOWN.
        """
        route, moment = self.route, self.route.clock()
        envelopes = self._compose(group, moment)
        ready = [item.claim for item in group if item.claim.message_key in envelopes]
        begun = self._turn(ready, moment)
        route.mark.put(begun)
        outcomes = hand_over(
            route.channel, [envelopes[row.message_key] for row in begun], route.threads
        )
        for row, outcome in zip(begun, outcomes, strict=True):
            if isinstance(outcome, Outcome):
                self.ended[row] = _ending(route, row, outcome)
                recipient = envelopes[row.message_key].recipient
                self.throttle.learn(_domain(row, recipient), outcome.pause)
        errors = [found for found in outcomes if isinstance(found, BaseException)]
        if errors:
            raise errors[0]

    def _turn(self, claims: Sequence[Message], moment: dt.datetime) -> list[Message]:
        """Write how the last group ended and that this one begins; gives what may be sent."""
        route, ended = self.route, self.ended
        seconds = getattr(route.channel, "max_seconds", 0.0) + _LEASE_SECONDS
        now = route.ledger.now()
        finished, begun = turn_over(
            route.ledger,
            ended,
            claims,
            route.channel.name,
            moment,
            seconds,
            lambda connection, found: note_refusals(connection, found, now),
        )
        self._count(Counter(ended[row].state for row in finished))
        self.ended = {}
        return begun

    def _finish(self) -> None:
        """Write how the last group ended, for there may be a while until the next."""
        if self.ended:
            self._turn([], self.route.clock())

    def _compose(self, group: Sequence[_Waiting], moment: dt.datetime) -> dict[str, Envelope]:
        """Make the envelopes, by message key; what cannot be made is FAILED."""
        route, envelopes, reasons = self.route, {}, {}
        for item in group:
            try:
                make = COMPOSERS.get(item.claim.channel, compose)
                envelope = make(route.letterhead, item.claim, item.content, item.person, moment)
                envelopes[item.claim.message_key] = envelope
            except ComposeError as error:
                reasons[item.claim] = str(error)
        if reasons:
            failed = fail_untried(route.ledger, reasons, moment)
            self._count({State.FAILED: len(failed)})
        return envelopes

    def _count(self, states: dict[State, int]) -> None:
        n_before = self.states.total()
        self.states.update(states)
        if self.on_progress and self.states.total() > n_before:
            self.on_progress(self.states.total())


def _domain(message: Message, address: str) -> str:
    """Whom to go easy on: an e-mail's domain; all other messages go through one gateway."""
    return address.rpartition("@")[2] if message.channel == "email" else ""


def _is_there() -> bool:
    """Say yes, for channels that cannot be away."""
    return True


def _ending(route: _Route, message: Message, outcome: Outcome) -> Ending:
    """Say in the ledger's words how an attempt ended."""
    if outcome.verdict == Verdict.TAKEN:
        return Ending(State.SENT)
    if outcome.verdict == Verdict.REFUSED:
        return Ending(State.FAILED, outcome.reason)
    if outcome.verdict == Verdict.UNKNOWN and route.on_unknown == "hold":
        return Ending(State.UNKNOWN, outcome.reason)
    return route.rules.ending(message, route.ledger.now(), outcome.reason)
