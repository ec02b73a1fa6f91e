"""The checker: a ledger held against what servers say they took.

The counters are those of a queue that must lose and double nothing; all of them must be 0.
"""

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["COUNTERS", "History", "check"]

COUNTERS = (
    "LOST",
    "DUP",
    "GHOST",
    "FALSE_SENT",
    "FALSE_FAIL",
    "AFTER_OPT_OUT",
    "QUIET",
    "CAP",
    "SUPPRESSED",
    "UNBOUNDED",
)
_ENDED = {"SENT", "FAILED", "SUPPRESSED", "CANCELLED", "RESOLVED_SENT", "RESOLVED_NOT_SENT"}


@dataclass
class History:
    """All that is known about a campaign after it has run its course.

    Parameters
    ----------
    recipients : dict of str to str
        Address by message key: what was planned.
    forbidden : dict of str to str
        Why a message must not go out: ``no consent``, ``quiet`` or ``cap``, by message key.
    states : dict of str to str
        What the ledger says in the end, by message key.
    taken : list of str
        Message keys by the servers' journals, once for each time.
    begun : list of (str, float)
        Recipient and time of each DATA, where the server keeps it.
    acknowledged : dict of str to float
        Address and time of opt-outs that were acknowledged.
    under_way : list of (int, int)
        After each kill: messages TRANSMITTING, and connections that were open at most.
    """

    recipients: dict[str, str]
    forbidden: dict[str, str]
    states: dict[str, str]
    taken: list[str]
    begun: list[tuple[str, float]] = field(default_factory=list)
    acknowledged: dict[str, float] = field(default_factory=dict)
    under_way: list[tuple[int, int]] = field(default_factory=list)


def check(history: History) -> dict[str, int]:
    """Count what must not be; every counter is 0 in a ledger that keeps its promises."""
    planned, states, copies = history.recipients, history.states, Counter(history.taken)
    ended = {key for key in planned if states.get(key) in _ENDED}
    unknown = {key for key in planned if states.get(key) == "UNKNOWN"}
    failed = [key for key in planned if states.get(key) in ("FAILED", "RESOLVED_NOT_SENT")]
    sent = [key for key in planned if states.get(key) in ("SENT", "RESOLVED_SENT")]
    against = Counter(history.forbidden[key] for key in copies if key in history.forbidden)
    late = [
        at > history.acknowledged[recipient]
        for recipient, at in history.begun
        if recipient in history.acknowledged
    ]
    return {
        "LOST": len(planned) - len(ended | unknown),
        "DUP": sum(n - 1 for n in copies.values()),
        "GHOST": len(copies.keys() - planned.keys()),
        "FALSE_SENT": sum(key not in copies for key in sent),
        "FALSE_FAIL": sum(key in copies for key in failed),
        "AFTER_OPT_OUT": sum(late),
        "QUIET": against["quiet"],
        "CAP": against["cap"],
        "SUPPRESSED": against["no consent"] + against["suppressed"],
        "UNBOUNDED": sum(n > most for n, most in history.under_way),
    }
