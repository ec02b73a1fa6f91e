"""What an action promises, in words and as the numbers that a message may say."""

from dataclasses import dataclass
import datetime as dt

from src.decide.catalogue import Action
from src.errors import ParameterError

__all__ = ["Offer", "describe_offer", "format_amount", "format_date", "format_share"]

_SIGNS = {"CNY": "¥", "EUR": "€", "GBP": "£", "JPY": "¥", "USD": "$"}
_MONTHS = (
    "January February March April May June July August September October November December".split()
)


@dataclass(frozen=True)
class Offer:
    """One action's promise.

    Parameters
    ----------
    headline, limit, minimum : str
        `10% off`; `$6`, the most it can save; `$40`, the basket from which it holds. Empty
        where the action has none.
    valid_until : datetime.date
        Last day of the offer.
    percents, amounts : frozenset of float
        All percentages and amounts of money that its message may name.
    """

    headline: str
    limit: str
    minimum: str
    valid_until: dt.date
    percents: frozenset[float]
    amounts: frozenset[float]

    @property
    def promises(self) -> tuple[str, ...]:
        """What the message has to say word for word."""
        stated = (self.headline, self.limit, self.minimum, format_date(self.valid_until))
        return tuple(promise for promise in stated if promise)


def describe_offer(action: Action, valid_until: dt.date, currency: str) -> Offer:
    """Put an action of the campaign file into words and numbers."""
    percent, ceiling = round(action.discount_share * 100, 6), action.discount_ceiling_value or 0.0
    gifts = []
    if percent:
        gifts.append(f"{format_share(action.discount_share)} off")
    if action.discount_value:
        gifts.append(f"{format_amount(action.discount_value, currency)} off")
    amounts = (action.discount_value, ceiling, action.minimum_basket_value)
    return Offer(
        headline=" plus ".join(gifts),
        limit=format_amount(ceiling, currency) if percent and ceiling else "",
        minimum=(
            format_amount(action.minimum_basket_value, currency)
            if action.minimum_basket_value
            else ""
        ),
        valid_until=valid_until,
        percents=frozenset({percent} if percent else ()),
        amounts=frozenset(amount for amount in amounts if amount),
    )


def format_amount(value: float, currency: str) -> str:
    """Write an amount of money; whole amounts without cents.

    Examples
    --------
    >>> format_amount(5.0, "USD"), format_amount(1234.5, "EUR"), format_amount(8, "CHF")
    ('$5', '€1,234.50', 'CHF 8')
    """
    if len(currency) != 3 or not currency.isalpha() or not currency.isupper():
        raise ParameterError(f"Expected a currency such as 'USD', found {currency!r}.")
    digits = f"{value:,.2f}".removesuffix(".00")
    return f"{_SIGNS[currency]}{digits}" if currency in _SIGNS else f"{currency} {digits}"


def format_share(share: float) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> format_share(0.10), format_share(0.125)
    ('10%', '12.5%')
    """
    return f"{round(share * 100, 6):g}%"


def format_date(date: dt.date) -> str:
    """Write a date without room for a wrong reading, whatever the machine's locale.

    Examples
    --------
    >>> format_date(dt.date(2017, 10, 28))
    'October 28, 2017'
    """
    return f"{_MONTHS[date.month - 1]} {date.day}, {date.year}"
