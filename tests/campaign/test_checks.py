import re

import pytest

from src.campaign.checks import CHECKS, check_messages, require_clean
from src.errors import TemplateError

SIGN = "⟦unsubscribe_url⟧"


def broken_checks(messages, facts, customer_id="c1"):
    faults = check_messages(messages, facts)[1]
    return set(faults.loc[faults["customer_id"] == customer_id, "check"])


def changed(messages, customer_id="c1", **parts):
    """Replace (old, new) in parts of one message; the old must be there."""
    rows = messages.copy()
    for part, (old, new) in parts.items():
        text = rows.loc[customer_id, part]
        assert old in text, old
        rows.loc[customer_id, part] = text.replace(old, new)
    return rows


def test_messages_of_the_shipped_templates_pass_every_check(messages, facts):
    summary, faults = check_messages(messages, facts)
    assert set(faults["check"]) == {"no_products"}  # c3 has nothing of its own: a warning
    assert len(summary) == len(CHECKS) == 37
    asked = summary.set_index("check")["n_messages"]
    assert set(asked) == {0, 3}
    assert asked[["numbers", "sms_parts"]].tolist() == [3, 0]
    require_clean(faults)


def test_names_of_checks_are_unique_and_reasons_are_given():
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert all(check.reason.endswith(".") and len(check.reason) < 50 for check in CHECKS)


def subject(text):
    return {"subject": ("10% off the produce department through October 28", text)}


def body(html):
    return {"html": ("Thank you", f"{html} Thank you")}


def plain(text):
    return {"text": ("Thank you", f"{text} Thank you")}


PLANTED = [
    ("subject_present", subject("")),
    ("subject_present", subject("10%")),
    ("subject_present", subject("!!! 🎉")),
    ("length", subject("x" * 79)),
    ("length", subject("⟦first_name⟧ " + "x" * 60)),  # 20 for the name + 61 = 81
    ("control_signs", subject("a\r\nBcc: x")),
    ("control_signs", subject("a\tb")),
    ("control_signs", body("a\x00b")),
    ("control_signs", plain("a\u202eb")),
    ("control_signs", plain("a\u2028b")),
    ("unsubscribe", {"html": (f'href="{SIGN}"', 'href="https://shop.example.com/"')}),
    ("unsubscribe", {"text": (SIGN, "https://shop.example.com/u")}),
    ("unsubscribe", {"html": (f'href="{SIGN}"', f'title="{SIGN}"')}),
    ("postal_address", {"html": ("1 Market Square", "Market Square")}),
    ("postal_address", {"text": ("1 Market Square, Springfield", "")}),
    ("numbers", {"html": ("10% off", "20% off")}),
    ("numbers", {"text": ("$6", "$60")}),
    ("numbers", subject("$10 off")),
    ("stock", body("Only 3 left")),
    ("numbers", body('<img alt="50% off">')),
    ("dates", {"html": ("October 28, 2017", "October 29, 2017")}),
    ("dates", {"text": ("October 28, 2017", "October 28, 2018")}),
    ("dates", subject("10% off through November 28")),
    ("benefits", body("with free shipping")),
    ("benefits", plain("and a gift")),
    ("benefits", subject("Buy one, get one")),
    ("offer_stated", {"html": ("$6", "6 bucks")}),
    ("offer_stated", {"text": ("October 28, 2017", "October 28")}),
    ("offer_stated", {"text": ("10% off", "a discount")}),
    ("links", {"html": ("https://shop.example.com/", "https://evil.example/")}),
    ("links", {"html": ("https://shop.example.com/", "http://shop.example.com/")}),
    ("links", {"html": ("https://shop.example.com/", "https://shop.example.com@evil.example/")}),
    ("links", {"html": ("https://shop.example.com/", "https://shop.example.com.evil.example/")}),
    ("links", {"html": ("https://shop.example.com/", "https://shop.example.com:8080/")}),
    ("links", {"html": ("https://shop.example.com/", "//shop.example.com/")}),
    ("links", {"html": ("https://shop.example.com/", "/offers")}),
    ("links", {"html": ("https://shop.example.com/", "https://shop.example.com\\@evil.example")}),
    ("links", {"html": ("https://shop.example.com/", "mailto:someone@example.org")}),
    ("links", plain("See https://evil.example/x")),
    ("links", plain("See (www.evil.example)")),
    ("links", body("Go to evil.example now")),
    ("scripts", body("<script>x()</script>")),
    ("scripts", body('<p onclick="x()">a</p>')),
    ("scripts", {"html": ("https://shop.example.com/", "javascript:alert(1)")}),
    ("scripts", {"html": ("https://shop.example.com/", "java\nscript:alert(1)")}),
    ("scripts", {"html": ("https://shop.example.com/", "JaVaScRiPt&#58;alert(1)")}),
    ("scripts", {"html": ("https://shop.example.com/", "data:text/html,x")}),
    ("scripts", body('<iframe srcdoc="x"></iframe>')),
    ("scripts", body("<form><input></form>")),
    ("scripts", body("<svg><a></a></svg>")),
    ("scripts", body('<meta http-equiv="refresh" content="0">')),
    ("scripts", plain("java script:alert(1)")),
    ("remote_content", body('<img src="https://shop.example.com/a.png" alt="">')),
    ("remote_content", body("<p style=\"background:url('https://x.example/a')\">a</p>")),
    ("remote_content", body('<table role="presentation" background="x"></table>')),
    ("remote_content", body("<style>@import 'x';</style>")),
    ("left_over", body("{{ department }}")),
    ("left_over", plain("{% if %}")),
    ("left_over", subject("Hello %(name)s")),
    ("left_over", plain("Dear None,")),
    ("left_over", body("saves you nan")),
    ("markers", plain("⟦last_name⟧")),
    ("markers", body("⟦first_name")),
    ("markers", subject("Hi ⟦first_name⟧⟧")),
    ("markup_as_text", plain("<b>10% off</b>")),
    ("markup_as_text", plain("Milk &amp; honey")),
    ("markup_as_text", body("Milk &amp;amp; honey")),
    ("markup_as_text", subject("A &#39;deal&#39;")),
    ("html_size", body("x" * 102_000)),
    ("accessible", {"html": (' lang="en"', "")}),
    ("accessible", body("<table><tr><td>a</td></tr></table>")),
    ("accessible", {"html": ("title>", "b>")}),
    ("personal_data", plain("Ask jane.doe@example.org")),
    ("personal_data", body("jane.doe@example.org")),
    ("subject_for_phones", subject("a" * 61)),
    ("shouting", subject("HURRY, LAST DAY")),
    ("shouting", body("Now!!")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "change"), PLANTED, ids=[f"{check}-{i}" for i, (check, _) in enumerate(PLANTED)]
)
def test_planted_fault_is_found(messages, facts, check, change):
    assert check in broken_checks(changed(messages, **change), facts)


LOOK_ALIKES = [
    subject("Produce for you, ten percent off"),
    subject("x" * 60),
    subject("For ⟦first_name⟧: something green"),
    body("A b c … naïve café, 日本語"),
    body("Offer: 10 % off"),
    body("It is valid through 28 October 2017."),
    body("feel free to look around"),
    body("Nonesuch, nanny and Nullarbor"),
    body("Fish &amp; chips, a &lt; b"),
    body('<p class="onions" title="Once">a</p>'),
    body('<a class="quiet" href="mailto:hello@shop.example.com">Write to us</a>'),
    body('<a class="quiet" href="https://shop.example.com/a/b?c=d#e">More</a>'),
    body('<a class="quiet" href="https://shop.example.com:443/">More</a>'),
    body("We like java. Script: none."),
    body("See shop.example.com"),
    body("e.g. apples, i.e. fruit."),
    body("Ice, crushed or cubed"),
    plain("Write to hello@shop.example.com."),
    plain("See https://shop.example.com/a."),
    plain("3 > 2".replace("3", "c").replace("2", "d")),
    plain("AT&T style & co"),
    plain("Really? Yes!"),
]  # fmt: skip


@pytest.mark.parametrize("change", LOOK_ALIKES, ids=range(len(LOOK_ALIKES)))
def test_look_alike_passes(messages, facts, change):
    assert broken_checks(changed(messages, **change), facts) == set()


def test_number_in_a_product_name_is_no_claim(messages, facts):
    from dataclasses import replace

    named = replace(facts, phrases={"c1": ["7 grain bread", "Free gift eggs"]})
    rows = changed(messages, **body("7 grain bread, Free gift eggs"))
    assert broken_checks(rows, named) == set()
    assert broken_checks(rows, facts) == {"numbers", "benefits"}


def test_right_number_of_another_action_is_wrong_here(messages, facts):
    assert "numbers" in broken_checks(changed(messages, **body("$5 off")), facts)
    assert "numbers" in broken_checks(changed(messages, "c2", **body("10% off")), facts, "c2")


def test_first_fault_is_named_and_stops(messages, facts):
    faults = check_messages(changed(messages, html=("10% off", "15% off")), facts)[1]
    with pytest.raises(TemplateError, match=re.escape("'15% off' in html of ten_percent")) as error:
        require_clean(faults.assign(found="15% off"))
    assert "'numbers'" in str(error.value)


def test_fault_names_only_the_start_of_a_pseudonym(messages, facts):
    rows = messages.copy()
    rows.loc["c1", ["customer_id", "subject"]] = ["a" * 64, ""]
    faults = check_messages(rows, facts)[1]
    with pytest.raises(TemplateError) as error:
        require_clean(faults)
    assert "a" * 8 in str(error.value)
    assert "a" * 9 not in str(error.value)


def test_warnings_do_not_stop(messages, facts):
    summary, faults = check_messages(changed(messages, **subject("a" * 61)), facts)
    require_clean(faults)
    warned = summary.set_index("check")["n_faulty"]
    assert warned["subject_for_phones"] == 1


def test_no_messages_give_no_faults(messages, facts):
    summary, faults = check_messages(messages.head(0), facts)
    assert (summary["n_faulty"] == 0).all()
    require_clean(faults)
