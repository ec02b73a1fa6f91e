"""Profiles and fifty rules to tags, in full and after one customer in a hundred has changed.

Campanile and DuckDB's SQL by hand, which reads the same rules as they are, run one after the
other, each in a process of its own, on made profiles; that both give the same is checked. Every
value of a changed customer is another, so that quantiles move, and rules that
name them are judged for everybody.

    python bench/tags.py             1 million customers, a minute
    python bench/tags.py --quick     100,000 customers, half a minute
    python bench/tags.py --runs 8    eight changes, each of one in a hundred

Counting starts when everything is imported, with profiles in Parquet. *Judged* is the time until
it is known who enters and leaves which tag. *All* also writes `tags`, `tag_history`, `tag_rules`:
in full as sorted files; after a change as 03 does, by its stage, checked, published, and complete
for readers and for the next run. That both find the same pairs as SQL by hand is checked on what a
reader of the tables finds. The last line is one JSON object: `full_s` (all, in full), `delta_s` and
`delta_cpu_s` (all, after the first change), `delta_judged_s` (judged), `ratio_to_sql` (CPU seconds
of Campanile over those by hand, in full, below 1 is faster), `peak_gb`.
"""

import argparse
import json
from pathlib import Path
import tempfile

import duckdb

from measure import Figures, machine, measure

CONTENDERS = Path(__file__).with_name("tag_contenders.py")
FULL, QUICK = (100_000, 1_000_000), (100_000,)

_PROFILES = """
COPY (
  WITH who AS (
    SELECT md5(i::VARCHAR) AS customer_id,
      i + 1000000000 * len(list_filter(range($run), lambda r: hash(i, r) % 100 = 0)) AS i
    FROM range($n) t(i)
  ), h AS (
    SELECT customer_id, hash(i, 1) a, hash(i, 2) b, hash(i, 3) c, hash(i, 4) d, hash(i, 5) e
    FROM who
  )
  SELECT customer_id, DATE '2024-12-31' + $run::INT AS as_of_date,
    (a % 730)::BIGINT AS recency_days, (1 + b % 40)::BIGINT AS frequency,
    (100 + c % 200000) / 100.0 AS monetary_value, (1 + a // 7 % 5)::BIGINT AS r_score,
    (1 + b // 7 % 5)::BIGINT AS f_score, (1 + c // 7 % 5)::BIGINT AS m_score,
    (a % 730 + b % 700)::BIGINT AS tenure_days, (d % 4)::BIGINT AS n_orders_30,
    (d % 4 + d // 5 % 4)::BIGINT AS n_orders_90, (d % 4 + d // 5 % 12)::BIGINT AS n_orders_365,
    (d % 40000) / 100.0 AS spend_30_value, (d % 90000) / 100.0 AS spend_90_value,
    (e % 300000) / 100.0 AS spend_365_value, (e // 3 % 90000) / 100.0 AS spend_prior_90_value,
    (100 + e // 7 % 900) / 100.0 AS items_per_order,
    CASE WHEN b % 40 > 0 THEN (1 + a // 11 % 9000) / 100.0 END AS gap_mean_days,
    CASE WHEN b % 40 > 0 THEN (a // 13 % 900) / 100.0 END AS overdue_ratio,
    (b // 11 % 1000) / 1000.0 AS discount_share, (b // 13 % 1000) / 1000.0 AS weekend_share,
    (c // 13 % 1000) / 1000.0 AS evening_share, (1 + c // 17 % 8)::BIGINT AS n_stores,
    (1 + c // 19 % 25)::BIGINT AS n_departments, 'D' || (d // 23 % 30) AS top_department,
    (e // 23 % 1000) / 1000.0 AS top_department_share,
    (d // 29 % 3)::BIGINT AS n_redemptions_365, (d // 31 % 8)::BIGINT AS n_exposures_365,
    CASE WHEN a % 730 >= 90 THEN 'lapsed' WHEN a % 730 + b % 700 < 30 THEN 'new'
      WHEN a % 730 >= 21 THEN 'slipping' ELSE 'active' END AS lifecycle
  FROM h ORDER BY customer_id
) TO '{path}' (FORMAT parquet)
"""


def make_profiles(folder: Path, n_customers: int, n_runs: int) -> Path:
    """Write the profiles of a made shop, as they are before and after each change."""
    shop = folder / f"customers_{n_customers}"
    connection = duckdb.connect()
    for run in range(n_runs + 1):
        profiles = shop / f"run_{run}"
        profiles.mkdir(parents=True)
        query = _PROFILES.format(path=profiles / "part-0.parquet")
        connection.execute(query, {"n": n_customers, "run": run})
    return shop


def run(contender: str, shop: Path, target: Path, number: int) -> tuple[Figures, dict[str, float]]:
    """Let one contender work, and print its row of the table."""
    figures = measure([str(CONTENDERS), contender, str(shop), str(target), str(number)])
    marks = json.loads((target / "marks.json").read_text(encoding="utf-8"))
    whole = " (written whole)" if number > 0 and marks.get("is_whole") else ""
    print(
        f"{contender:<8} {number} {shop.name:<18} judged {marks['judged_s']:>6.2f} s, "
        f"all {figures.wall_s:>6.2f} s ({figures.cpu_s:>6.2f} s CPU) {figures.peak_gb:>6.2f} GB"
        f"{whole}",
        flush=True,
    )
    return figures, marks


def check_same(ours: Path, theirs: Path) -> int:
    """Stop unless what a reader of our tables finds are the pairs that were found by hand."""
    from src.data.stored import read_stored
    from src.engine import connect, read_parquet

    engine, pair = connect(), ("customer_id", "tag")
    by_hand = read_parquet(engine, theirs / "tags").select(*pair)
    history, tags = (
        read_stored(engine, ours / "tables" / "03_tag" / name) for name in ("tag_history", "tags")
    )
    for found in (history.filter(history.left_date.isnull()).select(*pair), tags.select(*pair)):
        for one, other in ((found, by_hand), (by_hand, found)):
            n = one.difference(other, distinct=False).count().execute()
            if n:
                raise SystemExit(f"{ours.name} and {theirs.name} differ in {n:,} pairs")
    return int(by_hand.count().execute())


def compare(n_customers: int, n_runs: int, folder: Path) -> dict[str, float]:
    """Run everybody on so many customers, and ourselves on further changes."""
    shop = make_profiles(folder, n_customers, n_runs)
    target = folder / f"tags_{n_customers}"
    target.mkdir()
    ours, _ = run("full", shop, target, 0)
    theirs, _ = run("by hand", shop, target, 0)
    changed, marks = run("delta", shop, target, 1)
    run("by hand", shop, target, 1)
    for number in range(2, n_runs + 1):
        run("delta", shop, target, number)
    if n_runs > 1:
        run("by hand", shop, target, n_runs)
    counts = {  # last, since a child starts with the memory of this process
        number: check_same(target / f"run_{number}", target / f"by_hand_{number}")
        for number in (0, 1, n_runs)
    }
    print(
        f"  {counts[0]:,} pairs, then {counts[1]:,}, {counts[n_runs]:,} at last; after the first "
        f"change {marks['n_anew']:.0f} of 50 rules were judged for everybody"
    )
    return {
        "full_s": ours.wall_s,
        "delta_s": changed.wall_s,
        "delta_judged_s": marks["judged_s"],
        "delta_cpu_s": changed.cpu_s,
        "ratio_to_sql": ours.cpu_s / theirs.cpu_s,
        "peak_gb": max(ours.peak_gb, changed.peak_gb),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="100,000 customers")
    parser.add_argument("--runs", type=int, default=1, help="changes, one after the other")
    chosen = parser.parse_args()
    print(machine())
    for n_customers in QUICK if chosen.quick else FULL:
        with tempfile.TemporaryDirectory() as folder:
            found = compare(n_customers, chosen.runs, Path(folder))
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


if __name__ == "__main__":
    main()
