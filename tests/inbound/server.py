"""The application as a program of its own, as `campanile serve` runs it."""

from contextlib import contextmanager
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from urllib.request import urlopen

from src.root import PROJECT_ROOT
from tests.reliability.sinks import free_port

PROGRAM = """
import sys
from pathlib import Path
import uvicorn
from src.inbound.app import Site, build_app
from src.keys import read_key
from src.ledger import open_ledger
with open_ledger(Path(sys.argv[1])) as ledger:
    site = Site(ledger, read_key("links"))
    uvicorn.run(build_app(site), host="127.0.0.1", port=int(sys.argv[2]), access_log=False,
                log_level="warning")
"""


@contextmanager
def serving(run: Path):
    """Serve a run's ledger on a port of this machine until the block ends; gives the address."""
    port = free_port()
    command = [sys.executable, "-c", PROGRAM, str(run), str(port)]
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, env=os.environ | {"PYTHONPATH": "."})
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(address, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urlopen(f"{address}/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the application does not answer")
