"""A mail server that misbehaves on request, and keeps a journal of what it really took.

Run as a program of its own, it knows nothing of the project: its journal, made durable line by
line before each answer, is the oracle that the ledger is held against.

The n-th connection and the n-th MAIL may be given a fault each, and every recipient one per visit.
A fault is `STEP:CODE` (answer so; 421 hangs up too), or one of `drop:connect`, `drop:mail`,
`drop:rcpt`, `drop:data`, `drop:body` (reset in the middle of the body), and after the final dot,
`+` for taken and `-` for not taken: `rst:+ rst:- fin:+ fin:- partial:+ partial:- silence:+
silence:- garbage:+ garbage:-`, and `drop:after` (250, then hang up).
"""

import argparse
import hashlib
import json
import os
from pathlib import Path
import socket
import ssl
import struct
import sys
import threading
import time

_RESET = struct.pack("ii", 1, 0)


class Journal:
    """Lines of JSON, each on disk before `write` returns."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.lock = threading.Lock()

    def write(self, event, **facts):
        line = json.dumps({"event": event, "at": time.time(), **facts}) + "\n"
        with self.lock:
            os.write(self.descriptor, line.encode())
            os.fdatasync(self.descriptor)


class Rules:
    """Which fault a visit meets: by recipient and visit, else by connection, else at random."""

    def __init__(self, plan):
        self.by_recipient = plan.get("recipients", {})
        self.always = plan.get("always", [])
        self.share, self.mixed = plan.get("share", 0.0), plan.get("mixed", [])
        self.connections, self.mails = plan.get("connections", []), plan.get("mails", [])
        self.visits, self.lock = {}, threading.Lock()

    def of_connection(self):
        with self.lock:
            return self.connections.pop(0) if self.connections else None

    def of_mail(self):
        with self.lock:
            return self.mails.pop(0) if self.mails else None

    def of_visit(self, recipient):
        with self.lock:
            visit = self.visits.get(recipient, 0)
            self.visits[recipient] = visit + 1
        faults = self.by_recipient.get(recipient, self.always)
        if visit < len(faults):
            return faults[visit]
        draw = hashlib.sha256(f"{recipient}|{visit}".encode()).digest()
        is_hit = int.from_bytes(draw[:4], "big") / 2**32 < self.share
        return self.mixed[draw[4] % len(self.mixed)] if is_hit else None


class HungUp(Exception):
    """The server ends the connection."""


class Conversation:
    """One connection, from greeting to goodbye."""

    def __init__(self, connection, server):
        self.connection, self.server = connection, server
        self.reader = connection.makefile("rb")
        self.fault, self.sender, self.recipients, self.n_taken = None, None, [], 0

    def serve(self):
        fault = self.server.rules.of_connection()
        if fault == "drop:connect":
            raise HungUp
        if self.server.context and self.server.options.tls == "implicit":
            self.secure()
        self.say("220 sink.test ESMTP" if not fault else f"{fault.partition(':')[2]} no")
        while True:
            self.connection.settimeout(self.server.options.idle_close or None)
            line = self.reader.readline(4096)
            self.connection.settimeout(None)
            if not line:
                raise HungUp
            verb = line.split(b":")[0].split()[0].upper().decode("ascii", "replace")
            getattr(self, f"on_{verb.lower()}", self.on_other)(line)

    def say(self, text):
        self.connection.sendall(f"{text}\r\n".encode())

    def secure(self):
        self.reader.close()
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.reader = self.connection.makefile("rb")

    def meets(self, step):
        """Answer a step by its fault, if it has one here; whether it did."""
        kind, _, detail = (self.fault or "").partition(":")
        if kind == "drop" and detail == step:
            raise HungUp
        if kind != step:
            return False
        self.say(f"{detail} {detail[0]}.3.0 no")
        if detail == "421":
            raise HungUp
        return True

    def on_ehlo(self, _):
        offers = ["PIPELINING"] * (not self.server.options.no_pipelining)
        if self.server.context and not isinstance(self.connection, ssl.SSLSocket):
            offers.append("STARTTLS")
        if self.server.options.auth:
            offers.append("AUTH PLAIN")
        for offer in offers:
            self.say(f"250-{offer}")
        self.say("250 8BITMIME")

    on_helo = on_ehlo

    def on_starttls(self, _):
        self.say("220 go")
        self.secure()

    def on_auth(self, line):
        is_right = line.split()[-1].decode() == self.server.options.auth
        self.server.journal.write("auth", is_right=is_right)
        self.say("235 yes" if is_right else "535 5.7.8 no")

    def on_mail(self, line):
        self.sender, self.recipients = line.split(b"<")[1].split(b">")[0].decode(), []
        limit = self.server.options.session_limit
        if limit and self.n_taken >= limit:
            self.say("451 4.7.0 Too many messages in this session")
            return
        self.fault = self.server.rules.of_mail()
        if not self.meets("mail"):
            self.say("250 ok")

    def on_rcpt(self, line):
        recipient = line.split(b"<")[1].split(b">")[0].decode()
        self.fault = self.server.rules.of_visit(recipient)
        self.server.journal.write("rcpt", recipient=recipient, fault=self.fault)
        if not self.meets("rcpt"):
            self.recipients.append(recipient)
            self.say("250 ok")

    def on_data(self, _):
        if not self.recipients:
            return self.say("503 5.5.1 no recipients")
        self.server.journal.write("data", recipients=self.recipients)
        if self.meets("data"):
            return None
        self.say("354 go")
        if self.fault == "drop:body":
            self.reader.read(1000)
            self.reset()
        return self.answer(self.read_body())

    def read_body(self):
        lines = []
        while (line := self.reader.readline()) != b".\r\n":
            if not line:
                raise HungUp
            lines.append(line)
        return b"".join(line[1:] if line.startswith(b".") else line for line in lines)

    def answer(self, content):
        kind, _, detail = (self.fault or "").partition(":")
        if kind == "dot" or detail == "-":
            self.server.journal.write("not taken", recipients=self.recipients, fault=self.fault)
        else:
            self.take(content)
        time.sleep(self.server.options.delay)
        if self.meets("dot"):
            return
        if kind == "rst":
            self.reset()
        if kind == "fin":
            raise HungUp
        if kind == "partial":
            self.connection.sendall(b"25")
            raise HungUp
        if kind == "silence":
            threading.Event().wait(self.server.options.silence)
            raise HungUp
        self.say("2x0 what" if kind == "garbage" else "250 2.0.0 taken")
        if kind in ("garbage", "drop"):
            raise HungUp

    def take(self, content):
        head = content.partition(b"\r\n\r\n")[0].decode("ascii", "replace")
        ids = [line for line in head.split("\r\n") if line.lower().startswith("message-id:")]
        self.n_taken += 1
        for recipient in self.recipients:
            key = ids[0].partition("<")[2].partition("@")[0] if ids else ""
            facts = {"recipient": recipient, "sender": self.sender, "key": key}
            self.server.journal.write("taken", **facts, n_bytes=len(content))
        if self.server.options.keep:
            name = f"{time.time_ns()}-{threading.get_ident()}"
            (Path(self.server.options.keep) / name).write_bytes(content)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        raise HungUp

    def on_rset(self, _):
        self.recipients = []
        self.say("250 ok")

    def on_noop(self, _):
        self.say("250 ok")

    def on_quit(self, _):
        self.say("221 bye")
        raise HungUp

    def on_other(self, _):
        self.say("500 5.5.2 what")

    def close(self):
        self.reader.close()
        self.connection.close()


class Server:
    """Listens, and gives each connection a thread."""

    def __init__(self, options):
        self.options = options
        self.rules = Rules(json.loads(Path(options.plan).read_text()) if options.plan else {})
        self.journal = Journal(options.journal)
        self.context = None
        if options.certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(options.certificate)
        self.listener = socket.create_server(("127.0.0.1", options.port), backlog=256)

    def run(self):
        sys.stdout.write(f"{self.listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.hold, args=(connection,), daemon=True).start()

    def hold(self, connection):
        conversation = Conversation(connection, self)
        try:
            conversation.serve()
        except (HungUp, OSError, ValueError, IndexError):
            pass
        finally:
            conversation.close()


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--journal", required=True)
    parser.add_argument("--plan", default="", help="JSON: recipients, always, share, mixed")
    parser.add_argument("--keep", default="", help="folder for what was taken, byte by byte")
    parser.add_argument("--no-pipelining", action="store_true")
    parser.add_argument("--session-limit", type=int, default=0)
    parser.add_argument("--idle-close", type=float, default=0.0)
    parser.add_argument("--silence", type=float, default=30.0)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--certificate", default="")
    parser.add_argument("--tls", choices=("starttls", "implicit"), default="starttls")
    parser.add_argument("--auth", default="", help="the one right answer to AUTH PLAIN")
    Server(parser.parse_args(arguments)).run()


if __name__ == "__main__":
    main(sys.argv[1:])
