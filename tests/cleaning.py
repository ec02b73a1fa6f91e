"""What 02_clean does, as one function for tests."""

from ibis.expr.types import Table

from src.data import clean, refunds
from src.data.judge import Rule
from src.data.order_lines import read_order_lines


def clean_shop(
    raw_tables: dict[str, Table], rules: dict[str, tuple[Rule, ...]], quantity_ceiling: int = 100
) -> dict[str, Table]:
    """Clean all tables."""
    judged = clean.judge_tables(raw_tables, rules)
    trusted = {name: clean.trusted_rows(table) for name, table in judged.items()}
    lines, returns = refunds.split_refunds(
        read_order_lines(trusted["orders_raw"], trusted["rates_raw"])
    )
    tables = {
        "orders": clean.clean_orders(lines, quantity_ceiling),
        "refunds": refunds.match_refunds(returns, lines),
        "events": clean.clean_events(trusted["events_raw"], 60),
        "reviews": clean.clean_reviews(trusted["reviews_raw"]),
    }
    products = clean.clean_products(trusted["products_raw"], list(tables.values()))
    tables["exposures"] = clean.clean_exposures(trusted["exposures_raw"])
    customers = clean.clean_customers(trusted["customers_raw"], list(tables.values()))
    rejected = clean.collect_rejected(judged, rules)
    return tables | {"products": products, "customers": customers, "rejected": rejected}
