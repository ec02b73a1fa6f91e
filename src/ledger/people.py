"""The vault: names and addresses, encrypted field by field; opened by `src.send` alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
import hashlib
import hmac
import logging
import secrets
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
import pandas as pd
from sqlalchemy import Connection, delete, insert, select

from src.errors import ConfigurationError
from src.keys import read_key
from src.ledger.schema import people as people_table
from src.ledger.store import Ledger, chunks, rows_of

__all__ = [
    "Person",
    "address_token",
    "normalize_address",
    "person_token",
    "read_people",
    "record_people",
]

_FIELDS = ("first_name", "last_name", "email")
_KEY_VERSION = 1
_NONCE_BYTES = 12

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Person:
    """Contact fields of one customer; never shown by `repr`."""

    first_name: str = field(default="", repr=False)
    last_name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)


def record_people(ledger: Ledger, people: pd.DataFrame) -> int:
    """Keep contact fields, each encrypted by itself; what is already there stays.

    Parameters
    ----------
    ledger : Ledger
        Where to keep them.
    people : DataFrame
        One row per customer: `customer_id`, `first_name`, `last_name`, `email`; a missing
        field is honest.

    Returns
    -------
    int
        Customers that were new or changed.
    """
    rows = {row["customer_id"]: row for row in rows_of(people, ("customer_id", *_FIELDS))}
    given = {customer_id: _person(row) for customer_id, row in rows.items()}
    with ledger.write() as connection:
        known = read_people(connection, list(given))
        changed = [key for key in given if known.get(key) != given[key]]
        for piece in chunks(changed):
            connection.execute(delete(people_table).where(people_table.c.customer_id.in_(piece)))
            connection.execute(insert(people_table), [_sealed(key, given[key]) for key in piece])
    logger.info("record_people: %d given, %d new or changed", len(given), len(changed))
    return len(changed)


def read_people(connection: Connection, customer_ids: Sequence[str]) -> dict[str, Person]:
    """Decrypt the contact fields of some customers; customers without any are left out.

    Raises
    ------
    ConfigurationError
        If a field does not open: wrong key, or moved between rows or columns.
    """
    cipher = AESGCM(read_key("vault"))
    found = {}
    for piece in chunks(list(customer_ids)):
        query = select(people_table).where(people_table.c.customer_id.in_(piece))
        for row in connection.execute(query).mappings():
            opened = {name: _open(cipher, name, row) for name in _FIELDS}
            found[row["customer_id"]] = Person(**opened)
    return found


def normalize_address(address: str) -> str:
    """Strip an address and fold the case of its domain; the local part stays as written.

    Examples
    --------
    >>> normalize_address(" Ann@Shop.Example.COM ")
    'Ann@shop.example.com'
    """
    local, at, domain = unicodedata.normalize("NFC", address.strip()).rpartition("@")
    return f"{local}{at}{domain.lower()}"


def address_token(address: str) -> str:
    """Keyed token of a mailbox: case and a +tag do not make another one.

    It outlives the address itself, so that a person who left stays left when a list is
    imported again.
    """
    local, _, domain = normalize_address(address).casefold().rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        pass
    return _token(f"address|{local.partition('+')[0] or local}@{domain}")


def person_token(customer_id: str) -> str:
    """Keyed token of a customer, for those whose address is not known."""
    return _token(f"customer|{customer_id}")


def _token(text: str) -> str:
    return hmac.new(read_key("suppression"), text.encode(), hashlib.sha256).hexdigest()


def _person(row: dict) -> Person:
    names = {name: str(row[name] or "").strip() for name in ("first_name", "last_name")}
    return Person(email=normalize_address(str(row["email"] or "")), **names)


def _sealed(customer_id: str, person: Person) -> dict:
    cipher = AESGCM(read_key("vault"))
    sealed = {name: _seal(cipher, name, customer_id, getattr(person, name)) for name in _FIELDS}
    token = address_token(person.email) if person.email else None
    return sealed | {
        "customer_id": customer_id,
        "key_version": _KEY_VERSION,
        "address_token": token,
    }


def _seal(cipher: AESGCM, column: str, customer_id: str, text: str) -> bytes | None:
    if not text:
        return None
    nonce = secrets.token_bytes(_NONCE_BYTES)
    place = _place(column, customer_id, _KEY_VERSION)
    return nonce + cipher.encrypt(nonce, text.encode("utf-8", "surrogatepass"), place)


def _open(cipher: AESGCM, column: str, row: dict) -> str:
    sealed = row[column]
    if sealed is None:
        return ""
    place = _place(column, row["customer_id"], row["key_version"])
    try:
        opened = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
    except (InvalidTag, ValueError):
        raise ConfigurationError(
            f"Expected the key vault.key to open people.{column}, but it does not; restore the "
            "key that belongs to this ledger, or the ledger that belongs to this key."
        ) from None
    return opened.decode("utf-8", "surrogatepass")


def _place(column: str, customer_id: str, key_version: int) -> bytes:
    """Bind a field to its place, so that it opens nowhere else."""
    return f"people|{column}|{customer_id}|{key_version}".encode()
