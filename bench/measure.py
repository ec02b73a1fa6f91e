"""Run a contender in a process of its own; its CPU seconds, wall seconds and peak memory."""

from dataclasses import dataclass
import json
import os
import subprocess
import sys

__all__ = ["Figures", "machine", "measure"]


@dataclass(frozen=True)
class Figures:
    """What one piece of work cost: seconds of CPU, of waiting, and gigabytes at the peak."""

    cpu_s: float
    wall_s: float
    peak_gb: float


def measure(arguments: list[str]) -> Figures:
    """Run this Python with some arguments; its last line says `cpu_s` and `wall_s` of the work."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")
    return Figures(**json.loads(said.splitlines()[-1]), peak_gb=usage.ru_maxrss / 1e6)


def machine() -> str:
    """Say what this machine is, in the words of a benchmark table."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    version = ".".join(str(part) for part in sys.version_info[:3])
    return f"{os.cpu_count()} cores, {memory:.0f} GB, Python {version}"
