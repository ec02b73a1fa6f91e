import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.optimize import linprog

from src.decide.budget import (
    NOTHING,
    Candidates,
    Limits,
    build_candidates,
    choose_within_budget,
)
from src.decide.budget_curve import budget_curve
from src.decide.budget_plots import plot_budget_curve, plot_prices
from src.decide.budget_rows import build_rows
from src.errors import ParameterError

ACTIONS, CHANNELS = ("mail", "text", "call"), ("email", "sms", "sms")


def keeps(candidates, limits, choice):
    """Check every limit from the plan itself, without the rows of the solver."""
    cost = np.broadcast_to(candidates.cost, candidates.profit.shape)
    taken = np.flatnonzero(choice >= 0)
    action = choice[taken]
    spent, channel = cost[taken, action], np.array(candidates.channels)[action]
    name = np.array(candidates.actions)[action]
    fine = [np.isfinite(candidates.profit[taken, action]).all()]
    if limits.total_budget is not None:
        fine.append(spent.sum() <= limits.total_budget)
    for of, budget in limits.channel_budgets.items():
        fine.append(spent[channel == of].sum() <= budget)
    for of, capacity in limits.capacities.items():
        fine.append(np.sum((channel == of) | (name == of)) <= capacity)
    for of, share in limits.min_shares.items():
        is_in = candidates.segments == of
        fine.append(np.sum(choice[is_in] >= 0) >= share * is_in.sum() - 1e-9)
    if limits.fairness_floor:
        reached = np.mean(choice >= 0)
        for of in np.unique(candidates.groups):
            share = np.mean(choice[candidates.groups == of] >= 0)
            fine.append(share >= limits.fairness_floor * reached - 1e-9)
    return all(fine)


def make_world(n, seed=0):
    """Customers with six actions in three channels, costs of their own, segments of 6, 3, 1."""
    rng = np.random.default_rng(seed)
    profit = rng.gamma(2, 1.5, (n, 1)) * rng.uniform(0.2, 1.2, (1, 6)) - 0.5
    profit += rng.normal(0, 1.5, (n, 6))
    cost = np.abs(rng.normal(1, 0.3, (n, 6))) * np.array([0.1, 0.1, 0.6, 0.6, 2, 2]) + 0.05
    profit[rng.random((n, 6)) < 0.05] = np.nan
    segments = rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1])
    channels = ("email", "email", "sms", "sms", "post", "post")
    return Candidates(profit, cost, tuple("uvwxyz"), channels, segments, segments)


def all_limits(n):
    return Limits(
        total_budget=0.35 * n,
        channel_budgets={"sms": 0.1 * n, "post": 0.2 * n},
        capacities={"y": 0.03 * n, "email": 0.25 * n},
        min_shares={"c": 0.6, "b": 0.5},
        fairness_floor=0.9,
    )


def linear_program(candidates, limits):
    """The bound by HiGHS, from the whole matrix."""
    rows = build_rows(candidates, limits)
    n, k = candidates.profit.shape
    cost = np.broadcast_to(candidates.cost, (n, k))
    matrix = [
        (rows.by_cost[j] * cost + rows.by_count[j] + rows.by_cell[j][rows.cell][:, None]).ravel()
        for j in range(len(rows.limit))
    ]
    once = sparse.kron(sparse.eye_array(n), np.ones((1, k)))
    is_allowed = np.isfinite(candidates.profit).ravel()
    found = linprog(
        -np.nan_to_num(candidates.profit).ravel(),
        A_ub=sparse.vstack([sparse.csr_array(np.array(matrix)), once]).tocsr(),
        b_ub=np.r_[rows.limit, np.ones(n)],
        bounds=np.column_stack([np.zeros(n * k), is_allowed.astype(float)]),
    )
    return -found.fun


class TestByHand:
    def test_the_best_two_of_three_by_profit_per_cost(self):
        """Budget 3: persons 0 (6 for 2) and 2 (2 for 1) fit, and beat 1 (5 for 3)."""
        candidates = Candidates(
            np.array([[6.0], [5.0], [2.0]]), np.array([[2.0], [3.0], [1.0]]), ("a",), ("sms",)
        )
        plan = choose_within_budget(candidates, Limits(total_budget=3.0))
        assert plan.action.tolist() == ["a", NOTHING, "a"]
        assert plan.profit_value == 8.0
        # one more yuan buys a third of person 1: 5 / 3
        assert plan.bound_value == pytest.approx(8.0, rel=1e-4)
        assert plan.limits["used_value"].tolist() == [3.0]

    def test_the_price_says_what_one_more_yuan_brings(self):
        """A hundred people who cost 1 and earn 2, and more who earn 1.37; money for 150."""
        profit = np.r_[np.full(100, 2.0), np.full(100, 1.37)][:, None]
        candidates = Candidates(profit, np.ones(1), ("text",), ("SMS",))
        plan = choose_within_budget(candidates, Limits(channel_budgets={"SMS": 150}))
        assert plan.limits["words"].tolist() == ["one more yuan on SMS brings 1.37"]
        assert plan.profit_value == pytest.approx(200 + 50 * 1.37)
        assert plan.gap_share < 1e-5

    def test_a_budget_that_is_not_used_up_is_worth_nothing(self):
        candidates = Candidates(np.array([[1.0], [2.0]]), np.ones(1), ("a",), ("sms",))
        plan = choose_within_budget(candidates, Limits(total_budget=10), currency="euro")
        assert plan.limits["words"].tolist() == ["one more euro in total brings nothing"]
        assert plan.profit_value == 3.0
        assert plan.gap_share == 0.0

    def test_without_limits_everybody_gets_the_best_that_pays(self):
        candidates = Candidates(
            np.array([[1.0, 2.0], [-1.0, -2.0], [np.nan, -1.0]]), np.ones(2), ("a", "b"), ("x", "x")
        )
        plan = choose_within_budget(candidates, Limits())
        assert plan.action.tolist() == ["b", NOTHING, NOTHING]

    def test_a_floor_reaches_those_who_lose_least(self):
        candidates = Candidates(
            np.array([[-3.0], [-1.0], [5.0]]),
            np.ones(1),
            ("a",),
            ("x",),
            np.array(["s", "s", "t"]),
        )
        plan = choose_within_budget(candidates, Limits(min_shares={"s": 0.5}))
        assert plan.choice.tolist() == [-1, 0, 0]
        floor = plan.limits.iloc[0]
        assert (floor["limit_value"], floor["used_value"]) == (1.0, 1.0)
        assert "one contact less asked for in s saves" in floor["words"]

    def test_fairness_reaches_a_group_that_pays_less(self):
        """Ten of each group; .8 of the share of all: (2 a + b = ...) both near ten of twenty."""
        profit = np.r_[np.full(10, 2.0), np.full(10, 1.0)][:, None]
        groups = np.repeat(["p", "q"], 10)
        candidates = Candidates(profit, np.ones(1), ("a",), ("x",), groups=groups)
        plan = choose_within_budget(candidates, Limits(total_budget=10, fairness_floor=0.8))
        # q needs at least .8 * 10 / 2 = 4 of the ten contacts
        assert np.sum(plan.choice[10:] >= 0) == 4
        assert plan.profit_value == pytest.approx(6 * 2 + 4 * 1)

    def test_people_from_estimates(self):
        estimates = pd.DataFrame(
            {
                "customer_id": ["c2", "c1", "c2"],
                "action": ["mail", "text", "text"],
                "expected_profit_value": [1.0, 2.0, 3.0],
                "cost_value": [0.1, 0.2, 0.3],
            }
        )
        channels = {"mail": "email", "text": "sms"}
        segments = pd.Series({"c1": "new", "c2": "old"})
        candidates, people = build_candidates(estimates, channels, segments)
        assert people.tolist() == ["c2", "c1"]
        np.testing.assert_array_equal(candidates.profit, [[1.0, 3.0], [np.nan, 2.0]])
        np.testing.assert_array_equal(candidates.cost, [[0.1, 0.3], [0.0, 0.2]])
        assert candidates.segments.tolist() == ["old", "new"]


class TestLimits:
    @pytest.mark.parametrize("n", [0, 1, 5000])
    def test_nothing_to_spend_reaches_nobody(self, n):
        candidates = make_world(n)
        plan = choose_within_budget(candidates, Limits(total_budget=0.0))
        assert (plan.choice == -1).all()
        assert plan.profit_value == 0.0

    def test_nothing_that_pays_reaches_nobody(self):
        candidates = Candidates(np.full((50, 2), -1.0), np.ones(2), ("a", "b"), ("x", "y"))
        plan = choose_within_budget(candidates, Limits(total_budget=20, capacities={"x": 3}))
        assert (plan.choice == -1).all()
        assert (plan.limits["price"] == 0).all()

    def test_ties_are_cut_exactly_and_the_same_every_time(self):
        candidates = Candidates(np.ones((30_000, 2)), np.full(2, 0.5), ("a", "b"), ("x", "y"))
        limits = Limits(total_budget=6_000, channel_budgets={"x": 2_000})
        first, second = (choose_within_budget(candidates, limits) for _ in range(2))
        np.testing.assert_array_equal(first.choice, second.choice)
        assert first.profit_value == 12_000
        assert keeps(candidates, limits, first.choice)

    def test_the_input_is_left_as_it_was(self):
        candidates = make_world(200)
        before = candidates.profit.copy()
        choose_within_budget(candidates, all_limits(200))
        np.testing.assert_array_equal(candidates.profit, before)

    def test_floors_beyond_the_money_are_named_with_what_is_lacking(self):
        """Forty of segment s at 2 each cost 80; 50 pays for 25, so 15 are lacking."""
        segments = np.repeat(["s", "t"], [80, 20])
        candidates = Candidates(np.ones((100, 1)), np.array([2.0]), ("a",), ("x",), segments)
        with pytest.raises(ParameterError) as error:
            choose_within_budget(candidates, Limits(total_budget=50, min_shares={"s": 0.5}))
        said = str(error.value)
        assert "40 of segment 's'" in said
        assert "budget 'total' = 50" in said
        assert "at least 15 of these contacts out" in said

    def test_floors_beyond_a_capacity_are_named_too(self):
        segments = np.repeat(["s", "t"], [80, 20])
        candidates = Candidates(np.ones((100, 1)), np.zeros(1), ("a",), ("x",), segments)
        with pytest.raises(ParameterError, match=r"capacity 'x' = 30 leave at least 10 of these"):
            choose_within_budget(
                candidates, Limits(capacities={"x": 30}, min_shares={"s": 0.25, "t": 1.0})
            )

    def test_floors_where_nothing_is_allowed(self):
        profit = np.full((10, 1), np.nan)
        candidates = Candidates(profit, np.zeros(1), ("a",), ("x",), np.repeat("s", 10))
        with pytest.raises(ParameterError, match="the actions allowed leave at least 5 of these"):
            choose_within_budget(candidates, Limits(min_shares={"s": 0.5}))

    @pytest.mark.parametrize(
        ("make", "said"),
        [
            (lambda: Limits(total_budget=-1), "at least 0"),
            (lambda: Limits(min_shares={"a": 1.5}), "between 0 and 1"),
            (
                lambda: choose_within_budget(make_world(9), Limits(channel_budgets={"fax": 1})),
                "fax",
            ),
            (lambda: choose_within_budget(make_world(9), Limits(min_shares={"zz": 0.1})), "zz"),
            (lambda: Candidates(np.ones((2, 1)), -np.ones(1), ("a",), ("x",)), "at least 0"),
            (lambda: Candidates(np.ones((2, 2)), np.ones(2), ("a", "a"), ("x", "x")), "different"),
            (lambda: budget_curve(make_world(9), Limits(), "sms"), "channel with a budget"),
        ],
        ids=["budget", "share", "channel", "segment", "cost", "names", "curve"],
    )
    def test_what_is_wrong_is_refused(self, make, said):
        with pytest.raises(ParameterError) as error:
            make()
        assert said in str(error.value)


class TestBound:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_prices_give_the_bound_of_the_linear_program(self, seed):
        candidates, limits = make_world(1500, seed), all_limits(1500)
        plan = choose_within_budget(candidates, limits)
        assert plan.bound_value == pytest.approx(linear_program(candidates, limits), rel=2e-5)
        assert plan.gap_share < 1e-3
        assert keeps(candidates, limits, plan.choice)

    @pytest.mark.slow
    def test_twenty_thousand_people_within_a_thousandth(self):
        candidates = make_world(20_000)
        limits = Limits(total_budget=7_000, channel_budgets={"sms": 2_000, "post": 4_000})
        plan = choose_within_budget(candidates, limits)
        bound = linear_program(candidates, limits)
        assert plan.profit_value <= bound * (1 + 1e-9)
        assert plan.profit_value >= bound * (1 - 1e-3)
        assert keeps(candidates, limits, plan.choice)


def test_the_solver_says_nothing_and_what_others_say_comes_through(capfd):
    print("before")  # noqa: T201
    choose_within_budget(make_world(180, 2), all_limits(180))  # HiGHS prints on this one
    print("after")  # noqa: T201
    assert capfd.readouterr().out.split() == ["before", "after"]


_quarters = st.integers(-8, 20).map(lambda n: n / 4)


@st.composite
def _problems(draw):
    """Up to six people and three actions; sums of quarters are exact."""
    n, k = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    profits = st.one_of(_quarters, st.just(np.nan), st.just(1.0))
    profit = np.array(draw(st.lists(profits, min_size=n * k, max_size=n * k))).reshape(n, k)
    costs = st.integers(0, 12).map(lambda n: n / 4)
    cost = np.array(draw(st.lists(costs, min_size=n * k, max_size=n * k))).reshape(n, k)
    names = st.lists(st.sampled_from("st"), min_size=n, max_size=n)
    segments, groups = np.array(draw(names)), np.array(draw(names))
    money = st.integers(0, 40).map(lambda n: n / 4)
    share = st.sampled_from([0.0, 0.25, 0.5, 1.0])
    limits = Limits(
        total_budget=draw(st.one_of(st.none(), money)),
        channel_budgets={c: draw(money) for c in set(CHANNELS[:k]) if draw(st.booleans())},
        capacities={a: draw(st.integers(0, 3)) for a in ACTIONS[:k] if draw(st.booleans())},
        min_shares={s: draw(share) for s in set(segments.tolist())},
        fairness_floor=draw(st.sampled_from([0.0, 0.5, 0.8, 1.0])),
    )
    return Candidates(profit, cost, ACTIONS[:k], CHANNELS[:k], segments, groups), limits


def best_by_trying(candidates, limits):
    """Profit of the best plan, by trying all; none if no plan keeps the limits."""
    n, k = candidates.profit.shape
    best = None
    for plan in itertools.product(range(-1, k), repeat=n):
        choice = np.array(plan)
        if keeps(candidates, limits, choice):
            taken = np.flatnonzero(choice >= 0)
            value = candidates.profit[taken, choice[taken]].sum()
            best = value if best is None else max(best, value)
    return best


@settings(max_examples=60, deadline=None, derandomize=True)
@given(_problems())
def test_no_limit_is_ever_broken_and_no_better_plan_exists(problem):
    candidates, limits = problem
    best = best_by_trying(candidates, limits)
    if best is None:
        with pytest.raises(ParameterError, match="Expected"):
            choose_within_budget(candidates, limits)
        return
    plan = choose_within_budget(candidates, limits)
    assert keeps(candidates, limits, plan.choice)
    assert plan.profit_value == pytest.approx(best, abs=1e-4)
    assert plan.bound_value >= best - 1e-9


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.integers(20, 600), st.sampled_from([0.0, 0.1, 1.0]))
def test_no_limit_is_broken_in_larger_worlds(seed, n, scarcity):
    candidates, limits = make_world(n, seed), all_limits(n)
    limits = Limits(
        total_budget=limits.total_budget * scarcity,
        channel_budgets={name: scarcity * of for name, of in limits.channel_budgets.items()},
        capacities=limits.capacities,
        min_shares={"b": 0.3 * scarcity},
        fairness_floor=0.5,
    )
    plan = choose_within_budget(candidates, limits)
    rows = plan.limits
    assert (
        keeps(candidates, limits, plan.choice)
        or (
            # sums of floats may differ in the last digits from those of the solver
            rows["used_value"] - rows["limit_value"]
        )[rows["kind"].isin(["budget", "capacity"])].max()
        <= 1e-9 * n
    )
    assert plan.profit_value <= plan.bound_value


class TestCurve:
    def test_it_is_concave_and_its_slope_is_the_price(self):
        candidates = make_world(3000)
        limits = Limits(total_budget=900, channel_budgets={"sms": 300})
        curve = budget_curve(candidates, limits, n_points=13)
        assert curve.loc[curve["is_chosen"], "budget_value"].tolist() == [900]
        slope = np.diff(curve["profit_value"]) / np.diff(curve["budget_value"])
        assert (np.diff(slope) <= 1e-3).all()
        price = curve["price"].to_numpy()
        assert (slope <= price[:-1] + 1e-2).all()
        assert (slope >= price[1:] - 1e-2).all()
        plan = choose_within_budget(candidates, limits)
        chosen = curve.loc[curve["is_chosen"], "profit_value"].item()
        assert chosen == pytest.approx(plan.bound_value, rel=1e-4)

    def test_without_a_budget_it_ends_where_nobody_is_left(self):
        curve = budget_curve(make_world(500), Limits(), n_points=5)
        assert curve["is_chosen"].tolist() == [False] * 4 + [True]
        assert curve["price"].iloc[-1] == pytest.approx(0.0, abs=0.05)
        free = choose_within_budget(make_world(500), Limits()).profit_value
        assert curve["profit_value"].iloc[-1] == pytest.approx(free, rel=1e-4)

    def test_budgets_below_the_floors_are_left_out(self):
        limits = Limits(total_budget=200, min_shares={"a": 0.3})
        curve = budget_curve(make_world(500), limits, n_points=5)
        assert np.isnan(curve["profit_value"].iloc[0])
        assert curve["profit_value"].iloc[-1] > 0

    def test_figures_say_what_one_more_yuan_brings(self):
        candidates = make_world(500)
        limits = Limits(channel_budgets={"sms": 40.0}, capacities={"u": 1000})
        plan = choose_within_budget(candidates, limits)
        curve = budget_curve(candidates, limits, "sms", n_points=5)
        price = curve.loc[curve["is_chosen"], "price"].item()
        assert price == pytest.approx(plan.limits["price"].iloc[0], rel=0.05)  # at a kink
        title = plot_budget_curve(curve, what="on sms").get_title(loc="left")
        assert title == f"One more yuan on sms would bring {price:.2f}"
        axes = plot_prices(plan.limits)
        assert axes.get_title(loc="left") == "1 of 2 limits hold profit back"
        assert [text.get_text() for text in axes.texts] == plan.limits["words"].tolist()[::-1]
