"""Poison the future: not a byte of profiles, tags, scores or decisions may change."""

import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from src.data.tables import STAGES
from src.pipeline import run
from src.run_record import RunRecord, table_hashes
from src.stage import tables_path

LAST_MOMENT = pa.scalar("2017-09-30 23:59:59.999999")
KNOWING = [stage for stage in STAGES if "03" <= stage[:2] <= "05"]


def split(table: pa.Table, time: str) -> tuple[pa.Table, pa.Table]:
    """What was known by the as-of date, and what came later."""
    last = LAST_MOMENT.cast(pa.timestamp("us")).cast(table.schema.field(time).type)
    is_known = pc.less_equal(table[time], last)
    return table.filter(is_known), table.filter(pc.invert(is_known))


def poison_orders(orders: pa.Table) -> pa.Table:
    """Delete a third of the future, make the rest dearer, add customers and products to it."""
    known, future = split(orders, "ordered_at")
    future = future.filter(pc.greater(pc.bit_wise_and(pc.cast(future["quantity"], "int64"), 3), 0))
    dearer = pc.add(pc.multiply(future["line_value_minor"], 7), 13)
    future = future.set_column(
        future.schema.get_field_index("line_value_minor"), "line_value_minor", dearer
    )
    added = future.slice(0, future.num_rows // 3)
    for column, value in (("customer_id", "f" * 32), ("product_id", "999999999")):
        index = added.schema.get_field_index(column)
        added = added.set_column(index, column, pa.array([value] * added.num_rows))
    numbers = pc.binary_join_element_wise("new", added["order_id"], "-")
    added = added.set_column(added.schema.get_field_index("order_id"), "order_id", numbers)
    return pa.concat_tables([added, known, future]).combine_chunks()


def rewrite(run_folder, name, change) -> None:
    part = tables_path(run_folder, "02_clean") / name / "part-0.parquet"
    pq.write_table(change(pq.read_table(part)), part)


@pytest.mark.notebook
@pytest.mark.xdist_group("run")
@pytest.mark.timeout(600)
def test_what_comes_after_the_as_of_date_changes_no_byte(smoke_run, tmp_path):
    poisoned = tmp_path / "poisoned"
    shutil.copytree(smoke_run, poisoned, ignore=shutil.ignore_patterns("report", "ledger"))
    shutil.copytree(smoke_run / "ledger", poisoned / "ledger")
    rewrite(poisoned, "orders", poison_orders)
    rewrite(poisoned, "events", lambda events: split(events, "event_at")[0])
    rewrite(poisoned, "exposures", lambda exposures: split(exposures, "exposed_at")[0])
    record = RunRecord.read(poisoned)
    record.content["stages"]["02_clean"]["tables"] = table_hashes(poisoned, "02_clean")
    record.save()
    run("params/smoke.yaml", str(poisoned), first="03", last="05")
    before = {stage: table_hashes(smoke_run, stage) for stage in KNOWING}
    after = {stage: table_hashes(poisoned, stage) for stage in KNOWING}
    assert len(before["03_tag"]) == 9
    assert after == before
