"""Paginated JSON answers: the pages turned, a busy server waited for, all by dlt's client."""

from collections.abc import Callable, Collection, Iterator
import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from src.errors import MarketingError, SchemaError, SourceError
from src.sources.dlt_loads import own_dlt, run_dlt, spool_resource
from src.sources.increments import drop_known, last_cursor
from src.sources.landed import Landed
from src.sources.loads import LoadFolder, open_loads
from src.sources.mapped_only import of_columns
from src.sources.origins import RestOrigin
from src.sources.reasons import find_reason
from src.sources.secrets import read_secret
from src.sources.uniform import flatten, read_json, rows_to_table

__all__ = ["land_rest"]

_TRIES = 5
_BACKOFF = 1.0  # seconds; doubles with each try
_LONGEST_WAIT = 300  # seconds, also where a server asks for more
_PATIENCE = (10, 120)  # seconds to connect, and without an answer


def land_rest(
    source_name: str,
    place: str,
    origin: RestOrigin,
    folder: Path,
    tell: Callable[[int], None],
    columns: Collection[str] | None = None,
) -> Landed:
    """Bring the rows of a paginated JSON answer into reach as Parquet files.

    Parameters
    ----------
    source_name : str
        Name of the shop.
    place : str
        Raw table that it feeds, for the words of an error.
    origin : RestOrigin
        Address, paging and cursor.
    folder : Path
        Where the files are kept, for this origin alone.
    tell : callable
        Is told how many rows have come so far.
    columns : collection of str, optional
        Columns whose values are kept; None for all.

    Returns
    -------
    Landed
        Nested objects are columns with dots, lists are JSON text.

    Raises
    ------
    SourceError
        If the server cannot be reached, refuses, or answers what is not asked for; what has
        been landed stays.
    SchemaError
        If the rows lack the key or the cursor.
    """
    token = read_secret(origin.secret) if origin.secret else None
    asked = origin.model_dump_json(include={"url", "records", "cursor", "key"})
    with open_loads(folder, f"rest {asked} {of_columns(columns)}") as loads:
        landed = loads.files() if origin.cursor else []
        pages = _Pages(origin, place, token, last_cursor(landed, origin.cursor or ""))
        prepared = _fetch(pages, loads, tell, columns)
        n_read = drop_known(prepared, landed, tuple(origin.key))
        if n_read:
            _check_columns(prepared, origin, place)
            loads.publish(prepared, replaces=origin.cursor is None)
        elif not landed:
            raise SourceError(
                f"Expected rows at {pages.shown} for tables.{place}, found none; leave the table "
                "out until there are some, or correct the fields of rest."
            )
        return loads.landed(pages.shown, pages.shown, n_read, tuple(origin.key))


def _fetch(
    pages: "_Pages",
    loads: LoadFolder,
    tell: Callable[[int], None],
    columns: Collection[str] | None,
) -> Path:
    with own_dlt(loads.work):
        resource = spool_resource(pages.tables, loads.work, tell, columns)
        try:
            return run_dlt(resource, loads.work)
        except Exception as error:
            told = find_reason(error, MarketingError)
            if told is None:
                raise
            raise told from None


def _check_columns(prepared: Path, origin: RestOrigin, place: str) -> None:
    names = pq.read_schema(next(prepared.glob("*.parquet"))).names
    for field, columns in {"key": origin.key, "cursor": [origin.cursor]}.items():
        for column in filter(None, columns):
            if column not in names:
                raise SchemaError(
                    f"Expected the column {column!r} that tables.{place}.rest.{field} names in the "
                    f"rows, found {sorted(names)}; correct its name."
                )


class _Pages:
    """The pages of one answer, one after the other.

    Parameters
    ----------
    origin : RestOrigin
        Address and paging.
    place : str
        Raw table that it feeds.
    token : str, optional
        Bearer token.
    since : object, optional
        Value of the cursor from which on rows are asked for.
    """

    def __init__(self, origin: RestOrigin, place: str, token: str | None, since: Any) -> None:
        self.origin, self.place, self.token, self.since = origin, place, token, since
        self.shown = origin.url.partition("?")[0]

    def tables(self) -> Iterator[pa.Table]:
        """Rows of each page, until there is no next one."""
        session = self._session()
        url, parameters = self.origin.url, self._first_parameters()
        seen: set[str] = set()
        while url:
            answer, links = self._ask(session, url, parameters)
            rows = self._rows(answer)
            self._refuse_repeat(seen, url, parameters, rows)
            if rows:
                yield rows_to_table([flatten(row) for row in rows])
            url, parameters = self._next(url, parameters, answer, links, len(rows))

    def _session(self) -> Any:
        from dlt.sources.helpers.requests import Client

        session = Client(
            request_timeout=_PATIENCE,
            request_max_attempts=_TRIES,
            request_backoff_factor=_BACKOFF,
            request_max_retry_delay=_LONGEST_WAIT,
            raise_for_status=False,
        ).session
        session.headers["Accept"] = "application/json"
        if self.token:
            session.headers["Authorization"] = f"Bearer {self.token}"
        return session

    def _first_parameters(self) -> dict[str, Any]:
        paging, parameters = self.origin.paging, {}
        if self.since is not None:
            parameters[self.origin.cursor_parameter] = self.since
        if paging.size_parameter:
            parameters[paging.size_parameter] = paging.size
        if paging.kind in ("page", "offset"):
            start = paging.first if paging.kind == "page" else 0
            parameters[paging.parameter or paging.kind] = start
        return parameters

    def _ask(self, session: Any, url: str, parameters: dict[str, Any]) -> tuple[Any, dict]:
        import requests

        try:
            response = session.get(url, params=parameters)
        except (requests.RequestException, OSError) as error:
            raise SourceError(
                f"Expected an answer from {self.shown} for tables.{self.place}, found "
                f"{type(error).__name__} after {_TRIES} tries; see that the server runs and that "
                "the address is right, then run again."
            ) from None
        if not response.ok:
            raise SourceError(self._refused(response.status_code))
        try:
            return read_json(response.content), response.links
        except ValueError:
            kind = response.headers.get("Content-Type", "no type").partition(";")[0]
            raise SourceError(
                f"Expected JSON from {self.shown} for tables.{self.place}, found something else "
                f"({kind}); correct rest.url."
            ) from None

    def _refused(self, status: int) -> str:
        if status in (401, 403):
            wanted = f"the token in {self.origin.secret}" if self.token else "a secret with a token"
            remedy = "renew it" if self.token else "add rest.secret"
            return (
                f"Expected {wanted} to open {self.shown} for tables.{self.place}, found the answer "
                f"{status}; {remedy}."
            )
        tries = f" after {_TRIES} tries" if status == 429 or status >= 500 else ""
        return (
            f"Expected rows from {self.shown} for tables.{self.place}, found the answer "
            f"{status}{tries}; run again later, or correct the fields of rest."
        )

    def _rows(self, answer: Any) -> list[dict[str, Any]]:
        found = _look_up(answer, self.origin.records)
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            where = f"at {self.origin.records!r} in" if self.origin.records else "as"
            has = (
                f"an object with {sorted(answer)[:20]}"
                if isinstance(answer, dict)
                else (f"a {type(answer).__name__}")
            )
            raise SourceError(
                f"Expected a list of objects {where} the answer of {self.shown} for "
                f"tables.{self.place}, found {has}; correct rest.records."
            )
        return found

    def _refuse_repeat(
        self, seen: set[str], url: str, parameters: dict[str, Any], rows: list[dict[str, Any]]
    ) -> None:
        """Stop where a server gives the same again and again, instead of going on for ever."""
        asked = json.dumps([url, parameters], default=str)
        given = [json.dumps(rows, sort_keys=True)] if rows else []
        for text in [asked, *given]:
            mark = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
            if mark in seen:
                raise SourceError(
                    f"Expected a new page after each from {self.shown} for tables.{self.place}, "
                    "found the same page twice; correct rest.paging."
                )
            seen.add(mark)

    def _next(
        self, url: str, parameters: dict[str, Any], answer: Any, links: dict, n_rows: int
    ) -> tuple[str | None, dict[str, Any]]:
        """Address and parameters of the next page; no address after the last."""
        paging = self.origin.paging
        name = paging.parameter or paging.kind
        if paging.kind in ("page", "offset"):
            step = 1 if paging.kind == "page" else n_rows
            return (url if n_rows else None), parameters | {name: parameters[name] + step}
        if paging.kind == "cursor":
            following = _look_up(answer, paging.next)
            return (url if following else None), parameters | {name: following}
        if paging.kind == "link":
            following = _look_up(answer, paging.next) if paging.next else None
            following = following or links.get("next", {}).get("url")
            return self._same_host(url, following), {}
        return None, {}

    def _same_host(self, url: str, following: Any) -> str | None:
        """Follow a link only to the host that the token is for."""
        if not following:
            return None
        target = urljoin(url, str(following))
        if urlsplit(target)[:2] != urlsplit(self.origin.url)[:2]:
            raise SourceError(
                f"Expected the next page of {self.shown} for tables.{self.place} at the same "
                f"host, found a link to {urlsplit(target).hostname}; correct rest.paging."
            )
        return target


def _look_up(answer: Any, path: str | None) -> Any:
    """Value at a path with dots; None where there is none."""
    for part in path.split(".") if path else []:
        answer = answer.get(part) if isinstance(answer, dict) else None
    return answer
