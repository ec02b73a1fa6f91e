"""A letter as it arrived: its links are followed, by people and by machines, and it is left."""

from email import message_from_bytes
from email.policy import default
import re
from urllib.parse import urlsplit

import httpx
import pandas as pd
import pytest

from src.inbound.clicks import find_bots
from src.ledger import open_ledger, plan_messages, record_assignments
from src.ledger.messages import message_key
from src.ledger.responses import read_responses
from src.send import deliver, run_clock
from src.send.channels import SmtpChannel
from tests.inbound.server import serving
from tests.ledger.sealing import sealed
from tests.reliability.campaigns import CAMPAIGN, SAID_AT, plan_campaign
from tests.reliability.sinks import smtp_settings, start_sink

PERSON = {"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"}
TARGETS = ["https://shop.example.com/tea?a=1&b=2", "https://shop.example.com/cups"]
PAGE = (
    '<html><body><a href="https://shop.example.com/tea?a=1&amp;b=2">tea</a> '
    '<a href="https://shop.example.com/cups">cups</a> <a href="⟦unsubscribe_url⟧">leave</a>'
    "</body></html>"
)
CAMPAIGNS = {
    name: CAMPAIGN.model_copy(
        update={"campaign_id": name, "tracking_url": "https://links.shop.example.com"}
    )
    for name in ("summer", "autumn")
}
N_PEOPLE = 6
NOW = run_clock("wall", "2024-01-31", "live")  # links are too old after a year


def plan(ledger, campaign_id):
    ids = [f"c{i:05d}" for i in range(N_PEOPLE)]
    drawn = pd.DataFrame({"customer_id": ids, "campaign_id": campaign_id, "action": "coupon"})
    drawn = drawn.assign(pscore=0.5, salt="s", policy_version="1", decided_at=SAID_AT)
    record_assignments(ledger, drawn)
    content = {"subject": "For you", "html": PAGE, "text": "⟦unsubscribe_url⟧\n"}
    keys = [message_key(campaign_id, 1, one, "email") for one in ids]
    messages = drawn.assign(message_key=keys, step=1, channel="email", template="offer", **content)
    plan_messages(ledger, sealed(messages))


def send(run, folder, campaign_id):
    """Send a campaign to a mail server; gives the letters that arrived, by recipient."""
    keep = folder / f"kept_{campaign_id}"
    keep.mkdir()
    with (
        start_sink(folder / f"sink_{campaign_id}", None, "--keep", str(keep)) as sink,
        open_ledger(run) as ledger,
    ):
        deliver(ledger, SmtpChannel(smtp_settings(sink.port)), CAMPAIGNS[campaign_id], NOW)
    letters = [message_from_bytes(path.read_bytes(), policy=default) for path in keep.iterdir()]
    return {letter["To"].addresses[0].addr_spec: letter for letter in letters}


def links(letter, page):
    """Paths of links on the tracking address, as its proxy hands them on."""
    html = letter.get_body(("html",)).get_content()
    found = re.findall(r'(?:href|src)="https://links\.shop\.example\.com(/[a-z]\?t=[^"]+)"', html)
    return [path for path in found if path.startswith(f"/{page}?")]


@pytest.fixture
def run(tmp_path):
    with open_ledger(tmp_path) as ledger:
        plan_campaign(ledger, N_PEOPLE, is_refusing=lambda _: False)
        plan(ledger, "summer")
        plan(ledger, "autumn")
    return tmp_path


@pytest.fixture
def letters(run):
    return send(run, run, "summer")


@pytest.fixture
def site(run, letters):
    with serving(run) as address, httpx.Client(base_url=address, headers=PERSON) as client:
        yield client


def responses(run):
    with open_ledger(run) as ledger:
        return read_responses(ledger, "summer")


def test_a_click_leads_to_its_target_and_leaves_a_row(run, letters, site):
    assert len(letters) == N_PEOPLE
    letter = letters["c00001@example.com"]
    clicks = links(letter, "c")
    answers = [site.get(path) for path in clicks]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert [answer.headers["location"] for answer in answers] == TARGETS
    rows = responses(run)
    assert rows["kind"].tolist() == ["click", "click"]
    assert set(rows["customer_id"]) == {"c00001"}
    assert rows["link"].nunique() == 2
    assert set(rows["agent"]) == {"person"}


def test_an_open_gets_a_picture_and_leaves_a_row(run, letters, site):
    answer = site.get(links(letters["c00002@example.com"], "o")[0])
    assert answer.headers["content-type"] == "image/gif"
    assert responses(run)[["customer_id", "kind"]].to_numpy().tolist() == [["c00002", "open"]]


def test_who_follows_the_hidden_link_is_a_machine_and_nobody_else(run, letters, site):
    scanned, read = letters["c00003@example.com"], letters["c00004@example.com"]
    for path in [*links(scanned, "c"), *links(scanned, "l")]:
        site.get(path)
    site.get(links(read, "c")[0])
    rows = responses(run)
    with_reasons = rows.assign(reason=find_bots(rows))
    assert set(with_reasons.query("customer_id == 'c00003'")["reason"]) == {"honeypot"}
    machines = {"c00003"}
    assert set(with_reasons.query("reason == 'honeypot'")["customer_id"]) == machines


def test_whoever_leaves_gets_no_letter_of_the_next_campaign(run, letters, site):
    letter = letters["c00000@example.com"]
    leave = urlsplit(letter["List-Unsubscribe"].strip("<>"))
    answer = site.post(f"/unsubscribe?{leave.query}", data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    arrived = send(run, run, "autumn")
    assert set(arrived) == {f"c{i:05d}@example.com" for i in range(1, N_PEOPLE)}
    assert responses(run).empty


def test_no_changed_link_leads_anywhere(run, letters, site):
    """An address that we did not seal is never led to: every sign of the token counts."""
    one, other = (links(letters[f"c0000{k}@example.com"], "c")[0] for k in (1, 2))
    token = one.removeprefix("/c?t=")
    changed = [
        f"{token[:k]}{'A' if token[k] != 'A' else 'B'}{token[k + 1 :]}" for k in range(len(token))
    ]
    changed += [token[:-1], token + "A", token[: len(token) // 2] + other[len(other) // 2 :], ""]
    marks = [links(letters["c00001@example.com"], page)[0].partition("=")[2] for page in "ol"]
    evil = [f"{token}&url=https://evil.example", "https://evil.example", "//evil.example"]
    for text in [*changed, *marks]:
        answer = site.get(f"/c?t={text}")
        assert (answer.status_code, answer.headers.get("location")) == (404, None)
    for text in evil:
        assert "evil" not in site.get(f"/c?t={text}").headers.get("location", "")
    assert set(responses(run)["link"]) <= {responses(run)["link"].iloc[0]}
