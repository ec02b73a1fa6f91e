"""What people wish: to be left alone, or to get some messages and not others."""

from typing import NamedTuple

import pandas as pd
from sqlalchemy import select

from src.ledger.consents import consent_denials, record_consents, withdraw_consent
from src.ledger.schema import consents
from src.ledger.states import Message
from src.ledger.store import Ledger
from src.ledger.suppressions import (
    EVERY_CHANNEL,
    find_sharing,
    find_suppressed,
    read_tokens,
    suppress,
    wait_until_still,
)

__all__ = ["Choice", "change_choices", "leave", "read_choices", "stop_everything"]

_ONE_CLICK = "one-click unsubscribe"
_PAGE = "preference page"
_WORDING = "preference page: messages of this purpose on this channel"


class Choice(NamedTuple):
    """One channel and purpose: on, off, or stopped for good."""

    channel: str
    purpose: str
    is_on: bool
    is_stopped: bool

    @property
    def name(self) -> str:
        """Name in the form."""
        return f"{self.channel}.{self.purpose}"


def leave(ledger: Ledger, message: Message, patience_seconds: float = 10.0) -> bool:
    """Take a person off the channel of a message; durable when this returns.

    The mailbox goes on the list of those not to be contacted, so that a list imported later
    does not bring it back; the first time, the refusal is entered as proof.

    Parameters
    ----------
    ledger : Ledger
        Where to keep it.
    message : Message
        The message whose link was used.
    patience_seconds : float, default 10
        How long to wait for a message of theirs that is being handed over.

    Returns
    -------
    bool
        Whether certainly nothing is sent to them any more; else one may be on its way.
    """
    if _suppress(ledger, message.customer_id, message.channel):
        names = message.customer_id, message.channel, message.purpose
        withdraw_consent(ledger, *names, _ONE_CLICK, _WORDING, message.message_key)
    return _is_still(ledger, message.customer_id, message.channel, patience_seconds)


def stop_everything(ledger: Ledger, message: Message, patience_seconds: float = 10.0) -> bool:
    """Take a person off every channel; as `leave` otherwise."""
    _suppress(ledger, message.customer_id, EVERY_CHANNEL)
    return _is_still(ledger, message.customer_id, EVERY_CHANNEL, patience_seconds)


def read_choices(ledger: Ledger, message: Message) -> list[Choice]:
    """List the channels and purposes that a person ever answered for, and the message's own."""
    customer_id = message.customer_id
    query = select(consents.c.channel, consents.c.purpose).where(
        consents.c.customer_id == customer_id
    )
    with ledger.read() as connection:
        pairs = {tuple(row) for row in connection.execute(query)}
        pairs.add((message.channel, message.purpose))
        choices = []
        for channel, purpose in sorted(pairs):
            own = read_tokens(connection, channel, [customer_id])[customer_id]
            is_stopped = bool(find_suppressed(connection, channel, own))
            denials = consent_denials(connection, channel, purpose, [customer_id])
            is_on = not is_stopped and customer_id not in denials
            choices.append(Choice(channel, purpose, is_on, is_stopped))
    return choices


def change_choices(
    ledger: Ledger,
    message: Message,
    shown: set[str],
    kept: set[str],
    patience_seconds: float = 10.0,
) -> bool:
    """Enter what a person changed on the page; what did not change is no new event.

    Parameters
    ----------
    ledger : Ledger
        Where to keep it.
    message : Message
        The message whose link was used.
    shown, kept : set of str
        Names of the choices on the page, and of those that are marked.
    patience_seconds : float, default 10
        As for `leave`.

    Returns
    -------
    bool
        As `leave`.
    """
    is_still = True
    for choice in read_choices(ledger, message):
        if choice.name not in shown or choice.is_stopped:
            continue
        names = message.customer_id, choice.channel, choice.purpose
        if choice.is_on and choice.name not in kept:
            withdraw_consent(ledger, *names, _PAGE, _WORDING, message.message_key)
            ids = [message.customer_id]
            is_still &= wait_until_still(ledger, ids, choice.channel, patience_seconds)
        elif not choice.is_on and choice.name in kept:
            _agree(ledger, names, message.message_key)
    return is_still


def _agree(ledger: Ledger, names: tuple[str, str, str], proof: str) -> None:
    columns = ("customer_id", "channel", "purpose")
    event = dict(zip(columns, names, strict=True)) | {"is_granted": True, "source": _PAGE}
    event |= {"wording": _WORDING, "recorded_at": ledger.now(), "proof": proof}
    record_consents(ledger, pd.DataFrame([event]))


def _suppress(ledger: Ledger, customer_id: str, channel: str) -> int:
    wish = {"customer_id": customer_id, "channel": channel, "reason": "unsubscribed"}
    return suppress(ledger, pd.DataFrame([wish | {"recorded_at": ledger.now()}]))


def _is_still(ledger: Ledger, customer_id: str, channel: str, patience_seconds: float) -> bool:
    """Wait for what is under way to this person, or to another account with the same mailbox."""
    with ledger.read() as connection:
        own = read_tokens(connection, channel, [customer_id])[customer_id]
        sharing = find_sharing(connection, [(token, channel) for token in own])
    ids = {customer_id} | {one for one, _ in sharing}
    return wait_until_still(ledger, sorted(ids), channel, patience_seconds)
