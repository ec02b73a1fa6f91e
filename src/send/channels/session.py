"""One connection to a mail server: opened by the standard library, spoken over by us.

`smtplib` greets, encrypts and logs in. From MAIL on the bytes are ours, for two reasons: the
phase of each message has to be known exactly, and one thread can then keep many connections
busy, which costs a third of what a thread for each does.
"""

from collections.abc import Generator
import select
import smtplib
import socket
import ssl

from src.errors import ConfigurationError
from src.send.channels.base import Envelope, Outcome
from src.send.channels.endings import NO_REPLY, Phase, Reply, classify, take_reply
from src.send.channels.settings import SmtpSettings

__all__ = ["Session", "WireError", "open_session", "to_wire"]

_BUFFER_OCTETS = 1 << 18
_MAX_LINE_OCTETS = 998
_RESET, _DATA, _END, _QUIT = b"RSET\r\n", b"DATA\r\n", b".\r\n", b"QUIT\r\n"


class WireError(ValueError):
    """The bytes of a message are not what a mail server may be given."""


def to_wire(content: bytes) -> bytes:
    r"""Make a message ready for DATA, without the final dot: every leading dot doubled.

    Raises
    ------
    WireError
        If a carriage return or line feed stands alone, which some servers take for the end of
        the message, or a line is above 998 octets.

    Examples
    --------
    >>> to_wire(b"a: b\r\n\r\n.x\r\n")
    b'a: b\r\n\r\n..x\r\n'
    """
    n_breaks = content.count(b"\r\n")
    if content.count(b"\n") != n_breaks or content.count(b"\r") != n_breaks:
        raise WireError("Expected every line to end with CR LF, found one of them alone.")
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    if max(map(len, content.split(b"\r\n"))) > _MAX_LINE_OCTETS:
        raise WireError(f"Expected lines of at most {_MAX_LINE_OCTETS} octets, found a longer one.")
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..")


class Session:
    """An open connection and what is known about the message that is on its way.

    Parameters
    ----------
    connection : socket
        Greeted, encrypted and logged in.
    is_pipelining : bool
        Whether the server takes several commands at once.
    server : str
        Its name, for reasons.
    """

    def __init__(self, connection: socket.socket, is_pipelining: bool, server: str) -> None:
        self.connection = connection
        self.is_pipelining = is_pipelining
        self.server = server
        self.phase = Phase.CONNECT
        self.n_begun = 0
        self.is_open = True
        self._received = bytearray()
        self._needs_reset = False

    def fileno(self) -> int:
        """Descriptor to wait on."""
        return self.connection.fileno()

    def is_idle_and_alive(self) -> bool:
        """Whether the server has neither hung up nor said something out of turn."""
        return self.is_open and not self._has_more() and not self._received

    def converse(self, envelope: Envelope, wire: bytes) -> Generator[bool, Reply, Outcome]:
        """Bring one message over; yields where a reply is awaited, True after the final dot."""
        self.n_begun += 1
        try:
            reply = yield from self._converse(envelope, wire)
        except OSError:
            reply = NO_REPLY
        if not reply.code or reply.code == 421:
            self.close()
        self._needs_reset = self.phase in (Phase.MAIL, Phase.RCPT, Phase.DATA)
        return classify(self.phase, reply, self.server)

    def receive(self) -> Reply | None:
        """Read what has arrived; a whole reply, or None if there is more to wait for."""
        try:
            piece = self.connection.recv(65536)
        except (ssl.SSLWantReadError, TimeoutError):
            return None
        except OSError:
            return NO_REPLY
        if not piece:
            return NO_REPLY
        self._received += piece
        return take_reply(self._received)

    def waiting_reply(self) -> Reply | None:
        """Take a reply that has been received already, if there is one."""
        reply = take_reply(self._received) if self._received else None
        if reply is None and getattr(self.connection, "pending", int)():
            return self.receive()
        return reply

    def close(self) -> None:
        """Hang up without a word."""
        self.is_open = False
        self.connection.close()

    def quit(self) -> None:
        """Say goodbye and hang up; nobody waits for the answer."""
        if self.is_open:
            try:
                self.write(_QUIT)
            except OSError:
                pass
            self.close()

    def write(self, octets: bytes) -> None:
        """Give bytes to the kernel."""
        self.connection.sendall(octets)

    def _converse(self, envelope: Envelope, wire: bytes) -> Generator[bool, Reply, Reply]:
        self.phase = Phase.MAIL
        reply = yield from self._address(envelope)
        if reply.code // 100 != 2:
            return reply
        self.phase = Phase.DATA
        self.write(_DATA)
        reply = yield False
        if reply.code != 354:
            return reply
        self.phase = Phase.BODY
        self.write(wire)
        if self._has_more():  # an answer before its time, or the end of the connection
            return NO_REPLY
        self.phase = Phase.DOT
        self.write(_END)
        return (yield True)

    def _address(self, envelope: Envelope) -> Generator[bool, Reply, Reply]:
        """Name sender and recipient; gives the first reply that is not a yes, else the last."""
        commands = [
            (Phase.MAIL, f"MAIL FROM:<{envelope.sender}>\r\n".encode("ascii")),
            (Phase.RCPT, f"RCPT TO:<{envelope.recipient}>\r\n".encode("ascii")),
        ]
        if self._needs_reset:
            commands.insert(0, (Phase.MAIL, _RESET))
        if self.is_pipelining:
            self.write(b"".join(command for _, command in commands))
        answer, refused_at = None, None
        for phase, command in commands:
            self.phase = phase
            if not self.is_pipelining:
                self.write(command)
            reply = yield False
            if refused_at is None:
                answer = reply
                refused_at = None if reply.code // 100 == 2 else phase
            if not reply.code or reply.code == 421 or (refused_at and not self.is_pipelining):
                break
        self.phase = refused_at or Phase.RCPT
        return answer

    def _has_more(self) -> bool:
        """Whether something has arrived that nobody has asked for."""
        return bool(self._received or select.select([self.connection], [], [], 0)[0])


def open_session(settings: SmtpSettings) -> Session:
    """Connect, greet, encrypt and log in.

    Raises
    ------
    OSError or smtplib.SMTPException
        If the server is not there or turns us away for now.
    ConfigurationError
        If it will always turn us away: name or password wrong, no encryption, certificate not
        trusted.
    """
    try:
        client = _connect(settings)
        if settings.username:
            client.login(settings.username, settings.password.read())
    except smtplib.SMTPAuthenticationError as error:
        if error.smtp_code // 100 != 5:
            raise
        raise ConfigurationError(
            f"Expected {settings.host} to accept user and password, found {error.smtp_code}; "
            "nothing was sent: check both in the channel file."
        ) from None
    except (smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError) as error:
        raise ConfigurationError(
            f"Expected {settings.host} to offer what the channel file asks for, found "
            f"{type(error).__name__}; nothing was sent: check tls and username."
        ) from None
    connection = client.sock
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_OCTETS)
    connection.settimeout(settings.command_seconds)
    return Session(connection, client.has_extn("pipelining"), f"{settings.host}:{settings.port}")


def _connect(settings: SmtpSettings) -> smtplib.SMTP:
    place = settings.host, settings.port, settings.own_name or None
    seconds = settings.command_seconds
    if settings.tls == "none":  # a tenth of a second for certificates that nobody asks for
        client = smtplib.SMTP(*place, timeout=seconds)
        client.ehlo_or_helo_if_needed()
        return client
    context = ssl.create_default_context(cafile=settings.certificates or None)
    if settings.tls == "implicit":
        client = smtplib.SMTP_SSL(*place, timeout=seconds, context=context)
    else:
        client = smtplib.SMTP(*place, timeout=seconds)
    client.ehlo_or_helo_if_needed()
    if settings.tls == "starttls":
        client.starttls(context=context)
        client.ehlo()
    return client
