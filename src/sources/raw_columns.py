"""Raw tables and columns: what each holds, and which a source must give."""

from typing import Literal

from src.data.tables import TABLES

__all__ = [
    "PEOPLE_COLUMNS",
    "RAW_TABLES",
    "REQUIRED",
    "UNREADABLE",
    "ColumnKind",
    "column_kind",
    "raw_columns",
]

ColumnKind = Literal["time", "number", "flag", "text"]

RAW_TABLES = tuple(name for name in TABLES if name.endswith("_raw"))

UNREADABLE = "unreadable"
"""Column of every raw table: what could not be read as the number or time it should be."""

REQUIRED = {
    "orders_raw": (
        "order_id",
        "customer_id",
        "product_id",
        "ordered_at",
        "quantity",
        "line_value",
    ),
    "products_raw": ("product_id",),
    "customers_raw": ("customer_id",),
    "events_raw": ("customer_id", "event_type", "event_at"),
    "reviews_raw": ("customer_id", "reviewed_at", "review_text"),
    "exposures_raw": ("customer_id", "campaign_id", "exposed_at", "action"),
    "rates_raw": ("rate_date", "currency", "rate"),
}

PEOPLE_COLUMNS = (
    "customer_id",
    "email",
    "phone",
    "first_name",
    "last_name",
    "postcode",
    "birth_date",
    "has_email_consent",
    "consented_at",
)

_KINDS: dict[ColumnKind, tuple[str, ...]] = {
    "time": ("ordered_at", "event_at", "reviewed_at", "exposed_at", "ended_at", "rate_date"),
    "number": (
        "quantity",
        "line_value",
        "discount",
        "coupon",
        "rating",
        "pscore",
        "rate",
        "list_value",
        "unit_cost",
    ),
    "flag": ("is_randomised",),
}
_KIND_OF = {column: kind for kind, columns in _KINDS.items() for column in columns}


def column_kind(column: str) -> ColumnKind:
    """Say what a raw column holds: time, number, flag or text."""
    return _KIND_OF.get(column, "text")


def raw_columns(raw_table: str) -> list[str]:
    """Columns of a raw table that a source can give."""
    own = ("source_row", UNREADABLE)
    return [name for name in TABLES[raw_table].column_names if name not in own]
