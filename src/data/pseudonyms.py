"""Pseudonyms: keyed hashes that stand for a customer, the same in every table and run."""

from collections.abc import Mapping
import hashlib
import hmac

import pandas as pd

__all__ = ["PSEUDONYM_LENGTH", "pseudonym", "pseudonym_table"]

PSEUDONYM_LENGTH = 32
"""Hexadecimal digits: 128 bits, so that two customers never share one."""


def pseudonym(plain_id: str, key: bytes) -> str:
    """Stand-in for one id: HMAC-SHA256, cut to 128 bits.

    Examples
    --------
    >>> pseudonym("1001", bytes(32)) == pseudonym("1001", bytes(32))
    True
    >>> pseudonym("1001", bytes(32)) == pseudonym("1001", b"another key")
    False
    """
    digest = hmac.new(key, plain_id.encode("utf-8"), hashlib.sha256)
    return digest.hexdigest()[:PSEUDONYM_LENGTH]


def pseudonym_table(
    plain_ids: pd.Series,
    key: bytes,
    max_customers: int = 0,
    merged: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Pair each distinct id with its pseudonym.

    Parameters
    ----------
    plain_ids : Series of str
        Ids as the source has them; repeats and missing ones are passed over.
    key : bytes
        Secret key of the source.
    max_customers : int, default 0
        Keep so many, the first in the order of their pseudonyms; 0 keeps all.
    merged : mapping of str to str, optional
        Id of an account to the id of its person, where they differ; the person's pseudonym
        then stands for both.

    Returns
    -------
    DataFrame
        One row per id: `plain_id`, `pseudonym`, in the order of the pseudonyms. It must
        not be written anywhere.
    """
    distinct = plain_ids.dropna().drop_duplicates().astype("str")
    person = merged or {}
    pairs = pd.DataFrame(
        {
            "plain_id": distinct,
            "pseudonym": pd.Series(
                [pseudonym(person.get(plain_id, plain_id), key) for plain_id in distinct],
                index=distinct.index,
                dtype="str",
            ),
        }
    )
    pairs = pairs.sort_values(["pseudonym", "plain_id"], ignore_index=True)
    if not max_customers:
        return pairs
    first = pairs["pseudonym"].drop_duplicates().head(max_customers)
    return pairs[pairs["pseudonym"].isin(first)].reset_index(drop=True)
