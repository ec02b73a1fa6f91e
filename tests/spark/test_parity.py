"""The same rows on DuckDB and on a Spark cluster: every rule, every column, every tag.

Floats may differ by a billionth of their size, since sums of floats depend on their order;
all else is equal, the numbers inside the JSON of `rejected` included.
"""

import datetime as dt
import itertools

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.data import clean, gaps, quality, refunds
from src.data.examples import show_refused
from src.data.order_lines import read_order_lines
from src.data.outliers import limit_refunds
from src.data.rules import build_rules
from src.data.tables import TABLES
from src.engine import read_parquet
from src.features import (
    build_interests,
    build_profiles,
    build_tags,
    coverage,
    profiles_contract,
    read_tag_rules,
    summary,
)
from src.features.families import BUILT_IN, CORE
from src.features.relations import empty_table
from src.sources.raw_columns import RAW_TABLES, column_kind
from tests.data.test_rules import BAD_ROWS, GOOD_ROWS, SOUND
from tests.features.busy_shop import AS_OF, busy_shop, whole
from tests.spark.frames import assert_same

pytestmark = [
    pytest.mark.xdist_group("run"),
    pytest.mark.timeout(1200),
]  # one cluster and one smoke run for all
ARROW = {
    "time": pa.timestamp("us", tz="UTC"),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "text": pa.string(),
}
DAY = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
OFF_BY_DEFAULT = ["orders_raw.free_line", "orders_raw.duplicate_row"]
TESTER = "tester"  # a test account of the shop


def raw_rows() -> dict[str, list[dict]]:
    """Every sound, odd and bad row of the tests of the rules, and repeats of the sound ones."""
    rows = {name: [SOUND.get(name, {})] * 2 for name in RAW_TABLES}
    for name, change, *_ in (*BAD_ROWS, *GOOD_ROWS):
        rows[name].append(SOUND[name] | change)
    line = SOUND["orders_raw"]
    for number, (quantity, value) in enumerate(
        itertools.product((1.0, 3.0, 999.0, -1.0, 0.5), (0.0, 1.005, 2.675, 1e7, 1e-5))
    ):
        rows["orders_raw"].append(
            line
            | {"order_id": f"w{number // 2}", "quantity": quantity, "line_value": value}
            | {"ordered_at": DAY + dt.timedelta(hours=number), "discount": 0.1 * number}
        )
    rows["orders_raw"].append(line | {"order_id": "yen", "currency": "JPY"})  # no rate is known
    rows["orders_raw"] += [line | {"order_id": "twice", "line_id": "1"}] * 2
    seen = {"customer_id": "bot", "event_at": DAY, "event_type": "view"}
    rows["events_raw"] += [
        SOUND["events_raw"] | seen | {"event_at": DAY + dt.timedelta(milliseconds=300 * number)}
        for number in range(200)
    ]
    texts = ('a"b\\c', "tab\tcr\rnl\n", "é 漢 🛒", " blank ", "$1 \\1 'q'", "\u00a0nbsp\u2003")
    rows["products_raw"] += [
        SOUND["products_raw"] | {"product_id": f"t{i}", "department": text}
        for i, text in enumerate(texts)
    ] + [{"product_id": None, "department": text} for text in texts]
    for name in ("orders_raw", "customers_raw", "events_raw", "reviews_raw", "exposures_raw"):
        rows[name].append(SOUND[name] | {"customer_id": TESTER})
    return rows


@pytest.fixture(scope="module")
def raw_folder(tmp_path_factory):
    """The raw rows as Parquet files, as 01_ingest writes them."""
    folder = tmp_path_factory.mktemp("raw")
    for name, rows in raw_rows().items():
        columns = TABLES[name].column_names[1:]
        schema = pa.schema(
            [("source_row", pa.int64()), *((c, ARROW[column_kind(c)]) for c in columns)]
        )
        numbered = [{"source_row": number, **row} for number, row in enumerate(rows)]
        (folder / name).mkdir()
        pq.write_table(pa.Table.from_pylist(numbered, schema=schema), folder / name / "a.parquet")
    (folder / "test_accounts").mkdir()
    pq.write_table(pa.table({"customer_id": [TESTER]}), folder / "test_accounts" / "a.parquet")
    return folder


def rules_of(engine, folder, raw, rules_on=()):
    tests = read_parquet(engine, folder / "test_accounts")
    return build_rules(
        "2000-01-01", "2024-12-31", rules_on, test_accounts=tests, rates=raw["rates_raw"]
    )


def cleaned(engine, folder) -> dict[str, pd.DataFrame]:
    """What 02_clean makes of the raw rows, as its notebook does it."""
    raw = {name: read_parquet(engine, folder / name) for name in RAW_TABLES}
    rules = rules_of(engine, folder, raw)
    judged = clean.judge_tables(raw, rules)
    rejected = clean.collect_rejected(judged, rules).cache()
    steps = clean.count_steps(raw, rejected, rules)
    trusted = {name: clean.trusted_rows(table) for name, table in judged.items()}
    read = read_order_lines(trusted["orders_raw"], trusted["rates_raw"])
    lines, returns = refunds.split_refunds(read)
    orders = clean.clean_orders(lines, 100, "winsorise").cache()
    returned = limit_refunds(
        refunds.match_refunds(returns, lines).cache(), lines, 100, "winsorise"
    ).cache()
    events = clean.clean_events(trusted["events_raw"], 60).cache()
    reviews = clean.clean_reviews(trusted["reviews_raw"])
    exposures = clean.clean_exposures(trusted["exposures_raw"])
    facts = {"orders": orders, "refunds": returned, "events": events, "reviews": reviews}
    products = clean.clean_products(trusted["products_raw"], list(facts.values())).cache()
    facts = facts | {"exposures": exposures}
    customers = clean.clean_customers(trusted["customers_raw"], list(facts.values())).cache()
    tables = facts | {"products": products, "customers": customers, "rejected": rejected}
    frames = {name: table.to_pandas() for name, table in tables.items()}
    return frames | {
        "steps": steps,
        "weeks": quality.count_by_week(facts),
        "gaps": gaps.missing_by_month(tables),
        "faults": quality.find_faults(judged, tables, steps),
        "offenders": gaps.find_offenders(judged, steps),
        "shown": show_refused(rejected),
    }


def test_every_clean_table_and_report_is_the_same(engines, raw_folder):
    ours, theirs = (cleaned(engine, raw_folder) for engine in engines)
    for name, frame in ours.items():
        assert_same(name, frame, theirs[name])


def test_every_rule_of_every_table_refuses_the_same(engines, raw_folder):
    refused = []
    for engine in engines:
        raw = {name: read_parquet(engine, raw_folder / name) for name in RAW_TABLES}
        rules = rules_of(engine, raw_folder, raw, OFF_BY_DEFAULT)
        judged = clean.judge_tables(raw, rules)
        refused.append(clean.collect_rejected(judged, rules).to_pandas())
    assert_same("rejected", *refused)
    told = set(zip(refused[0]["source_table"], refused[0]["rule"], strict=True))
    known = {(table, rule.name) for table, chosen in rules.items() for rule in chosen}
    assert known - told == set(), "agreed on nothing"


TAG_INPUTS = ("orders", "products", "customers", "events", "exposures")


def described(engine, tables_of_02) -> dict[str, pd.DataFrame]:
    """What 03_tag makes of the clean tables, as its notebook does it."""
    tables = {name: read_parquet(engine, tables_of_02 / name) for name in TAG_INPUTS}
    empty = coverage.find_empty(tables, AS_OF)
    features = coverage.drop_silent(BUILT_IN, empty)
    profiles = build_profiles(*tables.values(), AS_OF, features=features).cache()
    interests = build_interests(tables["orders"], tables["products"], AS_OF).cache()
    rules = read_tag_rules("params/tags.yaml")
    tags = build_tags(profiles, rules, AS_OF).tags.cache()
    frames = {"profiles": profiles, "interests": interests, "tags": tags}
    return {name: table.to_pandas() for name, table in frames.items()} | {
        "base": summary.summarise_base(profiles).reset_index(),
        "coverage": coverage.build_coverage(profiles, features, BUILT_IN, empty),
        "coverage of features": coverage.cover_features(profiles, features),
        "grid": summary.count_rfm_grid(profiles),
        "curve": summary.estimate_concentration(profiles),
        "lifecycle": summary.count_lifecycle(profiles),
        "departments": summary.summarise_departments(interests, 300),
        "counts": summary.count_tags(tags, rules, 300),
    }


def test_every_feature_tag_and_summary_is_the_same(engines, smoke_run):
    folder = smoke_run / "tables" / "02_clean"
    ours, theirs = (described(engine, folder) for engine in engines)
    assert set(ours["profiles"].columns) >= set(profiles_contract(CORE).column_names)
    assert ours["tags"]["tag"].nunique() > 5
    for name, frame in ours.items():
        assert_same(name, frame, theirs[name])


def test_every_feature_of_the_catalogue_is_the_same(engines, tmp_path):
    for name, rows in busy_shop(100, 8_000).items():
        (tmp_path / name).mkdir()
        table = whole(rows, empty_table(name).schema().to_pyarrow())
        pq.write_table(table, tmp_path / name / "a.parquet", coerce_timestamps="us")
    frames = []
    for engine in engines:
        tables = {path.name: read_parquet(engine, path) for path in tmp_path.iterdir()}
        given = [tables.pop(name) for name in TAG_INPUTS]
        found = build_profiles(*given, AS_OF, features=BUILT_IN, others=tables)
        frames.append(found.to_pandas())
    assert_same("profiles", *frames)
    said = (frames[0].notna() & (frames[0] != 0)).any()
    assert [name for name in BUILT_IN.names if not said[name]] == [], "agreed on nothing"
