import re

import pandas as pd
import pytest
import yaml

from src.errors import ParameterError
from src.inspection.check import check_readable, check_tables
from src.inspection.column_names import CONCEPTS, concepts_of, plain_name
from src.inspection.guess import draft_source
from src.inspection.value_forms import guess_currency, guess_numbers, guess_signs, guess_times
from src.sources.config import read_source
from src.sources.text_form import count_title_lines

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


MESSY = """Report of 2024-01-02

Order Ref;Client;E-mail;Item code;Item;Qty;Date of sale;Total incl. VAT
#1;C1;ann@web.de;SKU-1;Mug;2;12/31/2023 10:15;$1,250.50
#2;guest;;SKU-2;Pot;1;01/13/2024 09:00;$3.20
"""


def test_an_export_as_people_save_it_needs_only_its_currency(tmp_path):
    draft, source = draft_of(tmp_path, MESSY)
    assert re.search("# currency: TODO.*which bear \\$", draft)
    orders = source["tables"]["orders_raw"]
    assert orders["file"] == {"path": "export.csv", "skip_lines": 2}
    assert (orders["times"], orders["amount_signs"]) == (["mdy"], ["$"])
    assert orders["columns"] == {
        "order_id": "Order Ref",
        "customer_id": "Client",
        "product_id": "Item code",
        "quantity": "Qty",
        "ordered_at": "Date of sale",
        "line_value": "Total incl. VAT",
    }
    assert source["tables"]["products_raw"]["columns"]["product_name"] == "Item"
    assert source["missing"] == ["guest"]
    draft, _ = draft_of(tmp_path, MESSY, currency="USD")
    assert passes(tmp_path, draft)
    source, checks = check_tables(str(tmp_path / "draft.yaml"))
    check_readable("draft.yaml", source, checks)
    read = checks[0].columns.set_index("raw_column")
    assert read["unreadable_share"].sum() == 0
    assert read.loc["line_value", "examples"] == "1250.5 | 3.2"
    assert read.loc["customer_id", "missing_share"] == 0.5


def test_a_table_of_two_columns_and_one_of_one_have_no_title(tmp_path):
    for text in ("a,b\n1,2\n3,4\n", "a\n1\n2\n", "a,b,c\n1,2\n3,4\n5,6\n"):
        (tmp_path / "t.csv").write_text(text)
        assert count_title_lines(tmp_path / "t.csv") == 0


def test_a_time_of_no_known_name_is_told_by_its_values(tmp_path):
    text = "order id,customer,sku,qty,total,wann\n1,7,a,1,2.5,31.12.2023\n2,8,b,1,3.5,01.02.2024\n"
    draft, source = draft_of(tmp_path, text, currency="EUR")
    assert source["tables"]["orders_raw"]["columns"]["ordered_at"] == "wann"
    assert re.search("ordered_at: wann +# UNCERTAIN: by its values", draft)
    assert source["tables"]["orders_raw"]["times"] == ["dmy"]
    two = text.replace("sku", "seit").replace(",a,", ",2020-01-01,").replace(",b,", ",2020-01-02,")
    draft, source = draft_of(tmp_path, two, currency="EUR")  # which of the two nobody can tell
    assert "ordered_at" not in source["tables"]["orders_raw"]["columns"]
    assert re.search("# ordered_at: TODO", draft)


def test_of_several_files_with_orders_the_most_telling_is_taken(tmp_path):
    (tmp_path / "deliveries.csv").write_text("order id,date\n1,2024-01-31\n")
    (tmp_path / "orders.csv").write_text(SPANISH)
    source = yaml.safe_load(draft_source([tmp_path], currency="EUR"))
    assert source["tables"]["orders_raw"]["file"] == "orders.csv"


@pytest.mark.parametrize(
    ("name", "concept"),
    [
        ("Total incl. VAT", "line_value"),
        ("Amount (EUR)", "line_value"),
        ("Betrag in EUR", "line_value"),
        ("Gesamtpreis inkl. MwSt.", "line_value"),
        ("Prix unitaire TTC", "unit_price"),
        ("Date of the sale", "time"),
        ("OrderDate", "time"),
        ("sold_at", "time"),
        ("ID of customer", "customer_id"),
        ("Tax", None),
        ("VAT amount due on receipt of goods", None),
        ("EUR", None),
    ],
)
def test_words_set_aside_and_their_order_hide_no_column(name, concept):
    assert concepts_of([name]) == ({concept: name} if concept else {})


def test_signs_that_are_no_currency_are_not_taken(tmp_path):
    assert guess_signs([pd.Series(["5 kg", "6 kg", "x5", "#5", "5%"], dtype="str")]) == []
    mixed = pd.Series(["€5"] * 60 + ["£5"] * 40, dtype="str")
    assert guess_signs([mixed]) == ["€", "£"]
    text = GERMAN.replace("3,20 €", "3,20 £")
    draft, source = draft_of(tmp_path, text)
    assert source["tables"]["orders_raw"]["amount_signs"] == ["€"]
    assert "UNCERTAIN: rows with £ are refused" in draft
