import re

import pytest
import yaml

from src.errors import ParameterError
from src.features.rule_text import RuleError
from src.features.tags import check_tag_rules, read_tag_rules

GOOD = {"name": "often", "meaning": "Comes often.", "rule": "frequency >= 5", "owner": "crm"}


@pytest.fixture
def read(tmp_path):
    def make(content):
        file = tmp_path / "tags.yaml"
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        file.write_text(text, encoding="utf-8")
        return read_tag_rules(str(file))

    return make


def test_rules_of_the_project_are_a_dozen_and_explained():
    rules = read_tag_rules("params/tags.yaml")
    assert len(rules) == 12
    assert len({rule.meaning for rule in rules}) == 12


def test_rules_are_read_in_the_order_of_the_file(read):
    rules = read({"tags": [GOOD | {"name": "z"}, GOOD | {"name": "a"}]})
    assert [rule.name for rule in rules] == ["z", "a"]


def test_expiry_is_read_and_may_be_missing(read):
    rules = read({"tags": [GOOD | {"expires_days": 30}, GOOD | {"name": "b"}]})
    assert [rule.expires_days for rule in rules] == [30, None]


LAUGHS = "x0: &x0 [ha, ha, ha, ha, ha, ha, ha, ha]\n" + "".join(
    f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 8)}]\n" for i in range(1, 12)
)
BAD = {
    "a billion laughs": (LAUGHS + "tags: *x11\n", "found the keys ['x0'"),
    "a billion laughs for tags": (
        "tags: {" + LAUGHS.replace("\n", ", ") + "}",
        "Expected a list of at least one tag",
    ),
    "a billion laughs for a name": (
        "tags:\n- {" + LAUGHS.replace("\n", ", ") + "name: *x11}",
        "Tag number 1",
    ),
    "no list": ({"tags": "often"}, "Expected a list of at least one tag"),
    "no tags": ([GOOD], "Expected one list under `tags`"),
    "other key": ({"tags": [GOOD], "tag": []}, "found the keys ['tags', 'tag']"),
    "empty file": ("", "found NoneType"),
    "empty list": ({"tags": []}, "Expected a list of at least one tag"),
    "no YAML": ("tags: [\n  - {", "Expected YAML in"),
    "a tab": ("tags:\n\t- a", "at line 2; mend it"),
    "NUL": ("tags: \0", "Expected YAML in"),
    "deep YAML": ("[" * 5000, "Expected YAML in"),
    "bare template": ("tags: [{name: {{ x }}}]", "Expected YAML in"),
    "a tag of Python's": ("tags: !!python/object/apply:os.system [ls]", "Expected YAML in"),
    "rule given twice": (
        "tags:\n- name: a\n  rule: frequency > 1\n  rule: frequency > 2\n",
        "found the key 'rule' a second time at line 4",
    ),
    "text for a tag": ({"tags": ["often"]}, "Tag number 1"),
    "missing owner": ({"tags": [{k: GOOD[k] for k in GOOD if k != "owner"}]}, "a valid owner"),
    "unknown field": ({"tags": [GOOD | {"rul": "x"}]}, "a valid rul"),
    "empty meaning": ({"tags": [GOOD | {"meaning": " "}]}, "a valid meaning"),
    "bad name": ({"tags": [GOOD | {"name": "Often!"}]}, "Tag Often! of"),
    "name with an end": ({"tags": [GOOD | {"name": "a\n"}]}, "a valid name"),
    "name that would inject": ({"tags": [GOOD | {"name": "x'); drop table tags"}]}, "a valid name"),
    "truth for a rule": ("tags: [{name: a, meaning: b, rule: true, owner: c}]", "a valid rule"),
    "no days": ({"tags": [GOOD | {"expires_days": 0}]}, "a valid expires_days"),
    "half a day": ({"tags": [GOOD | {"expires_days": 1.5}]}, "a valid expires_days"),
    "text for days": ({"tags": [GOOD | {"expires_days": "30"}]}, "a valid expires_days"),
    "twice": ({"tags": [GOOD, GOOD]}, "found 'often' at line 2 already"),
    "reserved": ({"tags": [GOOD | {"name": "customer_id"}]}, "found 'customer_id'; rename it"),
    "bad rule": (
        {"tags": [GOOD, GOOD | {"name": "b", "rule": "frequenzy > 1"}]},
        "found 'frequenzy' at position 1; did you mean 'frequency'?",
    ),
}


@pytest.mark.parametrize(("content", "telling"), BAD.values(), ids=BAD)
def test_bad_file_is_refused_in_one_line(read, content, telling):
    with pytest.raises(ParameterError, match=re.escape(telling)) as caught:
        read(content)
    assert "tags.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_named():
    with pytest.raises(ParameterError, match=re.escape("at params/nowhere.yaml, found none")):
        read_tag_rules("params/nowhere.yaml")


def test_a_check_finds_every_error_of_a_file_and_its_line(tmp_path):
    file = tmp_path / "tags.yaml"
    file.write_text(
        "tags:\n"
        "- {name: fine, meaning: m, owner: o, rule: frequency > 1}\n"
        "- name: two\n"
        "  meaning: m\n"
        "  rule: frequency > 1 and recency_dys < 2\n"
        "  expires_days: -1\n"
        "- {name: fine, meaning: m, owner: o, rule: frequency > 1}\n"
    )
    found = check_tag_rules(str(file))
    assert [(check.tag, check.line, len(check.errors)) for check in found] == [
        ("fine", 2, 0),
        ("two", 3, 3),  # no owner, bad days, unknown column
        ("fine", 7, 1),
    ]
    assert found[0].read.rule == "frequency > 1"
    assert found[1].read is None
    assert isinstance(found[1].errors[2], RuleError)
    assert found[1].errors[2].position == 19
    with pytest.raises(ParameterError, match=r"Tag two of .*line 3: .*There are 3 more errors"):
        read_tag_rules(str(file))
