"""Real rows come out the same from every encoding, delimiter and format they are written in."""

import gzip
import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

N_ROWS = 541_909
FORMS = {
    "utf-8": ("utf-8", ",", ""),
    "utf-8 with its mark and semicolons": ("utf-8-sig", ";", ""),
    "gb18030": ("gb18030", ",", ""),
    "latin-1 with tabs": ("latin-1", "\t", ""),
    "gb18030 with bars, packed": ("gb18030", "|", ".gz"),
}


@pytest.fixture(scope="module")
def retail(shared_data) -> pa.Table:
    """Online Retail as texts."""
    table = pq.read_table(shared_data / "online_retail.parquet")
    texts = [pc.cast(column, pa.string()) for column in table.columns]
    return pa.table(texts, table.column_names)


@pytest.mark.slow
@pytest.mark.parametrize(("encoding", "delimiter", "packed"), FORMS.values(), ids=FORMS)
def test_online_retail_lands_the_same_from_every_form(
    retail, shop_folder, land_rows, encoding, delimiter, packed
):
    written = io.BytesIO()
    pa_csv.write_csv(retail, written, pa_csv.WriteOptions(delimiter=delimiter))
    content = written.getvalue().decode().encode(encoding)
    name = f"retail.csv{packed}"
    (shop_folder / name).write_bytes(gzip.compress(content, 1) if packed else content)
    landed = land_rows(name)
    assert landed.num_rows == N_ROWS
    assert landed.combine_chunks() == retail.combine_chunks()
    assert landed["CustomerID"].null_count == 135_080
    assert landed["Description"].null_count == 1_454
    pounds = pc.match_substring(landed["Description"], "£")
    assert pc.sum(pounds).as_py() == 32


@pytest.mark.slow
def test_hillstrom_keeps_its_equal_rows(shared_data, shop_folder, land_rows):
    (shop_folder / "hillstrom.csv.gz").symlink_to(shared_data / "hillstrom.csv.gz")
    landed = land_rows("hillstrom.csv.gz")
    assert landed.num_rows == 64_000
    distinct = landed.group_by(landed.column_names).aggregate([]).num_rows
    assert 64_000 - distinct == 6_562


@pytest.mark.slow
def test_the_semicolons_of_the_bank_are_found_out(shared_data, shop_folder, land_rows):
    name = "bank-additional-full.csv.gz"
    (shop_folder / name).symlink_to(shared_data / name)
    landed = land_rows(name)
    assert landed.num_rows == 41_188
    assert landed.num_columns == 21
    assert "_ragged" not in landed.column_names
