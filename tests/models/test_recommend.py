from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from src.engine import connect
from src.errors import ParameterError
from src.models.recommend import best_items, build_shelf, index_purchases, recommend, score_items
from src.models.recommend_als import explain_factors, fit_factors, place_customers
from src.models.recommend_items import (
    ItemRules,
    build_item_days,
    build_product_days,
    choose_products,
    count_purchases,
    known_customers,
    list_active_products,
    list_sellers,
    list_thin_products,
)
from src.models.recommend_lists import (
    KINDS,
    build_recommendations,
    count_reasons,
    recommend_to_all,
)
from src.models.recommend_methods import METHODS, fit_recommender, list_pairs
from src.models.recommend_plots import plot_reasons

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


COSTS = {"m1": 0.5, "b1": 0.9}
"""What the shop pays for a piece; of the others it is not known."""


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def products_table(rows=PRODUCTS):
    columns = ["product_id", "department", "category", "product_type"]
    products = pd.DataFrame(rows, columns=columns, dtype="str")
    named = products.assign(product_name=pd.Series(None, products.index, dtype="str"))
    named["unit_cost_value"] = products["product_id"].map(COSTS)
    return connect().create_table("products", named)


def orders_table(rows):
    lines = pd.DataFrame(rows, columns=["customer_id", "product_id", "ordered_at"], dtype="str")
    lines["ordered_at"] = pd.to_datetime(lines["ordered_at"], format="ISO8601")
    engine = connect()
    engine.create_table("products", products_table().to_pandas())
    table = engine.create_table("orders", lines.assign(quantity=2, line_value_minor=200))
    return table.cast({"ordered_at": "timestamp('UTC')"}), engine.table("products")


def product_days_of(rows, as_of_date=AS_OF, rules=RULES):
    orders, products = orders_table(rows)
    return build_product_days(orders, products, as_of_date, rules)


def purchases_of(rows, as_of_date=AS_OF, rules=RULES, customers=None):
    item_days = build_item_days(product_days_of(rows, as_of_date, rules))
    counts = count_purchases(item_days, as_of_date)
    known = counts["customer_id"].unique() if customers is None else np.array(customers)
    return index_purchases(counts, known, build_shelf(item_days, len(known), as_of_date, rules))


def chosen_of(rows, wanted):
    days = product_days_of(rows)
    return choose_products(days, wanted, list_sellers(days, AS_OF, RULES), AS_OF)


def fit(purchases, method, seed=1):
    return fit_recommender(purchases.n_days, method, seed)


def lists_of(rows, method="item_ridge", k=3, rules=RULES, customers=None, **choice):
    days, purchases = (
        product_days_of(rows, rules=rules),
        purchases_of(rows, AS_OF, rules, customers),
    )
    sellers = list_sellers(days, AS_OF, rules)
    return build_recommendations(
        fit(purchases, method), purchases, days, sellers, AS_OF, k, **choice
    )


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
        assert counts.columns.to_list() == ["n_days", "last_days", "faded_days"]
        # 30, 11 and 6 days ago
        faded = 0.5 ** (30 / 90) + 0.5 ** (11 / 90) + 0.5 ** (6 / 90)
        assert counts.loc[("a", "MILK")].to_list() == pytest.approx([3, 6, faded])
        assert counts.loc[("a", "BREAD")].to_list() == pytest.approx([1, 6, 0.5 ** (6 / 90)])
        assert counts.loc[("b", "SPREADS")].to_list() == pytest.approx([1, 1, 0.5 ** (1 / 90)])

    def test_excluded_departments_and_words_are_left_out(self):
        items = set(product_days_of(ROWS).to_pandas()["item"])
        assert items == {"MILK", "BREAD", "SPREADS", "EGGS"}

    def test_a_shop_without_departments_still_has_items(self):
        rows = [(product, None, None, None) for product, *_ in PRODUCTS]
        orders, _ = orders_table(ROWS)
        engine = orders._find_backend()
        columns = ["product_id", "department", "category", "product_type"]
        bare = pd.DataFrame(rows, columns=columns, dtype="str").assign(unit_cost_value=np.nan)
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
        engine.create_table("smokes", bare.astype("str").assign(unit_cost_value=np.nan))
        rules = ItemRules(excluded_words=("CIGAR",))
        assert not len(build_product_days(orders, engine.table("smokes"), AS_OF, rules).to_pandas())

    def test_what_was_not_sold_lately_is_no_item(self):
        assert purchases_of(ROWS).items.tolist() == ["BREAD", "MILK", "SPREADS"]

    def test_only_so_many_items_with_most_buyers_are_kept(self):
        rules = ItemRules(max_items=1)
        assert purchases_of(ROWS, rules=rules).items.tolist() == ["BREAD"]

    def test_everybody_with_an_order_gets_a_row(self):
        orders, _ = orders_table(ROWS)
        assert sorted(known_customers(orders, AS_OF).to_pandas()["customer_id"]) == ["a", "b", "c"]
        assert sorted(known_customers(orders, "2017-03-25").to_pandas()["customer_id"]) == [
            "a",
            "c",
        ]
        purchases = purchases_of(ROWS, customers=["c", "a", "b"])
        assert purchases.customers.tolist() == ["a", "b", "c"]
        assert purchases.n_days[2].sum() == 0

    def test_popularity_is_the_share_of_customers_who_bought_lately(self):
        purchases = purchases_of(ROWS, customers=["a", "b", "c"])
        assert purchases.shelf.popularity == pytest.approx([2 / 3, 1 / 3, 1 / 3])

    def test_the_own_product_stands_for_the_item_else_the_best_seller(self):
        # a bought m2 on three days and m1 on one; of milk, m2 has one more buyer thanks to d
        rows = [*ROWS, ("d", "m2", "2017-03-30 10:00")]
        wanted = pd.DataFrame({"customer_id": ["b", "a", "b"], "item": ["MILK", "MILK", "BREAD"]})
        chosen = chosen_of(rows, wanted)
        assert chosen["product_id"].to_list() == ["m2", "m2", "b1"]

    def test_equal_sellers_go_to_the_lower_product_number(self):
        rows = [("x", "m2", "2017-03-30 10:00"), ("y", "m1", "2017-03-30 10:00")]
        wanted = pd.DataFrame({"customer_id": ["z"], "item": ["MILK"]})
        chosen = chosen_of(rows, wanted)
        assert chosen["product_id"].to_list() == ["m1"]

    def test_an_own_product_that_left_the_shelf_is_replaced(self):
        rows = [("x", "m2", "2016-12-30 10:00"), ("y", "m1", "2017-03-30 10:00")]
        wanted = pd.DataFrame({"customer_id": ["x"], "item": ["MILK"]})
        chosen = chosen_of(rows, wanted)
        assert chosen["product_id"].to_list() == ["m1"]
        assert list_active_products(product_days_of(rows), AS_OF, 60) == ["m1"]


class TestMethods:
    def test_popularity_is_the_same_for_all_and_breaks_ties_by_name(self):
        purchases = purchases_of(ROWS)
        items, _ = recommend(fit(purchases, "popularity"), purchases, k=3)
        assert purchases.items[items[0]].tolist() == ["BREAD", "MILK", "SPREADS"]
        assert (items == items[0]).all()

    def test_repurchase_puts_the_own_habit_first_and_fills_up_with_popularity(self):
        purchases = purchases_of(ROWS, customers=["a", "b", "c"])
        items, _ = recommend(fit(purchases, "repurchase"), purchases, k=3)
        names = purchases.items[items].tolist()
        assert names[0] == ["MILK", "BREAD", "SPREADS"]
        assert names[1] == ["BREAD", "SPREADS", "MILK"]
        assert names[2] == ["BREAD", "MILK", "SPREADS"]  # nothing known: popularity

    def test_ridge_weights_by_hand(self):
        # two items, X^T X = [[p, s], [s, q]]; P = inverse; B_ij = -P_ij / P_jj = s / (p + ridge)
        purchases = purchases_of([row for row in ROWS if row[0] == "a"])
        model = fit(purchases, "item_ridge")
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
        model = fit(purchases, "item_ridge")
        items, _ = recommend(model, purchases, k=1, target="new")
        first = dict(zip(purchases.customers, purchases.items[items[:, 0]], strict=True))
        assert first["x"] == "BREAD"
        assert first["y"] == "SPREADS"
        pairs = list_pairs(model, purchases.items, 2)
        assert set(pairs["bought"]) <= {"MILK", "BREAD", "EGGS", "SPREADS"}
        assert list_pairs(fit(purchases, "popularity"), purchases.items).empty

    def test_new_names_known_items_only_where_no_other_is_left(self):
        purchases = purchases_of(ROWS)
        model = fit(purchases, "repurchase")
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
        scores = [score_items(fit(p, method), p) for p in (first, second)]
        assert (scores[0] == scores[1]).all()

    def test_unknown_methods_and_targets_are_refused(self):
        purchases = purchases_of(ROWS)
        with pytest.raises(ParameterError, match="Expected a method"):
            fit(purchases, "guess")
        with pytest.raises(ParameterError, match="Expected a target"):
            recommend(fit(purchases, "popularity"), purchases, target="old")


class TestFilters:
    def test_a_product_that_earned_too_little_is_left_out(self):
        # two pieces for 2.00: m1 costs 1.00 of it, b1 1.80; of the others the cost is not known
        orders, products = orders_table(ROWS)
        for least, thin in ((0.0, []), (0.09, []), (0.11, ["b1"]), (0.6, ["b1", "m1"])):
            rules = replace(RULES, min_margin_share=least)
            assert list_thin_products(orders, products, AS_OF, rules) == thin
        rules = replace(RULES, min_margin_share=0.6)
        assert set(product_days_of(ROWS, rules=rules).to_pandas()["product_id"]) == {
            "m2",
            "j1",
            "e1",
        }

    def test_a_product_sold_at_a_loss_is_left_out_by_default(self):
        orders, products = orders_table(ROWS)
        dear = products.mutate(unit_cost_value=products.unit_cost_value * 2)
        assert list_thin_products(orders, dear, AS_OF, RULES) == ["b1"]

    def test_what_is_sold_out_is_left_out(self):
        rules = replace(RULES, unavailable=("m1", "m2"))
        assert purchases_of(ROWS, rules=rules).items.tolist() == ["BREAD", "SPREADS"]

    @pytest.mark.parametrize("method", METHODS)
    def test_what_was_bought_recently_rests_while_something_else_is_left(self, method):
        rules = replace(RULES, rest_days=2)
        named = lists_of(ROWS, method, k=3, rules=rules).set_index(["customer_id", "rank"])["item"]
        assert named["b", 1] == "MILK"  # bread and spreads were bought yesterday
        assert {named["b", 2], named["b", 3]} == {"BREAD", "SPREADS"}
        assert (
            named["a", 1] == lists_of(ROWS, method).set_index(["customer_id", "rank"]).item["a", 1]
        )


class TestLearning:
    def test_cosines_by_hand(self):
        # customers of bread, milk, spreads: a bread and milk; b bread and spreads
        purchases = purchases_of(ROWS, customers=["a", "b"])
        weights = fit(purchases, "item_item").weights
        assert purchases.items.tolist() == ["BREAD", "MILK", "SPREADS"]
        # milk and bread: 1 / sqrt(2 x 1); milk is alone with bread, so its weight is all
        assert weights[:, 1] == pytest.approx([1, 0, 0])
        assert weights[:, 0] == pytest.approx([0, 0.5, 0.5])

    def test_als_is_the_minimum_of_its_loss(self):
        rng = np.random.default_rng(1)
        X = sparse.csr_matrix(rng.poisson(0.4, (40, 12)).astype(float)).log1p()
        items = fit_factors(X, seed=1, n_factors=3, n_sweeps=60)
        customers = place_customers(items, X)

        def loss(x, y):
            dense = X.toarray()
            misfit = (1 + 2.0 * dense) * ((dense > 0) - x @ y.T) ** 2
            return misfit.sum() + 5.0 * ((x**2).sum() + (y**2).sum())

        least = loss(customers, items)
        for _ in range(20):
            step = rng.normal(0, 0.01, customers.shape), rng.normal(0, 0.01, items.shape)
            assert loss(customers + step[0], items) > least
            assert loss(customers, items + step[1]) > least - 1e-3

    def test_als_finds_planted_tastes(self):
        rng = np.random.default_rng(2)
        taste = np.repeat([0, 1], 60)
        likes = np.where(taste[:, None] == np.repeat([0, 1], 8), 0.6, 0.05)
        X = sparse.csr_matrix((rng.random((120, 16)) < likes).astype(float)).log1p()
        items = fit_factors(X, seed=1, n_factors=2)
        score = place_customers(items, X) @ items.T
        own = np.where(taste[:, None] == np.repeat([0, 1], 8), score, np.nan)
        other = np.where(taste[:, None] != np.repeat([0, 1], 8), score, np.nan)
        assert (np.nanmean(own, axis=1) > np.nanmean(other, axis=1)).mean() > 0.98

    def test_what_speaks_for_an_item_adds_up_to_its_score(self):
        X = sparse.csr_matrix(np.random.default_rng(3).poisson(0.5, (9, 6)).astype(float)).log1p()
        items = fit_factors(X, seed=1, n_factors=3)
        score = place_customers(items, X) @ items.T
        for item in range(6):
            parts = explain_factors(items, X, np.full(9, item))
            assert parts.sum(axis=1) == pytest.approx(score[:, item])
            assert (parts[X.toarray() == 0] == 0).all()


class TestLists:
    def test_reasons_by_hand(self):
        table = lists_of(ROWS, customers=["a", "b", "c"])
        reasons = table.set_index(["customer_id", "item"])["reason"]
        assert reasons["a", "MILK"] == "you buy it often"
        assert reasons["a", "BREAD"] == "you bought it before"
        assert reasons["b", "MILK"] == "often bought with bread, which you bought lately"
        assert reasons["c", "BREAD"] == "popular now"
        assert table.groupby("customer_id")["rank"].apply(list).to_dict() == {
            name: [1, 2, 3] for name in "abc"
        }
        assert (np.diff(table["score"].to_numpy().reshape(3, 3)) <= 0).all()

    @pytest.mark.parametrize("method", METHODS)
    def test_orders_after_the_as_of_date_change_no_byte(self, method):
        poison = [
            ("a", "e1", "2017-04-01 00:00"),
            ("z", "m1", "2017-05-01"),
            ("b", "m1", "2017-04-02"),
        ]
        tables = [lists_of(rows, method) for rows in (ROWS, ROWS + poison * 5)]
        pd.testing.assert_frame_equal(*tables, check_exact=True)

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("rows_per_block", [1, 7, 1000])
    def test_lists_are_the_same_whatever_the_block(self, tmp_path, method, rows_per_block):
        rng = np.random.default_rng(4)
        names = [f"{i:04x}{i:04d}" for i in np.linspace(0, 65535, 40).astype(int)]
        rows = [
            (
                str(rng.choice(names)),
                str(rng.choice(["m1", "m2", "b1", "j1"])),
                f"2017-03-{day:02d}",
            )
            for day in rng.integers(1, 32, 150)
        ]
        orders, products = orders_table(rows)
        days = build_product_days(orders, products, AS_OF, RULES)
        customers = known_customers(orders, AS_OF)
        ids = sorted(customers.to_pandas()["customer_id"])
        purchases = purchases_of(rows, customers=ids)
        model = fit(purchases, method)
        sellers = list_sellers(days, AS_OF, RULES)
        found = recommend_to_all(
            orders._find_backend(),
            customers,
            days,
            sellers,
            model,
            purchases.shelf,
            AS_OF,
            tmp_path / "blocks",
            k=2,
            rows_per_block=rows_per_block,
        )
        whole = build_recommendations(model, purchases, days, sellers, AS_OF, 2)
        n_blocks = len(list((tmp_path / "blocks").glob("*.parquet")))
        assert n_blocks > 3 if rows_per_block < 1000 else n_blocks == 1
        pd.testing.assert_frame_equal(
            found.order_by("customer_id", "rank").to_pandas()[whole.columns.to_list()],
            whole.sort_values(["customer_id", "rank"], ignore_index=True),
            check_dtype=False,
        )

    def test_reasons_are_counted_by_item(self):
        reasons = [KINDS[0], f"{KINDS[2]} x, which", KINDS[3]]
        table = pd.DataFrame({"item": ["A", "A", "B"], "reason": reasons})
        counts = count_reasons(connect().create_table("lists", table))
        assert counts.index.to_list() == ["A", "B"]
        assert counts.loc["A"].to_list() == [1, 0, 1, 0]
        assert "in 50% of the lists" in plot_reasons(counts, 4).get_title(loc="left")
        assert plot_reasons(counts.head(0), 0).get_title(loc="left")
