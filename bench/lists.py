"""Next products listed for all customers in blocks, at two sizes of shop: does memory grow?

    python bench/lists.py             100,000 and 400,000 customers, minutes
    python bench/lists.py --quick     10,000 and 40,000 customers, under a minute

Each size runs in a process of its own, on made purchases of 30 days by each customer among 300
items. The last line is one JSON object: `lists_s`, `lists_peak_gb` of the larger shop, and
`growth`, its peak over that of a shop a quarter as large.
"""

import argparse
import json
from pathlib import Path
import tempfile
import time

import duckdb

from measure import Figures, machine, measure

N_ITEMS, N_DAYS = 300, 30
FULL, QUICK = (100_000, 400_000), (10_000, 40_000)


def make_days(folder: Path, n_customers: int) -> Path:
    """Write `product_days` sorted by pseudonym, as 02 does."""
    path = folder / "days" / "part-0.parquet"
    path.parent.mkdir()
    duckdb.sql(
        f"""
        COPY (
            SELECT customer_id, 'ITEM ' || item AS item, 'P' || item AS product_id, order_date
            FROM (
                SELECT md5(c::VARCHAR) AS customer_id,
                       floor({N_ITEMS} * pow(hash(c, d) / 18446744073709551616.0, 2))::INT AS item,
                       DATE '2017-09-30' - (hash(d, c, 1) % 200)::INT AS order_date
                FROM range({n_customers}) AS a(c), range({N_DAYS}) AS b(d)
            )
            ORDER BY customer_id
        ) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 100000)
        """
    )
    return path.parent


def list_all(days: Path, scratch: Path) -> None:
    """Fit on a sample, and list for everybody; the last line says what it cost."""
    from src.engine import connect, read_parquet
    from src.models.recommend import build_shelf
    from src.models.recommend_check import sample_purchases
    from src.models.recommend_items import ItemRules, build_item_days, list_sellers
    from src.models.recommend_lists import recommend_to_all
    from src.models.recommend_methods import fit_recommender

    engine, as_of, rules = connect(), "2017-09-30", ItemRules()
    product_days = read_parquet(engine, days)
    began = time.process_time(), time.perf_counter()
    item_days = build_item_days(product_days)
    customers = product_days.select("customer_id").distinct()
    n_customers = int(customers.count().execute())
    shelf = build_shelf(item_days, n_customers, as_of, rules)
    model = fit_recommender(sample_purchases(item_days, as_of, shelf).n_days, "als", 1)
    sellers = list_sellers(product_days, as_of, rules)
    lists = recommend_to_all(
        engine, customers, product_days, sellers, model, shelf, as_of, scratch / "lists"
    )
    if int(lists.count().execute()) != 5 * n_customers:
        raise SystemExit("somebody is without a list of five")
    spent = time.process_time() - began[0], time.perf_counter() - began[1]
    print(json.dumps({"cpu_s": spent[0], "wall_s": spent[1]}))


def work(n_customers: int) -> Figures:
    """Make a shop, list for it in a process of its own, and print a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        days = make_days(Path(folder), n_customers)
        figures = measure([__file__, "--work", str(days), folder])
    print(
        f"{n_customers:>9,} customers {figures.cpu_s:>7.1f} s CPU {figures.wall_s:>7.1f} s "
        f"{figures.peak_gb:>6.2f} GB",
        flush=True,
    )
    return figures


def main() -> None:
    """Run both sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the customers")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        list_all(*(Path(part) for part in asked.work))
        return
    print(machine())
    small, large = (work(n) for n in (QUICK if asked.quick else FULL))
    figures = {"lists_s": large.wall_s, "lists_peak_gb": large.peak_gb}
    print(json.dumps(figures | {"growth": large.peak_gb / small.peak_gb}))


if __name__ == "__main__":
    main()
