"""A first draft of a source file, from the names and values of columns; nothing is invented."""

from collections.abc import Callable, Sequence
import json
from pathlib import Path
import re

from src.errors import ParameterError
from src.inspection.column_names import plain_name
from src.inspection.draft_lines import reasoned, scalar
from src.inspection.looked_at import LookedAt, find_data, look_at
from src.inspection.oddities import as_numbers, find_guest_words, find_missing_words
from src.inspection.value_forms import (
    guess_currency,
    guess_numbers,
    guess_signs,
    guess_times,
    unsigned,
)
from src.root import PROJECT_ROOT
from src.sources.raw_columns import REQUIRED, column_kind

__all__ = ["draft_source"]

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
_WHO = "customer_id"
_TELLING = frozenset(("time", "quantity", "line_value", "unit_price", *REQUIRED["orders_raw"]))
_AMOUNTS = ("line_value", "unit_price", "discount", "coupon", "list_value", "unit_cost")
_TODO = {
    "ordered_at": "the column of when it was bought",
    "order_id": "the column of the order's number; {row: true} if each row is an order of its own",
    "customer_id": "the column that tells the customer; an e-mail address will do",
    "product_id": "the column of the product's number; {value: all} if rows are whole orders",
    "quantity": "the column of pieces; {value: 1} if each row is one piece",
    "line_value": "the column of what was paid for the line, or {product: [pieces, price]}",
}


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
    files = find_data(paths)
    folder = files[0].parent
    if any(file.parent != folder for file in files):
        raise ParameterError("Expected files of one folder, found several; put them together.")
    looked = [look_at(file) for file in files]
    chosen: dict[str, LookedAt] = {}
    people, told_people = _people(looked)
    for file in sorted(looked, key=lambda each: -len(each.concepts.keys() & _TELLING)):
        if file.raw_table is not None and file is not people:
            chosen.setdefault(file.raw_table, file)
    lines = [
        "# Drafted from names and values: read every line, then run `campanile source check`.",
        *_head(folder, name, currency, looked, chosen),
        *told_people,
        "tables:",
    ]
    if "orders_raw" not in chosen:
        lines.append("  # orders_raw: TODO  no file of orders was found; see docs/sources.md")
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


def _head(
    folder: Path,
    name: str | None,
    currency: str | None,
    looked: list[LookedAt],
    chosen: dict[str, LookedAt],
) -> list[str]:
    stem = name or (looked[0].name.partition(".")[0] if len(looked) == 1 else folder.name)
    slug = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")[:48]
    slug = slug if slug[:1].isalpha() else "shop"
    place = folder.relative_to(PROJECT_ROOT) if folder.is_relative_to(PROJECT_ROOT) else folder
    zone = "UNCERTAIN: of times without one; such as Europe/Berlin"
    return [
        reasoned(
            0, "name", slug, "of the shop, by its files; names the folder and key of its data"
        ),
        reasoned(0, "folder", scalar(str(place)), "where the files are"),
        reasoned(0, "time_zone", "UTC", zone),
        _currency(currency, chosen.get("orders_raw")),
        *_missing(looked),
    ]


def _currency(known: str | None, orders: LookedAt | None) -> str:
    if known is not None:
        return reasoned(0, "currency", known, "as you said")
    told = "such as EUR; no value tells it"
    if orders is not None:
        amounts = [orders.concepts.get(each) for each in ("line_value", "unit_price", "discount")]
        codes = orders.concepts.get("currency")
        columns = {each: orders.rows[each] for each in amounts if each}
        found, why = guess_currency(columns, orders.rows[codes] if codes else None)
        if found is not None:
            return reasoned(0, "currency", found, why)
        told = f"which bear {signs[0]}" if (signs := _signs(orders)) else told
    return f"# currency: TODO  ISO code of the amounts, {told}"


def _missing(looked: list[LookedAt]) -> list[str]:
    words = {oddity.value.strip() for file in looked for oddity in _fillers(file)}
    customers = [file.rows[file.concepts[_WHO]] for file in looked if _WHO in file.concepts]
    words |= {word for column in customers for word in find_guest_words(column)}
    listed = "[" + ", ".join(scalar(word) for word in sorted(words)) + "]"
    why = "texts that look like missing, or like guests"
    return [reasoned(0, "missing", listed, why)] if words else []


def _signs(file: LookedAt) -> list[str]:
    """Signs of currency at the amounts of a file."""
    amounts = [file.concepts[each] for each in _AMOUNTS if each in file.concepts]
    return guess_signs([file.rows[each] for each in amounts])


def _fillers(file: LookedAt) -> list:
    used = set(file.concepts.values())
    return [oddity for oddity in find_missing_words(file.rows, []) if oddity.column in used]


def _people(looked: list[LookedAt]) -> tuple[LookedAt | None, list[str]]:
    """Find the file with names and addresses; it feeds no table, for what does is landed."""
    for file in looked:
        concepts = file.concepts
        if "email" in concepts and file.raw_table in ("customers_raw", None):
            if "customer_id" not in concepts:
                continue
            lines = [
                "people:",
                *(line[2:] for line in _place(file, "names and addresses; never written down")),
                "  columns:",
                reasoned(2, "customer_id", scalar(concepts["customer_id"]), "the name"),
            ]
            if "phone" in concepts:
                lines.insert(1, "  # country: TODO  of phone numbers without its code, such as DE")
            return file, lines + [
                reasoned(2, each, scalar(concepts[each]), "the name")
                for each in _PERSONAL
                if each in concepts
            ]
    why = "no file with customers and addresses was found; `invented` for a rehearsal without"
    return None, [reasoned(0, "people", "none", why)]


def _table(raw_table: str, file: LookedAt) -> list[str]:
    seen = f"{'all' if file.is_whole else 'first'} {len(file.rows):,} rows looked at"
    columns, numbers = _columns(raw_table, file)
    lines = [f"  {raw_table}:", *_place(file, seen)]
    time = file.concepts.get("time") if raw_table in _TIME_OF else None
    if time is not None:
        guessed = guess_times(file.rows[time])
        doubt = f"UNCERTAIN: {guessed.doubt}" if guessed.doubt else f"the values of {time}"
        if guessed.form is None:
            lines.append(f"    # times: TODO  the values of {time} are of no known form")
        elif guessed.form != "iso":
            lines.append(reasoned(2, "times", f"[{guessed.form}]", doubt))
    signs = _signs(file) if numbers else []
    if signs:
        others = f"; UNCERTAIN: rows with {', '.join(signs[1:])} are refused" if signs[1:] else ""
        listed = f"[{json.dumps(signs[0], ensure_ascii=False)}]"
        lines.append(reasoned(2, "amount_signs", listed, f"beside the amounts{others}"))
    form, doubt = guess_numbers([unsigned(file.rows[each], signs) for each in numbers])
    if form != "point" or doubt:
        why = f"UNCERTAIN: {doubt}" if doubt else "the values"
        lines.append(reasoned(2, "numbers", form, why))
    return [*lines, "    columns:", *columns]


def _place(file: LookedAt, why: str) -> list[str]:
    """Lines of a file's name, and of how many lines of title stand in it."""
    if not file.skip_lines:
        return [reasoned(2, "file", scalar(file.name), why)]
    return [
        "    file:",
        reasoned(3, "path", scalar(file.name), why),
        reasoned(3, "skip_lines", str(file.skip_lines), "of title above the header"),
    ]


def _columns(raw_table: str, file: LookedAt) -> tuple[list[str], list[str]]:
    """Lines of the columns of one table, and the source columns that hold numbers."""
    concepts, lines, numbers, given = file.concepts, [], [], set()

    def take(column: str, source: str, why: str, written: str | None = None) -> None:
        given.add(column)
        lines.append(reasoned(3, column, written or scalar(source), why))
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
        why = "UNCERTAIN: by its values alone" if file.is_time_by_values else "the name"
        take(_TIME_OF[raw_table], concepts["time"], why)
    if raw_table == "orders_raw":
        _take_value(file, take)
    for column in REQUIRED[raw_table]:
        if column not in given:
            lines.append(f"      # {column}: TODO  {_TODO.get(column, 'required, not found')}")
    return lines, numbers


def _take_value(file: LookedAt, take: Callable[..., None]) -> None:
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
        take("line_value", price, why, f"{{product: [{scalar(pieces)}, {scalar(price)}]}}")


def _is_of_order(file: LookedAt, column: str) -> bool:
    """Whether an amount is that of the whole order: of a shop system's lines, or by the values."""
    price = file.concepts["unit_price"]
    if plain_name(price).startswith("lineitem"):
        return True
    names, signs = (column, file.concepts["quantity"], price), _signs(file)
    values = [unsigned(file.rows[name], signs) for name in names]
    form, _ = guess_numbers(values[::2])
    amount, pieces, each = (as_numbers(each, form) for each in values)
    if amount is None or pieces is None or each is None:
        return False
    is_much_more = amount.abs() > (pieces * each).abs() * 1.5  # tax never adds a half
    return bool(is_much_more.mean() > 0.05)


def _why(column: str, file: LookedAt) -> str:
    source = file.concepts[column]
    if column in ("order_id", "customer_id", "product_id"):
        values = file.rows[source]
        share = values.isna().mean()
        told = f"{share:.1%}" if share >= 0.001 else "< 0.1%"
        empty = f", {told} empty" if share > 0 else ""
        return f"the name; {values.nunique():,} different{empty}"
    return "the name"


def _products_of(orders: LookedAt) -> list[str]:
    """Products by the lines of the orders, where no file has them."""
    found = {name: orders.concepts.get(name) for name in _PLAIN_COLUMNS["products_raw"]}
    return [
        "  products_raw:",
        *_place(orders, "no file of products: taken from the order lines"),
        reasoned(2, "one_per", "product_id", "of the lines of a product one counts"),
        "    columns:",
        *(
            reasoned(3, name, scalar(source), "the name")
            for name, source in found.items()
            if source
        ),
    ]
