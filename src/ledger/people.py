"""People: names and addresses, encrypted field by field; opened by `src.send` alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
import logging

import pandas as pd
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from src.ledger.audit import append_audit, audited
from src.ledger.schema import people as people_table
from src.ledger.store import Ledger, chunks, rows_of
from src.ledger.tokens import address_token, field_tokens, normalize_address, normalize_phone
from src.ledger.vault import Vault, make_next_key, newest_version

__all__ = [
    "Person",
    "address_token",
    "find_busy_people",
    "lock_people",
    "normalize_address",
    "read_people",
    "read_zones",
    "record_people",
    "rotate_vault",
]

_REQUIRED = ("first_name", "last_name", "email")
_OPTIONAL = ("phone", "time_zone", "language", "webhook")
_FIELDS = (*_REQUIRED, *_OPTIONAL)
_ROTATED_AT_ONCE = 500

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Person:
    """Contact fields of one customer; never shown by `repr`.

    Parameters
    ----------
    first_name, last_name : str
        Names; each field is empty if it is not known.
    email : str
        Address.
    phone : str
        Telephone number, E.164.
    time_zone : str
        IANA name, such as ``Asia/Shanghai``.
    language : str
        BCP 47, such as ``en`` or ``zh``.
    webhook : str
        Account on a social network, in a chat or of an app, as the receiver knows it.
    """

    first_name: str = field(default="", repr=False)
    last_name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    time_zone: str = field(default="", repr=False)
    language: str = field(default="", repr=False)
    webhook: str = field(default="", repr=False)


def record_people(ledger: Ledger, people: pd.DataFrame) -> int:
    """Keep contact fields, each encrypted by itself; what is already there stays.

    Parameters
    ----------
    ledger : Ledger
        Where to keep them.
    people : DataFrame
        One row per customer: `customer_id`, `first_name`, `last_name`, `email`; optionally
        `phone`, `time_zone`, `language`, `webhook`. A missing field is honest; a column that
        is not there leaves the field as it is. A telephone number that is none is not kept.

    Returns
    -------
    int
        Customers that were new or changed.
    """
    given_names = [name for name in _FIELDS if name in _REQUIRED or name in people.columns]
    rows = {row["customer_id"]: row for row in rows_of(people, ("customer_id", *given_names))}

    def keep(connection: Connection) -> int:
        known = read_people(connection, list(rows))
        given = {key: _person(row, known.get(key, Person())) for key, row in rows.items()}
        changed = [key for key in given if known.get(key) != given[key]]
        vault = Vault()
        for piece in chunks(changed):
            connection.execute(delete(people_table).where(people_table.c.customer_id.in_(piece)))
            sealed = [_sealed(vault, key, given[key]) for key in piece]
            connection.execute(insert(people_table), sealed)
        return len(changed)

    n_changed = ledger.transact(keep)
    logger.info("record_people: %d given, %d new or changed", len(rows), n_changed)
    return n_changed


def read_people(connection: Connection, customer_ids: Sequence[str]) -> dict[str, Person]:
    """Decrypt the contact fields of some customers; customers without any are left out.

    Raises
    ------
    ConfigurationError
        If a field does not open: wrong key, or moved between rows or columns.
    """
    vault = Vault()
    return {
        row.customer_id: Person(*_opened(vault, row))
        for piece in chunks(list(customer_ids))
        for row in connection.execute(_PEOPLE, {"ids": piece})
    }


def read_zones(connection: Connection, customer_ids: Sequence[str]) -> dict[str, str]:
    """Decrypt the time zones of some customers, and nothing else; empty if not known."""
    vault = Vault()
    return {
        customer_id: vault.open("time_zone", customer_id, version, sealed)
        for piece in chunks(list(customer_ids))
        for customer_id, version, sealed in connection.execute(_ZONES, {"ids": piece})
    }


def rotate_vault(ledger: Ledger, actor: str = "") -> int:
    """Seal every field anew under a new key, row by row, beside senders at work.

    Killed at any point it goes on where it was: as long as a row is sealed under an older key,
    no further key is made. The old key files may be destroyed once no backup needs them.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    actor : str, default ""
        Who does it; empty: the account that runs this.

    Returns
    -------
    int
        People sealed anew by this call.
    """
    version = newest_version()
    if not _count_older(ledger, version):
        version = make_next_key()
    n_rotated = 0
    while n := ledger.transact(lambda connection: _rotate_some(connection, version)):
        n_rotated += n
    told = {"key_version": version, "n_people": n_rotated}
    audited(
        ledger,
        lambda connection: append_audit(
            connection, ledger.now(), actor, "rotate vault", "people", told
        ),
    )
    return n_rotated


def lock_people(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Hold customers until the transaction ends, so that no claim of theirs runs beside it."""
    for piece in chunks(sorted(set(customer_ids))):
        connection.execute(_LOCKED, {"ids": piece}).all()


def find_busy_people(connection: Connection, customer_ids: Sequence[str]) -> set[str]:
    """Hold the customers that are free; gives those whom another transaction holds.

    A claim that holds its customers sees every opt-out that was acknowledged, and no other
    claim can use up the same contact of a frequency cap. SQLite has one writer anyway.
    """
    if connection.dialect.name == "sqlite":
        return set()
    busy: set[str] = set()
    for piece in chunks(sorted(set(customer_ids))):
        free = set(connection.scalars(_FREE, {"ids": piece}))
        if len(free) < len(piece):
            busy |= set(connection.scalars(_KNOWN, {"ids": piece})) - free
    return busy


_IDS = bindparam("ids", expanding=True)
_COLUMNS = people_table.c
_MINE = _COLUMNS.customer_id.in_(_IDS)
_PEOPLE = select(
    _COLUMNS.customer_id, _COLUMNS.key_version, *(_COLUMNS[name] for name in _FIELDS)
).where(_MINE)
_ZONES = select(_COLUMNS.customer_id, _COLUMNS.key_version, _COLUMNS.time_zone).where(
    _MINE, _COLUMNS.time_zone.is_not(None)
)
_KNOWN = select(_COLUMNS.customer_id).where(_MINE)
_LOCKED = _KNOWN.order_by(_COLUMNS.customer_id).with_for_update()
_FREE = _KNOWN.order_by(_COLUMNS.customer_id).with_for_update(skip_locked=True)


def _opened(vault: Vault, row: Row) -> list[str]:
    customer_id, version, *sealed = row
    return [
        vault.open(name, customer_id, version, content)
        for name, content in zip(_FIELDS, sealed, strict=True)
    ]


def _person(row: dict, known: Person) -> Person:
    new = {name: str(row[name] or "").strip() for name in _FIELDS if name in row}
    new["email"] = normalize_address(new["email"])
    if "phone" in new:
        new["phone"] = normalize_phone(new["phone"])
    kept = {one.name: getattr(known, one.name) for one in fields(Person)}
    return Person(**(kept | new))


def _sealed(vault: Vault, customer_id: str, person: Person) -> dict:
    sealed = {name: vault.seal(name, customer_id, getattr(person, name)) for name in _FIELDS}
    tokens = field_tokens(person.email, person.phone, person.webhook)
    return sealed | tokens | {"customer_id": customer_id, "key_version": vault.version}


def _count_older(ledger: Ledger, version: int) -> int:
    query = select(func.count()).where(_COLUMNS.key_version < version)
    with ledger.read() as connection:
        return connection.scalar(query)


def _rotate_some(connection: Connection, version: int) -> int:
    """Seal a few people anew; 0 once none is left under an older key."""
    query = (
        select(_COLUMNS.customer_id, _COLUMNS.key_version, *(_COLUMNS[n] for n in _FIELDS))
        .where(_COLUMNS.key_version < version)
        .order_by(_COLUMNS.key_version, _COLUMNS.customer_id)
        .limit(_ROTATED_AT_ONCE)
        .with_for_update()
    )
    vault = Vault()
    rows = connection.execute(query).all()
    if rows:
        new = [_resealed(vault, row) for row in rows]
        names = {name: bindparam(f"new_{name}") for name in (*_FIELDS, "key_version")}
        mine = update(people_table).where(_COLUMNS.customer_id == bindparam("id"))
        connection.execute(mine.values(names), new)
    return len(rows)


def _resealed(vault: Vault, row: Row) -> dict:
    values = zip(_FIELDS, _opened(vault, row), strict=True)
    sealed = {f"new_{name}": vault.seal(name, row.customer_id, text) for name, text in values}
    return sealed | {"id": row.customer_id, "new_key_version": vault.version}
