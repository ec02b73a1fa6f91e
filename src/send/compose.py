"""From a planned message and a person to the bytes that go over the wire."""

import base64
import binascii
from dataclasses import dataclass, field
import datetime as dt
from email.utils import format_datetime
import hashlib
import hmac

from sqlalchemy import Row

from src.campaign.placeholders import fill
from src.decide.catalogue import Campaign
from src.errors import MarketingError, ParameterError, TemplateError
from src.keys import read_key
from src.ledger.people import Person
from src.send.channels import Envelope
from src.send.headers import encode_address, encode_mailbox, encode_text, write_headers

__all__ = ["ComposeError", "Letterhead", "build_letterhead", "compose"]


class ComposeError(MarketingError):
    """One message cannot be made; the text holds no personal data and becomes the reason."""


@dataclass(frozen=True)
class Letterhead:
    """What all messages of a campaign share.

    Parameters
    ----------
    campaign_id, sender, mailbox, domain, unsubscribe_url : str
        Sender's address in ASCII, the same with its name, and the domain of message ids.
    link_key : bytes
        Key of the unsubscribe tokens.
    neutral_name : str
        Stands where a first name is not known.
    """

    campaign_id: str
    sender: str
    mailbox: str
    domain: str
    unsubscribe_url: str
    link_key: bytes = field(repr=False)
    neutral_name: str = "customer"


def build_letterhead(campaign: Campaign) -> Letterhead:
    """Check and encode once what all messages of a campaign share.

    Raises
    ------
    ParameterError
        If the sender's address cannot be used, or the unsubscribe address is not https.
    """
    sender = encode_address(campaign.sender_address)
    if sender is None:
        raise ParameterError(
            "Expected sender_address in the campaign file to be an e-mail address, found "
            f"{campaign.sender_address!r}; mend that line."
        )
    if not campaign.unsubscribe_url.startswith("https://"):
        raise ParameterError(
            "Expected unsubscribe_url in the campaign file to begin with https://, found "
            f"{campaign.unsubscribe_url!r}; mailbox providers take no other."
        )
    return Letterhead(
        campaign_id=campaign.campaign_id,
        sender=sender,
        mailbox=encode_mailbox(campaign.sender_name, sender),
        domain=sender.rpartition("@")[2],
        unsubscribe_url=campaign.unsubscribe_url,
        link_key=read_key("links"),
    )


def compose(
    letterhead: Letterhead, message: Row, content: Row, person: Person, sent_at: dt.datetime
) -> Envelope:
    """Make one message: personal fields filled, headers guarded, bodies encoded.

    Parameters
    ----------
    letterhead : Letterhead
        From `build_letterhead`.
    message, content : Row
        The ledger's message, and its subject and bodies with placeholders.
    person : Person
        Whom it is for.
    sent_at : datetime
        Goes into the Date header.

    Returns
    -------
    Envelope
        The same bytes for the same input, on every attempt.

    Raises
    ------
    ComposeError
        If the address cannot be used or the content cannot be filled.
    """
    recipient = encode_address(person.email)
    if recipient is None:
        raise ComposeError("address not valid")
    link = _unsubscribe_link(letterhead, message.customer_id)
    values = {"first_name": person.first_name or letterhead.neutral_name, "unsubscribe_url": link}
    boundary = f"=_{message.message_key[:32]}"
    try:
        headers = write_headers(
            {
                "From": letterhead.mailbox,
                "To": encode_mailbox(f"{person.first_name} {person.last_name}", recipient),
                "Subject": encode_text(fill(content.subject, values, is_html=False)),
                "Date": format_datetime(sent_at),
                "Message-ID": f"<{message.message_key}@{letterhead.domain}>",
                "List-Unsubscribe": f"<{link}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                "MIME-Version": "1.0",
                "Content-Type": f'multipart/alternative; boundary="{boundary}"',
            }
        )
        parts = [
            _part("plain", fill(content.text, values, is_html=False)),
            _part("html", fill(content.html, values, is_html=True)),
        ]
    except (TemplateError, ValueError):
        raise ComposeError("content cannot be filled") from None
    line = f"--{boundary}".encode()
    body = b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"
    return Envelope(message.message_key, letterhead.sender, recipient, headers + b"\r\n" + body)


def _unsubscribe_link(letterhead: Letterhead, customer_id: str) -> str:
    """Address with a token that tells nothing and cannot be guessed."""
    text = f"unsubscribe|{letterhead.campaign_id}|{customer_id}"
    digest = hmac.new(letterhead.link_key, text.encode(), hashlib.sha256).digest()
    token = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    joint = "&" if "?" in letterhead.unsubscribe_url else "?"
    return f"{letterhead.unsubscribe_url}{joint}t={token}"


def _part(subtype: str, text: str) -> bytes:
    """Encode a body as quoted-printable: readable, and no line above 76 octets."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    encoded = binascii.b2a_qp(lines.encode("utf-8", "replace"), istext=True)
    headers = write_headers(
        {
            "Content-Type": f"text/{subtype}; charset=utf-8",
            "Content-Transfer-Encoding": "quoted-printable",
        }
    )
    return headers + b"\r\n" + encoded.replace(b"\n", b"\r\n")
