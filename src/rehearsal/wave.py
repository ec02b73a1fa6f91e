"""One campaign of a rehearsal: the real notebooks, real letters, real clicks, and the truth."""

from dataclasses import dataclass
import datetime as dt
from functools import cached_property
from glob import escape
import json
from pathlib import Path
import shutil

import numpy as np
import pandas as pd
import yaml

from src import pipeline
from src.data.tables import STAGES
from src.decide.catalogue import Campaign, read_campaign
from src.errors import RehearsalError
from src.params import read_params
from src.rehearsal.baseline import DAY_SECONDS
from src.rehearsal.law import Moment
from src.rehearsal.letters import Delivered, deliver_letters, has_open, prepare_ledger, send_late
from src.rehearsal.rehearsed_shop import Shop
from src.rehearsal.shop import start_of
from src.root import PROJECT_ROOT
from src.run_record import RunRecord
from src.send.clock import run_clock
from src.stage import results_path, tables_path
from src.workshop import Workshop

__all__ = ["Wave"]

_MEASURED = STAGES[-1]
_LATER_HOURS = (5, 9)
"""After the campaign's time of sending: beyond the longest wait for another attempt, and again."""


class _Again:
    """Tells of stages that run again under a name of their own: the next wave runs beside them."""

    def __init__(self, progress: pipeline.Progress) -> None:
        self.progress = progress

    def stage_started(self, stage: str, n_cells: int) -> None:
        self.progress.stage_started(_again(stage), n_cells)

    def cell_started(self, stage: str, cell: int) -> None:
        self.progress.cell_started(_again(stage), cell)

    def stage_ended(self, stage: str, seconds: float, is_finished: bool) -> None:
        self.progress.stage_ended(_again(stage), seconds, is_finished)


def _again(stage: str) -> str:
    return f"{stage}, again"


@dataclass(frozen=True)
class Wave:
    """One campaign: when it is, and where its run and its truth lie.

    Parameters
    ----------
    shop : Shop
        As it stands before.
    number : int
        From 1.
    params_file : str
        What the user chose of the notebooks' parameters.
    workshop : Workshop
        Shared by all runs of the rehearsal.
    """

    shop: Shop
    number: int
    params_file: str
    workshop: Workshop

    @property
    def as_of_date(self) -> str:
        """The day on which it is decided."""
        first = dt.date.fromisoformat(self.shop.world.first_as_of)
        return str(first + dt.timedelta(days=(self.number - 1) * self.shop.world.wave_days))

    @property
    def last_date(self) -> str:
        """The last day of its window."""
        days = self.shop.world.wave_days
        return str(dt.date.fromisoformat(self.as_of_date) + dt.timedelta(days=days))

    @property
    def run(self) -> Path:
        """Folder of its run."""
        return self.shop.folder / f"wave-{self.number}"

    @property
    def truth(self) -> Path:
        """Folder of what only the rehearsal knows of it."""
        return self.shop.folder / "truth" / f"wave-{self.number}"

    @property
    def figures_file(self) -> Path:
        """What came of it."""
        return self.truth / "figures.json"

    @property
    def is_played(self) -> bool:
        """Whether it is over and measured."""
        return self.figures_file.exists()

    @cached_property
    def campaign(self) -> Campaign:
        """The user's campaign under the name of this wave, with the budget of the world."""
        return read_campaign(str(self._campaign_file))

    @property
    def _campaign_file(self) -> Path:
        return self.shop.folder / "campaigns" / f"wave_{self.number}.yaml"

    def write_campaign(self) -> None:
        """Write the campaign file that the notebooks read."""
        given = read_params(self.params_file).value("campaign")
        fields = yaml.safe_load((PROJECT_ROOT / given).read_text(encoding="utf-8"))
        capacity = int(self.shop.world.budget_share * self.shop.n_reachable)
        spending = fields.get("spending") or {}
        spending["capacities"] = spending.get("capacities", {}) | {"email": capacity}
        fields |= {"campaign_id": f"wave_{self.number}", "spending": spending}
        self._campaign_file.parent.mkdir(parents=True, exist_ok=True)
        self._campaign_file.write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")

    def decide_and_send(self, progress: pipeline.Progress | None) -> None:
        """Run 01 to 07, or what is left of them, with letters to a mail server of this machine."""
        done = RunRecord.read(self.run) if (self.run / "run.json").exists() else None
        left = [stage for stage in STAGES[:-1] if not (done and done.is_finished(stage))]
        if left and left[0] == STAGES[0]:
            shutil.rmtree(self.run, ignore_errors=True)
        with deliver_letters(self.shop, self.campaign, self.truth) as (letters, channel_file):
            if left:
                prepare_ledger(self.shop, self.campaign, letters)
                self._run(channel_file, left[0][:2], progress)
            self._end_letters(letters, channel_file, progress)

    def _end_letters(
        self, letters: Path, channel_file: Path, progress: pipeline.Progress | None
    ) -> None:
        """Bring every letter to an end; a sender that outlived a kill may have left some open."""
        morning = run_clock("campaign", self.as_of_date)()
        for hours in _LATER_HOURS:
            if not has_open(self.shop, self.campaign):
                return
            prepare_ledger(self.shop, self.campaign, letters)
            later = morning + dt.timedelta(hours=hours)
            send_late(self.shop, self.campaign, channel_file, lambda later=later: later)
            self._run(channel_file, "07", progress)
        if has_open(self.shop, self.campaign):
            raise RehearsalError(
                f"Expected every letter of {self.run.name} to come to an end, but some are still "
                f"open after {len(_LATER_HOURS)} more passes; is another process sending?"
            )

    def _run(self, channel_file: Path, first: str, progress: pipeline.Progress | None) -> None:
        overrides = self._overrides(channel_file)
        pipeline.run(
            self.params_file, str(self.run), overrides, first, "07", progress, self.workshop
        )

    def delivered(self) -> Delivered:
        """Read which letters lie in mailboxes."""
        return Delivered.read(self.shop, self.campaign, self.truth)

    def measure(self, progress: pipeline.Progress | None) -> dict[str, object]:
        """Bring in what has happened, and read what 08 says."""
        pipeline.measure(str(self.run), _Again(progress) if progress else None, self.workshop)
        return json.loads(results_path(self.run, _MEASURED).read_text(encoding="utf-8"))

    def results(self, stage: str) -> dict[str, object]:
        """Read the recorded numbers of a stage."""
        return json.loads(results_path(self.run, stage).read_text(encoding="utf-8"))

    def frame(self, table: str, stage: str) -> pd.DataFrame:
        """Read a table of the run, with the place of each customer among those of the shop."""
        frame = pd.read_parquet(tables_path(self.run, stage) / table)
        return frame.assign(place=self.shop.place_of(frame["customer_id"]))

    def _overrides(self, channel_file: Path) -> list[str]:
        shop, readings = self.shop, f"wave-*/results/{_MEASURED}.json"
        values = {
            "run.as_of_date": self.as_of_date,
            "run.campaign": self._campaign_file,
            "run.ledger_url": shop.ledger_url,
            "run.outcome_days": shop.world.wave_days,
            "01_ingest.source": shop.source_file,
            "01_ingest.raw_dir": shop.folder / "raw" / self.run.name,
            "01_ingest.consent_date": start_of(shop.world),
            "07_send.mode": "rehearsal",
            "07_send.channel_file": channel_file,
            "08_measure.mode": "rehearsal",
            "08_measure.past_results": f"{escape(str(shop.folder))}/{readings}",
        }
        if self.number > 1:
            earlier = shop.folder / f"wave-{self.number - 1}"
            values |= {"05_decide.previous_run": earlier, "03_tag.previous_run": earlier}
        # as JSON, which is YAML too: no sign of a path is read as anything else
        return [f"{name}={json.dumps(value, default=str)}" for name, value in values.items()]

    def moment(self) -> Moment:
        """Give what is so when the letters go out."""
        shop = self.shop
        morning = run_clock("campaign", self.as_of_date)()
        sent_at = self.first_second + 3600 * morning.hour
        values = self.frame("value_scores", "04c_value")
        lost = np.zeros(len(shop.customers))
        lost[values["place"]] = values["clv"].fillna(0.0).clip(lower=0.0)
        lost *= self.campaign.lost_value_share
        return Moment(
            sent_at=sent_at,
            ends_at=self.first_second + shop.world.wave_days * DAY_SECONDS,
            n_recent=shop.recent_messages(sent_at),
            value_lost=lost,
            may_be_written=~shop.customers.is_dead & shop.customers.has_consent,
        )

    @property
    def first_second(self) -> int:
        """Opening of the window, the day after the as-of date."""
        day = (dt.date.fromisoformat(self.as_of_date) - start_of(self.shop.world)).days + 1
        return day * DAY_SECONDS

    def drawn_arms(self) -> np.ndarray:
        """Place of each customer's arm, control 0; -1 for who is not of the experiment."""
        decisions = self.frame("decisions", "05_decide")
        arms = pd.Index(self.campaign.arms).get_indexer(decisions["action"])
        drawn = np.full(len(self.shop.customers), -1)
        drawn[decisions["place"]] = arms
        return drawn
