"""The report's folder: an index with the run's key numbers, and one page per executed notebook."""

import base64
from dataclasses import dataclass, replace
import hashlib
import json
import os
from pathlib import Path
import shutil
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from src.report.card import build_card, write_card
from src.report.headlines import NAMES, QUESTIONS, headline_numbers
from src.report.interval import draw_interval
from src.report.record import RunRecord, StageRecord, read_run
from src.report.words import (
    describe_verdict,
    format_day,
    format_number,
    format_seconds,
    label_of,
)

__all__ = ["build_report"]

_TEMPLATES = Path(__file__).parent / "templates"
_IN_WORDS = {
    "finished": "finished",
    "failed": "failed",
    "interrupted": "interrupted",
    "running": "was running",
    "unfinished": "not finished",
    "missing": "not run",
    "unknown": "of unknown state",
}


@dataclass(frozen=True)
class Step:
    """One stage as the pages show it.

    Parameters
    ----------
    number, title : str
        Such as ``03`` and ``Tag customers``.
    question : str
        What it answers; safe HTML.
    state, time : str
        In words.
    numbers : list of (str, str)
        Headline numbers: label and text.
    page : str
        File of its page; empty if it has none.
    about, body : str
        Safe HTML of its notebook.
    error : str
        What stopped it; empty if nothing did.
    record : StageRecord
        What it was made from.
    """

    number: str
    title: str
    question: str
    state: str
    time: str
    numbers: list[tuple[str, str]]
    page: str
    about: str
    body: str
    error: str
    record: StageRecord


def build_report(run: Path) -> Path:
    """Write the report of a run, complete or not, in one piece.

    The pages need no network and hold no time of their own: the same run gives the same bytes.

    Parameters
    ----------
    run : Path
        Folder of the run: its ``run.json``, ``results/`` and ``notebooks/``, as far as there.

    Returns
    -------
    Path
        ``<run>/report/index.html``. Beside it lie ``card.html``, a page to sign, and in the run
        the same as ``card.json``.

    Raises
    ------
    ParameterError
        If there is no such folder.
    """
    record = read_run(run)
    steps = _read_steps(record)
    pages = _Pages()
    draft = run / f".report-{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        card = build_card(run)
        (draft / "index.html").write_text(pages.index(record, steps), encoding="utf-8")
        (draft / "card.html").write_text(pages.card(card, record), encoding="utf-8")
        for step in steps:
            if step.page:
                text = pages.stage(record, steps, step)
                (draft / step.page).write_text(text, encoding="utf-8")
        _publish(draft, run / "report")
        write_card(run, card)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return run / "report" / "index.html"


def _publish(draft: Path, report: Path) -> None:
    """Put the draft in the report's place; an older report goes only when the new one is there."""
    old = draft.with_name(f"{draft.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if report.exists():
        os.replace(report, old)
    os.replace(draft, report)
    shutil.rmtree(old, ignore_errors=True)


def _read_steps(record: RunRecord) -> list[Step]:
    if not any(stage.notebook for stage in record.stages):
        return [_bare_step(stage) for stage in record.stages]
    from src.report.notebook import NotebookRenderer  # seconds to import: not at start-up

    renderer = NotebookRenderer()
    return [_read_step(stage, renderer) for stage in record.stages]


def _bare_step(stage: StageRecord, error: str = "") -> Step:
    return Step(
        number=stage.number,
        title=NAMES[stage.name],
        question=QUESTIONS[stage.name],
        state=_IN_WORDS.get(stage.state, stage.state),
        time=format_seconds(stage.seconds),
        numbers=headline_numbers(stage),
        page="",
        about="",
        body="",
        error=error or str(stage.facts.get("error") or ""),
        record=stage,
    )


def _read_step(stage: StageRecord, renderer: Any) -> Step:
    if stage.notebook is None:
        return _bare_step(stage)
    try:
        page = renderer.render(stage.notebook)
    except ValueError as error:
        return _bare_step(stage, f"The executed notebook could not be read: {error}.")
    bare = _bare_step(stage, page.error)
    title = page.title.removeprefix(stage.number).strip(" ·-:") or bare.title
    return replace(
        bare,
        title=title,
        question=page.purpose or bare.question,
        page=f"{stage.name}.html",
        about=page.about,
        body=page.body,
    )


class _Pages:
    """The templates, with style and script laid into every page."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        script = (_TEMPLATES / "code.js").read_text(encoding="utf-8")
        self._shared = {
            "style": (_TEMPLATES / "report.css").read_text(encoding="utf-8"),
            "script": script,
            "script_hash": _hash_of(script),
            "format_number": format_number,
            "label_of": label_of,
        }

    def index(self, record: RunRecord, steps: list[Step]) -> str:
        """Render the first page."""
        measured = record.results("08_measure")
        return self._templates.get_template("index.html.j2").render(
            **self._shared,
            run_id=record.run_id,
            facts=_facts(record),
            banner=_banner(record, steps),
            verdict=describe_verdict(measured),
            is_rehearsed=measured.get("mode") == "dry_run",
            bar=draw_interval(*(measured.get(n) for n in ("lower", "incremental_profit", "upper"))),
            key_numbers=_key_numbers(record),
            steps=steps,
            provenance=_provenance(record),
            versions=_flat(record.facts.get("versions")),
            params=record.params,
            stage_facts=[(step.number, _flat(step.record.facts)) for step in steps],
        )

    def card(self, card: dict[str, Any], record: RunRecord) -> str:
        """Render the page to sign."""
        profit = card["profit"]
        ends = (profit["lower"], profit["incremental_profit"], profit["upper"])
        return self._templates.get_template("card.html.j2").render(
            **self._shared,
            card=card,
            verdict=describe_verdict(record.results("08_measure")),
            bar=draw_interval(*ends),
            as_of=format_day(card["campaign"]["as_of_date"]),
        )

    def stage(self, record: RunRecord, steps: list[Step], step: Step) -> str:
        """Render the page of one stage."""
        shown = [other for other in steps if other.page]
        place = shown.index(step)
        return self._templates.get_template("stage.html.j2").render(
            **self._shared,
            run_id=record.run_id,
            steps=steps,
            step=step,
            before=shown[place - 1] if place else None,
            after=shown[place + 1] if place + 1 < len(shown) else None,
        )


def _hash_of(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _facts(record: RunRecord) -> list[str]:
    """Say in a line under the title which run this is."""
    as_of = format_day(record.facts.get("as_of_date"))
    times = [stage.seconds for stage in record.stages if stage.seconds is not None]
    return [
        f"Run {record.run_id}",
        *([f"facts up to {as_of}"] if as_of else []),
        *([f"{format_seconds(sum(times))} of work"] if times else []),
    ]


def _banner(record: RunRecord, steps: list[Step]) -> str:
    """Say what is missing; empty for a whole run."""
    n_done = sum(step.record.state == "finished" for step in steps)
    done = f"{n_done} of {len(steps)} steps are done"
    failed = [step for step in steps if step.record.state == "failed" or step.error]
    if failed:
        return f"This run stopped in step {failed[0].number}, {failed[0].title}; {done}."
    if record.state == "running":
        return f"This run had not ended when the report was made: {done}."
    if record.state in ("failed", "interrupted"):
        return f"This run {'was ' if record.state == 'interrupted' else ''}{record.state}; {done}."
    if record.state == "unknown":
        return f"The record of this run (run.json) is missing or cannot be read; {done}."
    return "" if n_done == len(steps) else f"This run is not complete: {done}."


def _key_numbers(record: RunRecord) -> list[tuple[str, str, str]]:
    """List the run's key numbers as label, text and note; a dash where a stage has not recorded."""
    decided, sent = record.results("05_decide"), record.results("07_send")
    measured = record.results("08_measure")

    def show(results: dict[str, Any], name: str) -> str:
        return format_number(name, results[name]) if name in results else "–"

    def note(results: dict[str, Any], text: str, *names: str) -> str:
        known = all(name in results for name in names)
        return text.format(*(show(results, name) for name in names)) if known else ""

    chosen = note(decided, "of {} customers, {} eligible", "n_customers", "n_eligible")
    held_out = note(decided, "never written to; {} more are this campaign's control", "n_control")
    delivered = note(sent, "of {} planned; {} suppressed", "n_planned", "n_suppressed")
    unknown = sent.get("n_unknown")
    if unknown:
        delivered += f"; {format_number('n_unknown', unknown)} with unknown ending"
    between = note(measured, "interval {} to {}", "lower", "upper")
    return [
        ("Chosen", show(decided, "n_treated"), chosen),
        ("Held out", show(decided, "n_holdout"), held_out),
        ("Sent", show(sent, "n_sent"), delivered),
        ("Incremental profit", show(measured, "incremental_profit"), between),
    ]


def _provenance(record: RunRecord) -> list[tuple[str, str]]:
    shown = {**record.facts, "state": _IN_WORDS.get(record.state, record.state)}
    return _flat({name: value for name, value in shown.items() if name != "versions"})


def _flat(value: object, name: str = "") -> list[tuple[str, str]]:
    """Turn nested facts into rows of name and text."""
    if isinstance(value, dict):
        inner = ((f"{name}.{key}".strip("."), part) for key, part in value.items())
        return [row for key, part in inner for row in _flat(part, key)]
    if value is None or value == "":
        return []
    return [(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))]
