"""Rendered content by hash: the same with and without, in memory and in a real Redis."""

import os
import uuid

import pandas as pd
import pytest
import redis

from src.campaign import render
from src.campaign.cache import MemoryCache, NoCache, RedisCache, content_key, open_cache
from src.errors import ParameterError

URL = os.environ.get("CAMPANILE_TEST_REDIS", "redis://127.0.0.1:6379/0")
PARTS = ("subject", "<p>é 你好</p>", "text 🎉")


@pytest.fixture
def server(monkeypatch):
    """A client of a Redis, with keys of this test alone."""
    client = redis.Redis.from_url(URL, socket_connect_timeout=1)
    try:
        client.ping()
    except redis.RedisError:
        pytest.skip("no Redis on this machine")
    prefix = f"campanile:test:{uuid.uuid4()}:"
    monkeypatch.setattr("src.campaign.cache._PREFIX", prefix)
    yield client, prefix.encode()
    for key in client.scan_iter(f"{prefix}*"):
        client.delete(key)
    client.close()


def key_of(**changes):
    values = {"department": "produce", "products": [{"name": "Milk"}]} | changes
    return content_key(b"template", values)


def test_key_is_of_template_and_values_whatever_their_order():
    assert content_key(b"t", {"a": "1", "b": "2"}) == content_key(b"t", {"b": "2", "a": "1"})
    others = [
        key_of(),
        key_of(department="deli"),
        key_of(products=[{"name": "Tea"}]),
        key_of(products=[]),
        content_key(b"other", {"department": "produce", "products": [{"name": "Milk"}]}),
    ]
    assert len(set(others)) == len(others)


def test_memory_forgets_what_was_asked_for_longest_ago():
    cache = MemoryCache(max_bytes=60)  # three of 10 signs, two bytes each
    for name in (b"a", b"b", b"c"):
        cache.put(name, ("x" * 10, "", ""))
    assert cache.get(b"a") is not None
    cache.put(b"d", ("x" * 10, "", ""))
    assert [cache.get(name) is not None for name in (b"a", b"b", b"c", b"d")] == [1, 0, 1, 1]
    cache.put(b"d", ("x" * 10, "", ""))
    assert cache.n_bytes == 60
    cache.put(b"e", ("x" * 100, "", ""))  # more than all there is room for
    assert cache.n_bytes <= 60


def test_redis_gives_back_what_another_process_put(server):
    RedisCache(URL).put(b"key", PARTS)
    assert RedisCache(URL).get(b"key") == PARTS
    assert RedisCache(URL).get(b"other") is None
    client, prefix = server
    assert 0 < client.ttl(prefix + b"key") <= 7 * 24 * 3600


def test_what_somebody_else_wrote_into_redis_counts_as_absent(server):
    client, prefix = server
    cache = RedisCache(URL)
    cache.put(b"key", PARTS)
    entry = client.get(prefix + b"key")
    for forged in (b"", b"x", entry[:-1], entry[:40] + b"\0" + entry[41:], b"\0" * 32 + entry[32:]):
        client.set(prefix + b"key", forged)
        assert cache.get(b"key") is None
    client.set(prefix + b"moved", entry)  # our own entry under another message's key
    assert cache.get(b"moved") is None


def test_without_redis_everything_goes_on_and_says_so_once(caplog):
    cache = open_cache("redis://127.0.0.1:1/0")
    cache.put(b"key", PARTS)
    assert cache.get(b"key") is None
    assert caplog.text.count("going on without") == 1


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_messages_are_the_same_with_and_without(
    campaign, offers, compiled, monkeypatch, request, kind
):
    if kind == "redis":
        request.getfixturevalue("server")
    cache = open_cache("" if kind == "memory" else URL)
    decisions = pd.DataFrame(
        {"customer_id": list("abcdef"), "action": ["ten_percent", "five_dollars"] * 3}
    )
    departments = {"a": "produce", "c": "deli", "e": "produce"}
    told = (campaign, compiled, offers, departments, {}, "https://shop.example.com/")
    plain = render.render_messages(decisions, *told)
    filled = []
    honest = render.render_message
    monkeypatch.setattr(
        render, "render_message", lambda *what: filled.append(what) or honest(*what)
    )
    first = render.render_messages(decisions, *told, cache=cache)
    assert len(filled) == 3  # two departments, and one basket offer for three customers
    again = render.render_messages(decisions, *told, cache=cache)
    assert len(filled) == 3
    pd.testing.assert_frame_equal(plain, first)
    pd.testing.assert_frame_equal(plain, again)


def test_other_words_of_a_template_are_another_message():
    from src.campaign.templates import load_template

    digests = {
        load_template("welcome").digest,
        load_template("welcome", language="zh").digest,
        load_template("welcome", words={"headline": "Hello"}).digest,
        load_template("welcome", "sms").digest,
    }
    assert len(digests) == 4
    assert load_template("welcome").digest in digests


def test_parameter_says_which_cache():
    assert isinstance(open_cache(""), MemoryCache)
    assert isinstance(open_cache("off"), NoCache)
    with pytest.raises(ParameterError) as error:
        open_cache("memcached://user:secret@host")
    assert "secret" not in str(error.value)
