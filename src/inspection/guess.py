"""A first draft of a source file, from the names and values of columns; nothing is invented."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import json
from pathlib import Path
import re

import pandas as pd
from pydantic import ValidationError

from src.errors import ParameterError
from src.inspection.column_names import concepts_of, plain_name
from src.inspection.oddities import as_numbers, find_missing_words
from src.inspection.value_forms import guess_currency, guess_numbers, guess_times
from src.sources.files import file_format
from src.sources.in_memory import read_file
from src.sources.origins import FileOrigin
from src.sources.raw_columns import REQUIRED, column_kind
from src.stage import PROJECT_ROOT

__all__ = ["draft_source"]

_SAMPLE_ROWS = 20_000
_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".gz")
_TIME_OF = {
    "orders_raw": "ordered_at",
    "events_raw": "event_at",
    "reviews_raw": "reviewed_at",
    "rates_raw": "rate_date",
}
_PLAIN_COLUMNS = {
    "orders_raw": ("order_id", "line_id", "customer_id", "product_id", "store_id", "quantity",
                   "discount", "coupon", "currency", "refund_of"),
    "products_raw": ("product_id", "product_name", "department", "category", "brand",
                     "list_value", "unit_cost"),
    "customers_raw": ("customer_id", "country", "region", "city"),
    "events_raw": ("customer_id", "event_type", "product_id", "campaign_id", "session_id",
                   "user_agent"),
    "reviews_raw": ("customer_id", "product_id", "rating", "review_text"),
    "rates_raw": ("currency", "rate"),
}  # fmt: skip
_PERSONAL = ("email", "phone", "first_name", "last_name", "postcode", "birth_date",
             "has_email_consent")  # fmt: skip
_TODO = {
    "order_id": "the column of the order's number; {row: true} if each row is an order of its own",
    "customer_id": "the column that tells the customer; an e-mail address will do",
    "product_id": "the column of the product's number; {value: all} if rows are whole orders",
    "quantity": "the column of pieces; {value: 1} if each row is one piece",
    "line_value": "the column of what was paid for the line, or {product: [pieces, price]}",
}


@dataclass(frozen=True)
class _File:
    """One file as it was looked at."""

    name: str
    rows: pd.DataFrame
    is_whole: bool
    concepts: dict[str, str]
    raw_table: str | None


def draft_source(
    paths: Sequence[Path], name: str | None = None, currency: str | None = None
) -> str:
    """Draft a source file from files of a shop.

    Parameters
    ----------
    paths : sequence of Path
        A file, several of one folder, or a folder.
    name, currency : str, optional
        Of the shop, where they are known.

    Returns
    -------
    str
        YAML with a comment on every line that says why it was taken and what is not sure. What
        is required and was not found is a line of comment with TODO.

    Raises
    ------
    ParameterError, SchemaError, SourceError
        If there is no such file, or one cannot be read.
    """
    files = _find(paths)
    folder = files[0].parent
    if any(file.parent != folder for file in files):
        raise ParameterError("Expected files of one folder, found several; put them together.")
    looked = [_look(file) for file in files]
    chosen: dict[str, _File] = {}
    people, told_people = _people(looked)
    for file in looked:
        if file.raw_table is not None and file is not people:
            chosen.setdefault(file.raw_table, file)
    lines = [
        "# Drafted from names and values: read every line, then run `campanile source check`.",
        *_head(folder, name, currency, looked, chosen),
        *told_people,
        "tables:",
    ]
    if "orders_raw" not in chosen:
        lines.append("  # orders_raw: TODO  no file with times and amounts of orders was found")
    for raw_table, file in sorted(chosen.items(), key=lambda pair: list(REQUIRED).index(pair[0])):
        lines += _table(raw_table, file)
    orders = chosen.get("orders_raw")
    if (
        orders
        and "products_raw" not in chosen
        and {"product_id", "product_name"} <= set(orders.concepts)
    ):
        lines += _products_of(orders)
    unused = [file.name for file in looked if file not in (people, *chosen.values())]
    lines += [f"# {file}: not used; its columns did not tell what it is" for file in unused]
    return "\n".join(lines) + "\n"


def _find(paths: Sequence[Path]) -> list[Path]:
    found = []
    for path in paths:
        if path.is_dir():
            found += [file for file in sorted(path.iterdir()) if _is_data(file)]
        elif path.is_file():
            found.append(path)
        else:
            raise ParameterError(f"Expected a file or folder at {path}, found none; correct it.")
    if not found:
        raise ParameterError(
            f"Expected files of data ({', '.join(_ENDINGS)}) in {paths[0]}, found none."
        )
    return [file.absolute() for file in found]


def _is_data(file: Path) -> bool:
    return file.is_file() and file.suffix.lower() in _ENDINGS and not file.name.startswith(".")


def _look(file: Path) -> _File:
    try:
        origin = FileOrigin(path=file.name)
    except ValidationError:
        raise ParameterError(
            f"Expected a plain file name, found {file.name!r}; rename the file."
        ) from None
    found = file_format("the draft", origin, [file])
    table = read_file(file, origin, found, _SAMPLE_ROWS + 1)
    rows = table.slice(0, _SAMPLE_ROWS).to_pandas()
    concepts = concepts_of(list(rows.columns), rows.isna().mean().to_dict())
    is_whole = table.num_rows <= _SAMPLE_ROWS
    return _File(file.name, rows, is_whole, concepts, _raw_table(set(concepts)))


def _raw_table(concepts: set[str]) -> str | None:
    """Which raw table a file is, by what its columns are."""
    has = concepts.__contains__
    if has("rate") and has("currency") and has("time"):
        return "rates_raw"
    if has("review_text") or (has("rating") and has("time")):
        return "reviews_raw"
    if has("event_type") and has("time"):
        return "events_raw"
    if has("time") and concepts & {"quantity", "line_value", "unit_price"}:
        return "orders_raw"
    if has("product_id") and not has("order_id") and concepts & {"product_name", "category"}:
        return "products_raw"
    return "customers_raw" if has("customer_id") and not has("order_id") else None


def _head(
    folder: Path,
    name: str | None,
    currency: str | None,
    looked: list[_File],
    chosen: dict[str, _File],
) -> list[str]:
    stem = name or (looked[0].name.partition(".")[0] if len(looked) == 1 else folder.name)
    slug = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")[:48]
    slug = slug if slug[:1].isalpha() else "shop"
    place = folder.relative_to(PROJECT_ROOT) if folder.is_relative_to(PROJECT_ROOT) else folder
    lines = [
        _line(0, "name", slug, "of the shop, by its files; names the folder and key of its data"),
        _line(0, "folder", _scalar(str(place)), "where the files are"),
        _line(0, "time_zone", "UTC", "UNCERTAIN: of times without one; such as Europe/Berlin"),
    ]
    told = "as you said"
    orders = chosen.get("orders_raw")
    if currency is None and orders is not None:
        amounts = [orders.concepts.get(each) for each in ("line_value", "unit_price", "discount")]
        codes = orders.concepts.get("currency")
        columns = {each: orders.rows[each] for each in amounts if each}
        currency, told = guess_currency(columns, orders.rows[codes] if codes else None)
    if currency is None:
        lines.append("# currency: TODO  ISO code of the amounts, such as EUR; no value tells it")
    else:
        lines.append(_line(0, "currency", currency, told))
    words = {oddity.value.strip() for file in looked for oddity in _fillers(file)}
    if words:
        listed = "[" + ", ".join(_scalar(word) for word in sorted(words)) + "]"
        lines.append(_line(0, "missing", listed, "texts that look like missing"))
    return lines


def _fillers(file: _File) -> list:
    used = set(file.concepts.values())
    return [oddity for oddity in find_missing_words(file.rows, []) if oddity.column in used]


def _people(looked: list[_File]) -> tuple[_File | None, list[str]]:
    """Find the file with names and addresses; it feeds no table, for what does is landed."""
    for file in looked:
        concepts = file.concepts
        if "email" in concepts and file.raw_table in ("customers_raw", None):
            if "customer_id" not in concepts:
                continue
            lines = [
                "people:",
                _line(1, "file", _scalar(file.name), "names and addresses; never written down"),
                "  columns:",
                _line(2, "customer_id", _scalar(concepts["customer_id"]), "the name"),
            ]
            if "phone" in concepts:
                lines.insert(2, "  # country: TODO  of phone numbers without its code, such as DE")
            return file, lines + [
                _line(2, each, _scalar(concepts[each]), "the name")
                for each in _PERSONAL
                if each in concepts
            ]
    why = "no file with customers and addresses was found; `invented` for a rehearsal without"
    return None, [_line(0, "people", "none", why)]


def _table(raw_table: str, file: _File) -> list[str]:
    seen = f"{'all' if file.is_whole else 'first'} {len(file.rows):,} rows looked at"
    columns, numbers = _columns(raw_table, file)
    lines = [f"  {raw_table}:", _line(2, "file", _scalar(file.name), seen)]
    time = file.concepts.get("time") if raw_table in _TIME_OF else None
    if time is not None:
        guessed = guess_times(file.rows[time])
        doubt = f"UNCERTAIN: {guessed.doubt}" if guessed.doubt else f"the values of {time}"
        if guessed.form is None:
            lines.append(f"    # times: TODO  the values of {time} are of no known form")
        elif guessed.form != "iso":
            lines.append(_line(2, "times", f"[{guessed.form}]", doubt))
    form, doubt = guess_numbers([file.rows[each] for each in numbers])
    if form != "point" or doubt:
        why = f"UNCERTAIN: {doubt}" if doubt else "the values"
        lines.append(_line(2, "numbers", form, why))
    return [*lines, "    columns:", *columns]


def _columns(raw_table: str, file: _File) -> tuple[list[str], list[str]]:
    """Lines of the columns of one table, and the source columns that hold numbers."""
    concepts, lines, numbers, given = file.concepts, [], [], set()

    def take(column: str, source: str, why: str, written: str | None = None) -> None:
        given.add(column)
        lines.append(_line(3, column, written or _scalar(source), why))
        if column_kind(column) == "number":
            numbers.append(source)

    for column in _PLAIN_COLUMNS[raw_table]:
        if column in concepts:
            take(column, concepts[column], _why(column, file))
    if raw_table in ("orders_raw", "reviews_raw", "events_raw") and "customer_id" not in given:
        if "email" in concepts:
            why = "UNCERTAIN: no customer number, so the address tells the customer"
            take("customer_id", concepts["email"], why)
    if raw_table in _TIME_OF and "time" in concepts:
        take(_TIME_OF[raw_table], concepts["time"], "the name")
    if raw_table == "orders_raw":
        _take_value(file, take)
    for column in REQUIRED[raw_table]:
        if column not in given:
            lines.append(f"      # {column}: TODO  {_TODO.get(column, 'required, not found')}")
    return lines, numbers


def _take_value(file: _File, take: Callable[..., None]) -> None:
    """Value of a line: its own column, else pieces times the price of one."""
    concepts = file.concepts
    column, pieces, price = (
        concepts.get(each) for each in ("line_value", "quantity", "unit_price")
    )
    if column and not (pieces and price and _is_of_order(file, column)):
        take("line_value", column, "the name; UNCERTAIN: of the line, after discount, without tax?")
    elif pieces and price:
        why = "pieces times the price of one, by the names"
        why += f"; {column} is no amount of the line" if column else ""
        take("line_value", price, why, f"{{product: [{_scalar(pieces)}, {_scalar(price)}]}}")


def _is_of_order(file: _File, column: str) -> bool:
    """Whether an amount is that of the whole order: of a shop system's lines, or by the values."""
    price = file.concepts["unit_price"]
    if plain_name(price).startswith("lineitem"):
        return True
    form, _ = guess_numbers([file.rows[price], file.rows[column]])
    names = (column, file.concepts["quantity"], price)
    amount, pieces, each = (as_numbers(file.rows[name], form) for name in names)
    if amount is None or pieces is None or each is None:
        return False
    is_much_more = amount.abs() > (pieces * each).abs() * 1.5  # tax never adds a half
    return bool(is_much_more.mean() > 0.05)


def _why(column: str, file: _File) -> str:
    source = file.concepts[column]
    if column in ("order_id", "customer_id", "product_id"):
        values = file.rows[source]
        empty = f", {values.isna().mean():.1%} empty" if values.isna().any() else ""
        return f"the name; {values.nunique():,} different{empty}"
    return "the name"


def _products_of(orders: _File) -> list[str]:
    """Products by the lines of the orders, where no file has them."""
    found = {name: orders.concepts.get(name) for name in _PLAIN_COLUMNS["products_raw"]}
    return [
        "  products_raw:",
        _line(2, "file", _scalar(orders.name), "no file of products: taken from the order lines"),
        _line(2, "one_per", "product_id", "of the lines of a product one counts"),
        "    columns:",
        *(_line(3, name, _scalar(source), "the name") for name, source in found.items() if source),
    ]


def _line(depth: int, key: str, value: str, why: str) -> str:
    return f"{'  ' * depth}{key}: {value}".ljust(44) + f"  # {_one_line(why)}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _scalar(text: str) -> str:
    """Text as YAML: plain where that is safe, else in quotes."""
    if re.fullmatch(r"[A-Za-z_/][A-Za-z0-9_./-]*", text) and plain_name(text) not in _RESERVED:
        return text
    return json.dumps(text, ensure_ascii=False)


_RESERVED = frozenset("true false yes no on off null y n".split())
