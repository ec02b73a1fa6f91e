"""No key, no dedupe: equal rows of a table without an id are different people."""

from src.data import clean
from src.data.ingest import read_raw_tables
from src.data.rules import build_rules
from src.engine import connect

ATTRIBUTES = {
    "income_band": "history_segment",
    "age_band": "recency",
    "home_ownership": "zip_code",
    "household_size": "history",
    "marital_status": "newbie",
    "household_composition": "channel",
    "kids_band": "segment",
}


def test_the_equal_rows_of_hillstrom_are_all_kept(shared_data, tmp_path, landed_shop, fields):
    people = {"file": "hillstrom.csv.gz", "columns": ATTRIBUTES | {"customer_id": {"row": True}}}
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "hillstrom.csv.gz").symlink_to(shared_data / "hillstrom.csv.gz")
    fields["tables"]["customers_raw"] = people
    raw = read_raw_tables(connect(), *landed_shop(fields), b"k" * 32)
    rules = build_rules("2000-01-01", "2024-12-31")
    trusted = clean.trusted_rows(clean.judge_tables(raw, rules)["customers_raw"])
    kept = trusted.to_pandas()
    assert len(kept) == 64_000
    assert kept["customer_id"].nunique() == 64_000
    # the file has 6,562 rows that repeat an earlier one in all twelve columns; in these seven
    # there are at least as many
    assert kept.duplicated(list(ATTRIBUTES)).sum() >= 6_562
