"""What a message says of a product: name, price, picture, and where it is sold."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import pandas as pd

from src.campaign.offers import format_amount
from src.campaign.placeholders import plain
from src.campaign.wording import Wording, name_department, name_product

__all__ = ["Hosts", "describe_products", "is_on_hosts", "product_phrases"]

_WAS = {"en": "was", "zh": "原价"}
"""The word before an earlier price, as in the templates' words."""


@dataclass(frozen=True)
class Hosts:
    """Where messages may lead and load from: `links` and `images`, both by https only."""

    links: Sequence[str] = ()
    images: Sequence[str] = ()


def is_on_hosts(address: object, hosts: Sequence[str]) -> bool:
    """Say whether an address of the data is a plain https one of an allowed host.

    Examples
    --------
    >>> is_on_hosts("https://shop.example.com/p/1", ["shop.example.com"])
    True
    >>> is_on_hosts("https://shop.example.com@evil.example/", ["shop.example.com"])
    False
    """
    text = address if isinstance(address, str) else ""
    if not text.isascii() or not text.isprintable() or any(sign in text for sign in " \\@\"'<>"):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme == "https" and parts.hostname in hosts and parts.port in (None, 443)
    except ValueError:
        return False


def describe_products(
    products: pd.DataFrame, wording: Wording, hosts: Hosts, currency: str
) -> dict[str, dict[str, str]]:
    """Put products into words; those that have none, or are never named, are left out.

    Parameters
    ----------
    products : DataFrame
        As for `choose_products`.
    wording : Wording
        Names of products and departments.
    hosts : Hosts
        Of links and pictures; an address elsewhere is not used.
    currency : str
        Code of the shop's currency; empty: no price is shown.

    Returns
    -------
    dict of str to dict
        By `product_id`: `name`, `department`, `initial` and what else is known. An earlier
        price is there only if it is higher than the price.
    """
    has_kind = products["product_type"].notna() | products["category"].notna()
    kinds = products["product_type"].where(has_kind, products["product_name"])
    described = {}
    for row, kind in zip(products.to_dict("records"), kinds, strict=True):
        name = plain(name_product(row["department"], row["category"], kind, wording))
        if not name:
            continue
        item = {
            "name": name,
            "department": plain(name_department(row["department"], wording)),
            "initial": name[:1].upper(),
        }
        described[row["product_id"]] = item | _prices(row, currency) | _addresses(row, hosts)
    return described


def _prices(row: dict, currency: str) -> dict[str, str]:
    price, earlier = row.get("list_value"), row.get("earlier_value")
    if not currency or pd.isna(price) or not price > 0:
        return {}
    shown = {"price": format_amount(price, currency)}
    if not pd.isna(earlier) and round(earlier, 2) > round(price, 2):
        shown["was_price"] = format_amount(earlier, currency)
    return shown


def _addresses(row: dict, hosts: Hosts) -> dict[str, str]:
    allowed = {"product_url": hosts.links, "image_url": hosts.images}
    return {name: row[name] for name, on in allowed.items() if is_on_hosts(row.get(name), on)}


def product_phrases(product: dict[str, str], language: str) -> list[str]:
    """Write a product in all the ways in which a message may show it, with its own price alone.

    A price counts as the data's only right after its product's name: the same amount anywhere
    else is a claim like any other.
    """
    name, department = product["name"], product["department"]
    shown = [name, f"{product['initial']} {name}", department, department.capitalize()]
    if "price" in product:
        price = product["price"]
        if "was_price" in product:
            price = f"{price} {_WAS[language]} {product['was_price']}"
        shown += [f"{name} {price}", f"{name}: {price}"]  # the latter where a link stood between
    return [phrase for phrase in shown if phrase]
