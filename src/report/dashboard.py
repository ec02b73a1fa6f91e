"""Every campaign on one page: what all of them earned, what each did, and how the list is doing."""

import base64
from dataclasses import dataclass
import hashlib
import json
import math
import os
from pathlib import Path
from statistics import NormalDist
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from src.errors import ParameterError
from src.report.card import SCHEMA, build_card
from src.report.words import format_day, format_number

__all__ = ["Campaign", "Total", "add_up", "build_dashboard", "read_campaigns"]

_TEMPLATES = Path(__file__).parent / "templates"
_LEVEL = 0.95
_KINDS = {"gain": "gain", "loss": "loss", "cannot tell": "open"}
_WORDS = {"gain": "gain", "loss": "loss", "open": "cannot tell", "none": "not measured"}


@dataclass(frozen=True)
class Campaign:
    """One reading of one campaign, as the page shows it.

    Parameters
    ----------
    run_id, name, as_of, channel, next_step : str
    kind : str
        ``gain``, ``loss``, ``open`` or ``none``.
    is_live : bool
        Whether messages went out; only then its profit is added up.
    profit, error : float
        Incremental profit and its standard error; NaN if not known.
    spend : float
        Messages and discounts; NaN if not known.
    n_treated, n_control, n_holdout, n_sent, n_failed, n_unsubscribed, n_complained : int
    """

    run_id: str
    name: str
    as_of: str
    channel: str
    next_step: str
    kind: str
    is_live: bool
    profit: float
    error: float
    spend: float
    n_treated: int
    n_control: int
    n_holdout: int
    n_sent: int
    n_failed: int
    n_unsubscribed: int
    n_complained: int

    @property
    def is_known(self) -> bool:
        """Whether there is an estimate with an interval."""
        return math.isfinite(self.profit) and math.isfinite(self.error)

    @property
    def words(self) -> str:
        """Verdict in words."""
        return _WORDS[self.kind]


@dataclass(frozen=True)
class Total:
    """Incremental profit of several campaigns together, 95 % interval."""

    profit: float
    lower: float
    upper: float
    n: int


def read_campaigns(runs: Path) -> tuple[list[Campaign], list[str]]:
    """Read the runs of a folder; of a campaign that several measured, the last reading counts.

    Parameters
    ----------
    runs : Path
        Folder of runs; what is no run is passed over, links too.

    Returns
    -------
    campaigns : list of Campaign
        In the order of their as-of dates.
    unread : list of str
        Runs whose record cannot be read.
    """
    found: dict[tuple[str, str], tuple[str, Campaign]] = {}
    unread = []
    for run in sorted(runs.iterdir()) if runs.is_dir() else []:
        if run.is_symlink() or run.name.startswith(".") or not (run / "run.json").is_file():
            continue
        try:
            card = _read_card(run)
            campaign = _campaign(run.name, card)
        except (ParameterError, OSError, ValueError, TypeError, AttributeError, KeyError):
            unread.append(run.name)
            continue
        key = (campaign.name, campaign.as_of)
        ended = str(card.get("ended_at") or "")
        if key not in found or found[key][0] <= ended:
            found[key] = ended, campaign
    campaigns = sorted((one for _, one in found.values()), key=lambda one: (one.as_of, one.run_id))
    return campaigns, unread


def add_up(campaigns: list[Campaign]) -> Total:
    r"""Add the profits of campaigns that really went out.

    .. math:: \sum \hat\tau_k \pm z \sqrt{\sum s_k^2}

    Their draws are independent of each other, so their variances add, whoever was in both.
    """
    counted = [one for one in campaigns if one.is_live and one.is_known]
    profit = math.fsum(one.profit for one in counted)
    error = math.sqrt(math.fsum(one.error**2 for one in counted))
    half = NormalDist().inv_cdf((1 + _LEVEL) / 2) * error
    return Total(profit, profit - half, profit + half, len(counted))


def build_dashboard(runs: Path) -> Path:
    """Write the page of all campaigns; links lead to the cards of their runs.

    Parameters
    ----------
    runs : Path
        Folder of runs.

    Returns
    -------
    Path
        ``<runs>/index.html``, written in one piece.

    Raises
    ------
    ParameterError
        If there is no such folder.
    """
    if not runs.is_dir():
        raise ParameterError(
            f"Expected a folder of runs at {runs}, found none; run `campanile run PARAMS` first."
        )
    campaigns, unread = read_campaigns(runs)
    page, draft = runs / "index.html", runs / f".index-{os.getpid()}.html"
    draft.write_text(_render(runs, campaigns, unread), encoding="utf-8")
    draft.replace(page)
    return page


def _render(runs: Path, campaigns: list[Campaign], unread: list[str]) -> str:
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (_TEMPLATES / "dashboard.js").read_text(encoding="utf-8")
    total = add_up(campaigns)
    return templates.get_template("dashboard.html.j2").render(
        style=(_TEMPLATES / "report.css").read_text(encoding="utf-8"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        format_number=format_number,
        format_day=format_day,
        is_finite=math.isfinite,
        campaigns=campaigns[::-1],
        unread=unread,
        total=total,
        headline=_headline(total, campaigns),
        growth=_growth(campaigns),
        health=_health(campaigns),
        channels=sorted({one.channel for one in campaigns if one.channel}),
        has_card={
            one.run_id: (runs / one.run_id / "report" / "card.html").is_file() for one in campaigns
        },
    )


def _read_card(run: Path) -> dict[str, Any]:
    """Take the card that lies there, if the run did not go on since."""
    path = run / "card.json"
    if path.is_file() and path.stat().st_mtime >= (run / "run.json").stat().st_mtime:
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(card, dict) and card.get("schema") == SCHEMA:
                return card
        except ValueError:
            pass
    return build_card(run)


def _campaign(run_id: str, card: dict[str, Any]) -> Campaign:
    profit, delivery, named = card["profit"], card["delivery"], card["campaign"]
    guards = {row["name"]: row["treated"] for row in card["guardrails"]}
    level, lower, upper = (profit.get(name) for name in ("level", "lower", "upper"))
    error = math.nan
    if None not in (level, lower, upper):
        error = (upper - lower) / (2 * NormalDist().inv_cdf((1 + level) / 2))
    return Campaign(
        run_id=run_id,
        name=str(named["campaign_id"] or "no campaign measured"),
        as_of=str(named["as_of_date"] or ""),
        channel=str(named["channel"] or ""),
        next_step=str(card["next_step"]),
        kind=_KINDS.get(str(card["verdict"]["verdict"]), "none"),
        is_live=named["mode"] == "live",
        profit=_number(profit.get("incremental_profit")),
        error=error,
        spend=_number(card["second_lines"].get("spend_value")),
        n_treated=_count(profit.get("n_treated")),
        n_control=_count(profit.get("n_control")),
        n_holdout=_count(card["design"].get("n_holdout")),
        n_sent=_count(delivery.get("n_sent")),
        n_failed=_count(delivery.get("n_failed")),
        n_unsubscribed=_count(guards.get("unsubscribed")),
        n_complained=_count(guards.get("complained")),
    )


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _count(value: Any) -> int:
    return 0 if value is None else int(value)


def _headline(total: Total, campaigns: list[Campaign]) -> str:
    """Answer in one sentence for somebody who has a minute."""
    n_dry = sum(not one.is_live for one in campaigns)
    runs = "dry run is" if n_dry == 1 else "dry runs are"
    dry = f" {n_dry:,} {runs} listed below and not counted." if n_dry else ""
    if not campaigns:
        return "No campaign has been run yet."
    if total.n == 0:
        return f"No campaign that went out has been measured yet.{dry}"
    what = "campaign" if total.n == 1 else "campaigns"
    between = f"{format_number('lower', total.lower)} and {format_number('upper', total.upper)}"
    if total.lower > 0:
        text = f"earned {format_number('profit', total.profit)} more than writing to nobody"
    elif total.upper < 0:
        text = f"cost {format_number('profit', -total.profit)} more than they brought"
    else:
        text = "may have earned something or nothing"
    text = f"{total.n:,} measured {what} {text}"
    return f"{text}; the truth lies between {between} (95 % interval).{dry}"


_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 900.0, 240.0, 70.0, 26.0, 14.0


def _growth(campaigns: list[Campaign]) -> dict[str, Any] | None:
    """Lay out the drawing of the profit that has been added up, campaign by campaign."""
    counted = [one for one in campaigns if one.is_live and one.is_known]
    if len(counted) < 2:
        return None
    totals = [add_up(counted[: k + 1]) for k in range(len(counted))]
    low = min(0.0, *(one.lower for one in totals))
    high = max(0.0, *(one.upper for one in totals))
    span = high - low or 1.0

    def x(k: int) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - 8) * k / (len(totals) - 1), 1)

    def y(value: float) -> float:
        return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / span, 1)

    forth = [f"{x(k)},{y(one.upper)}" for k, one in enumerate(totals)]
    back = [f"{x(k)},{y(one.lower)}" for k, one in reversed(list(enumerate(totals)))]
    return {
        "band": " ".join(forth + back),
        "line": " ".join(f"{x(k)},{y(one.profit)}" for k, one in enumerate(totals)),
        "zero": y(0.0),
        "marks": [(y(value), f"{value:,.0f}") for value in sorted({low, 0.0, high})],
        "days": [(x(0), "start", counted[0].as_of), (x(len(totals) - 1), "end", counted[-1].as_of)],
        "summary": (
            f"Cumulative incremental profit over {len(totals)} campaigns: "
            f"{format_number('profit', totals[-1].profit)}, from "
            f"{format_number('profit', totals[-1].lower)} to "
            f"{format_number('profit', totals[-1].upper)}"
        ),
    }


def _health(campaigns: list[Campaign]) -> list[tuple[str, str, str]]:
    """Say how the list is doing, over all campaigns that went out."""
    live = [one for one in campaigns if one.is_live]
    n_sent = sum(one.n_sent for one in live)
    n_tried = n_sent + sum(one.n_failed for one in live)
    spend = math.fsum(one.spend for one in live if math.isfinite(one.spend))
    holdout = next((one.n_holdout for one in reversed(live)), 0)

    def part(n: int, of: int) -> str:
        return f"{n / of:.2%} of {of:,}" if of else "nothing sent"

    left = sum(one.n_unsubscribed for one in live)
    complained = sum(one.n_complained for one in live)
    failed = sum(one.n_failed for one in live)
    return [
        ("Spent", format_number("spend_value", spend), "messages and discounts"),
        ("Held out", f"{holdout:,}", "never written to, in the last campaign"),
        ("Messages sent", f"{n_sent:,}", f"in {len(live):,} campaigns"),
        ("Opted out", f"{left:,}", part(left, n_sent)),
        ("Complained", f"{complained:,}", part(complained, n_sent)),
        ("Not delivered", f"{failed:,}", part(failed, n_tried)),
    ]
