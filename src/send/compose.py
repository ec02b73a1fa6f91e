"""From a planned message and a person to the bytes that go over the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import datetime as dt
from email.utils import format_datetime
from functools import lru_cache
import re
from typing import Protocol

from src.decide.catalogue import Campaign
from src.errors import MarketingError, ParameterError, TemplateError
from src.keys import read_key
from src.ledger.people import Person
from src.send.body import PreparedLetter, prepare_letter
from src.send.channels import PLAIN, Envelope, Stationery, return_path
from src.send.dkim import sign
from src.send.headers import encode_address, encode_mailbox, encode_text, write_headers
from src.send.links import LinkKind, make_token
from src.send.tracking import Tracking

__all__ = [
    "ComposeError",
    "Content",
    "Letterhead",
    "Planned",
    "build_letterhead",
    "compose",
    "unsubscribe_link",
]

_LINK = re.compile(r"https://((?!=\?)[!#-;=?-~])+")
"""No blank, quote or bracket, and nothing that a reader could decode as an encoded word."""
_PART_HEADERS = (
    "Content-Type: text/{}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
)


class Planned(Protocol):
    """What `compose` needs of the ledger's message."""

    message_key: str
    customer_id: str


class Content(Protocol):
    """Subject and bodies with markers."""

    subject: str
    html: str
    text: str


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
    stationery : Stationery
        Signatures, and the domain that bounces come back to.
    tracking : Tracking, optional
        Where links lead first; None: straight to their targets, and no mark is added.
    """

    campaign_id: str
    sender: str
    mailbox: str
    domain: str
    unsubscribe_url: str
    link_key: bytes = field(repr=False)
    neutral_name: str = "customer"
    stationery: Stationery = PLAIN
    tracking: Tracking | None = None


def build_letterhead(campaign: Campaign, stationery: Stationery = PLAIN) -> Letterhead:
    """Check and encode once what all messages of a campaign share.

    Raises
    ------
    ParameterError
        If the sender's address cannot be used, or the unsubscribe or tracking address is not
        https.
    """
    sender = encode_address(campaign.sender_address)
    if sender is None:
        raise ParameterError(
            "Expected sender_address in the campaign file to be an e-mail address, found "
            f"{campaign.sender_address!r}; mend that line."
        )
    if not _LINK.fullmatch(campaign.unsubscribe_url):
        raise ParameterError(
            "Expected unsubscribe_url in the campaign file to be one address that begins with "
            f"https://, found {campaign.unsubscribe_url!r}; mailbox providers take no other."
        )
    return Letterhead(
        campaign_id=campaign.campaign_id,
        sender=sender,
        mailbox=encode_mailbox(campaign.sender_name, sender),
        domain=sender.rpartition("@")[2],
        unsubscribe_url=campaign.unsubscribe_url,
        link_key=read_key("links"),
        stationery=stationery,
        tracking=_read_tracking(campaign),
    )


def _read_tracking(campaign: Campaign) -> Tracking | None:
    if not campaign.tracking_url:
        return None
    url = campaign.tracking_url.rstrip("/")
    if not _LINK.fullmatch(url) or "?" in url or "#" in url:
        raise ParameterError(
            "Expected tracking_url in the campaign file to be the address of `campanile serve`, "
            f"https:// and nothing behind ? or #, found {campaign.tracking_url!r}; mend that line."
        )
    return Tracking(url, (campaign.unsubscribe_url,))


def compose(
    letterhead: Letterhead,
    message: Planned,
    content: Content,
    person: Person,
    sent_at: dt.datetime,
) -> Envelope:
    """Make one message: personal fields filled, headers guarded, bodies encoded, all signed.

    Parameters
    ----------
    letterhead : Letterhead
        From `build_letterhead`.
    message : Planned
        The ledger's message.
    content : Content
        Its subject and bodies with placeholders.
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
    link = unsubscribe_link(letterhead, message.message_key, sent_at)
    values = {"first_name": person.first_name or letterhead.neutral_name, "unsubscribe_url": link}
    boundary = f"=_{message.message_key[:32]}"
    try:
        letter = prepare_letter(content.subject, content.text, content.html, letterhead.tracking)
        headers = {
            "From": letterhead.mailbox,
            "To": encode_mailbox(f"{person.first_name} {person.last_name}", recipient),
            "Subject": encode_text(letter.subject(values)),
            "Date": _date(sent_at),
            "Message-ID": f"<{message.message_key}@{letterhead.domain}>",
            "List-Unsubscribe": f"<{link}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "MIME-Version": "1.0",
            "Content-Type": f'multipart/alternative; boundary="{boundary}"',
        }
        links = _tracked_links(letterhead, letter, message.message_key, sent_at)
        parts = {"plain": letter.plain.fill(values), "html": letter.html.fill(values | links)}
        octets = _write(headers, _join(boundary, parts), letterhead.stationery, sent_at)
    except (TemplateError, ValueError):
        raise ComposeError("content cannot be filled") from None
    sender = _return_path(letterhead, message.message_key)
    return Envelope(message.message_key, sender, recipient, octets)


def _tracked_links(
    letterhead: Letterhead, letter: PreparedLetter, message_key: str, sent_at: dt.datetime
) -> dict[str, str]:
    tracking, targets = letterhead.tracking, letter.html.links
    if not tracking:
        return {}
    return tracking.links(letterhead.link_key, message_key, sent_at.date(), *targets)


@lru_cache(maxsize=8)
def _date(moment: dt.datetime) -> str:
    """Write a moment as headers do; a group of letters shares it."""
    return format_datetime(moment)


def _write(
    headers: Mapping[str, str], body: bytes, stationery: Stationery, sent_at: dt.datetime
) -> bytes:
    """Guard the headers, put the signatures in front of them, and the body after."""
    block = write_headers(headers)
    signatures = sign(stationery.signers, headers, body, int(sent_at.timestamp()))
    front = b"".join(write_headers({"DKIM-Signature": value}) for value in signatures)
    return front + block + b"\r\n" + body


def _join(boundary: str, parts: Mapping[str, bytes]) -> bytes:
    line = f"--{boundary}"
    pieces = []
    for subtype, encoded in parts.items():
        pieces += f"{line}\r\n{_PART_HEADERS.format(subtype)}".encode("ascii"), encoded, b"\r\n"
    return b"".join([*pieces, f"{line}--\r\n".encode("ascii")])


def _return_path(letterhead: Letterhead, message_key: str) -> str:
    domain = letterhead.stationery.bounce_domain
    return return_path(message_key, domain, letterhead.link_key) if domain else letterhead.sender


def unsubscribe_link(letterhead: Letterhead, message_key: str, sent_at: dt.datetime) -> str:
    """Address with a token that tells nothing and cannot be guessed."""
    token = make_token(LinkKind.LEAVE, letterhead.link_key, message_key, sent_at.date())
    joint = "&" if "?" in letterhead.unsubscribe_url else "?"
    return f"{letterhead.unsubscribe_url}{joint}t={token}"
