"""Links of letters that lead through the tracking address: which, whereto, and at what cost."""

import datetime as dt
from html import unescape
from html.parser import HTMLParser
import time
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from src.errors import ParameterError
from src.ledger.people import Person
from src.send.compose import build_letterhead, compose
from src.send.links import LinkKind, read_token
from src.send.tracking import MAX_TARGET_OCTETS, split_at_links
from tests.send.test_compose import KEY, SENT_AT, make, read

TRACKED = {"tracking_url": "https://links.shop.example.com/"}
PAGE = """<html><body><p>Dear ⟦first_name⟧</p>
<a class="x" href="https://shop.example.com/tea?a=1&amp;b=%20">tea</a>
<A title="a > b href='https://no.example/'" HREF='http://shop.example.com/cups'>cups</A>
<a href=https://shop.example.com/plain>plain</a>
<a data-href="https://shop.example.com/data" href="mailto:hello@shop.example.com">write</a>
<a href="#top">top</a> <a name="top">here</a> https://shop.example.com/words
<img src="https://shop.example.com/tea.png" alt="tea" width="10" height="10">
<a href="https://shop.example.com/leave?why=1">why</a>
<a href="⟦unsubscribe_url⟧">leave</a></body></html>
"""
TARGETS = [
    "https://shop.example.com/tea?a=1&b=%20",
    "http://shop.example.com/cups",
    "https://shop.example.com/plain",
]


class Links(HTMLParser):
    """Addresses of a page: of links and of pictures."""

    def __init__(self, page):
        super().__init__()
        self.links, self.pictures = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if tag == "img":
            self.pictures.append(attributes["src"])


def parts(campaign, **content):
    message = read(make(campaign, **content))
    bodies = [message.get_body((kind,)).get_content() for kind in ("plain", "html")]
    texts = [body.replace("\r\n", "\n") for body in bodies]
    return message, *texts


def opened(campaign, link, kind):
    """What the token of a link says."""
    key = build_letterhead(campaign).link_key
    token = parse_qs(urlsplit(link).query)["t"][0]
    return read_token(kind, key, token, SENT_AT.date())


@pytest.fixture
def tracked(campaign):
    return campaign.model_copy(update=TRACKED)


def test_every_web_link_leads_to_its_target_through_the_tracking_address(tracked):
    found = Links(parts(tracked, html=PAGE)[2]).links
    clicks = [link for link in found if link.startswith("https://links.shop.example.com/c?t=")]
    sealed = [opened(tracked, link, LinkKind.CLICK) for link in clicks]
    assert [link.target for link in sealed] == TARGETS
    assert {link.message_key for link in sealed} == {KEY}


def test_whoever_leaves_is_not_counted_as_a_click(tracked):
    message, plain, html = parts(tracked, html=PAGE)
    leave = message["List-Unsubscribe"].strip("<>")
    assert leave.startswith("https://shop.example.com/leave?t=")
    found = Links(html).links
    assert leave in found
    assert "https://shop.example.com/leave?why=1" in found
    assert leave in plain


def test_all_else_stays(tracked):
    html = parts(tracked, html=PAGE)[2]
    found = Links(html)
    assert {"mailto:hello@shop.example.com", "#top"} <= set(found.links)
    assert found.pictures[0] == "https://shop.example.com/tea.png"
    assert "https://shop.example.com/words" in html
    assert 'data-href="https://shop.example.com/data"' in html
    assert "href='https://no.example/'" in html


def test_the_marks_are_there_once_before_the_end_and_unseen(tracked):
    html = parts(tracked, html=PAGE)[2]
    found = Links(html)
    traps = [link for link in found.links if "/l?t=" in link]
    assert opened(tracked, traps[0], LinkKind.TRAP).message_key == KEY
    assert opened(tracked, found.pictures[-1], LinkKind.OPEN).message_key == KEY
    assert len(traps) == 1
    trap = html.index(traps[0])
    assert html.index("leave</a>") < trap < html.index("</body>")
    assert 'style="display:none;mso-hide:all" aria-hidden="true" tabindex="-1"></a>' in html
    assert html.rstrip().endswith("</body></html>")


def test_the_text_keeps_links_that_can_be_read(tracked):
    text = "Tea: https://shop.example.com/tea\n⟦unsubscribe_url⟧\n"
    assert "Tea: https://shop.example.com/tea\n" in parts(tracked, text=text)[1]


def test_without_an_address_nothing_is_changed(campaign):
    html = parts(campaign, html=PAGE)[2]
    assert Links(html).links[:2] == [unescape(TARGETS[0]), TARGETS[1]]
    assert "/o?t=" not in html
    assert len(Links(html).pictures) == 1


def test_the_rest_of_the_letter_is_as_without(campaign, tracked):
    """Cutting and filling again gives the page, its addresses and marks apart."""
    with_links, without = (parts(one, html=PAGE)[2] for one in (tracked, campaign))
    pieces = split_at_links(
        PAGE, ("https://links.shop.example.com", "https://shop.example.com/leave")
    )
    words = [piece for piece, _ in pieces if "⟦" not in piece]
    assert all(piece in with_links for piece in words)
    assert "Dear Zoë" in with_links and "Dear Zoë" in without  # noqa: PT018


@pytest.mark.parametrize("n", [MAX_TARGET_OCTETS, MAX_TARGET_OCTETS + 1])
def test_what_no_token_can_hold_stays_as_it_is(tracked, n):
    start = "https://shop.example.com/"
    target = start + "x" * (n - len(start))
    link = Links(parts(tracked, html=f'<a href="{target}">x</a>')[2]).links[0]
    if n > MAX_TARGET_OCTETS:
        assert link == target
    else:
        assert opened(tracked, link, LinkKind.CLICK).target == target


def test_a_link_between_the_pieces_is_no_marker_of_a_template(campaign, tracked):
    """What a page calls a click is an unknown marker, not a gap to be filled."""
    for one in (campaign, tracked):
        with pytest.raises(Exception, match="content cannot be filled"):
            make(one, html="<a href='⟦open⟧'>x</a>")


@pytest.mark.parametrize(
    "url",
    [
        "http://links.example.com",
        "links.example.com",
        "https://a.example/?x=1",
        "https://a.example/#b",
    ],
)
def test_an_address_that_cannot_work_is_refused(campaign, url):
    with pytest.raises(ParameterError, match="tracking_url"):
        build_letterhead(campaign.model_copy(update={"tracking_url": url}))


def test_hostile_pages_are_cut_in_time():
    started = time.monotonic()
    for page in ("<a " * 20_000, '<a x="' * 20_000, "<a href=" * 20_000, "<a '\"" * 20_000):
        split_at_links(page)
    assert time.monotonic() - started < 5


def test_links_cost_little(campaign, tracked):
    """Ten links, the hidden one and the pixel take at most half a millisecond a letter."""
    page = "<body>" + "".join(f"<a href='https://x.example/{k}'>x</a>" for k in range(10))
    page += "<p>words</p>" * 500 + "</body>"
    content = SimpleNamespace(subject="s", html=page, text="t ⟦unsubscribe_url⟧")
    message = SimpleNamespace(message_key=KEY, customer_id="c1")
    person = Person("Ann", "Lee", "ann@example.com")

    def seconds(one):
        letterhead, best = build_letterhead(one), 1e9
        for _ in range(5):
            started = time.perf_counter()
            for _ in range(100):
                compose(letterhead, message, content, person, dt.datetime.now(dt.UTC))
            best = min(best, time.perf_counter() - started)
        return best / 100

    assert seconds(tracked) < seconds(campaign) + 0.0005
