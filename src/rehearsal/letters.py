"""Letters of a campaign: the mail server that takes them, and what their readers do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import select
import yaml

from src.decide.catalogue import Campaign
from src.errors import RehearsalError
from src.ledger import State, count_states, open_ledger, resolve, unresolved
from src.ledger.campaigns import change_limits
from src.ledger.recovery import recover
from src.ledger.schema import messages
from src.rehearsal.answers import Answers, may_act
from src.rehearsal.post import PostOffice, read_letters, read_links
from src.rehearsal.readers import Act, WebPlace, clicks_of, scans_of, unsubscribes_of
from src.rehearsal.rehearsed_shop import Shop
from src.rehearsal.shop import address_of, start_of
from src.send import deliver_in_turn, open_channels
from src.send.clock import Clock

__all__ = [
    "Delivered",
    "act_on_letters",
    "deliver_letters",
    "has_open",
    "prepare_ledger",
    "send_late",
]

_SENT = (State.SENT.value, State.RESOLVED_SENT.value)
_OPEN = {
    State.PLANNED, State.CLAIMED, State.TRANSMITTING, State.DEFERRED, State.UNKNOWN
}  # fmt: skip
_N_CONNECTIONS = 8
_LETTERS = "letters.jsonl"


@contextmanager
def deliver_letters(shop: Shop, campaign: Campaign, truth: Path) -> Iterator[tuple[Path, Path]]:
    """Open the mail server; gives the file of letters it took, and the channel file to it."""
    letters, channel = truth / _LETTERS, shop.folder / "channels" / "rehearsal.yaml"
    acting = may_act(shop.world, shop.customers, campaign.campaign_id, shop.seed)
    dead = {address_of(one) for one in np.flatnonzero(shop.customers.is_dead)}
    office = PostOffice(letters, dead, {address_of(one) for one in np.flatnonzero(acting)})
    with office.open():
        fields = {
            "kind": "smtp",
            "host": "127.0.0.1",
            "port": office.port,
            "tls": "none",
            "n_connections": _N_CONNECTIONS,
            "domain_connections": _N_CONNECTIONS,
            "messages_per_connection": 1000,
        }
        channel.parent.mkdir(parents=True, exist_ok=True)
        channel.write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")
        yield letters, channel


def prepare_ledger(shop: Shop, campaign: Campaign, letters: Path) -> None:
    """Let a campaign go out, and decide by the server's list what a break left open.

    Two people approve a large campaign before it reaches anybody; this one reaches nobody.
    """
    taken = read_letters(letters)
    with open_ledger(shop.folder, shop.ledger_url) as ledger:
        change_limits(ledger, campaign.campaign_id, approval_above=len(shop.customers))
        recover(ledger, campaign.campaign_id, campaign.channel)
        for key in unresolved(ledger, campaign.campaign_id)["message_key"]:
            resolve(ledger, key, key in taken, "rehearsal")


def has_open(shop: Shop, campaign: Campaign) -> bool:
    """Tell whether some message is still on its way, or it is open whether it went out."""
    with open_ledger(shop.folder, shop.ledger_url) as ledger:
        return not _OPEN.isdisjoint(count_states(ledger, campaign.campaign_id))


def send_late(shop: Shop, campaign: Campaign, channel_file: Path, clock: Clock) -> None:
    """Hand over what an earlier pass put off; the clock of 07 stands still, so it never would."""
    with open_ledger(shop.folder, shop.ledger_url) as ledger:
        ways = open_channels("rehearsal", shop.folder / "outbox", campaign, str(channel_file))
        deliver_in_turn(ledger, ways, campaign, clock)


@dataclass(frozen=True)
class Delivered:
    """Letters that really lie in mailboxes.

    Parameters
    ----------
    customer : array of int
        Whose.
    letter : list of str
        As they were taken; empty where nobody acts on them.
    """

    customer: np.ndarray
    letter: list[str]

    @classmethod
    def read(cls, shop: Shop, campaign: Campaign, truth: Path) -> "Delivered":
        """Hold the mail server's list against the ledger.

        Raises
        ------
        RehearsalError
            If a letter was sent twice, or the two disagree.
        """
        taken = read_letters(truth / _LETTERS)
        query = select(messages.c.message_key, messages.c.customer_id).where(
            messages.c.campaign_id == campaign.campaign_id, messages.c.state.in_(_SENT)
        )
        with open_ledger(shop.folder, shop.ledger_url) as ledger, ledger.read() as connection:
            sent = pd.DataFrame(connection.execute(query).all(), columns=["key", "customer_id"])
        twice = sum(letter["n_taken"] > 1 for letter in taken.values())
        if twice or set(sent["key"]) != set(taken):
            raise RehearsalError(
                f"Expected each of {len(sent)} letters once in the mail server, found "
                f"{len(taken)}, {twice} of them more than once."
            )
        sent = sent.assign(customer=shop.place_of(sent["customer_id"])).sort_values("customer")
        return cls(
            sent["customer"].to_numpy(), [taken[key].get("letter", "") for key in sent["key"]]
        )


def act_on_letters(
    shop: Shop, delivered: Delivered, answers: Answers, sent_at: int
) -> dict[int, int]:
    """Let scanners scan and readers click and unsubscribe; counts of the application's answers."""
    letter_of = dict(zip(delivered.customer.tolist(), delivered.letter, strict=True))
    acts: list[Act] = []
    for row in answers.readers.itertuples():
        is_bot = bool(shop.customers.is_bot[row.customer])
        if not (is_bot or row.clicked_at >= 0 or row.left_at >= 0):
            continue
        links = read_links(letter_of[row.customer])
        if is_bot:
            acts += scans_of(links, sent_at)
        if row.clicked_at >= 0:
            acts += clicks_of(links, row.clicked_at)
        if row.left_at >= 0:
            acts += unsubscribes_of(links, row.left_at)
    zero = dt.datetime.combine(start_of(shop.world), dt.time(), dt.UTC)
    with (
        open_ledger(shop.folder, shop.ledger_url) as ledger,
        WebPlace(ledger, zero).open() as web,
    ):
        return web.perform(acts)
