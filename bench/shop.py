"""A made shop of any size, written as the canonical tables that 02_clean writes."""

import argparse
from pathlib import Path

import duckdb

LINES_PER_CUSTOMER = 20
N_PRODUCTS = 20_000
N_DEPARTMENTS = 30
AS_OF_DATE = "2024-12-31"

_ORDERS = """
COPY (
  WITH lines AS (
    SELECT customer_id, i, l, hash(i, l // 4) AS o, hash(i, l, 7) AS h
    FROM customers, range(20) r(l) WHERE customer_id >= $first AND customer_id < $last
  )
  SELECT
    'o' || i || '-' || (l // 4) AS order_id,
    (l % 4 + 1)::BIGINT AS line_number,
    customer_id,
    'p' || (h % 20000) AS product_id,
    's' || (o % 50) AS store_id,
    TIMESTAMPTZ '2023-01-01 00:00:00+00' + to_seconds((o % 63158400)::BIGINT) AS ordered_at,
    (1 + h % 3)::BIGINT AS quantity,
    (50 + (h // 7) % 4000)::BIGINT AS line_value_minor,
    CASE WHEN h % 4 = 0 THEN ((h // 11) % 300)::BIGINT ELSE 0::BIGINT END AS discount_minor,
    CASE WHEN h % 40 = 0 THEN 50::BIGINT ELSE 0::BIGINT END AS coupon_minor,
    (CASE WHEN h % 4 = 0 THEN (h // 11) % 300 ELSE 0 END
      + CASE WHEN h % 40 = 0 THEN 50 ELSE 0 END) > 0 AS is_discounted,
    FALSE AS is_outlier
  FROM lines ORDER BY customer_id, order_id, line_number
) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""
_PRODUCTS = """
COPY (
  SELECT 'p' || i AS product_id, 'D' || (i % 30) AS department, 'C' || (i % 300) AS category,
    'T' || (i % 900) AS product_type, CASE WHEN i % 5 = 0 THEN 'Private' ELSE 'National' END
    AS brand, 'm' || (i % 100) AS manufacturer_id, NULL::VARCHAR AS package_size,
    NULL::VARCHAR AS product_name, NULL::DOUBLE AS list_value, NULL::VARCHAR AS product_url,
    NULL::VARCHAR AS image_url
  FROM range(20000) t(i)
) TO '{path}' (FORMAT parquet)
"""


def make_shop(folder: Path, n_lines: int) -> Path:
    """Write `orders` and `products` of a shop, `orders` in files of two million lines at most."""
    target = folder / f"shop_{n_lines}"
    if (target / "done").exists():
        return target
    orders = target / "orders"
    orders.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(config={"memory_limit": "3GB"})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        "CREATE TABLE customers AS SELECT md5(i::VARCHAR) AS customer_id, i FROM range($n) t(i)",
        {"n": n_lines // LINES_PER_CUSTOMER},
    )
    connection.execute(_PRODUCTS.format(path=target / "products.parquet"))
    n_files = max(1, n_lines // 2_000_000)
    edges = [f"{256 * k // n_files:02x}" for k in range(n_files)] + ["g"]
    for k in range(n_files):
        path = orders / f"part-{k:03}.parquet"
        connection.execute(_ORDERS.format(path=path), {"first": edges[k], "last": edges[k + 1]})
    (target / "done").touch()
    return target


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("n_lines", type=int)
    given = parser.parse_args()
    print(make_shop(given.folder, given.n_lines))
