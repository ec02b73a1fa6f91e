"""The files of a rehearsed shop, as its database would export them on some day."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from src.rehearsal.baseline import DAY_SECONDS, N_PRODUCTS, Orders, order_lines
from src.rehearsal.customers import DEPARTMENTS, Customers
from src.rehearsal.world import World

__all__ = ["SHOP", "account_names", "address_of", "export_shop", "start_of", "write_source"]

SHOP = "rehearsal"

_SECOND = "b"

_NOUNS = ("board", "bowl", "cap", "case", "clip", "cup", "frame", "kit", "lamp", "mat")
_FIRSTS = ("Emma", "James", "Olivia", "William", "Grace", "Henry", "Charlotte", "Samuel")
_LASTS = ("Smith", "Johnson", "Baker", "Cooper", "Hughes", "Walker", "Bennett", "Turner")

_SOURCE = {
    "name": SHOP,
    "is_public": True,
    "time_zone": "UTC",
    "currency": "USD",
    "people": {
        "file": "people.parquet",
        "columns": {
            name: name
            for name in (
                "customer_id",
                "email",
                "first_name",
                "last_name",
                "has_email_consent",
                "consented_at",
            )
        },
    },
    "tables": {
        "orders_raw": {
            "file": "orders.parquet",
            "columns": {
                name: name
                for name in (
                    "order_id",
                    "customer_id",
                    "product_id",
                    "ordered_at",
                    "quantity",
                    "line_value",
                    "discount",
                    "refund_of",
                )
            },
        },
        "products_raw": {
            "file": "products.parquet",
            "columns": {"product_id": "product_id", "department": "department",
                        "category": "category", "product_type": "product_type"},
        },
        "events_raw": {
            "file": "events.parquet",
            "columns": {
                name: name for name in ("customer_id", "event_type", "event_at", "campaign_id")
            },
        },
    },
}  # fmt: skip


def address_of(person: int) -> str:
    """Give the address of a customer, below a name that is kept out of the public DNS for good."""
    return f"reader{person}@readers.internal"


def start_of(world: World) -> dt.date:
    """Give the first day of the history: second 0 of all orders."""
    last = dt.date.fromisoformat(world.first_as_of)
    return last - dt.timedelta(days=7 * world.history_weeks - 1)


def account_names(customers: Customers) -> pd.Series:
    """Give the place of the person by the shop's number of each account."""
    names = customer_names(len(customers))
    second = np.flatnonzero(customers.has_second)
    numbers = np.r_[names, names[second] + _SECOND]
    return pd.Series(np.r_[np.arange(len(customers)), second], numbers)


def customer_names(n: int) -> np.ndarray:
    """Give the shop's own numbers of its customers."""
    return np.char.add("k", np.char.zfill(np.arange(n).astype(str), 7)).astype(object)


def write_source(folder: Path) -> Path:
    """Write the source file of the shop beside its tables."""
    path = folder / "source.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = _SOURCE | {"folder": str(folder)}
    path.write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")
    return path


def export_shop(
    folder: Path,
    world: World,
    customers: Customers,
    orders: Orders,
    redemptions: pd.DataFrame,
    last_day: dt.date,
    seed: int,
) -> None:
    """Write what the shop knows at the end of a day: nothing later is in its files.

    Parameters
    ----------
    folder : Path
        Where the files go; those of an earlier day are replaced, each whole or not at all.
    world, customers, seed
        Of the rehearsal.
    orders : Orders
        All that were made, with what messages changed.
    redemptions : DataFrame
        `customer`, `at`, `campaign_id` of each offer that was taken.
    last_day : date
        The last day that is known.
    """
    zero = pd.Timestamp(start_of(world))
    end = ((last_day - start_of(world)).days + 1) * DAY_SECONDS
    names = customer_names(len(customers))
    known = orders.take(np.flatnonzero(orders.at < end))
    files = {
        "orders": _order_rows(order_lines(known, customers, seed), customers, names, zero, end),
        "products": _products(),
        "people": _people(customers, names, zero),
        "events": _events(redemptions[redemptions["at"] < end], names, zero),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in files.items():
        draft = folder / f".{name}.parquet"
        frame.to_parquet(draft, index=False)
        draft.replace(folder / f"{name}.parquet")


def _order_rows(
    lines: pd.DataFrame, customers: Customers, names: np.ndarray, zero: pd.Timestamp, end: int
) -> pd.DataFrame:
    is_second = customers.has_second[lines["customer"]] & (lines["order_id"].to_numpy() % 2 == 1)
    accounts = names[lines["customer"]] + np.where(is_second, _SECOND, "").astype(object)
    lines = lines.assign(account=accounts)
    back = lines[lines["returned_at"].between(0, end - 1)]
    bought = _rows(lines, "O", zero, lines["at"], 1)
    returned = _rows(back, "R", zero, back["returned_at"], -1)
    returned["refund_of"] = "O" + back["order_id"].astype(str)
    rows = pd.concat([bought.assign(refund_of=None), returned], ignore_index=True)
    return rows.astype({"refund_of": "str"}).sort_values("ordered_at", kind="stable")


def _rows(
    lines: pd.DataFrame, letter: str, zero: pd.Timestamp, at: pd.Series, sign: int
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "order_id": letter + lines["order_id"].astype(str),
            "customer_id": lines["account"],
            "product_id": "P" + lines["product"].astype(str),
            "ordered_at": _moments(at, zero),
            "quantity": sign * lines["quantity"],
            "line_value": sign * lines["paid_minor"] / 100,
            "discount": sign * lines["discount_minor"] / 100,
        }
    )


def _products() -> pd.DataFrame:
    number = np.arange(len(DEPARTMENTS) * N_PRODUCTS)
    department = np.array(DEPARTMENTS)[number // N_PRODUCTS]
    noun = np.array(_NOUNS)[number % len(_NOUNS)]
    kind = np.char.add(np.char.add(np.char.lower(department), " "), noun)
    return pd.DataFrame(
        {
            "product_id": np.char.add("P", number.astype(str)),
            "department": department,
            "category": kind,
            "product_type": np.char.add(kind, np.char.mod(" no %d", number)),
        }
    )


def _people(customers: Customers, names: np.ndarray, zero: pd.Timestamp) -> pd.DataFrame:
    n = len(customers)
    person = np.r_[np.arange(n), np.flatnonzero(customers.has_second)]
    return pd.DataFrame(
        {
            "customer_id": np.r_[names, names[customers.has_second] + _SECOND],
            "email": [address_of(one) for one in person],
            "first_name": np.array(_FIRSTS)[person % len(_FIRSTS)],
            "last_name": np.array(_LASTS)[person // 8 % len(_LASTS)],
            "has_email_consent": customers.has_consent[person],
            "consented_at": zero,
        }
    )


def _moments(at: pd.Series, zero: pd.Timestamp) -> np.ndarray:
    """Give times of one type, with rows and without."""
    seconds = at.to_numpy(dtype="int64").astype("timedelta64[s]")
    return (zero.to_datetime64().astype("datetime64[us]") + seconds).astype("datetime64[us]")


def _events(redemptions: pd.DataFrame, names: np.ndarray, zero: pd.Timestamp) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": names[redemptions["customer"].to_numpy(dtype=int)].astype(str),
            "event_type": "coupon_redeemed",
            "event_at": _moments(redemptions["at"], zero),
            "campaign_id": redemptions["campaign_id"].astype(str).to_numpy(),
        }
    )
