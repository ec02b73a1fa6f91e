import numpy as np
import pytest

from src.features.portrait import revenue_tree
from src.features.portrait.revenue_tree import FACTORS, NODES, lmdi_contributions

AS_OF = "2017-09-30"


@pytest.fixture(scope="module")
def orders(line):
    """Two weeks against two: 2 customers, 3 orders, 4 lines, 40.00; then 1, 2, 4 and 20.00."""
    return [
        line("ann", "o1", "2017-09-03 10:00", value=1000),  # the first day of the history
        line("ann", "o2", "2017-09-16 23:59", value=1000),  # last moment of the earlier weeks
        line("bob", "o3", "2017-09-10 10:00", value=1500),
        line("bob", "o3", "2017-09-10 10:00", value=500, line_number=2),
        line("ann", "o4", "2017-09-17 00:00", value=500),  # first moment of the later weeks
        line("ann", "o4", "2017-09-17 00:00", value=500, line_number=2),
        line("ann", "o5", "2017-09-30 23:59", value=400),
        line("ann", "o5", "2017-09-30 23:59", value=600, line_number=2),
        line("cat", "o6", "2017-10-01 00:00", value=9900),
    ]


@pytest.fixture(scope="module")
def tree(table, orders):
    return revenue_tree.build_revenue_tree(table("orders", orders), AS_OF)


def test_nodes_are_those_worked_out_by_hand(tree):
    assert tree.periods.days == 14  # 28 days of history are halved
    assert tree.nodes["before"].to_dict() == {
        "revenue": 40.0,
        "customers": 2.0,
        "spend per customer": 20.0,
        "orders per customer": 1.5,
        "value per order": pytest.approx(40 / 3),
        "lines per order": pytest.approx(4 / 3),
        "value per line": 10.0,
    }
    assert tree.nodes["now"].tolist() == [20.0, 1.0, 20.0, 2.0, 10.0, 2.0, 5.0]


def test_contributions_are_those_worked_out_by_hand(tree):
    # L(20, 40) = -20 / ln(1/2); customers and value per line halved: each the whole fall of 20;
    # orders per customer rose by ln(4/3) / ln 2, lines per order by ln(3/2) / ln 2 of 20
    added = tree.nodes["contribution_value"]
    assert added["customers"] == pytest.approx(-20)
    assert added["value per line"] == pytest.approx(-20)
    assert added["orders per customer"] == pytest.approx(20 * np.log(4 / 3) / np.log(2))
    assert added["lines per order"] == pytest.approx(20 * np.log(3 / 2) / np.log(2))
    assert added["value per order"] == pytest.approx(20 * np.log(3 / 2) / np.log(2) - 20)
    assert added["spend per customer"] == pytest.approx(0, abs=1e-9)
    assert added["revenue"] == pytest.approx(-20)
    assert revenue_tree.sales_change_share(tree) == pytest.approx(-0.5)
    assert revenue_tree.unexplained_share(tree) < 1e-12


def test_few_customers_have_no_interval(tree):
    assert tree.nodes[["lower", "upper"]].isna().all(axis=None)


def test_neither_future_rows_nor_their_order_change_a_value(table, orders, tree):
    for rows in (orders[:-1], orders[::-1]):
        other = revenue_tree.build_revenue_tree(table("orders", rows), AS_OF)
        assert other.nodes.equals(tree.nodes)


def test_contributions_add_up_for_any_factors():
    rng = np.random.default_rng(1)
    for _ in range(200):
        before, now = np.exp(rng.normal(0, 3, (2, 4)))
        change = now.prod() - before.prod()
        added = lmdi_contributions(before, now)
        assert added.sum() == pytest.approx(change, rel=1e-9)
        assert lmdi_contributions(now, before) == pytest.approx(-added, rel=1e-9)


@pytest.mark.parametrize(
    ("before", "now", "added"),
    [
        ([2, 1.5, 1, 5], [0, 0, 0, 0], [-15, 0, 0, 0]),
        ([0, 0, 0, 0], [2, 1.5, 1, 5], [15, 0, 0, 0]),
        ([2, 1, 1, 0], [4, 1, 1, 5], [0, 0, 0, 20]),
        ([2, 1, 1, 5], [4, 1, 1, 0], [0, 0, 0, -10]),
        ([2, 1, 1, 0], [4, 1, 1, 0], [0, 0, 0, 0]),
        ([2, 1, 1, 5], [2, 1, 1, 5], [0, 0, 0, 0]),
        ([2, 4, 1, 5], [4, 2, 1, 5], [np.log(2) * 40, -np.log(2) * 40, 0, 0]),  # L(a, a) = a
    ],
    ids="nobody-left from-nobody free-before free-now always-free same swapped".split(),
)
def test_zeros_and_standstill(before, now, added):
    found = lmdi_contributions(np.array(before, dtype=float), np.array(now, dtype=float))
    assert found == pytest.approx(added)


def test_zeros_are_the_limit_of_small_values():
    before, now = np.array([2.0, 1.5, 1.2, 1e-300]), np.array([4.0, 1.1, 1.3, 5.0])
    limit = lmdi_contributions(np.where(before < 1e-9, 0, before), now)
    assert lmdi_contributions(before, now) == pytest.approx(limit, abs=0.1)


def test_year_ago_is_chosen_where_the_history_reaches():
    assert revenue_tree.choose_periods("2016-07-03", AS_OF).shift_days == 364  # 455 days
    assert revenue_tree.choose_periods("2016-07-04", AS_OF).shift_days == 91
    assert revenue_tree.choose_periods("2017-09-17", AS_OF).days == 7
    assert revenue_tree.choose_periods("2017-09-18", AS_OF) is None  # 13 days


def test_year_ago_compares_the_same_weekdays(table, line):
    rows = [
        line("ann", "o0", "2016-01-01 10:00", value=7700),
        line("ann", "o1", "2016-10-01 10:00", value=1000),  # 364 days before the as-of date
        line("ann", "o2", "2016-10-02 00:00", value=9000),  # a day too late
        line("ann", "o3", "2017-09-30 10:00", value=3000),
    ]
    tree = revenue_tree.build_revenue_tree(table("orders", rows), AS_OF)
    assert tree.nodes.loc["revenue", ["before", "now"]].tolist() == [10.0, 30.0]
    assert "2016-07-03 to 2016-10-01" in revenue_tree.describe_revenue_tree(tree)


@pytest.mark.parametrize("n_orders", [0, 1])
def test_short_history_is_said(table, line, n_orders):
    rows = [line("ann", "o1", "2017-09-30 10:00")] * n_orders
    tree = revenue_tree.build_revenue_tree(table("orders", rows), AS_OF)
    assert tree.is_empty
    assert revenue_tree.describe_revenue_tree(tree).startswith("**No revenue tree:**")
    assert revenue_tree.unexplained_share(tree) == 0
    assert np.isnan(revenue_tree.sales_change_share(tree))


def test_silence_in_one_period_goes_to_customers(table, line):
    rows = [
        line("ann", "o1", "2017-09-03 10:00", value=1000),
        line("ann", "o2", "2017-09-05 10:00", value=1000),
    ]
    tree = revenue_tree.build_revenue_tree(table("orders", rows), AS_OF)
    assert tree.nodes.loc["revenue", "now"] == 0
    assert tree.nodes.loc["customers", "contribution_value"] == -20
    assert tree.nodes.loc[list(FACTORS[1:]), "contribution_value"].tolist() == [0, 0, 0]


def _random_shop(rng, n_customers):
    """Each customer: customers, orders, lines, cents, before and now; shape (n, 8)."""
    n_orders = rng.poisson(2.0, (n_customers, 2))
    n_lines = n_orders + rng.poisson(3.0 * n_orders)
    cents = np.where(n_orders > 0, rng.gamma(2.0, 150.0, (n_customers, 2)) * n_lines, 0).round()
    parts = [np.stack([n_orders > 0, n_orders, n_lines, cents], axis=-1)[:, k] for k in (0, 1)]
    return np.concatenate(parts, axis=1).astype(float)


def test_standard_errors_are_those_of_a_poisson_bootstrap():
    rng = np.random.default_rng(7)
    each = _random_shop(rng, 400)
    weights = rng.poisson(1.0, (4000, len(each)))
    draws = np.array([revenue_tree._node_contributions(totals) for totals in weights @ each])
    found = revenue_tree._standard_errors(each.sum(axis=0), each.T @ each)
    assert found == pytest.approx(draws.std(axis=0), rel=0.06)
    assert len(found) == len(NODES)


@pytest.mark.slow
def test_intervals_cover_the_truth_of_a_large_population():
    # the truth: contributions per customer in a population of which shops of 300 are drawn
    rng = np.random.default_rng(11)
    population = _random_shop(rng, 200_000)
    truth = revenue_tree._node_contributions(population.sum(axis=0)) * 300 / len(population)
    covered = np.zeros(len(NODES))
    for _ in range(400):
        each = population[rng.integers(0, len(population), rng.poisson(300))]
        nodes = revenue_tree._build_nodes(each.sum(axis=0), each.T @ each)
        covered += (nodes["lower"] <= truth) & (truth <= nodes["upper"])
    assert (covered / 400 > 0.92).all(), covered / 400
