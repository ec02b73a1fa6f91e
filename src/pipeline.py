"""Run the notebooks in order for one params file; publish each stage whole or not at all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, field
import datetime as dt
from itertools import groupby
import json
import logging
import os
from pathlib import Path
import shutil
import threading
import time
from typing import Protocol

from src.data.tables import STAGES
from src.engine import check_engine
from src.errors import MarketingError, ParameterError, StageOrderError
from src.kernels import Forge
from src.params import Params, notebook_path, read_params, write_params
from src.root import PROJECT_ROOT
from src.run_record import RunRecord, hold_run
from src.stage import HELD_RUN_VARIABLE, publish, run_path, staging_path
from src.tracking import Tracker
from src.workshop import Workshop

__all__ = [
    "Progress",
    "StageFailedError",
    "measure",
    "new_run_id",
    "prepare",
    "resume",
    "run",
    "stage_numbers",
]

logger = logging.getLogger(__name__)


class StageFailedError(MarketingError, RuntimeError):
    """A notebook stopped at a cell."""


class Progress(Protocol):
    """Who is told how a run goes on."""

    def stage_started(self, stage: str, n_cells: int) -> None:
        """Say that a notebook starts."""

    def cell_started(self, stage: str, cell: int) -> None:
        """Say that it has come to a cell."""

    def stage_ended(self, stage: str, seconds: float, is_finished: bool) -> None:
        """Say that it has ended."""


@dataclass(frozen=True)
class _Job:
    """What one execution of a notebook needs."""

    run: Path
    forge: Forge
    params: Params
    progress: Progress | None
    pids: list[int] = field(default_factory=list)

    def stop(self) -> None:
        """Kill what still runs of it; other runs may share the forge."""
        self.forge.kill(self.pids)

    def tell(self, what: str, *values: object) -> None:
        if self.progress is not None:
            getattr(self.progress, what)(*values)


def run(
    params_file: str,
    run_dir: str,
    overrides: list[str] | None = None,
    first: str = "01",
    last: str = "08",
    progress: Progress | None = None,
    workshop: Workshop | None = None,
) -> Path:
    """Run the stages from `first` to `last`.

    Parameters
    ----------
    params_file : str
        YAML file with what this run chooses.
    run_dir : str
        Folder of the run; new, unless `first` is after 01.
    overrides : list of str, optional
        ``"<block>.<name>=<value>"`` each.
    first, last : str
        Stage numbers such as ``"04"`` or ``"04b"``. Starting after 01 uses the earlier
        stages of that run and drops the later ones.
    progress : Progress, optional
        Who is told how it goes.
    workshop : Workshop, optional
        Shared with other runs; without, one for this run alone.

    Returns
    -------
    Path
        Folder of the run.

    Raises
    ------
    ParameterError
        If anything is wrong with params, sources or the campaign: before anything starts.
    RunLockedError
        If another process holds the run.
    StageFailedError
        If a notebook stops; what finished before stays, and `resume` goes on from there.
    """
    params = read_params(params_file, overrides)
    prepare(params)
    stages = _between(first, last)
    path = run_path(run_dir)
    is_fresh = stages[0] == STAGES[0]
    if is_fresh and (path / "run.json").exists():
        raise ParameterError(
            f"Expected a new run, but {path.name} exists; choose another --run-id, resume it, or "
            "give --from."
        )
    if not is_fresh:
        _check_earlier(RunRecord.read(path), stages[0])
    with hold_run(path):
        if is_fresh:
            record = RunRecord.create(
                path, params_file, params.value("as_of_date"), params.value("seed")
            )
        else:
            record = RunRecord.read(path)
            for stage in STAGES[STAGES.index(stages[0]) :]:
                if stage[:2] > stages[0][:2] or stage in stages:
                    record.drop_stage(stage)
            record.go_on()
        write_params(params, path / "params.yaml")
        _execute(record, params, stages, progress, workshop)
    return path


def resume(run_dir: str, progress: Progress | None = None) -> Path:
    """Go on after the last finished stage, with the parameters the run was started with."""
    path = run_path(run_dir)
    RunRecord.read(path)
    with hold_run(path):
        record = RunRecord.read(path)
        params = read_params(str(path / "params.yaml"))
        prepare(params)
        record.go_on()
        _execute(record, params, [s for s in STAGES if not record.is_finished(s)], progress)
    return path


def measure(
    run_dir: str, progress: Progress | None = None, workshop: Workshop | None = None
) -> Path:
    """Bring in what has happened since, and measure again; what was decided and sent stays.

    Orders, returns and opt-outs that came later than the run are taken in by 01 and 02; 08 then
    says what they changed. Each of the three replaces what it wrote before once it has ended:
    broken off, the earlier reading stands, and this can be done again.

    Parameters
    ----------
    run_dir : str
        Folder of a run that was sent.
    progress : Progress, optional
        Who is told how it goes.
    workshop : Workshop, optional
        Shared with other runs; without, one for this reading alone.

    Raises
    ------
    StageOrderError
        If a stage before 08 is not finished, or its tables have changed since.
    """
    path = run_path(run_dir)
    _check_earlier(RunRecord.read(path), STAGES[-1][:2])
    with hold_run(path):
        record = RunRecord.read(path)
        params = read_params(str(path / "params.yaml"))
        prepare(params)
        stages = [*STAGES[:2], STAGES[-1]]
        for stage in stages:
            shutil.rmtree(staging_path(path, stage), ignore_errors=True)
        record.start_again(stages)
        _execute(record, params, stages, progress, workshop)
    return path


def prepare(params: Params) -> None:
    """Check every file and place that the parameters name, so that nothing starts in vain."""
    from src.campaign.templates import load_arms
    from src.decide.catalogue import read_campaign
    from src.features.rules import read_rule
    from src.features.tags import read_tag_rules, rule_columns
    from src.sources.mapping import check_source

    check_source(params.value("source"))
    campaign = read_campaign(params.value("campaign"))
    load_arms(campaign)
    if campaign.audience.rule:
        read_rule(campaign.audience.rule, rule_columns())
    read_tag_rules(params.value("tag_rules"))
    for block in params.stages.values():
        if "engine" in block:
            check_engine(block["engine"], block["spark_master"])
    if params.value("publish"):
        from src.publish import check_publish

        check_publish(params.value("publish"))


def new_run_id(params_file: str) -> str:
    """Name a run after its params file and the time."""
    return f"{Path(params_file).stem}-{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}"


def stage_numbers() -> list[str]:
    """Numbers that name a stage: 01 … 04a … 08."""
    return [stage.split("_")[0] for stage in STAGES]


def _between(first: str, last: str) -> list[str]:
    numbers = stage_numbers()
    for number in (first, last):
        if not any(known.startswith(number) for known in numbers) or len(number) < 2:
            raise ParameterError(f"Expected a stage among {numbers} (or 04), found {number!r}.")
    start = next(i for i, known in enumerate(numbers) if known.startswith(first))
    stop = max(i for i, known in enumerate(numbers) if known.startswith(last))
    if start > stop:
        raise ParameterError(f"Expected --from before --to, found {first} after {last}.")
    return list(STAGES[start : stop + 1])


def _check_earlier(record: RunRecord, first: str) -> None:
    missing = [s for s in STAGES if s[:2] < first[:2] and not record.is_finished(s)]
    if missing:
        raise StageOrderError(
            f"Expected the stages before {first} to be finished in {record.run.name}, but "
            f"{missing} are not; start at {missing[0][:2]}."
        )


def _execute(
    record: RunRecord,
    params: Params,
    stages: list[str],
    progress: Progress | None,
    workshop: Workshop | None = None,
) -> None:
    with nullcontext(workshop) if workshop else Workshop() as shared:
        tracker = shared.track(record.run)
        try:
            job = _Job(record.run, shared.forge, params, progress)
            for _, group in groupby(stages, key=lambda stage: stage[:2]):
                _execute_group(record, job, list(group), tracker)
            record.end("finished")
        except StageFailedError:
            record.end("failed")
            raise
        except BaseException:
            record.end("interrupted")
            raise
        finally:
            _build_report(record.run)
            tracker.run_ended()
    _point_latest(record.run)


def _execute_group(record: RunRecord, job: _Job, group: list[str], tracker: Tracker) -> None:
    """Run independent notebooks side by side; publish each as it ends."""
    n_workers = min(len(group), os.cpu_count() or 1)
    failure: StageFailedError | None = None
    with ThreadPoolExecutor(n_workers) as pool:
        futures = {pool.submit(_execute_stage, job, stage): stage for stage in group}
        try:
            for future in as_completed(futures):
                stage = futures[future]
                try:
                    started_at, seconds = future.result()
                except StageFailedError as error:
                    record.fail_stage(stage, str(error))
                    failure = failure or error
                    continue
                publish(record.run, stage)
                record.finish_stage(stage, started_at, seconds)
                tracker.stage_finished(stage)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            job.stop()
            raise
    if failure is not None:
        raise failure


def _execute_stage(job: _Job, stage: str) -> tuple[str, float]:
    """Execute one notebook into the staging folder; return its start and its seconds."""
    from nbclient.exceptions import DeadKernelError
    import papermill

    started_at, start = dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), time.monotonic()
    draft = staging_path(job.run, stage) / "notebook.ipynb"
    draft.parent.mkdir(parents=True, exist_ok=True)
    is_finished = False
    try:
        papermill.execute_notebook(
            notebook_path(stage),
            draft,
            parameters={"run_dir": _from_root(job.run), **job.params.stages[stage]},
            kernel_name="python3",
            progress_bar=False,
            request_save_on_cell_execute=False,
            kernel_manager_class=job.forge.manager_class(
                PROJECT_ROOT / "notebooks", {HELD_RUN_VARIABLE: str(job.run)}, job.pids
            ),
            **_cell_hooks(job, stage),
        )
        _forget_paths(draft, stage)
        is_finished = True
    except papermill.PapermillExecutionError as error:
        _forget_paths(draft, stage)
        _keep_failed(job.run, stage, draft)
        raise StageFailedError(
            f"{stage} stopped at cell {error.exec_count}: {error.ename}: {error.evalue} "
            f"See failed/{stage}.ipynb in the run, mend the cause, then resume."
        ) from None
    except DeadKernelError:
        raise StageFailedError(
            f"{stage} stopped: its kernel was killed, or crashed, as happens where memory runs "
            "out; see to that, then resume."
        ) from None
    finally:
        seconds = time.monotonic() - start
        job.tell("stage_ended", stage, seconds, is_finished)
    return started_at, seconds


def _from_root(run: Path) -> str:
    """Name a run as short as possible: an executed notebook shows it."""
    return str(run.relative_to(PROJECT_ROOT) if run.is_relative_to(PROJECT_ROOT) else run)


def _cell_hooks(job: _Job, stage: str) -> dict[str, Callable[..., None]]:
    def on_notebook_start(notebook: object) -> None:
        job.tell("stage_started", stage, len(notebook.cells))

    def on_cell_start(cell: object, cell_index: int) -> None:
        job.tell("cell_started", stage, cell_index)

    return {"on_notebook_start": on_notebook_start, "on_cell_start": on_cell_start}


def _forget_paths(notebook: Path, stage: str) -> None:
    """Take this machine's folders, which papermill notes, out of an executed notebook."""
    book = json.loads(notebook.read_text(encoding="utf-8"))
    book["metadata"]["papermill"] |= {"input_path": f"{stage}.ipynb", "output_path": None}
    notebook.write_text(json.dumps(book, indent=1, ensure_ascii=False), encoding="utf-8")


def _keep_failed(run: Path, stage: str, draft: Path) -> None:
    target = run / "failed" / f"{stage}.ipynb"
    target.parent.mkdir(exist_ok=True)
    os.replace(draft, target)


def _build_report(run: Path) -> None:
    """Write what can be read; a report that fails must not hide how the run ended."""
    from src.report import build_report

    try:
        build_report(run)
    except Exception:
        logger.exception("The report of %s could not be written.", run.name)


def _point_latest(run: Path) -> None:
    """Let `runs/latest` point at a finished run, by one rename."""
    link = run.parent / "latest"
    draft = run.parent / f".latest-{os.getpid()}-{threading.get_ident()}"
    draft.unlink(missing_ok=True)
    draft.symlink_to(run.name)
    os.replace(draft, link)
