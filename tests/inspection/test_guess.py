import re

import pandas as pd
import pytest
import yaml

from src.errors import ParameterError
from src.inspection.check import check_readable, check_tables
from src.inspection.column_names import CONCEPTS, concepts_of, plain_name
from src.inspection.guess import draft_source
from src.inspection.value_forms import guess_currency, guess_numbers, guess_times
from src.sources.config import read_source

RETAIL = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,WHITE HOLDER,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
C536366,71053,LANTERN,-6,2010-12-01 08:28:00,3.39,,United Kingdom
"""
GERMAN = """Bestellnummer;Kundennr;Artikelnr;Datum;Menge;Betrag
1;7;A1;31.12.2024;2;1.234,50 €
2;8;A2;01.02.2024;1;3,20 €
"""
CHINESE = "订单号,用户ID,商品ID,下单时间,数量,金额\n1,u1,p1,2024-01-31 10:00:00,2,30.50元\n"
FRENCH = """Numéro de commande;Code client;Référence;Date de commande;Quantité;Montant
1;7;A1;31/12/2024 09:30;2;1 234,50
"""
SPANISH = """numero_pedido,id_cliente,codigo_producto,fecha_pedido,cantidad,importe
1,7,A1,2024-12-31,2,10.50
"""
SHOPIFY = """Name,Email,Paid at,Currency,Subtotal,Total,Discount Amount,Created at,\
Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Lineitem discount,Billing Name
#1001,ann@web.de,2024-01-02 10:00:01 +0100,EUR,25.00,29.00,0.00,2024-01-02 10:00:00 +0100,2,Mug,\
5.00,MUG1,0.00,Ann Miller
#1001,ann@web.de,,,,,,2024-01-02 10:00:00 +0100,1,Pot,15.00,POT1,0.00,
"""


def draft_of(tmp_path, text: str, encoding: str = "utf-8", **known) -> tuple[str, dict]:
    file = tmp_path / "export.csv"
    file.write_text(text, encoding=encoding)
    draft = draft_source([file], **known)
    return draft, yaml.safe_load(draft)


def passes(tmp_path, draft: str) -> bool:
    file = tmp_path / "draft.yaml"
    file.write_text(draft, encoding="utf-8")
    read_source(str(file))
    source, checks = check_tables(str(file))
    check_readable(str(file), source, checks)
    return True


def test_online_retail_is_pieces_times_price(tmp_path):
    draft, source = draft_of(tmp_path, RETAIL, currency="GBP")
    orders = source["tables"]["orders_raw"]
    assert orders["columns"] == {
        "order_id": "InvoiceNo",
        "customer_id": "CustomerID",
        "product_id": "StockCode",
        "ordered_at": "InvoiceDate",
        "quantity": "Quantity",
        "line_value": {"product": ["Quantity", "UnitPrice"]},
    }
    assert "times" not in orders
    assert "numbers" not in orders
    assert source["tables"]["products_raw"]["one_per"] == "product_id"
    assert passes(tmp_path, draft)


def test_the_real_online_retail_is_drafted_and_passes(tmp_path, shared_data):
    (tmp_path / "online_retail.parquet").symlink_to(shared_data / "online_retail.parquet")
    draft = draft_source([tmp_path], currency="GBP")
    columns = yaml.safe_load(draft)["tables"]["orders_raw"]["columns"]
    assert columns["line_value"] == {"product": ["Quantity", "UnitPrice"]}
    assert passes(tmp_path, draft)


def test_a_currency_that_nothing_tells_is_left_open(tmp_path):
    draft, source = draft_of(tmp_path, RETAIL)
    assert "currency" not in source
    assert re.search("^# currency: TODO", draft, re.MULTILINE)
    with pytest.raises(ParameterError, match="currency"):
        passes(tmp_path, draft)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_german_export_has_its_days_first_and_commas(tmp_path, encoding):
    _, source = draft_of(tmp_path, GERMAN, encoding)
    orders = source["tables"]["orders_raw"]
    assert source["currency"] == "EUR"
    assert orders["times"] == ["dmy"]
    assert orders["columns"] == {
        "order_id": "Bestellnummer",
        "customer_id": "Kundennr",
        "product_id": "Artikelnr",
        "ordered_at": "Datum",
        "quantity": "Menge",
        "line_value": "Betrag",
    }


def test_german_numbers_are_read_with_commas(tmp_path):
    draft, source = draft_of(tmp_path, GERMAN.replace(" €", ""), currency="EUR")
    assert source["tables"]["orders_raw"]["numbers"] == "comma"
    assert passes(tmp_path, draft)


def test_a_chinese_export_is_understood_in_its_own_encoding(tmp_path):
    draft, source = draft_of(tmp_path, CHINESE.replace("元", ""), "gb18030", currency="CNY")
    assert source["tables"]["orders_raw"]["columns"] == {
        "order_id": "订单号",
        "customer_id": "用户ID",
        "product_id": "商品ID",
        "ordered_at": "下单时间",
        "quantity": "数量",
        "line_value": "金额",
    }
    assert passes(tmp_path, draft)
    assert draft_of(tmp_path, CHINESE)[1]["currency"] == "CNY"


@pytest.mark.parametrize("text", [FRENCH, SPANISH], ids=["french", "spanish"])
def test_french_and_spanish_exports_are_understood(tmp_path, text):
    draft, _ = draft_of(tmp_path, text, currency="EUR")
    assert "TODO" not in draft
    assert passes(tmp_path, draft)


def test_shopify_orders_are_lines_and_told_by_the_address(tmp_path):
    draft, source = draft_of(tmp_path, SHOPIFY)
    assert source["tables"]["orders_raw"]["columns"] == {
        "order_id": "Name",
        "customer_id": "Email",
        "product_id": "Lineitem sku",
        "ordered_at": "Created at",
        "quantity": "Lineitem quantity",
        "discount": "Lineitem discount",
        "currency": "Currency",
        "line_value": {"product": ["Lineitem quantity", "Lineitem price"]},
    }
    assert source["currency"] == "EUR"
    assert re.search("customer_id: Email +# UNCERTAIN", draft)
    assert passes(tmp_path, draft)


def test_what_is_required_and_not_found_is_a_todo(tmp_path):
    draft, source = draft_of(tmp_path, "date,amount\n2024-01-31,3.5\n", currency="EUR")
    assert set(source["tables"]["orders_raw"]["columns"]) == {"ordered_at", "line_value"}
    for column in ("order_id", "customer_id", "product_id", "quantity"):
        assert re.search(f"^ +# {column}: TODO", draft, re.MULTILINE)
    with pytest.raises(ParameterError, match="order_id"):
        passes(tmp_path, draft)


def test_every_line_says_why(tmp_path):
    draft, _ = draft_of(tmp_path, RETAIL)
    headings = {"tables:", "columns:", "orders_raw:", "products_raw:"}
    for line in draft.splitlines():
        assert "#" in line or line.strip() in headings


def test_a_folder_gives_several_tables_and_its_people(tmp_path):
    (tmp_path / "orders.csv").write_text(SPANISH)
    people = "customer_id,email,last_name,city\n7,ann@web.de,Miller,unknown\n"
    (tmp_path / "kunden.csv").write_text(people)
    (tmp_path / "stars.csv").write_text("user_id,rating,time\n7,5,1704067200\n")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    draft = draft_source([tmp_path], "my_shop", "EUR")
    source = yaml.safe_load(draft)
    assert source["name"] == "my_shop"
    assert list(source["tables"]) == ["orders_raw", "reviews_raw"]
    assert source["people"]["columns"] == {
        "customer_id": "customer_id",
        "email": "email",
        "last_name": "last_name",
    }
    assert source["tables"]["reviews_raw"]["times"] == ["unix"]
    assert "# other.csv: not used" in draft
    assert "Miller" not in draft


def test_hostile_names_stay_data(tmp_path):
    text = 'order id,"x: {y}\n# z",Yes,customer,product,date,qty,total\n1,2,3,4,5,2024-01-31,1,2\n'
    draft, source = draft_of(tmp_path, text, currency="EUR")
    assert source["tables"]["orders_raw"]["columns"]["order_id"] == "order id"
    assert passes(tmp_path, draft)
    (tmp_path / "a\\b.csv").write_text(RETAIL)
    with pytest.raises(ParameterError, match="plain file name"):
        draft_source([tmp_path / "a\\b.csv"])


def test_nothing_to_read_is_told(tmp_path):
    with pytest.raises(ParameterError, match="found none"):
        draft_source([tmp_path])
    with pytest.raises(ParameterError, match="found none"):
        draft_source([tmp_path / "nothing.csv"])


def test_no_name_stands_for_two_things():
    names = [name for concept in CONCEPTS.values() for name in concept]
    assert len(names) == len(set(names))
    assert all(plain_name(name) == name for name in names)


def test_of_two_columns_the_fuller_counts():
    columns = ["Order Date", "Paid at"]
    assert concepts_of(columns)["time"] == "Order Date"
    assert concepts_of(columns, {"Order Date": 0.4})["time"] == "Paid at"


@pytest.mark.parametrize(
    ("values", "form", "has_doubt"),
    [
        (["2024-01-31", "2024-02-01 10:00"], "iso", False),
        (["20240131"], "ymd", False),
        (["1704067200"], "unix", False),
        (["1704067200000"], "unix_ms", False),
        (["01/31/2024", "02/01/2024 10:00"], "mdy", False),
        (["31/01/2024", "01/02/2024"], "dmy", False),
        (["01.02.2024"], "dmy", False),
        (["01/02/2024"], "dmy", True),
        (["31/01/2024", "01/31/2024"], "dmy", True),
        (["yesterday"], None, False),
        ([None], None, False),
    ],
)
def test_times_are_told_by_their_values(values, form, has_doubt):
    guessed = guess_times(pd.Series(values, dtype="str"))
    assert guessed.form == form
    assert bool(guessed.doubt) is has_doubt


@pytest.mark.parametrize(
    ("values", "form", "has_doubt"),
    [
        (["1.234,50"], "comma", False),
        (["1,234.50", "2"], "point", False),
        (["12,5"], "comma", False),
        (["12"], "point", False),
        (["1.234"], "point", True),
        (["1.5", "1,5"], "point", True),
    ],
)
def test_decimal_signs_are_told_by_their_values(values, form, has_doubt):
    found, doubt = guess_numbers([pd.Series(values, dtype="str")])
    assert found == form or has_doubt
    assert bool(doubt) is has_doubt


def test_currencies_are_told_by_column_sign_or_name():
    amounts = pd.Series(["3.5"], dtype="str")
    assert guess_currency({"amount": amounts}, None) == (None, "")
    assert guess_currency({"amount_usd": amounts}, None)[0] == "USD"
    assert guess_currency({"amount": pd.Series(["£3.5"])}, None)[0] == "GBP"
    codes = pd.Series(["eur", "EUR", "GBP", None])
    assert guess_currency({}, codes)[0] == "EUR"


def test_an_encoding_that_shows_late_is_found_all_the_same(tmp_path):
    row = "1;7;A1;31.12.2024;2;1.234,50\n"
    late = GERMAN.splitlines()[0] + "\n" + row * 45_000 + "2;8;\u00c4;01.02.2024;1;3,20\n"
    assert len(late) > 1 << 20
    assert draft_of(tmp_path, late, "latin-1")[1]["tables"]["orders_raw"]["times"] == ["dmy"]


def test_people_are_no_table_since_tables_are_landed(tmp_path):
    (tmp_path / "orders.csv").write_text(GERMAN, encoding="utf-8")
    people = "Kundennr;E-Mail;Telefon\n7;ann@web.de;030 9018207\n"
    (tmp_path / "kunden.csv").write_text(people)
    draft = draft_source([tmp_path])
    assert "customers_raw" not in yaml.safe_load(draft)["tables"]
    assert yaml.safe_load(draft)["people"]["file"] == "kunden.csv"
    assert "  # country: TODO" in draft
