"""A language model's server on this machine that answers, or fails, as a test asks."""

from contextlib import contextmanager
import gzip
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import socket
from threading import Event, Thread

GOOD = {
    "variants": [
        {
            "subject": "A thank-you: {{ offer_headline }}",
            "preheader": "Yours through {{ valid_day }}, on one order.",
        },
        {
            "subject": "For a quiet evening: {{ offer_headline }}",
            "preheader": "No hurry, it is good through {{ valid_day }}.",
        },
    ]
}  # fmt: skip


def answer(words) -> bytes:
    content = words if isinstance(words, str) else json.dumps(words)
    return json.dumps(
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]}
    ).encode()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(
            (
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(body),
            )
        )
        try:
            self.server.behave(self)
        except (BrokenPipeError, ConnectionResetError):
            pass

    do_GET = do_POST

    def reply(self, body: bytes, status: int = 200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def serving(behave):
    """Serve on a free port of this machine; gives the server, which keeps what it was asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads, server.behave, server.requests = True, behave, []
    server.stopped = Event()
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


def saying(words, **headers):
    return lambda handler: handler.reply(answer(words), **headers)


def silent(handler):
    handler.server.stopped.wait(20)


def dripping(handler):
    """A byte now and then: no single wait is long, the whole would never end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.server.stopped.wait(0.05):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def slow_head(handler):
    while not handler.server.stopped.wait(0.05):
        handler.wfile.write(b"H")
        handler.wfile.flush()


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.stopped.is_set():
        handler.wfile.write(b"x" * 65_536)


def breaking_off(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def packed(handler):
    """A small answer that would unpack into 64 MB."""
    handler.reply(gzip.compress(b" " * 64_000_000), Content_Encoding="gzip")


def status(code, body=b'{"error": {"message": "no"}}', **headers):
    return lambda handler: handler.reply(body, code, **headers)


def raw(body: bytes):
    return lambda handler: handler.reply(body)
