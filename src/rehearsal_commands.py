"""The command `campanile rehearse`."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from src.pipeline import Progress

__all__ = ["print_wave", "rehearse_shop"]


def rehearse_shop(
    params: str,
    world: str,
    n_customers: int,
    n_waves: int,
    seed: int,
    folder: Path,
    progress: "Progress",
    console: "Console",
) -> Path:
    """Play a rehearsal, or what is left of it, and print each wave as it ends."""
    from src.rehearsal.page import write_page
    from src.rehearsal.rehearse import Plan, rehearse
    from src.rehearsal.world import read_world

    plan = Plan(params, read_world(world), n_customers, n_waves, seed)
    console.print(f"{plan.world.meaning} {n_customers:,} customers, {n_waves} campaigns.")
    file = rehearse(plan, folder, progress, lambda figures: print_wave(console, figures))
    return write_page(file)


def print_wave(console: "Console", figures: dict) -> None:
    """Print one wave in one line."""
    ratio = figures["profit"] / figures["oracle"] if figures["oracle"] > 0 else 0.0
    console.print(
        f"wave {figures['wave']}: {figures['n_letters']:,} letters, profit "
        f"{figures['profit']:,.0f} ({ratio:.0%} of the oracle's), measured "
        f"{figures['estimate']:,.0f} [{figures['lower']:,.0f}, {figures['upper']:,.0f}], "
        f"true {figures['truth']:,.0f}: {figures['verdict']}"
    )
