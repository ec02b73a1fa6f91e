"""What an action promises, in words and as the numbers that a message may say."""

from dataclasses import dataclass
import datetime as dt

from src.decide.catalogue import Action
from src.errors import ParameterError

__all__ = ["Offer", "describe_offer", "format_amount", "format_date", "format_day", "format_share"]

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
    language : str, default "en"
        In which the promise is worded.
    benefit, coupon_code : str
        What it gives beside a discount, in words; the code that redeems it. Often empty.
    stock : int, optional
        How many there are of it; without, no message may speak of what is left.
    """

    headline: str
    limit: str
    minimum: str
    valid_until: dt.date
    percents: frozenset[float]
    amounts: frozenset[float]
    language: str = "en"
    benefit: str = ""
    coupon_code: str = ""
    stock: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it gives nothing: a message of news or service alone."""
        return not self.headline

    @property
    def promises(self) -> tuple[str, ...]:
        """What the message has to say word for word; without a gift, nothing."""
        if self.is_empty:
            return ()
        day = format_date(self.valid_until, self.language)
        stated = (self.headline, self.limit, self.minimum, day, self.coupon_code)
        return tuple(promise for promise in stated if promise)


def describe_offer(
    action: Action, valid_until: dt.date, currency: str, language: str = "en"
) -> Offer:
    """Put an action of the campaign file into words and numbers.

    Examples
    --------
    >>> action = Action(label="x", template="x", discount_share=0.2, minimum_basket_value=40)
    >>> [describe_offer(action, dt.date(2017, 10, 28), "CNY", l).headline for l in ("en", "zh")]
    ['20% off', '8折']
    """
    percent, ceiling = round(action.discount_share * 100, 6), action.discount_ceiling_value or 0.0
    gifts = _gifts(action, currency, language)
    amounts = (action.discount_value, ceiling, action.minimum_basket_value)
    return Offer(
        headline=(" plus " if language == "en" else "，再享").join(gifts),
        limit=format_amount(ceiling, currency) if percent and ceiling else "",
        minimum=(
            format_amount(action.minimum_basket_value, currency)
            if action.minimum_basket_value
            else ""
        ),
        valid_until=valid_until,
        percents=frozenset({percent} if percent else ()),
        amounts=frozenset(amount for amount in amounts if amount),
        language=language,
        benefit=action.benefit,
        coupon_code=action.coupon_code,
        stock=action.stock,
    )


def _gifts(action: Action, currency: str, language: str) -> list[str]:
    gifts = []
    if action.discount_share:
        share = format_share(action.discount_share, language)
        gifts.append(f"{share} off" if language == "en" else share)
    if action.discount_value:
        amount = format_amount(action.discount_value, currency)
        gifts.append(f"{amount} off" if language == "en" else f"立减{amount}")
    return [*gifts, action.benefit] if action.benefit else gifts


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


def format_share(share: float, language: str = "en") -> str:
    """Write a discount as a percentage; in Chinese as what is left to pay, in tenths.

    Examples
    --------
    >>> format_share(0.10), format_share(0.125), format_share(0.2, "zh"), format_share(0.15, "zh")
    ('10%', '12.5%', '8折', '8.5折')
    """
    if language == "zh":
        return f"{round((1 - share) * 10, 6):g}折"
    return f"{round(share * 100, 6):g}%"


def format_date(date: dt.date, language: str = "en") -> str:
    """Write a date without room for a wrong reading, whatever the machine's locale.

    Examples
    --------
    >>> format_date(dt.date(2017, 10, 28)), format_date(dt.date(2017, 10, 28), "zh")
    ('October 28, 2017', '2017年10月28日')
    """
    if language == "zh":
        return f"{date.year}年{date.month}月{date.day}日"
    return f"{_MONTHS[date.month - 1]} {date.day}, {date.year}"


def format_day(date: dt.date, language: str = "en") -> str:
    """Write a date without its year.

    Examples
    --------
    >>> format_day(dt.date(2017, 10, 28)), format_day(dt.date(2017, 10, 28), "zh")
    ('October 28', '10月28日')
    """
    if language == "zh":
        return f"{date.month}月{date.day}日"
    return f"{_MONTHS[date.month - 1]} {date.day}"
