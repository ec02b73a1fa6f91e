"""Dates that a text names, held against the last day of the offer."""

import datetime as dt
from functools import lru_cache
import re

from src.campaign.offers import Offer, format_date

__all__ = ["find_date_claims", "without_dates"]

_MONTHS = "January February March April May June July August September October November December"
_MONTH = "|".join(f"{month}|{month[:3]}\\.?" for month in _MONTHS.split())
_DAY = r"\d{1,2}"
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ZH_WEEKDAYS = "一二三四五六日"

_DATE = re.compile(
    rf"\b(?P<m1>{_MONTH})\s+(?P<d1>{_DAY})(?:st|nd|rd|th)?\b(?!\s?%)(?:,?\s+(?P<y1>\d{{4}})\b)?"
    rf"|(?<![$€£¥₩₹\w.,])(?P<d2>{_DAY})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m2>{_MONTH})\b"
    r"(?:,?\s+(?P<y2>\d{4})\b)?"
    r"|(?<!\d)(?P<y3>\d{4})-(?P<m3>\d{2})-(?P<d3>\d{2})(?!\d)"
    r"|(?:(?<!\d)(?P<y4>\d{4})\s*年\s*)?(?<!\d)(?P<m4>\d{1,2})\s*月\s*(?P<d4>\d{1,2})\s*[日号]"
    rf"|(?<![$€£¥₩₹\w.,]){_DAY}(?:/{_DAY}(?:/\d{{2,4}})?|\.{_DAY}\.\d{{2,4}})\b(?!%)",
    re.IGNORECASE,
)
_WEEKDAY_BEFORE = re.compile(
    r"\b(mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+(?:the\s+)?$",
    re.IGNORECASE,
)
_WEEKDAY_AFTER = re.compile(r"^\s*[(（]?\s*(?:星期|周)([一二三四五六日天])")
_SOON = (
    r"today|tonight|tomorrow|midnight|(?:this\s+|next\s+)?(?:week(?:end)?|month|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
)
_RELATIVE = re.compile(
    rf"\b(?:ends?|ending|until|till|through|expires?|only|by)\s+(?:on\s+)?(?:{_SOON})\b"
    rf"|\b(?:{_SOON})\s+only\b|\blast\s+day\b"
    r"|(?:仅限|只限|截止|截至|限)(?:到|至|于)?(?:今[天日晚]|明[天日]|本周|本月|周[一二三四五六日天末])"
    r"|(?:今[天日晚]|明[天日]|本周[一二三四五六日天末]?|本月底?|周[一二三四五六日天末])"
    r"(?:截止|结束|为止|到期|止)|最后[一1]天",
    re.IGNORECASE,
)
"""A day that depends on when the message is read; the offer's own day does not."""


@lru_cache(maxsize=4096)
def find_date_claims(text: str, offer: Offer) -> tuple[str, ...]:
    """List dates that are not the offer's last day, and written forms that can be misread.

    A weekday beside the right date must be that date's; a day told from the day of reading,
    such as "ends tomorrow", is never right for everybody.
    """
    wrong = [match[0] for match in _DATE.finditer(text) if not _is_day(match, offer.valid_until)]
    return (*wrong, *(match[0] for match in _RELATIVE.finditer(text)))


def without_dates(text: str) -> str:
    """Take the dates out, so that their numbers are no claims of another kind."""
    return _DATE.sub(" ", text)


def _is_day(match: re.Match, day: dt.date) -> bool:
    def named(letter: str) -> str | None:
        return next((match[f"{letter}{i}"] for i in range(1, 5) if match[f"{letter}{i}"]), None)

    month, number, year = named("m"), named("d"), named("y")
    if not month or not number or not _is_weekday(match, day):
        return False
    is_month = (
        int(month) == day.month if month.isdigit() else month[:3].title() == format_date(day)[:3]
    )
    return is_month and int(number) == day.day and (year is None or int(year) == day.year)


def _is_weekday(match: re.Match, day: dt.date) -> bool:
    """Whether the weekday that stands beside a date, if any, is that of the day."""
    before = _WEEKDAY_BEFORE.search(match.string[: match.start()])
    after = _WEEKDAY_AFTER.search(match.string[match.end() :])
    if before and before[1][:3].lower() != _WEEKDAYS[day.weekday()]:
        return False
    return not after or after[1].replace("天", "日") == _ZH_WEEKDAYS[day.weekday()]
