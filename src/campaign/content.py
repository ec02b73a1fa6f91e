"""Merge values per customer: the offer in words, the department, products worth naming."""

from collections.abc import Mapping

import pandas as pd

from src.campaign.offers import Offer, describe_offer, format_date
from src.campaign.placeholders import PERSONAL_FIELDS, marker, plain
from src.campaign.wording import Wording, name_department, name_product
from src.data.window import days_after, parse_date
from src.decide.catalogue import CONTROL, NONE, Campaign

__all__ = [
    "build_merge_values",
    "choose_departments",
    "choose_products",
    "describe_offers",
    "drop_unmessaged",
]


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
    recommendations: pd.DataFrame, products: pd.DataFrame, wording: Wording, n_products: int
) -> dict[str, list[dict[str, str]]]:
    """Pick each customer's best recommendations that can be named, no name twice.

    Parameters
    ----------
    recommendations : DataFrame
        One row per customer and rank: `customer_id`, `rank`, `product_id`.
    products : DataFrame
        One row per product: `product_id`, `department`, `category`, `product_type`,
        `product_name`; the last is used where the two before it are missing.
    wording : Wording
        Names of products and departments.
    n_products : int
        Products per message at most.

    Returns
    -------
    dict of str to list of dict
        For each customer `name`, `department` and `initial`, best first; possibly fewer than
        asked for.
    """
    has_kind = products["product_type"].notna() | products["category"].notna()
    kinds = products["product_type"].where(has_kind, products["product_name"])
    named = products[["product_id"]].assign(
        name=[
            name_product(row.department, row.category, kind, wording)
            for row, kind in zip(products.itertuples(), kinds, strict=True)
        ],
        department=[name_department(code, wording) for code in products["department"]],
    )
    ranked = recommendations.merge(named.dropna(subset=["name"]), on="product_id")
    ranked = ranked.sort_values(["customer_id", "rank"]).drop_duplicates(["customer_id", "name"])
    chosen = ranked[ranked.groupby("customer_id").cumcount() < n_products]
    lists: dict[str, list[dict[str, str]]] = {}
    for row in chosen.itertuples():
        lists.setdefault(row.customer_id, []).append(
            {
                "name": plain(row.name),
                "department": plain(row.department),
                "initial": plain(row.name)[:1].upper(),
            }
        )
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
    valid_until = format_date(offer.valid_until)
    return {
        "department": plain(department),
        "offer_headline": plain(offer.headline),
        "offer_limit": plain(offer.limit),
        "offer_minimum": plain(offer.minimum),
        "postal_address": plain(campaign.postal_address),
        "products": products,
        "sender_name": plain(campaign.sender_name),
        "shop_url": plain(shop_url),
        "valid_day": valid_until.partition(",")[0],
        "valid_until": valid_until,
    } | {field: marker(field) for field in PERSONAL_FIELDS}
