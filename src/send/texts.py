"""Text messages and calls to push, chat and social services: from a plan and a person to bytes."""

import datetime as dt
import json

from src.campaign.placeholders import fill
from src.errors import TemplateError
from src.ledger.people import Person
from src.ledger.tokens import normalize_phone
from src.send.channels import Envelope
from src.send.compose import ComposeError, Content, Letterhead, Planned, unsubscribe_link

__all__ = ["COMPOSERS", "compose_call", "compose_text"]


def compose_text(
    letterhead: Letterhead,
    message: Planned,
    content: Content,
    person: Person,
    sent_at: dt.datetime,
) -> Envelope:
    """Make one text message: the planned text, its way out included, personal fields filled.

    Raises
    ------
    ComposeError
        If there is no telephone number that can be called, or the content cannot be filled.
    """
    number = normalize_phone(person.phone)
    if not number:
        raise ComposeError("telephone number not valid")
    try:
        text = fill(content.text, _values(letterhead, message, person, sent_at), is_html=False)
        octets = text.encode("utf-8")
    except (TemplateError, ValueError):
        raise ComposeError("content cannot be filled") from None
    if not text.strip():
        raise ComposeError("content is empty")
    return Envelope(message.message_key, "", number, octets)


def compose_call(
    letterhead: Letterhead,
    message: Planned,
    content: Content,
    person: Person,
    sent_at: dt.datetime,
) -> Envelope:
    """Make one call: a JSON object of the planned fields, and the account they are for.

    The plan is read as JSON first and its texts are filled one by one, so that no value can
    add a field or end a text, whatever signs it holds.

    Raises
    ------
    ComposeError
        If no account is known, or the content is no object of texts or cannot be filled.
    """
    account = person.webhook.strip()
    if not account or not account.isprintable():
        raise ComposeError("account not valid")
    values = _values(letterhead, message, person, sent_at)
    try:
        planned = _fields(content.text)
        fields = {name: fill(text, values, is_html=False) for name, text in planned.items()}
        addressee = {} if "://" in account else {"to": account}
        payload = {"message_id": message.message_key, **addressee, "fields": fields}
        octets = json.dumps(payload, ensure_ascii=False).encode("utf-8")
    except (TemplateError, ValueError, RecursionError):
        raise ComposeError("content cannot be filled") from None
    return Envelope(message.message_key, "", account, octets)


COMPOSERS = {"sms": compose_text, "push": compose_call, "social": compose_call}
"""By channel; all others are letters."""


def _values(
    letterhead: Letterhead, message: Planned, person: Person, sent_at: dt.datetime
) -> dict[str, str]:
    return {
        "first_name": person.first_name or letterhead.neutral_name,
        "unsubscribe_url": unsubscribe_link(letterhead, message.message_key, sent_at),
    }


def _fields(text: str) -> dict[str, str]:
    """Read the planned fields; only an object of texts is one."""
    fields = json.loads(text)
    is_flat = isinstance(fields, dict) and all(isinstance(one, str) for one in fields.values())
    if not is_flat or not fields:
        raise ValueError("no object of texts")
    return fields
