"""Keyed tokens of customers and the ways to reach them: they outlive what they stand for."""

from collections.abc import Iterable
import hashlib
import hmac
import unicodedata

import phonenumbers

from src.keys import read_key

__all__ = [
    "address_token",
    "field_tokens",
    "normalize_address",
    "normalize_phone",
    "person_token",
    "person_tokens",
    "phone_token",
    "webhook_token",
]


def normalize_address(address: str) -> str:
    """Strip an address and fold the case of its domain; the local part stays as written.

    Examples
    --------
    >>> normalize_address(" Ann@Shop.Example.COM ")
    'Ann@shop.example.com'
    """
    local, at, domain = unicodedata.normalize("NFC", address.strip()).rpartition("@")
    return f"{local}{at}{domain.lower()}"


def normalize_phone(phone: str) -> str:
    """Write a telephone number as E.164; empty if it is none that can be called from abroad.

    Examples
    --------
    >>> normalize_phone("+86 138 0013 8000"), normalize_phone("0049 30 123456")
    ('+8613800138000', '+4930123456')
    >>> normalize_phone("call me")
    ''
    """
    text = unicodedata.normalize("NFKC", phone).strip()
    if text.startswith("00"):
        text = f"+{text[2:]}"
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def address_token(address: str) -> str:
    """Keyed token of a mailbox: case and a +tag do not make another one.

    It outlives the address itself, so that a person who left stays left when a list is
    imported again.
    """
    return _token(read_key("suppression"), f"address|{_plain_address(address)}")


def phone_token(phone: str) -> str:
    """Keyed token of a telephone: every spelling of a number makes the same one."""
    return _token(read_key("suppression"), f"phone|{normalize_phone(phone) or phone.strip()}")


def webhook_token(handle: str) -> str:
    """Keyed token of an account on a social network, in a chat or of an app."""
    return _token(read_key("suppression"), f"webhook|{handle.strip()}")


def person_token(customer_id: str) -> str:
    """Keyed token of a customer, for those whose address is not known."""
    return _token(read_key("suppression"), f"customer|{customer_id}")


def person_tokens(customer_ids: Iterable[str]) -> dict[str, str]:
    """Tokens of many customers, the key read once."""
    key = read_key("suppression")
    return {customer_id: _token(key, f"customer|{customer_id}") for customer_id in customer_ids}


def field_tokens(email: str, phone: str, webhook: str) -> dict[str, str | None]:
    """Tokens of the fields through which a person is reached, by column of `people`."""
    return {
        "address_token": address_token(email) if email else None,
        "phone_token": phone_token(phone) if phone else None,
        "webhook_token": webhook_token(webhook) if webhook else None,
    }


def _plain_address(address: str) -> str:
    local, _, domain = normalize_address(address).casefold().rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        pass
    return f"{local.partition('+')[0] or local}@{domain}"


def _token(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()
