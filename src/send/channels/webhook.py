"""Signed calls (Standard Webhooks): push, chat and social services behind an https address."""

import base64
import binascii
import hashlib
import hmac
import time

from src.errors import ChannelError, ConfigurationError
from src.send.channels.base import Envelope, RefusedError
from src.send.channels.outward import ForbiddenAddressError, NotReachedError, post
from src.send.channels.settings import WebhookSettings

__all__ = ["WebhookChannel", "sign_webhook"]

_SECRET_PREFIX = "whsec_"  # noqa: S105 - no secret, the mark of one


def sign_webhook(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Sign a call: HMAC-SHA256 over id, time and body.

    Parameters
    ----------
    secret : str
        ``whsec_`` and the key in base64.
    webhook_id : str
        Stays the same over all attempts.
    timestamp : int
        Seconds since 1970.
    body : bytes

    Examples
    --------
    >>> secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    >>> sign_webhook(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='

    References
    ----------
    .. Standard Webhooks specification, 1.0.0; the example is its test vector.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ConfigurationError(
            "Expected the webhook's secret to be whsec_ and base64, found something else; "
            "nothing was sent."
        )
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode('ascii')}"


class WebhookChannel:
    """Call the address of each message, or the service that knows its account.

    The receiver drops what it has under the same id.

    Notes
    -----
    As the specification asks of receivers, a call with an id they know changes nothing. So an
    attempt without an answer may be repeated; it is never a second message.
    """

    name = "webhook"

    def __init__(self, settings: WebhookSettings) -> None:
        self.settings = settings
        self.n_at_once = settings.n_at_once
        self.max_seconds = 4 * settings.seconds
        self._secret = settings.secret.read()

    def deliver(self, envelope: Envelope) -> None:
        """Call once.

        Raises
        ------
        ChannelError
            As `Channel` says.
        """
        webhook_id, timestamp = f"msg_{envelope.message_key[:32]}", int(time.time())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign_webhook(
                self._secret, webhook_id, timestamp, envelope.content
            ),
        }
        settings = self.settings
        try:
            is_address = "://" in envelope.recipient
            url = envelope.recipient if is_address else settings.url
            place = url, envelope.content, headers, settings.seconds
            status = post(*place, settings.allow_loopback).status
        except ForbiddenAddressError as error:
            raise RefusedError(str(error), self.name, envelope.message_key) from None
        except NotReachedError:
            status = 0
        if 200 <= status < 300:
            return
        text = f"Expected the receiver to take the call, found status {status}."
        if status in (0, 401, 403, 408, 425, 429) or status >= 500:
            raise ChannelError(text, self.name, envelope.message_key, is_retryable=True)
        raise RefusedError(text, self.name, envelope.message_key)

    def was_delivered(self, message_key: str) -> bool | None:
        """Give no answer."""
        return None
