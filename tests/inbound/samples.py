"""Mails as they come back to senders: the shapes of servers and services, filled for one message.

Written for these tests after the documented formats (RFC 3464, 3462, 5965, 3834) and the habits of
the servers they are named after; the people and hosts in them do not exist.
"""

from email.mime.text import MIMEText

from src.inbound.bounces import MailKind
from tests.reliability.campaigns import key_of

__all__ = ["KEY", "SAMPLES", "dsn"]

KEY = key_of("c00001")
MESSAGE_ID = f"<{KEY}@shop.example.com>"
HARD, SOFT, BLOCK = MailKind.HARD, MailKind.SOFT, MailKind.BLOCK
SAMPLES = {}


def dsn(
    status,
    diagnostic="",
    action="failed",
    reporter="mx.example.com",
    subject="Undelivered Mail Returned to Sender",
    returned="text/rfc822-headers",
    words="This is the mail system.\n",
    to="hello@shop.example.com",
    own_id="<20261121.1@mx.example.com>",
    envelope="",
    original=MESSAGE_ID,
    diagnostic_type="smtp",
):
    """A report after RFC 3464: words, fields, and what was returned."""
    lines = f"Final-Recipient: rfc822; ann@example.com\nAction: {action}\nStatus: {status}\n"
    if diagnostic:
        lines += f"Diagnostic-Code: {diagnostic_type}; {diagnostic}\n"
    head = f"Reporting-MTA: dns; {reporter}\n"
    head += f"Original-Envelope-Id: {envelope}\n" if envelope else ""
    part = f"Message-ID: {original}\nFrom: hello@shop.example.com\nSubject: For you\n"
    end = f"--B\nContent-Type: {returned}\n\n{part}\nDear Ann\n" if returned else ""
    return (
        f"From: MAILER-DAEMON@{reporter} (Mail Delivery System)\nTo: {to}\nSubject: {subject}\n"
        f"Message-ID: {own_id}\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\n\n'
        f"--B\nContent-Type: text/plain; charset=utf-8\n\n{words}\n"
        f"--B\nContent-Type: message/delivery-status\n\n{head}\n{lines}\n{end}--B--\n"
    ).encode()


def text(sender, subject, body, extra="", charset="utf-8"):
    """A mail in plain words, encoded as mail programs do."""
    part = MIMEText(body, "plain", charset)
    part["From"], part["To"], part["Subject"] = sender, "hello@shop.example.com", subject
    raw = part.as_bytes()
    return extra.encode() + raw


def arf(kind, returned="message/rfc822", extra=""):
    """A complaint after RFC 5965."""
    return (
        "From: feedback@isp.example\nTo: abuse@shop.example.com\nSubject: complaint\n"
        "MIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="B"\n\n'
        "--B\nContent-Type: text/plain\n\nThis is an email abuse report.\n"
        f"--B\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\n"
        f"User-Agent: Loop/1.0\nVersion: 1\n{extra}\n"
        f"--B\nContent-Type: {returned}\n\nMessage-ID: {MESSAGE_ID}\nSubject: For you\n\nDear\n"
        "--B--\n"
    ).encode()


def add(name, raw, kind, is_ours=True):
    SAMPLES[name] = (raw, kind, is_ours)


_QUOTED = f"\n--- Below this line is a copy of the message.\n\nMessage-ID: {MESSAGE_ID}\nTo: x\n"
_DAEMON = "MAILER-DAEMON@mx.example.com"

for name, status, diagnostic, kind in (
    ("postfix unknown user", "5.1.1", "550 5.1.1 <ann@example.com>: user unknown", HARD),
    ("postfix no host", "5.4.4", "", SOFT),
    ("postfix over quota", "5.2.2", "552 5.2.2 mailbox full", SOFT),
    ("postfix timed out", "4.4.1", "", SOFT),
    (
        "gmail no such account",
        "5.1.1",
        "550-5.1.1 The email account that you tried to reach does"
        " not exist. https://support.example 550 5.1.1 NoSuchUser",
        HARD,
    ),
    (
        "gmail disabled",
        "5.2.1",
        "550 5.2.1 The email account that you tried to reach is disabled",
        HARD,
    ),
    ("gmail over quota", "4.2.2", "452-4.2.2 The recipient's inbox is out of storage space", SOFT),
    (
        "gmail unsolicited",
        "5.7.1",
        "550-5.7.1 Our system has detected that this message is likely unsolicited mail",
        BLOCK,
    ),
    (
        "gmail not authenticated",
        "5.7.26",
        "550 5.7.26 Unauthenticated email is not accepted",
        BLOCK,
    ),
    ("gmail rate", "4.7.28", "421-4.7.28 unusual rate of unsolicited mail", SOFT),
    ("outlook recipient not found", "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", HARD),
    (
        "outlook unavailable",
        "5.5.0",
        "550 5.5.0 Requested action not taken: mailbox unavailable",
        HARD,
    ),
    (
        "outlook blocked",
        "5.7.1",
        "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent",
        BLOCK,
    ),
    (
        "outlook not aligned",
        "5.7.515",
        "550 5.7.515 Access denied, sending domain does not meet the required authentication level",
        BLOCK,
    ),
    ("exchange quota", "5.2.2", "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception", SOFT),
    ("exchange not permitted", "5.7.133", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticated", BLOCK),
    (
        "yahoo no mailbox",
        "5.0.0",
        "554 delivery error: dd This user doesn't have a yahoo account",
        HARD,
    ),
    ("yahoo deferred", "4.7.0", "421 4.7.0 [TSS04] Messages temporarily deferred", SOFT),
    ("yahoo policy", "5.7.9", "554 5.7.9 Message not accepted for policy reasons", BLOCK),
    (
        "icloud unknown",
        "5.1.1",
        "550 5.1.1 <ann@example.com>: user lookup success but no user",
        HARD,
    ),
    ("icloud over quota", "5.2.2", "552 5.2.2 over quota", SOFT),
    ("qq no user", "5.0.0", "550 Mailbox not found. http://service.example", HARD),
    ("qq domain frequency", "4.0.0", "450 Mail rejected, frequency limited", SOFT),
    ("netease no user", "5.0.0", "550 User not found: ann@example.com", HARD),
    ("netease spam", "5.0.0", "554 DT:SPM 163 smtp, mail considered spam", BLOCK),
    ("proofpoint", "5.1.1", "550 5.1.1 <ann@example.com>... User unknown", HARD),
    ("mimecast", "5.0.0", "550 Administrative prohibition - envelope blocked", BLOCK),
    ("barracuda", "5.0.0", "554 rejected due to spam content", BLOCK),
    ("sendmail host unknown", "5.1.2", "550 host unknown", HARD),
    ("sendmail returned", "5.1.1", "550 5.1.1 unknown user", HARD),
    ("too large", "5.3.4", "552 5.3.4 message size exceeds limit", SOFT),
    ("loop", "5.4.6", "554 5.4.6 Too many hops", SOFT),
    ("content", "5.6.0", "554 5.6.0 message content rejected", BLOCK),
    ("gave up", "4.4.7", "delivery time expired", SOFT),
    ("moved", "5.1.6", "551 5.1.6 user has moved", HARD),
    ("greylisted for ever", "4.2.0", "450 4.2.0 greylisted", SOFT),
):
    add(name, dsn(status, diagnostic), kind)
add("headers returned in a whole message", dsn("5.1.1", returned="message/rfc822"), HARD)
add("only the envelope id", dsn("5.1.1", returned="", envelope=KEY), HARD)
add("its own id looks like ours", dsn("5.1.1", own_id=f"<{'f' * 64}@mx.example.com>"), HARD)
add(
    "international report",
    dsn("5.1.1").replace(b"message/delivery-status", b"message/global-delivery-status"),
    HARD,
)
add("folded code", dsn("5.0.0", "550\n 5.1.1 user\n unknown"), HARD)
add("upper case fields", dsn("5.1.1").replace(b"Action: failed", b"ACTION: FAILED (gone)"), HARD)
add("windows line ends", dsn("5.1.1").replace(b"\n", b"\r\n"), HARD)
add(
    "a first recipient who got it",
    dsn("5.1.1").replace(
        b"Final-Recipient",
        b"Final-Recipient: rfc822; b@example.com\nAction: delivered\n"
        b"Status: 2.0.0\n\nFinal-Recipient",
        1,
    ),
    HARD,
)
add("nobody's message", dsn("5.1.1", original="<other@else.example>"), HARD, False)
add("no part returned", dsn("5.1.1", returned=""), HARD, False)

for name, words, kind in (
    (
        "qmail no mailbox",
        "Hi. This is the qmail-send program at mx.example.com.\nI'm afraid I "
        "wasn't able to deliver your message.\n\n<ann@example.com>:\nSorry, no mailbox here by "
        "that name. (#5.1.1)\n",
        HARD,
    ),
    (
        "qmail quota",
        "Hi. This is the qmail-send program.\nI wasn't able to deliver your message.\n"
        "<ann@example.com>:\nThe user is over quota. (#5.2.2)\n",
        SOFT,
    ),
    (
        "exim unknown",
        "A message that you sent could not be delivered to one or more of its "
        "recipients. This is a permanent error.\n\n  ann@example.com\n    Unrouteable address: "
        "unknown user\n",
        HARD,
    ),
    (
        "exim with reply",
        "A message that you sent could not be delivered. This is a permanent "
        "error.\n  ann@example.com\n  host mx [192.0.2.7]: 550 5.1.1 unknown\n",
        HARD,
    ),
    (
        "exim spam",
        "A message that you sent could not be delivered. This is a permanent error.\n"
        "  ann@example.com\n  SMTP error: 554 5.7.1 blocked\n",
        BLOCK,
    ),
    (
        "domino",
        "Your message could not be delivered because: User Ann (ann@example.com) not listed "
        "in Domino Directory; user unknown\n",
        HARD,
    ),
    (
        "groupwise",
        "The message that you sent was undeliverable to the following: ann (mailbox full)\n",
        SOFT,
    ),
    (
        "old exchange",
        "Your message did not reach some recipients: delivery has failed.\n"
        "ann@example.com: 550 no such user\n",
        HARD,
    ),
    ("lotus timeout", "Delivery failure: connection refused by the host, try again later\n", SOFT),
    ("chinese gateway", "您的邮件无法投递到 ann@example.com:用户不存在\n", HARD),
    ("chinese quota", "退信:ann@example.com 的邮箱已满\n", SOFT),
    (
        "mdaemon",
        "The attached message had permanent fatal delivery errors. failure notice.\n"
        "RCPT failed: 550 unknown user\n",
        HARD,
    ),
):
    add(name, text(_DAEMON, "failure notice", words + _QUOTED), kind)
add(
    "failed recipients named in the header",
    text(
        "Mail System <noreply@mx.example.com>",
        "Mail failure",
        "550 5.1.1 no such user" + _QUOTED,
        "X-Failed-Recipients: ann@example.com\n",
    ),
    HARD,
)

for kind in ("abuse", "fraud", "virus", "other", "Abuse"):
    add(f"complaint {kind}", arf(kind), MailKind.COMPLAINT)
add("complaint with headers alone", arf("abuse", "text/rfc822-headers"), MailKind.COMPLAINT)
add(
    "complaint, recipient struck out",
    arf("abuse", extra="Original-Rcpt-To: redacted@isp\n"),
    MailKind.COMPLAINT,
)
add("taken for spam by mistake", arf("not-spam"), MailKind.OTHER, False)
add("report on authentication", arf("auth-failure"), MailKind.OTHER, False)

add("delayed", dsn("4.4.1", action="delayed"), MailKind.DELAYED)
add("delayed with a hard code", dsn("5.1.1", action="delayed"), MailKind.DELAYED)
add(
    "exim warning",
    text(
        _DAEMON,
        "Warning: message 1abc delayed 24 hours",
        "The message has not "
        "yet been delivered. No action is required; delivery attempts continue." + _QUOTED,
    ),
    MailKind.DELAYED,
)
add(
    "sendmail warning",
    text(
        _DAEMON,
        "Warning: could not send message for past 4 hours",
        "THIS IS A WARNING MESSAGE ONLY. YOU DO NOT NEED TO RESEND" + _QUOTED,
    ),
    MailKind.DELAYED,
)
add("relayed", dsn("2.0.0", action="relayed"), MailKind.DELIVERED)
add("delivered", dsn("2.0.0", action="delivered"), MailKind.DELIVERED)

_AWAY = "I am away until Monday. Error 550 5.1.1 is my favorite number. Mailbox full!" + _QUOTED
for name, subject, extra in (
    ("vacation", "Re: For you", "Auto-Submitted: auto-replied (vacation)\n"),
    ("outlook away", "Automatic reply: For you", "X-Auto-Response-Suppress: All\n"),
    ("out of office", "Out of Office: For you", ""),
    ("german away", "Abwesenheitsnotiz: For you", ""),
    ("french away", "Réponse automatique : For you", ""),
    ("spanish away", "Respuesta automática: For you", ""),
    ("chinese away", "自动回复: For you", ""),
    ("japanese away", "自動返信: For you", ""),
    ("x-autoreply", "Re: For you", "X-Autoreply: yes\n"),
    ("x-autorespond", "Re: For you", "X-Autorespond: For you\n"),
    ("precedence", "Re: For you", "Precedence: auto_reply\n"),
    ("ticket", "[Ticket 12] Auto-Response", "Auto-Submitted: auto-replied\n"),
    ("gmail vacation", "Re: For you", "Auto-Submitted: auto-replied\nX-Autoreply: yes\n"),
    ("left the company", "Automatic reply: I no longer work here", ""),
    ("from a postmaster", "Out of office", "Auto-Submitted: auto-replied\nReturn-Path: <>\n"),
):
    add(name, text("Ann <ann@example.com>", subject, _AWAY, extra), MailKind.AUTO_REPLY, False)
add(
    "daemon that is away",
    text(
        "postmaster@example.com",
        "Automatic reply: undeliverable",
        _AWAY,
        "Auto-Submitted: auto-replied\n",
    ),
    MailKind.AUTO_REPLY,
    False,
)
add(
    "a question",
    text("Ann <ann@example.com>", "Re: For you", "Where is my order?" + _QUOTED),
    MailKind.OTHER,
    False,
)
add(
    "a person who quotes a bounce",
    text(
        "Ann <ann@example.com>",
        "Undeliverable?",
        "It said 550 5.1.1 user unknown, could not be delivered" + _QUOTED,
    ),
    MailKind.OTHER,
    False,
)
add(
    "an invoice", text("billing@host.example", "Invoice 550", "Amount 5.1.1"), MailKind.OTHER, False
)
add("nothing", b"", MailKind.OTHER, False)
add("noise", bytes(range(256)) * 20, MailKind.OTHER, False)
add(
    "broken parts",
    b"Content-Type: multipart/report; boundary=B\n\n--B\nContent-Type: message/"
    b"delivery-status\n\n\n\n--B",
    MailKind.OTHER,
    False,
)
