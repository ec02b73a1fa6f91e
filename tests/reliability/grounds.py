"""Where senders are killed: a ledger on one of three databases, a server, and forked senders.

The process that runs the checks has imported everything already, so a fork of it starts to send
within some tens of milliseconds; a kill and what follows costs a fraction of a second.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
import datetime as dt
import os
from pathlib import Path
import select
import signal
import sys
import time
import traceback
from typing import Any
import uuid

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from src.ledger import open_ledger
from src.ledger.people import read_people  # noqa: F401 - warm before the fork
from src.ledger.suppressions import suppress, wait_until_still
from src.send import deliver, run_clock
from src.send.channels import SmtpChannel
from tests.reliability.campaigns import CAMPAIGN
from tests.reliability.sinks import smtp_settings
from tests.sources.servers import MARIADB, POSTGRESQL, lacking

__all__ = ["DATABASES", "Ground", "database_for", "die"]

DATABASES = {"sqlite": "", "postgresql": POSTGRESQL, "mariadb": MARIADB}
_LEASE = dt.timedelta(minutes=5)
CLOCK = run_clock("campaign", "2024-01-31")


@contextmanager
def database_for(name):
    """A database of its own on a running server, by URL; for SQLite the file in the run."""
    if name == "sqlite":
        yield ""
        return
    engine = sa.create_engine(DATABASES[name], isolation_level="AUTOCOMMIT", poolclass=NullPool)
    try:
        engine.connect().close()
    except sa.exc.OperationalError:
        lacking(name)
    own = f"campanile_{uuid.uuid4().hex[:12]}"
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {own}"))
    try:
        yield str(engine.url.set(database=own))
    finally:
        force = " WITH (FORCE)" if name == "postgresql" else ""
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {own}{force}"))


def die():
    """End this process as a failing machine would."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Ground:
    """A planned campaign, the port of a server, and how a sender is set up."""

    run: Path
    url: str
    port: int
    n_connections: int = 4
    batch_rows: int = 16
    n_leases: int = 0
    acknowledged: dict[str, float] = field(default_factory=dict)
    under_way: list[tuple[int, int]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def open(self):
        """Open the ledger, its clock after the leases of all that were killed."""
        ledger = open_ledger(self.run, self.url)
        ahead = self.n_leases * _LEASE if self.url else dt.timedelta()
        return replace(ledger, now=lambda: dt.datetime.now(dt.UTC) + ahead)

    def deliver(self, on_progress=None):
        """Be a sender."""
        fields = {"n_connections": self.n_connections} | self.settings
        channel = SmtpChannel(smtp_settings(self.port, **fields))
        with self.open() as ledger:
            return deliver(
                ledger,
                channel,
                CAMPAIGN,
                CLOCK,
                batch_rows=self.batch_rows,
                on_progress=on_progress,
            )

    def fork(self, prepare=lambda: None):
        """Start a sender; gives its process and a pipe on which it tells of its progress."""
        ours, theirs = os.pipe()
        child = os.fork()
        if child:
            os.close(theirs)
            return child, ours
        code = 1
        try:
            os.close(ours)
            prepare()
            self.deliver(lambda _: os.write(theirs, b"."))
            code = 0
        except BaseException:
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(code)

    def kill_after(self, child, pipe, n_groups, seconds):
        """Kill a sender that has told of so many groups, a moment later; its exit code."""
        deadline = time.monotonic() + 30
        while n_groups > 0 and time.monotonic() < deadline:
            if select.select([pipe], [], [], 0.5)[0]:
                told = os.read(pipe, 64)
                if not told:
                    break
                n_groups -= len(told)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        return self.bury(child, pipe)

    def bury(self, child, pipe):
        """Wait for a sender's end, and note what it left under way."""
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(pipe)
        if code:
            self.n_leases += 1
            n_left = self.states(is_counting=True).get("TRANSMITTING", 0)
            self.under_way.append((n_left, self.n_connections))
        return code

    def engine(self):
        url = self.url or f"sqlite:///{self.run}/ledger/ledger.db"
        return sa.create_engine(url, poolclass=NullPool)

    def states(self, is_counting=False):
        """State by message key, or messages by state."""
        what = "state, count(*)" if is_counting else "message_key, state"
        tail = " WHERE campaign_id = 'spring'" + (" GROUP BY state" if is_counting else "")
        with self.engine().connect() as connection:
            return dict(connection.execute(sa.text(f"SELECT {what} FROM messages{tail}")).all())

    def opt_out(self, ledger, customer_id, address):
        """Opt a customer out, and acknowledge it once nothing of theirs is under way."""
        wish = {"customer_id": [customer_id], "channel": "email", "reason": "unsubscribed"}
        suppress(ledger, pd.DataFrame(wish).assign(recorded_at=pd.Timestamp.now("UTC")))
        if wait_until_still(ledger, [customer_id], "email", 2.0):
            self.acknowledged[address] = time.time()
