"""Tags over several runs: what enters, leaves, expires, and that only what changed is judged."""

import datetime as dt
import itertools
import random

import ibis
import pandas as pd
import pytest

from src.features import tag_changes
from src.features.tag_changes import EarlierTags, changed_profiles
from src.features.tag_history import build_tags
from src.features.tags import TagRule

SCHEMA = {
    "customer_id": "string",
    "as_of_date": "date",
    "frequency": "int64",
    "gap_mean_days": "float64",
    "lifecycle": "string",
}
numbers = itertools.count()


def rule(name, text, expires_days=None):
    return TagRule(name=name, meaning="m", rule=text, owner="o", expires_days=expires_days)


@pytest.fixture
def make(engine):
    """Profiles from rows of customer, frequency, gap, stage of life."""

    def build(date, *rows, schema=SCHEMA):
        frame = pd.DataFrame(
            [(who, dt.date.fromisoformat(date), *values) for who, *values in rows],
            columns=list(SCHEMA),
        )
        return engine.create_table(f"profiles_{next(numbers)}", frame, schema=schema, temp=True)

    return build


def later(profiles, tables):
    """Hand the tables of a run on to the next, as if they had been written and read."""
    rules = ibis.memtable(tables.rules)
    return EarlierTags(profiles, tables.history.cache(), rules)


def rows_of(table, *columns):
    frame = table.select(*columns).to_pandas()
    frame = frame.astype(object).where(frame.notna(), None)
    short = [[str(v)[5:10] if "date" in c else v for c, v in zip(columns, row, strict=True)]
             for row in frame.itertuples(index=False)]  # fmt: skip
    return sorted(tuple(None if v == "" else v for v in row) for row in short)


def history_of(tables):
    return rows_of(tables.history, "customer_id", "tag", "entered_date", "left_date")


def carried(tables):
    return [f"{who}:{tag}" for who, tag in rows_of(tables.tags, "customer_id", "tag")]


OFTEN = rule("often", "frequency >= 5")


def test_customers_carry_every_tag_that_applies(make):
    profiles = make(
        "2017-09-30", ("a", 1, None, "new"), ("b", 5, 3.0, "new"), ("c", 9, 4.0, "lapsed")
    )
    rules = (
        OFTEN,
        rule("rare", "frequency < 2", expires_days=30),
        rule("slow", "gap_mean_days >= 4"),
        rule("nobody", "frequency > 99"),
        rule("frequency", "frequency = 9"),  # a tag may bear the name of a column
    )
    tables = build_tags(profiles, rules, "2017-09-30")
    assert carried(tables) == ["a:rare", "b:often", "c:frequency", "c:often", "c:slow"]
    frame = tables.tags.to_pandas()
    assert {str(day)[:10] for day in frame["as_of_date"]} == {"2017-09-30"}
    assert {str(day)[:10] for day in frame["entered_date"]} == {"2017-09-30"}
    expires = frame.set_index("tag")["expires_date"].dropna()
    assert [(tag, str(day)[:10]) for tag, day in expires.items()] == [("rare", "2017-10-30")]
    assert tables.judged_anew == ("often", "rare", "slow", "nobody", "frequency")


def test_all_ties_reach_the_quantile(make):
    profiles = make("2017-09-30", ("a", 3, None, "new"), ("b", 3, None, "new"))
    tables = build_tags(
        profiles, (rule("top", "frequency >= quantile(frequency, 0.9)"),), "2017-09-30"
    )
    assert carried(tables) == ["a:top", "b:top"]
    assert tables.rules["thresholds"].tolist() == ['{"quantile(frequency, 0.9)": 3.0}']


def test_a_tag_is_entered_left_and_entered_anew(make):
    first = make("2017-01-31", ("a", 5, 1, "new"), ("b", 5, 1, "new"), ("c", 1, 1, "new"))
    tables = build_tags(first, (OFTEN,), "2017-01-31")
    assert history_of(tables) == [("a", "often", "01-31", None), ("b", "often", "01-31", None)]
    # a leaves, b stays, c enters, d is new
    second = make(
        "2017-02-28", ("a", 4, 1, "new"), ("b", 6, 1, "new"), ("c", 5, 1, "new"), ("d", 9, 1, "new")
    )
    tables = build_tags(second, (OFTEN,), "2017-02-28", later(first, tables))
    assert tables.judged_anew == ()
    assert history_of(tables) == [
        ("a", "often", "01-31", "02-28"),
        ("b", "often", "01-31", None),
        ("c", "often", "02-28", None),
        ("d", "often", "02-28", None),
    ]
    assert carried(tables) == ["b:often", "c:often", "d:often"]
    # a comes back, b is gone from the shop
    third = make("2017-03-31", ("a", 5, 1, "new"), ("c", 5, 1, "new"), ("d", 9, 1, "new"))
    tables = build_tags(third, (OFTEN,), "2017-03-31", later(second, tables))
    assert history_of(tables) == [
        ("a", "often", "01-31", "02-28"),
        ("a", "often", "03-31", None),
        ("b", "often", "01-31", "03-31"),
        ("c", "often", "02-28", None),
        ("d", "often", "02-28", None),
    ]


def test_an_expired_tag_comes_back_only_after_its_rule_has_failed(make):
    brief = (rule("often", "frequency >= 5", expires_days=31),)
    seen = []
    before = None
    for date, frequency in (
        ("2017-01-31", 5),  # entered, until 2017-03-03
        ("2017-03-02", 5),  # the last day
        ("2017-03-03", 5),  # expired, though the rule holds
        ("2017-04-30", 5),  # still
        ("2017-05-31", 4),  # the rule fails
        ("2017-06-30", 5),  # entered anew, until 2017-07-31
    ):
        profiles = make(date, ("a", frequency, 1, "new"))
        tables = build_tags(profiles, brief, date, before)
        before = later(profiles, tables)
        seen.append(carried(tables))
    assert seen == [["a:often"], ["a:often"], [], [], [], ["a:often"]]
    columns = ("entered_date", "expires_date", "left_date")
    assert rows_of(tables.history, *columns) == [
        ("01-31", "03-03", "05-31"),
        ("06-30", "07-31", None),
    ]


def test_a_changed_expiry_counts_for_those_who_carry_the_tag(make):
    profiles = make("2017-01-31", ("a", 5, 1, "new"))
    before = later(profiles, build_tags(profiles, (OFTEN,), "2017-01-31"))
    now = make("2017-02-28", ("a", 5, 1, "new"))
    short = build_tags(now, (rule("often", "frequency >= 5", 28),), "2017-02-28", before)
    longer = build_tags(now, (rule("often", "frequency >= 5", 29),), "2017-02-28", before)
    assert (carried(short), carried(longer)) == ([], ["a:often"])
    assert short.judged_anew == ()


def test_a_changed_rule_and_a_removed_tag_are_judged_for_all(make):
    profiles = make("2017-01-31", ("a", 5, 1, "new"), ("b", 7, 1, "new"))
    rules = (OFTEN, rule("fresh", "lifecycle = 'new'"), rule("old", "frequency >= 1"))
    before = later(profiles, build_tags(profiles, rules, "2017-01-31"))
    rules = (rule("often", "frequency >= 6"), rules[1], rule("some", "frequency >= 1"))
    tables = build_tags(profiles, rules, "2017-02-28", before)
    assert tables.judged_anew == ("often", "some")
    assert history_of(tables) == [
        ("a", "fresh", "01-31", None),
        ("a", "often", "01-31", "02-28"),
        ("a", "old", "01-31", "02-28"),
        ("a", "some", "02-28", None),
        ("b", "fresh", "01-31", None),
        ("b", "often", "01-31", None),
        ("b", "old", "01-31", "02-28"),
        ("b", "some", "02-28", None),
    ]


def test_a_moved_threshold_is_judged_for_all(make):
    above = (rule("above", "frequency > quantile(frequency, 0.5)"),)
    first = make("2017-01-31", ("a", 1, 1, "new"), ("b", 2, 1, "new"), ("c", 3, 1, "new"))
    before = later(first, build_tags(first, above, "2017-01-31"))  # above 2: c
    second = make("2017-02-28", ("a", 9, 1, "new"), ("b", 2, 1, "new"), ("c", 3, 1, "new"))
    tables = build_tags(second, above, "2017-02-28", before)  # above 3: a, and c no longer
    assert tables.judged_anew == ("above",)
    assert carried(tables) == ["a:above"]
    third = make("2017-02-28", ("a", 1, 9, "new"), ("b", 2, 1, "new"), ("c", 3, 1, "new"))
    assert build_tags(third, above, "2017-02-28", before).judged_anew == ()


def test_a_column_of_another_type_or_that_is_new_is_judged_for_all(make):
    profiles = make("2017-01-31", ("a", 5, 1, "new"))
    before = later(profiles, build_tags(profiles, (OFTEN,), "2017-01-31"))
    other = make("2017-01-31", ("a", 5, 1, "new"), schema=SCHEMA | {"frequency": "float64"})
    assert build_tags(other, (OFTEN,), "2017-01-31", before).judged_anew == ("often",)
    lacking = EarlierTags(profiles.drop("frequency"), before.history, before.rules)
    assert build_tags(profiles, (OFTEN,), "2017-01-31", lacking).judged_anew == ("often",)


def test_a_tag_over_a_feature_that_is_not_computed_goes_to_nobody(make):
    profiles = make("2017-01-31", ("a", 5, 1, "new"))
    rules = (OFTEN, rule("weekend", "weekend_share >= 0 or frequency > 0"))
    tables = build_tags(profiles, rules, "2017-01-31")
    assert (tables.left_out, carried(tables)) == (("weekend",), ["a:often"])
    known = profiles.mutate(weekend_share=0.5)
    tables = build_tags(known, rules, "2017-02-28", later(profiles, tables))
    assert (tables.left_out, tables.judged_anew) == ((), ("weekend",))
    assert carried(tables) == ["a:often", "a:weekend"]
    tables = build_tags(profiles, rules, "2017-03-31", later(known, tables))
    assert history_of(tables) == [
        ("a", "often", "01-31", None),
        ("a", "weekend", "02-28", "03-31"),
    ]
    nothing = build_tags(profiles, rules[1:], "2017-01-31")
    assert (carried(nothing), history_of(nothing)) == ([], [])


def test_only_customers_with_a_changed_value_are_judged(make, monkeypatch):
    first = make("2017-01-31", ("a", 5, None, "new"), ("b", 5, 2.0, "new"), ("c", 5, 2.0, "new"))
    before = later(
        first, build_tags(first, (OFTEN, rule("gap", "gap_mean_days > 1")), "2017-01-31")
    )
    second = make(
        "2017-02-28", ("a", 5, None, "lapsed"), ("b", 5, 2.5, "new"), ("d", 5, None, "new")
    )
    judged = []
    find = tag_changes.find_holders

    def spy(profiles, rules, thresholds):
        judged.extend(profiles.customer_id.execute() if rules else ())
        return find(profiles, rules, thresholds)

    monkeypatch.setattr(tag_changes, "find_holders", spy)
    rules = (OFTEN, rule("gap", "gap_mean_days > 1"))
    build_tags(second, rules, "2017-02-28", before)
    assert sorted(judged) == ["b", "d"]  # a's stage of life is in no rule, c is gone
    changed = changed_profiles(second, first, ["frequency", "gap_mean_days"])
    assert sorted(changed.customer_id.execute()) == ["b", "c", "d"]


def test_a_value_that_moves_to_another_column_is_a_change(make):
    first = make("2017-01-31", ("a", 5, None, "new"), ("b", None, None, "new"))
    second = make("2017-01-31", ("a", None, 5.0, "new"), ("b", None, None, "new"))
    changed = changed_profiles(second, first, ["frequency", "gap_mean_days"])
    assert list(changed.customer_id.execute()) == ["a"]


def test_of_several_runs_of_one_date_the_last_counts(make):
    first = make("2017-01-31", ("a", 5, 1, "new"), ("b", 1, 1, "new"))
    before = later(first, build_tags(first, (OFTEN,), "2017-01-31"))
    wrong = make("2017-02-28", ("a", 1, 1, "new"), ("b", 9, 1, "new"))
    mistaken = build_tags(wrong, (OFTEN,), "2017-02-28", before)
    assert history_of(mistaken) == [("a", "often", "01-31", "02-28"), ("b", "often", "02-28", None)]
    right = make("2017-02-28", ("a", 5, 1, "new"), ("b", 1, 1, "new"))
    mended = build_tags(right, (OFTEN,), "2017-02-28", later(wrong, mistaken))
    assert history_of(mended) == [("a", "often", "01-31", None)]
    again = build_tags(right, (OFTEN,), "2017-02-28", later(right, mended))
    assert history_of(again) == history_of(mended)


# --- against a plain model, on random shops ---------------------------------------------------

TEXTS = (
    "frequency >= 3",
    "frequency > quantile(frequency, 0.5)",
    "gap_mean_days < quantile(gap_mean_days, 0.75) or frequency = 1",
    "not gap_mean_days > 2",
    "lifecycle in ('new', 'lapsed') and frequency < 4",
    "coalesce(gap_mean_days, 0) * frequency > 4",
    "gap_mean_days is null",
    "frequency / gap_mean_days > 1",
)


def shop(chance, customers):
    return {
        who: (chance.randint(0, 5), chance.choice([None, 0.0, 1.0, 2.5, 4.0]),
              chance.choice(["new", "active", "lapsed"]))
        for who in customers
    }  # fmt: skip


def model(history, holders, date):
    """Spells by hand: a list of [customer, tag, entered, left]."""
    before = [
        [who, tag, entered, None if left == date else left]
        for who, tag, entered, left in history
        if entered != date
    ]
    is_open = {(who, tag) for who, tag, _, left in before if left is None}
    after = [
        [who, tag, entered, date if left is None and (who, tag) not in holders else left]
        for who, tag, entered, left in before
    ]
    return after + [[*pair, date, None] for pair in holders - is_open]


@pytest.mark.parametrize("seed", range(8))
def test_judging_what_changed_gives_what_judging_all_gives(engine, seed):
    chance = random.Random(seed)
    people = shop(chance, "abcdefgh")
    before, spells, day = None, [], dt.date(2017, 1, 1)
    for _ in range(4):
        day += dt.timedelta(days=chance.choice([0, 1, 30]))
        people = {who: row for who, row in people.items() if chance.random() > 0.1}
        people |= shop(chance, chance.sample("abcdefghij", chance.randint(0, 3)))
        people = people or shop(chance, "a")
        names = chance.sample(range(6), chance.randint(1, 6))
        rules = tuple(
            rule(f"t{i}", TEXTS[i if chance.random() > 0.15 else i + 2], 5 * i or None)
            for i in names
        )
        frame = pd.DataFrame([(w, day, *row) for w, row in people.items()], columns=list(SCHEMA))
        profiles = engine.create_table(f"p_{next(numbers)}", frame, schema=SCHEMA, temp=True)
        tables = build_tags(profiles, rules, day.isoformat(), before)
        alone = build_tags(profiles, rules, day.isoformat())
        holders = {tuple(row) for row in rows_of(alone.history, "customer_id", "tag")}
        spells = model(spells, holders, str(day)[5:])
        assert history_of(tables) == sorted(map(tuple, spells))
        if before is not None:
            unknown = EarlierTags(
                before.profiles, before.history, before.rules.mutate(rule=ibis.literal("other"))
            )
            full = build_tags(profiles, rules, day.isoformat(), unknown)
            assert full.judged_anew == tuple(r.name for r in rules)
            assert_equal(tables.history, full.history)
            assert_equal(tables.tags, full.tags)
        before = later(profiles, tables)


def assert_equal(ours, theirs):
    frames = [t.order_by("customer_id", "tag", "entered_date").to_pandas() for t in (ours, theirs)]
    pd.testing.assert_frame_equal(*frames)
