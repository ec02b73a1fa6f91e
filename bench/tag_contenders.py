"""Tags of the same profiles: Campanile in full, Campanile after a change, SQL by hand."""

import argparse
from collections.abc import Callable
import datetime as dt
import json
from pathlib import Path
import re
import time

RULES = Path(__file__).with_name("tags.yaml")
DATES = [f"{dt.date(2024, 12, 31) + dt.timedelta(days=n)}" for n in range(20)]
STARTED: dict[str, float] = {}
MARKS: dict[str, float] = {}


def start() -> None:
    """Begin to count, once everything is imported: a notebook has that behind it, too."""
    STARTED.update(cpu_s=time.process_time(), wall_s=time.perf_counter())


def full(shop: Path, target: Path, run: int) -> None:
    """Judge every rule for everybody, then write tags, history and rules."""
    import ibis

    from src.engine import connect, read_parquet, write_parquet
    from src.features import build_tags, read_tag_rules

    folder = _link_profiles(shop / f"run_{run}", target / f"run_{run}")
    rules = read_tag_rules(str(RULES))
    connect()  # imports the backend
    start()
    engine = connect()
    tables = build_tags(read_parquet(engine, folder / "profiles"), rules, DATES[run])
    MARKS["judged_s"] = time.perf_counter() - STARTED["wall_s"]
    write_parquet(engine, tables.tags.order_by("customer_id", "tag"), folder / "tags")
    order = ("customer_id", "tag", "entered_date")
    write_parquet(engine, tables.history.order_by(*order), folder / "tag_history")
    write_parquet(engine, ibis.memtable(tables.rules), folder / "tag_rules")


def delta(shop: Path, target: Path, run: int) -> None:
    """Judge what changed since the run before, then write the same tables as 03 does."""
    from src.data.stored import is_replaced
    from src.engine import connect, read_parquet
    from src.features import build_tags, read_earlier_tags, read_tag_rules
    from src.stage import Stage, publish, tables_path

    profiles = shop / f"run_{run}"
    rules = read_tag_rules(str(RULES))
    previous = str(target / f"run_{run - 1}")
    connect()  # imports the backend
    start()
    stage = Stage("03_tag", target / f"run_{run}")
    earlier = read_earlier_tags(stage, previous, DATES[run])
    tables = build_tags(read_parquet(stage.engine, profiles), rules, DATES[run], earlier)
    MARKS["judged_s"] = time.perf_counter() - STARTED["wall_s"]
    MARKS["n_anew"] = len(tables.judged_anew)
    stage.write_onward("tag_history", tables.history, previous, tables.replacement)
    stage.write_view("tags", tables.tags, as_of_date=DATES[run])
    stage.write("tag_rules", tables.rules)
    publish(stage.run, stage.name)
    MARKS["is_whole"] = not is_replaced(tables_path(stage.run, stage.name) / "tag_history")
    _link_profiles(profiles, stage.run)


def _link_profiles(profiles: Path, run: Path) -> Path:
    """Put given profiles into a run; the folder of the tables of 03."""
    folder = run / "tables" / "03_tag"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profiles").symlink_to(profiles)
    return folder


def by_hand(shop: Path, target: Path, run: int) -> None:
    """Let DuckDB read the rules as they are, in one pass, and write the same tables."""
    import duckdb
    import yaml

    profiles, folder, date = shop / f"run_{run}", target / f"by_hand_{run}", DATES[run]
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


CONTENDERS: dict[str, Callable[[Path, Path, int], None]] = {
    "full": full,
    "delta": delta,
    "by hand": by_hand,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("shop", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("run", type=int)
    chosen = parser.parse_args()
    CONTENDERS[chosen.contender](chosen.shop, chosen.target, chosen.run)
    now = {"cpu_s": time.process_time(), "wall_s": time.perf_counter()}
    (chosen.target / "marks.json").write_text(json.dumps(MARKS), encoding="utf-8")
    print(json.dumps({name: now[name] - STARTED[name] for name in now}))
