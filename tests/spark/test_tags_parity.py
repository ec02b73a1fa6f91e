"""The same tags on DuckDB and on a Spark cluster: every kind of rule, three dates, one history."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.data import stored
from src.data.stored import is_replaced, read_stored
from src.engine import read_parquet
from src.features.tag_changes import EarlierTags
from src.features.tag_explain import explain_customer
from src.features.tag_history import build_tags
from src.features.tags import TagRule
from src.stage import Stage, publish, tables_path
from tests.spark.frames import assert_same

pytestmark = [pytest.mark.xdist_group("run"), pytest.mark.timeout(1200)]

SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("as_of_date", pa.date32()),
        ("frequency", pa.int64()),
        ("recency_days", pa.int64()),
        ("gap_mean_days", pa.float64()),
        ("lifecycle", pa.string()),
        ("has_consent", pa.bool_()),
    ]
)
DATES = ("2024-01-31", "2024-02-29", "2024-03-31")
TEXTS = (
    "frequency >= 5 and not recency_days < 10",
    "lifecycle in ('new', 'lapsed') or lifecycle = 'active' and frequency > 3",
    "lifecycle not in ('new') and lifecycle <> 'lapsed'",
    "gap_mean_days is null",
    "not gap_mean_days > 3",
    "gap_mean_days not between 2 and 4 or gap_mean_days is not null and frequency = 1",
    "recency_days / (frequency - 3) > 4",
    "recency_days * recency_days * recency_days * recency_days * recency_days"
    " * recency_days * recency_days * recency_days > 1e20",
    "coalesce(gap_mean_days, frequency) >= greatest(frequency, 3)",
    "least(gap_mean_days, 2) + abs(frequency - 5) = 3",
    "-frequency < -quantile(frequency, 0.75)",
    "gap_mean_days >= quantile(gap_mean_days, 0.9) or gap_mean_days < quantile(gap_mean_days, 0.1)",
    "has_consent and frequency > 1",
    "not has_consent or frequency in (1, 2)",
    "true = (frequency > 2)",
    "frequency >= 1",
    "frequency > 1000",
)


def write_profiles(folder):
    """Random customers on three dates; most do not change, some come and some go."""
    chance = np.random.default_rng(20240131)
    n = 400
    base = None
    for date in DATES:
        drawn = pd.DataFrame(
            {
                "customer_id": [f"c{i:03}" for i in range(n)],
                "frequency": chance.integers(1, 9, n),
                "recency_days": chance.integers(0, 2000, n),
                "gap_mean_days": np.where(chance.random(n) < 0.2, np.nan, chance.random(n) * 6),
                "lifecycle": chance.choice(["new", "active", "slipping", "lapsed"], n),
                "has_consent": pd.array(chance.choice([True, False, None], n), dtype="boolean"),
            }
        )
        is_changed = chance.random(n) < 0.1
        base = drawn if base is None else pd.concat([base[~is_changed], drawn[is_changed]])
        base = base.sort_values("customer_id", ignore_index=True)
        seen = base[chance.random(n) < 0.95].assign(as_of_date=dt.date.fromisoformat(date))
        path = folder / date
        path.mkdir()
        table = pa.Table.from_pandas(seen[SCHEMA.names], SCHEMA, preserve_index=False)
        pq.write_table(table, path / "part-0.parquet")


def tagged(engine, profiles_folder, folder) -> dict[str, pd.DataFrame]:
    """What three runs in a row write, and how the last explains one customer."""
    rules = [
        TagRule(name=f"t{i:02}", meaning="m", rule=text, owner="o", expires_days=[None, 40][i % 2])
        for i, text in enumerate(TEXTS)
    ]
    frames, earlier, previous = {}, None, ""
    for number, date in enumerate(DATES):
        profiles = read_parquet(engine, profiles_folder / date)
        chosen = tuple(rules[: -number or None])  # one tag less each time
        tables = build_tags(profiles, chosen, date, earlier)
        stage = Stage("03_tag", folder / engine.name / date, engine)
        stage.write_onward("tag_history", tables.history, previous, tables.replacement)
        stage.write_view("tags", tables.tags, as_of_date=date)
        stage.write("tag_rules", tables.rules)
        publish(stage.run, stage.name)
        published = tables_path(stage.run, stage.name)
        tags, history, read = (
            read_stored(engine, published / name) for name in ("tags", "tag_history", "tag_rules")
        )
        earlier, previous = EarlierTags(profiles, history, read), str(stage.run)
        frames |= {
            f"{date} tags": tags.to_pandas(),
            f"{date} history": history.to_pandas(),
            f"{date} rules": read.to_pandas(),
            f"{date} judged": pd.DataFrame({"tag": tables.judged_anew}),
            f"{date} form": pd.DataFrame({"is": [is_replaced(published / "tag_history")]}),
        }
    why = explain_customer(earlier, "c007")
    frames["why"] = pd.DataFrame([(w.tag, w.holds, str(w.because)) for w in why])
    return frames


def test_every_tag_and_its_history_are_the_same(engines, tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "FEWEST_ROWS", 1)
    monkeypatch.setattr(stored, "LARGEST_SHARE", 2.0)
    write_profiles(tmp_path)
    ours, theirs = (tagged(engine, tmp_path, tmp_path / "written") for engine in engines)
    history = ours["2024-03-31 history"]
    assert history["left_date"].notna().sum() > 100
    assert ours["2024-03-31 tags"]["tag"].nunique() > 10
    assert ours["2024-03-31 form"]["is"].tolist() == [True]  # earlier rows are not written again
    assert 0 < len(ours["2024-03-31 judged"]) < len(TEXTS) - 2
    for name, frame in ours.items():
        assert_same(name, frame, theirs[name])
