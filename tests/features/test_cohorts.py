import pytest

from src.features.portrait import cohorts
from src.metrics.intervals import wilson_interval

AS_OF = "2017-04-30"


@pytest.fixture(scope="module")
def orders(line):
    """Two customers from January, two from February, one from March, one from the future."""
    return [
        line("ann", "o1", "2017-01-05 10:00"),
        line("ann", "o2", "2017-02-28 23:59"),
        line("ann", "o3", "2017-04-30 23:59"),
        line("bob", "o4", "2017-01-31 10:00"),
        line("bob", "o5", "2017-02-01 00:00"),
        line("bob", "o6", "2017-02-09 00:00"),  # twice in a month counts once
        line("cat", "o7", "2017-02-01 10:00"),
        line("dan", "o8", "2017-02-20 10:00"),
        line("dan", "o9", "2017-03-20 10:00"),
        line("eve", "p1", "2017-03-31 10:00"),
        line("fay", "p2", "2017-05-01 00:00"),
        line("cat", "p3", "2017-05-01 00:00"),
    ]


def found(table, rows, as_of_date=AS_OF, **settings):
    return cohorts.build_retention(table("orders", rows), as_of_date, **settings)


def cells(retention):
    names = ["cohort", "age", "n_customers", "n_ordering"]
    return list(retention.cells[names].itertuples(index=False, name=None))


def test_cells_are_those_counted_by_hand(table, orders):
    retention = found(table, orders)
    assert cells(retention) == [
        ("2017-01", 1, 2, 2),  # ann and bob in February
        ("2017-01", 2, 2, 0),  # nobody in March
        ("2017-01", 3, 2, 1),  # ann in April
        ("2017-02", 1, 2, 1),  # dan
        ("2017-02", 2, 2, 0),
        ("2017-03", 1, 1, 0),
    ]
    assert retention.unit == "month"
    assert retention.first_date == "2017-01-05"
    assert retention.cells["is_censored"].tolist() == [True] * 3 + [False] * 3


def test_shares_carry_wilsons_interval(table, orders):
    row = found(table, orders).cells.iloc[3]
    interval = wilson_interval(1, 2)
    assert row["retained_share"] == 0.5
    assert (row["lower"], row["upper"]) == (interval.lower, interval.upper)


def test_pooled_share_leaves_the_first_cohort_out(table, orders):
    retention = found(table, orders)
    assert cohorts.retained_share(retention) == pytest.approx(1 / 3)  # dan of cat, dan, eve
    assert cohorts.retained_share(retention, 3) == 0.5  # only the first cohort is that old
    assert cohorts.retained_share(retention, 4) != cohorts.retained_share(retention, 4)  # NaN


def test_month_that_the_date_cuts_is_left_out(table, orders):
    retention = found(table, orders, "2017-04-29")
    assert [cell[:2] for cell in cells(retention)] == [
        ("2017-01", 1),
        ("2017-01", 2),
        ("2017-02", 1),
    ]
    assert "The month that 2017-04-29 cuts is left out." in cohorts.describe_retention(retention)
    assert "left out" not in cohorts.describe_retention(found(table, orders))


def test_neither_future_rows_nor_their_order_change_a_cell(table, orders):
    known = [row for row in orders if row["ordered_at"] < "2017-05"]
    expected = found(table, known)
    for rows in (orders, orders[::-1]):
        retention = found(table, rows)
        assert retention.cells.equals(expected.cells)
        assert retention.first_date == expected.first_date


@pytest.mark.parametrize(
    ("max_cohorts", "unit", "names"),
    [
        (16, "month", ["2016-01", "2016-05", "2017-04"]),
        (15, "quarter", ["2016 Q1", "2016 Q2"]),  # 2017 Q2 is not over by 30 April
        (5, "year", []),  # 16 months are more than 5 quarters; 2017 is not over
    ],
)
def test_long_histories_are_cut_into_longer_periods(table, line, max_cohorts, unit, names):
    rows = [
        line("ann", "o1", "2016-01-15 10:00"),
        line("bob", "o2", "2016-05-15 10:00"),
        line("cat", "o3", "2017-04-15 10:00"),
    ]
    retention = found(table, rows, max_cohorts=max_cohorts)
    assert retention.unit == unit
    expected = [name for name in names if name != "2017-04"]  # has no later month
    assert list(dict.fromkeys(retention.cells["cohort"])) == expected


def test_table_for_people_has_dashes_where_time_is_not_over(table, orders):
    summary = cohorts.summarise_retention(found(table, orders))
    assert summary.loc["2017-01"].tolist() == [2, "100% (34–100%)", "50% (9–91%)"]
    assert summary.loc["2017-03"].tolist() == [1, "0% (0–79%)", "–"]
    assert summary.columns.tolist() == ["customers", "1 month later", "3 months later"]


@pytest.mark.parametrize("moment", ["2017-04-30 10:00", "2017-03-31 10:00", None])
def test_one_customer_of_one_day(table, line, moment):
    rows = [line("ann", "o1", moment)] if moment else []
    retention = found(table, rows)
    is_old = moment == "2017-03-31 10:00"
    assert retention.is_empty == (not is_old)
    assert cohorts.describe_retention(retention).startswith(
        "Orders are known" if is_old else "**No cohorts:**"
    )
    assert list(cohorts.summarise_retention(retention).index) == (["2017-03"] if is_old else [])
