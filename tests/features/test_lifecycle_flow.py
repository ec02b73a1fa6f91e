import ibis
import pytest

from src.features import build_profiles
from src.features.portrait import lifecycle_flow as flow
from src.features.rhythm import LifecycleRules

AS_OF, BEFORE = "2017-09-30", "2017-09-02"


@pytest.fixture(scope="module")
def rows(line):
    def visits(who, *days, value=100):
        return [line(who, f"{who}{day}", f"{day} 10:00", value=value) for day in days]

    return [
        *visits("ann", "2017-08-01", "2017-08-15", "2017-08-29", value=1000),
        *visits("bob", "2017-05-01", "2017-06-04"),  # 90 days before 2 September
        *visits("cat", "2017-05-01", "2017-09-28", value=2000),
        *visits("dan", "2017-09-02", "2017-09-29"),
        *visits("eve", "2017-09-03"),
        *visits("fay", "2017-10-01"),
        *visits("ann", "2017-10-01"),
    ]


@pytest.fixture(scope="module")
def orders(table, rows):
    return table("orders", rows)


@pytest.fixture(scope="module")
def profiles(shop, rows):
    return build_profiles(*shop(rows), AS_OF).cache()


def stages(lifecycle):
    return lifecycle.to_pandas().set_index("customer_id")["lifecycle"].to_dict()


def test_stages_of_both_dates_are_those_of_the_rules(orders, profiles):
    # ann: gap 14; 4 days silent then; 32 days > 2 gaps now. cat: alone in May, 124 days silent
    before = stages(flow.build_lifecycle(orders, BEFORE))
    assert before == {"ann": "active", "bob": "lapsed", "cat": "lapsed", "dan": "new"}
    assert stages(flow.build_lifecycle(orders, AS_OF)) == {
        "ann": "slipping",
        "bob": "lapsed",
        "cat": "active",
        "dan": "new",
        "eve": "new",
    }


def test_stages_are_those_of_the_profiles(shop, rows, orders):
    rules = LifecycleRules(new_days=5, slipping_days=2, slipping_ratio=0.5, lapsed_days=60)
    for date in (BEFORE, "2017-09-04", AS_OF):
        profiles = build_profiles(*shop(rows), date, lifecycle_rules=rules)
        assert stages(flow.build_lifecycle(orders, date, rules)) == stages(profiles)


@pytest.fixture(scope="module")
def flows(orders, profiles):
    return flow.count_flows(flow.build_lifecycle(orders, BEFORE), profiles)


def test_flows_are_those_counted_by_hand(flows):
    assert list(flows.itertuples(index=False, name=None)) == [
        (flow.NOT_YET, "new", 1, 1.0, 1.0),  # eve
        ("new", "new", 1, 1.0, 2.0),  # dan
        ("active", "slipping", 1, 1.0, 30.0),  # ann
        ("lapsed", "active", 1, 0.5, 40.0),  # cat
        ("lapsed", "lapsed", 1, 0.5, 2.0),  # bob
    ]
    assert flow.count_movers(flows) == 2
    assert flow.describe_flows(flows, BEFORE) == (
        "Since 2017-09-02, 2 of the 4 customers of that day changed their stage, and 1 ordered "
        "for the first time."
    )


def test_neither_future_rows_nor_their_order_change_a_flow(table, rows, profiles, flows):
    known = [row for row in rows if row["ordered_at"] <= "2017-09-02 23:59"]
    for some in (known, rows[::-1]):
        before = flow.build_lifecycle(table("orders", some), BEFORE)
        assert flow.count_flows(before, profiles).equals(flows)


def test_customers_who_are_known_no_more_are_lost(orders, profiles):
    before = flow.build_lifecycle(orders, BEFORE)
    flows = flow.count_flows(before, profiles.filter(profiles.customer_id != "bob"))
    lost = flows[flows["stage_now"] == flow.LOST]
    assert list(lost.itertuples(index=False, name=None)) == [("lapsed", flow.LOST, 1, 0.5, 0.0)]
    assert flows["n_customers"].sum() == 5


def test_table_for_people_holds_every_flow(flows):
    table = flow.tabulate_flows(flows)
    assert table.columns.tolist() == ["new", "active", "slipping", "lapsed"]
    assert table.loc["lapsed"].tolist() == ["–", "1 (50%) · 40", "–", "1 (50%) · 2"]


def test_nobody_was_there_before(orders, profiles):
    flows = flow.count_flows(flow.build_lifecycle(orders, "2016-01-01"), profiles)
    assert flow.describe_flows(flows, "2016-01-01").startswith("**No flow:**")
    assert flows["n_customers"].sum() == 5
    assert flow.count_movers(flows) == 0


def test_earlier_run_tells_the_stages_before(orders, profiles):
    earlier = profiles.mutate(lifecycle=ibis.literal("lapsed"), as_of_date=ibis.date(BEFORE))
    before, date = flow.choose_before(earlier, orders, AS_OF, 28)
    assert date == BEFORE
    assert set(stages(before).values()) == {"lapsed"}


@pytest.mark.parametrize("has_earlier", [False, True], ids=["no-run", "empty-run"])
def test_without_an_earlier_run_the_days_count(orders, profiles, has_earlier):
    earlier = profiles.filter(profiles.customer_id == "nobody") if has_earlier else None
    before, date = flow.choose_before(earlier, orders, AS_OF, 28)
    assert date == BEFORE
    assert stages(before)["ann"] == "active"
