"""Small shops for the tests of features: a few rows in, tables of 02_clean out."""

import datetime as dt
import itertools

import pyarrow as pa
import pytest

from src.data.tables import TABLES
from src.engine import connect

_ARROW = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def _arrow(name: str, rows: list[dict]) -> pa.Table:
    schema = pa.schema([(column.name, _ARROW[column.type]) for column in TABLES[name].columns])
    return pa.Table.from_pylist([_timed(row) for row in rows], schema=schema)


def _timed(row: dict) -> dict:
    """Read texts in columns of times; a time without a zone is in UTC."""
    times = {name: row[name] for name in row if name.endswith("_at") and row[name] is not None}
    read = {name: dt.datetime.fromisoformat(text) for name, text in times.items()}
    return row | {
        name: time if time.tzinfo else time.replace(tzinfo=dt.UTC) for name, time in read.items()
    }


@pytest.fixture(scope="session")
def engine():
    return connect()


@pytest.fixture(scope="session")
def line():
    """Make a row of `orders`; what is not said is ordinary."""

    def make(customer_id, order_id, ordered_at, product_id="milk", value=100, **other):
        row = {
            "order_id": order_id,
            "line_number": 1,
            "customer_id": customer_id,
            "product_id": product_id,
            "store_id": "s1",
            "ordered_at": ordered_at,
            "quantity": 1,
            "line_value_minor": value,
            "discount_minor": 0,
            "coupon_minor": 0,
            "is_outlier": False,
        } | other
        row["is_discounted"] = row["discount_minor"] + row["coupon_minor"] > 0
        return row

    return make


@pytest.fixture(scope="session")
def product():
    def make(product_id, department, brand="National"):
        return {"product_id": product_id, "department": department, "brand": brand}

    return make


@pytest.fixture(scope="session")
def event():
    numbers = itertools.count()

    def make(customer_id, event_at, event_type="coupon_redeemed"):
        return {
            "event_id": str(next(numbers)),
            "customer_id": customer_id,
            "event_type": event_type,
            "event_at": event_at,
        }

    return make


@pytest.fixture(scope="session")
def exposure():
    def make(customer_id, campaign_id, exposed_at):
        return {
            "campaign_id": campaign_id,
            "customer_id": customer_id,
            "exposed_at": exposed_at,
            "action": "letter",
            "is_randomised": False,
        }

    return make


@pytest.fixture(scope="session")
def arrow():
    """Rows to an Arrow table with all columns of a table's contract."""
    return _arrow


@pytest.fixture(scope="session")
def table(engine):
    """Rows to an Ibis table on the engine."""
    numbers = itertools.count()

    def make(name, rows):
        return engine.create_table(f"{name}_{next(numbers)}", _arrow(name, list(rows)), temp=True)

    return make


@pytest.fixture(scope="session")
def shop(table):
    """Make the five tables that `build_profiles` takes, in its order."""

    def make(orders, products=(), customers=(), events=(), exposures=()):
        rows = {
            "orders": orders,
            "products": products,
            "customers": customers,
            "events": events,
            "exposures": exposures,
        }
        return [table(name, found) for name, found in rows.items()]

    return make
