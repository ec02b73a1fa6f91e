"""Contracts of the tables that pictures give."""

from src.data.columns import CUSTOMER, PRODUCT, count, real, share, text, value
from src.data.contract import Column, Table

__all__ = ["PICTURES"]

_STAGE = "03_tag"
_TAG = text("picture_tag", "`color: red`, `shows: daisy` or `has text`.")


def _size(name: str, meaning: str, unit: str) -> Column:
    return Column(name, "int64", meaning, unit=unit, is_nullable=True)


_PRODUCT_PICTURES = Table(
    "product_pictures",
    _STAGE,
    "one row per product that has a picture",
    ("product_id",),
    (
        PRODUCT,
        text("picture", "Name of the picture's file."),
        _size("width", "Width, held upright.", "pixels"),
        _size("height", "Height, held upright.", "pixels"),
        _size("n_bytes", "Size of the file.", "bytes"),
        real("sharpness", "Variance of the Laplacian; higher is sharper.", "brightness²", True),
        text("colors", "Colours that fill most of it, `; ` between, the commonest first.", True),
        text("contents", "What it shows, `; ` between; empty if unsure or not looked at.", True),
        Column("has_text", "boolean", "Any text; empty if not looked at.", is_nullable=True),
        text("text", "The text, line after line.", True),
        text("refusal", "Why the file could not be read; empty if it could.", True),
    ),
    (
        "width > 0",
        "height > 0",
        "sharpness >= 0",
        "(refusal IS NULL) = (width IS NOT NULL)",
        "has_text = (text IS NOT NULL)",
    ),
)

_PICTURE_TAGS = Table(
    "picture_tags",
    _STAGE,
    "one row per product and tag of its picture",
    ("product_id", "picture_tag"),
    (PRODUCT, _TAG),
)

_PICTURE_INTERESTS = Table(
    "picture_interests",
    _STAGE,
    "one row per customer and tag of the pictures of what was bought",
    ("customer_id", "picture_tag"),
    (
        CUSTOMER,
        _TAG,
        value("spend_value", "Spend on products whose picture carries the tag."),
        share("spend_share", "Of the spend on products whose pictures have tags."),
        count("last_days", "Since the last purchase of such a product.", "days"),
    ),
    ("spend_value >= 0", "spend_share >= 0 AND spend_share <= 1", "last_days >= 0"),
)

PICTURES = (_PRODUCT_PICTURES, _PICTURE_TAGS, _PICTURE_INTERESTS)
