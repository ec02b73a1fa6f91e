"""The figure of six kinds of customers: one card each."""

from textwrap import shorten

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from src.features.portrait.personas import LEVELS, MANNERS, Persona
from src.features.rhythm import LIFECYCLE
from src.figure import ACCENT, BAD, COLORS, GOOD, MUTED, new_axes

__all__ = ["plot_personas"]

_INK, _SOFT, _PALE = "#1f2933", "#52606d", "#e4e7eb"
_STAGES = dict(zip(LIFECYCLE, (GOOD, ACCENT, COLORS[1], BAD), strict=True))
_WIDTH, _HEIGHT = 0.96, 0.95
_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_LONGEST = 46
_RULES = {
    LEVELS[0]: "lowest third by spend",
    LEVELS[1]: "middle third by spend",
    LEVELS[2]: "top third by spend",
    MANNERS[0]: "lower half by discounts",
    MANNERS[1]: "upper half by discounts",
}


def plot_personas(personas: tuple[Persona, ...]) -> Figure | None:
    """Draw a card for each kind of customers: levels of spend across, manners down.

    Parameters
    ----------
    personas : tuple of Persona
        From `build_personas`. Where there are none, nothing is drawn.
    """
    if not personas:
        return None
    rows = [manner for manner in MANNERS[::-1] if any(manner in p.name for p in personas)]
    ax = new_axes(_message(personas), "", "", size=(10.2, 0.5 + 3.6 * len(rows)))
    ax.set(xlim=(0, len(LEVELS)), ylim=(len(rows), 0), xticks=[], yticks=[])
    ax.set_axis_off()
    for persona in personas:
        level, manner = persona.name.split(", ")
        _draw_card(ax, persona, LEVELS.index(level) + 0.02, rows.index(manner) + 0.03)
    return ax.figure


def _message(personas: tuple[Persona, ...]) -> str:
    best = max(personas, key=lambda persona: (persona.spend_share, persona.name))
    return (
        f"{best.name}: {best.customer_share:.0%} of customers bring {best.spend_share:.0%} of the "
        "spend of 365 days"
    )


def _draw_card(ax: Axes, persona: Persona, x: float, y: float) -> None:
    card = FancyBboxPatch(
        (x, y), _WIDTH, _HEIGHT, boxstyle="round,pad=0,rounding_size=0.02",
        facecolor="white", edgecolor=MUTED, lw=1.2,
    )  # fmt: skip
    ax.add_patch(card)
    left, right = x + 0.04, x + _WIDTH - 0.04
    level, manner = persona.name.split(", ")
    ax.text(left, y + 0.08, persona.name, fontsize=11.5, fontweight="bold", color=_INK)
    ax.text(left, y + 0.13, f"{_RULES[level]}, {_RULES[manner]}", fontsize=8.5, color=_SOFT)
    _draw_shares(ax, persona, left, right, y + 0.16)
    for place, (label, text) in enumerate(_facts(persona)):
        row = y + 0.335 + 0.054 * place
        ax.text(left, row, label, color=_SOFT, fontsize=9)
        ax.text(right, row, text, color=_INK, fontsize=9, ha="right")
    _draw_departments(ax, persona, left, y + 0.62)
    _draw_weekdays(ax, persona, left, right, y + 0.79)
    _draw_lifecycle(ax, persona, left, right, y + 0.855)


def _draw_shares(ax: Axes, persona: Persona, left: float, right: float, y: float) -> None:
    """Two bars one above the other: share of customers, share of spend."""
    bars = (
        (persona.customer_share, f"of customers ({persona.n_customers:,})", MUTED),
        (persona.spend_share, "of spend", ACCENT),
    )
    for place, (share, label, color) in enumerate(bars):
        row = y + 0.055 * place
        ax.add_patch(Rectangle((left, row), right - left, 0.042, color=_PALE, lw=0))
        ax.add_patch(Rectangle((left, row), (right - left) * share, 0.042, color=color, lw=0))
        text = f"{share:.0%} {label}"
        ax.text(right - 0.01, row + 0.021, text, fontsize=8.5, ha="right", va="center", color=_INK)


def _facts(persona: Persona) -> list[tuple[str, str]]:
    found = persona.medians
    return [
        ("last order", f"{_number(found['recency_days'])} days ago"),
        ("orders in 90 days", _number(found["n_orders_90"])),
        (
            "basket, shop currency",
            f"{_number(found['monetary_value'], ',.2f')} · "
            f"{_number(found['items_per_order'], '.1f')} lines",
        ),
        ("saved by discounts", _number(found["discount_share"], ".0%")),
        (
            "evenings · weekends",
            f"{_number(found['evening_share'], '.0%')} · {_number(found['weekend_share'], '.0%')}",
        ),
    ]


def _number(value: float, form: str = ".3g") -> str:
    return "–" if value != value else format(value, form)


def _draw_departments(ax: Axes, persona: Persona, left: float, y: float) -> None:
    largest = " · ".join(f"{name} {share:.0%}" for name, share in persona.departments)
    telling = ", ".join(f"{name} {ratio:.1f}×" for name, ratio in persona.telling)
    largest = largest or "departments not known"
    ax.text(left, y, shorten(largest, _LONGEST, placeholder=" …"), fontsize=9, color=_INK)
    if telling:
        text = shorten(f"more of: {telling}", _LONGEST, placeholder=" …")
        ax.text(left, y + 0.05, text, fontsize=9, color=GOOD)


def _draw_weekdays(ax: Axes, persona: Persona, left: float, right: float, y: float) -> None:
    """Bars of the share of orders on each day of the week, from zero."""
    step = (right - left) / len(_DAYS)
    for day, share in enumerate(persona.weekdays):
        x, height = left + day * step, 0.075 * share / max(persona.weekdays)
        ax.add_patch(Rectangle((x, y - height), 0.8 * step, height, color=COLORS[5], lw=0))
        style = {"ha": "center", "fontsize": 7.5}
        ax.text(x + 0.4 * step, y - 0.012, f"{share:.0%}", color="white", **style)
        ax.text(x + 0.4 * step, y + 0.032, _DAYS[day], color=_SOFT, **style)


def _draw_lifecycle(ax: Axes, persona: Persona, left: float, right: float, y: float) -> None:
    start = left
    for stage, share in persona.lifecycle.items():
        width = (right - left) * share
        ax.add_patch(Rectangle((start, y), width, 0.03, color=_STAGES[stage], lw=0))
        start += width
    shares = [
        f"{stage} {share:.0%}" for stage, share in persona.lifecycle.items() if share >= 0.005
    ]
    ax.text(left, y + 0.07, " · ".join(shares), fontsize=8, color=_SOFT)
