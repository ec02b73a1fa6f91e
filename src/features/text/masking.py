"""Personal data taken out of a text before anybody reads it."""

import re

import phonenumbers

from src.errors import ParameterError
from src.features.text.prepare import plain_text

__all__ = ["NO_REGION", "mask_personal_data"]

NO_REGION = "ZZ"
"""Region under which only phone numbers with a country code are known by their form."""

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢"
    "姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_TITLES = "先生|女士|小姐|太太|经理|老师|师傅|医生"
_ENDINGS = "com|net|org|cn|io|de|co|uk|fr|info|shop|me|top|cc|ru|eu|app"
_NUMERAL = "[零〇一二三四五六七八九幺]"
_SALUTATIONS = "Dear|Hi|Hello|Hey|Mr|Mrs|Ms|Miss|Dr|Herr|Frau|named|called|name is|regards|signed"

# What a later pattern would tear apart goes first. Each repetition has an end and none is within
# another, so that a hostile text takes no longer than another.
_ADDRESSES = (
    (r"(?:https?|ftp)://\S{1,500}|\bwww\.\S{1,500}", "[link]"),
    (
        r"[\w.%+\-]{1,64} ?(?:[@＠]|[\[(]at[\])]) ?[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,5}",
        "[e-mail]",
    ),
    (r"[@＠][\w.\-]{1,64}", "[name]"),
    (
        rf"(?<![\w.\-])[a-z0-9\-]{{1,63}}(?:\.[a-z0-9\-]{{1,63}}){{0,4}}\.(?:{_ENDINGS})\b"
        r"(?:/\S{0,500})?",
        "[link]",
    ),
    (
        r"(?:微信|威信|\bvx|wechat|whatsapp|telegram|\bqq)(?:号|群|id)? ?[:：是]? ?"
        r"[a-z0-9_\-]{5,40}",
        "[contact]",
    ),
    (
        r"(?:订单|单号|运单|\border|\btracking|\binvoice|\bticket)(?:号码|号|编号| id| no| number)?"
        r"[. :：#]{0,3}(?=[a-z\-]{0,20}\d)[a-z0-9\-]{3,60}",
        "[number]",
    ),
)
_NUMBERS = (
    (r"(?<![\w])\+?\(?\d(?:[ ().\-–—/]{0,2}\d){6,30}(?!\w)", "[number]"),
    (r"\b(?=(?:[a-z\-]{0,30}\d){4})[a-z0-9\-]{6,60}", "[number]"),
    (r"\d{5,}", "[number]"),
    (rf"{_NUMERAL}{{7,}}", "[number]"),
)
_NAMES = (
    (
        rf"\b((?i:{_SALUTATIONS})\.?,? )[A-Z][\w'’\-]{{1,30}}(?: [A-Z][\w'’\-]{{1,30}}){{0,2}}",
        r"\1[name]",
    ),
    (r"((?:我叫|名叫|叫做|姓名|联系人)[:：是]?)[\u4e00-\u9fff]{2,3}", r"\1[name]"),
    (rf"[{_SURNAMES}][\u4e00-\u9fff]{{0,2}}({_TITLES})", r"[name]\1"),
)
_BEFORE_PHONES = tuple((re.compile(pattern, re.IGNORECASE), mask) for pattern, mask in _ADDRESSES)
_AFTER_PHONES = (
    *((re.compile(pattern, re.IGNORECASE), mask) for pattern, mask in _NUMBERS),
    *((re.compile(pattern), mask) for pattern, mask in _NAMES),
)
_NO_TAGS = str.maketrans("<>", "‹›")


def mask_personal_data(text: str | None, region: str = NO_REGION) -> str:
    """Give a text as people may read it: no markup, and marks in place of personal data.

    Masked are web and e-mail addresses, handles, phone numbers, numbers of orders and parcels,
    any five digits in a row, accounts of messengers, and names after a salutation or before a
    Chinese title. A name without either is not known as one. Masks err on the side of too much.

    Parameters
    ----------
    text : str or None
        As written.
    region : str, default "ZZ"
        Country whose way of writing phone numbers is known besides the international one.

    Returns
    -------
    str
        One line of at most `LONGEST` signs and some marks.

    Raises
    ------
    ParameterError
        If the region is not known.

    Examples
    --------
    >>> mask_personal_data("Dear Anna Smith, call 030 901820-7 or write to a.b@shop.de!", "DE")
    'Dear [name], call [phone] or write to [e-mail]!'
    >>> mask_personal_data("王经理电话13812345678，很热情")
    '[name]经理电话[number]，很热情'
    """
    if region != NO_REGION and region not in phonenumbers.SUPPORTED_REGIONS:
        raise ParameterError(
            f"Expected a country code such as DE as the region of phone numbers, found {region!r}."
        )
    masked = plain_text(text).translate(_NO_TAGS)
    for pattern, mask in _BEFORE_PHONES:
        masked = pattern.sub(mask, masked)
    masked = _mask_phones(masked, region)
    for pattern, mask in _AFTER_PHONES:
        masked = pattern.sub(mask, masked)
    return masked


def _mask_phones(text: str, region: str) -> str:
    known = None if region == NO_REGION else region
    for match in reversed(list(phonenumbers.PhoneNumberMatcher(text, known, max_tries=100))):
        text = f"{text[: match.start]}[phone]{text[match.end :]}"
    return text
