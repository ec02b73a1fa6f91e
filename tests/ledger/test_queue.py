"""The state machine: claims, fences, leases, and what is left after a crash."""

from dataclasses import replace
import datetime as dt
import itertools

import pandas as pd
import pytest

from src.errors import LedgerError
from src.ledger import count_states, read_transitions, resolve, send_log, unresolved
from src.ledger.queue import (
    Denial,
    Ending,
    begin_attempts,
    claim_messages,
    fail_untried,
    finish_attempts,
)
from src.ledger.recovery import recover, resolve_by_evidence
from src.ledger.senders import is_alive, sending
from src.ledger.states import CLAIMABLE, STEPS, TERMINAL, State, check_step

T0 = dt.datetime(2024, 1, 2, 9, tzinfo=dt.UTC)


def claim(ledger, sender="a", gate=lambda *_: {}, **options):
    return claim_messages(ledger, sender, "spring", "email", gate, T0, **options)


def begin(ledger, claims):
    return begin_attempts(ledger, claims, "memory", T0)


def later(ledger, **time):
    """The ledger as it stands once every lease has run out."""
    wait = dt.timedelta(**(time or {"hours": 1}))
    return replace(ledger, now=lambda: ledger.now() + wait)


def left_transmitting(ledger):
    """Leave three messages as a sender leaves them that dies in the channel."""
    begun = begin(ledger, claim(ledger)[0])
    recover(later(ledger), "spring", "email")
    return [row.message_key for row in begun]


def log_rows(ledger):
    log = send_log(ledger, "spring")
    return list(zip(log["attempt"], log["state"], log["reason"].fillna(""), strict=True))


def test_a_transmission_is_never_planned_again_by_any_way_that_skips_a_decision():
    reached = {State.TRANSMITTING}
    for _ in STEPS:
        reached |= {
            after
            for state in reached - {State.RESOLVED_NOT_SENT, State.DEFERRED}
            for after in STEPS[state]
        }
    assert not reached & {State.PLANNED, State.CLAIMED}


def test_only_waiting_states_can_be_claimed_and_ends_are_ends():
    assert CLAIMABLE == {State.PLANNED, State.DEFERRED, State.RESOLVED_NOT_SENT}
    assert TERMINAL == {
        State.SENT,
        State.FAILED,
        State.SUPPRESSED,
        State.CANCELLED,
        State.RESOLVED_SENT,
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (before, after)
        for before, after in itertools.product(State, State)
        if after not in STEPS[before]
    ],
)
def test_other_steps_are_refused(before, after):
    with pytest.raises(LedgerError, match="steps of the ledger"):
        check_step(before, after)


def test_a_message_is_claimed_once(planned):
    first, _ = claim(planned, "a", n_rows=2)
    second, _ = claim(planned, "b")
    third, denied = claim(planned, "c")
    assert len(first) == 2
    assert len(second) == 1
    assert (third, denied) == ([], {})


def test_a_denial_is_written_with_its_reason(planned):
    denial = Denial("no consent")
    claims, denied = claim(planned, gate=lambda _, rows, __: {rows[0].message_key: denial})
    assert (len(claims), denied) == (2, {State.SUPPRESSED: 1})
    assert log_rows(planned) == [(0, "SUPPRESSED", "no consent")]


def test_a_message_goes_from_plan_to_sent(planned):
    begun = begin(planned, claim(planned)[0])
    assert [row.attempt for row in begun] == [1, 1, 1]
    assert len(finish_attempts(planned, {row: Ending(State.SENT) for row in begun})) == 3
    assert log_rows(planned) == [(1, "SENT", "")] * 3
    steps = read_transitions(planned, "spring")
    one = steps[steps["message_key"] == begun[0].message_key]
    assert one["to_state"].tolist() == ["PLANNED", "CLAIMED", "TRANSMITTING", "SENT"]
    assert one["fence"].tolist() == [0, 1, 2, 3]


def test_attempts_are_dated_by_the_clock_they_are_given(planned):
    begun = begin(planned, claim(planned)[0])
    finish_attempts(planned, {row: Ending(State.SENT) for row in begun})
    assert (send_log(planned, "spring")["attempted_at"] == pd.Timestamp(T0)).all()


def test_an_old_fence_moves_nothing(planned):
    claims, _ = claim(planned, "a")
    recover(later(planned), "spring", "email")
    again, _ = claim(planned, "b")
    assert begin(planned, claims) == []
    assert len(begin(planned, again)) == 3


def test_a_late_ending_is_not_believed(planned):
    begun = begin(planned, claim(planned)[0])
    recover(later(planned), "spring", "email")
    assert finish_attempts(planned, {row: Ending(State.SENT) for row in begun}) == []
    assert count_states(planned, "spring") == {"UNKNOWN": 3}


def test_what_cannot_be_made_fails_without_an_attempt(planned):
    claims, _ = claim(planned)
    assert len(fail_untried(planned, {claims[0]: "address not valid"}, T0)) == 1
    assert log_rows(planned) == [(0, "FAILED", "address not valid")]


def test_a_deferred_message_waits_for_its_time(planned):
    later = planned.now() + dt.timedelta(minutes=5)
    begun = begin(planned, claim(planned)[0])
    ending = Ending(State.DEFERRED, "not taken yet", later)
    finish_attempts(planned, dict.fromkeys(begun, ending))
    assert claim(planned) == ([], {})
    tomorrow = replace(planned, now=lambda: later + dt.timedelta(seconds=1))
    again = begin(tomorrow, claim(tomorrow)[0])
    assert [row.attempt for row in again] == [2, 2, 2]


def test_a_living_sender_keeps_its_claims(planned_in_file):
    with sending(planned_in_file) as sender:
        claim(planned_in_file, sender)
        assert is_alive(planned_in_file, sender)
        assert recover(planned_in_file, "spring", "email") == (0, 0)
    assert not is_alive(planned_in_file, sender)
    assert recover(planned_in_file, "spring", "email") == (3, 0)


def test_a_lease_that_ran_out_is_taken_over_from_the_living(planned):
    with sending(planned) as sender:
        claim(planned, sender, lease_seconds=60)
        assert recover(later(planned, seconds=61), "spring", "email") == (3, 0)


def test_without_a_sign_of_life_only_the_lease_counts(planned):
    server = replace(planned, folder=None)
    with sending(server) as sender:
        claim(server, sender, lease_seconds=60)
    assert recover(server, "spring", "email") == (0, 0)


def test_what_was_transmitting_is_unknown_and_not_claimed(planned):
    keys = left_transmitting(planned)
    assert unresolved(planned)["message_key"].tolist() == keys
    assert unresolved(planned, "another campaign").empty
    assert claim(planned) == ([], {})
    assert log_rows(planned) == [(1, "UNKNOWN", "sender stopped")] * 3


def test_a_person_decides(planned):
    sent, not_sent, _ = left_transmitting(planned)
    resolve(planned, sent, was_sent=True)
    resolve(planned, not_sent, was_sent=False)
    assert count_states(planned, "spring") == {
        "RESOLVED_NOT_SENT": 1,
        "RESOLVED_SENT": 1,
        "UNKNOWN": 1,
    }
    again = begin(planned, claim(planned)[0])
    assert [(row.message_key, row.attempt) for row in again] == [(not_sent, 1)]


@pytest.mark.parametrize("which", ["planned", "unheard of", "twice"])
def test_only_the_unknown_can_be_decided(planned, which):
    key = left_transmitting(planned)[0]
    if which == "twice":
        resolve(planned, key, was_sent=True)
    found = {"planned": "f" * 64, "unheard of": "nothing", "twice": key}[which]
    with pytest.raises(LedgerError, match="UNKNOWN"):
        resolve(planned, found, was_sent=False)


def test_evidence_settles_what_it_knows(planned):
    sent, not_sent, unclear = left_transmitting(planned)
    evidence = {sent: True, not_sent: False, unclear: None}
    settled = resolve_by_evidence(planned, "spring", "email", "memory", evidence.get)
    assert settled == 2
    assert log_rows(planned) == sorted(
        [(1, "SENT", ""), (1, "UNKNOWN", "sender stopped")],
        key=lambda row: (sent, unclear)[row[1] == "UNKNOWN"],
    )


def test_evidence_of_another_channel_settles_nothing(planned):
    left_transmitting(planned)
    assert resolve_by_evidence(planned, "spring", "email", "maildir", lambda _: True) == 0
