"""Campaigns, approvals and retries: who decided, what holds, and when it is enough."""

from dataclasses import replace
import datetime as dt

import pytest
from sqlalchemy import text

from src.errors import LedgerError, ParameterError
from src.ledger import (
    approve,
    cancel_campaign,
    check_approved,
    count_states,
    is_finished,
    pause_campaign,
    plan_messages,
    record_assignments,
    resume_campaign,
    set_limits,
)
from src.ledger.approvals import ApprovalError
from src.ledger.audit import account, read_audit
from src.ledger.queue import Ending, begin_attempts, claim_messages, finish_attempts, turn_over
from src.ledger.recovery import recover, resolve
from src.ledger.retries import RetryRules, read_rules, set_rules
from src.ledger.states import State

T0 = dt.datetime(2024, 1, 2, 9, tzinfo=dt.UTC)


def claim(ledger, **options):
    return claim_messages(ledger, "a", "spring", "email", lambda *_: {}, T0, **options)


def entries(ledger):
    return [(row.actor, row.action) for row in read_audit(ledger)]


def test_many_live_messages_need_two_people(planned):
    set_limits(planned, "spring", approval_above=2, actor="ann")
    claims, _ = claim(planned)
    with pytest.raises(ApprovalError, match="2 people to approve the 3 messages"):
        begin_attempts(planned, claims, "smtp", T0)
    assert approve(planned, "spring", "ann").approved_by == ("ann",)
    assert approve(planned, "spring", "ann").approved_by == ("ann",)  # the same person counts once
    with pytest.raises(ApprovalError, match="found 1"):
        turn_over(planned, {}, claims, "smtp", T0)
    assert count_states(planned, "spring") == {"CLAIMED": 3}
    assert approve(planned, "spring", "ben").is_given
    assert check_approved(planned, "spring").approved_by == ("ann", "ben")
    assert len(begin_attempts(planned, claims, "smtp", T0)) == 3
    assert entries(planned).count(("ann", "approve campaign")) == 1


def test_a_dry_run_and_a_few_messages_need_nobody(planned):
    set_limits(planned, "spring", approval_above=2)
    assert len(begin_attempts(planned, claim(planned, n_rows=1)[0], "maildir", T0)) == 1
    set_limits(planned, "spring", approval_above=3)
    assert check_approved(planned, "spring").n_needed == 0
    assert len(begin_attempts(planned, claim(planned)[0], "smtp", T0)) == 2


@pytest.mark.parametrize("change", ["limits", "rules", "messages"])
def test_what_changed_since_needs_approval_again(planned, assignment_frame, message_frame, change):
    set_limits(planned, "spring", approval_above=0)
    approve(planned, "spring", "ann")
    approve(planned, "spring", "ben")
    if change == "limits":
        set_limits(planned, "spring", approval_above=0, budget_value=5.0)
    elif change == "rules":
        set_rules(planned, "spring", RetryRules(max_attempts=7))
    else:
        record_assignments(planned, assignment_frame(c9="coupon"))
        plan_messages(planned, message_frame("c9"))
    with pytest.raises(ApprovalError):
        check_approved(planned, "spring")


def test_the_account_is_who_decides_unless_told(planned):
    set_limits(planned, "spring", approval_above=0)
    assert approve(planned, "spring").approved_by == (account(),)


def test_nothing_planned_cannot_be_approved(ledger):
    with pytest.raises(LedgerError, match="run 06 and 07"):
        approve(ledger, "spring", "ann")
    assert check_approved(ledger, "spring").is_given


def test_every_change_of_a_campaign_is_in_the_log(planned):
    pause_campaign(planned, "spring", "ann")
    pause_campaign(planned, "spring", "ann")  # already so: no entry
    resume_campaign(planned, "spring", "ben")
    set_limits(planned, "spring", budget_value=1.0, actor="cy")
    cancel_campaign(planned, "spring", "dee")
    assert entries(planned) == [
        ("ann", "switch campaign"),
        ("ben", "switch campaign"),
        ("cy", "change campaign"),
        ("dee", "switch campaign"),
    ]


def test_a_cancelled_campaign_is_over(planned):
    claims, _ = claim(planned, n_rows=1)
    assert not is_finished(planned, "spring")
    assert cancel_campaign(planned, "spring") == 3
    assert begin_attempts(planned, claims, "memory", T0) == []
    assert is_finished(planned, "spring")
    with pytest.raises(LedgerError, match="not called off"):
        resume_campaign(planned, "spring")


def test_what_comes_back_after_the_end_is_called_off(planned):
    begun = begin_attempts(planned, claim(planned)[0], "memory", T0)
    cancel_campaign(planned, "spring")
    ending = Ending(State.DEFERRED, "not taken yet", planned.now())
    finish_attempts(planned, dict.fromkeys(begun, ending))
    later = replace(planned, now=lambda: planned.now() + dt.timedelta(seconds=1))
    assert claim(later) == ([], {State.CANCELLED: 3})


def test_finished_is_only_what_has_no_open_message(planned):
    begun = begin_attempts(planned, claim(planned)[0], "memory", T0)
    finish_attempts(planned, {row: Ending(State.SENT) for row in begun[:2]})
    assert not is_finished(planned, "spring")
    finish_attempts(planned, {begun[2]: Ending(State.UNKNOWN, "channel cannot tell")})
    assert not is_finished(planned, "spring")  # UNKNOWN waits for a decision
    resolve(planned, begun[2].message_key, was_sent=True, actor="ann")
    assert is_finished(planned, "spring")
    assert entries(planned) == [("ann", "resolve message")]


def test_a_claim_whose_lease_ran_out_may_not_begin(planned):
    claims, _ = claim(planned, lease_seconds=60)
    later = replace(planned, now=lambda: planned.now() + dt.timedelta(seconds=61))
    assert begin_attempts(later, claims, "memory", T0) == []
    assert recover(later, "spring", "email") == (3, 0)


def test_one_write_ends_a_group_and_begins_the_next(planned):
    claims, _ = claim(planned)
    _, first = turn_over(planned, {}, claims[:2], "memory", T0)
    finished, second = turn_over(
        planned, {row: Ending(State.SENT) for row in first}, claims[2:], "memory", T0
    )
    assert (len(finished), len(second)) == (2, 1)
    assert count_states(planned, "spring") == {"SENT": 2, "TRANSMITTING": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"multiplier": 0.0},
        {"multiplier": 0.5},
        {"first_seconds": 0.0},
        {"cap_seconds": 1.0},
        {"max_attempts": 0},
        {"max_age_seconds": -1.0},
        {"multiplier": float("nan")},
    ],
    ids=str,
)
def test_rules_that_would_try_for_ever_are_refused(wrong):
    with pytest.raises(ParameterError, match="multiplier of at least 1"):
        RetryRules(**wrong)


def test_rules_are_kept_in_the_ledger(planned):
    assert read_rules(planned, "spring") == RetryRules() == read_rules(planned, "unheard of")
    set_rules(planned, "spring", RetryRules(max_attempts=2))
    assert read_rules(planned, "spring").max_attempts == 2


def test_waits_grow_stay_within_bounds_and_are_the_same_everywhere():
    rules = RetryRules()
    waits = [[rules.wait_seconds(f"key {k}", n) for n in range(1, 30)] for k in range(200)]
    assert waits == [[rules.wait_seconds(f"key {k}", n) for n in range(1, 30)] for k in range(200)]
    assert all(900 <= wait <= 14_400 for row in waits for wait in row)
    mean = [sum(row[n] for row in waits) / 200 for n in (0, 5, 20)]
    assert mean[0] < mean[1] < mean[2]
    # the first is uniform on [900, 2700]: mean 1800, standard error 520 / sqrt(200) = 37
    assert mean[0] == pytest.approx(1_800, abs=4 * 37)


def test_enough_is_enough_by_attempts_and_by_age(planned):
    (row, *_) = begin_attempts(planned, claim(planned)[0], "memory", T0)
    now = planned.now()
    assert RetryRules().ending(row, now).state == State.DEFERRED
    assert RetryRules(max_attempts=1).ending(row, now) == Ending(
        State.FAILED, "not taken in 1 attempts"
    )
    after = now + dt.timedelta(hours=72)
    assert RetryRules().ending(row, after) == Ending(State.FAILED, "not taken in 72 h")


def test_a_message_that_waited_too_long_is_called_off(planned):
    begun = begin_attempts(planned, claim(planned)[0], "memory", T0)
    ending = Ending(State.DEFERRED, "not taken yet", planned.now() + dt.timedelta(hours=1))
    finish_attempts(planned, dict.fromkeys(begun, ending))
    for hours, found in ((71, 3), (72, 0)):
        later = replace(planned, now=lambda h=hours: planned.now() + dt.timedelta(hours=h))
        claims, denied = claim(later)
        assert len(claims) == found
        if claims:
            recover(
                replace(
                    planned, now=lambda h=hours: planned.now() + dt.timedelta(hours=h, minutes=5)
                ),
                "spring",
                "email",
            )
            with planned.write() as connection:  # as if it had never been claimed
                connection.execute(
                    text("UPDATE messages SET state = 'DEFERRED', next_at = planned_at")
                )
    assert denied == {State.CANCELLED: 3}


def test_a_storm_of_10_000_refusals_ends_in_delivery_within_the_maximum_age():
    """Every message is refused for two days, then taken; waits come from the rules alone."""
    rules = RetryRules()
    n_late = n_attempts_most = 0
    for k in range(10_000):
        seconds, attempt = 0.0, 1
        while seconds < 48 * 3600:
            seconds += rules.wait_seconds(f"storm {k}", attempt)
            attempt += 1
        n_late += seconds >= rules.max_age_seconds
        n_attempts_most = max(n_attempts_most, attempt)
    assert n_late == 0
    assert n_attempts_most <= rules.max_attempts
