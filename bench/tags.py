"""Profiles and fifty rules to tags, in full and after one customer in a hundred has changed.

Campanile and DuckDB's SQL by hand, which reads the same rules as they are, run one after the
other, each in a process of its own, on made profiles; that both give the same is checked. Every
value of a changed customer is another, so that quantiles move, and rules that
name them are judged for everybody.

    python bench/tags.py             1 million customers, a minute
    python bench/tags.py --quick     100,000 customers, half a minute

Counting starts when everything is imported, with profiles in Parquet. *Judged* is the time until
it is known who enters and leaves which tag; *all* also writes `tags` and `tag_history`, sorted. The
last line is one JSON object: `full_s` (all, in full), `delta_s` (all, after the change),
`delta_judged_s` (judged, after the change), `ratio_to_sql` (CPU seconds of Campanile over those by
hand, in full, below 1 is faster), `peak_gb`.
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
      CASE WHEN $is_now AND hash(i, 0) % 100 = 0 THEN i + 1000000000 ELSE i END AS i
    FROM range($n) t(i)
  ), h AS (
    SELECT customer_id, hash(i, 1) a, hash(i, 2) b, hash(i, 3) c, hash(i, 4) d, hash(i, 5) e
    FROM who
  )
  SELECT customer_id, DATE '2024-12-31' + $is_now::INT AS as_of_date,
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


def make_profiles(folder: Path, n_customers: int) -> Path:
    """Write the profiles of a made shop, before and after a change."""
    shop = folder / f"customers_{n_customers}"
    connection = duckdb.connect()
    for name, is_now in (("before", False), ("now", True)):
        (shop / name).mkdir(parents=True)
        query = _PROFILES.format(path=shop / name / "part-0.parquet")
        connection.execute(query, {"n": n_customers, "is_now": is_now})
    return shop


def run(contender: str, shop: Path, target: Path) -> tuple[Figures, dict[str, float]]:
    """Let one contender work, and print its row of the table."""
    figures = measure([str(CONTENDERS), contender, str(shop), str(target)])
    marks = json.loads((target / f"{contender}.json").read_text(encoding="utf-8"))
    print(
        f"{contender:<14} {shop.name:<18} judged {marks['judged_s']:>6.2f} s, "
        f"all {figures.wall_s:>6.2f} s ({figures.cpu_s:>6.2f} s CPU) {figures.peak_gb:>6.2f} GB",
        flush=True,
    )
    return figures, marks


def check_same(ours: Path, theirs: Path) -> int:
    """Stop unless the open rows of a history are the pairs that were found by hand."""
    pairs = "SELECT customer_id, tag FROM '{}/tag_history/*.parquet' WHERE left_date IS NULL"
    both = [pairs.format(folder) for folder in (ours, theirs)]
    connection = duckdb.connect()
    for one, other in (both, both[::-1]):
        n = connection.sql(f"SELECT count(*) FROM ({one} EXCEPT ALL {other})").fetchone()[0]
        if n:
            raise SystemExit(f"{ours.name} and {theirs.name} differ in {n:,} pairs")
    return connection.sql(f"SELECT count(*) FROM ({both[0]})").fetchone()[0]


def compare(n_customers: int, folder: Path) -> dict[str, float]:
    """Run everybody on so many customers."""
    shop = make_profiles(folder, n_customers)
    target = folder / f"tags_{n_customers}"
    target.mkdir()
    ours, _ = run("full", shop, target)
    theirs, _ = run("by hand", shop, target)
    changed, marks = run("delta", shop, target)
    run("by hand, now", shop, target)
    n_before = check_same(target / "full", target / "by_hand")
    n_now = check_same(target / "delta", target / "by_hand_now")
    print(
        f"  {n_before:,} pairs, then {n_now:,}; after the change {marks['n_anew']:.0f} of 50 rules "
        "were judged for everybody"
    )
    return {
        "full_s": ours.wall_s,
        "delta_s": changed.wall_s,
        "delta_judged_s": marks["judged_s"],
        "ratio_to_sql": ours.cpu_s / theirs.cpu_s,
        "peak_gb": max(ours.peak_gb, changed.peak_gb),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="100,000 customers")
    print(machine())
    for n_customers in QUICK if parser.parse_args().quick else FULL:
        with tempfile.TemporaryDirectory() as folder:
            found = compare(n_customers, Path(folder))
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


if __name__ == "__main__":
    main()
