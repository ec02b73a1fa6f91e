"""Calls of providers: bounces and complaints, signed as Standard Webhooks asks."""

from collections.abc import Iterable, Mapping, Sequence
import hmac
import json

from src.ledger.feedback import FeedbackKind, FeedbackReport, record_feedback
from src.ledger.store import Ledger
from src.send.channels.webhook import sign_webhook
from src.send.refusals import judge_status

__all__ = ["HookError", "take_call", "verify_call"]

_TOLERANCE_SECONDS = 300
_MAX_EVENTS = 1_000
_ID_SIGNS = 256


class HookError(ValueError):
    """A call that is refused; the text says why, and nothing of what was in it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def take_call(
    ledger: Ledger,
    provider: str,
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
) -> int:
    """Verify a call, then keep what it says; the same call again changes nothing.

    Parameters
    ----------
    ledger : Ledger
        Where messages are.
    provider : str
        Whose call it is.
    secrets : sequence of str
        Any of them may have signed it.
    headers : mapping
        ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``.
    body : bytes
        As it came over the wire: ``{"events": [{"type": "bounce" | "complaint",
        "message": Message-ID or key, "status": "5.1.1"}, ...]}``. Other types are taken and
        left alone.

    Returns
    -------
    int
        Statements that were new.

    Raises
    ------
    HookError
        If it is not signed, too old, or no such text.
    """
    call_id = verify_call(secrets, headers, body, ledger.now().timestamp())
    return record_feedback(ledger, _reports(body), provider, f"{provider}|{call_id}")


def verify_call(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: float) -> str:
    """Check the signature over id, time and the raw body; gives the id.

    Every secret is tried against every signature, each compared in constant time.

    Raises
    ------
    HookError
        If none fits, or the time lies more than five minutes off.

    References
    ----------
    .. Standard Webhooks specification, 1.0.0.
    """
    call_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "")[:4096].split()
    is_shaped = 0 < len(call_id) <= _ID_SIGNS and stamp.isascii() and stamp.isdigit()
    if not is_shaped or len(stamp) > 12 or "." in call_id or not secrets:
        raise HookError(401, "not signed")
    is_signed = False
    for secret in secrets:
        wanted = sign_webhook(secret, call_id, int(stamp), body).encode()
        for one in given:
            is_signed |= hmac.compare_digest(wanted, one.encode())
    if not is_signed or str(int(stamp)) != stamp:
        raise HookError(401, "not signed")
    if abs(now - int(stamp)) > _TOLERANCE_SECONDS:
        raise HookError(401, "time is off by more than five minutes")
    return call_id


def _reports(body: bytes) -> list[FeedbackReport]:
    try:
        events = json.loads(body)["events"]
        if not isinstance(events, list) or len(events) > _MAX_EVENTS:
            raise ValueError
        return list(_read_events(events))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise HookError(400, "expected events: a list of type, message, status") from None


def _read_events(events: Iterable[dict]) -> Iterable[FeedbackReport]:
    for event in events:
        key = event["message"].strip().strip("<>").partition("@")[0].lower()
        status = str(event.get("status", ""))
        if event["type"] == "complaint":
            yield FeedbackReport(key, FeedbackKind.COMPLAINT)
        elif event["type"] == "bounce":
            kind, code = judge_status(status)
            yield FeedbackReport(key, kind, code)
