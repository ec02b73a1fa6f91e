"""What several runs in one process share: forked kernels, and the telling of MLflow."""

from pathlib import Path

from src.kernels import Forge
from src.root import PROJECT_ROOT
from src.tracking import Tracker

__all__ = ["Workshop"]


class Workshop:
    """What runs can share: the forge of their kernels, and the processes that tell MLflow.

    A context manager; at its end it waits until MLflow knows of every run.
    """

    def __init__(self) -> None:
        self.forge = Forge(PROJECT_ROOT)
        self._trackers: list[Tracker] = []

    def track(self, run: Path) -> Tracker:
        """Start to tell MLflow of a run."""
        self._trackers.append(Tracker(run))
        return self._trackers[-1]

    def __enter__(self) -> "Workshop":
        return self

    def __exit__(self, *exception: object) -> None:
        self.forge.close()
        for tracker in self._trackers:
            tracker.close()
