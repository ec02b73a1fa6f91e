"""A model card in Markdown, for the end of a notebook and for the folder of the model."""

import math

from src.models.cards import CalibrationBin, Challenge, GroupFigure, ModelCard

__all__ = ["card_text"]


def card_text(card: ModelCard) -> str:
    """Write a card as Markdown; a notebook shows it with ``Markdown(card_text(card))``."""
    parts = [
        f"### Model card: {card.stage}, {card.model}",
        card.purpose,
        f"**Against the baseline.** {card.baseline}: {card.verdict}",
        _challenge_text(card.challenge),
        _table("figure | window | estimate | interval | customers | better", _metric_rows(card)),
        _table(
            "window | first day | last day",
            [_row(w.role, w.first_date, w.last_date) for w in card.windows],
        ),
        _table(
            "customers | predicted | observed | interval",
            [_row(f"{b.n:,}", *_rates(b)) for b in card.calibration],
        ),
        _table(
            "group | customers | predicted | observed | interval",
            [
                _row(f"{g.column.replace('_', ' ')}: {g.level}", f"{g.n:,}", *_rates(g))
                for g in card.groups
            ],
        ),
        _table(
            "table | rows | SHA-256",
            [_row(d.table, f"{d.n_rows:,}", f"`{d.sha256[:16]}`") for d in card.data],
        ),
        "\n".join(f"- {limit}" for limit in card.limits),
        _origin_text(card),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: str, rows: list[str]) -> str:
    """Markdown table; nothing without rows."""
    if not rows:
        return ""
    names = head.split(" | ")
    return "\n".join([_row(*names), _row(*("---" for _ in names)), *rows])


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _metric_rows(card: ModelCard) -> list[str]:
    return [
        _row(
            metric.name,
            metric.window,
            _number(metric.figure.estimate),
            f"{_number(metric.figure.lower)} to {_number(metric.figure.upper)}",
            f"{metric.figure.n:,}",
            "higher" if metric.is_higher_better else "lower",
        )
        for metric in card.metrics
    ]


def _rates(figures: CalibrationBin | GroupFigure) -> tuple[str, str, str]:
    ends = f"{_number(figures.lower)} to {_number(figures.upper)}"
    return _number(figures.predicted), _number(figures.observed), ends


def _number(value: float) -> str:
    return f"{value:,.4g}" if math.isfinite(value) else "not known"


def _challenge_text(challenge: Challenge | None) -> str:
    if challenge is None:
        return ""
    gain = challenge.gain
    ends = f"{_number(gain.lower)} to {_number(gain.upper)}"
    outcome = "is surely better and replaces it" if challenge.is_won else "is not surely better"
    return (
        f"**Against the model in use** (`{challenge.incumbent[:16]}`). On the same customers and "
        f"days the gain in {challenge.metric} is {_number(gain.estimate)} ({ends}): the new model "
        f"{outcome}."
    )


def _origin_text(card: ModelCard) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in sorted(card.versions.items()))
    return (
        f"As of {card.as_of_date}, seed {card.seed}; {len(card.inputs)} columns in, "
        f"{', '.join(card.outputs) or 'nothing'} out; made with {versions}."
    )
