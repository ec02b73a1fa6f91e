"""The contact fields of people as they are compared: one row per customer id, in memory only."""

import pandas as pd

from src.errors import SchemaError
from src.identity.emails import normalize_emails
from src.identity.names import first_token, fold_names, fold_postcodes, known_birth_dates
from src.identity.phones import normalize_phones

__all__ = ["CONTACT_FIELDS", "build_contacts", "drop_shared"]

CONTACT_FIELDS = ("email", "phone", "first_name", "last_name", "postcode", "birth_date")


def build_contacts(people: pd.DataFrame, region: str) -> pd.DataFrame:
    """Even out the contact fields of people.

    Parameters
    ----------
    people : DataFrame
        `customer_id`, and any of `CONTACT_FIELDS`: texts, and `birth_date` as datetime. Rows
        without an id are passed over. Of several rows of one id, each field is taken from the
        first row, in the order of its own values, that has it.
    region : str
        Country of phone numbers without a country code.

    Returns
    -------
    DataFrame
        One row per id, in the order of the ids as text: `customer_id`, `email` and `phone`
        (keys, missing if they tell nobody), `first`, `first_token`, `last`, `postcode` (empty
        if missing), `birth_date` (NaT if missing). It must not be written anywhere.
    """
    if "customer_id" not in people:
        raise SchemaError("Expected the column customer_id of people, found none; map it.")
    rows = _one_row_per_id(people)
    first = fold_names(rows["first_name"])
    return pd.DataFrame(
        {
            "customer_id": rows["customer_id"],
            "email": pd.Series(normalize_emails(rows["email"]), dtype="str"),
            "phone": pd.Series(normalize_phones(rows["phone"], region), dtype="str"),
            "first": first,
            "first_token": first_token(first),
            "last": fold_names(rows["last_name"]),
            "postcode": fold_postcodes(rows["postcode"]),
            "birth_date": known_birth_dates(rows["birth_date"]),
        }
    )


def drop_shared(keys: pd.Series, max_sharing: int) -> tuple[pd.Series, int, int]:
    """Take out keys that more than so many customers share: a till, a family office.

    Returns
    -------
    tuple of Series, int, int
        The keys, the number of distinct ones taken out, and of customers who had them.
    """
    counts = keys.value_counts()
    shared = counts[counts > max_sharing]
    return keys.mask(keys.isin(shared.index)), len(shared), int(shared.sum())


def _one_row_per_id(people: pd.DataFrame) -> pd.DataFrame:
    texts = {
        name: people[name].astype("str") if name in people else pd.Series(dtype="str")
        for name in ("customer_id", *CONTACT_FIELDS[:-1])
    }
    births = people["birth_date"] if "birth_date" in people else None
    rows = pd.DataFrame(texts, index=people.index).assign(
        birth_date=pd.Series(births, index=people.index, dtype="datetime64[us]")
    )
    rows = rows[rows["customer_id"].notna()]
    if rows["customer_id"].duplicated().any():
        return rows.groupby("customer_id", sort=True).min().reset_index()
    return rows.sort_values("customer_id", ignore_index=True)
