import pandas as pd
import pytest
import sqlalchemy as sa
import yaml

from src.errors import SchemaError
from src.identity.people import read_people
from src.ledger.arrivals import register_given_people
from src.sources.config import read_source

PEOPLE = """Nr;Mail;Geb.;Datum;Ja
007;ann@web.de;17.05.1980;01.02.2024;ja
8; bob@web.de ;1980-05-17;;nein
9;unbekannt;31.02.1980;;vielleicht
"""
COLUMNS = {
    "customer_id": "Nr",
    "email": "Mail",
    "birth_date": "Geb.",
    "consented_at": "Datum",
    "has_email_consent": "Ja",
}


def source_with(tmp_path, people: dict):
    source = {
        "name": "shop",
        "folder": str(tmp_path),
        "currency": "EUR",
        "times": ["dmy"],
        "time_zone": "Europe/Berlin",
        "missing": ["unbekannt"],
        "people": people,
        "tables": {
            "orders_raw": {
                "file": "orders.csv",
                "columns": dict.fromkeys(
                    ("order_id", "customer_id", "product_id", "ordered_at", "quantity"), "x"
                )
                | {"line_value": "x"},
            }
        },
    }
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(source))
    return str(file), read_source(str(file))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_people_of_a_file_are_read_as_they_are_and_nothing_is_written(tmp_path, encoding):
    (tmp_path / "people.csv").write_text(PEOPLE, encoding=encoding)
    path, source = source_with(tmp_path, {"file": "people.csv", "columns": COLUMNS})
    people = read_people(path, source)
    assert people["customer_id"].tolist() == ["007", "8", "9"]
    assert people["email"].fillna("").tolist() == ["ann@web.de", "bob@web.de", ""]
    assert people["birth_date"].dt.strftime("%d.%m.%Y").fillna("").tolist() == [
        "17.05.1980",
        "17.05.1980",  # ISO is understood beside the form that the source names
        "",  # no such day
    ]
    # midnight in Berlin
    assert people["consented_at"][0] == pd.Timestamp("2024-01-31 23:00", tz="UTC")
    assert people["has_email_consent"].astype(object).where(lambda v: v.notna(), None).tolist() == [
        True,
        False,
        None,
    ]
    assert people["first_name"].isna().all()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["people.csv", "shop.yaml"]


def test_people_of_a_database_are_read(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = sa.create_engine(url)
    frame = pd.DataFrame({"id": [1, 2], "mail": ["ann@web.de", None], "ok": [1, 0]})
    frame.to_sql("people", engine, index=False)
    engine.dispose()
    monkeypatch.setenv("SHOP_PEOPLE", url)
    columns = {"customer_id": "id", "email": "mail", "has_email_consent": "ok"}
    for place in ({"table": "people"}, {"query": "SELECT * FROM people"}):
        path, source = source_with(
            tmp_path, {"sql": {"secret": "env/SHOP_PEOPLE"} | place, "columns": columns}
        )
        people = read_people(path, source)
        assert people["customer_id"].tolist() == ["1", "2"]
        assert people["has_email_consent"].tolist() == [True, False]


def test_a_column_that_is_not_there_is_told_without_any_value(tmp_path):
    (tmp_path / "people.csv").write_text(PEOPLE)
    path, source = source_with(
        tmp_path, {"file": "people.csv", "columns": {"customer_id": "Kundennr"}}
    )
    with pytest.raises(SchemaError, match=r"Kundennr.*people\.columns\.customer_id") as error:
        read_people(path, source)
    assert "ann@" not in str(error.value)


def test_given_people_enter_the_ledger_with_their_consents(tmp_path):
    early, late = pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-02-01", tz="UTC")
    people = pd.DataFrame(
        [
            ("a", "Ann", "Miller", "ann@web.de", True, early),
            ("b", "Bob", "Miller", "bob@web.de", False, late),
            ("c", "Cia", "Miller", "cia@web.de", None, pd.NaT),
            ("d", "Dan", None, None, True, late),
            ("e", "Eve", "Old", "eve@web.de", True, early),  # two accounts of one person:
            ("e", "Eve", "New", "eve2@web.de", False, late),  # the later answer counts
            ("f", "Fay", "Old", "fay@web.de", True, early),
            ("f", "Fay", "Old", "fay@web.de", False, early),  # at one moment: the refusal
            ("z", "Zoe", "Nobody", "zoe@web.de", True, late),  # no customer
        ],
        columns=["customer_id", "first_name", "last_name", "email", "has_email_consent",
                 "consented_at"],
    )  # fmt: skip
    people["has_email_consent"] = people["has_email_consent"].astype("boolean")
    people["consented_at"] = pd.to_datetime(people["consented_at"], utc=True)
    ids = pd.Series(["a", "b", "c", "d", "e", "f", "g"])
    for _ in range(2):  # a second time changes nothing
        kinds = register_given_people(tmp_path, people, ids, "2023-12-31")
        assert dict(zip(kinds["kind"], kinds["n_customers"], strict=True)) == {
            "may be written to": 1,
            "never agreed": 2,
            "agreed, but withdrew": 2,
            "without a known address": 2,
        }
