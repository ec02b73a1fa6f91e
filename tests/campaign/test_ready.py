"""The templates that come with it: every check, every width, every color scheme, both languages."""

import datetime as dt
import importlib.util
import json

import pandas as pd
import pytest

from src.campaign.checks import check_messages
from src.campaign.content import choose_products, describe_offers
from src.campaign.message import gather_facts
from src.campaign.placeholders import fill, find_markers
from src.campaign.products import Hosts
from src.campaign.render import render_messages
from src.campaign.templates import TEMPLATES_PATH, load_arms
from src.campaign.wording import Wording
from src.decide.catalogue import Campaign
from src.root import PROJECT_ROOT

READY = sorted(path.parent.name for path in TEMPLATES_PATH.glob("*/message.mjml"))
LANGUAGES = ("en", "zh")
SHOP = "https://shop.example.com/"
NAMES = {"en": ["Oat milk", "Rye bread", "Green tea"], "zh": ["燕麦奶", "黑麦面包", "绿茶"]}
GIFTS = {
    "share": {"discount_share": 0.1, "discount_ceiling_value": 6.0, "minimum_basket_value": 40.0},
    "amount": {"discount_value": 5.0, "minimum_basket_value": 40.0, "coupon_code": "HELLO-5"},
}


def plan(language, channel="email", names=READY, **gift):
    return Campaign(
        campaign_id="ready",
        goal="x",
        channel=channel,
        language=language,
        margin_share=0.25,
        sender_name="Campanile Market" if language == "en" else "钟楼市集",
        sender_address="hello@shop.example.com",
        postal_address="1 Market Square, Springfield" if language == "en" else "集市广场一号",
        unsubscribe_url="https://shop.example.com/unsubscribe",
        actions={name: {"label": name, "template": name} | gift for name in names},
    )


def render(language, channel="email", gift="share", names=READY):
    """One message of each template for a customer with products, and one without anything."""
    campaign = plan(language, channel, names, **GIFTS.get(gift, {}))
    products = pd.DataFrame(
        {
            "product_id": ["1", "2", "3"],
            "department": ["GROCERY", "BAKERY", "GROCERY"],
            "category": None,
            "product_type": None,
            "product_name": NAMES[language],
            "list_value": [3.5, 2.0, None],
            "earlier_value": [4.25, 1.0, 9.0],
            "product_url": [f"{SHOP}p/1", "https://evil.example/", None],
        }
    )
    ids = [f"c{i}" for i in range(2 * len(names))]
    ranks = pd.DataFrame(
        [(key, rank, str(rank), "you buy it often") for key in ids[::2] for rank in (1, 2, 3)],
        columns=["customer_id", "rank", "product_id", "reason"],
    )
    hosts = Hosts(["shop.example.com"])
    listed = choose_products(ranks, products, Wording(), 3, hosts, "USD")
    offers = describe_offers(campaign, "2017-09-30", 28, "USD")
    departments = dict.fromkeys(ids[::2], "bakery" if language == "en" else "烘焙")
    facts = gather_facts(campaign, offers, departments, listed, hosts.links, Wording())
    decisions = pd.DataFrame(
        {"customer_id": ids, "action": [name for name in names for _ in range(2)]}
    )
    told = (campaign, load_arms(campaign), offers, departments, listed, SHOP)
    return render_messages(decisions, *told), facts


def test_there_are_enough_and_the_usual_ones():
    usual = {"welcome", "cart", "win_back", "replenishment", "cross_sell", "price_drop"}
    assert usual <= set(READY)
    assert len(READY) >= 8


@pytest.mark.parametrize("gift", [*GIFTS, "none"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_ready_templates_pass_every_check(language, gift):
    names = READY if gift in GIFTS else [name for name in READY if not name.endswith("_offer")]
    messages, facts = render(language, gift=gift, names=names)
    faults = check_messages(messages, facts)[1]
    stopping = faults[~faults["is_warning"].astype(bool)]
    assert stopping.empty, stopping.to_string()
    assert set(faults.loc[faults["is_warning"].astype(bool), "check"]) <= {"no_products"}
    for message in messages.itertuples():
        offer = facts.offers[message.action]
        for promise in (*offer.promises, offer.coupon_code):
            assert promise in message.html
            assert promise in message.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_messages_are_small_and_in_their_language(language):
    messages = render(language)[0]
    for message in messages.itertuples():
        assert len(message.html.encode()) < 40_000  # Gmail clips at 102 kB
        assert f'lang="{language}"' in message.html
        assert set(find_markers(message.html)) == {"first_name", "unsubscribe_url"}
        assert set(find_markers(message.text)) == {"first_name", "unsubscribe_url"}
        assert "<img" not in message.html
        assert "evil.example" not in message.html + message.text


def test_price_earlier_price_and_link_are_shown_where_they_are_right():
    messages = render("en")[0].set_index("action")
    texts = messages.loc["price_drop", "text"]
    full = next(text for text in texts if "Rye bread" in text)
    assert f"* Oat milk: {SHOP}p/1 $3.50 was $4.25 (You buy it often)\n" in full
    assert "* Rye bread $2 (You buy it often)\n" in full  # it costs more than before
    assert "* Green tea (You buy it often)\n" in full
    page = next(page for page in messages.loc["price_drop", "html"] if "Rye bread" in page)
    assert f'<a class="ink" href="{SHOP}p/1"' in page
    assert 'line-through;">$4.25</span>' in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_sms_and_payloads_say_the_whole_offer(language):
    for gift, code in (("share", None), ("amount", "HELLO-5")):
        short, facts = render(language, "sms", gift)
        for message in short.itertuples():
            assert (message.subject, message.html) == ("", "")
            assert "\n" not in message.text
            for promise in facts.offers[message.action].promises:
                assert promise in message.text
            assert code is None or code in message.text
            assert message.text.startswith(
                "Campanile Market: " if language == "en" else "【钟楼市集】"
            )
            assert ("STOP" if language == "en" else "拒收请回复R") in message.text
        for channel in ("push", "social"):
            for message in render(language, channel, gift)[0].itertuples():
                fields = json.loads(message.text)
                assert fields["url"] == SHOP
                for promise in facts.offers[message.action].promises:
                    assert promise in " ".join(fields.values())


def test_date_is_the_offers():
    assert render("en")[1].offers["welcome"].valid_until == dt.date(2017, 10, 28)


@pytest.fixture(scope="module")
def browser():
    path = PROJECT_ROOT / "tests" / "report" / "browser.py"
    spec = importlib.util.spec_from_file_location("campaign_browser", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.find_chromium() is None:
        pytest.skip("no Chromium on this machine")
    with module.open_browser() as opened:
        opened.overflow = module.OVERFLOW
        yield opened


PALE = """(() => {
  const lum = c => { const v = c.match(/[\\d.]+/g).map(Number);
    const f = v.slice(0, 3).map(x => x / 255)
      .map(x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
    return [.2126 * f[0] + .7152 * f[1] + .0722 * f[2], v.length > 3 ? v[3] : 1]; };
  const back = e => { for (; e; e = e.parentElement) {
    const [l, a] = lum(getComputedStyle(e).backgroundColor); if (a > 0) return l; } return 1; };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walk.nextNode()) { const n = walk.currentNode, e = n.parentElement;
    if (!n.data.trim() || !e.offsetParent || e.closest('[style*="display:none"]')) continue;
    const a = lum(getComputedStyle(e).color)[0], b = back(e);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) found.push(n.data.trim().slice(0, 20) + ' ' + ratio.toFixed(2)); }
  return found.join('; '); })()"""
"""Texts whose contrast is below 4.5 (WCAG 2.2, 1.4.3, level AA)."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_letter_fits_is_quiet_and_readable_on_phone_and_desktop(browser, tmp_path, language):
    person = {"first_name": "Maximiliane-Konstantina", "unsubscribe_url": f"{SHOP}u"}
    complaints = []
    for message in render(language, gift="amount")[0].itertuples():
        page = tmp_path / f"{message.action}.html"
        page.write_text(fill(message.html, person, is_html=True), encoding="utf-8")
        for width in (390, 700):
            for is_dark in (False, True):
                browser.open(page, width, is_dark)
                pale, overflow = browser.run(PALE), browser.run(browser.overflow)
                found = [*browser.complaints(), *([pale] if pale else [])]
                found += [f"{overflow} pixels too wide"] if overflow else []
                complaints += [(message.action, width, is_dark, what) for what in found]
    assert complaints == []
