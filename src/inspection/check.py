"""What a run would take from a source, found out from a sample of every table."""

from dataclasses import dataclass, field, replace
from pathlib import Path
import re

import numpy as np
import pandas as pd
import pyarrow as pa

from src.data.mapped import map_table
from src.engine import connect
from src.errors import SchemaError
from src.identity.contacts import build_contacts
from src.identity.people import read_people
from src.inspection.column_names import concepts_of
from src.inspection.oddities import (
    GUEST_WORDS,
    Oddity,
    as_numbers,
    find_crowd,
    find_leaks,
    find_missing_words,
    find_outcome,
    find_sentinels,
)
from src.inspection.samples import SAMPLE_ROWS, Sample, read_sample
from src.sources.config import (
    ColumnSource,
    Constant,
    Numbered,
    Product,
    Renamed,
    Scaled,
    Source,
    TableSource,
    source_columns,
)
from src.sources.mapping import check_source
from src.sources.origins import FileOrigin, Origin
from src.sources.raw_columns import RAW_TABLES, REQUIRED, UNREADABLE, column_kind

__all__ = [
    "TableCheck",
    "check_readable",
    "check_tables",
    "describe_mapping",
    "find_people",
    "without",
]

_N_EXAMPLES = 3
_LONGEST_EXAMPLE = 24
_MAX_UNREADABLE = 0.5
_PERSONAL = re.compile(r"_id$|^review_text$|^user_agent$")
_OF_PERSONS = frozenset(("email", "phone", "first_name", "last_name", "birth_date"))
_LOOKS_PERSONAL = re.compile(r"@|^\+?[\d ()/-]{9,}$")

# What a run lacks, by what is missing
_WITHOUT = {
    "products_raw": "no departments, brands or names of products: interests and recommendations "
    "go by product number",
    "customers_raw": "nothing is known of customers but what they bought",
    "events_raw": "no views, clicks or carts: profiles rest on orders alone",
    "reviews_raw": "no ratings or opinions",
    "exposures_raw": "no past campaigns: uplift cannot be learnt from them",
    "rates_raw": "amounts in another currency are refused",
    "orders_raw.discount": "no order counts as discounted for a price cut",
    "orders_raw.coupon": "no order counts as discounted for a coupon",
    "orders_raw.refund_of": "returns are matched to orders by customer, product and time",
    "orders_raw.line_id": "rows that are equal in everything count as repeated order lines",
    "orders_raw.currency": "all amounts are taken to be in the shop's currency",
    "products_raw.department": "no departments",
    "products_raw.list_value": "no list prices: a discount cannot be told from the price",
    "products_raw.unit_cost": "no costs: margin is not known, only what was paid",
    "events_raw.product_id": "events do not tell which product",
    "events_raw.user_agent": "bots are told by their speed alone",
    "exposures_raw.pscore": "no probabilities of past draws",
}


@dataclass(frozen=True)
class TableCheck:
    """What a run would take from one table.

    Parameters
    ----------
    raw_table : str
        Which one.
    n_rows : int
        Rows looked at.
    is_whole : bool
        Whether these are all.
    columns : DataFrame
        One row per raw column that is mapped: `raw_column`, `mapped` (in words), `examples`
        (ids and people masked), `missing_share`, `unreadable_share`, `unreadable_forms` (of
        texts that are no number or time where one should be, all masked).
    unused : list of str
        Source columns that nothing is taken from.
    n_repeats : int
        Rows that equal an earlier one in every column.
    has_key : bool
        Whether an id of its own tells a row from its repeat.
    missing_words, sentinels : list of Oddity
        What looks like missing and is not named as such.
    outcome : str, optional
        Column that looks like an outcome.
    leaks : dict of str to float
        Columns that tell it too well, with their AUC.
    personal : list of str
        Columns not used that are of a person, by their names.
    crowd : Oddity, optional
        A customer id that seems to stand for many people; its form, unless it is a known word.
    n_returns : int
        Rows with fewer than no pieces.
    is_in_place : bool
        Whether the rows are read where they lie, so that unused columns stay there too.
    """

    raw_table: str
    n_rows: int
    is_whole: bool
    columns: pd.DataFrame
    unused: list[str]
    n_repeats: int
    has_key: bool
    missing_words: list[Oddity] = field(default_factory=list)
    sentinels: list[Oddity] = field(default_factory=list)
    outcome: str | None = None
    leaks: dict[str, float] = field(default_factory=dict)
    personal: list[str] = field(default_factory=list)
    crowd: Oddity | None = None
    n_returns: int = 0
    is_in_place: bool = False


def check_tables(
    path: str, outcome: str | None = None, max_rows: int = SAMPLE_ROWS
) -> tuple[Source, list[TableCheck]]:
    """Look at a sample of every table of a source.

    Parameters
    ----------
    path : str
        The source file; a relative path starts at the project root.
    outcome : str, optional
        A source column of two values that no other column may give away; else one is looked
        for by its name.
    max_rows : int
        Rows per table.

    Returns
    -------
    tuple of Source and list of TableCheck

    Raises
    ------
    ParameterError, SchemaError, SourceError, ConfigurationError
        If the source cannot be used as it is.
    """
    source = check_source(path)
    return source, [
        _check_table(source, name, read_sample(path, source, name, max_rows), outcome)
        for name in source.tables
    ]


def _check_table(source: Source, raw_table: str, sample: Sample, outcome: str | None) -> TableCheck:
    table, rows = source.tables[raw_table], sample.frame()
    missing = source.missing if table.missing is None else table.missing
    numbers = table.numbers or source.numbers
    texts = rows.apply(lambda column: column if column.dtype != object else column.astype("str"))
    used = {name for mapped in table.columns.values() for name in source_columns(mapped)}
    unused = [name for name in rows.columns if name not in used]
    found = outcome if outcome in texts.columns else find_outcome(texts)
    pieces = table.columns.get("quantity")
    sentinels = find_sentinels(texts, numbers, missing)
    is_return = [odd.column == pieces and odd.value.startswith("-") for odd in sentinels]
    return TableCheck(
        raw_table=raw_table,
        n_rows=len(rows),
        is_whole=sample.is_whole,
        columns=_describe_columns(source, raw_table, sample.rows),
        unused=unused,
        personal=[name for what, name in concepts_of(unused).items() if what in _OF_PERSONS],
        n_repeats=int(texts.duplicated().sum()),
        has_key=any(
            name.endswith("_id") and isinstance(mapped, str) and texts[mapped].is_unique
            for name, mapped in table.columns.items()
        ),
        missing_words=find_missing_words(texts, missing),
        sentinels=[odd for odd, is_one in zip(sentinels, is_return, strict=True) if not is_one],
        crowd=_find_crowd(texts, table, missing),
        n_returns=_count_returns(texts, pieces, numbers),
        is_in_place=_is_in_place(table.origin),
        outcome=found,
        leaks=find_leaks(texts, found, numbers) if found else {},
    )


def _is_in_place(origin: Origin) -> bool:
    if not isinstance(origin, FileOrigin):
        return False
    is_unnamed = origin.format is None and Path(origin.path).suffix in ("", ".parquet")
    return is_unnamed or origin.format == "parquet"


def _find_crowd(texts: pd.DataFrame, table: TableSource, missing: list[str]) -> Oddity | None:
    column = table.columns.get("customer_id")
    found = find_crowd(texts[column], missing) if isinstance(column, str) else None
    if found is None or found.value.casefold() in GUEST_WORDS:
        return found
    return replace(found, value=_masked(found.value))


def _count_returns(texts: pd.DataFrame, pieces: ColumnSource | None, numbers: str) -> int:
    values = as_numbers(texts[pieces], numbers) if isinstance(pieces, str) else None
    return 0 if values is None else int((values < 0).sum())


def _describe_columns(source: Source, raw_table: str, rows: pa.Table) -> pd.DataFrame:
    table = source.tables[raw_table]
    engine = connect("duckdb")
    numbered = rows.append_column("source_row", pa.array(np.arange(rows.num_rows)))
    every_row = table.model_copy(update={"one_per": None})
    alone = source.model_copy(update={"tables": {raw_table: every_row}})
    raw = map_table(
        engine.create_table("sample", numbered, temp=True), alone, raw_table
    ).to_pandas()
    notes = raw[UNREADABLE].astype("str")
    described = []
    for column, mapped in table.columns.items():
        lost = pd.Series(False, raw.index)
        forms: dict[str, None] = {}
        for name in source_columns(mapped) if column_kind(column) != "text" else ():
            here = notes.str.contains(rf"(?:^|; ){re.escape(name)}=", regex=True).fillna(False)
            forms |= dict.fromkeys(_forms(rows[name], here))
            lost |= here
        described.append(
            {
                "raw_column": column,
                "mapped": describe_mapping(mapped),
                "examples": _examples(column, raw[column]),
                "missing_share": float((raw[column].isna() & ~lost).mean()) if len(raw) else 0.0,
                "unreadable_share": float(lost.mean()) if len(raw) else 0.0,
                "unreadable_forms": list(forms)[:_N_EXAMPLES],
            }
        )
    return pd.DataFrame(described)


def _forms(texts: pa.ChunkedArray, is_lost: pd.Series) -> list[str]:
    """Forms of the texts that cannot be read, the commonest first."""
    lost = texts.to_pandas()[is_lost.to_numpy(bool)].astype("str")
    return lost.str.strip().map(_masked).value_counts().index[:_N_EXAMPLES].tolist()


def _examples(column: str, values: pd.Series) -> str:
    """Say up to three values; ids and what may be of a person show their form only."""
    given = values.dropna()
    if isinstance(given.dtype, pd.DatetimeTZDtype):
        given = given.dt.strftime("%Y-%m-%d %H:%M")
    shown = []
    for value in given.drop_duplicates().head(_N_EXAMPLES):
        text = f"{value:g}" if isinstance(value, float) else str(value)
        is_personal = bool(_PERSONAL.search(column) or _LOOKS_PERSONAL.search(text))
        shown.append(_masked(text) if is_personal else text[:_LONGEST_EXAMPLE])
    return " | ".join(dict.fromkeys(shown))


def _masked(text: str) -> str:
    """Form of a text: 9 for a digit, a and A for letters, signs as they are."""
    form = re.sub(r"[^\W\d_]", lambda sign: "A" if sign[0].isupper() else "a", text)
    form = re.sub(r"\d", "9", form)
    return form if len(form) <= _LONGEST_EXAMPLE else f"{len(form)} signs"


def describe_mapping(mapped: ColumnSource) -> str:
    """Say in words where a raw column comes from.

    Examples
    --------
    >>> describe_mapping(["cut", "bonus"]), describe_mapping(Constant(value=1))
    ('cut + bonus', 'always 1')
    """
    if isinstance(mapped, Constant):
        return f"always {mapped.value}"
    if isinstance(mapped, Numbered):
        return "number of the row"
    if isinstance(mapped, list):
        return " + ".join(mapped)
    if isinstance(mapped, Product):
        return " × ".join(mapped.product)
    if isinstance(mapped, Scaled):
        return f"{mapped.column} × {mapped.scale:g}"
    if isinstance(mapped, Renamed):
        return f"{mapped.column}, {len(mapped.names)} values renamed"
    return mapped


def check_readable(path: str, source: Source, checks: list[TableCheck]) -> None:
    """Refuse a source whose sample is empty, or unreadable where it must be read.

    Raises
    ------
    SchemaError
        If so; the values are not shown.
    """
    for check in checks:
        if not check.n_rows and check.raw_table == "orders_raw":
            raise SchemaError(f"Expected rows for tables.orders_raw of {path}, found none.")
        required = check.columns[check.columns["raw_column"].isin(REQUIRED[check.raw_table])]
        worst = required[required["unreadable_share"] > _MAX_UNREADABLE]
        if len(worst):
            column = worst["raw_column"].iloc[0]
            table = source.tables[check.raw_table]
            kind = column_kind(column)
            forms = (table.times or source.times) if kind == "time" else table.numbers
            remedy = "times" if kind == "time" else "numbers, signs beside it in amount_signs"
            raise SchemaError(
                f"Expected a {kind} of the form {forms or source.numbers} in "
                f"{worst['mapped'].iloc[0]!r} for tables.{check.raw_table}.columns.{column} of "
                f"{path}, found something else in {worst['unreadable_share'].iloc[0]:.0%} of the "
                f"rows looked at; name its form in the field {remedy}, or map another column."
            )


def without(source: Source) -> list[str]:
    """Say what a run will do without, for want of tables and columns."""
    told = []
    for raw_table in RAW_TABLES:
        if raw_table not in source.tables:
            if raw_table in _WITHOUT:
                told.append(f"{raw_table}: {_WITHOUT[raw_table]}")
            continue
        given = source.tables[raw_table].columns
        for place, words in _WITHOUT.items():
            table, _, column = place.partition(".")
            if table == raw_table and column and column not in given:
                told.append(f"{place}: {words}")
    if source.people == "none":
        told.append(
            "people: nobody has an address, so nobody is assigned an action; `people: invented` "
            "rehearses with names and addresses at example.com"
        )
    return told


def find_people(path: str, source: Source) -> dict[str, int]:
    """Count the people of a source and the keys that tell them, showing none."""
    people = read_people(path, source)
    contacts = build_contacts(people, source.people.region)
    return {
        "rows": len(people),
        "customer ids": len(contacts),
        "with an e-mail address that tells a person": int(contacts["email"].notna().sum()),
        "with a phone number that tells a person": int(contacts["phone"].notna().sum()),
        "with a birth date": int(contacts["birth_date"].notna().sum()),
        "who agreed to e-mail": int(people["has_email_consent"].fillna(False).sum()),
    }
