import datetime as dt

import pandas as pd
import pytest
import yaml

from src.errors import SchemaError
from src.inspection.first_run import (
    draft_campaign,
    draft_params,
    find_first_run,
    last_plausible_day,
)

DAY = dt.date(2024, 1, 1)


def days_of(counts):
    return pd.Series(counts.values(), index=[DAY + dt.timedelta(days=n) for n in counts])


@pytest.fixture
def shop(tmp_path, fields):
    """Orders of one line each, as (day, buyer, paid); gives what was found and the two drafts."""

    def make(lines, **changes):
        folder = tmp_path / "files"
        folder.mkdir(exist_ok=True)
        rows = [
            f"o{n},{buyer},7,{DAY + dt.timedelta(days=day)} 10:00,1,{paid}"
            for n, (day, buyer, paid) in enumerate(lines)
        ]
        text = "\n".join(["order,buyer,sku,at,pieces,paid", *rows])
        (folder / "sales.csv").write_text(text + "\n")
        orders = fields["tables"]["orders_raw"]
        columns = {name: c for name, c in orders["columns"].items() if name != "discount"}
        tables = {"orders_raw": {"file": "sales.csv", "columns": columns}}
        written = fields | {"folder": str(folder), "tables": tables} | changes
        path = tmp_path / "small_shop.yaml"
        path.write_text(yaml.safe_dump(written))
        source, found = find_first_run(str(path), tmp_path / "raw")
        params = yaml.safe_load(draft_params(str(path), source, found, "c.yaml", "data/raw"))
        return found, params, yaml.safe_load(draft_campaign(source, found))

    return make


@pytest.mark.parametrize(
    ("counts", "last"),
    [
        ({0: 999, 9: 1}, 9),
        ({0: 1000, 30: 1, 400: 1}, 30),  # at most 31 days after all but one in a thousand
        ({0: 500, 400: 2}, 400),  # four in a thousand are no strays
        ({5: 1}, 5),
    ],
    ids=["the last", "a stray", "too many for strays", "a single row"],
)
def test_the_last_plausible_day_passes_over_strays(counts, last):
    assert last_plausible_day(days_of(counts)) == DAY + dt.timedelta(days=last)


def test_a_long_history_keeps_an_outcome_window(shop):
    found, params, _ = shop([(0, "a", 5), (168, "b", 7)])
    assert found.last_day == dt.date(2024, 6, 17)
    assert params["run"]["as_of_date"] == "2024-04-22"  # 56 days before
    assert params["02_clean"] == {"last_plausible_date": "2024-06-17"}
    assert "consent_date" not in params["01_ingest"]


def test_a_short_history_is_used_to_its_end(shop):
    found, params, _ = shop([(0, "a", 5), (167, "b", 7)])
    assert not found.is_rehearsal
    assert params["run"]["as_of_date"] == str(found.last_day)


def test_a_share_of_refused_rows_above_the_bound_is_allowed_with_its_rule(shop):
    lines = [(n, "" if n < 3 else "a", 5) for n in range(10)]
    found, params, _ = shop(lines)
    assert (found.refused_share, found.refused_table) == (pytest.approx(0.3), "orders_raw")
    assert found.refused_rule == "missing_id"
    assert params["02_clean"]["max_rejected_share"] == 0.35  # 0.30, some room, in steps of 0.05


def test_lines_that_cost_nothing_are_left_to_the_reader(shop):
    found, params, _ = shop([(0, "a", 0), (1, "a", 5)])
    assert found.n_free_lines == 1
    assert "rules_on" not in params["02_clean"]


def test_invented_people_agree_before_the_first_order(shop):
    _, params, _ = shop([(0, "a", 5)], people="invented")
    assert params["01_ingest"]["consent_date"] == "2023-12-31"


def test_offers_are_sized_by_the_median_order(shop):
    _, _, campaign = shop([(0, "a", 20), (1, "b", 64), (2, "c", 900)])
    offer = campaign["actions"]["amount_off"]
    assert (offer["minimum_basket_value"], offer["discount_value"]) == (50, 5)
    assert campaign["actions"]["ten_percent"]["discount_ceiling_value"] == 10


def test_orders_without_a_plausible_date_are_refused(shop):
    with pytest.raises(SchemaError, match="orders with a time since 2000-01-01"):
        shop([(-20_000, "a", 5)])
