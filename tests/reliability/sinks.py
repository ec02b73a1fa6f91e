"""Starting the servers that the checks send to: ours, which misbehaves, and Postfix's."""

from contextlib import contextmanager
import json
from pathlib import Path
import shutil
import socket
import subprocess
import sys
import time

from src.send.channels.settings import SmtpSettings

__all__ = [
    "SMTP_SINK",
    "Sink",
    "postfix_sink",
    "postfix_takings",
    "smtp_settings",
    "start_sink",
]

SMTP_SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin:/usr/local/sbin")
_PROGRAM = Path(__file__).with_name("sink.py")


class Sink:
    """A running sink of ours: its port, and its journal as it stands on disk."""

    def __init__(self, port, journal):
        self.port, self.path = port, journal

    def events(self, *kinds):
        """Lines of the journal, in order; all, or those of some kinds."""
        text = self.path.read_text() if self.path.exists() else ""
        events = [json.loads(line) for line in text.splitlines() if line]
        return [event for event in events if not kinds or event["event"] in kinds]

    def keys(self):
        """Message keys taken, one for each time."""
        return [event["key"] for event in self.events("taken")]


def smtp_settings(port, **fields):
    """Settings for a server on this machine, without encryption and with short patience."""
    defaults = {"kind": "smtp", "host": "127.0.0.1", "tls": "none", "own_name": "client.test"}
    limits = {"command_seconds": 5.0, "final_seconds": 5.0, "n_connections": 4}
    return SmtpSettings.model_validate(defaults | limits | {"port": port} | fields)


@contextmanager
def start_sink(folder, plan=None, *options):
    """Run the sink as a program of its own, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / "journal"
    arguments = ["--journal", str(journal), *options]
    if plan is not None:
        (folder / "plan.json").write_text(json.dumps(plan))
        arguments += ["--plan", str(folder / "plan.json")]
    command = [sys.executable, "-I", "-S", str(_PROGRAM), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield Sink(int(process.stdout.readline()), journal)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def postfix_sink(folder, *options):
    """Run Postfix's smtp-sink; each message it takes is a file in `folder`, unless told not to."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    dump = ["-d", f"{folder}/taken/%M."] if "-c" not in options else []
    command = [SMTP_SINK, "-u", "root", "-m", "256", *dump, *options, f"127.0.0.1:{port}", "256"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        process.kill()
        process.wait()


def postfix_takings(folder):
    """Message keys in the files of smtp-sink, one for each time it took one."""
    keys = []
    for path in sorted((folder / "taken").glob("*")):
        head = path.read_bytes().partition(b"\n\n")[0].replace(b"\r", b"")
        line = next(item for item in head.split(b"\n") if item.startswith(b"Message-ID: "))
        keys.append(line.partition(b"<")[2].partition(b"@")[0].decode("ascii"))
    return keys


def free_port():
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _wait_for(port):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise TimeoutError(f"smtp-sink does not answer on port {port}")
