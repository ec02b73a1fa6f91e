"""Text messages by a gateway over HTTPS: a generic one, and those that speak as Twilio does."""

import base64
from collections.abc import Mapping
import json
from urllib.parse import quote, urlencode

from src.errors import ChannelError
from src.send.channels.base import Envelope, RefusedError
from src.send.channels.outward import Answer, ForbiddenAddressError, NotReachedError, post
from src.send.channels.settings import SmsSettings

__all__ = ["SmsChannel"]

_NOT_NOW = frozenset({401, 403, 408, 425, 429, 503})


class SmsChannel:
    """Hand text messages to a gateway.

    Notes
    -----
    The generic gateway takes JSON with an ``Idempotency-Key``, under which it takes a message
    once: an attempt without an answer may be repeated. The Twilio kind has no such key, so there
    an attempt without an answer, or with one that leaves it open, is UNKNOWN.
    """

    name = "sms"

    def __init__(self, settings: SmsSettings) -> None:
        self.settings = settings
        self.n_at_once = settings.n_at_once
        self.max_seconds = 4 * settings.seconds
        self._token = settings.token.read()

    def deliver(self, envelope: Envelope) -> None:
        """Hand one text message over.

        Raises
        ------
        ChannelError
            As `Channel` says.
        """
        is_twilio = self.settings.provider == "twilio"
        url, body, headers = self._twilio(envelope) if is_twilio else self._generic(envelope)
        try:
            answer = self._post(url, body, headers)
        except ForbiddenAddressError as error:
            raise RefusedError(str(error), self.name, envelope.message_key) from None
        except NotReachedError:
            text = "Expected the gateway to answer, found no connection."
            raise ChannelError(text, self.name, envelope.message_key, is_retryable=True) from None
        self._judge(answer, envelope.message_key)

    def was_delivered(self, message_key: str) -> bool | None:
        """Give no answer."""
        return None

    def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return post(url, body, headers, self.settings.seconds, self.settings.allow_loopback)

    def _generic(self, envelope: Envelope) -> tuple[str, bytes, dict[str, str]]:
        text = envelope.content.decode("utf-8")
        fields = {"to": envelope.recipient, "from": self.settings.sender, "text": text}
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self._token}",
            "Idempotency-Key": envelope.message_key,
        }
        return self.settings.url, json.dumps(fields).encode(), headers

    def _twilio(self, envelope: Envelope) -> tuple[str, bytes, dict[str, str]]:
        account = self.settings.account
        url = f"{self.settings.url.rstrip('/')}/2010-04-01/Accounts/{quote(account)}/Messages.json"
        text = envelope.content.decode("utf-8")
        fields = {"To": envelope.recipient, "From": self.settings.sender, "Body": text}
        login = base64.b64encode(f"{account}:{self._token}".encode()).decode("ascii")
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"Basic {login}",
        }
        return url, urlencode(fields).encode(), headers

    def _judge(self, answer: Answer, message_key: str) -> None:
        status = answer.status
        if 200 <= status < 300:
            return
        text = f"Expected the gateway to take the message, found status {status}."
        if status in _NOT_NOW:
            raise ChannelError(text, self.name, message_key, is_retryable=True)
        if status == 0 or status >= 500:
            is_idempotent = self.settings.provider == "generic"
            raise ChannelError(text, self.name, message_key, is_retryable=is_idempotent)
        raise RefusedError(text, self.name, message_key)
