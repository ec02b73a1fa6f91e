"""Small runs as the runner leaves them, made without running anything."""

import base64
import json
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
import pytest

from src.data.tables import STAGES

PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154"
        "789c6360606060000000050001a5f645400000000049454e44ae426082"
    )
).decode()

RESULTS = {
    "05_decide": {
        "n_customers": 2469,
        "n_eligible": 2011,
        "n_holdout": 247,
        "n_treated": 1500,
        "n_control": 264,
        "mode": "explore",
    },
    "07_send": {"n_planned": 1500, "n_sent": 1490, "n_suppressed": 10, "n_unknown": 0},
    "08_measure": {
        "incremental_profit": 320.5,
        "lower": -1234.2,
        "upper": 2345.7,
        "n_treated": 1500,
        "n_control": 264,
        "srm_p_value": 0.45,
        "mde": 1500.3,
        "verdict": "cannot tell",
        "level": 0.95,
    },
}


def make_notebook(stage: str, *outputs: dict, prose: str = "") -> nbformat.NotebookNode:
    """Make a notebook with a title, a purpose, parameters, prose and one cell with outputs."""
    number = stage.split("_")[0]
    head = f"# {number} · Title of {number}\n\n> What *{number}* is for.\n\nReads `orders`."
    cells = [
        new_markdown_cell(head, id="a0"),
        new_code_cell('run_dir: str = "runs/smoke"  # run folder', id="a1"),
        new_markdown_cell(f"## 1 Section\n\n{prose}", id="a2"),
        new_code_cell("secret_code_name = 1", id="a3", outputs=list(outputs)),
    ]
    kernel = {"name": "python3", "display_name": "Python 3"}
    return new_notebook(
        cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}}
    )


def html_output(markup: str) -> dict:
    return new_output("display_data", data={"text/html": markup, "text/plain": "plain"})


def write_run(run: Path, notebooks: dict, stages: dict, state: str = "finished") -> Path:
    """Write a run folder: its record, results and notebooks."""
    (run / "notebooks").mkdir(parents=True)
    (run / "results").mkdir()
    for name, notebook in notebooks.items():
        nbformat.write(notebook, run / "notebooks" / f"{name}.ipynb")
        numbers = RESULTS.get(name, {"n_rows": 1234, "auc": 0.8125})
        (run / "results" / f"{name}.json").write_text(json.dumps(numbers), encoding="utf-8")
    record = {
        "run_id": "autumn",
        "params_file": "params/demo.yaml",
        "state": state,
        "as_of_date": "2017-09-30",
        "seed": 20170930,
        "git_commit": "abc1234",
        "started_at": "2026-01-01T00:00:00+00:00",
        "ended_at": None,
        "versions": {"pandas": "3.1.1"},
        "stages": stages,
    }
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    (run / "params.yaml").write_text("run:\n  seed: 20170930\n", encoding="utf-8")
    return run


@pytest.fixture
def whole_run(tmp_path) -> Path:
    """All twelve stages, each with a figure."""
    picture = new_output("display_data", data={"image/png": PNG, "text/plain": "<Figure>"})
    return write_run(
        tmp_path / "autumn",
        {name: make_notebook(name, picture) for name in STAGES},
        {
            name: {"state": "finished", "seconds": 3.25, "tables": {"x/part-0.parquet": "f00d"}}
            for name in STAGES
        },
    )


@pytest.fixture
def stage_page(tmp_path):
    """Text of the page of a run's only stage, made from the outputs and prose given."""

    def build(*outputs: dict, prose: str = "") -> str:
        from src.report import build_report

        run = write_run(
            tmp_path / "one",
            {"03_tag": make_notebook("03_tag", *outputs, prose=prose)},
            {"03_tag": {"state": "finished", "seconds": 1.0}},
        )
        return (build_report(run).parent / "03_tag.html").read_text(encoding="utf-8")

    return build


@pytest.fixture
def as_html():
    return html_output
