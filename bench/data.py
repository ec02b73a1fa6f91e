"""Order lines in Parquet to `profiles`, and a million people told apart: time and memory.

Four ways to the same profiles run one after the other, each in a process of its own, on a made
shop of 20 lines per customer: Campanile (Ibis on DuckDB, in buckets of customers), the same in
SQL by hand on DuckDB, Polars streaming, and pandas, which gets a tenth.

    python bench/data.py             100 million lines, about half an hour, 3 GB of disk
    python bench/data.py --quick     1 million lines, under a minute

Counting starts when everything is imported. The last line is one JSON object: `ratio_to_sql` and
`ratio_to_pandas` (CPU seconds of Campanile over theirs on the same lines, below 1 is faster),
`peak_gb` of Campanile, `people_per_s`.
"""

import argparse
from dataclasses import dataclass
import json
from pathlib import Path
import tempfile

import duckdb
from shop import make_shop

from identity import run as resolve_people
from measure import Figures, machine, measure

CONTENDERS = Path(__file__).with_name("contenders.py")
TOLERANCE = 1e-7  # each term of Campanile's entropy is rounded to a billionth


@dataclass(frozen=True)
class Scale:
    """Lines for each contender, the sizes at which Campanile shows its growth, and people."""

    n_lines: int
    n_pandas: int
    growth: tuple[int, ...]
    n_people: int


FULL = Scale(100_000_000, 10_000_000, (1_000_000, 10_000_000, 100_000_000), 1_000_000)
QUICK = Scale(1_000_000, 1_000_000, (1_000_000,), 50_000)


def profile(contender: str, shop: Path, folder: Path) -> Figures:
    """Let one contender write the profiles of a shop."""
    target = folder / f"{contender.replace(' ', '_')}_{shop.name}.parquet"
    return measure([str(CONTENDERS), contender, str(shop), str(target)])


def check_same(first: Path, second: Path) -> None:
    """Stop unless two files of profiles say the same in every column that both have."""
    connection = duckdb.connect()
    columns = [
        {name: kind for name, kind, *_ in connection.sql(f"DESCRIBE FROM '{file}'").fetchall()}
        for file in (first, second)
    ]
    for name in columns[0].keys() & columns[1].keys():
        a, b = f'a."{name}"', f'b."{name}"'
        same = f"{a} IS NOT DISTINCT FROM {b}"
        if columns[0][name] == "DOUBLE":
            same = f"({same} OR abs({a} - {b}) <= {TOLERANCE} * greatest(1, abs({a})))"
        n_other = connection.sql(
            f"SELECT count(*) FILTER (NOT coalesce({same}, FALSE)) "
            f"FROM '{first}' a FULL JOIN '{second}' b USING (customer_id)"
        ).fetchone()[0]
        if n_other:
            raise SystemExit(f"{second.name}: {n_other:,} customers differ in {name}")


def show(title: str, figures: Figures) -> None:
    """Print one row of the table."""
    print(
        f"{title:<34} {figures.cpu_s:>8.1f} s CPU {figures.wall_s:>8.1f} s "
        f"{figures.peak_gb:>6.2f} GB",
        flush=True,
    )


def compare(scale: Scale, folder: Path) -> dict[str, float]:
    """Run everybody and check that they agree."""
    shops = {n: make_shop(folder, n) for n in {*scale.growth, scale.n_lines, scale.n_pandas}}
    ours = {}
    for n_lines in scale.growth:
        ours[n_lines] = profile("campanile", shops[n_lines], folder)
        show(f"Campanile, {n_lines:,} lines", ours[n_lines])
    others = {}
    for contender, n_lines in (
        ("by hand", scale.n_lines),
        ("polars", scale.n_lines),
        ("pandas", scale.n_pandas),
    ):
        others[contender] = profile(contender, shops[n_lines], folder)
        show(f"{contender}, {n_lines:,} lines", others[contender])
        name = shops[n_lines].name
        other = folder / f"{contender.replace(' ', '_')}_{name}.parquet"
        check_same(folder / f"campanile_{name}.parquet", other)
    to_polars = ours[scale.n_lines].cpu_s / others["polars"].cpu_s
    print(f"CPU of Campanile over that of Polars: {to_polars:.2f}")
    return {
        "ratio_to_sql": ours[scale.n_lines].cpu_s / others["by hand"].cpu_s,
        "ratio_to_pandas": ours[scale.n_pandas].cpu_s / others["pandas"].cpu_s,
        "peak_gb": ours[scale.n_lines].peak_gb,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one million lines")
    parser.add_argument("--folder", type=Path, help="keep the made shops here, for another time")
    given = parser.parse_args()
    scale = QUICK if given.quick else FULL
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        found = compare(scale, folder)
    people = resolve_people(scale.n_people)
    print(f"{scale.n_people:,} people told apart: {people}")
    print(json.dumps({name: round(value, 3) for name, value in (found | {
        "people_per_s": people["people_per_s"],
    }).items()}))  # fmt: skip


if __name__ == "__main__":
    main()
