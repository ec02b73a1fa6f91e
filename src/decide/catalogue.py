"""The campaign file: who may get what, by which channel, what it costs, what it may earn."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
import yaml

from src.errors import ParameterError
from src.root import PROJECT_ROOT

__all__ = [
    "CHANNELS",
    "CONTROL",
    "NONE",
    "Action",
    "Audience",
    "Campaign",
    "Override",
    "SendingWindow",
    "Spending",
    "Variant",
    "arm_name",
    "family_of",
    "read_campaign",
]

CONTROL = "control"
NONE = "none"
"""Outside the experiment: not eligible, or in the lasting holdout."""

CHANNELS = ("email", "sms", "push", "social")
_Channel = Literal["email", "sms", "push", "social"]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_JOINT = "__"
"""Stands between an action and one of its variants in the name of an arm."""


def _no_control_signs(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has a line break or a hidden sign; write one line")
    return text


_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
_Share = Annotated[float, Field(ge=0, le=1)]
_Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Line = Annotated[str, StringConstraints(max_length=300), AfterValidator(_no_control_signs)]
_Hour = Annotated[int, Field(strict=True, ge=0, le=24)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Audience(_Strict):
    """Whom the campaign is for; what is left out asks nothing.

    A customer belongs to it who carries one of `tags` and none of `without_tags`, is in one of
    `segments`, and of whom `rule`, a condition on the columns of `profiles` as in the file of
    tags, is true.
    """

    tags: tuple[_Name, ...] = ()
    without_tags: tuple[_Name, ...] = ()
    segments: tuple[_Line, ...] = ()
    rule: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] = ""


class SendingWindow(_Strict):
    """When messages may leave: from the first to the last date, on these days, in these hours.

    Hours are the customer's own where their zone is known; `from_hour` 9 and `to_hour` 20 mean
    from 9:00 until just before 20:00. Dates are inclusive; left out, there is no such bound.
    """

    start_date: dt.date | None = None
    end_date: dt.date | None = None
    from_hour: _Hour = 0
    to_hour: _Hour = 24
    weekdays: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = WEEKDAYS

    @model_validator(mode="after")
    def _is_open(self) -> Self:
        if self.from_hour >= self.to_hour:
            raise ValueError("from_hour must lie before to_hour")
        if not self.weekdays or len(set(self.weekdays)) < len(self.weekdays):
            raise ValueError("weekdays must name at least one day, and none twice")
        if self.start_date and self.end_date and self.end_date < self.start_date:
            raise ValueError("end_date must not lie before start_date")
        return self

    def is_open_at(self, moment: dt.datetime) -> bool:
        """Say whether a message may leave at a moment of the customer's own clock.

        Examples
        --------
        >>> window = SendingWindow(from_hour=9, to_hour=20, weekdays=("mon",))
        >>> [window.is_open_at(dt.datetime(2017, 10, 2, hour)) for hour in (8, 9, 19, 20)]
        [False, True, True, False]
        """
        day = moment.date()
        return (
            (self.start_date is None or self.start_date <= day)
            and (self.end_date is None or day <= self.end_date)
            and WEEKDAYS[day.weekday()] in self.weekdays
            and self.from_hour <= moment.hour < self.to_hour
        )


class Override(_Strict):
    """A word that the list of a country holds back, let through by a person, with the reason.

    `evidence` says where the fact is proven, if the list asks for that.
    """

    word: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=300)]
    reviewer: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=80)]
    evidence: _Line = ""


class Variant(_Strict):
    """One way to say the same offer: slots of the template with other words.

    A slot may hold merge fields, nothing else of a template. `label` is for those who compare.
    """

    label: _Line = ""
    slots: dict[_Name, _Line] = {}


class Action(_Strict):
    """One thing that may be done for a customer: a channel, an offer, an hour, a frequency.

    Costs and discounts are in shop currency; a share is of the order it is redeemed on.
    `p_unsubscribe` is an assumption until the ledger knows better. `channel` is the campaign's
    where left out. `benefit` is what the offer gives beside a discount, such as free shipping, in
    the words that its messages use; what it costs belongs into `cost_value`. An action of several
    `variants` stands for as many arms. Only where `stock` says how many there are may a message
    speak of what is left. The margin is the campaign's alone: outcomes of two arms compare only
    if reckoned alike.
    """

    label: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    template: _Name
    channel: _Channel | None = None
    cost_value: _Money = 0.0
    discount_share: _Share = 0.0
    discount_ceiling_value: _Money | None = None
    discount_value: _Money = 0.0
    minimum_basket_value: _Money = 0.0
    coupon_code: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{0,24}$")] = ""
    benefit: _Line = ""
    stock: Annotated[int, Field(strict=True, ge=1)] | None = None
    products_from: Literal["recommendations", "cart", "bought", "none"] = "recommendations"
    redemption_share: _Share = 0.0
    p_unsubscribe: _Share = 0.002
    variants: dict[_Name, Variant] = {}

    @property
    def slots(self) -> dict[str, str]:
        """Words that its one variant puts in place of the template's; of an arm, not of a file."""
        return dict(next(iter(self.variants.values())).slots) if len(self.variants) == 1 else {}


class Spending(_Strict):
    """What a campaign must keep; what is left out has no limit.

    Budgets are in shop currency and count messages and the discounts expected to be redeemed.
    `channel_budgets` go by channel, `capacities` (customers) by channel or action, `min_shares`
    by segment: the share of its customers in the experiment who get some action. Of every group
    of `fairness_by`, a column of `profiles`, the share that gets an action is at least
    `fairness_floor` of everybody's.
    """

    total_budget: _Money | None = None
    channel_budgets: dict[_Name, _Money] = {}
    capacities: dict[_Name, Annotated[int, Field(ge=0)]] = {}
    min_shares: dict[str, _Share] = {}
    fairness_floor: _Share = 0.0
    fairness_by: _Name | None = None

    @model_validator(mode="after")
    def _fairness_has_groups(self) -> Self:
        if self.fairness_floor and self.fairness_by is None:
            raise ValueError("fairness_floor needs fairness_by, the column that names the groups")
        return self


def arm_name(action: str, variant: str) -> str:
    """Name the arm of one variant of an action.

    Examples
    --------
    >>> arm_name("ten_percent", "warm")
    'ten_percent__warm'
    """
    return f"{action}{_JOINT}{variant}"


def family_of(arm: str) -> str:
    """Give the action of the campaign file that an arm comes from.

    Examples
    --------
    >>> family_of("ten_percent__warm"), family_of("five_dollars")
    ('ten_percent', 'five_dollars')
    """
    return arm.partition(_JOINT)[0]


def _expand(actions: dict[str, Action]) -> dict[str, Action]:
    """Put one action per variant in place of an action of several; again, it changes nothing."""
    arms: dict[str, Action] = {}
    for name, action in actions.items():
        is_arm = len(action.variants) == 1 and name.endswith(_JOINT + next(iter(action.variants)))
        if _JOINT in name and not is_arm:
            raise ValueError(f"{name!r} has {_JOINT!r}, which stands before the name of a variant")
        if len(action.variants) < 2:
            arms[name] = action
            continue
        for variant, words in action.variants.items():
            label = f"{action.label} ({words.label or variant.replace('_', ' ')})"
            changes = {"label": label, "variants": {variant: words}}
            arms[arm_name(name, variant)] = action.model_copy(update=changes)
    too_long = [name for name in arms if len(name) > 64]
    if too_long:
        raise ValueError(f"{too_long[0]!r} is longer than 64 signs; shorten action or variant")
    return arms


_ActionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
_Actions = Annotated[dict[_ActionName, Action], Field(min_length=1), AfterValidator(_expand)]


class Campaign(_Strict):
    """One campaign, as a marketer writes it; `actions` are its arms, variants told apart."""

    campaign_id: _Name
    goal: str
    owner: _Line = ""
    channel: _Channel = "email"
    language: Literal["en", "zh"] = "en"
    country: Annotated[str, StringConstraints(pattern=r"^([a-z]{2})?$")] = ""
    """Whose rules on words apply; left out, China's for Chinese, those of the USA else."""
    overrides: tuple[Override, ...] = ()
    margin_share: _Share
    sender_name: str
    sender_address: str
    postal_address: str
    unsubscribe_url: str
    tracking_url: str = ""
    """Address of `campanile serve`, through which links of e-mails lead; left out, none does."""
    legal_footer: _Line = ""
    lost_value_share: _Share = 0.10
    """Share of a customer's expected value that goes with the permission to write."""
    holdout_share: _Share = 0.0
    """Least share left alone; the shop's lasting holdout counts towards it."""
    audience: Audience = Audience()
    sending: SendingWindow = SendingWindow()
    actions: _Actions
    spending: Spending | None = None

    @property
    def arms(self) -> tuple[str, ...]:
        """All arms of the experiment, control first, then the actions as written."""
        return (CONTROL, *self.actions)

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels of its actions, in the order in which they come up."""
        return tuple(dict.fromkeys(self.channel_of(name) for name in self.actions))

    def channel_of(self, arm: str) -> str:
        """Channel by which an arm goes out."""
        return self.actions[arm].channel or self.channel


def read_campaign(path: str) -> Campaign:
    """Read and check a campaign file; a relative path starts at the project root.

    Raises
    ------
    ParameterError
        If the file is missing, is no YAML, or has an unknown, missing or impossible field.
    """
    file = PROJECT_ROOT / path
    if not file.is_file():
        raise ParameterError(f"Expected a campaign file at {path}, found none; check run.campaign.")
    try:
        campaign = Campaign.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise ParameterError(f"Expected YAML in {path}, found an error{_place(error)}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ParameterError(
            f"Expected a valid campaign in {path}, but {place}: {first['msg']} "
            f"(found {str(first.get('input'))!r:.120}); mend that line."
        ) from None
    clash = {CONTROL, NONE} & set(campaign.actions)
    if clash:
        raise ParameterError(
            f"Expected other action names than {sorted(clash)} in {path}: reserved."
        )
    return campaign


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" at line {mark.line + 1}" if mark else ""
