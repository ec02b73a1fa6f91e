"""A campaign file drafted from answers, with a word on each line."""

from collections.abc import Sequence
from dataclasses import dataclass
import json

from pydantic import ValidationError
import yaml

from src.decide.catalogue import Campaign
from src.errors import ParameterError

__all__ = ["Answers", "draft_file"]


@dataclass(frozen=True)
class Answers:
    """What a person says about a new campaign; money in shop currency, shares 0-1."""

    campaign_id: str
    goal: str
    sender_name: str
    sender_address: str
    postal_address: str
    unsubscribe_url: str
    template: str
    channel: str = "email"
    language: str = "en"
    margin_share: float = 0.25
    discount_share: float = 0.0
    discount_value: float = 0.0
    minimum_basket_value: float = 0.0
    coupon_code: str = ""
    benefit: str = ""
    tags: Sequence[str] = ()
    owner: str = ""
    legal_footer: str = ""
    cost_value: float = 0.02


def draft_file(answers: Answers) -> str:
    """Write a campaign file of one action.

    Raises
    ------
    ParameterError
        If the answers make no campaign; the error names the answer.
    """
    text = "\n".join([*_head(answers), *_action(answers)]) + "\n"
    try:
        Campaign.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ParameterError(
            f"Expected answers that make a campaign, but {place}: {first['msg']} "
            f"(found {str(first.get('input'))!r:.80}); answer that one again."
        ) from None
    return text


def _head(answers: Answers) -> list[str]:
    lines = [
        f"# {answers.campaign_id} · drafted by `campanile campaign new`; read it through",
        f"campaign_id: {answers.campaign_id}",
        f"goal: {_text(answers.goal)}",
        f"channel: {answers.channel}",
        f"language: {answers.language}",
        f"margin_share: {answers.margin_share:g}            # of what the shop receives",
        f"sender_name: {_text(answers.sender_name)}",
        f"sender_address: {_text(answers.sender_address)}",
        f"postal_address: {_text(answers.postal_address)}",
        f"unsubscribe_url: {_text(answers.unsubscribe_url)}",
    ]
    lines += [f"owner: {_text(answers.owner)}"] if answers.owner else []
    lines += [f"legal_footer: {_text(answers.legal_footer)}"] if answers.legal_footer else []
    if answers.tags:
        lines += ["audience:", f"  tags: [{', '.join(answers.tags)}]"]
    return lines


def _action(answers: Answers) -> list[str]:
    fields = {
        "label": _text(answers.goal[:120]),
        "template": answers.template,
        "cost_value": f"{answers.cost_value:g}          # of one message",
        "discount_share": f"{answers.discount_share:g}" if answers.discount_share else "",
        "discount_value": f"{answers.discount_value:g}" if answers.discount_value else "",
        "minimum_basket_value": (
            f"{answers.minimum_basket_value:g}" if answers.minimum_basket_value else ""
        ),
        "coupon_code": _text(answers.coupon_code) if answers.coupon_code else "",
        "benefit": _text(answers.benefit) if answers.benefit else "",
        "redemption_share": "0.05    # expected; an assumption until redemptions are known",
    }
    lines = [f"    {name}: {value}" for name, value in fields.items() if value]
    return ["actions:                      # `control` (nobody writes) is always an arm",
            "  offer:", *lines]  # fmt: skip


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
