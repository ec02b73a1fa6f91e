"""Merge values per customer: the offer in words, the department, products worth naming."""

from collections.abc import Mapping

import pandas as pd

from src.campaign.offers import Offer, describe_offer, format_date, format_day
from src.campaign.placeholders import PERSONAL_FIELDS, marker, plain
from src.campaign.products import Hosts, describe_products
from src.campaign.wording import Wording, name_department
from src.data.window import days_after, parse_date
from src.decide.catalogue import CONTROL, NONE, Campaign

__all__ = [
    "build_merge_values",
    "choose_departments",
    "choose_products",
    "describe_offers",
    "drop_unmessaged",
]


_REASONS = {
    "you buy it often": "often",
    "you bought it before": "before",
    "often bought with": "together",
    "popular now": "popular",
}
"""How 04e begins a reason, and the word by which templates ask for it."""


def drop_unmessaged(decisions: pd.DataFrame) -> pd.DataFrame:
    """Keep the customers whose action is a message, in order of their pseudonym."""
    is_messaged = ~decisions["action"].isin([CONTROL, NONE])
    return decisions[is_messaged].sort_values("customer_id").reset_index(drop=True)


def describe_offers(
    campaign: Campaign, as_of_date: str, valid_days: int, currency: str
) -> dict[str, Offer]:
    """Put every action of the campaign into words and numbers.

    Parameters
    ----------
    campaign : Campaign
        The campaign file.
    as_of_date : str
        Offers run from here.
    valid_days : int
        Days until the last day of the offers.
    currency : str
        Code of the shop's currency, such as USD.
    """
    valid_until = parse_date(days_after(as_of_date, valid_days))
    return {
        name: describe_offer(action, valid_until, currency, campaign.language)
        for name, action in campaign.actions.items()
    }


def choose_departments(
    profiles: pd.DataFrame, interests: pd.DataFrame, wording: Wording
) -> pd.Series:
    """Name each customer's favourite department that a message may name.

    Parameters
    ----------
    profiles : DataFrame
        One row per customer: `customer_id`, `top_department`.
    interests : DataFrame
        One row per customer and department: `spend_value`; used in order of spend where the
        top department is one that is not named, such as fuel.
    wording : Wording
        Names of departments.

    Returns
    -------
    Series of str
        Indexed by `customer_id`; customers without any such department are absent.
    """
    top = profiles[["customer_id", "top_department"]].set_axis(
        ["customer_id", "department"], axis=1
    )
    ranked = interests.sort_values(
        ["customer_id", "spend_value", "department"], ascending=[True, False, True]
    )[["customer_id", "department"]]
    choices = pd.concat([top, ranked], ignore_index=True).dropna(subset=["department"])
    codes = choices["department"].unique()
    names = {code: name_department(code, wording) for code in codes}
    choices["name"] = choices["department"].map(names)
    return (
        choices.dropna(subset=["name"])
        .drop_duplicates("customer_id")
        .set_index("customer_id")["name"]
    )


def choose_products(
    recommendations: pd.DataFrame,
    products: pd.DataFrame,
    wording: Wording,
    n_products: int,
    hosts: Hosts | None = None,
    currency: str = "",
) -> dict[str, list[dict[str, str]]]:
    """Pick each customer's best recommendations that can be named, no name twice.

    Parameters
    ----------
    recommendations : DataFrame
        One row per customer and rank: `customer_id`, `rank`, `product_id`, perhaps `reason`.
    products : DataFrame
        One row per product: `product_id`, `department`, `category`, `product_type`,
        `product_name`; the last is used where the two before it are missing. Perhaps
        `list_value`, `earlier_value` (an earlier price), `product_url` and `image_url`.
    wording : Wording
        Names of products and departments.
    n_products : int
        Products per message at most.
    hosts : Hosts, optional
        Where links and pictures may lead; without, there are none.
    currency : str, optional
        Code of the shop's currency; empty: no price is shown.

    Returns
    -------
    dict of str to list of dict
        For each customer `name`, `department`, `initial` and what else is known of `price`,
        `was_price`, `reason`, `product_url` and `image_url`, best first; possibly fewer than
        asked for.
    """
    known = describe_products(products, wording, hosts or Hosts(), currency)
    named = pd.DataFrame(
        {"product_id": list(known), "name": [item["name"] for item in known.values()]}, dtype="str"
    )
    ranked = recommendations.merge(named, on="product_id")
    ranked = ranked.sort_values(["customer_id", "rank"]).drop_duplicates(["customer_id", "name"])
    chosen = ranked[ranked.groupby("customer_id").cumcount() < n_products]
    reasons = chosen["reason"] if "reason" in chosen else pd.Series("", chosen.index)
    lists: dict[str, list[dict[str, str]]] = {}
    for row, reason in zip(chosen.itertuples(), reasons, strict=True):
        kind = _reason_kind(reason)
        item = known[row.product_id] | ({"reason": kind} if kind else {})
        lists.setdefault(row.customer_id, []).append(item)
    return lists


def build_merge_values(
    campaign: Campaign,
    offer: Offer,
    department: str | None,
    products: list[dict[str, str]],
    shop_url: str,
) -> Mapping[str, object]:
    """Gather all merge fields of one message; personal ones stay markers.

    An absent department, limit or minimum is left empty: the template decides whether it has
    a default.
    """
    return {
        "coupon_code": plain(offer.coupon_code),
        "department": plain(department),
        "legal_footer": plain(campaign.legal_footer),
        "offer_headline": plain(offer.headline),
        "offer_limit": plain(offer.limit),
        "offer_minimum": plain(offer.minimum),
        "postal_address": plain(campaign.postal_address),
        "products": products,
        "sender_name": plain(campaign.sender_name),
        "shop_url": plain(shop_url),
        "valid_day": format_day(offer.valid_until, offer.language),
        "valid_until": format_date(offer.valid_until, offer.language),
    } | {field: marker(field) for field in PERSONAL_FIELDS}


def _reason_kind(reason: object) -> str:
    text = plain(reason)
    return next((kind for start, kind in _REASONS.items() if text.startswith(start)), "")
