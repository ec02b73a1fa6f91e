"""The path of docs/your_data.md, on a shop of 240 accounts in three files."""

import datetime as dt
import json
import re
import zipfile

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner
import yaml

from src.cli import app
from src.keys import keys_path
from src.pipeline import run
from src.stage import results_path

pytestmark = [
    pytest.mark.notebook,
    pytest.mark.xdist_group("own runs"),
    pytest.mark.timeout(900),
]

N_ACCOUNTS = 240
START, END = dt.datetime(2023, 1, 5, 12), dt.datetime(2024, 6, 28, 23)
PRICES = {f"T{n:02d}": 400 + 150 * n for n in range(12)}  # cents
NAMES = "Assam Kamille Rooibos Sencha Oolong Minze Matcha Ceylon Malve Hibiskus Salbei Anis".split()
PHONES = "01715500"  # how all begin; six digits alone are in some time of day sooner or later
TELLING = ("KD7100", "KD7123", "Zwickenpflug", "Wilburga", "Thaddaeus", "@tee-kunde.de", PHONES)
QUICK = [
    "04a_segment.n_resamples=2",
    "04a_segment.max_segments=4",
    "04b_purchase.n_resamples=50",
    "04b_purchase.n_trees=10",
    "04b_purchase.max_auc=1.0",  # these customers come like clockwork
    "04c_value.max_holdouts=1",
]


def line(order, customer, product, at, quantity):
    cells = [order, customer, product, f"{at:%d.%m.%Y %H:%M}", str(quantity)]
    amounts = (f"{cents / 100:.2f}".replace(".", ",") for cents in (PRICES[product],))
    total = f"{PRICES[product] * quantity / 100:.2f}".replace(".", ",")
    return ";".join([*cells, *amounts, total])


def sound_lines():
    """Two lines for every order: account i orders every 21 + i % 40 days."""
    found = []
    for i in range(N_ACCOUNTS):
        at, k = START + dt.timedelta(days=i % 30), 0
        while at <= END:
            for product in (f"T{(i + k) % 12:02d}", f"T{(i + 2 * k + 5) % 12:02d}"):
                found.append((f"B{i:03d}{k:03d}", f"KD71{i:03d}", product, at, 1 + (i + k) % 3))
            at, k = at + dt.timedelta(days=21 + i % 40), k + 1
    return found


def write_orders(folder):
    first = sound_lines()[0]
    faulty = [
        *[(f"X{n}", "", "T01", START, 1) for n in range(6)],  # nobody's
        ("X6", "KD71001", "T01", dt.datetime(2099, 1, 1), 1),  # in the future
        *[(f"R{n}", first[1], first[2], first[3] + dt.timedelta(days=3), -1) for n in range(2)],
    ]
    head = "Bestellnummer;Kundennummer;Artikelnummer;Bestelldatum;Menge;Einzelpreis €;Gesamtpreis"
    rows = [head, *(line(*values) for values in (*sound_lines(), *faulty))]
    (folder / "orders.csv").write_text("\n".join(rows) + "\n", encoding="cp1252")


def write_customers(folder):
    rows = ["Kundennummer;Vorname;Nachname;E-Mail;Telefon;Newsletter"]
    for i in range(N_ACCOUNTS):
        box = min(i, N_ACCOUNTS - 2)  # the last two accounts are of one person
        name = ("Wilburga", "Thaddaeus")[box % 2]
        agreed = "nein" if i % 10 == 0 else "ja"
        rows.append(
            f"KD71{i:03d};{name};Zwickenpflug;box{box}@tee-kunde.de;{PHONES}{box:03d};{agreed}"
        )
    (folder / "customers.csv").write_text("\n".join(rows) + "\n", encoding="cp1252")


def write_products(folder):
    def text(value):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'

    header = "".join(text(name) for name in ("Artikelnummer", "Artikelbezeichnung", "Listenpreis"))
    rows = [f"<row>{header}</row>"] + [
        f"<row>{text(number)}{text(name)}<c><v>{cents / 100}</v></c></row>"
        for name, (number, cents) in zip(NAMES, PRICES.items(), strict=True)
    ]
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    sheets = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r0" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{sheets}" xmlns:r="{office}"><sheets>'
        '<sheet name="Artikel" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/s1.xml"/>'
        "</Relationships>",
        "xl/worksheets/s1.xml": f'<worksheet xmlns="{sheets}"><sheetData>{"".join(rows)}'
        "</sheetData></worksheet>",
    }
    with zipfile.ZipFile(folder / "products.xlsx", "w") as archive:
        for name, xml in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{xml}')


def told(*words):
    result = CliRunner().invoke(app, ["source", *map(str, words)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Guess, the two edits that docs/your_data.md asks for, check, draft."""
    root = tmp_path_factory.mktemp("newcomer")
    files, source = root / "tea", root / "sources" / "tea.yaml"
    files.mkdir()
    for write in (write_orders, write_customers, write_products):
        write(files)
    told("guess", files, "--output", source)
    text = source.read_text()
    for line_of, edited in (
        (r"  # country: TODO.*", "  country: DE"),
        (r"time_zone: UTC .*", "time_zone: Europe/Berlin"),
    ):
        text, n_edits = re.subn(line_of, edited, text)
        assert n_edits == 1
    source.write_text(text)
    checked = told("check", source)
    told("draft", source, "--output", root / "params" / "tea.yaml", "--raw-dir", root / "raw")
    return root, checked


@pytest.fixture(scope="module")
def newcomer_run(shop, keys, mlflow_store):
    root, _ = shop
    return run(str(root / "params" / "tea.yaml"), str(root / "runs" / "tea"), QUICK)


@pytest.fixture(scope="module")
def results(newcomer_run):
    return lambda stage: json.loads(results_path(newcomer_run, stage).read_text())


def test_the_checked_source_is_usable_and_shows_nobody(shop):
    _, checked = shop
    assert "usable" in checked
    assert not [part for part in TELLING if part in checked]


def test_the_draft_leaves_an_outcome_window_and_names_the_last_sound_day(shop):
    root, _ = shop
    params = yaml.safe_load((root / "params" / "tea.yaml").read_text())
    last = max(at for _, _, _, at, _ in sound_lines()).date()
    assert params["run"]["as_of_date"] == str(last - dt.timedelta(days=56))
    assert params["02_clean"]["last_plausible_date"] == str(last)  # not 2099
    assert params["06_campaign"]["currency"] == "EUR"


def test_a_draft_does_not_replace_what_is_there(shop):
    root, _ = shop
    words = ["source", "draft", str(root / "sources/tea.yaml")]
    result = CliRunner().invoke(app, [*words, "--output", str(root / "params/tea.yaml")])
    assert result.exit_code == 1
    assert "Expected no file at tea.yaml yet" in str(result.exception)


def test_every_row_is_counted(results):
    n_sound = len(sound_lines())
    taken, cleaned = results("01_ingest"), results("02_clean")
    assert taken["n_order_lines"] == n_sound + 9
    assert taken["n_merged_accounts"] == 1
    assert taken["n_customers"] == N_ACCOUNTS - 1
    assert cleaned["n_order_lines"] == n_sound
    assert cleaned["n_rejected"] == 7
    assert cleaned["n_rejected_missing_id"] == 6
    assert cleaned["n_rejected_impossible_date"] == 1
    assert (cleaned["n_refunds"], cleaned["n_unmatched_refunds"]) == (2, 1)  # one was bought
    assert cleaned["n_products"] == len(PRICES)


def test_only_who_agreed_is_written_to(results, newcomer_run):
    decided, sent = results("05_decide"), results("07_send")
    assert decided["n_eligible"] == N_ACCOUNTS - 1 - 24  # every tenth said no
    files = list((newcomer_run / "outbox" / "maildir" / "new").iterdir())
    assert sent["n_sent"] == len(files) == decided["n_treated"] > 50
    boxes = [int(re.search(rb"^To:.*box(\d+)@", f.read_bytes(), re.M)[1]) for f in files]
    assert len(set(boxes)) == len(boxes)
    assert not [box for box in boxes if box % 10 == 0]


def test_messages_name_products_and_the_shops_currency(results, newcomer_run):
    assert results("06_campaign")["n_warnings"] == 0
    messages = pq.read_table(newcomer_run / "tables/06_campaign/messages").to_pandas()
    assert messages["text"].str.contains("|".join(NAMES)).all()
    assert messages.loc[messages["action"] == "amount_off", "text"].str.contains("€").all()
    assert not messages["text"].str.contains(r"\$").any()


def test_the_answer_waits_for_more_data(results):
    measured = results("08_measure")
    assert measured["n_days"] == 56
    assert measured["mode"] == "dry_run"
    assert measured["lower"] < measured["incremental_profit"] < measured["upper"]


def test_no_person_is_found_in_the_run_but_in_the_messages(newcomer_run):
    maildir = newcomer_run / "outbox" / "maildir"
    found = {
        file.relative_to(newcomer_run): part
        for file in sorted(newcomer_run.rglob("*"))
        if file.is_file() and not file.is_relative_to(maildir)
        for part in TELLING
        if part.encode() in readable(file)
    }
    assert found == {}
    assert (newcomer_run / "ledger" / "ledger.db").is_file()  # it was looked into as well
    assert any(b"@tee-kunde.de" in file.read_bytes() for file in maildir.rglob("*.*"))


def readable(file):
    if file.suffix != ".parquet":
        return file.read_bytes()
    return str(pq.ParquetFile(file).read().to_pydict()).encode()


def test_people_are_not_landed_and_the_rest_is_the_owners_alone(shop):
    root, _ = shop
    landed = [file for file in (root / "raw").rglob("*") if file.is_file()]
    assert any(b"KD7100" in readable(file) for file in landed)  # the shop's ids are there
    assert not [file for file in landed if b"Zwickenpflug" in readable(file)]
    assert {file.stat().st_mode & 0o777 for file in landed} == {0o600}
    assert keys_path().joinpath("tea.key").stat().st_mode & 0o777 == 0o600
