"""The commands of the ledger, as a person sees them, on a run of three messages."""

import datetime as dt
import json
import shutil

import pandas as pd
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from src import run_ledger
from src.cli import app
from src.errors import MarketingError
from src.keys import KEYS_VARIABLE
from src.ledger import count_states, open_ledger, record_assignments, set_limits, suppress
from src.ledger.audit import account
from src.ledger.marks import RestoredError, check_marks, marking
from src.ledger.queue import Ending, begin_attempts, claim_messages, finish_attempts
from src.ledger.recovery import recover
from src.ledger.states import State
from src.root import PROJECT_ROOT
from src.send.policy import find_denials

T0 = dt.datetime(2024, 2, 1, 9, tzinfo=dt.UTC)


def tell(*words):
    return CliRunner().invoke(app, [*map(str, words)], env={"COLUMNS": "100"})


@pytest.fixture
def run(tmp_path, monkeypatch, plan_three):
    """A run whose ledger holds three planned messages, with keys of its own."""
    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "keys"))
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"run_id": "one", "stages": {}}))
    shutil.copy(PROJECT_ROOT / "params" / "smoke.yaml", folder / "params.yaml")
    (tmp_path / "runs" / "latest").symlink_to("one")
    monkeypatch.setattr(run_ledger, "PROJECT_ROOT", tmp_path)
    with open_ledger(folder) as ledger:
        yield plan_three(ledger)


def leave_unknown(ledger):
    claims, _ = claim_messages(ledger, "a", "spring", "email", lambda *_: {}, T0)
    begun = begin_attempts(ledger, claims, "smtp", T0)
    recover(ledger, "spring", "email")
    return [row.message_key for row in begun]


def test_unknown_is_listed_decided_and_imported_once(run, tmp_path):
    one, two, three = leave_unknown(run)
    answer = tell("unknown", "list", "one")
    assert [line.split()[0] for line in answer.stdout.splitlines()] == [one, two, three]
    assert tell("unknown", "resolve", "one", one, "--sent").exit_code == 0
    log = tmp_path / "provider.csv"
    log.write_text(
        f"message,outcome\n<{two}@shop.example>,sent\n{three},not sent\n{one},not sent\n"
    )
    first = tell("unknown", "import", "one", log)
    assert first.exit_code == 0
    assert first.stdout == "3 rows read, 2 messages are no longer UNKNOWN, 0 rejected\n"
    assert tell("unknown", "import", "one", log).stdout.startswith("3 rows read, 0 messages")
    assert count_states(run, "spring") == {"RESOLVED_NOT_SENT": 1, "RESOLVED_SENT": 2}


def test_a_log_with_bad_lines_says_which_and_ends_with_1(run, tmp_path):
    log = tmp_path / "provider.csv"
    log.write_text("message,outcome\nkanari,sent\n")
    answer = tell("unknown", "import", "one", log)
    assert answer.exit_code == 1
    assert "  line 2: message holds no message key" in answer.stdout
    assert "kanari" not in answer.stdout


def test_who_says_who_got_it_and_why_others_did_not(run, assignment_frame):
    record_assignments(run, assignment_frame(c8="control"))
    wish = {"customer_id": ["c2"], "channel": "email", "reason": "complaint", "recorded_at": [T0]}
    suppress(run, pd.DataFrame(wish))
    claims, _ = claim_messages(run, "a", "spring", "email", find_denials, T0)
    begun = begin_attempts(run, claims, "memory", T0)
    finish_attempts(run, {begun[0]: Ending(State.SENT), begun[1]: Ending(State.UNKNOWN, "lost")})
    answer = tell("who", "spring")
    lines = [line.split(None, 1)[1] for line in answer.stdout.splitlines()[1:]]
    assert answer.stdout.startswith("spring: 4 customers\n")
    assert sorted(lines) == [
        "no        SUPPRESSED  complaint",
        "no        no message  drew control",
        "unknown   UNKNOWN  lost",
        "yes       SENT",
    ]
    table = tell("who", "spring", "--csv").stdout.splitlines()
    assert table[0] == "customer_id,action,step,channel,got_it,state,reason,attempt,at"
    assert table[2] == "c2,coupon,1,email,no,SUPPRESSED,complaint,0,"
    assert "example.com" not in answer.stdout + "".join(table)
    assert "Lee" not in "".join(table)


def test_an_unheard_of_campaign_is_told_with_those_there_are(run):
    answer = tell("who", "autumn")
    assert isinstance(answer.exception, MarketingError)
    assert "it has ['spring']" in str(answer.exception)


def test_one_person_approves_once(run):
    set_limits(run, "spring", approval_above=2, actor="ann")
    for _ in range(2):
        answer = tell("approve", "spring")
        assert answer.stdout == f"spring: 3 messages, approved by {account()}\n1 more needed\n"
    assert tell("approve", "autumn").exit_code != 0


def test_the_audit_log_is_verified_and_a_change_ends_with_1(run):
    set_limits(run, "spring", approval_above=2, actor="ann")
    tell("approve", "spring")
    assert tell("audit", "verify").stdout == "2 entries, unbroken and as anchored\n"
    assert "approve campaign  spring" in tell("audit", "show").stdout
    with run.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_no_update")
        connection.exec_driver_sql("UPDATE audit SET actor = 'eve' WHERE entry_no = 2")
    answer = tell("audit", "verify")
    assert answer.exit_code == 1
    assert answer.stdout == "entry 2: was changed, added or moved: the chain breaks here\n"


def test_lists_are_imported(run, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("email\nc1@example.com\nkanari\n")
    answer = tell("suppression", "import", path)
    assert answer.exit_code == 1
    assert answer.stdout.startswith("2 rows read, 1 entries are new, 1 rejected")
    path.write_text(
        "customer_id,channel,purpose,is_granted,source,wording,recorded_at\n"
        "c1,email,marketing,false,phone call,No more.,2024-05-01T10:00:00Z\n"
    )
    assert tell("consent", "import", path).stdout == "1 rows read, 1 events are new, 0 rejected\n"
    assert tell("consent", "import", tmp_path / "none.csv").exit_code != 0


def test_the_vault_is_rotated(run, tmp_path, monkeypatch):
    with monkeypatch.context() as context:
        context.setenv(KEYS_VARIABLE, str(tmp_path / "gone"))
        assert tell("vault", "rotate").exit_code != 0  # without the key nothing is made worse
    assert tell("vault", "rotate").stdout == "3 people are sealed under the newest key\n"


def test_a_path_is_no_name_of_a_run(run):
    assert "plain name" in str(tell("unknown", "list", "../one").exception)


def test_a_campaign_is_paused_resumed_limited_and_called_off(run):
    assert "paused; 0 claimed" in tell("campaign", "pause", "spring").stdout
    assert claim_messages(run, "a", "spring", "email", find_denials, T0) == ([], {})
    assert tell("campaign", "resume", "spring").exit_code == 0
    end = T0.isoformat()
    assert tell("campaign", "limits", "spring", "--expires", end).exit_code == 0
    assert tell("campaign", "limits", "spring", "--budget", "5").exit_code == 0  # the end stays
    assert "ISO" in tell("campaign", "limits", "--help").output
    assert "such as 2026" in str(tell("campaign", "limits", "spring", "--expires", "x").exception)
    assert claim_messages(run, "a", "spring", "email", find_denials, T0)[1] == {State.CANCELLED: 3}
    assert "0 messages with it" in tell("campaign", "cancel", "spring").stdout


def test_the_policy_file_of_the_project_is_set(run):
    assert tell("campaign", "policy", "spring", "params/contact_policy.yaml").exit_code == 0
    claims, denied = claim_messages(run, "a", "spring", "email", find_denials, T0)
    assert (len(claims), denied) == (3, {})  # 10:00 in Berlin
    assert "found none" in str(tell("campaign", "policy", "spring", "params/no.yaml").exception)


def test_a_restored_ledger_is_accepted_only_by_who_says_yes(run):
    with marking(run, is_live=True) as mark:
        claims, _ = claim_messages(run, "a", "spring", "email", lambda *_: {}, T0)
        mark.put(begin_attempts(run, claims, "smtp", T0))
    with run.write() as connection:
        connection.execute(text("UPDATE messages SET fence = 0"))  # as it was before
    with pytest.raises(RestoredError):
        check_marks(run)
    command = ["audit", "accept", "--run", "one"]
    assert CliRunner().invoke(app, command, input="n\n").exit_code == 1
    with pytest.raises(RestoredError):
        check_marks(run)
    answer = CliRunner().invoke(app, command, input="y\n")
    assert answer.exit_code == 0
    assert "the audit log says by whom" in answer.stdout
    check_marks(run)
