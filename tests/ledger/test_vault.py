"""Keys of the vault: several versions at once, and a rotation that can be stopped anywhere."""

import os
import signal

import pandas as pd
import pytest
from sqlalchemy import text

from src.errors import ConfigurationError
from src.keys import KEYS_VARIABLE, keys_path
from src.ledger import open_ledger, record_people
from src.ledger import people as people_module
from src.ledger.people import Person, read_people, rotate_vault
from src.ledger.vault import newest_version

FIELDS = ("first_name", "last_name", "email", "phone", "time_zone", "language", "webhook")


@pytest.fixture(autouse=True)
def own_keys(tmp_path, monkeypatch):
    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "own"))


def everybody(n):
    frame = pd.DataFrame({"customer_id": [f"c{k:04d}" for k in range(n)]})
    values = ("Ann", "Lee", frame["customer_id"] + "@x.example", "+4930123456", "Asia/Tokyo",
              "zh", "@ann")  # fmt: skip
    return frame.assign(**dict(zip(FIELDS, values, strict=True)))


def read_all(ledger):
    with ledger.read() as connection:
        ids = connection.execute(text("SELECT customer_id FROM people ORDER BY customer_id"))
        return read_people(connection, list(ids.scalars()))


def versions(ledger):
    with ledger.read() as connection:
        found = connection.execute(text("SELECT key_version, count(*) FROM people GROUP BY 1"))
        return dict(found.all())


def test_every_field_comes_back_and_none_is_readable(ledger):
    record_people(ledger, everybody(1))
    person = read_all(ledger)["c0000"]
    assert person == Person(
        "Ann", "Lee", "c0000@x.example", "+4930123456", "Asia/Tokyo", "zh", "@ann"
    )
    with ledger.read() as connection:
        row = connection.execute(text("SELECT * FROM people")).one()._mapping
    assert all(b"Asia" not in bytes(row[name]) for name in FIELDS)


def test_a_column_that_is_not_given_stays(ledger):
    record_people(ledger, everybody(1))
    record_people(ledger, everybody(1)[["customer_id", *FIELDS[:3]]].assign(last_name="Li"))
    person = read_all(ledger)["c0000"]
    assert (person.last_name, person.phone, person.time_zone) == ("Li", "+4930123456", "Asia/Tokyo")


def test_a_number_that_is_none_is_not_kept(ledger):
    record_people(ledger, everybody(1).assign(phone="12"))
    assert read_all(ledger)["c0000"].phone == ""


def test_a_rotation_seals_all_anew_and_changes_nothing_else(ledger):
    record_people(ledger, everybody(7))
    before = read_all(ledger)
    assert rotate_vault(ledger, "ann") == 7
    assert versions(ledger) == {2: 7}
    assert read_all(ledger) == before
    assert rotate_vault(ledger, "ann") == 7
    assert newest_version() == 3
    (keys_path() / "vault.key").unlink()
    (keys_path() / "vault-2.key").unlink()
    assert read_all(ledger) == before  # the old keys open nothing any more


def test_old_and_new_keys_serve_side_by_side(ledger, monkeypatch):
    record_people(ledger, everybody(5))
    before = read_all(ledger)
    monkeypatch.setattr(people_module, "_ROTATED_AT_ONCE", 2)
    people_module.make_next_key()
    ledger.transact(lambda connection: people_module._rotate_some(connection, 2))
    assert versions(ledger) == {1: 3, 2: 2}
    assert read_all(ledger) == before
    assert rotate_vault(ledger, "ann") == 3  # it goes on; no third key is made
    assert newest_version() == 2


def test_a_missing_key_opens_nothing_and_is_not_made_anew(ledger):
    record_people(ledger, everybody(1))
    rotate_vault(ledger, "ann")
    (keys_path() / "vault-2.key").unlink()
    with pytest.raises(ConfigurationError, match=r"vault-2\.key"):
        read_all(ledger)
    assert not (keys_path() / "vault-2.key").exists()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("n_call", range(6))
def test_killed_anywhere_a_rotation_goes_on(file_ledger, tmp_path, n_call):
    record_people(file_ledger, everybody(10))
    before = read_all(file_ledger)
    child = os.fork()
    if child == 0:
        try:
            rotate_and_die(tmp_path, n_call)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == -signal.SIGKILL
    assert read_all(file_ledger) == before
    n_left = versions(file_ledger).get(1, 0)
    assert rotate_vault(file_ledger, "ann") == (n_left or 10)
    assert read_all(file_ledger) == before
    assert len(versions(file_ledger)) == 1
    assert newest_version() == (2 if n_left else 3)


def rotate_and_die(folder, n_call):
    """Seal three people at a time; be killed before the n-th transaction is committed."""
    honest, calls = people_module._rotate_some, []

    def step(connection, version):
        calls.append(1)
        answer = honest(connection, version)
        if len(calls) > n_call or not answer:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    people_module._ROTATED_AT_ONCE = 3
    people_module._rotate_some = step
    with open_ledger(folder) as ledger:
        rotate_vault(ledger, "ann")
