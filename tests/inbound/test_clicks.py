"""Machines among those who click, each with its reason."""

import pandas as pd
import pytest

from src.inbound.clicks import classify_agent, find_bots

SENT = pd.Timestamp("2026-11-21T09:00:00Z")


def responses(*rows):
    """One row per (message, kind, link, agent, seconds after sending)."""
    frame = pd.DataFrame(rows, columns=["message_key", "kind", "link", "agent", "seconds"])
    at = SENT + pd.to_timedelta(frame["seconds"], unit="s")
    return frame.assign(recorded_at=at, attempted_at=SENT)


CASES = {
    "a person": ([("m", "click", "a", "person", 60)], [""]),
    "a person who looks at two": (
        [("m", "click", "a", "person", 60), ("m", "click", "b", "person", 61)],
        ["", ""],
    ),
    "who follows the hidden link is none": (
        [("m", "click", "a", "person", 60), ("m", "trap", "", "person", 61)],
        ["honeypot", "honeypot"],
    ),
    "the hidden link of another message": (
        [("m", "click", "a", "person", 60), ("n", "trap", "", "person", 61)],
        ["", "honeypot"],
    ),
    "says so itself": ([("m", "click", "a", "machine", 60)], ["user agent"]),
    "says nothing": ([("m", "click", "a", "none", 60)], ["user agent"]),
    "too soon": ([("m", "click", "a", "person", 0.5)], ["time to click"]),
    "an open may be soon": ([("m", "open", "", "person", 0.5)], [""]),
    "all links at once": (
        [("m", "click", link, "person", 60 + n / 2) for n, link in enumerate("abc")],
        ["burst"] * 3,
    ),
    "the same link again and again": (
        [("m", "click", "a", "person", 60 + n / 10) for n in range(9)],
        [""] * 9,
    ),
    "three links in three seconds": (
        [("m", "click", link, "person", 60 + n * 1.5) for n, link in enumerate("abc")],
        [""] * 3,
    ),
    "three people with a link each": (
        [(who, "click", who, "person", 60) for who in "abc"],
        [""] * 3,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_reasons(name):
    rows, wanted = CASES[name]
    assert find_bots(responses(*rows)).tolist() == wanted


def test_nobody_clicked():
    assert find_bots(responses()).empty


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 Safari/605", "person"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1)", "machine"),
        ("Mozilla/5.0 (Windows NT 10.0) BarracudaCentral", "machine"),
        ("python-requests/2.32", "machine"),
        ("GoogleImageProxy", "machine"),
        ("", "none"),
        ("  ", "none"),
    ],
)
def test_agents(agent, kind):
    assert classify_agent(agent) == kind
    assert classify_agent(agent, "HEAD") != "person"
