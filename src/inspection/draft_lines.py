"""Lines of a drafted YAML file, each with the reason why it is so."""

import json
import re

from src.inspection.column_names import plain_name

__all__ = ["reasoned", "scalar"]

_RESERVED = frozenset("true false yes no on off null y n".split())


def reasoned(depth: int, key: str, value: str, why: str) -> str:
    """Write one field with the reason behind it.

    Examples
    --------
    >>> reasoned(1, "file", "sales.csv", "all rows looked at")
    '  file: sales.csv                             # all rows looked at'
    """
    return f"{'  ' * depth}{key}: {value}".ljust(44) + f"  # {' '.join(why.split())}"


def scalar(text: str) -> str:
    """Text as YAML: plain where that is safe, else in quotes.

    Examples
    --------
    >>> scalar("order_no"), scalar("Order no"), scalar("yes")
    ('order_no', '"Order no"', '"yes"')
    """
    if re.fullmatch(r"[A-Za-z_/][A-Za-z0-9_./-]*", text) and plain_name(text) not in _RESERVED:
        return text
    return json.dumps(text, ensure_ascii=False)
