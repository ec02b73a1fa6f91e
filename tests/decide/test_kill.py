"""Killed between assignment and message, at any point: no message without its assignment."""

import os
import random
import signal
import sqlite3
import time

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import event

from src.decide.assignment import arm_salt
from src.decide.eligibility import build_eligibility
from src.decide.kept import draw_remaining, keep_assignments, kept_assignments
from src.ledger import message_key, open_ledger, plan_messages
from tests.ledger.sealing import sealed

CAMPAIGN, SALT = "spring", arm_salt("spring", 1)
IDS = pd.Index([f"c{i:04d}" for i in range(1_300)], name="customer_id")  # three writes per table
SHARES = pd.DataFrame({"control": 0.4, "coupon": 0.6}, index=IDS)
STRATA = pd.Series(np.where(np.arange(len(IDS)) % 2, "x", "y"))
N_COUPONS = 780

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def eligible() -> pd.DataFrame:
    ids = IDS.to_series(index=range(len(IDS)))
    profiles = pd.DataFrame({"customer_id": ids, "recency_days": 3})
    contacts = pd.DataFrame({"customer_id": ids, "is_contactable": True, "reason": ""})
    return build_eligibility(profiles, contacts, 365)


def assign_and_plan(run, before_statement=None) -> None:
    """What 05 and 07 do to the ledger: read what is drawn, draw the rest, keep it, plan."""
    with open_ledger(run) as ledger:
        if before_statement:
            event.listen(ledger.engine, "before_cursor_execute", before_statement)
            event.listen(ledger.engine, "commit", before_statement)
        kept = kept_assignments(ledger, CAMPAIGN, IDS.to_series())
        drawn = draw_remaining(kept, SHARES, STRATA, SALT, "v").assign(campaign_id=CAMPAIGN)
        keep_assignments(ledger, drawn, eligible(), SALT, "2024-02-29")
        plan_messages(ledger, sealed(messages_for(drawn[drawn["action"].eq("coupon")])))


def messages_for(drawn: pd.DataFrame) -> pd.DataFrame:
    ids = drawn["customer_id"].tolist()
    keys = [message_key(CAMPAIGN, 1, one, "email") for one in ids]
    return pd.DataFrame({"customer_id": ids, "message_key": keys}).assign(
        campaign_id=CAMPAIGN, step=1, channel="email", action="coupon", subject="s", html="h",
        text="t",
    )  # fmt: skip


def killed(run, before_statement) -> bool:
    """Do the work in a child process; whether it was killed on the way."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assign_and_plan(run, before_statement)
            code = 0
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def counts(run) -> tuple[int, int, int]:
    """Assignments, messages, and messages without an assignment of their action."""
    connection = sqlite3.connect(run / "ledger" / "ledger.db")
    try:
        orphans = """
            SELECT count(*) FROM messages m LEFT JOIN assignments a
            ON a.campaign_id = m.campaign_id AND a.customer_id = m.customer_id
            AND a.action = m.action WHERE a.customer_id IS NULL
        """
        questions = ("SELECT count(*) FROM assignments", "SELECT count(*) FROM messages", orphans)
        return tuple(connection.execute(question).fetchone()[0] for question in questions)
    finally:
        connection.close()


def die_at(n: int):
    """Kill the process before its n-th statement or commit."""
    left = [n]

    def count(*_):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


def test_killed_before_every_single_statement_and_commit(tmp_path):
    open_ledger(tmp_path).close()
    seen, n = set(), 0
    while True:
        n += 1
        run = tmp_path / str(n)
        (run / "ledger").mkdir(parents=True)
        (run / "ledger" / "ledger.db").write_bytes((tmp_path / "ledger" / "ledger.db").read_bytes())
        was_killed = killed(run, die_at(n))
        n_assigned, n_planned, n_orphans = counts(run)
        assert n_orphans == 0
        assert n_assigned in (0, len(IDS))  # all of them or none
        assert n_planned == 0 or n_assigned == len(IDS)
        seen.add((n_assigned > 0, n_planned > 0))
        if not was_killed:
            break
    assert n > 20
    assert seen == {(False, False), (True, False), (True, True)}


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_until_it_ends(tmp_path):
    rng = random.Random(7)
    arms = draw_remaining(
        pd.DataFrame(columns=["customer_id", "action", "pscore", "stratum", "policy_version"]),
        SHARES, STRATA, SALT, "v",
    )  # fmt: skip
    n_kills = round_number = 0
    while (n_kills < 12 or round_number < 12) and round_number < 200:  # a quick child is not hit
        run = tmp_path / str(round_number)
        round_number += 1
        while True:
            child = os.fork()
            if child == 0:
                try:
                    assign_and_plan(run)
                finally:
                    os._exit(0)
            time.sleep(rng.uniform(0.0, 0.6))
            os.kill(child, signal.SIGKILL)
            is_killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
            n_kills += is_killed
            if (run / "ledger" / "ledger.db").exists() and has_tables(run):
                n_assigned, n_planned, n_orphans = counts(run)
                assert n_orphans == 0
                assert n_assigned in (0, len(IDS))
                if n_planned:
                    break
        with open_ledger(run) as ledger:
            kept = kept_assignments(ledger, CAMPAIGN, IDS.to_series())
        assert kept["action"].tolist() == arms["action"].tolist()
        assert n_planned == arms["action"].eq("coupon").sum() == N_COUPONS
    assert n_kills >= 12


def has_tables(run) -> bool:
    connection = sqlite3.connect(run / "ledger" / "ledger.db")
    try:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    finally:
        connection.close()
    return {"assignments", "messages"} <= names
