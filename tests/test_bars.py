"""Bars of a run: a stage may come again, and beside others."""

import io

from rich.console import Console

from src.bars import StageBars


def test_stages_that_come_again_are_told_each_time():
    told = io.StringIO()
    with StageBars(Console(file=told, force_terminal=False, width=100)) as bars:
        for _ in range(3):
            for stage, n_cells in (("01_ingest", 5), ("02_clean", 7)):
                bars.stage_started(stage, n_cells)
            bars.stage_started("01_ingest, again", 4)
            for stage in ("02_clean", "01_ingest", "01_ingest, again"):
                bars.cell_started(stage, 3)
                bars.stage_ended(stage, 1.5, is_finished=True)
    assert told.getvalue().splitlines() == 3 * [
        "02_clean       done    1.5 s",
        "01_ingest      done    1.5 s",
        "01_ingest, again done    1.5 s",
    ]


def test_on_a_terminal_each_bar_is_full_when_its_stage_ends():
    shown = Console(file=io.StringIO(), force_terminal=True, width=100)
    with StageBars(shown) as bars:
        for _ in range(2):
            bars.stage_started("01_ingest", 5)
            bars.stage_started("02_clean", 7)
            bars.stage_ended("01_ingest", 0.5, is_finished=True)
            bars.cell_started("02_clean", 2)
            bars.stage_ended("02_clean", 0.5, is_finished=False)
            found = {task.description: (task.completed, task.total) for task in bars.bars.tasks}
            assert found == {"01_ingest": (5, 5), "02_clean": (2, 7)}
