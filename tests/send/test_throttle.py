"""Rates, pauses and the warm-up plan, on a clock that only the test moves."""

import datetime as dt
from itertools import pairwise

import pandas as pd
import pytest

from src.errors import ParameterError
from src.send import deliver
from src.send.channels import MemoryChannel, Outcome, Pause, Verdict
from src.send.channels.settings import check_settings
from src.send.pace import NO_BOUND, count_sent_since, limits_of, warm_up_limit
from src.send.throttle import Limits, Throttle


class Time:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def run(throttle, time, domains, n_most=8, learn=None):
    """Hand everything over as fast as allowed; gives the moment of each, by domain."""
    waiting, moments = dict(domains), []
    while waiting:
        chosen = throttle.choose(waiting, n_most)
        for key in chosen:
            domain = waiting.pop(key)
            moments.append((time.now, domain))
            throttle.learn(domain, learn(time.now, domain) if learn else Pause.NONE)
        if not chosen:
            seconds = throttle.seconds_to_wait(waiting)
            assert 0 < seconds < 1e6
            time.now += seconds
    return moments


def most_in_a_second(moments):
    ordered = sorted(moments)
    return max(sum(at <= other < at + 1.0 for other in ordered) for at in ordered)


@pytest.mark.parametrize("rate", [1.0, 2.5, 7.0, 100.0])
def test_no_second_anywhere_has_more_than_the_rate(rate):
    time = Time()
    throttle = Throttle(Limits(per_second=rate), time)
    n = int(rate * 5)
    moments = run(throttle, time, {str(i): f"d{i % 3}" for i in range(n)})
    assert most_in_a_second([at for at, _ in moments]) <= rate
    assert time.now - 1000.0 <= n / int(rate)


def test_each_domain_has_its_own_rate_and_the_others_do_not_wait():
    time = Time()
    throttle = Throttle(Limits(domain_per_second=5.0), time)
    domains = {str(i): "slow" if i % 2 else f"d{i}" for i in range(100)}
    moments = run(throttle, time, domains)
    assert most_in_a_second([at for at, domain in moments if domain == "slow"]) <= 5
    assert max(at for at, domain in moments if domain != "slow") == 1000.0


def test_a_rate_below_one_is_one_in_so_many_seconds():
    time = Time()
    moments = run(Throttle(Limits(per_second=0.1), time), time, dict.fromkeys("abc", "d"))
    assert [later - at for (at, _), (later, _) in pairwise(moments)] == pytest.approx([10, 10])


def test_at_most_so_many_at_once_go_to_one_domain():
    throttle = Throttle(Limits(domain_at_once=2), Time())
    domains = {"a1": "a", "a2": "a", "a3": "a", "b1": "b"}
    assert throttle.choose(domains, 8) == ["a1", "a2", "b1"]


def test_a_domain_that_asks_for_less_gets_half_at_once_and_others_all():
    time = Time()
    throttle = Throttle(Limits(domain_per_second=100.0), time)
    before = run(throttle, time, {f"w{i}": "busy" for i in range(200)})
    throttle.learn("busy", Pause.DOMAIN)
    stopped_at = time.now
    domains = {f"b{i}": "busy" for i in range(100)} | {f"o{i}": f"o{i}" for i in range(50)}
    after = run(throttle, time, domains)
    busy = [at for at, domain in after if domain == "busy"]
    assert min(busy) >= stopped_at + 1.0
    assert most_in_a_second(busy) <= 0.6 * most_in_a_second([at for at, _ in before])
    assert {at for at, domain in after if domain != "busy"} == {stopped_at}


def test_complaints_make_pauses_longer_and_success_makes_them_short_again():
    time = Time()
    throttle = Throttle(Limits(), time)
    waits = []
    for _ in range(12):
        throttle.choose({"k": "d"}, 1)
        throttle.learn("d", Pause.DOMAIN)
        waits.append(throttle.seconds_to_wait({"k": "d"}))
        time.now += waits[-1]
    assert waits[:4] == pytest.approx([1, 2, 4, 8], rel=0.3)
    assert max(waits) <= 300
    throttle.learn("d", Pause.NONE)
    time.now += 1
    throttle.learn("d", Pause.DOMAIN)
    assert throttle.seconds_to_wait({"k": "d"}) == pytest.approx(1, rel=0.3)


def test_a_rate_that_was_cut_grows_back_to_its_limit_and_not_beyond():
    time = Time()
    throttle = Throttle(Limits(domain_per_second=50.0), time)
    run(throttle, time, {f"a{i}": "d" for i in range(50)})
    throttle.learn("d", Pause.DOMAIN)
    time.now += 300
    moments = run(throttle, time, {f"b{i}": "d" for i in range(200)})
    assert most_in_a_second([at for at, _ in moments]) == 50


def test_a_server_that_is_not_there_gets_no_attempt_and_the_pass_ends_in_time(
    ledger, plan, campaign, clock
):
    plan(5, is_refusing=lambda _: False)

    class Away(MemoryChannel):
        n_checks = 0

        def check(self):
            self.n_checks += 1
            return self.n_checks > 2

    impatient, patient = Away(), Away()
    limits = Limits(patience_seconds=0.5)
    assert deliver(ledger, impatient, campaign, clock, limits=limits)["n_sent"] == 0
    assert impatient.n_checks == 1
    assert deliver(ledger, patient, campaign, clock)["n_sent"] == 5


def test_a_domain_that_wants_a_pause_gets_its_messages_afterwards(ledger, plan, campaign, clock):
    plan(4, is_refusing=lambda _: False)

    class Busy(MemoryChannel):
        n_at_once = 1

        def deliver_all(self, envelopes):
            self.delivered += envelopes
            pause = Pause.DOMAIN if len(self.delivered) == 2 else Pause.NONE
            return [Outcome(Verdict.TAKEN, pause=pause)] * len(envelopes)

    assert deliver(ledger, Busy(), campaign, clock)["n_sent"] == 4


def test_the_warm_up_plan_bounds_each_day_and_ends():
    plan = (50, 100, 500)
    days = [warm_up_limit(plan, "2026-01-01", dt.date(2026, 1, day)) for day in (1, 2, 3, 4)]
    assert days == [50, 100, 500, None]
    with pytest.raises(ParameterError, match="warm_up_from"):
        warm_up_limit(plan, "2026-01-02", dt.date(2026, 1, 1))


def test_what_was_sent_today_counts_against_the_plan(ledger, plan, campaign, clock):
    plan(20, is_refusing=lambda _: False)
    fields = {"kind": "smtp", "host": "h", "warm_up": [12], "warm_up_from": "2024-02-01"}
    channel = MemoryChannel()
    channel.settings = check_settings(fields)
    limits = limits_of(channel, ledger, clock(), NO_BOUND)
    assert limits.n_left == 12
    assert deliver(ledger, channel, campaign, clock, limits=limits)["n_sent"] == 12
    again = limits_of(channel, ledger, clock(), NO_BOUND)
    assert again.n_left == 0
    assert deliver(ledger, channel, campaign, clock, limits=again)["n_sent"] == 0
    assert count_sent_since(ledger, "memory", pd.Timestamp("2024-02-02", tz="UTC")) == 0
    free = limits_of(channel, ledger, clock() + dt.timedelta(days=1), NO_BOUND)
    assert deliver(ledger, channel, campaign, clock, limits=free)["n_sent"] == 8


def test_senders_share_what_all_of_them_may_ask(ledger, clock):
    channel = MemoryChannel()
    fields = {"kind": "smtp", "host": "h", "per_second": 100, "domain_per_second": 10}
    channel.settings = check_settings(fields | {"domain_connections": 6})
    limits = limits_of(channel, ledger, clock(), 50.0, n_processes=4)
    assert limits == Limits(per_second=12.5, domain_per_second=2.5, domain_at_once=1)


@pytest.mark.parametrize("fields", [{"per_second": 0}, {"domain_at_once": 0}], ids=["rate", "most"])
def test_limits_that_let_nothing_through_are_refused(fields):
    with pytest.raises(ParameterError, match="above 0"):
        Limits(**fields)
