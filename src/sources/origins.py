"""The kinds of place a table can come from, as they stand in a source file."""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

__all__ = [
    "ColumnName",
    "DltOrigin",
    "FileOrigin",
    "KafkaOrigin",
    "Origin",
    "Paging",
    "RestOrigin",
    "SecretName",
    "SqlOrigin",
    "Strict",
    "WebOrigin",
]

ColumnName = Annotated[str, StringConstraints(min_length=1)]
SecretName = Annotated[str, StringConstraints(pattern=r"^env/[A-Z][A-Z0-9_]*$")]
"""A secret by reference: ``env/SHOP_DB`` is the environment variable ``SHOP_DB``."""


def _stays_below(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/") or "\\" in path:
        raise ValueError("name files below the folder, without a leading / and without a step up")
    return path


_Path = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]+$"), AfterValidator(_stays_below)]
_Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/@]+(?:[/?][^\s]*)?$")]
"""Without user and password, which belong into a secret."""

_Text = Annotated[str, StringConstraints(min_length=1)]


class Strict(BaseModel):
    """A part of a source file: no unknown field, no silent conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileOrigin(Strict):
    """Files of one kind; what is not said of their form is found out.

    Parameters
    ----------
    path : str
        Name or glob below the source's folder; a name without an ending is a Parquet file.
    format : {"parquet", "csv", "jsonl", "excel"}, optional
        Else told by the ending, ``.gz`` aside. ``csv`` has any delimiter, ``jsonl`` one object
        per line.
    encoding, delimiter, quote : str, optional
        Of a text file. What is named wins over what would be found out; text that is not in
        the encoding is refused.
    skip_lines : int, default 0
        Lines above the header of a text file or sheet, such as a title, that are passed over.
    sheet : str, optional
        Of a workbook; else its first.
    """

    path: _Path
    format: Literal["parquet", "csv", "jsonl", "excel"] | None = None
    encoding: Literal["utf-8", "utf-8-sig", "utf-16", "gb18030", "cp1252", "latin-1"] | None = None
    delimiter: Annotated[str, StringConstraints(pattern=r"^[,;\t|]$")] | None = None
    quote: Annotated[str, StringConstraints(pattern=r"^[\"']$")] | None = None
    skip_lines: Annotated[int, Field(ge=0, le=1000)] = 0
    sheet: _Text | None = None


class SqlOrigin(Strict):
    """A table or query of a database that SQLAlchemy reaches.

    Parameters
    ----------
    secret : str
        Where the URL of the database is: ``env/NAME``.
    table, query : str
        One of the two.
    cursor : str, optional
        Column that grows with every change of a row, such as ``updated_at``: only rows beyond
        the last one seen are read. Without it all rows are read each time.
    key : list of str
        Columns that name a row; of several versions of a row the newest counts.
    deleted : str, optional
        Column that is filled, or true, once a row is deleted.
    lag_seconds : int, default 0
        Read so much again before the last cursor, for changes that are committed late; only
        with a time as cursor.
    """

    secret: SecretName
    table: _Text | None = None
    query: _Text | None = None
    cursor: ColumnName | None = None
    key: list[ColumnName] = Field(default_factory=list)
    deleted: ColumnName | None = None
    lag_seconds: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _is_one(self) -> "SqlOrigin":
        if (self.table is None) == (self.query is None):
            raise ValueError("name either a table or a query")
        if self.cursor is not None and not self.key:
            raise ValueError("a cursor needs a key, so that a changed row replaces its old version")
        return self


class Paging(Strict):
    """How a REST source goes from one page to the next.

    Parameters
    ----------
    kind : {"none", "page", "offset", "cursor", "link"}
        By page number or by offset, both until a page is empty; by a cursor in the answer, or
        by a link in the answer or its header, both until there is none.
    parameter : str, optional
        Query parameter that takes the page, offset or cursor; else the name of the kind.
    size_parameter : str, optional
        Query parameter that asks for `size` rows per page; else the server's own size holds.
    size : int, default 100
        Rows per page that are asked for.
    first : int, default 1
        Number of the first page.
    next : str, optional
        Where in the answer the cursor or link of the next page is, with dots; a link that is
        not named is looked for in the header ``Link``.
    """

    kind: Literal["none", "page", "offset", "cursor", "link"] = "none"
    parameter: _Text | None = None
    size_parameter: _Text | None = None
    size: Annotated[int, Field(ge=1, le=100_000)] = 100
    first: Annotated[int, Field(ge=0)] = 1
    next: _Text | None = None

    @model_validator(mode="after")
    def _knows_next(self) -> "Paging":
        if self.kind == "cursor" and self.next is None:
            raise ValueError("say in next where the answer has the cursor of the next page")
        return self


class RestOrigin(Strict):
    """A paginated JSON answer.

    Parameters
    ----------
    url : str
        Address of the first page, without secrets.
    secret : str, optional
        Where the bearer token is: ``env/NAME``.
    records : str, optional
        Where in the answer the list of rows is, with dots; else the answer is the list.
    paging : Paging
        How to turn the page.
    cursor, cursor_parameter : str, optional
        Column that grows with every change, and the query parameter that asks for rows from a
        value of it on. Without them all rows are read each time.
    key : list of str
        Columns that name a row; of several versions of a row the newest counts.
    """

    url: _Url
    secret: SecretName | None = None
    records: _Text | None = None
    paging: Paging = Paging()
    cursor: ColumnName | None = None
    cursor_parameter: _Text | None = None
    key: list[ColumnName] = Field(default_factory=list)

    @model_validator(mode="after")
    def _is_whole(self) -> "RestOrigin":
        if (self.cursor is None) != (self.cursor_parameter is None):
            raise ValueError("cursor and cursor_parameter go together")
        if self.cursor is not None and not self.key:
            raise ValueError("a cursor needs a key, so that a changed row replaces its old version")
        return self


class KafkaOrigin(Strict):
    """A topic whose messages are JSON objects; every partition is read until caught up.

    Parameters
    ----------
    servers : str
        ``host:port``, several with commas.
    topic : str
        Name of the topic.
    secret : str, optional
        Where ``user:password`` is: ``env/NAME``.
    """

    servers: _Text
    topic: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    secret: SecretName | None = None


class WebOrigin(Strict):
    """Product pages of one's own shop: sitemap and schema.org JSON-LD, robots.txt obeyed.

    Parameters
    ----------
    sitemap : str
        Address of the sitemap; pages on other hosts are left alone.
    pages_per_second : float, default 1
        Not faster than this; a longer delay in robots.txt is kept.
    max_pages : int, default 10,000
        Stop after so many.
    """

    sitemap: _Url
    pages_per_second: Annotated[float, Field(gt=0, le=50)] = 1.0
    max_pages: Annotated[int, Field(ge=1)] = 10_000


class DltOrigin(Strict):
    """Any dlt source: a function of an installed package that gives a dlt source or resource.

    Parameters
    ----------
    function : str
        ``package.module:function``.
    resource : str, optional
        Which of the source's resources; needed where it has several.
    arguments : dict
        Passed on; a value ``env/NAME`` is replaced by the secret.
    key : list of str
        Columns that name a row; of several versions of a row the newest counts.
    """

    function: Annotated[str, StringConstraints(pattern=r"^[\w.]+:\w+$")]
    resource: _Text | None = None
    arguments: dict[str, bool | int | float | str] = Field(default_factory=dict)
    key: list[ColumnName] = Field(default_factory=list)


Origin = FileOrigin | SqlOrigin | RestOrigin | KafkaOrigin | WebOrigin | DltOrigin
