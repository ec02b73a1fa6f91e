"""No message with a wrong price or an empty field reaches the outbox, by whatever path."""

import html as html_words

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
import pandas as pd
import pytest

from src.campaign import render
from src.campaign.content import describe_offers
from src.campaign.copy import with_words
from src.campaign.message import gather_facts
from src.campaign.placeholders import fill, marker
from src.campaign.render import render_messages
from src.campaign.sealing import CheckedMessages, seal_messages
from src.campaign.templates import load_arms
from src.campaign.wording import Wording
from src.decide.catalogue import read_campaign
from src.errors import MarketingError, TemplateError
from src.ledger import (
    content_sha256,
    count_states,
    open_ledger,
    plan_messages,
    record_assignments,
)
from src.ledger.schema import contents

ARM, SHOP_URL = "five_dollars", "https://shop.example.com/"
TEA = {"name": "Green tea", "department": "tea", "initial": "G", "price": "$3", "was_price": "$4"}
SLOTS = ("subject", "preheader", "opening", "headline", "button", "terms", "offer_for")
EMPTY = ("", " ", "\t", "\n ", "\u200b", "\u2060 ", None, "None", "nan", "NaN", "undefined", "null")
BAG = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

prices = st.integers(1, 9_999).filter(lambda price: price not in (3, 4, 5, 40))
phrases = st.sampled_from(
    [
        "${} off",
        "{}% off",
        "save ${}",
        "{} dollars off",
        "now only {}",
        "${}.00",
        "orders of ${} or more",
        "${}",
    ]
)


@pytest.fixture(scope="module")
def plan():
    return read_campaign("params/campaigns/autumn_coupon.yaml")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    with open_ledger(tmp_path_factory.mktemp("gate")) as ledger:
        drawn = {"campaign_id": "autumn_coupon", "customer_id": ["c1"], "action": ARM}
        moment = pd.Timestamp("2017-09-30", tz="UTC")
        frame = pd.DataFrame(drawn).assign(pscore=0.5, salt="s", policy_version="1")
        record_assignments(ledger, frame.assign(decided_at=moment))
        yield ledger


def offers_of(plan):
    return describe_offers(plan, "2017-09-30", 28, "USD")


def rendered(plan, products=(TEA,), department="tea"):
    decisions = pd.DataFrame({"customer_id": ["c1"], "action": [ARM]})
    rows = render_messages(
        decisions,
        plan,
        load_arms(plan),
        offers_of(plan),
        {"c1": department},
        {"c1": list(products)},
        SHOP_URL,
    )
    facts = gather_facts(
        plan,
        offers_of(plan),
        {"c1": department},
        {"c1": list(products)},
        ["shop.example.com"],
        Wording(),
    )
    return rows, facts


def refused(ledger, *steps):
    """Run the steps, each on what the last gave: one must refuse, and nothing may be written."""

    def go():
        value = None
        for step in steps:
            value = step() if value is None else step(value)
        plan_messages(ledger, value)

    with pytest.raises(MarketingError):
        go()
    assert count_states(ledger, "autumn_coupon") == {}
    with ledger.read() as connection:
        assert connection.execute(contents.select()).first() is None


def edited(rows, part, old, new):
    assert old in rows[part][0]
    changed = rows.assign(**{part: rows[part].str.replace(old, new, n=1, regex=False)})
    parts = [changed[name][0] for name in ("subject", "html", "text")]
    return changed.assign(content_sha256=content_sha256(*parts))


@BAG
@given(price=prices, phrase=phrases, slot=st.sampled_from(SLOTS))
def test_wrong_price_in_a_variants_words(ledger, plan, price, phrase, slot):
    tried = with_words(plan, ARM, {slot: phrase.format(price)})
    refused(ledger, lambda: seal_messages(*rendered(tried)))


@BAG
@given(price=prices, phrase=phrases, part=st.sampled_from(["subject", "html", "text"]))
def test_wrong_price_in_a_rendered_message(ledger, plan, price, phrase, part):
    rows, facts = rendered(plan)
    old = {"subject": "$5 off", "html": "Thank you", "text": "Thank you"}[part]
    refused(ledger, lambda: seal_messages(edited(rows, part, old, phrase.format(price)), facts))


@pytest.mark.parametrize("part", ["subject", "html", "text"])
def test_what_is_changed_after_the_check_is_not_what_is_sealed(plan, part):
    rows, facts = rendered(plan)
    checked = CheckedMessages(rows, facts)
    rows[part] = "99 % off"
    told = checked.faults
    told["check"] = ""
    sealed = checked.seal()
    assert not sealed[part].eq("99 % off").any()
    assert sealed[part][0] == rendered(plan)[0][part][0]


def test_a_frame_that_broke_a_check_is_not_sealed_when_it_is_mended_later(plan):
    rows, facts = rendered(plan)
    broken = rows.assign(subject="")
    checked = CheckedMessages(broken, facts)
    broken["subject"] = rows["subject"]
    with pytest.raises(TemplateError, match="subject_present"):
        checked.seal()


@BAG
@given(
    price=prices,
    phrase=phrases,
    part=st.sampled_from(["subject", "html", "text"]),
    is_hashed=st.booleans(),
)
def test_wrong_price_put_in_after_the_checks(ledger, plan, price, phrase, part, is_hashed):
    sealed = seal_messages(*rendered(plan))
    old = {"subject": "$5 off", "html": "Thank you", "text": "Thank you"}[part]
    changed = edited(sealed, part, old, phrase.format(price))
    refused(
        ledger,
        lambda: changed if is_hashed else changed.assign(content_sha256=sealed["content_sha256"]),
    )


@BAG
@given(price=prices, field=st.sampled_from(["headline", "limit", "minimum"]))
def test_wrong_price_in_what_the_renderer_was_given(ledger, plan, price, field):
    """The offer that was rendered is another than the one of the file, as after a late change."""
    from dataclasses import replace

    offers = offers_of(plan)
    given_offers = offers | {
        ARM: replace(
            offers[ARM], **{field: f"${price} off" if field == "headline" else f"${price}"}
        )
    }
    decisions = pd.DataFrame({"customer_id": ["c1"], "action": [ARM]})
    rows = render_messages(decisions, plan, load_arms(plan), given_offers, {}, {}, SHOP_URL)
    facts = rendered(plan)[1]
    refused(ledger, lambda: seal_messages(rows, facts))


@BAG
@given(price=prices)
def test_seal_of_a_right_message_does_not_serve_a_wrong_one(ledger, plan, price):
    sealed = seal_messages(*rendered(plan))
    other = with_words(plan, ARM, {"opening": f"Take ${price} off."})
    wrong = rendered(other)[0].assign(seal=sealed["seal"])
    refused(ledger, lambda: wrong)


@BAG
@given(
    field=st.sampled_from(
        [
            "department",
            "sender_name",
            "postal_address",
            "shop_url",
            "valid_until",
            "valid_day",
            "offer_headline",
            "first_name",
            "unsubscribe_url",
        ]
    ),
    value=st.sampled_from(EMPTY),
)
def test_empty_merge_value(ledger, plan, field, value):
    """A template that needs the field refuses, or what it then lacks is found."""
    build = render.build_merge_values
    needing = with_words(plan, ARM, {"opening": f"For you: {{{{ {field} }}}}. Thank you."})

    def emptied(*arguments):
        return {**build(*arguments), field: value}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "build_merge_values", emptied)
        refused(ledger, lambda: seal_messages(*rendered(needing)))


@BAG
@given(
    field=st.sampled_from(["name", "price"]),
    value=st.sampled_from([v for v in EMPTY if v and v.strip()]),
)
def test_empty_value_of_a_product(ledger, plan, field, value):
    assume(value.isascii())
    rows, _ = rendered(plan, [TEA | {field: value}])
    facts = rendered(plan)[1]
    refused(ledger, lambda: seal_messages(rows, facts))


@BAG
@given(field=st.sampled_from(["first_name", "unsubscribe_url"]), value=st.sampled_from(EMPTY[:7]))
def test_empty_personal_field_stops_at_the_moment_of_sending(plan, field, value):
    rows, _ = rendered(plan)
    person = {"first_name": "Ann", "unsubscribe_url": "https://shop.example.com/u"} | {field: value}
    with pytest.raises(TemplateError, match=field):
        fill(rows["html"][0], person, is_html=True)


def test_the_right_message_does_reach_it(plan, tmp_path):
    """Else every test above would pass for nothing."""
    sealed = seal_messages(*rendered(plan))
    assert marker("first_name") in sealed["text"][0]
    assert html_words.unescape("$5 off") in sealed["html"][0]
    with open_ledger(tmp_path) as ledger:
        drawn = {"campaign_id": "autumn_coupon", "customer_id": ["c1"], "action": ARM}
        frame = pd.DataFrame(drawn).assign(pscore=0.5, salt="s", policy_version="1")
        record_assignments(ledger, frame.assign(decided_at=pd.Timestamp("2017-09-30", tz="UTC")))
        assert plan_messages(ledger, sealed) == 1
        assert count_states(ledger, "autumn_coupon") == {"PLANNED": 1}
