"""What readers and scanners do with letters, over HTTP against the real web application."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
import datetime as dt
import http.client
import socket
import threading
from typing import NamedTuple
from urllib.parse import urlsplit

from src.inbound.app import Site, build_app
from src.keys import read_key
from src.ledger.store import Ledger
from src.rehearsal.post import Links

__all__ = ["Act", "WebPlace", "clicks_of", "scans_of", "unsubscribes_of"]

_BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0"
_ONE_CLICK = "List-Unsubscribe=One-Click"
_FORM = "application/x-www-form-urlencoded"
_SCAN_SECONDS = 20
_OWN_HOSTS = ("shop.example.com", "links.shop.example.com")


class Act(NamedTuple):
    """One request, and when it is made: seconds since the beginning of the history."""

    at: int
    method: str
    url: str


def scans_of(letter: Links, delivered_at: int) -> list[Act]:
    """Open and follow everything at once, as a scanner of a mail gateway does.

    It calls itself a browser: what betrays it is its haste, and that it follows what no person
    sees. It leaves the address alone at which a GET could only ask.
    """
    targets = [url for url in (*letter.pixels, *letter.links) if _is_ours(url)]
    return [Act(delivered_at + _SCAN_SECONDS, "GET", url) for url in targets]


def clicks_of(letter: Links, at: int) -> list[Act]:
    """Open a letter and follow the first link that a person sees."""
    ours = [url for url in letter.links if urlsplit(url).path == "/c" and _is_ours(url)]
    pixels = [url for url in letter.pixels if _is_ours(url)]
    return [
        *(Act(at - 30, "GET", url) for url in pixels),
        *(Act(at, "GET", one) for one in ours[:1]),
    ]


def unsubscribes_of(letter: Links, at: int) -> list[Act]:
    """Take the permission back by the button of the mail program (RFC 8058)."""
    return [Act(at, "POST", letter.leave)] if letter.leave else []


def _is_ours(url: str) -> bool:
    return urlsplit(url).hostname in _OWN_HOSTS


class WebPlace:
    """The web application on a port of this machine, with a clock of its own.

    Parameters
    ----------
    ledger : Ledger
        Where it keeps what it hears; its `now` is replaced by the clock of the rehearsal.
    zero : datetime
        Beginning of the history.
    """

    def __init__(self, ledger: Ledger, zero: dt.datetime) -> None:
        self._at, self._zero = 0, zero
        own = replace(ledger, now=self._now)
        self._app = build_app(Site(own, read_key("links")))
        self._port = 0

    def _now(self) -> dt.datetime:
        return self._zero + dt.timedelta(seconds=self._at)

    @contextmanager
    def open(self) -> Iterator["WebPlace"]:
        """Serve until the block ends."""
        import uvicorn

        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else 40 ms an answer
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(self._app, log_level="error", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join()
            listener.close()

    def perform(self, acts: Iterable[Act]) -> dict[int, int]:
        """Make requests in the order of their time; counts of answers by status."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        answers: dict[int, int] = {}
        for act in sorted(acts):
            self._at = act.at
            parts = urlsplit(act.url)
            body = _ONE_CLICK if act.method == "POST" else None
            headers = {"User-Agent": _BROWSER} | ({"Content-Type": _FORM} if body else {})
            connection.request(act.method, f"{parts.path}?{parts.query}", body, headers)
            response = connection.getresponse()
            response.read()
            answers[response.status] = answers.get(response.status, 0) + 1
        connection.close()
        return answers
