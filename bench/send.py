"""A campaign to a mail server on this machine: planned, composed, signed, sent, accounted for.

Campanile with every guard on (contact policy in the claim's transaction, two durable writes
around each group of open connections, header guard, one RSA-2048 signature for each letter)
against Postfix's `smtp-sink`, beside Postfix's own `smtp-source`, which is the limit, and beside
plain aiosmtplib, which sends letters that are made and signed already and keeps no account.

    python bench/send.py             100,000 letters, a million planned; some minutes
    python bench/send.py --quick     10,000 letters, 100,000 planned; under a minute

Sending counts from the first claim to the last ending on disk, start of the processes included.
Afterwards the ledger is held against the server's own count. The last line is one JSON object:
`per_second`, `ratio_to_smtp_source`, `peak_mb` (all senders together), `plan_1m_s` (for as many
as were planned, scaled to a million if fewer), `counters` (all must be 0).
"""

import argparse
import asyncio
from contextlib import contextmanager
import json
import os
from pathlib import Path
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
import pandas as pd
import psutil
import yaml

from measure import machine

POSTFIX = "/usr/sbin:/usr/bin:/usr/local/sbin"
N_CONTENTS, N_DOMAINS, N_CONNECTIONS, N_PROCESSES = 50, 40, 50, 2
PARAGRAPH = "A few words about what is new in the shop this week, and why you may like it.\n"
SAID_AT = pd.Timestamp("2024-01-01T08:00:00Z")
FULL, QUICK = (100_000, 1_000_000), (10_000, 100_000)


def pem(key):
    form, secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, secret).decode("ascii")


@contextmanager
def smtp_sink(folder):
    """Run smtp-sink with its own running count; gives its port and a function for the count."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    path = folder / "sink.out"
    command = [shutil.which("smtp-sink", path=POSTFIX), "-c", "-u", "root", "-m", "256"]
    with path.open("wb") as out:
        process = subprocess.Popen([*command, f"127.0.0.1:{port}", "256"], stdout=out)
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.01)

        def count():
            time.sleep(0.2)
            return int(path.read_bytes().rpartition(b"mesg=")[2].split()[0] or 0)

        try:
            yield port, count
        finally:
            process.kill()
            process.wait()


def frames(n):
    """People, consents, draws and messages of n customers, a chunk at a time for memory."""
    from src.ledger import content_sha256, message_key
    from src.ledger.seals import seal

    ids = [f"k{i:07d}" for i in range(n)]
    people = pd.DataFrame({"customer_id": ids})
    people["first_name"] = [f"Ann{i % 997}" for i in range(n)]
    people["last_name"] = "Lee"
    people["email"] = [f"{key}@d{i % N_DOMAINS}.example.com" for i, key in enumerate(ids)]
    drawn = people[["customer_id"]].assign(campaign_id="bench", action="coupon", pscore=0.5)
    texts = [
        f"Dear ⟦first_name⟧, this is offer {c}.\n" + PARAGRAPH * 30 + "⟦unsubscribe_url⟧\n"
        for c in range(N_CONTENTS)
    ]
    pages = [f"<p>{text}</p>" for text in texts]
    subject = "⟦first_name⟧, for you"
    digests = [content_sha256(subject, *both) for both in zip(pages, texts, strict=True)]
    kind = [i % N_CONTENTS for i in range(n)]
    messages = drawn.assign(
        message_key=[message_key("bench", 1, key, "email") for key in ids],
        step=1,
        channel="email",
        template="offer",
        subject=subject,
        html=[pages[c] for c in kind],
        text=[texts[c] for c in kind],
        content_sha256=[digests[c] for c in kind],
    )
    sealed = zip(
        messages["message_key"], messages["action"], messages["content_sha256"], strict=True
    )
    return people, drawn, messages.assign(seal=[seal(*row) for row in sealed])


def fill(run, n):
    """Fill a ledger with a campaign for n customers; seconds that planning took."""
    from src.ledger import (
        open_ledger,
        plan_messages,
        record_assignments,
        record_consents,
        record_people,
    )
    from src.ledger.approvals import approve

    people, drawn, messages = frames(n)
    consents = people[["customer_id"]].assign(
        channel="email",
        purpose="marketing",
        is_granted=True,
        source="form",
        wording="I agree.",
        recorded_at=SAID_AT,
    )
    with open_ledger(run) as ledger:
        record_people(ledger, people)
        record_consents(ledger, consents)
        record_assignments(ledger, drawn.assign(salt="s", policy_version="1", decided_at=SAID_AT))
        start = time.perf_counter()
        n_new = plan_messages(ledger, messages)
        seconds = time.perf_counter() - start
        assert n_new == n
        for who in ("ann", "ben"):
            approve(ledger, "bench", who)
    return seconds


def campaign():
    from src.decide.catalogue import Campaign

    return Campaign(
        campaign_id="bench",
        goal="Figures.",
        channel="email",
        margin_share=0.25,
        sender_name="Shop",
        sender_address="hello@shop.example.com",
        postal_address="1 Market Square",
        unsubscribe_url="https://shop.example.com/leave",
        actions={"coupon": {"label": "Coupon", "template": "offer"}},
    )


def channel_file(folder, port, key):
    """Write a channel file for the sink, its key in the environment."""
    os.environ["BENCH_DKIM_KEY"] = pem(key)
    fields = {
        "kind": "smtp",
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "own_name": "bench.example.com",
        "n_connections": N_CONNECTIONS,
        "domain_connections": N_CONNECTIONS * N_PROCESSES,
        "messages_per_connection": 1000,
        "bounce_domain": "bounces.example.com",
        "dkim": [{"domain": "shop.example.com", "selector": "b", "key": "env:BENCH_DKIM_KEY"}],
    }
    path = folder / "channel.yaml"
    path.write_text(yaml.safe_dump(fields))
    return str(path)


class Memory:
    """Peak of the memory that this process's children really hold, asked twice a second."""

    def __init__(self):
        self.peak_mb = 0.0

    def look(self, *_):
        children = psutil.Process().children(recursive=True)
        names = ("smtp-sink",)
        held = 0
        for child in children:
            try:
                if child.name() not in names:
                    held += child.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        self.peak_mb = max(self.peak_mb, held / 1e6)


def send(folder, run, key, n):
    """Send a planned campaign; seconds, peak memory, and the counters of the check."""
    from src.ledger import count_states, open_ledger
    from src.send.crew import Order, deliver_order

    memory = Memory()
    with smtp_sink(folder) as (port, count):
        order = Order(
            run=run,
            campaign=campaign(),
            outbox=folder / "unused",
            mode="live",
            clock="wall",
            as_of_date="2024-01-31",
            channel_file=channel_file(folder, port, key),
            n_processes=N_PROCESSES,
        )
        start = time.perf_counter()
        result = deliver_order(order, memory.look)
        seconds = time.perf_counter() - start
        n_taken = count()
    with open_ledger(run) as ledger:
        states = count_states(ledger, "bench")
    counters = {
        "LOST": n - sum(states.values()) + states.get("PLANNED", 0) + states.get("CLAIMED", 0),
        "DUP_OR_GHOST": max(0, n_taken - states.get("SENT", 0)),
        "FALSE_SENT": max(0, states.get("SENT", 0) - n_taken),
        "UNKNOWN": states.get("UNKNOWN", 0) + states.get("TRANSMITTING", 0),
        "NOT_SENT": n - result["n_sent"],
    }
    return seconds, memory.peak_mb, counters


def smtp_source(folder, n):
    """Let Postfix's own client send as many letters of the same length."""
    with smtp_sink(folder) as (port, count):
        command = [shutil.which("smtp-source", path=POSTFIX), "-s", str(2 * N_CONNECTIONS)]
        command += ["-m", str(n), "-l", "6900", "-d", f"127.0.0.1:{port}"]
        start = time.perf_counter()
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - start
        assert count() == n
    return n / seconds


def plain_aiosmtplib(folder, n):
    """Send letters that are made already, over as many connections, without any account."""
    import aiosmtplib

    body = (PARAGRAPH * 80).encode().replace(b"\n", b"\r\n")

    async def work(port, numbers):
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False)
        async with client:
            for i in numbers:
                content = b"Message-ID: <%d@shop.example.com>\r\nSubject: x\r\n\r\n" % i + body
                to = [f"k{i}@d{i % N_DOMAINS}.example.com"]
                await client.sendmail("hello@shop.example.com", to, content)

    async def everything(port):
        n_at_once = 2 * N_CONNECTIONS
        shares = [range(i, n, n_at_once) for i in range(n_at_once)]
        await asyncio.gather(*(work(port, share) for share in shares))

    with smtp_sink(folder) as (port, count):
        start = time.perf_counter()
        asyncio.run(everything(port))
        seconds = time.perf_counter() - start
        assert count() == n
    return n / seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--letters", type=int, default=0)
    n_letters, n_planned = QUICK if parser.parse_args().quick else FULL
    n_letters = parser.parse_args().letters or n_letters
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CAMPANILE_KEYS"] = str(folder / "keys")
        source = smtp_source(folder, n_letters)
        print(f"smtp-source            {source:>8,.0f} letters/s", flush=True)
        plain = plain_aiosmtplib(folder, min(n_letters, 20_000))
        print(f"aiosmtplib, no account {plain:>8,.0f} letters/s", flush=True)
        keys = {"RSA-2048": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        keys["Ed25519"] = Ed25519PrivateKey.generate()
        found = {}
        for label, key in keys.items():
            run = folder / label
            planned_s = fill_apart(run, n_letters)
            found[label] = send(folder, run, key, n_letters)
            seconds, peak_mb, counters = found[label]
            print(
                f"campanile, {label:<11} {n_letters / seconds:>8,.0f} letters/s, "
                f"{peak_mb:,.0f} MB, planned in {planned_s:.1f} s, {counters}",
                flush=True,
            )
        plan_s = fill_apart(folder / "plan", n_planned)
        print(f"planning {n_planned:,} messages {plan_s:.1f} s")
    seconds, peak_mb, counters = found["RSA-2048"]
    print(
        json.dumps(
            {
                "per_second": round(n_letters / seconds),
                "ratio_to_smtp_source": round(n_letters / seconds / source, 3),
                "peak_mb": round(peak_mb),
                "plan_1m_s": round(plan_s * 1_000_000 / n_planned, 1),
                "counters": counters,
            }
        )
    )


def fill_apart(run, n):
    """Fill a ledger in a process of its own, so that its memory is not counted with the sending."""
    command = [sys.executable, __file__, "--fill", str(run), str(n)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(said.splitlines()[-1])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--fill"]:
        print(fill(Path(sys.argv[2]), int(sys.argv[3])))
    else:
        main()
