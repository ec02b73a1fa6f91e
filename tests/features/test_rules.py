import contextlib
import re
import sys
import time

from hypothesis import given, settings
from hypothesis import strategies as st
import ibis
import pandas as pd
import pytest

from src.features.rule_text import FUNCTIONS, RuleError
from src.features.rules import compile_rule, find_thresholds, read_rule
from src.features.tags import rule_columns
from tests.features.hostile_rules import HOSTILE

COLUMNS = rule_columns()


@pytest.fixture(scope="module")
def profiles(engine):
    rows = {
        "customer_id": ["a", "b", "c", "d"],
        "recency_days": [0, 10, 40, 400],
        "frequency": [9, 1, 3, 2],
        "spend_365_value": [100.0, 20.0, 30.0, 0.0],
        "gap_mean_days": [2.0, None, 10.0, 0.0],
        "lifecycle": ["active", "new", "slipping", "lapsed"],
        "top_department": ["FUEL", None, "it's", "MEAT"],
        "has_consent": [True, False, None, True],
    }
    return engine.create_table("rule_profiles", pd.DataFrame(rows), overwrite=True)


def chosen(profiles, text) -> str:
    rule = read_rule(text, profiles.schema())
    condition = compile_rule(rule, profiles, find_thresholds([rule], profiles))
    return "".join(sorted(profiles.filter(condition).customer_id.execute()))


@pytest.mark.parametrize(
    ("rule", "who"),
    [
        ("recency_days < 40", "ab"),
        ("recency_days <= 40 and not frequency = 1", "ac"),
        ("lifecycle = 'new' or lifecycle in ('lapsed', 'slipping')", "bcd"),
        ("lifecycle <> 'new' and lifecycle != 'lapsed'", "ac"),
        ("recency_days between 10 and 40", "bc"),
        ("recency_days not between 10 and 40", "ad"),
        ("gap_mean_days is null", "b"),
        ("top_department is not null and top_department not in ('FUEL')", "cd"),
        ("top_department = 'it''s'", "c"),
        ("gap_mean_days > 1", "ac"),  # unknown is no
        ("not gap_mean_days > 1", "d"),  # and so is its opposite
        ("recency_days / gap_mean_days >= 4", "c"),  # 40 / 10; by zero is unknown, not infinite
        ("coalesce(gap_mean_days, 30) >= 10", "bc"),
        ("least(frequency, recency_days) = 1", "b"),
        ("greatest(frequency, recency_days) > 39", "cd"),
        ("abs(frequency - 3) <= 1", "cd"),
        ("-frequency > -3", "bd"),
        ("(frequency + 1) * 2 = 8", "c"),
        # spend 0 20 30 100: the median is 25, the upper quartile 47.5
        ("spend_365_value >= quantile(spend_365_value, 0.5)", "ac"),
        ("spend_365_value > QUANTILE(spend_365_value, 0.75)", "a"),
        ("spend_365_value > 1.5 * quantile(spend_365_value, 0.5) AND frequency >= 3", "a"),
        # gaps 0 2 10, one missing: the median is 2
        ("gap_mean_days >= quantile(gap_mean_days, 0.50)", "ac"),
        ("frequency * 100 > 899", "a"),  # no narrow integers
        ("recency_days" + " * recency_days" * 8 + " > 1e23", "d"),  # 400^9, beyond 64 bits
        ("spend_365_value > 1e1", "abc"),
        ("true = (frequency = 1)", "b"),
        ("has_consent", "ad"),
        ("not has_consent and frequency > 0", "b"),
        ("recency_days < 40\n  and frequency > 1", "a"),
        (" or ".join(["frequency = 1"] * 55), "b"),  # long, but not deep
    ],
)
def test_rule_selects_whom_it_says(profiles, rule, who):
    assert chosen(profiles, rule) == who


def test_quantile_of_a_column_without_values_selects_nobody(engine):
    rows = {"customer_id": ["a", "b"], "frequency": [1.0, 2.0], "gap": [None, None]}
    schema = {"customer_id": "string", "frequency": "float64", "gap": "float64"}
    nothing = engine.create_table("no_gaps", pd.DataFrame(rows), schema=schema, overwrite=True)
    assert chosen(nothing, "frequency >= quantile(gap, 0.5)") == ""
    assert chosen(nothing, "frequency >= coalesce(quantile(gap, 0.5), 2)") == "b"


def test_thresholds_are_looked_up_once_for_all_rules(profiles):
    texts = [
        "frequency > quantile(frequency, 0.5)",
        "frequency > QUANTILE(frequency, 0.50) or spend_365_value > quantile(spend_365_value, 1)",
    ]
    rules = [read_rule(text, profiles.schema()) for text in texts]
    assert find_thresholds(rules, profiles) == {
        "quantile(frequency, 0.5)": 2.5,  # of 1 2 3 9
        "quantile(spend_365_value, 1.0)": 100.0,
    }
    assert find_thresholds([read_rule("frequency > 1", profiles.schema())], profiles) == {}


def test_every_part_of_a_rule_knows_its_text():
    text = "not (frequency  in (1, 2)) and -abs(r_score) < 3 or lifecycle is not null"
    found = {node.meta["text"] for node in read_rule(text, COLUMNS).tree.dfs()}
    assert found >= {
        "not (frequency  in (1, 2))",
        "(frequency  in (1, 2))",
        "frequency  in (1, 2)",
        "-abs(r_score) < 3",
        "-abs(r_score)",
        "abs(r_score)",
        "lifecycle is not null",
        text,
    }


def test_columns_of_other_types_are_not_for_rules():
    columns = ibis.schema({"frequency": "int64", "born": "date", "seen_at": "timestamp"})
    for text in ("born > '2000-01-01'", "seen_at is null"):
        with pytest.raises(RuleError, match="Expected a column of profiles"):
            read_rule(text, columns)


def test_there_are_a_hundred_hostile_rules():
    assert len({rule for rule, *_ in HOSTILE.values()}) >= 100


@pytest.mark.parametrize(("rule", "position", "telling"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_rule_is_refused_at_its_place_with_a_remedy_soon_and_shallow(
    rule, position, telling
):
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(_depth() + 450)
    started = time.perf_counter()
    try:
        with pytest.raises(RuleError, match=re.escape(telling)) as caught:
            read_rule(rule, COLUMNS)
    finally:
        sys.setrecursionlimit(limit)
    assert time.perf_counter() - started < 1
    assert caught.value.position == position
    text = str(caught.value)
    assert re.fullmatch(r"Expected .+, found .+ at position \d+; .+[.?]", text)
    assert text.isprintable()


def _depth() -> int:
    frame, n = sys._getframe(), 0
    while frame:
        frame, n = frame.f_back, n + 1
    return n


WORDS = st.sampled_from(
    [
        *("frequency", "lifecycle", "discount_share", "1", "0.5", "'new'", "null", "true"),
        *FUNCTIONS,
        *"( ) , = <> > >= < <= and or not in is between + - * / ; -- select".split(),
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.lists(WORDS, max_size=12).map(" ".join),
        st.lists(WORDS, min_size=100, max_size=150).map(" ".join),
        st.tuples(WORDS, WORDS, WORDS).map(lambda some: (" ".join(some) + " ") * 60),
        st.text(max_size=30),
    )
)
def test_any_text_is_either_a_condition_or_refused(rule):
    with contextlib.suppress(RuleError):
        read = read_rule(rule, COLUMNS)
        assert compile_rule(read, ibis.table(COLUMNS), dict.fromkeys(_names(read), 1.0)) is not None


def _names(read):
    return [
        f"quantile({node.this.name}, {float(node.args['quantile'].name)!r})"
        for node in read.quantiles
    ]
