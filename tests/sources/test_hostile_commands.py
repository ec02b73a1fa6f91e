"""The commands on files as no one wants them: one sentence, exit code 2, and no traceback."""

import re

import pytest
import yaml

from src import cli
from tests.sources.test_hostile_files import LANDED, SECRET, STOPPED

COLUMNS = {
    "order_id": "order",
    "customer_id": "buyer",
    "product_id": {"value": "all"},
    "ordered_at": "order",
    "quantity": {"value": 1},
    "line_value": {"value": 1},
}
FILES = {name: case[:3] for name, case in (STOPPED | LANDED).items()}
pytestmark = pytest.mark.usefixtures("small_bounds")


@pytest.fixture
def command(monkeypatch, capsys):
    """Run a command as a person does; gives its exit code and what it said."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["campanile", "source", *map(str, words)])
        monkeypatch.setattr(cli.console, "soft_wrap", True)
        with pytest.raises(SystemExit) as stop:
            cli.main()
        said = capsys.readouterr()
        return stop.value.code or 0, said.out, said.err

    return run


def check_manners(code: int, out: str, told: str) -> None:
    assert SECRET not in out + told
    assert "Traceback" not in told
    if code == 0:
        return
    assert code == 2
    assert told.startswith("campanile: Expected ")
    assert told.count("\n") == 1
    assert len(re.findall(r"\.(?:\s|$)", told)) == 1, "more than one sentence"


@pytest.mark.parametrize(("make", "pattern", "form"), FILES.values(), ids=FILES)
def test_a_check_ends_well_whatever_the_file(
    shop_folder, workbook, tmp_path, command, make, pattern, form
):
    make(shop_folder, workbook)
    file = {"path": pattern} | form
    fields = {"name": "shop", "folder": str(shop_folder), "currency": "EUR"}
    fields["tables"] = {"orders_raw": {"file": file, "columns": COLUMNS}}
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    check_manners(*command("check", tmp_path / "shop.yaml"))


@pytest.mark.parametrize(("make", "pattern", "form"), FILES.values(), ids=FILES)
def test_a_guess_ends_well_whatever_the_file(shop_folder, workbook, command, make, pattern, form):
    make(shop_folder, workbook)
    check_manners(*command("guess", shop_folder))
