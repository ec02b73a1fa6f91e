"""Real failures of other senders, each as a scenario, and as a change that brings it back.

A scenario ends well on the program as it is. With its mutant, one function replaced by what the
failing sender did, it must not. Those of bounces, mailboxes and the unsubscribe page are in
`inbound_failures`.
"""

from collections import Counter
from dataclasses import dataclass, replace
import datetime as dt
import secrets
import shutil
import signal

import pytest
import sqlalchemy as sa

from src.errors import ParameterError
from src.ledger import open_ledger, send_log
from src.ledger.marks import RestoredError
import src.ledger.messages as messages_module
import src.ledger.queue as queue_module
from src.ledger.retries import RetryRules, set_rules
from src.ledger.states import State
from src.send import deliver
from src.send.channels import MemoryChannel, Outcome, SmtpChannel, Verdict
from src.send.channels.endings import Phase
import src.send.channels.session as session_module
import src.send.outbox as outbox
from src.send.throttle import Limits
from tests.reliability import campaigns
from tests.reliability.grounds import CLOCK, Ground
from tests.reliability.inbound_failures import INBOUND
from tests.reliability.points import Stop
from tests.reliability.sinks import smtp_settings, start_sink

__all__ = ["FAILURES", "Failure"]

CAMPAIGN = campaigns.CAMPAIGN


@dataclass(frozen=True)
class Failure:
    """A failure: where it was seen, what must hold, and what brings it back."""

    source: str
    scenario: object
    mutant: object


def _plan(folder, n=24):
    folder.mkdir(parents=True, exist_ok=True)
    with open_ledger(folder) as ledger:
        plan = campaigns.plan_campaign(ledger, n, is_refusing=lambda _: False)
        soon = {"first_seconds": 0.001, "cap_seconds": 0.001, "multiplier": 1.0}
        set_rules(ledger, "spring", RetryRules(**soon))
    return plan


def _by_memory(folder, channel, **fields):
    with open_ledger(folder) as ledger:
        return deliver(ledger, channel, CAMPAIGN, CLOCK, batch_rows=8, **fields)


def _by_smtp(folder, port, n_passes=1, **fields):
    for _ in range(n_passes):
        Ground(folder, "", port, batch_rows=8, settings=fields).deliver()


def _states(folder):
    return Ground(folder, "", 0).states(is_counting=True)


def _sql(ledger, text):
    with ledger.write() as connection:
        connection.execute(sa.text(text))


def _once(plan, keys):
    assert Counter(keys) == Counter(plan.allowed)


def _fork_and_stop(folder, port, point, n_call):
    ground = Ground(folder, "", port, batch_rows=8)
    child, pipe = ground.fork(Stop(point, n_call).install)
    assert ground.bury(child, pipe) == -signal.SIGKILL
    return ground


def kill_after_fetch(folder):
    plan = _plan(folder)
    with start_sink(folder / "sink") as sink:
        _fork_and_stop(folder, sink.port, "after claim", 0)
        _by_smtp(folder, sink.port)
        _once(plan, sink.keys())


def checkpoint_at_fetch(patch):
    honest = outbox.claim_messages

    def claim(ledger, *rest):
        claims, denied = honest(ledger, *rest)
        for row in claims:
            _sql(ledger, f"UPDATE messages SET state = 'SENT' WHERE message_key = '{row[0]}'")
        return claims, denied

    patch.setattr(outbox, "claim_messages", claim)


def finished_means_nothing_is_left(folder):
    plan = _plan(folder)
    with start_sink(folder / "sink") as sink:
        _fork_and_stop(folder, sink.port, "before turn over", 1)
        _by_smtp(folder, sink.port)
        assert not {"PLANNED", "CLAIMED", "TRANSMITTING"} & _states(folder).keys()
        assert sum(_states(folder).values()) == len(plan.recipients)


def finished_at_the_end_of_the_list(patch):
    patch.setattr(outbox, "recover", lambda *_: (0, 0))


def fifty_pauses(folder):
    plan = _plan(folder, 120)
    channel = MemoryChannel()
    channel.n_at_once = 2
    for _ in range(50):
        groups = iter(range(3))
        _by_memory(folder, channel, is_stopped=lambda groups=groups: next(groups, None) is None)
    _by_memory(folder, channel)
    _once(plan, [envelope.message_key for envelope in channel.delivered])


def resume_from_the_first(patch):
    honest = outbox.recover

    def recover(ledger, *names):
        _sql(ledger, "UPDATE messages SET state = 'PLANNED' WHERE state = 'SENT'")
        return honest(ledger, *names)[0] * 0, 0

    patch.setattr(outbox, "recover", recover)


def storm_of_4xx(folder):
    plan = _plan(folder)
    with start_sink(folder / "sink", {"always": ["dot:452", "rcpt:450"]}) as sink:
        _by_smtp(folder, sink.port, n_passes=4)
        _once(plan, sink.keys())


def refuse_on_4xx(patch):
    _reclassify(patch, lambda phase, reply, found: reply.code // 100 == 4, Verdict.REFUSED)


def idle_connection_closed(folder):
    plan = _plan(folder, 12)
    with start_sink(folder / "sink", None, "--idle-close", "0.05") as sink:
        limits = Limits(per_second=8)
        channel = SmtpChannel(smtp_settings(sink.port, n_connections=1))
        _by_memory(folder, channel, limits=limits)
        _once(plan, sink.keys())
    with open_ledger(folder) as ledger:
        assert set(send_log(ledger, "spring")["attempt"]) == {1}


def lost_on_a_broken_pipe(patch):
    patch.setattr(SmtpChannel, "is_worth_another", lambda *_: False)
    patch.setattr(session_module.Session, "is_idle_and_alive", lambda self: self.is_open)
    _reclassify(patch, lambda phase, reply, found: not reply.code, Verdict.REFUSED)


def two_runners(folder):
    plan = _plan(folder)

    class Nested(MemoryChannel):
        n_at_once = 4

        def deliver(self, envelope):
            super().deliver(envelope)
            if len(self.delivered) == 1:  # while the first is at its first group
                other = MemoryChannel()
                _by_memory(folder, other)
                self.delivered += other.delivered

    channel = Nested()
    _by_memory(folder, channel)
    _once(plan, [envelope.message_key for envelope in channel.delivered])


def claims_that_hold_nobody_off(patch):
    honest = queue_module.move

    def move(connection, rows, state, *rest, **values):
        step = "PLANNED" if state == "CLAIMED" else state  # named, but as free as before
        return honest(connection, rows, State(step), *rest, **values)

    patch.setattr(queue_module, "move", move)
    patch.setattr(queue_module, "hold", lambda connection, rows: list(rows))
    patch.setattr(queue_module, "write_endings", lambda *_: None)  # whose key is one guard more
    patch.setattr("src.ledger.history._check_steps", lambda *_: None)


def planned_twice(folder):
    plan = _plan(folder)
    with open_ledger(folder) as ledger:
        campaigns.plan_campaign(ledger, 24, is_refusing=lambda _: False)
    assert sum(_states(folder).values()) == len(plan.recipients)


def keys_that_differ_each_time(patch):
    made = {}

    def key(campaign_id, step, customer_id, channel):
        made.setdefault(customer_id, [])
        if len(made[customer_id]) % 2 == 0:
            made[customer_id].append(secrets.token_hex(32))
        else:
            made[customer_id].append(made[customer_id][-1])
        return made[customer_id][-1]

    patch.setattr(messages_module, "message_key", key)
    patch.setattr(campaigns, "message_key", key)


def an_old_copy_is_put_back(folder):
    """A copy made while messages go out; the rest goes out; then the copy is put back."""
    plan, copy = _plan(folder), folder / "copy"
    with start_sink(folder / "sink") as sink:
        groups = iter(range(2))
        channel = SmtpChannel(smtp_settings(sink.port))
        _by_memory(folder, channel, is_stopped=lambda: next(groups, None) is None)
        shutil.copytree(folder / "ledger", copy)
        _by_smtp(folder, sink.port)
        _once(plan, sink.keys())
        shutil.rmtree(folder / "ledger")
        shutil.copytree(copy, folder / "ledger")
        refused = []
        try:
            _by_smtp(folder, sink.port)
        except RestoredError as error:
            refused.append(str(error))
        _once(plan, sink.keys())
    assert [text for text in refused if "campanile audit accept" in text]


def sends_from_any_copy(patch):
    patch.setattr("src.ledger.marks.check_marks", lambda _: None)


def one_poisoned_row(folder):
    plan = _plan(folder)
    poisoned = sorted(plan.recipients)[10]
    rules = {"recipients": {plan.recipients[poisoned]: ["dot:554"] * 9}}
    with start_sink(folder / "sink", rules) as sink:
        _by_smtp(folder, sink.port, n_passes=3)
        assert Counter(sink.keys()) == Counter(set(plan.allowed) - {poisoned})
    assert _states(folder) == {"SENT": 23, "FAILED": 1}


def whole_group_again(patch):
    honest = outbox.hand_over

    def hand_over(*arguments):
        outcomes = honest(*arguments)
        if any(found.verdict == Verdict.REFUSED for found in outcomes):
            return [Outcome(Verdict.RETRY, "again")] * len(outcomes)
        return outcomes

    patch.setattr(outbox, "hand_over", hand_over)


def one_letter_cannot_be_made(folder):
    for place in (0, 12, 23):
        plan = _plan(folder / str(place))
        bad = sorted(plan.recipients)[place]
        with pytest.MonkeyPatch.context() as patch:
            honest = outbox.compose

            def compose(letterhead, message, *rest, bad=bad, honest=honest):
                if message.message_key == bad:
                    raise outbox.ComposeError("content cannot be filled")
                return honest(letterhead, message, *rest)

            patch.setattr(outbox, "compose", compose)
            channel = MemoryChannel()
            for _ in range(2):
                _by_memory(folder / str(place), channel)
        keys = [envelope.message_key for envelope in channel.delivered]
        assert Counter(keys) == Counter(set(plan.allowed) - {bad})


def whole_batch_again(patch):
    honest = outbox.fail_untried

    def fail(ledger, *rest):
        _sql(ledger, "UPDATE messages SET state = 'PLANNED' WHERE state IN ('SENT', 'CLAIMED')")
        return honest(ledger, *rest)

    patch.setattr(outbox, "fail_untried", fail)
    patch.setattr("src.ledger.history._check_steps", lambda *_: None)


def limit_per_session(folder):
    plan = _plan(folder, 100)
    with start_sink(folder / "sink", None, "--session-limit", "10") as sink:
        _by_smtp(folder, sink.port)
        _once(plan, sink.keys())
    assert _states(folder) == {"SENT": 100}


def gives_up_on_the_session(patch):
    patch.setattr(SmtpChannel, "is_worth_another", lambda *_: False)

    def is_hit(phase, reply, found):
        return phase == Phase.MAIL and reply.code == 451

    _reclassify(patch, is_hit, Verdict.REFUSED)


def refused_is_not_sent(folder):
    plan = _plan(folder, 4)
    with start_sink(folder / "sink", {"always": ["rcpt:550"]}) as sink:
        _by_smtp(folder, sink.port)
        assert sink.keys() == []
    assert _states(folder) == {"FAILED": len(plan.recipients)}


def counts_550_as_sent(patch):
    _reclassify(patch, lambda phase, reply, found: reply.code // 100 == 5, Verdict.TAKEN)


def waits_that_do_not_grow(folder):
    for rules in ({"multiplier": 0.0}, {"first_seconds": 0.0}, {"max_attempts": 0}):
        with pytest.raises(ParameterError):
            RetryRules(**rules)


def any_rules(patch):
    patch.setattr(RetryRules, "__post_init__", lambda self: None)


def redelivered_three_times(folder):
    plan = _plan(folder, 8)
    channel = MemoryChannel()
    channel.n_at_once = 8

    class Frozen(MemoryChannel):
        name = "memory"
        n_at_once = 8

        def deliver(self, envelope):
            super().deliver(envelope)
            if len(self.delivered) == 8:  # its lease has run out; others come three times
                ahead = dt.timedelta(hours=3)
                for _ in range(3):
                    with open_ledger(folder) as ledger:
                        later = replace(ledger, now=lambda: dt.datetime.now(dt.UTC) + ahead)
                        deliver(later, channel, CAMPAIGN, CLOCK)

    frozen = Frozen()
    _by_memory(folder, frozen)
    _once(plan, [envelope.message_key for envelope in frozen.delivered + channel.delivered])


def redelivers_when_time_is_up(patch):
    honest = outbox.recover

    def recover(ledger, *names):
        n_requeued, n_unknown = honest(ledger, *names)
        _sql(ledger, "UPDATE messages SET state = 'PLANNED' WHERE state = 'UNKNOWN'")
        return n_requeued + n_unknown, 0

    patch.setattr(outbox, "recover", recover)


def crash_between_sending_and_writing(folder):
    plan = _plan(folder)
    with start_sink(folder / "sink") as sink:
        ground = _fork_and_stop(folder, sink.port, "after hand over", 1)
        assert ground.under_way[-1][0] <= ground.n_connections
        _by_smtp(folder, sink.port, n_passes=2)
        assert max(Counter(sink.keys()).values()) == 1
        assert set(sink.keys()) == set(plan.allowed)
        assert _states(folder).get("UNKNOWN", 0) <= ground.n_connections


def ambiguous_drop(folder):
    plan = _plan(folder)
    with start_sink(folder / "sink", {"always": ["fin:+"]}) as sink:
        _by_smtp(folder, sink.port, n_passes=2)
        _once(plan, sink.keys())
    assert _states(folder) == {"UNKNOWN": len(plan.recipients)}


def reconnects_and_sends_again(patch):
    patch.setattr(SmtpChannel, "is_worth_another", lambda *rest: rest[-1].verdict != Verdict.TAKEN)


def _reclassify(patch, is_hit, verdict):
    honest = session_module.classify

    def classify(phase, reply, server=""):
        found = honest(phase, reply, server)
        return replace(found, verdict=verdict) if is_hit(phase, reply, found) else found

    patch.setattr(session_module, "classify", classify)


FAILURES = {
    1: Failure("listmonk#3022", kill_after_fetch, checkpoint_at_fetch),
    2: Failure("listmonk#2278", finished_means_nothing_is_left, finished_at_the_end_of_the_list),
    3: Failure("listmonk#2313", fifty_pauses, resume_from_the_first),
    4: Failure("listmonk#1802", storm_of_4xx, refuse_on_4xx),
    5: Failure("listmonk#1546", idle_connection_closed, lost_on_a_broken_pipe),
    6: Failure("listmonk#1801", an_old_copy_is_put_back, sends_from_any_copy),
    10: Failure("mautic#2215", two_runners, claims_that_hold_nobody_off),
    11: Failure("mautic#9880", planned_twice, keys_that_differ_each_time),
    12: Failure("mautic#7226", one_poisoned_row, whole_group_again),
    13: Failure("mautic#13070", one_letter_cannot_be_made, whole_batch_again),
    14: Failure("mautic#13763", limit_per_session, gives_up_on_the_session),
    15: Failure("mautic#1704", refused_is_not_sent, counts_550_as_sent),
    16: Failure("mautic#16017", waits_that_do_not_grow, any_rules),
    18: Failure("kombu#337", redelivered_three_times, redelivers_when_time_is_up),
    19: Failure("Devlane#374", crash_between_sending_and_writing, redelivers_when_time_is_up),
    20: Failure("kpi#7435", ambiguous_drop, reconnects_and_sends_again),
} | {number: Failure(*parts) for number, parts in INBOUND.items()}
