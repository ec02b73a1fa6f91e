"""The page on sources: its examples are valid, and its custom source works as it says."""

import json
import re

import pyarrow.parquet as pq
import pytest
import yaml

from src.root import PROJECT_ROOT
from src.sources.config import Source, TableSource
from src.sources.custom import land_dlt
from src.sources.origins import DltOrigin
from tests.sources.servers import Site

PAGE = (PROJECT_ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
KINDS = ["file", "sql", "rest", "kafka", "web", "dlt"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_an_example_that_is_valid(kind):
    (example,) = [each for each in EXAMPLES if kind in each] or [
        table for each in EXAMPLES for table in each.values() if kind in table
    ]
    assert TableSource.model_validate({"columns": {"order_id": "id"}} | example).origin


def test_the_whole_example_is_a_valid_source():
    assert Source.model_validate(EXAMPLES[0]).tables["orders_raw"].sql.table == "order_lines"


def test_the_custom_source_of_the_page_lands_and_goes_on(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "loyalty_of_the_page.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("LOYALTY_KEY", "k")
    members = [{"id": n, "changed_at": f"2024-03-0{n}"} for n in (1, 2, 3)]

    def answer(path, query, headers):
        assert headers["X-Api-Key"] == "k"
        found = [each for each in members if each["changed_at"] >= query["since"]]
        return 200, {}, json.dumps({"members": found if query["page"] == "1" else []}).encode()

    with Site(answer) as site:
        origin = DltOrigin(
            function="loyalty_of_the_page:members",
            arguments={"address": site.url, "token": "env/LOYALTY_KEY"},
        )

        def land():
            return land_dlt("my_shop", "customers_raw", origin, tmp_path / "raw", lambda n: None)

        assert land().n_read == 3
        members[0]["changed_at"] = "2024-03-09"
        landed = land()
        assert (landed.n_read, landed.key) == (1, ("id",))
        assert pq.read_table(landed.files[-1]).to_pylist() == [members[0]]
        assert site.asked[-1][2] == {"since": "2024-03-03", "page": "2"}
        assert land().n_read == 0
