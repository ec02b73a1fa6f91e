"""Tags of the same profiles: Campanile in full, Campanile after a change, SQL by hand."""

import argparse
from collections.abc import Callable
import json
from pathlib import Path
import re
import time

RULES = Path(__file__).with_name("tags.yaml")
BEFORE, NOW = "2024-12-31", "2025-01-01"
STARTED: dict[str, float] = {}
MARKS: dict[str, float] = {}


def start() -> None:
    """Begin to count, once everything is imported: a notebook has that behind it, too."""
    STARTED.update(cpu_s=time.process_time(), wall_s=time.perf_counter())


def full(shop: Path, target: Path) -> None:
    """Judge every rule for everybody, then write tags, history and rules."""
    from src.engine import connect, read_parquet
    from src.features import build_tags, read_tag_rules

    rules = read_tag_rules(str(RULES))
    start()
    engine = connect()
    tables = build_tags(read_parquet(engine, shop / "before"), rules, BEFORE)
    MARKS["judged_s"] = time.perf_counter() - STARTED["wall_s"]
    _write(engine, tables, target)


def delta(shop: Path, target: Path) -> None:
    """Judge what changed since `full`, then write the same tables."""
    from src.engine import connect, read_parquet
    from src.features import build_tags, read_tag_rules
    from src.features.tag_changes import EarlierTags

    rules = read_tag_rules(str(RULES))
    start()
    engine = connect()
    earlier = EarlierTags(
        read_parquet(engine, shop / "before"),
        read_parquet(engine, target / "full" / "tag_history"),
        read_parquet(engine, target / "full" / "tag_rules"),
    )
    tables = build_tags(read_parquet(engine, shop / "now"), rules, NOW, earlier)
    MARKS["judged_s"] = time.perf_counter() - STARTED["wall_s"]
    MARKS["n_anew"] = len(tables.judged_anew)
    _write(engine, tables, target)


def _write(engine: object, tables: object, target: Path) -> None:
    import ibis

    from src.engine import write_parquet

    folder = target / ("delta" if "n_anew" in MARKS else "full")
    write_parquet(engine, tables.tags.order_by("customer_id", "tag"), folder / "tags")
    order = ("customer_id", "tag", "entered_date")
    write_parquet(engine, tables.history.order_by(*order), folder / "tag_history")
    write_parquet(engine, ibis.memtable(tables.rules), folder / "tag_rules")


def by_hand(shop: Path, target: Path) -> None:
    """Let DuckDB read the rules as they are, in one pass, and write the same tables."""
    _by_hand(shop / "before", target / "by_hand", BEFORE)


def by_hand_now(shop: Path, target: Path) -> None:
    """Do the same with the changed profiles."""
    _by_hand(shop / "now", target / "by_hand_now", NOW)


def _by_hand(profiles: Path, folder: Path, date: str) -> None:
    import duckdb
    import yaml

    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["tags"]
    start()
    connection = duckdb.connect(config={"memory_limit": "3GB"})
    quantile = re.compile(r"quantile\((\w+), ([\d.]+)\)")
    limits = sorted({found for rule in rules for found in quantile.findall(rule["rule"])})
    names = {found: f"q{i}" for i, found in enumerate(limits)}
    held = ",\n".join(
        f"CASE WHEN {quantile.sub(lambda q: names[q.groups()], r['rule'])} THEN '{r['name']}' END"
        for r in rules
    )
    expires = " ".join(
        f"WHEN '{rule['name']}' THEN DATE '{date}' + {rule['expires_days']}"
        for rule in rules
        if "expires_days" in rule
    )
    looked_up = ", ".join(
        f"quantile_cont({column}::DOUBLE, {share}) AS {name}"
        for (column, share), name in names.items()
    )
    connection.execute(
        f"CREATE TABLE held AS WITH q AS (SELECT {looked_up} FROM '{profiles}/*.parquet') "
        f"SELECT customer_id, unnest(list_filter([{held}], lambda tag: tag IS NOT NULL)) AS tag "
        f"FROM '{profiles}/*.parquet', q"
    )
    MARKS["judged_s"] = time.perf_counter() - STARTED["wall_s"]
    for name, dates in (
        ("tags", f"DATE '{date}' AS as_of_date, DATE '{date}' AS entered_date"),
        ("tag_history", f"DATE '{date}' AS entered_date, NULL::DATE AS left_date"),
    ):
        (folder / name).mkdir(parents=True)
        connection.execute(
            f"COPY (SELECT customer_id, tag, {dates}, CASE tag {expires} END AS expires_date "
            f"FROM held ORDER BY customer_id, tag) TO '{folder}/{name}/part-0.parquet'"
        )


CONTENDERS: dict[str, Callable[[Path, Path], None]] = {
    "full": full,
    "delta": delta,
    "by hand": by_hand,
    "by hand, now": by_hand_now,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("shop", type=Path)
    parser.add_argument("target", type=Path)
    chosen = parser.parse_args()
    CONTENDERS[chosen.contender](chosen.shop, chosen.target)
    now = {"cpu_s": time.process_time(), "wall_s": time.perf_counter()}
    (chosen.target / f"{chosen.contender}.json").write_text(json.dumps(MARKS), encoding="utf-8")
    print(json.dumps({name: now[name] - STARTED[name] for name in now}))
