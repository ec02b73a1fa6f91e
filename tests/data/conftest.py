"""A shop of three customers, small enough to count by hand, written as a real source."""

import copy
import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

SALES = {
    "order": ["o1", "o1", "o2", "o3"],
    "buyer": ["anna", "anna", "berta", "clara"],
    "sku": [11, 12, 11, 99],
    "at": [dt.datetime(2024, 3, day, 10) for day in (1, 1, 2, 3)],
    "pieces": [1, 2, 3, 4],
    "paid": [1.10, 2.20, 3.30, 4.40],
    "cut": [0.0, 0.5, 0.0, 0.0],
    "card": [0.0, 0.25, 0.0, 0.0],
}
GOODS = {"sku": [11, 12], "dept": ["TEA", "COFFEE"], "cat": ["GREEN", None]}
FIELDS = {
    "name": "small_shop",
    "folder": "files",
    "currency": "EUR",
    "tables": {
        "orders_raw": {
            "file": "sales",
            "columns": {
                "order_id": "order",
                "customer_id": "buyer",
                "product_id": "sku",
                "ordered_at": "at",
                "quantity": "pieces",
                "line_value": "paid",
                "discount": ["cut", "card"],
            },
        },
        "products_raw": {
            "file": "goods",
            "columns": {"product_id": "sku", "department": "dept", "category": "cat"},
        },
    },
}


@pytest.fixture
def fields():
    """Fields of a sound source file, to be spoilt."""
    return copy.deepcopy(FIELDS)


@pytest.fixture
def sales():
    """Columns of a sound file of order lines, to be spoilt."""
    return copy.deepcopy(SALES)


@pytest.fixture
def write_source(tmp_path):
    """Write files and the source file that names them; gives the source file's path."""

    def write(fields, **files):
        folder = tmp_path / "files"
        folder.mkdir(exist_ok=True)
        for name, columns in ({"sales": SALES, "goods": GOODS} | files).items():
            table = columns if isinstance(columns, pa.Table) else pa.table(columns)
            pq.write_table(table, folder / f"{name}.parquet")
        if isinstance(fields, dict) and fields.get("folder") == "files":
            fields = fields | {"folder": str(folder)}
        text = fields if isinstance(fields, str) else yaml.safe_dump(fields, sort_keys=False)
        (tmp_path / "small_shop.yaml").write_text(text, encoding="utf-8")
        return str(tmp_path / "small_shop.yaml")

    return write
