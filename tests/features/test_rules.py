import contextlib
import re

from hypothesis import given, settings
from hypothesis import strategies as st
import ibis
import pandas as pd
import pytest

from src.data.tables import table_contract
from src.errors import ParameterError
from src.features.rule_text import FUNCTIONS
from src.features.rules import compile_rule

PROFILES = ibis.table({c.name: c.type for c in table_contract("profiles").columns}, name="profiles")


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
    }
    return engine.create_table("rule_profiles", pd.DataFrame(rows), overwrite=True)


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
        ("frequency * 100 > 899", "a"),  # no narrow integers
        ("spend_365_value > 1e1", "abc"),
        ("true = (frequency = 1)", "b"),
        ("recency_days < 40\n  and frequency > 1", "a"),
    ],
)
def test_rule_selects_whom_it_says(profiles, rule, who):
    chosen = profiles.filter(compile_rule(rule, profiles)).customer_id.execute()
    assert "".join(sorted(chosen)) == who


BAD = {
    "unknown column": ("recency_dys < 30", "'recency_dys' at position 1; did you mean 'recency_d"),
    "column in capitals": ("Frequency > 1", "did you mean 'frequency'?"),
    "far column": (
        "frequency > 1 and zzz > 2",
        "'zzz' at position 19; see docs/data_dictionary.md",
    ),
    "identifier": ("customer_id = 'a'", "'customer_id' at position 1"),
    "date": ("as_of_date = '2017-01-01'", "'as_of_date' at position 1"),
    "unknown function": ("frequency > quantil(frequency, 0.9)", "did you mean 'quantile'?"),
    "aggregate": ("spend_365_value > sum(spend_365_value)", "'sum' at position 19; use one of"),
    "random": ("frequency > random()", "'random' at position 13"),
    "file reader": ("frequency > read_text('/etc/passwd')", "'read_text' at position 13"),
    "subquery": ("frequency > (select 1)", "'select' at position 14"),
    "union": ("frequency > 1 union all frequency", "'union' at position 15"),
    "second statement": ("frequency > 1; drop table orders", "';' at position 14"),
    "line comment": ("frequency > 1 -- and recency_days < 3", "no comment"),
    "block comment": ("frequency /* hm */ > 1", "no comment"),
    "open comment": ("frequency > 1 /* hm", "at position 15"),
    "open quote": ("lifecycle = 'new", "at position 13; write texts as 'text'"),
    "double quotes": ('lifecycle = "new"', "'new' at position 13"),
    "case": ("case when frequency > 1 then true end", "'case' at position 1"),
    "cast": ("frequency::text = '1'", "'::' at position 10"),
    "like": ("top_department like 'A%'", "'like' at position 16"),
    "table name": ("profiles.frequency > 1", "'profiles' at position 1"),
    "bracket": ("frequency[1] > 1", "'[' at position 10"),
    "parameter": ("frequency > ?", "'?' at position 13"),
    "bare fraction": ("discount_share > .5", "'.' at position 18"),
    "power": ("frequency ^ 2 > 4", "'^' at position 11"),
    "modulo": ("frequency % 2 = 0", "'%' at position 11"),
    "concatenation": ("lifecycle || 'x' = 'newx'", "'||' at position 11"),
    "interval": ("recency_days < interval '3 days'", "'interval' at position 16"),
    "alias": ("frequency > 1 as frequency", "'as' at position 15"),
    "hidden alias": ("frequency > 1 recency_days", "AS recency_days"),
    "star": ("* > frequency", "'*' at position 1"),
    "stops early": ("frequency >", "a gap or a stray word at position 11"),
    "doubled or": ("frequency > 1 or or recency_days < 2", "a stray word at position"),
    "open bracket": ("(frequency > 1", "a complete condition"),
    "closing bracket": ("frequency > 1)", "a complete condition"),
    "two arguments": ("abs(frequency, 2) > 1", "a complete condition"),
    "no argument": ("frequency > coalesce()", "a complete condition"),
    "value": ("frequency", "a condition, found frequency (a number) at position 1"),
    "sum as condition": ("frequency + 1", "(a number) at position 1"),
    "text as number": ("frequency > '3'", "a number, found '3' (a text) at position 13"),
    "number as text": ("lifecycle = 3", "a text, found 3 (a number) at position 13"),
    "number and condition": ("frequency and recency_days > 1", "a condition, found frequency"),
    "not of a number": ("not frequency", "a condition, found frequency (a number) at position 5"),
    "minus of a text": ("-lifecycle = 'x'", "a number, found lifecycle (a text) at position 2"),
    "text between": ("frequency between 'a' and 3", "found 'a' (a text) at position 19"),
    "mixed list": ("frequency in (1, 'b')", "found 'b' (a text) at position 18"),
    "mixed choice": ("coalesce(lifecycle, 3) = 'x'", "a text, found 3 (a number)"),
    "unknown stage": (
        "lifecycle = 'slippin'",
        "'slippin' at position 13; did you mean 'slipping'?",
    ),
    "unknown stage in list": ("lifecycle in ('new', 'gone')", "'gone' at position 22; use one of"),
    "empty list": ("frequency in ()", "a list of values after `in`"),
    "list of one without brackets": ("frequency in 3", "a list of values after `in`"),
    "list of a list": ("frequency in ((1, 2))", "at position"),
    "tuple": ("(frequency, recency_days) = (1, 2)", "at position"),
    "equals null": ("gap_mean_days = null", "write `is null` or `is not null`"),
    "is true": ("(frequency > 1) is true", "null after `is`"),
    "quantile without share": (
        "frequency > quantile(frequency)",
        "a gap or a stray word at position 31",
    ),
    "quantile above one": ("frequency > quantile(frequency, 90)", "a share from 0 to 1"),
    "quantile of a sum": ("frequency > quantile(frequency + 1, 0.9)", "a column and a share"),
    "quantile of a text": ("frequency > quantile(lifecycle, 0.9)", "a number, found lifecycle"),
    "quantile by column": ("frequency > quantile(frequency, discount_share)", "a share from 0"),
    "infinite": ("frequency < 1e999", "a finite number, found 1e999 at position 13"),
    "no column": ("1 = 1", "a condition on a column"),
    "empty": ("", "a condition on a column"),
    "template": ("frequency > {{ 3 }}", "'{' at position 13"),
    "curly quotes": ("lifecycle = ‘new’", "at position 13"),
    "too long": ("frequency > 1 and " * 40, "at most 500 characters"),
    "too deep": (" or ".join(["frequency = 1"] * 25), "at most 20 levels"),
    "deep brackets": ("(" * 200 + "frequency" + ")" * 200, "levels"),
    "deep not": ("not " * 110 + "frequency = 1", "levels"),
}


@pytest.mark.parametrize(("rule", "telling"), BAD.values(), ids=BAD)
def test_bad_rule_is_refused_in_one_sentence_that_says_where_and_how(rule, telling):
    with pytest.raises(ParameterError, match=re.escape(telling)) as caught:
        compile_rule(rule, PROFILES)
    text = str(caught.value)
    assert re.fullmatch(r"Expected .+, found .+ at position \d+; .+[.?]", text, re.DOTALL)
    assert "\n" not in text


WORDS = st.sampled_from(
    [
        *("frequency", "lifecycle", "discount_share", "1", "0.5", "'new'", "null", "true"),
        *FUNCTIONS,
        *"( ) , = <> > >= < <= and or not in is between + - * / ; -- select".split(),
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.lists(WORDS, max_size=12).map(" ".join), st.text(max_size=30)))
def test_any_text_is_either_a_condition_or_refused(rule):
    with contextlib.suppress(ParameterError):
        assert compile_rule(rule, PROFILES).type().is_boolean()
