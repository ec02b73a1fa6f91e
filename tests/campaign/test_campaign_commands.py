"""`campanile campaign`: write a file, check it, find words, approve them."""

import json
import shutil

import pytest
from typer.testing import CliRunner
import yaml

from src import campaign_file_commands as commands
from src.campaign.copy import Candidate
from src.campaign.copy_approval import approve_file, is_approved
from src.campaign.copy_file import add_variants
from src.campaign.trial import Setting, try_campaign
from src.cli import app
from src.decide.catalogue import read_campaign
from src.errors import ParameterError, TemplateError
from src.ledger import open_ledger, verify_audit
from src.ledger.audit import account, read_audit
from src.root import PROJECT_ROOT

SETTING = Setting("2017-09-30")
FILE = PROJECT_ROOT / "params" / "campaigns" / "autumn_coupon.yaml"
WORDS = {
    "subject": "For you: {{ offer_headline }}",
    "preheader": "On one order, through {{ valid_day }}.",
}
ANSWERS = {
    "--name": "spring_tea",
    "--goal": 'More tea: a "fresh" start',
    "--template": "win_back",
    "--sender": "Tea Shop",
    "--address": "hello@shop.example.com",
    "--postal": "1 Market Square",
    "--unsubscribe": "https://shop.example.com/u",
    "--discount": "0.2",
    "--minimum": "40",
    "--coupon": "TEA20",
}


def run(*arguments, **options):
    return CliRunner().invoke(app, ["campaign", *map(str, arguments)], **options)


def error_of(result):
    return str(result.exception)


@pytest.fixture
def file(tmp_path):
    return shutil.copy(FILE, tmp_path / "autumn_coupon.yaml")


def options(**changes):
    return [one for pair in (ANSWERS | changes).items() for one in pair if pair[1] is not None]


def test_new_file_is_a_campaign_that_passes_every_check(tmp_path):
    path = tmp_path / "spring_tea.yaml"
    result = run("new", "--output", path, *options(), "--tag", "lapsed_regular", "--owner", "Ann")
    assert result.exit_code == 0, result.output
    campaign = read_campaign(str(path))
    assert campaign.goal == 'More tea: a "fresh" start'
    assert (campaign.owner, campaign.audience.tags) == ("Ann", ("lapsed_regular",))
    assert campaign.actions["offer"].discount_share == 0.2
    assert try_campaign(campaign, SETTING).errors.empty
    checked = run("check", path)
    assert checked.exit_code == 0, checked.output
    assert "1 arms pass every check" in checked.output


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("channel", ["email", "sms", "push", "social"])
def test_new_file_of_each_channel_and_language_passes(tmp_path, channel, language):
    path = tmp_path / "a.yaml"
    result = run("new", "--output", path, *options(), "--channel", channel, "--language", language)
    assert result.exit_code == 0, result.output
    assert run("check", path).exit_code == 0


def test_new_asks_nothing_without_a_terminal_and_names_what_is_missing(tmp_path):
    result = run(
        "new", "--output", tmp_path / "a.yaml", *options(**{"--goal": None, "--postal": None})
    )
    assert isinstance(result.exception, ParameterError)
    assert "goal (What should it achieve" in error_of(result)
    assert "postal_address" in error_of(result)
    assert not list(tmp_path.iterdir())


def test_new_asks_on_a_terminal(tmp_path, monkeypatch):
    class Terminal:
        @staticmethod
        def isatty():
            return True

    monkeypatch.setattr(commands.sys, "stdin", Terminal)
    asked = []
    monkeypatch.setattr(
        commands.typer,
        "prompt",
        lambda question, default=None: (
            asked.append(question) or (default if default not in (None, "") else "Spring")
        ),
    )
    path = tmp_path / "a.yaml"
    commands.new(
        output=path,
        **dict.fromkeys(("goal", "channel", "language", "amount", "benefit", "margin"), None),
        name="spring",
        template="win_back",
        discount=0.1,
        minimum=0.0,
        coupon="",
        sender="Shop",
        address="a@b.example",
        postal="1 Square",
        unsubscribe="https://shop.example.com/u",
    )
    assert len(asked) == 6
    assert read_campaign(str(path)).goal == "Spring"


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--name", "Spring Tea!", "campaign_id"),
        ("--channel", "fax", "channel"),
        ("--coupon", "a b", "coupon_code"),
        ("--discount", "2", "discount_share"),
    ],
)
def test_new_names_the_answer_that_is_wrong(tmp_path, option, value, told):
    result = run("new", "--output", tmp_path / "a.yaml", *options(), option, value)
    assert isinstance(result.exception, ParameterError)
    assert told in error_of(result)
    assert not list(tmp_path.iterdir())


def test_new_replaces_nothing_unasked(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("mine")
    assert "found one" in error_of(run("new", "--output", path, *options()))
    assert path.read_text() == "mine"
    assert run("new", "--output", path, *options(), "--force").exit_code == 0


def test_check_shows_place_expected_and_found_and_fails(file):
    bold = 'variants:\n      bold:\n        slots: {subject: "Save $50 now"}'
    old = "template: basket_offer"
    text = FILE.read_text().replace(old, f"{old}\n    {bold}")
    file.write_text(text)
    result = run("check", file)
    assert result.exit_code == 1
    lines = [line.strip() for line in result.output.splitlines()]
    at = lines.index("in subject of five_dollars")
    assert lines[at + 1].startswith("expected  $5 off, from $40, through October 28, 2017")
    assert lines[at + 2] == "found     $50"
    assert lines[-1].endswith("it would be stopped.")
    assert any(line.startswith("numbers") and "STOPS" in line for line in lines)


def test_check_names_a_template_that_is_not_there(file):
    file.write_text(FILE.read_text().replace("template: basket_offer", "template: no_such"))
    assert isinstance(run("check", file).exception, TemplateError)


def test_copy_writes_candidates_to_read(file, tmp_path):
    path = tmp_path / "candidates.yaml"
    result = run("copy", file, "--action", "five_dollars", "--output", path)
    assert result.exit_code == 0, result.output
    content = yaml.safe_load(path.read_text())
    assert len(content["accepted"]) == 3
    assert content["said"] == "3 of 3 candidates passed: 3 by template."


def test_copy_with_a_model_that_is_down_says_so_and_goes_on(file, tmp_path):
    pytest.importorskip("openai")
    path = tmp_path / "candidates.yaml"
    model = ["--model", "m", "--url", "http://127.0.0.1:9/v1"]
    result = run("copy", file, "--action", "five_dollars", "--output", path, *model)
    assert result.exit_code == 0, result.output
    content = yaml.safe_load(path.read_text())
    assert len(content["accepted"]) == 3
    assert "not reached" in content["notes"][0]
    assert "not reached" in result.output


def test_copy_names_the_actions_there_are(file):
    assert "five_dollars" in error_of(run("copy", file, "--action", "nothing"))


def test_approved_words_become_an_arm_and_the_log_says_who(file, tmp_path):
    candidate = Candidate(
        WORDS, "model", {"model": "m-1", "prompt_sha256": "a" * 64, "seed": 3, "temperature": 0.7}
    )
    with open_ledger(tmp_path) as ledger:
        assert not is_approved(ledger, file)
        campaign = approve_file(ledger, file, SETTING, "five_dollars", {"calm": candidate})
        assert is_approved(ledger, file)
        (entry,) = read_audit(ledger)
        assert not verify_audit(ledger).findings
    assert list(campaign.actions) == [
        "ten_percent",
        "five_dollars__as_written",
        "five_dollars__calm",
    ]
    assert campaign.actions["five_dollars__calm"].slots == WORDS
    assert (entry.actor, entry.action, entry.subject) == (
        account(),
        "approve campaign file",
        "autumn_coupon",
    )
    words = json.loads(entry.details)["words"]["calm"]
    assert words["model"] == "m-1"
    assert words["prompt_sha256"] == "a" * 64
    kept = [
        line for line in FILE.read_text().splitlines() if line not in file.read_text().splitlines()
    ]
    assert not kept, "a line of the file was lost"
    file.write_text(file.read_text() + "# a later change\n")
    with open_ledger(tmp_path) as ledger:
        assert not is_approved(ledger, file)


def test_a_second_candidate_joins_the_first(file, tmp_path):
    other = Candidate(WORDS | {"subject": "A thank-you: {{ offer_headline }}"}, "template")
    with open_ledger(tmp_path) as ledger:
        approve_file(ledger, file, SETTING, "ten_percent", {"calm": Candidate(WORDS, "template")})
        campaign = approve_file(ledger, file, SETTING, "ten_percent", {"warm": other})
        assert len(list(read_audit(ledger))) == 2
    assert [name for name in campaign.actions if name.startswith("ten")] == [
        "ten_percent__as_written",
        "ten_percent__calm",
        "ten_percent__warm",
    ]


def test_words_that_break_a_check_are_not_approved_and_the_file_stays(file, tmp_path):
    wrong = Candidate(WORDS | {"subject": "$50 off"}, "model")
    with open_ledger(tmp_path) as ledger:
        with pytest.raises(TemplateError, match="numbers"):
            approve_file(ledger, file, SETTING, "five_dollars", {"bold": wrong})
        assert not list(read_audit(ledger))
    assert file.read_text() == FILE.read_text()


def test_a_campaign_that_breaks_a_check_is_not_approved(file, tmp_path):
    file.write_text(FILE.read_text().replace("1 Market Square, Springfield", "''"))
    with open_ledger(tmp_path) as ledger:
        with pytest.raises((TemplateError, ParameterError)):
            approve_file(ledger, file, SETTING)
        assert not list(read_audit(ledger))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("  five_dollars:", "  other:"),
        lambda text: text + "    variants:\n      calm: {slots: {subject: x}}\n",
        lambda text: text + "    variants: {}\n",
    ],
    ids=["no such action", "the name is taken", "braces"],
)
def test_file_that_cannot_take_a_variant_stays_as_it_was(file, change):
    file.write_text(change(FILE.read_text()))
    before = file.read_text()
    with pytest.raises(ParameterError):
        add_variants(file, "five_dollars", {"calm": Candidate(WORDS, "template")})
    assert file.read_text() == before


@pytest.mark.parametrize(
    "words",
    [
        'with "quotes"',
        "back\\slash",
        "# no comment",
        "a: b",
        "- list",
        "好茶，{{ offer_headline }}",
        "'single'",
        "{{ x }}: {y}",
    ],
)
def test_any_words_survive_the_file(file, words):
    add_variants(file, "ten_percent", {"odd": Candidate({"subject": words}, "template")})
    assert read_campaign(str(file)).actions["ten_percent__odd"].slots == {"subject": words}
