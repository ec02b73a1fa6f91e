import re

import ibis
import pandas as pd
import pytest
import yaml

from src.errors import ParameterError
from src.features.tags import TagRule, build_tags, read_tag_rules

GOOD = {"name": "often", "meaning": "Comes often.", "rule": "frequency >= 5", "owner": "crm"}


@pytest.fixture
def read(tmp_path):
    def make(content):
        file = tmp_path / "tags.yaml"
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        file.write_text(text, encoding="utf-8")
        return read_tag_rules(str(file))

    return make


@pytest.fixture
def profiles(engine):
    rows = {
        "customer_id": ["a", "b", "c"],
        "as_of_date": [pd.Timestamp("2017-09-30").date()] * 3,
        "frequency": [1, 5, 9],
        "gap_mean_days": [None, 3.0, 4.0],
    }
    schema = {
        "customer_id": "string",
        "as_of_date": "date",
        "frequency": "int64",
        "gap_mean_days": "float64",
    }
    return engine.create_table("tag_profiles", pd.DataFrame(rows), schema=schema, overwrite=True)


def rule(name, text):
    return TagRule(name=name, meaning="m", rule=text, owner="o")


def test_customers_carry_every_tag_that_applies(profiles):
    rules = (
        rule("often", "frequency >= 5"),
        rule("rare", "frequency < 2"),
        rule("slow", "gap_mean_days >= 4"),
        rule("nobody", "frequency > 99"),
    )
    tags = build_tags(profiles, rules).to_pandas()
    assert sorted(zip(tags["customer_id"], tags["tag"], strict=True)) == [
        *(("a", "rare"), ("b", "often"), ("c", "often"), ("c", "slow")),
    ]
    assert {str(day)[:10] for day in tags["as_of_date"]} == {"2017-09-30"}


def test_a_tag_may_bear_the_name_of_a_column(profiles):
    rules = (rule("frequency", "frequency = 1"), rule("often", "frequency = 9"))
    tags = build_tags(profiles, rules).to_pandas()
    assert sorted(tags["tag"]) == ["frequency", "often"]


def test_all_ties_reach_the_quantile(engine):
    profiles = ibis.memtable(
        {"customer_id": ["a", "b"], "as_of_date": ["x", "x"], "frequency": [3, 3]}
    )
    tags = build_tags(profiles, (rule("top", "frequency >= quantile(frequency, 0.9)"),))
    assert engine.execute(tags.count()) == 2


def test_rules_of_the_project_are_a_dozen_and_explained():
    rules = read_tag_rules("params/tags.yaml")
    assert len(rules) == 12
    assert len({rule.meaning for rule in rules}) == 12


def test_rules_are_read_in_the_order_of_the_file(read):
    rules = read({"tags": [GOOD | {"name": "z"}, GOOD | {"name": "a"}]})
    assert [rule.name for rule in rules] == ["z", "a"]


BAD = {
    "no list": ({"tags": "often"}, "Expected a valid list of tags"),
    "no tags": ([GOOD], "Expected one list under `tags`"),
    "other key": ({"tags": [GOOD], "tag": []}, "found the keys ['tags', 'tag']"),
    "empty file": ("", "found NoneType"),
    "empty list": ({"tags": []}, "Expected at least one tag"),
    "no YAML": ("tags: [\n  - {", "Expected YAML in"),
    "text for a tag": ({"tags": ["often"]}, "tag number 1"),
    "missing owner": ({"tags": [{k: GOOD[k] for k in GOOD if k != "owner"}]}, "tag 'often', owner"),
    "unknown field": ({"tags": [GOOD | {"rul": "x"}]}, "tag 'often', rul"),
    "empty meaning": ({"tags": [GOOD | {"meaning": " "}]}, "tag 'often', meaning"),
    "bad name": ({"tags": [GOOD | {"name": "Often!"}]}, "tag 'Often!', name"),
    "truth for a rule": ("tags: [{name: a, meaning: b, rule: true, owner: c}]", "tag 'a', rule"),
    "twice": ({"tags": [GOOD, GOOD]}, "found ['often'] twice"),
    "reserved": ({"tags": [GOOD | {"name": "customer_id"}]}, "found ['customer_id'] twice or"),
    "bad rule": (
        {"tags": [GOOD, GOOD | {"name": "b", "rule": "frequenzy > 1"}]},
        "found 'frequenzy' at position 1; did you mean 'frequency'?",
    ),
}


@pytest.mark.parametrize(("content", "telling"), BAD.values(), ids=BAD)
def test_bad_file_is_refused_in_one_sentence(read, content, telling):
    with pytest.raises(ParameterError, match=re.escape(telling)) as caught:
        read(content)
    assert "tags.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_named():
    with pytest.raises(ParameterError, match=re.escape("at params/nowhere.yaml, found none")):
        read_tag_rules("params/nowhere.yaml")
