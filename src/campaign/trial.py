"""A campaign tried on invented customers: every arm rendered and checked before a run exists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from src.campaign.checks import check_messages
from src.campaign.content import describe_offers
from src.campaign.message import Facts, gather_facts
from src.campaign.render import render_messages
from src.campaign.templates import TEMPLATES_PATH, load_arms
from src.campaign.wording import Wording
from src.decide.catalogue import Campaign

__all__ = ["Setting", "Trial", "try_campaign"]

_LONG = {
    "en": "Handmade ceramic teapots with bamboo handles, o",
    "zh": "手工竹柄陶瓷茶壶与配套茶杯礼盒装",
}
_NAMES = {
    "en": (("Green tea", "tea"), ("Oat biscuits", "bakery"), ("Honey", "pantry")),
    "zh": (("绿茶", "茶叶"), ("燕麦饼干", "烘焙"), ("蜂蜜", "食品")),
}
_FOREIGN = ("شاي أخضر", "Crème brûlée", "🎂 cake")


@dataclass(frozen=True)
class Setting:
    """What 06 is given beside the campaign file; see the parameters of its notebook."""

    as_of_date: str
    valid_days: int = 28
    currency: str = "USD"
    shop_url: str = "https://shop.example.com/"
    link_hosts: Sequence[str] = ("shop.example.com",)
    image_hosts: Sequence[str] = ()
    wording: Wording = field(default_factory=Wording)


@dataclass(frozen=True)
class Trial:
    """Messages of invented customers, and what the checks say of them.

    `faults` lacks what is only said of a customer without anything of their own.
    """

    messages: pd.DataFrame
    summary: pd.DataFrame
    faults: pd.DataFrame
    facts: Facts

    @property
    def errors(self) -> pd.DataFrame:
        """Faults that would stop 06."""
        return self.faults[~self.faults["is_warning"].astype(bool)]


def try_campaign(campaign: Campaign, setting: Setting, folder: Path = TEMPLATES_PATH) -> Trial:
    """Render and check every arm for four customers: typical, nothing known, long names, foreign.

    Parameters
    ----------
    campaign : Campaign
        The campaign file.
    setting : Setting
        What 06 would be given.
    folder : Path, default `params/templates`
        Where the templates lie.

    Raises
    ------
    TemplateError
        If a template cannot be compiled or filled.
    """
    offers = describe_offers(campaign, setting.as_of_date, setting.valid_days, setting.currency)
    departments, products = _invent(campaign, setting)
    rows = [(f"{kind}_{arm}", arm) for arm in campaign.actions for kind in _KINDS]
    decisions = pd.DataFrame(rows, columns=["customer_id", "action"])
    messages = render_messages(
        decisions, campaign, load_arms(campaign, folder), offers, departments, products,
        setting.shop_url,
    )  # fmt: skip
    facts = gather_facts(
        campaign, offers, departments, products, setting.link_hosts, setting.wording,
        setting.image_hosts,
    )  # fmt: skip
    summary, faults = check_messages(messages, facts)
    faults = faults[faults["check"].ne("no_products")].reset_index(drop=True)
    return Trial(messages, summary, faults, facts)


_KINDS = ("typical", "nothing", "longest", "foreign")


def _invent(
    campaign: Campaign, setting: Setting
) -> tuple[dict[str, str], Mapping[str, list[dict[str, str]]]]:
    """Give each kind of customer departments and products; `nothing` has none."""
    listed = {
        "typical": _NAMES[campaign.language],
        "longest": ((_LONG[campaign.language], _NAMES[campaign.language][0][1]),) * 3,
        "foreign": tuple((name, _NAMES[campaign.language][0][1]) for name in _FOREIGN),
    }
    departments, products = {}, {}
    for arm in campaign.actions:
        for kind, named in listed.items():
            customer_id = f"{kind}_{arm}"
            departments[customer_id] = named[0][1]
            if campaign.actions[arm].products_from != "none":
                products[customer_id] = [_product(name, of) for name, of in named]
    return departments, products


def _product(name: str, department: str) -> dict[str, str]:
    return {"name": name, "department": department, "initial": name[:1].upper()}
