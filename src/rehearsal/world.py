"""What a rehearsed shop is like, and by which law its customers answer a message."""

import datetime as dt
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
import yaml

from src.errors import ParameterError
from src.root import PROJECT_ROOT

__all__ = ["World", "read_world"]

_Share = Annotated[float, Field(ge=0, le=1)]
_Positive = Annotated[float, Field(gt=0)]


class World(BaseModel):
    """A shop and the law of its customers; every field has a default, a file changes some.

    Parameters
    ----------
    meaning : str
        What the world is for, in one sentence.
    first_as_of : str
        ISO date of the first campaign.
    history_weeks : int
        Weeks of orders before it.
    wave_days : int
        Days from one campaign to the next; the window over which each is judged.
    budget_share : float
        Messages of one campaign, as a share of the customers that may be written to.
    orders_per_week, order_value : float
        Mean over customers; both differ from one to the next.
    season_share : float
        How far orders rise and fall over half a year, as a share of the mean.
    refund_share : float
        Share of orders that come back.
    persuadable_share, dog_share, regular_share : float
        Bargain hunters, who come for an offer; sleeping dogs, whom a message drives away; and
        regulars, who come anyway and take the offer along. All others do not care.
    n_extra_orders : mapping from action to float
        Mean extra orders that a message brings from a bargain hunter; of an action that is not
        named, `default`.
    dog_loss_share : float
        Share of the orders of the window that a sleeping dog drops after a message.
    redeem_share : float
        Share of regulars and hunters who take the offer on an order that comes anyway.
    hidden_spread : float
        Coefficient of variation of the effect between customers who look alike.
    off_hour_share : float
        What is left of the effect if a message comes at another time of day than a customer
        reads mails.
    seen_share : float
        Share of delivered messages that are seen at all.
    fatigue_share : float
        What is left of the effect after each earlier message of the last `fatigue_days`.
    fatigue_days : int
        See above.
    delay_days : float
        Mean days from a message to the order it brings.
    p_unsubscribe : float
        Probability that somebody who sees a message takes the permission back; grows by as much
        with each earlier message of the last `fatigue_days`.
    p_click : float
        Probability that somebody who sees a message clicks.
    bot_share : float
        Mailboxes behind a scanner that opens and clicks everything.
    dead_share : float
        Addresses that the mail server refuses.
    duplicate_share : float
        Customers with a second account under the same address.
    no_consent_share : float
        Customers who never agreed to letters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    meaning: str = ""
    first_as_of: str = "2024-07-14"
    history_weeks: Annotated[int, Field(ge=16)] = 28
    wave_days: Annotated[int, Field(ge=7)] = 28
    budget_share: _Share = 0.20
    orders_per_week: _Positive = 0.16
    order_value: _Positive = 45.0
    season_share: _Share = 0.15
    refund_share: _Share = 0.05
    persuadable_share: _Share = 0.15
    dog_share: _Share = 0.12
    regular_share: _Share = 0.20
    n_extra_orders: dict[str, Annotated[float, Field(ge=0, le=1)]] = {
        "ten_percent": 0.60,
        "five_dollars": 0.40,
        "default": 0.50,
    }
    dog_loss_share: _Share = 0.5
    redeem_share: _Share = 0.5
    hidden_spread: _Share = 0.15
    off_hour_share: _Share = 0.8
    seen_share: _Share = 0.9
    fatigue_share: _Share = 0.9
    fatigue_days: Annotated[int, Field(ge=0)] = 42
    delay_days: _Positive = 5.0
    p_unsubscribe: _Share = 0.004
    p_click: _Share = 0.06
    bot_share: _Share = 0.1
    dead_share: _Share = 0.01
    duplicate_share: _Share = 0.02
    no_consent_share: _Share = 0.06

    @field_validator("first_as_of")
    @classmethod
    def _is_a_day(cls, value: str) -> str:
        return str(dt.date.fromisoformat(value))

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if self.persuadable_share + self.dog_share + self.regular_share > 1:
            raise ValueError(
                "persuadable_share, dog_share and regular_share are more than all customers"
            )
        return self

    def extra_orders(self, action: str) -> float:
        """Mean extra orders that an action brings from a bargain hunter who sees it."""
        return self.n_extra_orders.get(action, self.n_extra_orders.get("default", 0.0))


def read_world(file: str) -> World:
    """Read a world file.

    Raises
    ------
    ParameterError
        If there is no such file, or a field is unknown or out of its range.
    """
    path = PROJECT_ROOT / file
    if not Path(path).is_file():
        raise ParameterError(f"Expected a world file at {file}, found none; see params/worlds.")
    try:
        return World.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, ValidationError) as error:
        raise ParameterError(f"Expected a world in {file}, found: {error}") from None
