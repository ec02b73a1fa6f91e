"""The ledger under everything that happens, in any order, against a model and a sink of its own."""

import datetime as dt
import os
from pathlib import Path
import shutil
import tempfile
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
import pandas as pd
import pytest
from sqlalchemy import create_engine, event, func, select, text

from src.errors import LedgerError
from src.keys import KEYS_VARIABLE, keys_path
from src.ledger import (
    cancel_campaign,
    message_key,
    open_ledger,
    pause_campaign,
    plan_messages,
    record_assignments,
    record_consents,
    record_people,
    resolve,
    resume_campaign,
    suppress,
    verify_audit,
)
from src.ledger.campaigns import set_limits
from src.ledger.consents import withdraw_consent
from src.ledger.erasure import erase_people
from src.ledger.queue import (
    Ending,
    begin_attempts,
    claim_messages,
    fail_untried,
    finish_attempts,
    turn_over,
)
from src.ledger.recovery import recover
from src.ledger.retries import RetryRules, read_rules, set_rules
from src.ledger.schema import messages
from src.ledger.states import HOLDING, TERMINAL, State
from src.ledger.store import Ledger
from src.ledger.suppressions import wait_until_still
from src.send.contact_policy import ContactPolicy, set_contact_policy
from src.send.policy import find_denials
from tests.ledger.sealing import sealed

IS_FULL = os.environ.get("CAMPANILE_RELIABILITY") == "full"
N_RUNS = int(os.environ.get("CAMPANILE_MACHINE_RUNS", "5000" if IS_FULL else "60"))
SAID_AT = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
START = dt.datetime(2026, 3, 27, 10, tzinfo=dt.UTC)  # the clocks of Europe change two days later
CAMPAIGNS = {"spring": "email", "summer": "email", "sms_offer": "sms"}
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Shanghai", "Pacific/Auckland", ""]
PEOPLE = [f"c{k}" for k in range(5)]
N_CAP, CAP_DAYS = 2, 7
POLICY = ContactPolicy.model_validate(
    {
        "quiet_hours": {"start": "21:00", "end": "08:00"},
        "shop_zones": ["Europe/Berlin", "Europe/London"],
        "caps": [{"max_contacts": N_CAP, "days": CAP_DAYS}],
        "on_cap": "defer",
    }
)
NOT_OUT = {State.FAILED, State.SUPPRESSED, State.CANCELLED, State.RESOLVED_NOT_SENT, State.PLANNED,
           State.CLAIMED, State.DEFERRED}  # fmt: skip
PERHAPS_OUT = {State.TRANSMITTING, State.UNKNOWN}
OUT = {State.SENT, State.RESOLVED_SENT}
CONTENT = {"step": 1, "subject": "s", "html": "h", "text": "t"}
people_st = st.sampled_from(PEOPLE)
campaign_st = st.sampled_from(sorted(CAMPAIGNS))
sender_st = st.integers(0, 2)
outcome_st = st.sampled_from(["taken", "taken", "taken", "later", "refused", "lost", "echo lost"])
outcomes_st = st.lists(outcome_st, min_size=9, max_size=9)


def frame_of(*ids, **columns):
    return pd.DataFrame({"customer_id": list(ids)}).assign(**columns)


def fill(ledger):
    """Enter people who agreed to everything, and what each drew in each campaign."""
    contact = {"email": [f"{key}@x.example" for key in PEOPLE]}
    phones = [f"+493012345{k:02d}" for k in range(len(PEOPLE))]
    names = {"first_name": "A", "last_name": "B", "phone": phones, "time_zone": ZONES}
    record_people(ledger, frame_of(*PEOPLE, **contact, **names))
    for channel in ("email", "sms"):
        answer(ledger, PEOPLE, channel, True, SAID_AT)
    for name in CAMPAIGNS:
        drawn = {"campaign_id": name, "action": "coupon", "pscore": 0.5, "salt": "s"}
        drawn |= {"policy_version": "1", "decided_at": SAID_AT}
        record_assignments(ledger, frame_of(*PEOPLE, **drawn))
        set_contact_policy(ledger, name, POLICY, "ann")
        set_rules(ledger, name, RetryRules(max_attempts=4), "ann")


def answer(ledger, ids, channel, is_granted, at):
    said = {"channel": channel, "purpose": "marketing", "is_granted": is_granted}
    said |= {"source": "form", "wording": "Yes.", "recorded_at": at}
    record_consents(ledger, frame_of(*ids, **said))


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A ledger with people and campaigns, to be copied for each run."""
    folder = tmp_path_factory.mktemp("filled")
    with open_ledger(folder) as ledger:
        fill(ledger)
        with ledger.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "ledger" / "ledger.db"


def open_copy(template, now):
    """Open a copy whose commits do not wait for the disk: no run here loses power."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    shutil.copy(template, folder / "ledger.db")
    shutil.copytree(keys_path(), folder / "keys")
    engine = create_engine(f"sqlite:///{folder / 'ledger.db'}")

    @event.listens_for(engine, "connect")
    def _connect(connection, _):
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return Ledger(engine, None, now), folder


class Machine(RuleBasedStateMachine):
    """Everything that may happen to a ledger; `sink` is the world outside."""

    template: Path

    def __init__(self):
        super().__init__()
        self.now = START
        self.ledger, self.folder = open_copy(self.template, lambda: self.now)
        self.keys = os.environ[KEYS_VARIABLE]
        os.environ[KEYS_VARIABLE] = str(self.folder / "keys")  # the anchor is this copy's own
        self.planned, self.sink = {}, {}
        self.refused, self.left_alone, self.ended = set(), set(), set()
        self.paused, self.cancelled, self.erased = set(), set(), set()
        self.claims = {k: [] for k in range(3)}
        self.begun = {k: [] for k in range(3)}
        self.faults, self.said_at = [], {}

    def teardown(self):
        try:
            self.drain()
            self.check()
            assert verify_audit(self.ledger).findings == ()
        finally:
            os.environ[KEYS_VARIABLE] = self.keys
            self.ledger.close()
            shutil.rmtree(self.folder)

    # What people do

    @initialize(ids=st.sets(people_st, min_size=3))
    def start(self, ids):
        for profit, name in enumerate(CAMPAIGNS):
            self.plan(name, ids, profit)

    @rule(name=campaign_st, ids=st.sets(people_st, min_size=1), profit=st.sampled_from([0, 1, 2]))
    def plan(self, name, ids, profit):
        channel = CAMPAIGNS[name]
        keys = {message_key(name, 1, key, channel): (name, key, channel) for key in sorted(ids)}
        values = {"campaign_id": name, "channel": channel, "action": "coupon"} | CONTENT
        frame = frame_of(*sorted(ids), message_key=list(keys), **values)
        frame = frame.assign(expected_profit_value=float(profit), cost_value=0.01)
        assert plan_messages(self.ledger, sealed(frame)) == len(keys.keys() - self.planned.keys())
        self.planned |= keys

    @precondition(lambda self: self.planned)
    @rule(data=st.data())
    def edit(self, data):
        """What is planned stays as it is."""
        key = data.draw(st.sampled_from(sorted(self.planned)))
        name, customer, channel = self.planned[key]
        changed = CONTENT | {"subject": "other"}
        values = {"campaign_id": name, "channel": channel, "action": "coupon"} | changed
        with pytest.raises(LedgerError, match="start a new run"):
            plan_messages(self.ledger, sealed(frame_of(customer, message_key=[key], **values)))

    @rule(name=campaign_st, hours=st.integers(1, 400))
    def set_end(self, name, hours):
        set_limits(self.ledger, name, expires_at=self.now + dt.timedelta(hours=hours), actor="ann")

    @rule(customer=people_st, channel=st.sampled_from(["email", "sms"]))
    def unsubscribe(self, customer, channel):
        """Acknowledge only once nothing of theirs is on its way."""
        said = (customer, channel, "marketing", "link", "No.")
        self.said_at[customer, channel] = withdraw_consent(self.ledger, *said)
        if wait_until_still(self.ledger, [customer], channel, 0):
            self.refused.add((customer, channel))

    @rule(customer=people_st, channel=st.sampled_from(["email", "sms"]))
    def agree_again(self, customer, channel):
        self.now += dt.timedelta(seconds=1)
        answer(self.ledger, [customer], channel, True, self.now)
        if self.now > self.said_at.get((customer, channel), SAID_AT):  # else the refusal stands
            self.refused.discard((customer, channel))

    @rule(customer=people_st)
    def bounce(self, customer):
        wish = {"channel": "email", "reason": "hard bounce", "recorded_at": self.now}
        suppress(self.ledger, frame_of(customer, **wish))
        if wait_until_still(self.ledger, [customer], "email", 0):
            self.left_alone.add((customer, "email"))

    @rule(customer=people_st)
    def erase(self, customer):
        erase_people(self.ledger, [customer], "ann")
        self.erased.add(customer)
        if wait_until_still(self.ledger, [customer], "*", 0):
            self.left_alone |= {(customer, "email"), (customer, "sms")}

    @rule(customer=people_st)
    def import_again(self, customer):
        """A list that brings back somebody who left brings back nobody."""
        contact = {"first_name": "A", "last_name": "B", "email": f"{customer}@x.example"}
        record_people(self.ledger, frame_of(customer, **contact))

    @precondition(lambda self: len(self.cancelled) < len(CAMPAIGNS))
    @rule(data=st.data(), is_pause=st.booleans())
    def pause_or_resume(self, data, is_pause):
        name = data.draw(st.sampled_from(sorted(CAMPAIGNS.keys() - self.cancelled)))
        (pause_campaign if is_pause else resume_campaign)(self.ledger, name, "ann")
        (self.paused.add if is_pause else self.paused.discard)(name)

    @precondition(lambda self: not self.cancelled)
    @rule(name=campaign_st)
    def call_off(self, name):
        cancel_campaign(self.ledger, name, "ann")
        self.cancelled.add(name)

    @precondition(lambda self: State.UNKNOWN in self.states().values())
    @rule(data=st.data())
    def decide(self, data):
        """A person looks into the sink, and is right."""
        unknown = sorted(key for key, state in self.states().items() if state == State.UNKNOWN)
        key = data.draw(st.sampled_from(unknown))
        resolve(self.ledger, key, key in self.sink, "ann")

    # What senders do

    @precondition(lambda self: self.open_messages())
    @rule(who=sender_st, n=st.integers(1, 4), names=st.sets(campaign_st, min_size=1))
    def claim(self, who, n, names):
        for name in sorted(names):
            claims, _ = claim_messages(
                self.ledger, f"s{who}", name, CAMPAIGNS[name], find_denials, self.now, n
            )
            assert not claims or name not in self.paused | self.cancelled
            self.claims[who] += claims

    @precondition(lambda self: self.open_messages())
    @rule(who=sender_st, names=st.sets(campaign_st, min_size=1), outcomes=outcomes_st)
    def claim_and_send(self, who, names, outcomes):
        self.claim(who, 3, names)
        if self.claims[who] or self.begun[who]:
            self.send(who, outcomes)

    @precondition(lambda self: any(self.claims.values()))
    @rule(who=sender_st)
    def begin(self, who):
        """Begin, and be held up before the channel is touched."""
        who = self.one_with(self.claims, who)
        self.begun[who] += self.begin_now(self.claims[who])
        self.claims[who] = []

    @precondition(lambda self: any(self.claims.values()) or any(self.begun.values()))
    @rule(who=sender_st, outcomes=outcomes_st)
    def send(self, who, outcomes):
        """Begin, hand over, and write down how it ended, all in one go."""
        who = self.one_with({k: self.claims[k] + self.begun[k] for k in self.claims}, who)
        claims, self.claims[who] = self.claims[who], []
        self.begun[who] += self.begin_now(claims)
        finish_attempts(self.ledger, self.hand_over(who, outcomes))

    @precondition(lambda self: any(self.begun.values()))
    @rule(who=sender_st, outcomes=outcomes_st)
    def send_and_begin_next(self, who, outcomes):
        who = self.one_with(self.begun, who)
        endings = self.hand_over(who, outcomes)
        _, begun = turn_over(self.ledger, endings, self.claims[who], "memory", self.now)
        self.look_at_begun(self.claims[who], begun)
        self.begun[who], self.claims[who] = begun, []

    @precondition(lambda self: any(self.claims.values()) or any(self.begun.values()))
    @rule(who=sender_st, outcomes=outcomes_st, n=st.integers(0, 3))
    def kill_while_sending(self, who, outcomes, n):
        """Some are handed over; then the process is gone, and its knowledge with it."""
        who = self.one_with({k: self.claims[k] + self.begun[k] for k in self.claims}, who)
        self.begun[who] += self.begin_now(self.claims[who])
        self.begun[who] = self.begun[who][:n]
        self.hand_over(who, outcomes)
        self.kill(who)

    @precondition(lambda self: any(self.claims.values()) or any(self.begun.values()))
    @rule(who=sender_st)
    def kill(self, who):
        self.claims[who], self.begun[who] = [], []

    @precondition(lambda self: any(self.claims.values()))
    @rule(who=sender_st)
    def cannot_be_made(self, who):
        who = self.one_with(self.claims, who)
        reasons = {row: "address not valid" for row in self.claims[who][:1]}
        fail_untried(self.ledger, reasons, self.now)
        self.claims[who] = self.claims[who][1:]

    @rule()
    def restart(self):
        for name, channel in CAMPAIGNS.items():
            recover(self.ledger, name, channel)

    @rule(minutes=st.sampled_from([1, 3, 60, 600, 1440, 7 * 1440, 7 * 1440 + 1, -60, -1440]))
    def jump(self, minutes):
        """The clock jumps; whoever holds a message begun before is past its lease, and stops."""
        self.now += dt.timedelta(minutes=minutes)
        self.begun = {who: [] for who in self.begun}

    @precondition(lambda self: self.open_messages())
    @rule(
        who=sender_st,
        names=st.sets(campaign_st, min_size=1),
        what=st.sampled_from(["no", "bounce", "erase", "pause", "call off", "lease", "overtaken"]),
        outcomes=outcomes_st,
        data=st.data(),
    )
    def claim_then_something_then_send(self, who, names, what, outcomes, data):
        """What happens between the claim and its attempt is what claims are for."""
        self.claim(who, 3, names)
        if not self.claims[who]:
            return
        row = data.draw(st.sampled_from(self.claims[who]))
        self.interfere(what, row, (who + 1) % 3, data.draw(st.booleans()))
        self.send(who, outcomes)

    def interfere(self, what, row, other, is_jump):
        if what == "no":
            self.unsubscribe(row.customer_id, row.channel)
        elif what in ("bounce", "erase"):
            getattr(self, what)(row.customer_id)
        elif what == "pause" and row.campaign_id not in self.cancelled:
            self.paused.add(row.campaign_id)
            pause_campaign(self.ledger, row.campaign_id, "ann")
        elif what == "call off" and not self.cancelled:
            self.call_off(row.campaign_id)
        elif what == "lease":
            self.jump(3)
        elif what == "overtaken":
            if is_jump:
                self.jump(3)
            self.restart()
            self.claim_and_send(other, set(CAMPAIGNS), ["taken"] * 9)

    def begin_now(self, claims):
        begun = begin_attempts(self.ledger, claims, "memory", self.now)
        self.look_at_begun(claims, begun)
        return begun

    def look_at_begun(self, claims, begun):
        """Nothing begins that was stopped before, or was claimed too long ago."""
        leases = {claim.message_key: claim.leased_until for claim in claims}
        for row in begun:
            if row.campaign_id in self.paused | self.cancelled:
                self.faults.append(("PAUSED", row.campaign_id))
            if leases[row.message_key] < self.now:
                self.faults.append(("LEASE", row.campaign_id))

    def one_with(self, held, who):
        """Take another sender if this one has nothing to do."""
        return next(k for k in (who, *held) if held[k])

    def hand_over(self, who, outcomes):
        """Let the world answer; what it took is in the sink whether or not we get to know.

        A contact is dated by the moment its attempt began, as caps count it.
        """
        rules = {name: read_rules(self.ledger, name) for name in CAMPAIGNS}
        endings = {}
        for row, outcome in zip(self.begun[who], outcomes * 9, strict=False):
            self.look(row)
            if outcome in ("taken", "lost"):
                self.sink.setdefault(row.message_key, []).append(
                    (row.customer_id, row.attempted_at)
                )
            if outcome == "taken":
                endings[row] = Ending(State.SENT)
            elif outcome == "later":
                endings[row] = rules[row.campaign_id].ending(row, self.now)
            elif outcome == "refused":
                endings[row] = Ending(State.FAILED, "refused by the channel")
            else:
                endings[row] = Ending(State.UNKNOWN, "channel cannot tell")
        self.begun[who] = []
        return endings

    def look(self, row):
        """Hold what is about to leave against all that forbids it."""
        way = (row.customer_id, row.channel)
        if way in self.refused:
            self.faults.append(("AFTER_OPT_OUT", way))
        if way in self.left_alone:
            self.faults.append(("SUPPRESSED", way))
        zone = ZONES[PEOPLE.index(row.customer_id)]
        zones = [zone] if zone and not self.was_erased(row) else POLICY.shop_zones
        if any(not 8 <= self.now.astimezone(ZoneInfo(one)).hour < 21 for one in zones):
            self.faults.append(("QUIET", way))
        since = self.now - dt.timedelta(days=CAP_DAYS)
        recent = [
            at
            for got in self.sink.values()
            for customer, at in got
            if customer == row.customer_id and since < at <= self.now
        ]
        if len(recent) >= N_CAP:
            self.faults.append(("CAP", way))

    def was_erased(self, row):
        return row.customer_id in self.erased

    # What must always hold

    def states(self):
        with self.ledger.read() as connection:
            rows = connection.execute(text("SELECT message_key, state FROM messages")).all()
        return {key: State(state) for key, state in rows}

    @invariant()
    def check(self):
        states = self.states()
        assert self.faults == []
        assert states.keys() == self.planned.keys(), "LOST or GHOST"
        assert self.sink.keys() <= self.planned.keys(), "GHOST"
        assert max(map(len, self.sink.values()), default=0) <= 1, "DUP"
        for key, state in states.items():
            assert state not in OUT or key in self.sink, "FALSE_SENT"
            assert state not in NOT_OUT or key not in self.sink, "FALSE_FAIL"
            assert key not in self.ended or state in TERMINAL, "an end was left"
        self.ended = {key for key, state in states.items() if state in TERMINAL}
        self.check_money(states)

    def check_money(self, states):
        held = {name: 0 for name in CAMPAIGNS}
        for key, state in states.items():
            held[self.planned[key][0]] += 10_000 * (state in HOLDING)
        with self.ledger.read() as connection:
            rows = connection.execute(text("SELECT campaign_id, spent_micro FROM campaigns"))
            assert dict(rows.all()) == held

    def drain(self):
        """Start anew, resume everything, and let time pass: all comes to an end."""
        self.claims, self.begun = {k: [] for k in range(3)}, {k: [] for k in range(3)}
        for name in sorted(self.paused - self.cancelled):
            resume_campaign(self.ledger, name, "ann")
        self.paused.clear()
        for _ in range(60):
            open_ones = self.open_messages()
            if not open_ones:
                return
            for name in sorted({self.planned[key][0] for key in open_ones}):
                self.finish_one(name)
            waits = [at for at in self.open_messages().values() if at is not None]
            self.now = max([self.now + dt.timedelta(minutes=3), *sorted(waits)[:1]])
        left = sorted(self.planned[key] for key in self.open_messages())
        assert not left, f"LOST: {left}"

    def finish_one(self, name):
        channel = CAMPAIGNS[name]
        recover(self.ledger, name, channel)
        claims, _ = claim_messages(self.ledger, "s0", name, channel, find_denials, self.now)
        self.begun[0] = self.begin_now(claims)
        finish_attempts(self.ledger, self.hand_over(0, ["taken"] * 8))

    def open_messages(self):
        """Give the messages that have not come to an end, with the time they wait for.

        Who claimed is dead here only once the lease is over, and a clock that was put back
        makes a lease long.
        """
        ended = [state.value for state in TERMINAL | {State.UNKNOWN}]
        columns = messages.c
        waits_for = func.coalesce(columns.next_at, columns.leased_until)
        query = select(columns.message_key, waits_for).where(columns.state.not_in(ended))
        with self.ledger.read() as connection:
            return dict(connection.execute(query).all())


@pytest.mark.timeout(3_600)
def test_nothing_that_can_happen_breaks_a_promise(filled, monkeypatch):
    monkeypatch.setattr(Machine, "template", filled, raising=False)
    Machine.TestCase.settings = settings(
        max_examples=N_RUNS,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=not IS_FULL,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # shrinking a failure takes minutes: add Phase.shrink by hand
    )
    case = Machine.TestCase()
    case.runTest()
