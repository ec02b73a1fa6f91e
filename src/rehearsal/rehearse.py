"""Several campaigns of a shop with known truth, in fast-forward; goes on after a break."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
import json
import os
from pathlib import Path
import time

import numpy as np

from src import pipeline
from src.errors import ParameterError
from src.rehearsal.accounting import true_gains
from src.rehearsal.answers import Answers, answer
from src.rehearsal.customers import KINDS
from src.rehearsal.law import expected_effects
from src.rehearsal.letters import Delivered, act_on_letters
from src.rehearsal.rehearsed_shop import Shop
from src.rehearsal.rivals import rival_profits
from src.rehearsal.wave import Wave
from src.rehearsal.world import World
from src.run_record import hold_run
from src.workshop import Workshop

__all__ = ["Plan", "rehearse"]


@dataclass(frozen=True)
class Plan:
    """What is rehearsed; kept in the folder, so that a break can be mended without it.

    Parameters
    ----------
    params_file : str
        Parameters of the notebooks, and the campaign.
    world : World
        The shop and the law of its customers.
    n_customers, n_waves : int
        Size of the shop, and how many campaigns.
    seed : int
        Of all draws of the shop.
    """

    params_file: str
    world: World
    n_customers: int
    n_waves: int
    seed: int


def rehearse(
    plan: Plan,
    folder: Path,
    progress: pipeline.Progress | None = None,
    told: Callable[[dict], None] = lambda figures: None,
) -> Path:
    """Play all waves, or those that are left, and write `rehearsal.json`.

    Each wave is one campaign by the real path: 01 to 07 with letters over SMTP to a mail server of
    this machine, clicks and opt-outs over HTTP against the application of `campanile serve`, the
    window, then 01, 02 and 08 again, while the next campaign is decided: the two need nothing of
    each other. What it changed is known order by order and kept apart.

    Parameters
    ----------
    plan : Plan
        With a folder that was begun before, the same plan.
    folder : Path
        Where the shop, the runs and the truth lie.
    progress : Progress, optional
        Who is told of stages.
    told : callable, optional
        Given the figures of each wave as it ends.

    Returns
    -------
    Path
        The file `rehearsal.json`.

    Raises
    ------
    ParameterError
        If the folder holds another rehearsal, or a run.
    RunLockedError
        If another process is at it.
    """
    if (folder / "run.json").exists():
        raise ParameterError(
            f"Expected a folder of a rehearsal, but {folder.name} is a run; choose another "
            "--run-id."
        )
    with hold_run(folder), ThreadPoolExecutor(1) as reader, Workshop() as workshop:
        _keep_plan(plan, folder)
        shop = Shop.invent(folder, plan.world, plan.n_customers, plan.n_waves, plan.seed)
        figures: list[dict] = []
        reading: Future[dict] | None = None
        for number in range(1, plan.n_waves + 1):
            wave = Wave(shop, number, plan.params_file, workshop)
            started = time.monotonic()
            if not wave.is_played:
                shop.export(wave.as_of_date)
                wave.write_campaign()
                wave.decide_and_send(progress)
            if reading is not None:  # before anything is told of the new letters
                figures.append(reading.result())
                told(figures[-1])
            played = _take_in(wave)
            reading = reader.submit(_read_figures, played, progress, started)
        figures.append(reading.result())
        told(figures[-1])
        return _write_json(
            folder / "rehearsal.json", {"plan": _plan_fields(plan), "waves": figures}
        )


@dataclass(frozen=True)
class _Played:
    """A wave whose letters are out and answered, with what is true of it."""

    wave: Wave
    drawn: np.ndarray
    got: np.ndarray
    gains: np.ndarray
    effects: np.ndarray


def _take_in(wave: Wave) -> _Played:
    """Let readers act and orders come, and let the shop go on from there."""
    shop, delivered = wave.shop, wave.delivered()
    moment, drawn = wave.moment(), wave.drawn_arms()
    got = np.zeros(len(shop.customers), dtype=bool)
    got[delivered.customer] = True
    answers = answer(
        shop.world, shop.customers, moment, drawn, got, wave.campaign, shop.orders,
        shop.next_order_id, shop.seed,
    )  # fmt: skip
    before = shop.orders
    if not wave.is_played:
        _act_once(wave, delivered, answers, moment.sent_at)
    shop.take_in(answers, moment.sent_at)
    if not wave.is_played:
        shop.export(wave.last_date)
    gains = true_gains(
        before, shop.orders, answers, drawn, wave.campaign, moment, wave.first_second
    )
    effects = expected_effects(shop.world, shop.customers, moment, wave.campaign)
    return _Played(wave, drawn, got, gains, effects)


def _read_figures(
    played: _Played, progress: pipeline.Progress | None, started: float
) -> dict[str, object]:
    """Measure a wave, if that is still to do, and put its figures side by side."""
    wave = played.wave
    if wave.is_played:
        return json.loads(wave.figures_file.read_text(encoding="utf-8"))
    figures = _figures(played, wave.measure(progress))
    figures["seconds"] = round(time.monotonic() - started, 1)
    _write_json(wave.figures_file, figures)
    return figures


def _act_once(wave: Wave, delivered: Delivered, answers: Answers, sent_at: int) -> None:
    """Let readers act; broken off in the middle, a click may be noted twice, a wish never is."""
    mark = wave.truth / "acted.json"
    if not mark.exists():
        _write_json(mark, act_on_letters(wave.shop, delivered, answers, sent_at))


def _figures(played: _Played, measured: dict) -> dict:
    """Put side by side what 08 says, what is true, and what others would have earned."""
    wave, drawn, effects = played.wave, played.drawn, played.effects
    inside = np.flatnonzero(drawn >= 0)
    profiles = wave.frame("profiles", "03_tag").set_index("place").loc[inside].reset_index()
    values = wave.frame("value_scores", "04c_value").set_index("place")["clv"].reindex(inside)
    budget = int(wave.campaign.spending.capacities["email"])
    decided = wave.results("05_decide")
    return {
        "wave": wave.number,
        "as_of_date": wave.as_of_date,
        "mode": decided["mode"],
        "profit": float(effects[inside, drawn[inside]].sum()),
        "estimate": measured["incremental_profit"],
        "lower": measured["lower"],
        "upper": measured["upper"],
        "truth": float(played.gains[drawn > 0].sum()),
        **rival_profits(effects[inside], budget, profiles, values.fillna(0.0)),
        "verdict": measured["verdict"],
        "promotion": decided["promotion"],
        "n_experiment": len(inside),
        "n_messages": int((drawn > 0).sum()),
        "n_letters": int(played.got.sum()),
        "budget": budget,
        "n_by_kind": {
            kind: int(((drawn > 0) & (wave.shop.customers.kind == place)).sum())
            for place, kind in enumerate(KINDS)
        },
    }


def _keep_plan(plan: Plan, folder: Path) -> None:
    file = folder / "plan.json"
    fields = _plan_fields(plan)
    if not file.exists():
        _write_json(file, fields)
    elif (found := json.loads(file.read_text(encoding="utf-8"))) != fields:
        unlike = [name for name in fields if found.get(name) != fields[name]]
        raise ParameterError(
            f"Expected in {folder.name} the rehearsal that was begun there, found another "
            f"{unlike[0]}; give the same, or another --run-id."
        )


def _plan_fields(plan: Plan) -> dict:
    return json.loads(json.dumps(asdict(plan) | {"world": plan.world.model_dump()}))


def _write_json(file: Path, content: object) -> Path:
    """Write a file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}")
    draft.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(draft, file)
    return file
