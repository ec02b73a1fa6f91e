import pandas as pd
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner
import yaml

from src.cli import app
from src.errors import MarketingError, SchemaError
from src.inspection.check import check_readable, check_tables, find_people, without
from src.inspection.oddities import find_missing_words, find_sentinels, outcome_aucs
from src.sources.config import read_source

ORDERS = """order,customer,product,when,n,amount,note
1,c-17,a,2024-01-02 10:00,1,2.50,?
1,c-17,a,2024-01-02 10:00,1,2.50,?
2,c-18,b,2024-01-03 10:00,2,free,ok
3,,b,2024-01-04 10:00,2,3,ok
"""
COLUMNS = {
    "order_id": "order",
    "customer_id": "customer",
    "product_id": "product",
    "ordered_at": "when",
    "quantity": "n",
    "line_value": "amount",
}


@pytest.fixture
def shop(tmp_path):
    """Write a source with orders and, below another table's name, a second file."""
    (tmp_path / "orders.csv").write_text(ORDERS)

    def write(orders: dict | None = None, **more) -> str:
        tables = {"orders_raw": {"file": "orders.csv", "columns": COLUMNS} | (orders or {})}
        source = {"name": "shop", "folder": str(tmp_path), "currency": "EUR", "tables": tables}
        source["tables"] |= more.pop("tables", {})
        file = tmp_path / "shop.yaml"
        file.write_text(yaml.safe_dump(source | more, sort_keys=False))
        return str(file)

    return write


def only(path: str, **options):
    _, checks = check_tables(path, **options)
    return checks[-1]


def test_a_table_is_described_by_what_is_read(shop):
    found = only(shop())
    assert (found.n_rows, found.is_whole, found.n_repeats) == (4, True, 1)
    assert found.unused == ["note"]
    columns = found.columns.set_index("raw_column")
    assert columns.loc["line_value", "unreadable_share"] == 0.25  # `free`
    assert columns.loc["customer_id", "missing_share"] == 0.25
    assert columns.loc["customer_id", "examples"] == "a-99"
    assert columns.loc["ordered_at", "examples"].startswith("2024-01-02 10:00 | ")
    assert [(odd.column, odd.value, odd.n) for odd in found.missing_words] == [("note", "?", 2)]


def test_what_is_named_as_missing_is_not_odd(shop):
    assert only(shop(missing=["?"])).missing_words == []


def test_a_sample_is_the_first_rows(shop):
    found = only(shop(), max_rows=2)
    assert (found.n_rows, found.is_whole) == (2, False)


def test_times_of_another_form_stop_with_the_remedy(shop):
    path = shop({"times": ["dmy"]})
    source, checks = check_tables(path)
    with pytest.raises(SchemaError, match="name its form in the field times"):
        check_readable(path, source, checks)


def test_columns_of_persons_that_would_be_landed_for_nothing_are_told(shop, tmp_path):
    path = shop()
    assert only(path).personal == []
    rows = (tmp_path / "orders.csv").read_text().splitlines()
    added = [f"{rows[0]},E-Mail,Vorname", *(f"{row},ann@web.de,Ann" for row in rows[1:])]
    (tmp_path / "orders.csv").write_text("\n".join(added) + "\n")
    assert only(path).personal == ["E-Mail", "Vorname"]


def told_by_check(path: str) -> str:
    answer = CliRunner().invoke(app, ["source", "check", path])
    assert answer.exit_code == 0, answer.output
    return " ".join(answer.output.split())


def test_it_is_said_where_columns_of_persons_stay(shop, tmp_path):
    frame = pd.read_csv(tmp_path / "orders.csv", dtype="str").assign(Email="ann@web.de")
    frame.to_csv(tmp_path / "orders.csv", index=False)
    assert "Email: of persons, and not used; not kept either" in told_by_check(shop())
    frame.to_parquet(tmp_path / "orders.parquet")
    told = told_by_check(shop({"file": "orders.parquet"}))
    assert "not used; they stay in the file where it lies" in told


def test_the_form_of_what_cannot_be_read_is_shown(shop, tmp_path):
    rows = [f"{n},c{n},a,2024-01-02,1,($1{n}.50)," for n in range(3)]
    rows += [f"{n},c{n},a,2024-01-02,1,$1{n}.50," for n in range(3, 9)]
    (tmp_path / "orders.csv").write_text("\n".join([ORDERS.splitlines()[0], *rows]) + "\n")
    told = told_by_check(shop({"amount_signs": ["$"]}))
    assert "line_value: what cannot be read has a form such as ($99.99)" in told
    source, checks = check_tables(shop())
    with pytest.raises(SchemaError, match="amount_signs"):
        check_readable("shop.yaml", source, checks)


def test_a_customer_who_stands_for_guests_is_told(shop, tmp_path):
    def write(buyers, **settings):
        rows = [f"{n},{buyer},a,2024-01-02,1,2," for n, buyer in enumerate(buyers)]
        (tmp_path / "orders.csv").write_text("\n".join([ORDERS.splitlines()[0], *rows]) + "\n")
        return only(shop(settings)).crowd

    people = [f"kd-{n}" for n in range(90)]
    assert write(["Guest", *people]).value == "Guest"  # a known word is shown
    crowd = write(["kd-0"] * 10 + people)
    assert (crowd.value, crowd.n) == ("aa-9", 11)  # of others only the form is
    assert write(["kd-0"] * 10 + people, missing=["kd-0"]) is None
    assert write(["kd-0"] * 8 + people) is None  # nine rows
    assert write(["kd-0"] * 20 + ["kd-1"] * 5 + people) is None  # 21 against 6


def test_pieces_below_zero_are_returns_and_no_sentinel(shop, tmp_path):
    rows = [f"{n},c{n},a,2024-01-02,{(1, 2, 3, 4, -1)[n % 5]},2," for n in range(100)]
    (tmp_path / "orders.csv").write_text("\n".join([ORDERS.splitlines()[0], *rows]) + "\n")
    found = only(shop())
    assert (found.n_returns, found.sentinels) == (20, [])
    assert "20 rows with pieces below zero; they are taken as returns" in told_by_check(shop())


def test_what_a_run_will_do_without_is_told(shop):
    source = read_source(shop())
    told = without(source)
    assert any(words.startswith("products_raw:") for words in told)
    assert any(words.startswith("orders_raw.discount:") for words in told)
    assert any(words.startswith("people:") for words in told)


def test_a_database_is_looked_at(shop, tmp_path, monkeypatch):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    frame = pd.read_csv(tmp_path / "orders.csv", dtype=str)
    frame.to_sql("lines", engine, index=False)
    engine.dispose()
    monkeypatch.setenv("SHOP_DB_CHECK", f"sqlite:///{tmp_path / 'shop.db'}")
    for where in ({"table": "lines"}, {"query": "SELECT * FROM lines WHERE n > 0"}):
        sql = {"secret": "env/SHOP_DB_CHECK"} | where
        path = shop()
        source = yaml.safe_load(open(path).read())
        del source["tables"]["orders_raw"]["file"]
        source["tables"]["orders_raw"]["sql"] = sql
        with open(path, "w") as file:
            yaml.safe_dump(source, file, sort_keys=False)
        found = only(path)
        assert (found.n_rows, found.n_repeats) == (4, 1)
        assert only(path, max_rows=2).n_rows == 2


def with_customers(shop, tmp_path, data, **columns) -> str:
    (tmp_path / data.name).symlink_to(data)
    table = {"file": data.name, "columns": {"customer_id": {"row": True}} | columns}
    return shop(tables={"customers_raw": table})


def test_equal_rows_of_hillstrom_are_counted_and_kept(shop, tmp_path, shared_data):
    path = with_customers(
        shop, tmp_path, shared_data / "hillstrom.csv.gz", home_ownership="zip_code"
    )
    found = only(path)
    assert (found.n_rows, found.n_repeats, found.has_key) == (64_000, 6_562, False)
    answer = CliRunner().invoke(app, ["source", "check", path])
    assert answer.exit_code == 0
    text = " ".join(answer.output.split())
    assert "6,562 rows equal an earlier one in every column; kept: no key tells them apart" in text


def test_bank_has_its_unknowns_its_sentinel_and_its_leak_flagged(shop, tmp_path, shared_data):
    data = shared_data / "bank-additional-full.csv.gz"
    found = only(with_customers(shop, tmp_path, data, marital_status="marital"))
    words = {odd.column: odd.n for odd in found.missing_words}
    # counted by hand with grep
    assert words == {
        "job": 330,
        "marital": 80,
        "education": 1_731,
        "default": 8_597,
        "housing": 990,
        "loan": 990,
    }
    assert [(odd.column, odd.value, odd.n) for odd in found.sentinels] == [("pdays", "999", 39_673)]
    assert found.outcome == "y"
    assert list(found.leaks) == ["duration"]
    assert found.leaks["duration"] == pytest.approx(0.818, abs=0.001)
    assert found.n_repeats == 12


def test_leaks_are_ranked_by_hand():
    rows = pd.DataFrame(
        {
            "y": ["no", "no", "yes", "yes"],
            "knows": [1, 2, 3, 4],
            "reversed": [4, 3, 2, 1],
            "half": [1, 3, 2, 4],  # 3 of 4 pairs in order
            "same": [1, 1, 1, 1],
            "level": ["a", "b", "b", "b"],  # ties count half: (1 + .5) / 2
            "id": ["u", "v", "w", "x"],
        }
    ).astype({"y": "str", "level": "str", "id": "str"})
    aucs = outcome_aucs(rows, "y", "point")
    expected = {"knows": 1, "reversed": 1, "half": 0.75, "same": 0.5, "level": 0.75}
    assert {name: aucs[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1, 2, 3, 4] * 20 + [999] * 5, ["999"]),
        (["1", "2", "3", "4"] * 20 + ["999"] * 5, ["999"]),
        ([1, 2, 3, 4] * 200 + [999], []),  # once in a thousand
        ([0, 1] * 20 + [999] * 5, []),  # three values: may be codes
        ([1, 2, 3, 40] * 20, []),  # 37 from its neighbour, the others 2 apart, but see below
        ([10, 20, 30, 41] * 20, []),
        ([0, 1, 2, 3, -1] * 20, ["-1"]),
        ([-2, 0, 1, 2, 3] * 20, []),
        (["a", "b"] * 20, []),
    ],
)
def test_sentinels_are_far_and_frequent(values, found):
    rows = pd.DataFrame({"x": values})
    rows = rows.astype("str") if rows["x"].dtype == object else rows
    if values[:4] == [1, 2, 3, 40]:
        found = ["40"]
    assert [odd.value for odd in find_sentinels(rows, "point", [])] == found
    assert find_sentinels(rows, "point", found) == []


def test_words_for_missing_are_found_whatever_their_case():
    rows = pd.DataFrame({"x": ["N/A", "Unknown ", "-", "known", None]}, dtype="str")
    assert {odd.value.strip() for odd in find_missing_words(rows, [])} == {"N/A", "Unknown", "-"}
    assert {odd.value for odd in find_missing_words(rows, ["n/a", "UNKNOWN"])} == {"-"}


def test_people_are_counted_and_never_shown(shop, tmp_path):
    people = "id,mail,tel,born,ok\n1,ann@web.de,030 9018207,1980-05-17,yes\n2,info@web.de,,,no\n"
    (tmp_path / "people.csv").write_text(people)
    columns = {"customer_id": "id", "email": "mail", "phone": "tel", "birth_date": "born"}
    columns |= {"has_email_consent": "ok"}
    path = shop(people={"file": "people.csv", "columns": columns, "country": "DE"})
    assert list(find_people(path, read_source(path)).values()) == [2, 2, 1, 1, 1, 1]
    answer = CliRunner().invoke(app, ["source", "check", path])
    assert answer.exit_code == 0
    assert "ann@" not in answer.output
    assert "9018207" not in answer.output


def test_a_source_that_cannot_be_used_is_an_error_of_the_users(shop, tmp_path):
    answer = CliRunner().invoke(app, ["source", "check", shop({"file": "none.csv"})])
    assert isinstance(answer.exception, MarketingError)
    assert "none.csv" in str(answer.exception)


def test_a_draft_never_replaces_a_file_unasked(tmp_path):
    data, draft = tmp_path / "orders.csv", tmp_path / "drafts" / "x.yaml"
    data.write_text(ORDERS)
    command = ["source", "guess", str(data), "--output", str(draft)]
    assert CliRunner().invoke(app, command).exit_code == 0
    draft.write_text("mine")
    assert isinstance(CliRunner().invoke(app, command).exception, MarketingError)
    assert draft.read_text() == "mine"
    assert CliRunner().invoke(app, [*command, "--force"]).exit_code == 0
    assert "orders_raw" in draft.read_text()
