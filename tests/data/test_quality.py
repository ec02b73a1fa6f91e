import datetime as dt

import ibis
from matplotlib.colors import to_hex
import pandas as pd
import pyarrow as pa
import pytest

from src.data import plots, quality
from src.figure import ACCENT, BAD, MUTED


def _day(year, month, day):
    return dt.datetime(year, month, day, tzinfo=dt.UTC)


TABLES = {
    "orders": {
        "order_id": ["o1", "o1", "o2", "o3", "o3"],
        "customer_id": ["a", "a", "b", "a", "b"],
        "product_id": ["p", "q", "p", "r", "r"],
        # 2024-01-04 is a Thursday; weeks begin on Monday: 01-01, 01-08, 01-15
        "ordered_at": [_day(2024, 1, day) for day in (4, 4, 9, 21, 21)],
        "quantity": [1, 1, 500, 1, 1],
        "line_value_minor": [100, 0, 300, 400, 500],
        "is_outlier": [False, False, True, False, False],
    },
    "events": {"event_at": [_day(2024, 1, 10), _day(2023, 1, 1)], "is_bot": [True, False]},
    "refunds": {"match": ["none", "inferred", "named"]},
    "exposures": {
        "exposed_at": [_day(2024, 1, 15), _day(2024, 1, 16)],
        "is_randomised": [True, False],
    },
    "products": {
        "product_id": ["p", "q", "r", "s"],
        "category": ["TEA", None, None, None],
        "department": ["D", "D", None, "D"],
    },
    "customers": {"customer_id": ["a", "b"], "age_band": [None, "45-54"]},
}


@pytest.fixture
def tables():
    return {name: ibis.memtable(pa.table(columns)) for name, columns in TABLES.items()}


def test_weeks_are_counted_from_the_first_order_to_the_last(tables):
    weeks = quality.count_by_week(tables)
    assert weeks["week_at"].dt.strftime("%m-%d").tolist() == ["01-01", "01-08", "01-15"]
    assert weeks["n_orders"].tolist() == [2, 1, 2]
    assert weeks["n_customers"].tolist() == [1, 1, 2]
    assert weeks["n_events"].tolist() == [0, 1, 0]
    assert weeks["n_exposures"].tolist() == [0, 0, 2]


def test_weeks_that_the_data_enters_in_the_middle_are_not_whole(tables):
    # first order on a Thursday, last one on a Sunday
    assert quality.count_by_week(tables)["is_whole"].tolist() == [False, True, True]


JUDGED = [
    ("o1", None, None),  # equal to the next two, and without a number
    ("o1", None, None),
    ("o1", None, None),
    ("o1", None, "zero_quantity"),  # refused, so it repeats nothing
    ("o2", "1", None),  # numbered: told apart
    ("o2", "2", None),
]


@pytest.fixture
def judged(raw_rows):
    """Order lines with the rule that each breaks."""
    rows = raw_rows("orders_raw", *({"order_id": o, "line_id": line} for o, line, _ in JUDGED))
    rules = dict(enumerate(rule for _, _, rule in JUDGED))
    names = ibis.memtable(
        pd.DataFrame({"n": list(rules), "rule": list(rules.values())}),
        schema={"n": "int64", "rule": "string"},
    )
    return {"orders_raw": rows.left_join(names, rows["source_row"] == names["n"]).drop("n")}


def test_faults_are_counted_and_the_largest_comes_first(tables, judged):
    faults = quality.find_faults(judged, tables, STEPS)
    counts = dict(zip(faults["fault"], faults["n_rows"], strict=True))
    assert counts == {
        "product without a category": 3,
        "line that says the same as another, and has no number": 2,
        "a": 2,
        "b": 1,
        "c": 1,
        "quantity above the ceiling": 1,
        "goods for which nothing was paid": 1,
        "order number used by several customers or at several times": 1,  # o3
        "returned line whose order was not found": 1,
        "event of a program, not a person": 1,
        "product of which only the number is known": 1,  # r
        "customer of whom nothing but behaviour is known": 1,  # a
        "past contact that was not drawn at random": 1,
    }
    assert faults["n_rows"].is_monotonic_decreasing
    assert set(faults.loc[faults["is_refused"], "fault"]) == {"a", "b", "c"}


def test_faults_are_told_with_what_became_of_the_rows(tables, judged):
    told = quality.describe_faults(quality.find_faults(judged, tables, STEPS)).splitlines()
    assert "| `orders` | a | 2 | refused | mend a |" in told
    kept = "| `products` | product without a category | 3 | kept | fill the category in the "
    assert told[2].startswith(kept)


def test_a_shop_without_any_row_has_no_faults(tables, raw_rows):
    empty = {name: table.limit(0) for name, table in tables.items()}
    none = raw_rows("orders_raw").mutate(rule=ibis.null("string"))
    faults = quality.find_faults({"orders_raw": none}, empty, STEPS.assign(n_rejected=0))
    assert quality.describe_faults(faults).startswith("Nothing was found")


def test_texts_say_what_is_there_and_what_is_not():
    n_rows = {"orders_raw": 1234, "reviews_raw": 0}
    assert quality.describe_counts(n_rows, 0) == "There are 1,234 rows of `orders_raw`."
    assert quality.describe_counts(n_rows, 300).startswith("This run is cut to 300 customers.")
    assert "`reviews_raw` is empty: no opinions" in quality.describe_empty_tables(n_rows)
    assert quality.describe_empty_tables({"orders_raw": 1}) == "Every raw table has rows."


STEPS = pd.DataFrame(
    {
        "raw_table": ["orders_raw", "orders_raw", "products_raw"],
        "rule": ["missing_id", "zero_quantity", "missing_id"],
        "reason": ["a", "b", "c"],
        "n_before": [90, 88, 10],
        "n_rejected": [2, 1, 1],
        "n_after": [88, 87, 9],
        "family": ["missing", "empty", "missing"],
        "mend": ["mend a", "mend b", "mend c"],
    }
)


def test_refusals_are_told_with_rule_count_and_reason():
    lines = quality.describe_refusals(STEPS).splitlines()
    assert lines[1] == "- `zero_quantity` refuses 1 of 88 rows of `orders_raw` because b."
    assert quality.describe_refusals(STEPS.assign(n_rejected=0)) == "No rule refused a row."


def test_the_waterfall_adds_up_over_all_tables():
    axes = plots.plot_rejected_steps(STEPS)
    # 4 of 90 + 10 rows, 3 of them by missing_id: 2 of orders and 1 of products
    assert axes.get_title("left") == "4.00 % of 100 raw rows are refused, most by missing_id"
    bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert bars == [(0, 2), (2, 1), (3, 1), (0, 4)]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "orders: missing_id",
        "orders: zero_quantity",
        "products: missing_id",
        "all 3 rules",
    ]
    assert axes.texts[1].get_text() == " 1  (88 → 87)"


def test_the_waterfall_of_a_clean_shop_says_so():
    axes = plots.plot_rejected_steps(STEPS.assign(n_rejected=0))
    assert axes.get_title("left") == "No rule refuses any of 100 raw rows"


def test_the_weeks_name_the_thin_ones(tables):
    figure = plots.plot_weeks(quality.count_by_week(tables))
    # whole weeks have 1 and 2 lines: half the median is 0.75
    message = "None of the 2 whole weeks holds less than half the usual order lines"
    assert figure.get_suptitle() == message
    assert figure.axes[0].get_ylabel() == "order lines per week"


def test_a_thin_week_stands_out_and_an_empty_table_has_no_panel():
    weeks = pd.DataFrame(
        {
            "week_at": pd.date_range("2024-01-01", periods=5, freq="W-MON"),
            "n_orders": [3, 10, 4, 10, 10],  # half of the usual is 5; the first is not whole
            "n_customers": [3, 9, 4, 9, 9],
            "n_events": [0, 0, 0, 0, 0],
            "n_exposures": [0, 1, 0, 0, 0],
            "is_whole": [False, True, True, True, True],
        }
    )
    figure = plots.plot_weeks(weeks)
    assert figure.get_suptitle().startswith("1 of the 4 whole weeks holds less")
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels[-1] == "past contacts begun per week"
    assert len(labels) == 3
    colors = [to_hex(bar.get_facecolor()) for bar in figure.axes[0].patches]
    assert colors == [MUTED, ACCENT, BAD, ACCENT, ACCENT]


def test_sources_show_what_is_only_registered():
    sources = pd.DataFrame(
        {"source_table": ["a", "b"], "raw_table": ["orders_raw", None], "n_rows": [1200, 0]}
    )
    axes = plots.plot_source_sizes(sources)
    assert (
        axes.get_title("left") == "1 of 2 files feeds the run; the largest of them has 1,200 rows"
    )
    assert [text.get_text() for text in axes.texts] == [" 0 (registered only)", " 1,200"]


@pytest.mark.parametrize(
    ("as_of_date", "title"),
    [
        ("2017-09-30", "Orders reach 272 days back from the as-of date and 93 days beyond it"),
        ("2016-01-01", "Orders reach 0 days back from the as-of date and 731 days beyond it"),
    ],
)
def test_time_spans_count_the_days_around_the_as_of_date(as_of_date, title):
    spans = pd.DataFrame(
        {
            "raw_table": ["orders_raw"],
            "first_at": [pd.Timestamp("2017-01-01 11:53", tz="UTC")],
            "last_at": [pd.Timestamp("2018-01-01 04:01", tz="UTC")],
        }
    )
    assert plots.plot_time_spans(spans, as_of_date).get_title("left") == title
