"""Letters to a mail server: many connections, one thread, every ending known by its phase."""

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
import logging
import select
import smtplib
import time

from src.errors import ChannelError, ConfigurationError
from src.send.channels.base import Envelope, Outcome, Pause, RefusedError, Verdict
from src.send.channels.endings import NO_REPLY, Phase, Reply, classify
from src.send.channels.session import Session, WireError, open_session, to_wire
from src.send.channels.settings import SmtpSettings
from src.send.channels.stationery import Stationery, open_stationery

__all__ = ["SmtpChannel"]

_N_OPENING = 16

logger = logging.getLogger(__name__)


class SmtpChannel:
    """Hand letters to one mail server over a pool of connections.

    Parameters
    ----------
    settings : SmtpSettings
        From the channel file. At most `n_connections` letters are under way, so after a crash
        at most so many are UNKNOWN.

    Notes
    -----
    A connection that the server closed while it was idle, or that has carried as many letters
    as the server allows, costs nothing: as long as no recipient was accepted on it, the
    letter goes over a fresh one within the same attempt.
    """

    name = "smtp"

    def __init__(self, settings: SmtpSettings) -> None:
        self.settings = settings
        self.n_at_once = settings.n_connections
        self.max_seconds = 6 * settings.command_seconds + settings.final_seconds
        self.messages_per_connection = settings.messages_per_connection
        self._idle: list[Session] = []
        self._error: ConfigurationError | None = None

    @property
    def stationery(self) -> Stationery:
        """How letters are signed and where bounces go."""
        return open_stationery(self.settings)

    def check(self) -> bool:
        """Make sure of a connection, before any letter is said to be under way.

        Returns
        -------
        bool
            False if the server is not there or turns us away for now.

        Raises
        ------
        ConfigurationError
            If it always will.
        """
        if not self._idle:
            session = self.open()
            self._idle += [session] if session else []
        if self._error:
            raise self._error
        return bool(self._idle)

    def deliver_all(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        """Hand a group over; one outcome for each, in order."""
        return _Round(self, envelopes).run()

    def deliver(self, envelope: Envelope) -> None:
        """Hand one letter over.

        Raises
        ------
        ChannelError
            As `Channel` says.
        """
        (outcome,) = self.deliver_all([envelope])
        if outcome.verdict == Verdict.TAKEN:
            return
        text = f"Expected {self.settings.host} to take the message, found: {outcome.reason}."
        if outcome.verdict == Verdict.REFUSED:
            raise RefusedError(text, self.name, envelope.message_key)
        is_retryable = outcome.verdict == Verdict.RETRY
        raise ChannelError(text, self.name, envelope.message_key, is_retryable)

    def was_delivered(self, message_key: str) -> bool | None:
        """Give no answer: a mail server cannot be asked."""
        return None

    def close(self) -> None:
        """Say goodbye on all connections."""
        while self._idle:
            self._idle.pop().quit()

    def take_sessions(self, n_wanted: int) -> list[Session]:
        """Open connections, idle ones first; fewer than wanted if the server wants no more."""
        ready: list[Session] = []
        while self._idle and len(ready) < n_wanted:
            session = self._idle.pop()
            if session.is_idle_and_alive():
                ready.append(session)
            else:
                session.close()
        n_missing = n_wanted - len(ready)
        if n_missing == 1:
            fresh = [self.open()]
        elif n_missing:
            with ThreadPoolExecutor(min(_N_OPENING, n_missing)) as threads:
                fresh = list(threads.map(lambda _: self.open(), range(n_missing)))
        else:
            fresh = []
        return ready + [session for session in fresh if session]

    def open(self) -> Session | None:
        """Open one connection, None if the server turns us away; `check` tells if for ever."""
        try:
            return open_session(self.settings)
        except ConfigurationError as error:
            self._error = error
        except (OSError, smtplib.SMTPException) as error:
            logger.info("%s: no connection, %s", self.name, type(error).__name__)
        return None

    def put_back(self, session: Session) -> None:
        """Keep a connection for the next letter, unless it has carried its share."""
        if not session.is_open:
            return
        if session.n_begun >= self.messages_per_connection:
            session.quit()
        else:
            self._idle.append(session)

    def is_worth_another(self, session: Session, outcome: Outcome) -> bool:
        """Whether a fresh connection may help at once: a used one was turned away at MAIL."""
        is_used = session.n_begun > 1
        if not (is_used and outcome.verdict == Verdict.RETRY and session.phase == Phase.MAIL):
            return False
        if (
            outcome.pause != Pause.NONE
        ):  # the server counts letters per connection; so do we from now on
            self.messages_per_connection = min(self.messages_per_connection, session.n_begun - 1)
        return True


class _Round:
    """Bring a group of letters over the open connections, all of them at the same time."""

    def __init__(self, channel: SmtpChannel, envelopes: Sequence[Envelope]) -> None:
        self.channel = channel
        self.envelopes = envelopes
        self.outcomes: list[Outcome | None] = [None] * len(envelopes)
        self.waiting: deque[int] = deque()
        self.wires: dict[int, bytes] = {}
        self.talks: dict[int, tuple[Session, Generator, int]] = {}
        self.deadlines: dict[int, float] = {}
        self.reopened: set[int] = set()
        self.poll = select.poll()

    def run(self) -> list[Outcome]:
        for index, envelope in enumerate(self.envelopes):
            self._prepare(index, envelope)
        for session in self.channel.take_sessions(len(self.waiting)):
            self._begin(session)
        while self.talks:
            self._wait()
        for index in self.waiting:
            self.outcomes[index] = classify(Phase.CONNECT, NO_REPLY, self.channel.settings.host)
        return self.outcomes

    def _prepare(self, index: int, envelope: Envelope) -> None:
        try:
            self.wires[index] = to_wire(envelope.content)
            self.waiting.append(index)
        except WireError:
            self.outcomes[index] = Outcome(Verdict.REFUSED, "lines that no server may be given")

    def _begin(self, session: Session) -> None:
        """Start the next letter on a connection, or give the connection back."""
        if not self.waiting:
            self.channel.put_back(session)
            return
        index = self.waiting.popleft()
        talk = session.converse(self.envelopes[index], self.wires[index])
        descriptor = session.fileno()
        self.talks[descriptor] = session, talk, index
        self.poll.register(descriptor, select.POLLIN)
        self._advance(descriptor, None)

    def _wait(self) -> None:
        """Wait for the next replies; a connection whose time has run out gets none."""
        pause = min(self.deadlines.values()) - time.monotonic()
        for descriptor, _ in self.poll.poll(max(0.0, pause) * 1000):
            reply = self.talks[descriptor][0].receive()
            if reply is not None:
                self._advance(descriptor, reply)
        now = time.monotonic()
        for descriptor in [key for key, deadline in self.deadlines.items() if deadline <= now]:
            self._advance(descriptor, NO_REPLY)

    def _advance(self, descriptor: int, reply: Reply | None) -> None:
        """Go on with one letter until it has to wait again or has ended."""
        session, talk, index = self.talks[descriptor]
        settings = self.channel.settings
        try:
            while True:
                is_final = talk.send(reply)
                seconds = settings.final_seconds if is_final else settings.command_seconds
                self.deadlines[descriptor] = time.monotonic() + seconds
                reply = session.waiting_reply()
                if reply is None:
                    return
        except StopIteration as ended:
            del self.talks[descriptor]
            self.deadlines.pop(descriptor, None)
            self.poll.unregister(descriptor)
            self._end(session, index, ended.value)

    def _end(self, session: Session, index: int, outcome: Outcome) -> None:
        if index not in self.reopened and self.channel.is_worth_another(session, outcome):
            self.reopened.add(index)
            self.waiting.appendleft(index)
            session.quit()
        else:
            self.outcomes[index] = outcome
        if session.is_open and session.n_begun < self.channel.messages_per_connection:
            self._begin(session)
            return
        session.quit()
        fresh = self.channel.open() if self.waiting else None
        if fresh:
            self._begin(fresh)
