import datetime as dt

import ibis
import pandas as pd
import pytest

from src.errors import ParameterError
from src.features.tag_changes import EarlierTags
from src.features.tag_explain import Part, explain_customer, find_customer
from src.features.tag_history import build_tags
from src.features.tags import TagRule

DAY = dt.date(2017, 9, 30)
SCHEMA = {
    "customer_id": "string",
    "as_of_date": "date",
    "frequency": "int64",
    "recency_days": "int64",
    "gap_mean_days": "float64",
    "lifecycle": "string",
}


@pytest.fixture
def explain(engine):
    """Explain one rule to one customer: c9, of four customers."""
    rows = [
        ("c9", DAY, 3, 40, None, "slipping"),
        ("ca1", DAY, 1, 5, 2.0, "new"),
        ("ca2", DAY, 5, 10, 4.0, "active"),
        ("d", DAY, 7, 400, 6.0, "lapsed"),
    ]
    frame = pd.DataFrame(rows, columns=list(SCHEMA))
    profiles = engine.create_table("explained", frame, schema=SCHEMA, overwrite=True)

    def make(text, customer="c9"):
        rule = TagRule(name="t", meaning="m", rule=text, owner="o", expires_days=30)
        tables = build_tags(profiles, (rule,), "2017-09-30")
        run = EarlierTags(profiles, tables.history, ibis.memtable(tables.rules))
        return explain_customer(run, customer)[0]

    return make


@pytest.mark.parametrize(
    ("text", "holds", "because"),
    [
        ("frequency >= 3", True, ["frequency >= 3"]),
        ("frequency >= 3 and recency_days < 99", True, ["frequency >= 3", "recency_days < 99"]),
        ("frequency > 3 and recency_days < 99", False, ["frequency > 3"]),
        ("frequency > 3 and recency_days > 99", False, ["frequency > 3", "recency_days > 99"]),
        ("frequency > 3 or recency_days < 99", True, ["recency_days < 99"]),
        ("frequency > 3 or recency_days > 99", False, ["frequency > 3", "recency_days > 99"]),
        ("frequency > 2 and gap_mean_days > 1", None, ["gap_mean_days > 1"]),
        ("frequency > 3 and gap_mean_days > 1", False, ["frequency > 3"]),
        ("frequency > 2 or gap_mean_days > 1", True, ["frequency > 2"]),
        ("not (frequency > 3 or recency_days > 99)", True, ["frequency > 3", "recency_days > 99"]),
        ("not gap_mean_days > 1", None, ["gap_mean_days > 1"]),
        ("lifecycle not in ('new', 'active')", True, ["lifecycle not in ('new', 'active')"]),
        ("gap_mean_days is not null", False, ["gap_mean_days is not null"]),
        ("not frequency  between 1\n and 2", True, ["frequency between 1 and 2"]),
        (
            "(frequency > 9 or recency_days > 9 and lifecycle = 'slipping') and frequency < 9",
            True,
            ["recency_days > 9", "lifecycle = 'slipping'", "frequency < 9"],
        ),
    ],
)
def test_the_parts_that_decided_are_named(explain, text, holds, because):
    why = explain(text)
    assert why.holds is holds
    assert why.is_carried is bool(holds)
    assert [part.text for part in why.because] == because


def test_values_and_thresholds_are_shown(explain):
    # frequencies 1 3 5 7: the median is 4
    why = explain("frequency < quantile(frequency, 0.5) and gap_mean_days is null")
    assert why.values == {"frequency": 3, "gap_mean_days": None, "quantile(frequency, 0.5)": 4.0}
    assert why.because[0] == Part("frequency < quantile(frequency, 0.5)", True)
    assert (why.entered_date, why.expires_date) == (DAY, dt.date(2017, 10, 30))


def test_who_never_had_a_tag_has_no_dates(explain):
    why = explain("frequency > 99")
    assert (why.entered_date, why.expires_date, why.left_date) == (None, None, None)


def test_a_rule_over_a_feature_that_was_not_computed_says_so(explain):
    why = explain("weekend_share > 0.5 and frequency > 0")
    assert (why.lacks, why.holds, why.is_carried) == (("weekend_share",), None, False)
    assert why.values == {"frequency": 3, "weekend_share": None}
    assert why.because == ()


def test_a_customer_is_found_by_unique_first_letters():
    profiles = ibis.memtable({"customer_id": ["ab", "abc", "b%", "c"]})
    assert find_customer(profiles, "ab") == "ab"
    assert find_customer(profiles, "abc") == "abc"
    assert find_customer(profiles, "b") == "b%"
    for text, what in (("a", "several"), ("x", "nobody"), ("%", "nobody"), ("", "several")):
        with pytest.raises(ParameterError, match=f"found {what}"):
            find_customer(profiles, text)
