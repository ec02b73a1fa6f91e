"""An IMAP server for one client: what a mailbox reader asks, answered as RFC 3501 says."""

import re
import socketserver
import threading


class ImapServer:
    """Mails by UID; those deleted and expunged are gone, those copied lie in `done`."""

    def __init__(self, mails, extensions):
        self.box = {n: raw for n, raw in enumerate(mails, 1)}
        self.capabilities = f"IMAP4rev1 {extensions}".strip()
        self.done, self.deleted, self.seen = [], set(), set()
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(b"* OK ready\r\n")
                for line in self.rfile:
                    tag, _, rest = line.decode().strip().partition(" ")
                    for piece in server.answer(rest):
                        self.wfile.write(piece)
                    self.wfile.write(f"{tag} OK done\r\n".encode())
                    if rest.upper() == "LOGOUT":
                        return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    @property
    def left(self):
        return [raw for uid, raw in self.box.items() if uid not in self.deleted]

    def answer(self, line):
        verb = line.upper()
        if verb.startswith("CAPABILITY"):
            yield f"* CAPABILITY {self.capabilities}\r\n".encode()
        elif verb.startswith("SELECT"):
            yield f"* {len(self.box)} EXISTS\r\n".encode()
        elif verb.startswith("UID SEARCH"):
            uids = " ".join(str(uid) for uid in self.box if uid not in self.deleted)
            yield f"* SEARCH {uids}\r\n".encode()
        elif verb.startswith("UID "):
            yield from self._on(verb)

    def _on(self, verb):
        uid = int(re.search(r"\d+", verb)[0])
        if verb.startswith("UID FETCH"):
            if "PEEK" not in verb:
                self.seen.add(uid)
            raw = self.box[uid]
            yield f"* {uid} FETCH (UID {uid} BODY[] {{{len(raw)}}}\r\n".encode() + raw + b")\r\n"
        elif verb.startswith(("UID COPY", "UID MOVE")):
            self.done.append(self.box[uid])
            if "MOVE" in verb:
                del self.box[uid]
        elif verb.startswith("UID STORE"):
            self.deleted.add(uid)
        elif verb.startswith("UID EXPUNGE"):
            del self.box[uid]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
