import hashlib
import hmac
import time

import pandas as pd
import pytest

from src.campaign.content import choose_products
from src.campaign.placeholders import find_markers
from src.campaign.render import render_message, render_messages
from src.campaign.templates import load_templates
from src.data.tables import table_contract
from src.errors import TemplateError
from src.ledger import content_sha256

SHOP_URL = "https://shop.example.com/"


def test_message_of_the_department_offer_reads_as_planned(messages):
    message = messages.loc["c1"]
    assert message["subject"] == "10% off the produce department through October 28"
    assert message["text"] == (
        "Campanile Market\n\n"
        "FOR YOUR NEXT VISIT\n\n"
        "A little something for your next shopping trip\n\n"
        "Hi ⟦first_name⟧,\n\n"
        "Thank you for shopping with us. On your next visit, take 10% off in the produce "
        "department.\n\n"
        "10% off\n\n"
        "Produce department\n\n"
        "Saves you up to $6. Valid through October 28, 2017.\n\n"
        "Plan your visit: https://shop.example.com/\n\n"
        "Picked for your next list\n\n"
        "* Ice, crushed or cubed (Grocery)\n"
        "* Milk (Grocery)\n"
        "* Pita or pocket breads (Bakery)\n\n"
        "10% off items of the produce department on one order, up to $6 off in total. Show this "
        "message at the checkout. Valid once, through October 28, 2017.\n\n"
        "You get this email because you agreed to hear from Campanile Market.\n"
        "Unsubscribe at any time: ⟦unsubscribe_url⟧\n"
        "Campanile Market, 1 Market Square, Springfield\n"
    )


def test_message_of_the_basket_offer_states_its_minimum(messages):
    message = messages.loc["c2"]
    assert message["subject"] == "$5 off your next basket through October 28"
    assert "once it comes to $40 or more, take $5 off." in message["text"]
    assert "When you spend $40 or more" in message["html"]


def test_customer_without_department_or_products_gets_the_defaults(messages):
    message = messages.loc["c3"]
    assert "one department of your choice" in message["text"]
    assert "Picked" not in message["text"]
    assert "<h2" not in message["html"]


def test_only_personal_fields_stay_open(messages):
    for message in messages.itertuples():
        assert set(find_markers(message.html)) == {"first_name", "unsubscribe_url"}
        assert set(find_markers(message.text)) == {"first_name", "unsubscribe_url"}
        assert find_markers(message.subject) == []


def test_html_is_small_whole_and_quiet(messages):
    for page in messages["html"]:
        assert len(page.encode()) < 26_000
        assert page.startswith("<!doctype html>")
        assert page.rstrip().endswith("</html>")
        assert "<img" not in page
        assert max(map(len, page.splitlines())) < 998  # a longer line is refused by some servers


def test_table_has_the_columns_of_its_contract_in_order_of_the_key(messages):
    assert [*messages.columns, "seal"] == table_contract("messages").column_names
    assert messages["message_key"].is_monotonic_increasing


def test_key_is_the_keyed_hash_of_campaign_step_and_channel(messages):
    expected = hmac.new(b"c1", b"autumn_coupon|1|email", hashlib.sha256).hexdigest()
    assert messages.loc["c1", "message_key"] == expected


def test_content_hash_covers_every_part(messages):
    message = messages.loc["c1"]
    parts = (message["subject"], message["html"], message["text"])
    assert message["content_sha256"] == content_sha256(*parts)
    assert (
        len({content_sha256(*parts), content_sha256("", *parts[1:]), content_sha256(*parts[::-1])})
        == 3
    )
    assert content_sha256("a", "bc", "") != content_sha256("ab", "c", "")


def test_same_input_gives_the_same_bytes_whatever_the_row_order(campaign, offers, compiled):
    decisions = pd.DataFrame(
        {"customer_id": list("abcdef"), "action": ["ten_percent", "five_dollars"] * 3}
    )
    first = render_messages(decisions, campaign, compiled, offers, {}, {}, SHOP_URL)
    again = render_messages(decisions[::-1], campaign, compiled, offers, {}, {}, SHOP_URL)
    pd.testing.assert_frame_equal(first, again)


def test_nobody_to_write_to_gives_an_empty_table(campaign, offers, compiled):
    decisions = pd.DataFrame({"customer_id": [], "action": []})
    messages = render_messages(decisions, campaign, compiled, offers, {}, {}, SHOP_URL)
    assert [*messages.columns, "seal"] == table_contract("messages").column_names
    assert messages.empty


def test_empty_field_names_template_field_and_short_pseudonym(campaign, offers, tmp_path):
    (tmp_path / "bare").mkdir()
    for file in ("subject.txt", "message.html", "message.txt"):
        (tmp_path / "bare" / file).write_text("{{ department }}")
    template = load_templates(["bare"], tmp_path)["bare"]
    with pytest.raises(
        TemplateError, match=r"aaaaaaaa….*'department' in bare/subject\.txt"
    ) as error:
        render_message(template, {"department": ""}, "a" * 64)
    assert "a" * 9 not in str(error.value)


def test_subject_is_one_line(tmp_path):
    (tmp_path / "bare").mkdir()
    for file in ("subject.txt", "message.html", "message.txt"):
        (tmp_path / "bare" / file).write_text("a\n  b\n")
    template = load_templates(["bare"], tmp_path)["bare"]
    assert render_message(template, {}, "c")[0] == "a b"


def test_marker_in_a_product_name_does_not_reach_the_message(campaign, offers, compiled, wording):
    products = pd.DataFrame(
        {
            "product_id": ["1"],
            "department": ["GROCERY"],
            "category": ["TEA ⟦unsubscribe_url⟧"],
            "product_type": ["GREEN ⟦first_name⟧ TEA"],
            "product_name": [None],
        }
    )
    ranked = pd.DataFrame({"customer_id": ["c1"], "rank": [1], "product_id": ["1"]})
    listed = choose_products(ranked, products, wording, 3)
    decisions = pd.DataFrame({"customer_id": ["c1"], "action": ["five_dollars"]})
    message = render_messages(decisions, campaign, compiled, offers, {}, listed, SHOP_URL).iloc[0]
    assert "Green first_name tea" in message["html"]
    assert find_markers(message["html"]) == ["first_name", "unsubscribe_url"]


def test_fifteen_hundred_messages_take_less_than_three_seconds(campaign, offers, compiled):
    customers = [f"c{i}" for i in range(1500)]
    decisions = pd.DataFrame({"customer_id": customers, "action": ["ten_percent"] * 1500})
    listed = {
        customer: [{"name": f"Tea {customer}", "department": "x", "initial": "T"}] * 3
        for customer in customers
    }
    start = time.process_time()
    render_messages(decisions, campaign, compiled, offers, {}, listed, SHOP_URL)
    assert time.process_time() - start < 3
