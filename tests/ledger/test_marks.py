"""An old copy of a ledger is told from the ledger by marks that lie beside the keys."""

import shutil

import pytest

from src.errors import LedgerError
from src.keys import keys_path
from src.ledger import open_ledger
from src.ledger.audit import read_audit, verify_audit
from src.ledger.marks import RestoredError, accept_restored, check_marks, marking
from src.ledger.queue import begin_attempts, claim_messages
from src.send.policy import find_denials
from tests.reliability.campaigns import plan_campaign
from tests.reliability.grounds import CLOCK


@pytest.fixture
def run(tmp_path):
    with open_ledger(tmp_path) as ledger:
        plan_campaign(ledger, 12, is_refusing=lambda _: False)
    return tmp_path


def begin(ledger, mark, n_rows=2):
    claims, _ = claim_messages(ledger, "s", "spring", "email", find_denials, CLOCK(), n_rows)
    begun = begin_attempts(ledger, claims, "smtp", CLOCK())
    mark.put(begun)
    return begun


def put_back(run):
    shutil.rmtree(run / "ledger")
    shutil.copytree(run / "copy", run / "ledger")


def test_the_ledger_itself_may_always_send(run):
    for _ in range(3):
        with open_ledger(run) as ledger, marking(ledger, is_live=True) as mark:
            begin(ledger, mark)
    with open_ledger(run) as ledger:
        check_marks(ledger)


def test_a_copy_made_after_the_last_attempt_may_send(run):
    with open_ledger(run) as ledger, marking(ledger, is_live=True) as mark:
        begin(ledger, mark)
    shutil.copytree(run / "ledger", run / "copy")
    put_back(run)
    with open_ledger(run) as ledger:
        check_marks(ledger)


@pytest.mark.parametrize("n_before", [0, 1, 2])
def test_an_older_copy_may_not(run, n_before):
    with open_ledger(run) as ledger, marking(ledger, is_live=True) as mark:
        for _ in range(n_before):
            begin(ledger, mark)
    shutil.copytree(run / "ledger", run / "copy")
    with open_ledger(run) as ledger, marking(ledger, is_live=True) as mark:
        begin(ledger, mark)
    put_back(run)
    with open_ledger(run) as ledger:
        with pytest.raises(RestoredError, match="campanile audit accept"):
            check_marks(ledger)
        with pytest.raises(RestoredError), marking(ledger, is_live=True):
            pass
        with marking(ledger, is_live=False) as mark:
            mark.put([])  # a dry run of a copy is allowed, and leaves no mark


def test_two_senders_at_once_have_a_mark_each(run):
    """The copy lacks only what one of them began: its mark is enough."""
    with open_ledger(run) as ledger, marking(ledger, is_live=True) as one:
        with marking(ledger, is_live=True) as other:
            begin(ledger, one)
            begin(ledger, other)
        shutil.copytree(run / "ledger", run / "copy")
        begin(ledger, one)
    put_back(run)
    with open_ledger(run) as ledger, pytest.raises(RestoredError):
        check_marks(ledger)


def test_who_accepts_a_copy_is_kept(run):
    shutil.copytree(run / "ledger", run / "copy")
    with open_ledger(run) as ledger, marking(ledger, is_live=True) as mark:
        begin(ledger, mark)
    put_back(run)
    with open_ledger(run) as ledger:
        assert accept_restored(ledger, "ann") == 1
        check_marks(ledger)
        last = list(read_audit(ledger))[-1]
        assert (last.actor, last.action) == ("ann", "accept restored ledger")
        assert verify_audit(ledger).findings == ()


def test_another_ledger_with_the_same_keys_is_not_concerned(run, tmp_path):
    with open_ledger(run) as ledger, marking(ledger, is_live=True) as mark:
        begin(ledger, mark)
    with open_ledger(tmp_path / "other") as other:
        check_marks(other)
    assert [path for path in keys_path().glob("sent-*/*.mark") if path.stat().st_size]


def test_a_mark_that_is_none_is_told(run):
    with open_ledger(run) as ledger:
        with marking(ledger, is_live=True) as mark:
            begin(ledger, mark)
        path = max(keys_path().glob("sent-*/0000.mark"), key=lambda one: one.stat().st_mtime_ns)
        path.write_bytes(b"\xff" * 70)
        with pytest.raises(LedgerError, match="mark"):
            check_marks(ledger)
