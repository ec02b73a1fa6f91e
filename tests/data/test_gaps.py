import datetime as dt

import ibis
import pandas as pd
import pyarrow as pa
import pytest

from src.data import gaps, plots


def _day(month, day):
    return dt.datetime(2024, month, day, tzinfo=dt.UTC)


PRODUCT_TEXTS = (
    *("department", "category", "product_type", "brand", "manufacturer_id", "package_size"),
    *("product_name", "product_url", "image_url"),
)
CUSTOMER_TEXTS = (
    *("age_band", "income_band", "home_ownership", "marital_status", "household_size"),
    *("household_composition", "kids_band", "country", "region", "city"),
)


@pytest.fixture
def tables():
    """Three order lines in January, one in February; q and b are hardly known."""
    nothing = {name: pa.nulls(2, pa.string()) for name in PRODUCT_TEXTS + CUSTOMER_TEXTS}
    columns = {
        "orders": {
            "customer_id": ["a", "a", "b", "b"],
            "product_id": ["p", "p", "q", "p"],
            "store_id": ["s", None, "s", "s"],
            "ordered_at": [_day(1, 1), _day(1, 31), _day(1, 31), _day(2, 1)],
        },
        "products": {
            "product_id": ["p", "q"],
            **{name: pa.nulls(2, pa.float64()) for name in ("list_value", "unit_cost_value")},
            **{name: nothing[name] for name in PRODUCT_TEXTS},
            "category": ["TEA", None],
        },
        "customers": {
            "customer_id": ["a", "b"],
            **{name: nothing[name] for name in CUSTOMER_TEXTS},
            "age_band": ["25-34", None],
        },
        "events": {
            "event_at": [_day(2, 2), _day(2, 3)],
            "product_id": ["p", None],
            **{name: pa.nulls(2, pa.string()) for name in ("campaign_id", "session_id")},
        },
        "reviews": {
            "reviewed_at": pa.array([], pa.timestamp("us", "UTC")),
            "product_id": pa.array([], pa.string()),
            "rating": pa.array([], pa.float64()),
        },
    }
    return {name: ibis.memtable(pa.table(rows)) for name, rows in columns.items()}


def test_shares_are_of_the_rows_of_each_month(tables):
    missing = gaps.missing_by_month(tables)
    months = missing["month"].dt.strftime("%m")
    shares = missing.assign(month=months).set_index(["table", "column", "month"])["missing_share"]
    assert shares["orders", "store_id", "01"] == pytest.approx(1 / 3)
    assert shares["orders", "store_id", "02"] == 0
    # weighed by order lines: one of three in January is of q, and of b; in February all of b
    assert shares["products", "category", "01"] == pytest.approx(1 / 3)
    assert shares["products", "category", "02"] == 0
    assert shares["customers", "age_band", "01"] == pytest.approx(1 / 3)
    assert shares["customers", "age_band", "02"] == 1
    assert shares["events", "product_id", "02"] == 0.5
    assert "reviews" not in missing["table"].tolist()


def test_columns_without_any_value_are_named_apart(tables):
    told = gaps.describe_never_filled(gaps.missing_by_month(tables)).splitlines()
    assert "- `events`: `campaign_id`, `session_id`" in told
    assert not [line for line in told if "`age_band`" in line or "`category`" in line]


def test_the_map_has_a_row_per_column_and_names_the_least_known(tables):
    axes = plots.plot_missing_map(gaps.missing_by_month(tables))
    # age_band: one of three lines in January, the one in February: 2 of 4; product_id 1 of 2
    assert axes.get_title("left") == "age_band of customers is known least: 50 % is missing"
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [
        "customers: age_band",
        "events: product_id",
        "orders: store_id",
        "products: category",
    ]
    assert [text.get_text() for text in axes.texts] == [" 50.0 %", " 50.0 %", " 25.0 %", " 25.0 %"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Jan\n2024", "Feb"]


def test_a_map_of_nothing_says_so(tables):
    missing = gaps.missing_by_month(tables).assign(missing_share=1.0)
    axes = plots.plot_missing_map(missing)
    assert axes.get_title("left") == "No column that may be empty has a value"


def test_a_map_without_a_gap_says_so(tables):
    missing = gaps.missing_by_month(tables).assign(missing_share=0.0)
    axes = plots.plot_missing_map(missing)
    assert axes.get_title("left") == "Whatever is filled at all is filled in every row"


def judged(raw_rows, stores, rules):
    rows = raw_rows(
        "orders_raw",
        *({"store_id": store, "product_id": "p", "ordered_at": _day(3, 1)} for store in stores),
    )
    names = ibis.memtable(
        pd.DataFrame({"n": range(len(rules)), "broken": rules}),
        schema={"n": "int64", "broken": "string"},
    )
    joined = rows.left_join(names, rows["source_row"] == names["n"])
    n_refused = sum(rule is not None for rule in rules)
    steps = {"raw_table": ["orders_raw"], "n_before": [len(rules)], "n_rejected": [n_refused]}
    return {"orders_raw": joined.drop("n").rename(rule="broken")}, pd.DataFrame(steps)


def test_a_store_with_more_refusals_than_its_share_is_an_offender(raw_rows):
    stores = ["bad"] * 10 + ["good"] * 90
    rules = ["missing_id"] * 10 + [None] * 80 + ["missing_id"] * 10
    found = gaps.find_offenders(*judged(raw_rows, stores, rules))
    # 20 of 100 rows are refused: bad should lose 2 of 10 and loses all; good loses less than 18
    assert found.drop(columns="raw_table").values.tolist() == [["store_id", "bad", 10, 10, 2.0]]
    axes = plots.plot_offenders(found)
    title = "store_id bad gives 10 refused rows where 2 would be usual"
    assert axes.get_title("left") == title


def test_what_chance_explains_is_no_offender(raw_rows):
    # 4 of 10 where 3 of 10 would be usual
    stores = ["a"] * 10 + ["b"] * 10
    rules = ["missing_id"] * 4 + [None] * 6 + ["missing_id"] * 2 + [None] * 8
    found = gaps.find_offenders(*judged(raw_rows, stores, rules))
    assert found.empty
    assert "No place stands out" in plots.plot_offenders(found).get_title("left")


def test_a_large_store_that_is_little_worse_than_usual_is_no_offender(raw_rows):
    # 900 of 2000 where 850 would be usual: clear, but not half as many again
    rules = [None] * 1100 + ["missing_id"] * 900 + ["missing_id"] * 800 + [None] * 1200
    tables, steps = judged(raw_rows, ["large"] * 2000 + [None] * 2000, rules)
    assert gaps.find_offenders(tables, steps).empty


def test_of_what_cannot_be_read_only_the_form_is_told(raw_rows):
    notes = ["paid=ann@web.de; at=soon", "paid=bea@web.de; at=soon", "_ragged=5 fields; paid=ann"]
    notes += ["größe=Ünal 12"]
    rows = raw_rows("orders_raw", *({"unreadable": note} for note in [*notes, *[None] * 196]))
    refused = rows.mutate(
        rule=ibis.ifelse(rows["unreadable"].notnull(), "unreadable_value", ibis.null("string"))
    )
    steps = pd.DataFrame({"raw_table": ["orders_raw"], "n_before": [200], "n_rejected": [4]})
    found = gaps.find_offenders({"orders_raw": refused}, steps)
    assert found[["by", "value", "n_rejected"]].values.tolist() == [
        ["form", "paid=aaa@aaa.aa; aa=aaaa", 2],
        ["form", "_ragged=5 fields", 1],
        ["form", "größe=aaaa 99", 1],
    ]


def test_nothing_refused_means_no_offender(raw_rows):
    assert gaps.find_offenders(*judged(raw_rows, ["a"], [None])).empty
