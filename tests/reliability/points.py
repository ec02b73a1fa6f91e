"""Named points at which a sender is stopped: before and after each step it takes.

Nothing of this is in the program: a step is replaced by one that counts its calls and, at the
chosen one, kills the process before or after doing what it does.
"""

import functools
import json
import os

import src.ledger.marks as marks
import src.ledger.queue as queue
import src.send.body as body
import src.send.channels.session as session
import src.send.channels.smtp as smtp
import src.send.compose as compose
import src.send.outbox as outbox
import src.send.throttle as throttle
from tests.reliability.grounds import die

__all__ = ["POINTS", "POSITIONS", "Counting", "Stop", "index_of"]

STEPS = {
    "recover": (outbox, "recover"),
    "claim": (outbox, "claim_messages"),
    "gate": (outbox, "find_denials"),
    "read contents": (outbox, "read_contents"),
    "open the vault": (outbox, "read_people"),
    "choose": (throttle.Throttle, "choose"),
    "check address": (compose, "encode_address"),
    "prepare letter": (compose, "prepare_letter"),
    "fill body": (body.Body, "fill"),
    "write headers": (compose, "write_headers"),
    "compose": (outbox, "compose"),
    "fail untried": (outbox, "fail_untried"),
    "turn over": (outbox, "turn_over"),
    "finish in turn": (queue, "_finish"),
    "note refusals": (outbox, "note_refusals"),
    "begin in turn": (queue, "_begin"),
    "mark": (marks.SendMark, "put"),
    "hand over": (outbox, "hand_over"),
    "to wire": (smtp, "to_wire"),
    "take connections": (smtp.SmtpChannel, "take_sessions"),
    "open connection": (smtp, "open_session"),
    "start a letter": (smtp._Round, "_begin"),
    "write to server": (session.Session, "write"),
    "early answer": (session.Session, "_has_more"),
    "wait for server": (smtp._Round, "_wait"),
    "receive": (session.Session, "receive"),
    "read reply": (session, "take_reply"),
    "judge ending": (session, "classify"),
    "end a letter": (smtp._Round, "_end"),
    "keep connection": (smtp.SmtpChannel, "put_back"),
    "learn pace": (throttle.Throttle, "learn"),
    "ledger's words": (outbox, "_ending"),
}
POINTS = [f"{when} {step}" for step in STEPS for when in ("before", "after")]
POSITIONS = ("first", "middle", "last", "batch edge")


class Counting:
    """Counts the calls of every step, and which were the first after the second claim."""

    def __init__(self):
        self.calls = dict.fromkeys(STEPS, 0)
        self.at_edge = {}

    def install(self):
        for name, (place, attribute) in STEPS.items():
            setattr(place, attribute, self._wrap(name, getattr(place, attribute)))

    def save(self, path):
        path.write_text(json.dumps({"calls": self.calls, "edge": self.at_edge}))

    def _wrap(self, name, honest):
        @functools.wraps(honest)
        def step(*arguments, **named):
            if self.calls["claim"] >= 2 and name not in self.at_edge:
                self.at_edge[name] = self.calls[name]
            self.calls[name] += 1
            return honest(*arguments, **named)

        return step


class Stop:
    """Kills the process at the n-th call of a step, from 0, before or after it is done."""

    def __init__(self, point, n_call):
        self.when, _, self.name = point.partition(" ")
        self.n_left = n_call

    def install(self):
        place, attribute = STEPS[self.name]
        honest = getattr(place, attribute)

        @functools.wraps(honest)
        def step(*arguments, **named):
            self.n_left -= 1
            if self.n_left < 0 and self.when == "before":
                die()
            result = honest(*arguments, **named)
            if self.n_left < 0:
                die()
            return result

        setattr(place, attribute, step)


def index_of(counted, step, position):
    """Which call of a step a position means, from 0."""
    n_calls = counted["calls"][step]
    places = {"first": 0, "middle": n_calls // 2, "last": n_calls - 1}
    return places.get(position, counted["edge"].get(step, n_calls - 1))


def count_calls(ground, path):
    """Let a sender run to its end, counting; gives the calls of each step."""
    counting = Counting()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            counting.install()
            ground.deliver()
            counting.save(path)
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return json.loads(path.read_text())
