"""The campaign file: what may be done, what it costs, what it may earn."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
import yaml

from src.errors import ParameterError
from src.stage import PROJECT_ROOT

__all__ = ["CONTROL", "NONE", "Action", "Campaign", "Spending", "read_campaign"]

CONTROL = "control"
NONE = "none"
"""Outside the experiment: not eligible, or in the lasting holdout."""

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
_Share = Annotated[float, Field(ge=0, le=1)]
_Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Action(_Strict):
    """One thing that may be done for a customer: a channel, an offer, an hour, a frequency.

    Costs and discounts are in shop currency; a share is of the order it is redeemed on.
    `p_unsubscribe` is an assumption until the ledger knows better.
    """

    label: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    template: _Name
    cost_value: _Money = 0.0
    discount_share: _Share = 0.0
    discount_ceiling_value: _Money | None = None
    discount_value: _Money = 0.0
    minimum_basket_value: _Money = 0.0
    redemption_share: _Share = 0.0
    p_unsubscribe: _Share = 0.002


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


class Campaign(_Strict):
    """One campaign, as a marketer writes it."""

    campaign_id: _Name
    goal: str
    channel: Literal["email"]
    language: Literal["en"] = "en"
    margin_share: _Share
    sender_name: str
    sender_address: str
    postal_address: str
    unsubscribe_url: str
    lost_value_share: _Share = 0.10
    """Share of a customer's expected value that goes with the permission to write."""
    actions: Annotated[dict[_Name, Action], Field(min_length=1)]
    spending: Spending | None = None

    @property
    def arms(self) -> tuple[str, ...]:
        """All arms of the experiment, control first, then the actions as written."""
        return (CONTROL, *self.actions)


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
            f"(found {first.get('input')!r}); mend that line."
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
