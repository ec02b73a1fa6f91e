"""For each check at least five violations that it finds, and five look-alikes that it passes."""

from dataclasses import replace

import pytest

from src.campaign.checks import CHECKS, check_messages
from src.ledger import content_sha256
from tests.campaign.check_cases import EN, LOOK_ALIKES, PLANTED, build

CONTEXTS = {
    "mail": ("en", "email"),
    "mail zh": ("zh", "email"),
    "sms": ("en", "sms"),
    "sms zh": ("zh", "sms"),
    "push": ("en", "push"),
    "social": ("en", "social"),
    "bare": ("en", "email", {key: value for key, value in EN.items() if key != "stock"}),
}


@pytest.fixture(scope="module")
def contexts():
    built = {name: build(*how) for name, how in CONTEXTS.items()}
    rows, facts = built["mail"]
    built["nobody"] = rows.assign(customer_id="c9"), facts
    built["kept back"] = rows, replace(facts, withheld={"c1": ("Green tea",)})
    built["longer"] = rows, replace(facts, withheld={"c1": ("Green", "tea", "Tea")})
    rows, facts = built["mail zh"]
    built["kept back zh"] = rows, replace(facts, withheld={"c1": ("绿茶",)})
    return built


def broken(contexts, case):
    rows, facts = contexts[case.context]
    parts = case.apply({name: rows[name][0] for name in ("subject", "html", "text")})
    changed = rows.assign(**parts, content_sha256=content_sha256(*parts.values()))
    return check_messages(changed, facts)[1]


def listed(cases):
    return [
        pytest.param(check, case, id=f"{check}-{number}")
        for check, some in cases.items()
        for number, case in enumerate(some)
    ]


def test_untouched_messages_pass_every_check(contexts):
    for name in CONTEXTS:
        faults = check_messages(*contexts[name])[1]
        assert faults.empty, (name, faults[["check", "place", "found"]].values.tolist())


@pytest.mark.parametrize(("check", "case"), listed(PLANTED))
def test_planted_violation_is_found(contexts, check, case):
    faults = broken(contexts, case)
    assert check in set(faults["check"]), str(case)
    assert (
        faults.loc[faults["check"] == check, ["place", "expected", "found"]].notna().all(axis=None)
    )


@pytest.mark.parametrize(("check", "case"), listed(LOOK_ALIKES))
def test_look_alike_passes(contexts, check, case):
    faults = broken(contexts, case)
    assert check not in set(faults["check"]), faults.loc[faults["check"] == check, "found"].tolist()


@pytest.mark.parametrize("cases", [PLANTED, LOOK_ALIKES], ids=["planted", "look-alikes"])
def test_every_check_has_five_cases(cases):
    assert set(cases) == {check.name for check in CHECKS}
    assert min(len(some) for some in cases.values()) >= 5


def test_place_expected_and_found_are_told(contexts):
    rows, facts = contexts["mail"]
    wrong = rows.assign(text=rows["text"].str.replace("$30", "$300"))
    fault = check_messages(wrong, facts)[1].set_index("check").loc["numbers"]
    fault = fault if fault.ndim == 1 else fault.iloc[0]
    assert (fault["place"], fault["found"]) == ("text", "$300")
    assert fault["expected"].startswith("20% off plus free shipping, up to $30, from $40")
