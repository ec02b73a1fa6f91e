"""Loads of one origin: each a folder of Parquet files that comes into place by one rename."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import fcntl
import hashlib
import os
from pathlib import Path
import shutil

import pyarrow.parquet as pq

from src.errors import RunLockedError
from src.sources.landed import Landed
from src.sources.uniform import make_uniform

__all__ = ["LoadFolder", "fsync_folder", "open_loads"]

_LOADS, _WORK, _IDENTITY = "loads", "work", "origin"


@dataclass(frozen=True)
class LoadFolder:
    """Folder of one origin, held by this process alone.

    What is in ``loads`` is complete and counts; what is in ``work`` is thrown away. There is
    no other record: a process that is killed leaves a load either in place or not there.

    Parameters
    ----------
    folder : Path
        Of the origin.
    identity : str
        What the origin asks for; loads of another question do not count, and go when the
        first answer to this one is in place.
    """

    folder: Path
    identity: str

    @property
    def work(self) -> Path:
        """Where the next load is prepared; empty at the start."""
        return self.folder / _WORK

    def loads(self) -> list[Path]:
        """Folders of the complete loads, oldest first."""
        return [load for load in self._all() if (load / _IDENTITY).read_text() == self.identity]

    def _all(self) -> list[Path]:
        return sorted((self.folder / _LOADS).glob("[0-9]*"))

    def files(self) -> list[Path]:
        """Parquet files of the complete loads, in the order in which they came."""
        return [file for load in self.loads() for file in sorted(load.glob("*.parquet"))]

    def publish(self, prepared: Path, replaces: bool) -> None:
        """Put a prepared load into place: all of it at once, or nothing.

        Parameters
        ----------
        prepared : Path
            Folder inside `work` with the files of the load.
        replaces : bool
            Whether the load holds all rows, so that earlier ones are of no use any more.
        """
        earlier = self._all()
        number = int(earlier[-1].name.partition("-")[0]) + 1 if earlier else 1
        name = f"{number:06d}" if self.loads() and not replaces else f"{number:06d}-all"
        (prepared / _IDENTITY).write_text(self.identity)
        for file in prepared.rglob("*"):
            if file.is_file():
                _fsync(file)
        fsync_folder(prepared)
        os.rename(prepared, self.folder / _LOADS / name)
        fsync_folder(self.folder / _LOADS)
        _remove_replaced(self._all())

    def landed(
        self,
        name: str,
        location: str,
        n_read: int,
        key: tuple[str, ...] = (),
        deleted: str | None = None,
    ) -> Landed:
        """Describe the complete loads; their files are given one schema first."""
        files = self.files()
        schema = make_uniform(files, self.work)
        return Landed(
            name=name,
            location=location,
            files=tuple(files),
            schema=schema,
            n_rows=sum(pq.read_metadata(file).num_rows for file in files),
            n_bytes=sum(file.stat().st_size for file in files),
            sha256=_digest(files),
            n_read=n_read,
            key=key,
            deleted=deleted,
        )


@contextmanager
def open_loads(folder: Path, identity: str) -> Iterator[LoadFolder]:
    """Hold the folder of one origin, and clear away what an interrupted landing left.

    Parameters
    ----------
    folder : Path
        Of the origin; made if it is not there, for this user alone.
    identity : str
        What the origin asks for, such as its table and cursor.

    Raises
    ------
    RunLockedError
        If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunLockedError(
                f"Expected to be alone at the landed data of {folder.parent.name}/{folder.name}, "
                "found another process that fetches it; wait until that has ended."
            ) from None
        (folder / _LOADS).mkdir(exist_ok=True)
        _remove_replaced(sorted((folder / _LOADS).glob("[0-9]*")))
        shutil.rmtree(folder / _WORK, ignore_errors=True)
        (folder / _WORK).mkdir()
        try:
            yield LoadFolder(folder, hashlib.sha256(identity.encode()).hexdigest())
        finally:
            shutil.rmtree(folder / _WORK, ignore_errors=True)


def fsync_folder(folder: Path) -> None:
    """See to it that what was renamed in a folder stays so after a loss of power."""
    _fsync(folder)


def _remove_replaced(loads: list[Path]) -> None:
    """Remove the loads before the last one that holds all rows."""
    whole = [number for number, load in enumerate(loads) if load.name.endswith("-all")]
    for load in loads[: whole[-1]] if whole else []:
        shutil.rmtree(load)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()
