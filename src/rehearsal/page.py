"""The report of a rehearsal: one page that holds estimates against the truth, wave by wave."""

import base64
import io
import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.axes import Axes
from matplotlib.figure import Figure
import matplotlib.pyplot as plt

from src.figure import ACCENT, BAD, GOOD, MUTED, new_axes

__all__ = ["plot_rivals", "plot_truth", "summarise", "write_page"]

_TEMPLATES = Path(__file__).parent / "templates"
_RIVALS = ("everybody", "random", "rfm", "nobody")
_WIDTH = 0.18


def summarise(waves: list[dict]) -> dict[str, float | int]:
    """Give the few numbers that matter, over all waves.

    Returns
    -------
    dict
        `profit`, `oracle`, `share` (of the oracle's profit in the last wave), `n_covered` (waves
        whose interval holds the truth), `n_waves`, `best_rival` (profit of the best rule, all
        waves).
    """
    last = waves[-1]
    return {
        "profit": sum(wave["profit"] for wave in waves),
        "oracle": sum(wave["oracle"] for wave in waves),
        "share": last["profit"] / last["oracle"] if last["oracle"] > 0 else float("nan"),
        "n_covered": sum(wave["lower"] <= wave["truth"] <= wave["upper"] for wave in waves),
        "n_waves": len(waves),
        "best_rival": max(sum(wave[name] for wave in waves) for name in _RIVALS),
    }


def plot_rivals(waves: list[dict]) -> Axes:
    """Draw the profit of each wave between that of the rules and the oracle's."""
    number = [wave["wave"] for wave in waves]
    total = summarise(waves)
    axes = new_axes(_message(total), "Campaign", "Expected incremental profit")
    axes.plot(number, [wave["oracle"] for wave in waves], color=GOOD, marker="^", label="oracle")
    axes.plot(number, [wave["profit"] for wave in waves], color=ACCENT, marker="o", lw=2.5,
              label="Campanile")  # fmt: skip
    for name, style in zip(_RIVALS, ("-", "--", ":", "-."), strict=True):
        axes.plot(number, [wave[name] for wave in waves], style, color=MUTED, label=name)
    axes.set_xticks(number)
    axes.legend(ncols=3, loc="best", fontsize=9)
    return axes


def _message(total: dict) -> str:
    if not total["oracle"] > 0:
        return "There is nothing to earn in this world"
    return f"In the last campaign {total['share']:.0%} of what the oracle earns"


def plot_truth(waves: list[dict]) -> Axes:
    """Draw what 08 measured with its interval, and the truth beside it."""
    total = summarise(waves)
    axes = new_axes(
        f"{total['n_covered']} of {total['n_waves']} intervals hold the truth",
        "Campaign",
        "Incremental profit",
    )
    for wave in waves:
        place, holds = wave["wave"], wave["lower"] <= wave["truth"] <= wave["upper"]
        color = ACCENT if holds else BAD
        axes.plot([place - _WIDTH / 2] * 2, [wave["lower"], wave["upper"]], color=color, lw=2)
        axes.plot(place - _WIDTH / 2, wave["estimate"], "o", color=color)
        axes.plot(place + _WIDTH / 2, wave["truth"], "D", color=GOOD, ms=6)
    axes.axhline(0, color=MUTED, lw=1)
    axes.plot([], [], "o-", color=ACCENT, label="measured, 95 % interval")
    axes.plot([], [], "D", color=GOOD, label="true")
    axes.set_xticks([wave["wave"] for wave in waves])
    axes.legend(loc="best", fontsize=9)
    return axes


def write_page(file: Path) -> Path:
    """Write the page beside `rehearsal.json`; gives its path."""
    content = json.loads(file.read_text(encoding="utf-8"))
    waves = content["waves"]
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    figures = []
    for draw, words in (
        (plot_rivals, "Expected profit of each campaign under the plan that was carried out, "
         "between what rules earn with as many letters and what is earned by knowing everybody."),
        (plot_truth, "Profit as notebook 08 measured it, with its 95 % interval, and the true one, "
         "known order by order."),
    ):  # fmt: skip
        figures.append((_png(draw(waves).figure), words))
    text = environment.get_template("rehearsal.html.j2").render(
        name=file.parent.name,
        plan=content["plan"],
        waves=waves,
        total=summarise(waves),
        figures=figures,
    )
    page = file.with_name("rehearsal.html")
    page.write_text(text, encoding="utf-8")
    return page


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    plt.close(figure)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
