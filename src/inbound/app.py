"""The web application: opt-outs, preferences, clicks, opens, calls of providers, health.

GET, HEAD and every other method but POST change nothing that a person wished for; a click and an
open only leave a row that says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
import logging

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from src.inbound.bodies import TooLargeError, parse_form, read_body
from src.inbound.clicks import classify_agent, link_digest
from src.inbound.hooks import HookError, take_call
from src.inbound.metrics import is_healthy, write_metrics
from src.inbound.pages import SAFE_HEADERS, show
from src.inbound.wishes import change_choices, leave, read_choices, stop_everything
from src.inbound.words import WORDS, choose_language
from src.ledger.responses import find_message, record_response
from src.ledger.states import Message
from src.ledger.store import Ledger
from src.send.links import Link, LinkKind, read_token

__all__ = ["Site", "build_app"]

_FORM_OCTETS = 16 * 1024
_CALL_OCTETS = 256 * 1024
_ONE_CLICK = ("List-Unsubscribe", "One-Click")
_PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
_LOOKING = ["GET", "HEAD"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Site:
    """What the application works on.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    link_key : bytes
        The key `links`.
    hook_secrets : mapping of str to tuple of str
        Secrets by provider; several while one replaces another.
    max_age_days : int, default 400
        Links that are older no longer work; laws ask for 30 or 60 days.
    """

    ledger: Ledger
    link_key: bytes = field(repr=False)
    hook_secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    max_age_days: int = 400

    def open(self, kind: LinkKind, request: Request) -> tuple[Link, Message] | None:
        """Open the token of a request; None if it is not ours or its message is not here."""
        token, today = request.query_params.get("t", ""), self.ledger.now().date()
        link = read_token(kind, self.link_key, token, today, self.max_age_days)
        message = find_message(self.ledger, link.message_key) if link else None
        return (link, message) if link and message else None


def build_app(site: Site) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    site : Site
        What it works on.
    """
    app = FastAPI(title="Campanile", docs_url=None, redoc_url=None, openapi_url=None)
    _add_leaving(app, site)
    _add_preferences(app, site)
    _add_responses(app, site)
    _add_machines(app, site)

    @app.exception_handler(TooLargeError)
    async def too_large(request: Request, error: Exception) -> Response:
        return PlainTextResponse("too large", 413, SAFE_HEADERS)

    @app.exception_handler(SQLAlchemyError)
    async def not_kept(request: Request, error: Exception) -> Response:
        logger.error("the ledger did not answer: %s", type(error).__name__)
        headers = SAFE_HEADERS | {"Retry-After": "30"}
        return PlainTextResponse("not kept, please try again", 503, headers)

    return app


def _add_leaving(app: FastAPI, site: Site) -> None:
    @app.api_route("/unsubscribe", methods=_LOOKING)
    def ask(request: Request) -> Response:
        found = site.open(LinkKind.LEAVE, request)
        if found is None:
            return _bad_link(request)
        return show("leave", _language(request), channel=found[1].channel, **_token(request))

    @app.post("/unsubscribe")
    async def unsubscribe(request: Request) -> Response:
        form = await _form(request)
        found = await run_in_threadpool(site.open, LinkKind.LEAVE, request)
        if found is None:
            return _bad_link(request)
        name, value = _ONE_CLICK
        if form.get(name) != [value]:
            return _notice(request, "wrong", 400)
        is_still = await run_in_threadpool(leave, site.ledger, found[1])
        return _notice(request, "left", *((200,) if is_still else (202, "late_text")))


def _add_preferences(app: FastAPI, site: Site) -> None:
    @app.api_route("/preferences", methods=_LOOKING)
    def look(request: Request) -> Response:
        found = site.open(LinkKind.LEAVE, request)
        if found is None:
            return _bad_link(request)
        choices = read_choices(site.ledger, found[1])
        return show("preferences", _language(request), choices=choices, **_token(request))

    @app.post("/preferences")
    async def choose(request: Request) -> Response:
        form = await _form(request)
        found = await run_in_threadpool(site.open, LinkKind.LEAVE, request)
        if found is None:
            return _bad_link(request)
        wish = form.get("do", [""])[0]
        if form.get("form") != ["preferences"] or wish not in ("save", "stop"):
            return _notice(request, "wrong", 400)
        if wish == "stop":
            is_still = await run_in_threadpool(stop_everything, site.ledger, found[1])
        else:
            names = set(form.get("shown", [])), set(form.get("keep", []))
            is_still = await run_in_threadpool(change_choices, site.ledger, found[1], *names)
        return _notice(request, "saved", *((200,) if is_still else (202, "late_text")))


def _add_responses(app: FastAPI, site: Site) -> None:
    @app.api_route("/c", methods=_LOOKING)
    def click(request: Request) -> Response:
        found = site.open(LinkKind.CLICK, request)
        if found is None:
            return _bad_link(request)
        _note(site, request, found, "click")
        return RedirectResponse(found[0].target, 302, SAFE_HEADERS)

    @app.api_route("/l", methods=_LOOKING)
    def trap(request: Request) -> Response:
        if found := site.open(LinkKind.TRAP, request):
            _note(site, request, found, "trap")
        return Response(status_code=204, headers=SAFE_HEADERS)

    @app.api_route("/o", methods=_LOOKING)
    def opened(request: Request) -> Response:
        if found := site.open(LinkKind.OPEN, request):
            _note(site, request, found, "open")
        return Response(_PIXEL, media_type="image/gif", headers=SAFE_HEADERS)


def _add_machines(app: FastAPI, site: Site) -> None:
    @app.get("/health")
    def health() -> Response:
        return JSONResponse({"state": "ok" if is_healthy(site.ledger) else "no ledger"})

    @app.get("/metrics")
    def metrics() -> Response:
        return PlainTextResponse(write_metrics(site.ledger), headers=SAFE_HEADERS)

    @app.post("/hooks/{provider}")
    async def hook(provider: str, request: Request) -> Response:
        body = await read_body(request.stream(), _CALL_OCTETS)
        secrets = site.hook_secrets.get(provider, ())
        call = site.ledger, provider, secrets, request.headers, body
        try:
            n_new = await run_in_threadpool(take_call, *call)
        except HookError as error:
            return JSONResponse({"error": str(error)}, error.status, SAFE_HEADERS)
        return JSONResponse({"n_new": n_new}, 200, SAFE_HEADERS)


def _note(site: Site, request: Request, found: tuple[Link, Message], kind: str) -> None:
    """Record a response; if that fails the person still gets what they came for."""
    link, message = found
    agent = classify_agent(request.headers.get("user-agent", ""), request.method)
    try:
        record_response(site.ledger, message.message_key, kind, link_digest(link.target), agent)
    except SQLAlchemyError as error:
        logger.error("a %s was not recorded: %s", kind, type(error).__name__)


async def _form(request: Request) -> dict[str, list[str]]:
    body = await read_body(request.stream(), _FORM_OCTETS)
    return parse_form(request.headers.get("content-type", ""), body)


def _language(request: Request) -> str:
    wanted = request.query_params.get("lang", "")
    return choose_language(wanted, request.headers.get("accept-language", ""))


def _token(request: Request) -> dict[str, str]:
    return {"token": request.query_params.get("t", "")}


def _bad_link(request: Request) -> Response:
    """Refuse a forged, foreign, expired or missing token: always the same page."""
    language = _language(request)
    words = WORDS[language]
    values = {"title": words["bad_title"], "text": words["bad_text"]}
    return show("notice", language, 404, token="", back=False, **values)


def _notice(request: Request, name: str, status: int, text: str = "") -> Response:
    language = _language(request)
    words = WORDS[language]
    values = {"title": words[f"{name}_title"], "text": words[text or f"{name}_text"]}
    return show("notice", language, status, back=True, **values, **_token(request))
