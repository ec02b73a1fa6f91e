"""The ledger of a run, opened by the run's name: what the commands share."""

from pathlib import Path

from src.errors import ParameterError
from src.ledger import Ledger, open_ledger
from src.params import read_params
from src.root import PROJECT_ROOT
from src.run_record import RunRecord

__all__ = ["open_run_ledger"]


def open_run_ledger(run_id: str) -> Ledger:
    """Open the ledger that a run's parameters name.

    Raises
    ------
    ParameterError
        If the name is no plain name below runs/.
    """
    if Path(run_id).name != run_id:
        raise ParameterError(f"Expected a plain name below runs/, found {run_id!r}; give one.")
    path = RunRecord.read(PROJECT_ROOT / "runs" / run_id).run.resolve()
    return open_ledger(path, read_params(str(path / "params.yaml")).stages["07_send"]["ledger_url"])
