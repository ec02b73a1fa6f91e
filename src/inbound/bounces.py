"""What a mail that came back says: a bounce, a complaint, a delay, an answer of a machine.

Whose message it is about comes from the return path that we made (VERP), the envelope id, or the
part that was returned, never from the top header, which is the reporter's own. Without a report
of a failure there is no bounce: an answer of a machine reaches the same return path.
"""

from collections.abc import Iterator
from email.header import decode_header, make_header
from email.message import Message as Mail
from email.parser import BytesParser
from email.policy import compat32
from enum import StrEnum
import re
from typing import NamedTuple

from src.ledger.feedback import FeedbackKind, FeedbackReport
from src.send.channels import read_return_path
from src.send.refusals import judge_status

__all__ = ["MailKind", "Reading", "read_mail"]

_ROUTE_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
_MESSAGE_ID = re.compile(r"<([0-9a-f]{64})@[^\s<>@]+>")
_ADDRESS = re.compile(r"bounce\+[0-9a-f]{32}-[0-9a-f]{16}@[^\s<>\",;]+", re.IGNORECASE)
_MAX_TEXT = 200_000
_MAX_PARTS = 100
_COMPLAINTS = {"abuse", "fraud", "virus", "other"}
_REPORTERS = re.compile(
    r"mailer-daemon|postmaster|mail delivery (sub)?system|mdaemon|<>|mailerdaemon", re.IGNORECASE
)
_FAILED = re.compile(
    r"undeliver|could not be delivered|was not delivered|not be delivered|delivery (has )?fail"
    r"|failure notice|returned mail|returning message|returned to sender|delivery failure"
    r"|permanent (fatal )?error|wasn't able to deliver|unable to deliver|delivery status not"
    r"|退信|无法投递|投递失败|unzustellbar|non remis|no se pudo entregar",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"(delivery|message).{0,40}delayed|delay(ed)? .{0,20}(mail|delivery)|still being retried"
    r"|will (continue to|keep) tr(y|ied)|do not need to resend|warning: (could not send|message)",
    re.IGNORECASE | re.DOTALL,
)
_AUTO_SUBJECT = re.compile(
    r"out of (the )?office|automatic reply|auto[- ]?(reply|response|matic response)|autoreply"
    r"|vacation|on (annual )?leave|abwesen|automatische antwort|réponse automatique|absence"
    r"|respuesta automática|fuera de la oficina|自动回复|自動返信|自动答复|休假|不在办公室",
    re.IGNORECASE,
)
_NO_MAILBOX = re.compile(
    r"user unknown|unknown user|no such (user|mailbox|recipient|person)|does ?n[o']t exist"
    r"|doesn't have a .{0,30}account|not exist|unknown (local part|recipient|address|mailbox)"
    r"|invalid (recipient|mailbox|address)|mailbox (unavailable|not found|unknown|disabled)"
    r"|recipient (rejected|not found|unknown)|account (is )?(disabled|closed|inactive)"
    r"|no mailbox here|user not found|用户不存在|收件人不存在|host (or domain name )?not found",
    re.IGNORECASE,
)
_NOT_NOW = re.compile(
    r"(mailbox|quota|inbox).{0,20}(full|exceed)|over ?quota|quota|temporar|try again|timed? ?out"
    r"|connection refused|greylist|邮箱已满|容量",
    re.IGNORECASE,
)
_NOT_FROM_US = re.compile(
    r"spam|blocked|blacklist|block list|policy|reputation|dmarc|unsolicited|垃圾邮件", re.IGNORECASE
)


class MailKind(StrEnum):
    """What a mail is to us."""

    HARD = "hard"
    SOFT = "soft"
    BLOCK = "block"
    COMPLAINT = "complaint"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    AUTO_REPLY = "auto-reply"
    OTHER = "other"


class Reading(NamedTuple):
    """What a mail says: kind, message it is about (64 or 32 digits, or empty), status code."""

    kind: MailKind
    message_key: str = ""
    status: str = ""

    @property
    def report(self) -> FeedbackReport | None:
        """What the ledger is to keep of it; None where it keeps nothing."""
        kinds = {kind.value for kind in FeedbackKind}
        if self.kind not in kinds or not self.message_key:
            return None
        return FeedbackReport(self.message_key, FeedbackKind(self.kind), self.status)


def read_mail(raw: bytes, key: bytes) -> Reading:
    """Read one mail.

    Parameters
    ----------
    raw : bytes
        The mail as it lies in the mailbox.
    key : bytes
        The key `links`, of the marks in return paths.

    Returns
    -------
    Reading
        A mail of which nothing is understood is OTHER.
    """
    mail = BytesParser(policy=compat32).parsebytes(raw)
    parts = list(_walk(mail))
    kind, status = _judge(mail, parts)
    if kind in (MailKind.AUTO_REPLY, MailKind.OTHER):
        return Reading(kind)
    return Reading(kind, _find_message(mail, parts, key), status)


def _judge(mail: Mail, parts: list[Mail]) -> tuple[MailKind, str]:
    for part in parts:
        kind = part.get_content_type()
        if kind == "message/feedback-report":
            return _judge_feedback(part)
        if kind in ("message/delivery-status", "message/global-delivery-status"):
            return _judge_status(part)
    if _is_auto_reply(mail):
        return MailKind.AUTO_REPLY, ""
    return _judge_text(mail, parts)


def _judge_feedback(part: Mail) -> tuple[MailKind, str]:
    found = re.search(r"^Feedback-Type:\s*([\w-]+)", _text(part), re.IGNORECASE | re.MULTILINE)
    is_complaint = found and found[1].lower() in _COMPLAINTS
    return (MailKind.COMPLAINT if is_complaint else MailKind.OTHER), ""


def _judge_status(part: Mail) -> tuple[MailKind, str]:
    """Read the fields of the recipient; of several the first that failed."""
    actions = []
    for block in re.split(r"\r?\n\s*\r?\n", _text(part)):
        fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*(?:\r?\n[ \t].*)*)", block, re.MULTILINE))
        fields = {name.lower(): value for name, value in fields.items()}
        if "action" in fields:
            actions.append((fields["action"].strip().lower().split(" ")[0], fields))
    failed = [fields for action, fields in actions if action == "failed"]
    if failed:
        text = f"{failed[0].get('status', '')} {failed[0].get('diagnostic-code', '')}"
        return _judge_failure(text, failed[0].get("diagnostic-code", ""))
    if any(action == "delayed" for action, _ in actions):
        return MailKind.DELAYED, ""
    return (MailKind.DELIVERED if actions else MailKind.OTHER), ""


def _judge_text(mail: Mail, parts: list[Mail]) -> tuple[MailKind, str]:
    """Judge a report in plain words, as qmail, Exim and older gateways write them."""
    sender = f"{mail.get('From', '')} {mail.get('Return-Path', '')}"
    subject = _header(mail, "Subject")
    text = "\n".join(_text(part) for part in parts if part.get_content_maintype() == "text")
    head = text[:_MAX_TEXT].split("\nReceived:")[0]
    is_reporter = bool(_REPORTERS.search(sender)) or "X-Failed-Recipients" in mail
    if not is_reporter:
        return MailKind.OTHER, ""
    if _DELAYED.search(f"{subject}\n{head[:3000]}"):
        return MailKind.DELAYED, ""
    if "X-Failed-Recipients" in mail or _FAILED.search(f"{subject}\n{head[:3000]}"):
        return _judge_failure(head[:6000], head[:6000])
    return MailKind.OTHER, ""


def _judge_failure(text: str, words: str) -> tuple[MailKind, str]:
    """Judge by codes, and by words where the code says no more than its class."""
    kind, status = judge_status(text)
    is_vague = not status or re.fullmatch(r"[45]\.0\.0|5\d\d", status)
    if is_vague and not status.startswith("4"):
        for pattern, meant in (
            (_NO_MAILBOX, MailKind.HARD),
            (_NOT_NOW, MailKind.SOFT),
            (_NOT_FROM_US, MailKind.BLOCK),
        ):
            if pattern.search(words):
                return meant, status
    return MailKind(kind.value), status


def _is_auto_reply(mail: Mail) -> bool:
    submitted = mail.get("Auto-Submitted", "").strip().lower()
    if submitted.startswith("auto-replied"):
        return True
    named = ("X-Autoreply", "X-Autorespond", "X-Autoresponse", "X-Auto-Reply", "X-Vacation")
    if any(name in mail for name in named):
        return True
    if mail.get("Precedence", "").strip().lower() in ("auto_reply", "auto-reply"):
        return True
    return bool(_AUTO_SUBJECT.search(_header(mail, "Subject")))


def _find_message(mail: Mail, parts: list[Mail], key: bytes) -> str:
    """Find the message: by our own return path, the envelope id, then what was returned."""
    for name in _ROUTE_HEADERS:
        for value in mail.get_all(name, []):
            for address in _ADDRESS.findall(str(value)):
                if found := read_return_path(address, key):
                    return found
    for part in parts:
        if part.get_content_type() in ("message/delivery-status", "message/feedback-report"):
            text = _text(part)
            ids = re.findall(r"^Original-Envelope-Id:\s*([0-9a-f]{64})\b", text, re.M | re.I)
            if ids:
                return ids[0]
            for address in _ADDRESS.findall(text):
                if found := read_return_path(address, key):
                    return found
    own = mail.get("Message-ID", "").strip()
    for part in parts:
        for found in _MESSAGE_ID.finditer(_text(part)):
            if found[0] != own:
                return found[1]
    return ""


def _walk(mail: Mail) -> Iterator[Mail]:
    for n, part in enumerate(mail.walk()):
        if n >= _MAX_PARTS:
            return
        yield part


def _text(part: Mail) -> str:
    """Give headers and content of a part as text, decoded as far as it can be."""
    kind = part.get_content_type()
    if part.is_multipart() and kind not in (
        "message/delivery-status",
        "message/global-delivery-status",
        "message/feedback-report",
        "message/rfc822",
    ):
        return ""
    if part.is_multipart():
        blocks = [
            "\n".join(f"{name}: {value}" for name, value in one.items())
            + ("" if one.is_multipart() else f"\n\n{_payload(one)}")
            for one in part.get_payload()
        ]
        return "\n\n".join(blocks)[:_MAX_TEXT]
    return _payload(part)[:_MAX_TEXT]


def _payload(part: Mail) -> str:
    content = part.get_payload(decode=True)
    if content is None:
        content = str(part.get_payload()).encode("utf-8", "replace")
    try:
        return content.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def _header(mail: Mail, name: str) -> str:
    """Give a header with its encoded words read."""
    try:
        return str(make_header(decode_header(str(mail.get(name, "")))))
    except (ValueError, LookupError):
        return str(mail.get(name, ""))
