"""How many personalised e-mails a second: MJML-based, three products each, with a text part.

    python bench/render.py [--quick]

Two processes, one per core, fill the template `basket_offer` for people of whom no two see the
same. Beside it what one would do by hand: the same sources in plain Jinja2, and `email.message`
for the bytes. Every figure is the best of three rounds. The last line is JSON: `per_second`
(rendered, personal fields filled, nothing remembered) and `ratio_to_email_message` (the same
taken to the bytes that go over the wire, against by hand; above 1 is faster).
"""

import argparse
from collections.abc import Callable
import datetime as dt
from email.message import EmailMessage
from email.utils import format_datetime
import json
import multiprocessing
import os
import tempfile
import time
from types import SimpleNamespace

from jinja2 import Environment
import pandas as pd
import redis

from src.campaign import cache
from src.campaign.cache import MemoryCache, RedisCache, content_key
from src.campaign.content import build_merge_values, describe_offers
from src.campaign.placeholders import fill, marker
from src.campaign.render import render_message
from src.campaign.sources import PartSources
from src.campaign.templates import TEMPLATES_PATH, load_arms
from src.decide.catalogue import read_campaign
from src.ledger.people import Person
from src.send.compose import build_letterhead, compose

N_CORES = 2
CAMPAIGN = "params/campaigns/autumn_coupon.yaml"
ARM = "five_dollars"
MOMENT = dt.datetime(2017, 9, 30, 9, tzinfo=dt.UTC)
REASONS = ("often", "together", "popular")

REDIS = os.environ.get("CAMPANILE_TEST_REDIS", "redis://127.0.0.1:6379/0")
cache._PREFIX = "campanile:bench:"  # beside what a run keeps there

plan = read_campaign(CAMPAIGN)
template = load_arms(plan)[ARM]
offer = describe_offers(plan, "2017-09-30", 28, "USD")[ARM]


def values_of(n: int) -> dict[str, object]:
    """Merge values of the n-th customer; no two have the same products."""
    products = [
        {
            "name": f"Product {n} of kind {rank}",
            "department": "grocery",
            "initial": "P",
            "price": f"${n % 50 + rank}.49",
            "reason": REASONS[rank],
        }
        for rank in range(3)
    ]
    return build_merge_values(plan, offer, "grocery", products, "https://shop.example.com/")


def person_of(n: int) -> dict[str, str]:
    """Personal fields of the n-th customer, as 07 fills them."""
    return {
        "first_name": f"Alex {n}",
        "unsubscribe_url": f"https://shop.example.com/unsubscribe?t={n:032x}",
    }


def filled(parts: tuple[str, str, str], n: int) -> tuple[str, str, str]:
    """Parts with the personal fields of the n-th customer."""
    person = person_of(n)
    subject, html, text = parts
    return (
        fill(subject, person, is_html=False),
        fill(html, person, is_html=True),
        fill(text, person, is_html=False),
    )


def rendered() -> Callable[[int], object]:
    """Nothing remembered: values, subject, HTML and text, personal fields filled."""
    return lambda n: filled(render_message(template, values_of(n), "c"), n)


def remembered(kept: object) -> Callable[[int], object]:
    """The same out of a cache that has seen every message before."""

    def work(n: int) -> object:
        values = values_of(n)
        key = content_key(template.digest, values)
        parts = kept.get(key)
        if parts is None:
            parts = render_message(template, values, "c")
            kept.put(key, parts)
        return filled(parts, n)

    return work


def to_the_wire() -> Callable[[int], object]:
    """Rendered, then composed as 07 does it: guarded headers, encoded bodies."""
    letterhead = build_letterhead(plan)

    def work(n: int) -> object:
        subject, html, text = render_message(template, values_of(n), "c")
        message = SimpleNamespace(message_key=f"{n:064x}", customer_id=f"c{n}")
        content = SimpleNamespace(subject=subject, html=html, text=text)
        person = Person(first_name=f"Alex {n}", last_name="", email=f"alex{n}@example.com")
        return compose(letterhead, message, content, person, MOMENT)

    return work


def plain_parts() -> tuple:
    """The same sources compiled by plain Jinja2, without sandbox or limits."""
    sources = PartSources(TEMPLATES_PATH, template.name, "en")
    pages, texts = Environment(autoescape=True), Environment()
    return (
        texts.from_string(sources.source(f"{template.name}/subject.txt")),
        pages.from_string(sources.source(f"{template.name}/message.html")),
        texts.from_string(sources.source(f"{template.name}/message.txt")),
    )


def plain_jinja() -> Callable[[int], object]:
    """Plain Jinja2, personal fields among the values."""
    parts = plain_parts()

    def work(n: int) -> object:
        values = {name: value for name, value in (values_of(n) | person_of(n)).items() if value}
        return tuple(part.render(values) for part in parts)

    return work


def by_hand() -> Callable[[int], object]:
    """Plain Jinja2, then the standard library's `email.message` to bytes."""
    write = plain_jinja()

    def work(n: int) -> object:
        subject, html, text = write(n)
        message = EmailMessage()
        message["From"] = f"{plan.sender_name} <{plan.sender_address}>"
        message["To"] = f"Alex {n} <alex{n}@example.com>"
        message["Subject"] = subject
        message["Date"] = format_datetime(MOMENT)
        message["List-Unsubscribe"] = f"<{person_of(n)['unsubscribe_url']}>"
        message.set_content(text, cte="quoted-printable")
        message.add_alternative(html, subtype="html", cte="quoted-printable")
        return message.as_bytes()

    return work


def check_alike() -> None:
    """Both ways say the same, and nothing is left open."""
    ours, theirs = rendered()(7), plain_jinja()(7)
    for mine, other in zip(ours, theirs, strict=True):
        assert "".join(mine.split()) == "".join(other.split())
        assert marker("first_name") not in mine
    assert "Product 7 of kind 2" in ours[1]
    assert "$9.49" in ours[2]


def run_core(make: Callable[[], Callable[[int], object]], start: int, n: int, n_warm: int) -> float:
    """Seconds that one process takes for n messages, after some that are not counted."""
    work = make()
    for i in range(start, start + n_warm):
        work(i)
    begun = time.perf_counter()
    for i in range(start, start + n):
        work(i)
    return time.perf_counter() - begun


def rate(make: Callable[[], Callable[[int], object]], n: int, n_warm: int = 50) -> float:
    """Messages a second of all cores together, the slowest core counting."""
    share = n // N_CORES
    with multiprocessing.get_context("fork").Pool(N_CORES) as pool:
        jobs = [
            pool.apply_async(run_core, (make, core * share, share, min(n_warm, share)))
            for core in range(N_CORES)
        ]
        seconds = [job.get() for job in jobs]
    return share * N_CORES / max(seconds)


def in_memory() -> Callable[[int], object]:
    """Out of the process's own memory."""
    return remembered(MemoryCache(max_bytes=2_000_000_000))


def in_redis() -> Callable[[int], object]:
    """Out of Redis on this machine."""
    return remembered(RedisCache(REDIS))


def forget() -> None:
    """Take out of Redis what this benchmark put there."""
    client = redis.Redis.from_url(REDIS)
    for key in client.scan_iter(f"{cache._PREFIX}*", count=1000):
        client.unlink(key)


def main() -> None:
    """Measure every way, the best of three, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the messages, one round")
    quick = parser.parse_args().quick
    n, rounds = (2_000, 1) if quick else (10_000, 3)
    os.environ.setdefault("CAMPANILE_KEYS", tempfile.mkdtemp())
    check_alike()
    ways = {
        "Campanile, nothing remembered": (rendered, n, 50),
        "Campanile, all remembered in memory": (in_memory, n, n),
        "Campanile, all remembered in Redis": (in_redis, n, n),
        "plain Jinja2": (plain_jinja, n, 50),
        "Campanile to bytes": (to_the_wire, n // 2, 50),
        "plain Jinja2 and email.message to bytes": (by_hand, n // 5, 50),
    }
    found = {
        name: max(rate(make, n_messages, n_warm) for _ in range(rounds))
        for name, (make, n_messages, n_warm) in ways.items()
    }
    forget()
    _, html, text = rendered()(7)
    print(f"{len(html.encode()):,} bytes of HTML, {len(text.encode()):,} of text, {n:,} messages")
    print(pd.Series(found, name="per second").round().astype(int).to_string())
    ratio = found["Campanile to bytes"] / found["plain Jinja2 and email.message to bytes"]
    print(
        json.dumps(
            {
                "per_second": round(found["Campanile, nothing remembered"]),
                "ratio_to_email_message": round(ratio, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
