"""Which earlier run a run may go on from."""

import json
from pathlib import Path

import yaml

from src.errors import ParameterError, StageOrderError

__all__ = ["check_earlier"]


def check_earlier(previous_run: str, earlier: Path, run: Path) -> None:
    """Refuse a run that this one cannot go on from, as far as both are recorded.

    Parameters
    ----------
    previous_run : str
        The earlier run, as it was named.
    earlier, run : Path
        Folders of both.

    Raises
    ------
    StageOrderError
        If both are one.
    ParameterError
        If the earlier is as of a later date, or of another source.
    """
    if earlier == run:
        raise StageOrderError(
            f"Expected another run than this one as previous_run, found {previous_run}; name an "
            "earlier run, or leave it empty the first time."
        )
    (date, source), (earlier_date, earlier_source) = (_origin(path) for path in (run, earlier))
    if date and earlier_date and earlier_date > date:
        raise ParameterError(
            f"Expected an earlier run as of {date} or before, but {previous_run} is as of "
            f"{earlier_date}; name an older run as previous_run, or leave it empty."
        )
    if source and earlier_source and earlier_source != source:
        raise ParameterError(
            f"Expected an earlier run of {source}, but {previous_run} is of {earlier_source}; name "
            "a run of the same shop as previous_run, or leave it empty."
        )


def _origin(run: Path) -> tuple[str, str]:
    """As-of date and source of a run, each empty where it is not recorded."""
    record, params = run / "run.json", run / "params.yaml"
    recorded = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    blocks = yaml.safe_load(params.read_text(encoding="utf-8")) if params.is_file() else {}
    return recorded.get("as_of_date", ""), blocks.get("01_ingest", {}).get("source", "")
