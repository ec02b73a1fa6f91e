"""The vault: nothing readable on disk, nothing opened in the wrong place, nothing shown."""

import ast
from pathlib import Path

import pytest
from sqlalchemy import text

from src.errors import ConfigurationError
from src.keys import KEYS_VARIABLE, keys_path
from src.ledger import record_people
from src.ledger.people import address_token, normalize_address, read_people

SRC = Path(__file__).parents[2] / "src"


def read_one(ledger, customer_id):
    with ledger.read() as connection:
        return read_people(connection, [customer_id])[customer_id]


def test_what_was_recorded_is_read_back(ledger, people_frame):
    record_people(ledger, people_frame("c1", first_name="Zoë", last_name="O'Hara, Jr."))
    person = read_one(ledger, "c1")
    assert (person.first_name, person.last_name) == ("Zoë", "O'Hara, Jr.")
    assert person.email == "c1@example.com"


def test_missing_fields_are_empty(ledger, people_frame):
    record_people(ledger, people_frame("c1", first_name=None, email=None))
    person = read_one(ledger, "c1")
    assert (person.first_name, person.email) == ("", "")


def test_the_same_again_changes_nothing_and_a_change_is_taken(ledger, people_frame):
    people = people_frame("c1", "c2")
    assert record_people(ledger, people) == 2
    assert record_people(ledger, people) == 0
    moved = people.assign(email=["new@example.com", "c2@example.com"])
    assert record_people(ledger, moved) == 1
    assert read_one(ledger, "c1").email == "new@example.com"


def test_no_file_of_the_ledger_holds_a_readable_field(file_ledger, people_frame, tmp_path):
    record_people(
        file_ledger,
        people_frame("c1", first_name="Canaria", last_name="Kanari", email="c@nary.example"),
    )
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name.endswith("-wal") for path in files)
    held = b"".join(path.read_bytes() for path in files).lower()
    assert not [word for word in (b"canaria", b"kanari", b"nary.example") if word in held]


def test_two_equal_fields_look_different(ledger, people_frame):
    record_people(ledger, people_frame("c1", "c2"))
    with ledger.read() as connection:
        sealed = connection.scalars(text("SELECT first_name FROM people")).all()
    assert sealed[0] != sealed[1]


@pytest.mark.parametrize(
    "theft",
    [
        "UPDATE people SET email = (SELECT email FROM (SELECT * FROM people) AS other"
        " WHERE customer_id = 'c2')",
        "UPDATE people SET first_name = last_name",
        "UPDATE people SET key_version = 2",
        "UPDATE people SET email = :cut",
    ],
    ids=["other row", "other column", "other version", "cut"],
)
def test_a_field_opens_only_in_its_place(ledger, people_frame, theft):
    record_people(ledger, people_frame("c1", "c2"))
    with ledger.write() as connection:
        statement = text(f"{theft} WHERE customer_id = 'c1'")
        connection.execute(statement, {"cut": b"0"} if ":cut" in theft else {})
    with pytest.raises(ConfigurationError, match=r"vault\.key"):
        read_one(ledger, "c1")


def test_another_key_opens_nothing(ledger, people_frame, tmp_path, monkeypatch):
    record_people(ledger, people_frame("c1"))
    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "other"))
    with pytest.raises(ConfigurationError, match="restore the key"):
        read_one(ledger, "c1")


def test_a_person_is_never_shown(ledger, people_frame):
    record_people(ledger, people_frame("c1"))
    assert repr(read_one(ledger, "c1")) == "Person()"
    assert "example" not in repr(ledger)


@pytest.mark.parametrize(
    "address",
    ["ann@example.com", "ANN@Example.COM", " ann@example.com ", "ann+shop@example.com"],
)
def test_one_mailbox_has_one_token(address):
    assert address_token(address) == address_token("ann@example.com")


def test_other_mailboxes_have_other_tokens():
    addresses = ["ann@example.com", "ann@example.org", "anna@example.com", "+x@example.com"]
    assert len({address_token(address) for address in addresses}) == len(addresses)
    assert address_token("a@bücher.example") == address_token("a@xn--bcher-kva.example")


def test_an_address_keeps_its_local_part():
    assert normalize_address("Ann@EXAMPLE.com") == "Ann@example.com"


def test_keys_lie_apart_from_the_ledger(ledger, people_frame, tmp_path):
    record_people(ledger, people_frame("c1"))
    assert keys_path() not in tmp_path.parents
    assert not list(tmp_path.rglob("*.key"))


def test_only_the_package_that_sends_opens_the_vault():
    openers = {
        path.relative_to(SRC).parts[0]
        for path in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "src.ledger.people"
        if {name.name for name in node.names} & {"read_people", "Person"}
    }
    assert openers <= {"send"}


def test_frames_of_people_are_not_logged(ledger, people_frame, caplog):
    caplog.set_level("DEBUG")
    record_people(ledger, people_frame("c1", last_name="Kanari"))
    assert "Kanari" not in caplog.text
    assert "1 new or changed" in caplog.text
