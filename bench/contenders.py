"""The same profiles by four ways: Campanile, DuckDB's SQL by hand, Polars, pandas."""

import argparse
import json
from pathlib import Path
import tempfile
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

AS_OF = "2024-12-31"
HERE = Path(__file__).parent
STARTED: dict[str, float] = {}


def start() -> None:
    """Begin to count, once everything is imported: a notebook has that behind it, too."""
    STARTED.update(cpu_s=time.process_time(), wall_s=time.perf_counter())


def campanile(shop: Path, target: Path) -> None:
    import ibis

    from src.data.tables import TABLES
    from src.engine import connect, read_parquet
    from src.features.buckets import build_profiles_in_buckets, count_buckets
    from src.features.families import CORE

    start()
    types = {"timestamp": "timestamp('UTC')"}
    empty = [
        ibis.memtable([], schema={c.name: types.get(c.type, c.type) for c in TABLES[name].columns})
        for name in ("customers", "events", "exposures")
    ]
    engine = connect()
    orders = read_parquet(engine, shop / "orders")
    products = engine.read_parquet(str(shop / "products.parquet"))
    n_buckets = count_buckets(int(orders.count().execute()))
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        profiles = build_profiles_in_buckets(
            *(engine, Path(scratch), orders, products, *empty, AS_OF),
            n_buckets=n_buckets,
            features=CORE,
        )
        engine.to_parquet(profiles.order_by("customer_id"), str(target))


def by_hand(shop: Path, target: Path) -> None:
    import duckdb

    start()
    connection = duckdb.connect(config={"memory_limit": "8GB"})
    connection.execute("SET TimeZone = 'UTC'")
    query = (HERE / "by_hand.sql").read_text(encoding="utf-8")
    paths = {"orders": shop / "orders", "products": shop / "products.parquet", "target": target}
    connection.execute(query.format(as_of=AS_OF, **paths))


def polars(shop: Path, target: Path) -> None:
    import polars as pl

    start()
    lines = (
        pl.scan_parquet(shop / "orders" / "*.parquet")
        .join(pl.scan_parquet(shop / "products.parquet"), on="product_id", how="left")
        .filter(pl.col("ordered_at").dt.date() <= pl.lit(AS_OF).str.to_date())
    )
    profiles = (
        _polars_habits(lines)
        .join(_polars_prices(lines), on="customer_id")
        .join(_polars_breadth(lines), on="customer_id", how="left")
    )
    n_all = pl.len()
    profiles = profiles.with_columns(
        r_score=1 + 5 * (pl.col("recency_days").rank("min", descending=True) - 1) // n_all,
        f_score=1 + 5 * (pl.col("frequency").rank("min") - 1) // n_all,
        m_score=1 + 5 * (pl.col("monetary_value").rank("min") - 1) // n_all,
        overdue_ratio=pl.col("recency_days") / pl.col("gap_mean_days"),
    )
    profiles.sort("customer_id").collect(engine="streaming").write_parquet(target)


def _polars_habits(lines: "pl.LazyFrame") -> "pl.LazyFrame":
    import polars as pl

    as_of = pl.lit(AS_OF).str.to_date()
    baskets = lines.group_by("customer_id", "order_id").agg(
        at=pl.col("ordered_at").min(),
        minor=pl.col("line_value_minor").sum(),
        n_lines=pl.len(),
        store_id=pl.col("store_id").min(),
    )
    baskets = baskets.with_columns(ago=(as_of - pl.col("at").dt.date()).dt.total_days())
    ago, minor, n = pl.col("ago"), pl.col("minor"), pl.len()
    return baskets.group_by("customer_id").agg(
        recency_days=ago.min(),
        frequency=n,
        monetary_value=minor.sum() / (n * 100),
        tenure_days=ago.max(),
        **{f"n_orders_{d}": (ago < d).sum() for d in (30, 90, 365)},
        **{f"spend_{d}_value": minor.filter(ago < d).sum() / 100 for d in (30, 90, 365)},
        spend_prior_90_value=minor.filter((ago >= 90) & (ago < 180)).sum() / 100,
        items_per_order=pl.col("n_lines").sum() / n,
        weekend_share=(pl.col("at").dt.weekday() >= 6).sum() / n,
        evening_share=(pl.col("at").dt.hour() >= 17).sum() / n,
        n_stores=pl.col("store_id").n_unique(),
        gap_mean_days=pl.col("ago").unique().sort().diff().mean(),
        gap_std_days=pl.col("ago").unique().sort().diff().std(),
    )


def _polars_prices(lines: "pl.LazyFrame") -> "pl.LazyFrame":
    import polars as pl

    value, saved = pl.col("line_value_minor"), pl.col("discount_minor") + pl.col("coupon_minor")
    known = value.filter(pl.col("brand").is_not_null()).sum()
    return lines.group_by("customer_id").agg(
        discount_share=saved.sum() / (value + pl.col("discount_minor")).sum(),
        discounted_lines_share=pl.col("is_discounted").sum() / pl.len(),
        private_brand_share=value.filter(pl.col("brand") == "Private").sum() / known,
    )


def _polars_breadth(lines: "pl.LazyFrame") -> "pl.LazyFrame":
    import polars as pl

    first = pl.lit(AS_OF).str.to_date() - pl.duration(days=730)
    interests = (
        lines.filter(pl.col("department").is_not_null())
        .filter(pl.col("ordered_at").dt.date() > first)
        .group_by("customer_id", "department")
        .agg(spend=pl.col("line_value_minor").sum())
    )
    total = interests.group_by("customer_id").agg(total=pl.col("spend").sum())
    share = (pl.col("spend") / pl.col("total")).alias("share")
    return (
        interests.join(total, on="customer_id")
        .with_columns(share)
        .group_by("customer_id")
        .agg(
            n_departments=pl.len(),
            top_department=pl.col("department")
            .sort_by("spend", "department", descending=[True, False])
            .first(),
            top_department_share=pl.col("share").max(),
            department_entropy=-(pl.col("share") * pl.col("share").log()).sum(),
        )
    )


def pandas(shop: Path, target: Path) -> None:
    import pandas as pd
    import pyarrow.parquet  # noqa: F401 - what pandas reads with, before the clock starts

    start()
    lines = pd.read_parquet(shop / "orders")
    products = pd.read_parquet(
        shop / "products.parquet", columns=["product_id", "department", "brand"]
    )
    as_of = pd.Timestamp(AS_OF, tz="UTC")
    lines = lines[lines["ordered_at"] < as_of + pd.Timedelta(days=1)]
    lines = lines.merge(products, on="product_id", how="left")
    profiles = _pandas_habits(lines, as_of)
    profiles = profiles.join(_pandas_prices(lines)).join(_pandas_breadth(lines, as_of))
    for score, column, ascending in (
        ("r_score", "recency_days", False),
        ("f_score", "frequency", True),
        ("m_score", "monetary_value", True),
    ):
        rank = profiles[column].rank(method="min", ascending=ascending) - 1
        profiles[score] = 1 + (5 * rank // len(profiles)).astype("int64")
    profiles.sort_index().reset_index().to_parquet(target)


def _pandas_habits(lines: "pd.DataFrame", as_of: "pd.Timestamp") -> "pd.DataFrame":
    baskets = _pandas_baskets(lines, as_of)
    windows = {f"n_orders_{d}": (f"in_{d}", "sum") for d in (30, 90, 365)}
    windows |= {f"spend_{d}_value": (f"spend_{d}", "sum") for d in (30, 90, 365)}
    profiles = baskets.groupby("customer_id").agg(
        recency_days=("ago", "min"),
        frequency=("ago", "size"),
        minor=("minor", "sum"),
        tenure_days=("ago", "max"),
        **windows,
        spend_prior_90_value=("spend_prior", "sum"),
        n_lines=("n_lines", "sum"),
        weekend_share=("is_weekend", "mean"),
        evening_share=("is_evening", "mean"),
        n_stores=("store_id", "nunique"),
    )
    profiles["monetary_value"] = profiles["minor"] / (profiles["frequency"] * 100)
    profiles["items_per_order"] = profiles.pop("n_lines") / profiles["frequency"]
    days = baskets[["customer_id", "ago"]].drop_duplicates().sort_values(["customer_id", "ago"])
    gaps = days.groupby("customer_id")["ago"].diff().groupby(days["customer_id"])
    profiles["gap_mean_days"], profiles["gap_std_days"] = gaps.mean(), gaps.std()
    profiles["overdue_ratio"] = profiles["recency_days"] / profiles["gap_mean_days"]
    return profiles


def _pandas_baskets(lines: "pd.DataFrame", as_of: "pd.Timestamp") -> "pd.DataFrame":
    baskets = lines.groupby(["customer_id", "order_id"], as_index=False).agg(
        at=("ordered_at", "min"),
        minor=("line_value_minor", "sum"),
        n_lines=("line_number", "size"),
        store_id=("store_id", "min"),
    )
    baskets["ago"] = (as_of - baskets["at"].dt.normalize()).dt.days
    for days in (30, 90, 365):
        baskets[f"in_{days}"] = baskets["ago"] < days
        baskets[f"spend_{days}"] = baskets["minor"].where(baskets[f"in_{days}"], 0) / 100
    prior = baskets["ago"].between(90, 179)
    baskets["spend_prior"] = baskets["minor"].where(prior, 0) / 100
    baskets["is_weekend"] = baskets["at"].dt.day_of_week >= 5
    baskets["is_evening"] = baskets["at"].dt.hour >= 17
    return baskets


def _pandas_prices(lines: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    lines["private"] = lines["line_value_minor"].where(lines["brand"] == "Private", 0)
    lines["known"] = lines["line_value_minor"].where(lines["brand"].notna(), 0)
    sums = lines.groupby("customer_id")[
        ["discount_minor", "coupon_minor", "line_value_minor", "private", "known"]
    ].sum()
    saved = sums["discount_minor"] + sums["coupon_minor"]
    shares = {
        "discount_share": saved / (sums["line_value_minor"] + sums["discount_minor"]),
        "discounted_lines_share": lines.groupby("customer_id")["is_discounted"].mean(),
        "private_brand_share": sums["private"] / sums["known"],
    }
    return pd.DataFrame(shares)


def _pandas_breadth(lines: "pd.DataFrame", as_of: "pd.Timestamp") -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    recent = lines[lines["ordered_at"] >= as_of - pd.Timedelta(days=729)]
    interests = (
        recent.groupby(["customer_id", "department"])["line_value_minor"].sum().reset_index()
    )
    total = interests.groupby("customer_id")["line_value_minor"].transform("sum")
    interests["share"] = interests["line_value_minor"] / total
    interests["term"] = -interests["share"] * np.log(interests["share"])
    tops = interests.sort_values(["share", "department"], ascending=[False, True])
    tops = tops.drop_duplicates("customer_id").set_index("customer_id")
    by_customer = interests.groupby("customer_id")
    breadth = {
        "n_departments": by_customer.size(),
        "top_department": tops["department"],
        "top_department_share": by_customer["share"].max(),
        "department_entropy": by_customer["term"].sum(),
    }
    return pd.DataFrame(breadth)


CONTENDERS = {"campanile": campanile, "by hand": by_hand, "polars": polars, "pandas": pandas}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("shop", type=Path)
    parser.add_argument("target", type=Path)
    chosen = parser.parse_args()
    CONTENDERS[chosen.contender](chosen.shop, chosen.target)
    now = {"cpu_s": time.process_time(), "wall_s": time.perf_counter()}
    print(json.dumps({name: now[name] - STARTED[name] for name in now}))
