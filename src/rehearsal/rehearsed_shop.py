"""A shop under rehearsal: its people, its orders as they came to be, its ledger and files."""

from dataclasses import dataclass, field
import datetime as dt
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import URL

from src.data.pseudonyms import pseudonym
from src.errors import RehearsalError
from src.keys import read_key
from src.rehearsal.answers import Answers, apply
from src.rehearsal.baseline import DAY_SECONDS, Orders, draw_baseline
from src.rehearsal.customers import Customers, invent_customers
from src.rehearsal.shop import SHOP, account_names, export_shop, write_source
from src.rehearsal.world import World

__all__ = ["Shop"]

_FIRST_ADDED = 1 << 40


@dataclass
class Shop:
    """What is true of the shop so far.

    Parameters
    ----------
    folder : Path
        Where all of the rehearsal lies.
    world : World
        The law.
    customers : Customers
        Who they are.
    orders : Orders
        All orders, past and future, as they are after the campaigns so far.
    seed : int
        Of all draws.
    redemptions : list of DataFrame
        Offers taken, by campaign.
    letters : list of (int, array of bool)
        When each campaign was sent, and who got a letter.
    exported : str
        Date up to which its files are as things stand; empty if they are not.
    """

    folder: Path
    world: World
    customers: Customers
    orders: Orders
    seed: int
    redemptions: list[pd.DataFrame] = field(default_factory=list)
    letters: list[tuple[int, np.ndarray]] = field(default_factory=list)
    exported: str = ""

    @classmethod
    def invent(
        cls, folder: Path, world: World, n_customers: int, n_waves: int, seed: int
    ) -> "Shop":
        """Draw a shop from nothing."""
        customers = invent_customers(world, n_customers, seed)
        return cls(folder, world, customers, draw_baseline(world, customers, n_waves, seed), seed)

    @property
    def ledger_url(self) -> str:
        """The ledger of all its campaigns."""
        file = self.folder / "ledger" / "ledger.db"
        return URL.create("sqlite", database=str(file)).render_as_string()

    @property
    def source_file(self) -> Path:
        """Its source file, for 01."""
        return self.folder / "shop" / "source.yaml"

    @property
    def n_reachable(self) -> int:
        """Customers who agreed to letters."""
        return int(self.customers.has_consent.sum())

    @property
    def next_order_id(self) -> int:
        """Number of the next order that a message brings."""
        return int(max(self.orders.order_id.max(initial=0) + 1, _FIRST_ADDED))

    def export(self, last_date: str) -> None:
        """Write what its systems know at the end of a day; once, for others may be reading it."""
        if self.exported == last_date:
            return
        columns = ["customer", "at", "campaign_id"]
        taken = pd.concat(self.redemptions) if self.redemptions else pd.DataFrame(columns=columns)
        write_source(self.folder / "shop")
        export_shop(
            self.folder / "shop",
            self.world,
            self.customers,
            self.orders,
            taken,
            dt.date.fromisoformat(last_date),
            self.seed,
        )
        self.exported = last_date

    def take_in(self, answers: Answers, sent_at: int) -> None:
        """Let a campaign have happened."""
        self.exported = ""
        self.orders = apply(answers, self.orders)
        self.redemptions.append(answers.redemptions)
        got = np.zeros(len(self.customers), dtype=bool)
        got[answers.readers["customer"].to_numpy(dtype=int)] = True
        self.letters.append((sent_at, got))

    def recent_messages(self, at: int) -> np.ndarray:
        """Letters that each customer got in the last `fatigue_days`."""
        since = at - self.world.fatigue_days * DAY_SECONDS
        recent = [got for sent_at, got in self.letters if since <= sent_at < at]
        return np.sum(recent, axis=0) if recent else np.zeros(len(self.customers), dtype=int)

    @cached_property
    def _places(self) -> pd.Series:
        key = read_key(SHOP, is_public=True)
        names = account_names(self.customers)
        return pd.Series(names.to_numpy(), [pseudonym(name, key) for name in names.index])

    def place_of(self, customer_ids: pd.Series) -> np.ndarray:
        """Find the place of customers by their pseudonyms.

        Raises
        ------
        RehearsalError
            If one is not of this shop.
        """
        places = self._places.reindex(customer_ids)
        if places.isna().any():
            raise RehearsalError(
                f"Expected customers of the rehearsed shop, found {int(places.isna().sum())} "
                "others; was its key changed meanwhile?"
            )
        return places.to_numpy(dtype=int)
