import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from src.engine import connect
from src.errors import ParameterError
from src.models.recommend import (
    METHODS,
    best_items,
    fit_recommender,
    index_purchases,
    list_pairs,
    recommend,
    score_items,
)
from src.models.recommend_check import (
    choose_method,
    compare_recall,
    describe_choice,
    record_trials,
    summarise_trials,
    try_methods,
)
from src.models.recommend_items import (
    ItemRules,
    build_item_days,
    build_product_days,
    choose_products,
    count_purchases,
    list_active_products,
    list_customers,
)
from src.models.recommend_lists import KINDS, build_recommendations, count_reasons
from src.models.recommend_plots import plot_hits_by_rank, plot_reasons, plot_recall

AS_OF = "2017-03-31"
RULES = ItemRules(excluded_departments=("FUEL",), excluded_words=("cigar",))

PRODUCTS = [
    ("m1", "GROCERY", "DAIRY", "MILK"),
    ("m2", "GROCERY", "DAIRY", "MILK"),
    ("b1", "PASTRY", "BREAD", "BREAD"),
    ("e1", "GROCERY", "DAIRY", "EGGS"),
    ("j1", "GROCERY", "SPREADS", None),  # its item is the category
    ("f1", "FUEL", "FUEL", "GASOLINE"),
    ("c1", "GROCERY", "TOBACCO", "CIGARETTES"),
    ("n1", None, None, None),
]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def products_table(rows=PRODUCTS):
    columns = ["product_id", "department", "category", "product_type"]
    products = pd.DataFrame(rows, columns=columns, dtype="str")
    named = products.assign(product_name=pd.Series(None, products.index, dtype="str"))
    return connect().create_table("products", named)


def orders_table(rows):
    lines = pd.DataFrame(rows, columns=["customer_id", "product_id", "ordered_at"], dtype="str")
    lines["ordered_at"] = pd.to_datetime(lines["ordered_at"], format="ISO8601")
    engine = connect()
    engine.create_table("products", products_table().to_pandas())
    table = engine.create_table("orders", lines)
    return table.cast({"ordered_at": "timestamp('UTC')"}), engine.table("products")


def product_days_of(rows, as_of_date=AS_OF, rules=RULES):
    orders, products = orders_table(rows)
    return build_product_days(orders, products, as_of_date, rules)


def purchases_of(rows, as_of_date=AS_OF, rules=RULES, customers=None):
    counts = count_purchases(build_item_days(product_days_of(rows, as_of_date, rules)), as_of_date)
    known = counts["customer_id"].unique() if customers is None else np.array(customers)
    return index_purchases(counts, known, rules)


ROWS = [
    ("a", "m1", "2017-03-01 09:00"),
    ("a", "m1", "2017-03-01 20:00"),  # the same day counts once
    ("a", "m2", "2017-03-01 20:00"),  # another product of the same item
    ("a", "m2", "2017-03-20 10:00"),
    ("a", "m2", "2017-03-25 10:00"),
    ("a", "b1", "2017-03-25 10:00"),
    ("b", "b1", "2017-03-30 10:00"),
    ("b", "j1", "2017-03-30 10:00"),
    ("b", "f1", "2017-03-30 10:00"),
    ("b", "c1", "2017-03-30 10:00"),
    ("c", "n1", "2017-03-30 10:00"),
    ("c", "e1", "2016-12-01 10:00"),  # not sold lately
]


class TestItems:
    def test_purchases_by_hand(self):
        days = build_item_days(product_days_of(ROWS))
        counts = count_purchases(days, AS_OF).set_index(["customer_id", "item"])
        assert counts.loc[("a", "MILK")].to_list() == [3, 6]
        assert counts.loc[("a", "BREAD")].to_list() == [1, 6]
        assert counts.loc[("b", "SPREADS")].to_list() == [1, 1]

    def test_excluded_departments_and_words_are_left_out(self):
        items = set(product_days_of(ROWS).to_pandas()["item"])
        assert items == {"MILK", "BREAD", "SPREADS", "EGGS"}

    def test_a_shop_without_departments_still_has_items(self):
        rows = [(product, None, None, None) for product, *_ in PRODUCTS]
        orders, _ = orders_table(ROWS)
        engine = orders._find_backend()
        columns = ["product_id", "department", "category", "product_type"]
        bare = pd.DataFrame(rows, columns=columns, dtype="str")
        names = pd.Series(None, bare.index, dtype="str")
        engine.create_table("bare", bare.assign(product_name=names))
        days = build_product_days(orders, engine.table("bare"), AS_OF, RULES).to_pandas()
        assert (days["item"] == days["product_id"]).all()
        names[0] = "Pale Ale"
        engine.create_table("named", bare.assign(product_name=names))
        days = build_product_days(orders, engine.table("named"), AS_OF, RULES).to_pandas()
        is_named = days["product_id"] == PRODUCTS[0][0]
        assert is_named.any()
        assert set(days["item"][is_named]) == {"Pale Ale"}

    def test_a_word_in_the_name_of_a_product_leaves_it_out(self):
        orders, _ = orders_table(ROWS)
        engine = orders._find_backend()
        names = pd.DataFrame(
            {"product_id": [product for product, *_ in PRODUCTS], "product_name": "Fine Cigars"}
        )
        bare = names.assign(**dict.fromkeys(["department", "category", "product_type"], None))
        engine.create_table("smokes", bare.astype("str"))
        rules = ItemRules(excluded_words=("CIGAR",))
        assert not len(build_product_days(orders, engine.table("smokes"), AS_OF, rules).to_pandas())

    def test_what_was_not_sold_lately_is_no_item(self):
        assert purchases_of(ROWS).items.tolist() == ["BREAD", "MILK", "SPREADS"]

    def test_only_so_many_items_with_most_buyers_are_kept(self):
        rules = ItemRules(max_items=1)
        assert purchases_of(ROWS, rules=rules).items.tolist() == ["BREAD"]

    def test_everybody_with_an_order_gets_a_row(self):
        orders, _ = orders_table(ROWS)
        assert list_customers(orders, AS_OF) == ["a", "b", "c"]
        assert list_customers(orders, "2017-03-25") == ["a", "c"]
        purchases = purchases_of(ROWS, customers=["c", "a", "b"])
        assert purchases.customers.tolist() == ["a", "b", "c"]
        assert purchases.n_days[2].sum() == 0

    def test_popularity_is_the_share_of_customers_who_bought_lately(self):
        purchases = purchases_of(ROWS, customers=["a", "b", "c"])
        assert purchases.popularity == pytest.approx([2 / 3, 1 / 3, 1 / 3])

    def test_the_own_product_stands_for_the_item_else_the_best_seller(self):
        # a bought m2 on three days and m1 on one; of milk, m2 has one more buyer thanks to d
        rows = [*ROWS, ("d", "m2", "2017-03-30 10:00")]
        wanted = pd.DataFrame({"customer_id": ["b", "a", "b"], "item": ["MILK", "MILK", "BREAD"]})
        chosen = choose_products(product_days_of(rows), wanted, AS_OF, RULES)
        assert chosen["product_id"].to_list() == ["m2", "m2", "b1"]

    def test_equal_sellers_go_to_the_lower_product_number(self):
        rows = [("x", "m2", "2017-03-30 10:00"), ("y", "m1", "2017-03-30 10:00")]
        wanted = pd.DataFrame({"customer_id": ["z"], "item": ["MILK"]})
        chosen = choose_products(product_days_of(rows), wanted, AS_OF, RULES)
        assert chosen["product_id"].to_list() == ["m1"]

    def test_an_own_product_that_left_the_shelf_is_replaced(self):
        rows = [("x", "m2", "2016-12-30 10:00"), ("y", "m1", "2017-03-30 10:00")]
        wanted = pd.DataFrame({"customer_id": ["x"], "item": ["MILK"]})
        chosen = choose_products(product_days_of(rows), wanted, AS_OF, RULES)
        assert chosen["product_id"].to_list() == ["m1"]
        assert list_active_products(product_days_of(rows), AS_OF, 60) == ["m1"]


class TestMethods:
    def test_popularity_is_the_same_for_all_and_breaks_ties_by_name(self):
        purchases = purchases_of(ROWS)
        items, _ = recommend(fit_recommender(purchases, "popularity"), purchases, k=3)
        assert purchases.items[items[0]].tolist() == ["BREAD", "MILK", "SPREADS"]
        assert (items == items[0]).all()

    def test_repurchase_puts_the_own_habit_first_and_fills_up_with_popularity(self):
        purchases = purchases_of(ROWS, customers=["a", "b", "c"])
        items, _ = recommend(fit_recommender(purchases, "repurchase"), purchases, k=3)
        names = purchases.items[items].tolist()
        assert names[0] == ["MILK", "BREAD", "SPREADS"]
        assert names[1] == ["BREAD", "SPREADS", "MILK"]
        assert names[2] == ["BREAD", "MILK", "SPREADS"]  # nothing known: popularity

    def test_ridge_weights_by_hand(self):
        # two items, X^T X = [[p, s], [s, q]]; P = inverse; B_ij = -P_ij / P_jj = s / (p + ridge)
        purchases = purchases_of([row for row in ROWS if row[0] == "a"])
        model = fit_recommender(purchases, "co_purchase")
        bread, milk = np.log(2), np.log(4)
        ridge = 0.4  # per customer, and there is one
        assert purchases.items.tolist() == ["BREAD", "MILK"]
        assert model.weights[0, 1] == pytest.approx(bread * milk / (bread**2 + ridge))
        assert model.weights[1, 0] == pytest.approx(bread * milk / (milk**2 + ridge))
        assert np.diag(model.weights).tolist() == [0, 0]

    def test_what_is_bought_together_speaks_for_each_other(self):
        rows = [(f"c{i}", product, "2017-03-20") for i in range(30) for product in ("m1", "b1")]
        rows += [(f"d{i}", product, "2017-03-20") for i in range(30) for product in ("e1", "j1")]
        rows += [("x", "m1", "2017-03-20"), ("y", "e1", "2017-03-20")]
        purchases = purchases_of(rows)
        model = fit_recommender(purchases, "co_purchase")
        items, _ = recommend(model, purchases, k=1, target="new")
        first = dict(zip(purchases.customers, purchases.items[items[:, 0]], strict=True))
        assert first["x"] == "BREAD"
        assert first["y"] == "SPREADS"
        pairs = list_pairs(model, purchases, 2)
        assert set(pairs["bought"]) <= {"MILK", "BREAD", "EGGS", "SPREADS"}
        assert list_pairs(fit_recommender(purchases, "popularity"), purchases).empty

    def test_new_names_known_items_only_where_no_other_is_left(self):
        purchases = purchases_of(ROWS)
        model = fit_recommender(purchases, "repurchase")
        items, _ = recommend(model, purchases, k=3, target="new")
        assert purchases.items[items[0]].tolist() == ["SPREADS", "MILK", "BREAD"]

    def test_the_best_items_are_the_highest_scores(self):
        score = np.random.default_rng(1).random((50, 20))
        items = best_items(score, 5)
        assert (items == np.argsort(-score, axis=1)[:, :5]).all()
        assert best_items(score, 30).shape == (50, 20)
        assert best_items(score[:, :0], 5).shape == (50, 0)

    @pytest.mark.parametrize("method", METHODS)
    def test_the_order_of_rows_changes_nothing(self, method):
        mixed = [ROWS[i] for i in np.random.default_rng(2).permutation(len(ROWS))]
        first, second = (purchases_of(rows) for rows in (ROWS, mixed))
        scores = [score_items(fit_recommender(p, method), p) for p in (first, second)]
        assert (scores[0] == scores[1]).all()

    def test_unknown_methods_and_targets_are_refused(self):
        purchases = purchases_of(ROWS)
        with pytest.raises(ParameterError, match="Expected a method"):
            fit_recommender(purchases, "guess")
        with pytest.raises(ParameterError, match="Expected a target"):
            recommend(fit_recommender(purchases, "popularity"), purchases, target="old")


class TestLists:
    def test_reasons_by_hand(self):
        product_days = product_days_of(ROWS)
        purchases = purchases_of(ROWS, customers=["a", "b", "c"])
        model = fit_recommender(purchases, "co_purchase")
        table = build_recommendations(model, purchases, product_days, AS_OF, RULES, k=3)
        reasons = table.set_index(["customer_id", "item"])["reason"]
        assert reasons["a", "MILK"] == "you buy it often"
        assert reasons["a", "BREAD"] == "you bought it before"
        assert reasons["b", "MILK"] == "often bought with bread, which you bought lately"
        assert reasons["c", "BREAD"] == "popular now"
        assert table.groupby("customer_id")["rank"].apply(list).to_dict() == {
            name: [1, 2, 3] for name in "abc"
        }
        assert (np.diff(table["score"].to_numpy().reshape(3, 3)) <= 0).all()

    def test_orders_after_the_as_of_date_change_no_byte(self):
        poison = [
            ("a", "e1", "2017-04-01 00:00"),
            ("z", "m1", "2017-05-01"),
            ("b", "m1", "2017-04-02"),
        ]
        tables = []
        for rows in (ROWS, ROWS + poison * 5):
            product_days, purchases = product_days_of(rows), purchases_of(rows)
            model = fit_recommender(purchases, "co_purchase")
            tables.append(build_recommendations(model, purchases, product_days, AS_OF, RULES))
        pd.testing.assert_frame_equal(*tables, check_exact=True)

    def test_reasons_are_counted_by_item(self):
        table = pd.DataFrame(
            {"item": ["A", "A", "B"], "reason": [KINDS[0], f"{KINDS[2]} x, which", KINDS[3]]}
        )
        counts = count_reasons(table)
        assert counts.index.to_list() == ["A", "B"]
        assert counts.loc["A"].to_list() == [1, 0, 1, 0]
        assert "in 50% of the lists" in plot_reasons(counts, 4).get_title(loc="left")
        assert plot_reasons(counts.head(0), 0).get_title(loc="left")


class TestTrials:
    # before the cut 2017-03-03 everybody bought milk, a also bread twice; afterwards a buys bread
    # and eggs, b milk; c nothing
    HISTORY = (
        ("a", "m1", "2017-03-01"),
        ("b", "m1", "2017-03-01"),
        ("c", "m1", "2017-03-01"),
        ("a", "b1", "2017-02-20"),
        ("a", "b1", "2017-03-01"),
        ("c", "e1", "2017-03-01"),
        ("a", "b1", "2017-03-10"),
        ("a", "e1", "2017-03-10"),
        ("b", "m1", "2017-03-31"),
    )

    def trials(self, k=1, last_date=AS_OF, rows=HISTORY):
        days = build_item_days(product_days_of(list(rows), last_date))
        return try_methods(days, last_date, 28, RULES, k)

    def test_recall_by_hand(self):
        by = {(trial.target, trial.method): trial for trial in self.trials()}
        # popularity names milk: a bought none of bread and eggs, b bought it
        assert by["any", "popularity"].recall.tolist() == [0.0, 1.0]
        # habit names bread to a (1 of 2), milk to b
        assert by["any", "repurchase"].recall.tolist() == [0.5, 1.0]
        # new: only a's eggs; the most popular item that is new to a
        assert by["new", "popularity"].recall.tolist() == [1.0]
        assert by["any", "popularity"].coverage == pytest.approx(1 / 3)
        assert by["any", "popularity"].cut_date == "2017-03-03"

    def test_purchases_after_the_window_are_not_read(self):
        later = [*self.HISTORY, ("b", "b1", "2017-04-01"), ("c", "m1", "2017-04-02")]
        days = build_item_days(product_days_of(later, "2017-04-30"))
        first, second = self.trials(), try_methods(days, AS_OF, 28, RULES, 1)
        for one, other in zip(first, second, strict=True):
            assert one.recall.tolist() == other.recall.tolist()

    def test_the_choice_falls_on_the_best_and_among_equals_on_the_plainest(self):
        trials = self.trials()
        assert choose_method(trials, "any") == "repurchase"  # co_purchase is as good, not plainer
        assert choose_method(trials, "new") == "popularity"
        assert choose_method([], "any") == "popularity"

    def test_summary_text_and_numbers_agree(self):
        trials = self.trials(k=5)
        method = choose_method(trials, "any")
        summary = summarise_trials(trials, seed=1)
        numbers = record_trials(summary, method, "any", 5)
        assert numbers["n_test"] == 2
        assert (
            numbers["recall_at_5_lower"] <= numbers["recall_at_5"] <= numbers["recall_at_5_upper"]
        )
        assert numbers["popularity_recall_at_5"] is not None
        assert f"`{method}`" in describe_choice(trials, trials, method, "any", seed=1)
        assert compare_recall(trials, method, "any", seed=1).n == 2
        assert plot_recall(summary, method, 5).get_suptitle()
        assert plot_hits_by_rank(trials, method, "any").get_title(loc="left")

    def test_without_history_before_the_window_nothing_is_tried(self):
        trials = self.trials(rows=[("a", "m1", "2017-03-30")])
        assert trials == []
        summary = summarise_trials(trials, seed=1)
        assert record_trials(summary, "popularity", "any", 5)["recall_at_5"] is None
        assert "untried" in describe_choice([], [], "popularity", "any", seed=1)
        assert plot_recall(summary, "popularity", 5).get_suptitle()
        assert plot_hits_by_rank(trials, "popularity", "any").get_title(loc="left")
        assert compare_recall(trials, "popularity", "any", seed=1) is None
