"""From a shop's own people to pseudonyms, merged accounts and test accounts."""

import pytest

from src.data.ingest import read_raw_tables
from src.data.pseudonyms import pseudonym
from src.engine import connect
from src.identity.shop import know_people

KEY = b"k" * 32
PEOPLE = """id,mail,first,last,ok
anna,Ann.Lee@web.de,Ann,Lee,yes
berta,ann.lee@web.de,Ann,Lee,no
clara,qa7@shop.de,Clara,Coy,yes
"""


@pytest.fixture
def known(fields, landed_shop, write_source, tmp_path):
    columns = {
        "customer_id": "id",
        "email": "mail",
        "first_name": "first",
        "last_name": "last",
        "has_email_consent": "ok",
    }
    fields["people"] = {"file": "people.csv", "columns": columns}
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "people.csv").write_text(PEOPLE)
    source, landed = landed_shop(fields)
    return source, landed, know_people("small_shop.yaml", source, KEY)


def test_accounts_with_one_address_are_one_customer(known):
    source, landed, people = known
    assert people.merged == {"berta": "anna"}
    raw = read_raw_tables(connect(), source, landed, KEY, 0, people.merged)
    buyers = raw["orders_raw"].order_by("source_row").to_pandas()["customer_id"]
    anna, clara = pseudonym("anna", KEY), pseudonym("clara", KEY)
    assert buyers.tolist() == [anna, anna, anna, clara]


def test_people_and_test_accounts_are_known_by_pseudonym_alone(known):
    _, _, people = known
    anna, clara = pseudonym("anna", KEY), pseudonym("clara", KEY)
    assert people.people["customer_id"].tolist() == [anna, anna, clara]
    assert people.test_accounts.to_dict("records") == [
        {"customer_id": clara, "reason": "name of a test's mailbox"}
    ]


def test_what_is_known_of_people_is_not_shown(known):
    shown = repr(known[2])
    for private in ("Lee", "web.de", "anna", "berta"):
        assert private not in shown


def test_a_source_without_people_has_nobody(fields, landed_shop):
    source, _ = landed_shop(fields)
    people = know_people("small_shop.yaml", source, KEY)
    assert people.people.empty
    assert (people.merged, len(people.test_accounts)) == ({}, 0)
