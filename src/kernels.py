"""Notebook kernels that start at once: one process imports the libraries, then forks.

A stock kernel spends some ten seconds on imports, and a run needs twelve. Here one *forge*
process imports them once; every kernel is a fork of it. The forge and its kernels form one
process group that ends when the runner ends, however it ends: on Linux the kernel of the
system sees to it at once, elsewhere the forge reads a pipe of which only the runner holds
the other end, and each notebook kernel looks for its parent every second.
"""

from contextlib import suppress
import ctypes
import importlib
import json
import os
from pathlib import Path
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from typing import Any
import uuid

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

__all__ = ["EVERYWHERE", "LATER", "Forge"]

EVERYWHERE = (
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "duckdb",
    "ibis",
    "ibis.backends.duckdb",
    "matplotlib.pyplot",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "pydantic",
    "yaml",
)
"""What every notebook imports: loaded before the first kernel."""

LATER = (
    "sqlalchemy.dialects.sqlite",
    "alembic.command",
    "cryptography.hazmat.primitives.ciphers.aead",
    "scipy.special",
    "scipy.optimize",
    "scipy.sparse",
    "scipy.stats",
    "sklearn.preprocessing",
    "sklearn.linear_model",
    "sklearn.cluster",
    "sklearn.metrics",
    "sklearn.calibration",
    "sklearn.isotonic",
    "lightgbm",
    "jinja2.sandbox",
)
"""What the models import: loaded while the first notebooks run."""

_ENVIRONMENT = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # read when pyplot is imported
    "OPENBLAS_NUM_THREADS": "1",  # a pool of threads would not survive the fork
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Forge:
    """The process that forks kernels; a context manager that leaves none behind.

    Parameters
    ----------
    root : Path
        Folder from which `src` can be imported.
    first, later : tuple of str
        Modules imported before the first kernel, and whenever nothing is asked.
    """

    def __init__(
        self,
        root: Path,
        first: tuple[str, ...] = EVERYWHERE,
        later: tuple[str, ...] = LATER,
    ) -> None:
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair()
        self._stream = ours.makefile("rwb")
        ours.close()
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter and module
            [
                sys.executable,
                "-m",
                "src.kernels",
                str(os.getpid()),
                str(theirs.fileno()),
                *map(",".join, (first, later)),
            ],
            pass_fds=[theirs.fileno()],
            cwd=root,
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()

    def __enter__(self) -> "Forge":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the forge and every kernel."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()

    def manager_class(
        self, cwd: Path, environment: dict[str, str], pids: list[int] | None = None
    ) -> type[AsyncKernelManager]:
        """Make the kernel manager that papermill is to use: its kernels come from this forge.

        Parameters
        ----------
        cwd : Path
            Folder in which they start.
        environment : dict of str
            Added to the forge's.
        pids : list of int, optional
            The number of every kernel is added to it, for `kill`.
        """
        return type(
            "ForgedKernelManager",
            (_ForgedKernelManager,),
            {
                "forge": self,
                "kernel_cwd": str(cwd),
                "kernel_environment": environment,
                "kernel_pids": [] if pids is None else pids,
            },
        )

    def kill(self, pids: list[int]) -> None:
        """Kill some of its kernels, if they still run; others are left alone."""
        with suppress(RuntimeError):  # it has ended, and all kernels with it
            for pid in pids:
                self.ask(do="kill", pid=pid)

    def ask(self, **request: Any) -> Any:
        """Send one request to the forge and wait for its answer."""
        with self._lock:
            try:
                self._stream.write(json.dumps(request).encode() + b"\n")
                self._stream.flush()
                answer = self._stream.readline()
            except OSError:
                answer = b""
        if not answer:
            raise RuntimeError("Expected the kernel forge to be alive, but it has ended.")
        return json.loads(answer)


class _ForgedProcess:
    """A kernel in the manner of `subprocess.Popen`, as far as jupyter_client asks."""

    stdin = stdout = stderr = None

    def __init__(self, forge: Forge, pid: int) -> None:
        self.forge, self.pid = forge, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            try:
                self.returncode = self.forge.ask(do="poll", pid=self.pid)
            except RuntimeError:
                self.returncode = -signal.SIGKILL
        return self.returncode

    def wait(self) -> int:
        while self.poll() is None:
            time.sleep(0.02)
        return self.returncode

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class _ForgedProvisioner(LocalProvisioner):
    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict:
        manager = self.parent
        pid = manager.forge.ask(
            do="fork",
            arguments=cmd[cmd.index("-f") :],
            cwd=manager.kernel_cwd,
            environment=manager.kernel_environment,
        )
        manager.kernel_pids.append(pid)
        self.process = _ForgedProcess(manager.forge, pid)
        self.pid = pid
        return self.connection_info


class _ForgedKernelManager(AsyncKernelManager):
    forge: Forge
    kernel_cwd: str
    kernel_environment: dict[str, str]
    kernel_pids: list[int]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel_id = str(uuid.uuid4())
        self.provisioner = _ForgedProvisioner(
            kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
        )


_ended: dict[int, int] = {}
"""How those kernels ended that have; in the forge alone."""


def _serve(runner: int, descriptor: int, first: list[str], later: list[str]) -> None:
    """Import what is needed first, then answer until the runner is gone; import more meanwhile."""
    _die_with_parent(runner)
    for name in first:
        importlib.import_module(name)
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rwb") as stream:
        while True:
            if later and not select.select([connection], [], [], 0)[0]:
                importlib.import_module(later.pop(0))
                continue
            line = stream.readline()
            if not line:
                break
            stream.write(json.dumps(_answer(json.loads(line), descriptor)).encode() + b"\n")
            stream.flush()
    os.killpg(0, signal.SIGKILL)


def _die_with_parent(parent: int) -> None:
    """Ask Linux for SIGKILL when the parent ends: a long import would not read the pipe."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it could be watched
        os._exit(1)


def _answer(request: dict, descriptor: int) -> int | None:
    if request["do"] == "fork":
        return _fork(request, descriptor)
    if request["do"] == "kill":
        return _kill(request["pid"])
    return _poll(request["pid"])


def _kill(pid: int) -> None:
    """Kill a kernel; only its parent can know that the number is not another process's by now."""
    if _poll(pid) is None:
        os.kill(pid, signal.SIGKILL)


def _poll(pid: int) -> int | None:
    if pid in _ended:
        return _ended[pid]
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return -signal.SIGKILL
    if found:
        _ended[pid] = os.waitstatus_to_exitcode(status)
    return _ended.get(pid)


def _fork(request: dict, descriptor: int) -> int:
    forge = os.getpid()
    pid = os.fork()
    if pid:
        _ended.pop(pid, None)  # a number that was another's before
        return pid
    try:
        _die_with_parent(forge)
        from ipykernel.kernelapp import IPKernelApp

        os.close(descriptor)  # the pipe must not be held open by a kernel
        os.chdir(request["cwd"])
        os.environ.update(request["environment"], JPY_PARENT_PID=str(forge))
        sys.argv = ["ipykernel_launcher", *request["arguments"]]
        IPKernelApp.launch_instance(argv=request["arguments"])
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    runner, descriptor, first, later = sys.argv[1:]
    _serve(
        int(runner), int(descriptor), *(list(filter(None, x.split(","))) for x in (first, later))
    )
