"""Words for a campaign: whatever a model does, the campaign goes on, and the report says so."""

from dataclasses import replace
import json
import logging
import re
import time

import pytest
import yaml

from src.campaign.copy import (
    Candidate,
    TemplateCopy,
    choose_tone,
    make_brief,
    make_judge,
    with_words,
    write_copy,
)
from src.campaign.copy_file import read_candidates, write_candidates
from src.campaign.copy_model import (
    KEY_VARIABLE,
    ModelCopy,
    ModelSettings,
    make_prompt,
    prompt_sha256,
)
from src.campaign.sealing import seal_messages
from src.campaign.trial import Setting, try_campaign
from src.decide.catalogue import Campaign, read_campaign
from src.errors import ConfigurationError, ParameterError
from tests.campaign import model_server
from tests.campaign.model_server import GOOD, saying, serving

pytest.importorskip("openai", reason="the extra llm is not installed; run make llm")

SECRET = "sk-not-to-be-seen-anywhere"
SETTING = Setting("2017-09-30")
ACTION = "five_dollars"
YOURS = "Yours through {{ valid_day }}, on one order."


@pytest.fixture(scope="module")
def plan():
    return read_campaign("params/campaigns/autumn_coupon.yaml")


@pytest.fixture(scope="module")
def brief(plan):
    return make_brief(plan, ACTION, SETTING)


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, SECRET)


def settings(url, **fields):
    return ModelSettings(url, "stub-1", seed=7, **{"timeout_seconds": 2.0, **fields})


def report_of(plan, brief, url, folder, **fields):
    model = ModelCopy(settings(url, **fields), folder)
    return write_copy(brief, [TemplateCopy(), model], make_judge(plan, brief, SETTING))


def goes_on(plan, report):
    """The campaign with the copy that passed is rendered, checked and sealed."""
    assert len(report.accepted) >= 3
    for candidate in report.accepted[:1] + report.accepted[3:4]:
        trial = try_campaign(with_words(plan, ACTION, candidate.words), SETTING)
        sealed = seal_messages(trial.messages, trial.facts)
        assert sealed["seal"].str.len().eq(64).all()


def test_a_good_answer_gives_candidates_with_their_source(plan, brief, tmp_path):
    with serving(saying(GOOD)) as server:
        report = report_of(plan, brief, server.url, tmp_path)
        path, headers, body = server.requests[0]
    assert [one.origin for one in report.accepted] == ["template"] * 3 + ["model"] * 2
    assert not report.notes
    source = report.accepted[-1].source
    assert source == {
        "model": "stub-1",
        "seed": 7,
        "temperature": 0.7,
        "prompt_sha256": prompt_sha256(brief, settings(server.url)),
    }
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert (body["model"], body["seed"], body["temperature"]) == ("stub-1", 7, 0.7)
    goes_on(plan, report)


FAILURES = {
    "silent": (model_server.silent, "more than 0.6 s"),
    "dripping": (model_server.dripping, "more than 0.6 s"),
    "slow head": (model_server.slow_head, "more than 0.6 s"),
    "a megabyte": (saying("x" * 1_000_000), "more than 65,536 bytes"),
    "endless": (model_server.endless, "more than 65,536 bytes"),
    "packed": (model_server.packed, "not be read|more than"),
    "breaking off": (model_server.breaking_off, "not reached, or broke off"),
    "nonsense": (saying("lorem ipsum { dolor"), "not in the form"),
    "no json": (model_server.raw(b"<html>"), "could not be read"),
    "not utf-8": (model_server.raw(b"\xff\xfe"), "could not be read"),
    "deep json": (model_server.raw(b"[" * 50_000), "could not be read"),
    "deep words": (saying('{"variants":' + "[" * 50_000 + "}"), "not in the form"),
    "no choices": (model_server.raw(b'{"choices": []}'), "could not be read"),
    "refusal": (saying(""), "said nothing"),
    "list of numbers": (saying({"variants": [1, 2]}), "not in the form"),
    "no variants": (saying({"variants": []}), "not in the form"),
    "numbers as words": (saying({"variants": [{"subject": 1, "preheader": 2}]}), "not in the form"),
    "very long words": (saying({"variants": [{"subject": "x" * 301}]}), "not in the form"),
    "429": (model_server.status(429), "answered 429"),
    "500": (model_server.status(500, b"\x00" * 10), "answered 500"),
    "key repeated": (model_server.status(401, SECRET.encode()), "answered 401"),
    "redirect": (model_server.status(307, b"", Location="http://127.0.0.1:9/"), "answered 307"),
}


@pytest.mark.parametrize(("behave", "told"), FAILURES.values(), ids=FAILURES.keys())
def test_with_a_model_that_fails_the_campaign_goes_on(plan, brief, tmp_path, caplog, behave, told):
    caplog.set_level(logging.DEBUG)
    with serving(behave) as server:
        start = time.monotonic()
        report = report_of(
            plan, brief, server.url, tmp_path, timeout_seconds=0.6 if "0.6" in told else 5.0
        )
        assert time.monotonic() - start < 15
    assert [one.origin for one in report.accepted] == ["template"] * 3
    (note,) = report.notes
    assert re.search(told, note), note
    assert "The copy is the templates'." in report.sentence()
    goes_on(plan, report)
    assert not list(tmp_path.glob("*.json"))  # what failed is not remembered
    assert SECRET not in caplog.text + report.sentence() + str(report)


def test_with_the_server_down_the_campaign_goes_on(plan, brief, tmp_path):
    with serving(saying(GOOD)) as server:
        url = server.url
    report = report_of(plan, brief, url, tmp_path)
    assert "not reached" in report.notes[0]
    goes_on(plan, report)


BAD_WORDS = {
    "wrong price": ("Save $50 on your order", YOURS, "numbers"),
    "wrong percentage": ("90% off for you", YOURS, "numbers"),
    "wrong day": (
        "{{ offer_headline }} until November 1",
        "On one order, as you like it.",
        "dates",
    ),
    "invented benefit": ("{{ offer_headline }} and free shipping", YOURS, "benefits"),
    "invented code": ("{{ offer_headline }} with code SAVE99", YOURS, "coupon"),
    "false scarcity": ("Only 3 left: {{ offer_headline }}", YOURS, "stock"),
    "Chinese": ("给您的专属优惠活动开始了", "有效期至本月底，欢迎光临本店选购", "language"),
    "Spanish": (
        "Para ti y para tu familia: las ofertas",
        "Una oferta para su compra en las tiendas.",
        "language",
    ),
    "a link": ("Go to evil.example now", YOURS, "links"),
    "markup": ("<b>Bold</b> news for you", YOURS, "markup_as_text"),
    "a broken sign": ("caf\ufffd for you", YOURS, "garbled"),
    "banned": ("Clinically proven tea", YOURS, "banned_words"),
    "much too long": ("x" * 120, YOURS, "length"),
    "code of a template": ("{{ lipsum() }}", YOURS, "Expected only merge fields"),
    "an unknown field": ("For {{ last_name }}", YOURS, "unknown field"),
    "an empty field": ("Code {{ coupon_code }}", YOURS, "coupon_code"),
    "an include": ("{% include '/etc/passwd' %}", YOURS, "Expected"),
    "a slot": ("[[terms]]", YOURS, "left_over"),
    "a person": ("For jane@example.org", YOURS, "personal_data"),
    "a hidden sign": ("For\u202eyou", YOURS, "Expected lines"),
    "nothing": ("", YOURS, "subject_present"),
}


@pytest.mark.parametrize(("subject", "preheader", "why"), BAD_WORDS.values(), ids=BAD_WORDS.keys())
def test_wrong_words_are_rejected_with_their_reason(plan, brief, tmp_path, subject, preheader, why):
    words = {"variants": [{"subject": subject, "preheader": preheader}]}
    with serving(saying(words)) as server:
        report = report_of(plan, brief, server.url, tmp_path)
    (rejected,) = report.rejected
    assert any(why in reason for reason in rejected.reasons), rejected.reasons
    assert [one.origin for one in report.accepted] == ["template"] * 3
    goes_on(plan, report)


@pytest.mark.parametrize(
    "words", [{"subject": "Hello there"}, {"subject": "Hi", "preheader": "x", "terms": "none"}]
)
def test_other_slots_than_asked_for_are_rejected(plan, brief, words):
    assert "asked for" in make_judge(plan, brief, SETTING)(Candidate(words, "model"))[0]


def test_the_same_prompt_is_asked_once(plan, brief, tmp_path):
    with serving(saying(GOOD)) as server:
        first = report_of(plan, brief, server.url, tmp_path)
        again = report_of(plan, brief, server.url, tmp_path)
        report_of(plan, replace(brief, goal="Another"), server.url, tmp_path)
        assert len(server.requests) == 2
    assert first.accepted == again.accepted
    kept = "".join(path.read_text() for path in tmp_path.iterdir())
    assert SECRET not in kept


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"answer": "x"}', "null", '{"prompt_sha256": 1}']
)
def test_a_damaged_memory_is_asked_anew(plan, brief, tmp_path, damage):
    with serving(saying(GOOD)) as server:
        report_of(plan, brief, server.url, tmp_path)
        (path,) = tmp_path.iterdir()
        path.write_text(damage)
        assert len(report_of(plan, brief, server.url, tmp_path).accepted) == 5
        assert len(server.requests) == 2


def test_what_decides_the_answer_decides_the_hash(brief):
    base = settings("http://127.0.0.1:1/v1")
    others = [replace(base, seed=8), replace(base, temperature=0.1), replace(base, model="m")]
    hashes = {prompt_sha256(brief, one) for one in [base, *others]}
    hashes |= {prompt_sha256(replace(brief, offer="10% off"), base)}
    assert len(hashes) == 5


def test_the_prompt_has_the_offer_the_tone_and_no_person(plan, brief):
    text = json.dumps(make_prompt(brief))
    assert "$5 off, from $40, through October 28, 2017" in text
    assert "Tone: warm" in text
    assert plan.sender_address not in text


@pytest.mark.parametrize(
    "url", ["http://api.example.com/v1", "ftp://a/b", "", "https://", "file:///etc/passwd"]
)
def test_a_server_elsewhere_needs_https(url):
    with pytest.raises(ParameterError, match="https"):
        settings(url)


def test_a_server_elsewhere_needs_a_key(brief, tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(ConfigurationError, match=KEY_VARIABLE):
        ModelCopy(settings("https://llm.invalid/v1"), tmp_path).generate(brief)


@pytest.mark.parametrize(
    ("tags", "tone"),
    [
        ([], "warm"),
        (["bargain_hunter"], "direct"),
        (["lapsed_regular"], "gentle"),
        (["newcomer", "x"], "welcoming"),
    ],
)
def test_tone_and_length_come_from_the_tags(tags, tone):
    found = choose_tone(tags)
    assert found.tone == tone
    assert 30 <= found.subject_columns <= 60


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("tag", ["bargain_hunter", "champion", "newcomer", "lapsed_regular"])
@pytest.mark.parametrize("discount", [0.0, 0.2])
def test_every_sentence_of_the_templates_passes_every_check(plan, language, tag, discount):
    fields = plan.model_dump() | {"language": language, "audience": {"tags": (tag,)}}
    action = {"label": "a", "template": "win_back", "discount_share": discount}
    campaign = Campaign.model_validate(fields | {"actions": {"offer": action}})
    setting = replace(SETTING, currency={"en": "USD", "zh": "CNY"}[language])
    brief = make_brief(campaign, "offer", setting, n_variants=3)
    found = TemplateCopy().generate(brief)
    assert len(found) == 3
    judge = make_judge(campaign, brief, setting)
    for candidate in found:
        assert judge(candidate) == (), candidate.words


def test_candidates_are_written_and_read_but_not_changed_between(plan, brief, tmp_path):
    report = write_copy(brief, [TemplateCopy()], make_judge(plan, brief, SETTING))
    path = tmp_path / "candidates.yaml"
    write_candidates(report, path)
    action, found = read_candidates(path)
    assert (action, list(found)) == (ACTION, [one.candidate_id for one in report.accepted])
    content = yaml.safe_load(path.read_text())
    content["accepted"][0]["words"]["subject"] = "Save $60"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ParameterError, match="as they were checked"):
        read_candidates(path)
