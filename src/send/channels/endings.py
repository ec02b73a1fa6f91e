"""How a conversation with a mail server ended, judged by the phase our own code has recorded.

An exception of a library does not tell whether the server may have taken a message: the same one
is raised before the final dot and after it. Only who writes the bytes knows.
"""

from dataclasses import dataclass
from enum import StrEnum
import re

from src.send.channels.base import Outcome, Pause, Verdict

__all__ = ["NO_REPLY", "Phase", "Reply", "classify", "take_reply"]

_MAX_REPLY_OCTETS = 64 * 1024
_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])([^\r\n]*))?\r?\n")
_ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
_BUSY = frozenset({421, 451, 454})
"""Less, please; other 4xx speak of one mailbox."""


class Phase(StrEnum):
    """How far one message got; only in DOT may the server have taken it."""

    CONNECT = "connect"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BODY = "body"
    DOT = "final dot"


@dataclass(frozen=True)
class Reply:
    """Code of a server's reply and its enhanced code; 0 stands for what is no reply."""

    code: int
    enhanced: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced}".strip() if self.code else "no valid reply"


NO_REPLY = Reply(0)
"""The connection broke, time ran out, or what came is no reply."""


def take_reply(buffer: bytearray) -> Reply | None:
    r"""Take one whole reply off the front of what was received.

    Returns
    -------
    Reply or None
        None while the reply is not whole; `NO_REPLY` if it can never become one.

    Examples
    --------
    >>> take_reply(bytearray(b"250-a\r\n250 2.1.5 ok\r\n"))
    Reply(code=250, enhanced='2.1.5')
    >>> take_reply(bytearray(b"25")) is None
    True
    """
    start = 0
    while (end := buffer.find(b"\n", start)) >= 0:
        line = _LINE.fullmatch(bytes(buffer[start : end + 1]))
        if not line or line[1] != buffer[:3]:
            return NO_REPLY
        start = end + 1
        if line[2] != b"-":
            del buffer[:start]
            enhanced = _ENHANCED.match(line[3] or b"")
            return Reply(int(line[1]), enhanced[0].decode("ascii") if enhanced else "")
    return NO_REPLY if len(buffer) > _MAX_REPLY_OCTETS else None


def classify(phase: Phase, reply: Reply, server: str = "") -> Outcome:
    """Judge how a message ended.

    Parameters
    ----------
    phase : Phase
        How far our code got with it.
    reply : Reply
        What the server said last; `NO_REPLY` if it said nothing that can be read.
    server : str, default ""
        Named in the reason.

    Returns
    -------
    Outcome
        TAKEN only on a 2xx to the final dot. Before the dot was written nothing can have been
        taken: a 5xx to recipient or content refuses the message, all else may be tried again.
        After it, a 4xx or 5xx is an answer; anything else is UNKNOWN.

    Examples
    --------
    >>> classify(Phase.DATA, NO_REPLY).verdict
    <Verdict.RETRY: 'retry'>
    >>> classify(Phase.DOT, NO_REPLY).verdict
    <Verdict.UNKNOWN: 'unknown'>
    """
    kind = reply.code // 100
    reason = f"{reply} at {phase}{f', {server}' if server else ''}"
    pause = Pause.DOMAIN if reply.code in _BUSY else Pause.NONE
    pause = Pause.SERVER if phase == Phase.CONNECT else pause
    if phase == Phase.DOT:
        verdicts = {2: Verdict.TAKEN, 4: Verdict.RETRY, 5: Verdict.REFUSED}
        verdict = verdicts.get(kind, Verdict.UNKNOWN)
    elif kind == 5 and phase in (Phase.RCPT, Phase.DATA, Phase.BODY):
        verdict = Verdict.REFUSED
    else:
        verdict = Verdict.RETRY
    return Outcome(verdict, "" if verdict == Verdict.TAKEN else reason, pause)
