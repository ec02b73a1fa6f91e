"""Bars that show how a run goes on."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["StageBars"]


class StageBars:
    """A bar per notebook on a terminal; one line per finished notebook elsewhere.

    A context manager, and the `Progress` of `src.pipeline`.

    Parameters
    ----------
    console : Console
        Where they are shown.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.bars = Progress(
            TextColumn("{task.description:<14}"),
            BarColumn(),
            TextColumn("cell {task.completed:.0f} of {task.total:.0f}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.tasks: dict[str, TaskID] = {}
        self.n_cells: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self.started = time.monotonic()

    def __enter__(self) -> "StageBars":
        if self.console.is_terminal:
            self.bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bars.stop()

    def stage_started(self, stage: str, n_cells: int) -> None:
        """Show a bar; a rehearsal comes to the same stage in every wave."""
        self.n_cells[stage] = n_cells
        if stage in self.tasks:
            self.bars.reset(self.tasks[stage], total=n_cells)
        else:
            self.tasks[stage] = self.bars.add_task(stage, total=n_cells)

    def cell_started(self, stage: str, cell: int) -> None:
        """Move the bar on."""
        self.bars.update(self.tasks[stage], completed=cell)

    def stage_ended(self, stage: str, seconds: float, is_finished: bool) -> None:
        """Fill the bar, or print the line."""
        self.seconds[stage] = seconds
        if stage in self.tasks and is_finished:
            self.bars.update(self.tasks[stage], completed=self.n_cells[stage])
        if not self.console.is_terminal:
            done = "done" if is_finished else "FAILED"
            self.console.print(f"{stage:<14} {done} {seconds:6.1f} s")
