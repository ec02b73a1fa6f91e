"""Every notebook keeps the house form."""

import ast
import re

import nbformat
import pytest

from src.data.tables import STAGES, TABLES
from src.params import declared_parameters, notebook_path
from src.root import PROJECT_ROOT

MAX_CELLS, MAX_LINES = 30, 15
BANNED = re.compile(
    r"^\s*(def |class |from \S+ import \*|%|!)|sys\.path|filterwarnings|read_csv|to_csv"
    r"|read_parquet|to_parquet|\bopen\(|mlflow",
    re.MULTILINE,
)


@pytest.fixture(params=STAGES)
def stage(request):
    return request.param


@pytest.fixture
def notebook(stage):
    return nbformat.read(notebook_path(stage), as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def test_notebooks_are_the_stages():
    found = sorted(path.stem for path in (PROJECT_ROOT / "notebooks").glob("*.ipynb"))
    assert found == sorted(STAGES)


def test_notebook_is_valid_and_stripped(notebook):
    nbformat.validate(notebook)
    assert not [cell for cell in code_cells(notebook) if cell.outputs or cell.execution_count]


def test_first_cell_is_title_and_purpose(stage, notebook):
    title, _, purpose = notebook.cells[0].source.splitlines()[:3]
    assert title.startswith(f"# {stage.split('_')[0]} · ")
    assert purpose.startswith("> ")
    for table in TABLES.values():
        if table.stage == stage:
            assert f"`{table.name}`" in notebook.cells[0].source


def test_first_code_cell_holds_typed_explained_parameters(stage, notebook):
    cells = code_cells(notebook)
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert tagged == cells[:1]
    declared = declared_parameters(stage)
    assert declared["run_dir"].default == "runs/smoke"
    assert not [line.name for line in declared.values() if not line.help]


def test_cells_are_few_and_short(notebook):
    assert len(notebook.cells) <= MAX_CELLS
    _, *code = code_cells(notebook)  # a parameter is a line: as many as there are
    assert max(len(cell.source.splitlines()) for cell in code) <= MAX_LINES


def test_logic_lives_in_src(notebook):
    for cell in code_cells(notebook):
        assert not BANNED.search(cell.source), cell.source
        ast.parse(cell.source)


def test_prose_outweighs_code(notebook):
    prose = sum(len(cell.source) for cell in text_cells(notebook))
    code = sum(len(cell.source) for cell in code_cells(notebook))
    assert prose > 0.8 * code


def test_last_cell_records_results(notebook):
    assert "stage.record(" in code_cells(notebook)[-1].source


def test_notebook_asserts_its_promises(notebook):
    assert any("assert " in cell.source for cell in code_cells(notebook))
