"""The contact policy of a campaign: from a file into the ledger, the same for all senders."""

import datetime as dt
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
import yaml

from src.errors import ParameterError
from src.ledger.campaigns import change_campaign
from src.ledger.store import Ledger
from src.root import PROJECT_ROOT
from src.send.caps import Cap
from src.send.quiet_hours import QuietHours, find_zone

__all__ = ["ContactPolicy", "parse_policy", "read_contact_policy", "set_contact_policy"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Quiet(_Strict):
    start: dt.time
    end: dt.time

    @field_validator("start", "end")
    @classmethod
    def _is_local(cls, value: dt.time) -> dt.time:
        if value.tzinfo is not None:
            raise ValueError("give the recipient's time of day, without a zone")
        return value


class _Cap(_Strict):
    max_contacts: Annotated[int, Field(ge=1)]
    days: Annotated[float, Field(ge=0, le=3660, allow_inf_nan=False)] = 0.0
    calendar: Literal["", "day", "week", "month"] = ""
    channels: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_one_window(self) -> "_Cap":
        if bool(self.days) == bool(self.calendar):
            raise ValueError("give either days or calendar")
        return self


class ContactPolicy(_Strict):
    """What holds for every message of a campaign, beside consent and suppression.

    Parameters
    ----------
    quiet_hours : optional
        `start` and `end`, local times of day; messages wait for the end.
    shop_zones : tuple of str, default ()
        IANA names. For a recipient whose zone is not known it must be open in all of them;
        with none of them given nothing is sent to such a recipient.
    caps : tuple, default ()
        `max_contacts` in so many `days`, or by `calendar` day, week or month; over all
        `channels`, or some.
    on_cap : {"suppress", "defer"}, default "suppress"
        Whether a message over a cap is dropped, or waits until there is room.
    holdout_share, holdout_salt
        The lasting holdout, as in 05_decide.
    exempt_purposes : tuple of str, default ("transactional",)
        Purposes that quiet hours, caps and holdout do not hold for.
    """

    quiet_hours: _Quiet | None = None
    shop_zones: tuple[str, ...] = ()
    caps: tuple[_Cap, ...] = ()
    on_cap: Literal["suppress", "defer"] = "suppress"
    holdout_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    holdout_salt: str = ""
    exempt_purposes: tuple[str, ...] = ("transactional",)

    @field_validator("shop_zones")
    @classmethod
    def _are_zones(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [name for name in value if find_zone(name) is None]
        if wrong:
            raise ValueError(f"no time zone is called {wrong[0]!r}")
        return value

    @model_validator(mode="after")
    def _has_salt(self) -> "ContactPolicy":
        if self.holdout_share and not self.holdout_salt:
            raise ValueError("a holdout_share needs the holdout_salt of 05_decide")
        return self

    @property
    def quiet(self) -> QuietHours | None:
        """The quiet hours, ready to be asked."""
        found = self.quiet_hours
        return QuietHours(found.start, found.end) if found else None

    @property
    def cap_list(self) -> tuple[Cap, ...]:
        """The caps, ready to be asked."""
        return tuple(Cap(**cap.model_dump()) for cap in self.caps)


def read_contact_policy(path: str) -> ContactPolicy:
    """Read and check a policy file; a relative path starts at the project root.

    Raises
    ------
    ParameterError
        If the file is missing, is no YAML, or has an unknown or impossible field.
    """
    file = PROJECT_ROOT / path
    if not file.is_file():
        raise ParameterError(f"Expected a contact policy at {path}, found none; mend the path.")
    try:
        return ContactPolicy.model_validate(yaml.safe_load(file.read_text("utf-8")) or {})
    except yaml.YAMLError:
        raise ParameterError(f"Expected YAML in {path}, found an error; mend it.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ParameterError(
            f"Expected a valid contact policy in {path}, but {place}: {first['msg']} "
            f"(found {first.get('input')!r}); mend that line."
        ) from None


def set_contact_policy(
    ledger: Ledger, campaign_id: str, policy: ContactPolicy, actor: str = ""
) -> None:
    """Keep the policy of a campaign in the ledger, where every claim reads it."""
    text = policy.model_dump_json(exclude_defaults=True)
    change_campaign(ledger, campaign_id, actor, policy=text)


@lru_cache(maxsize=64)
def parse_policy(text: str | None) -> ContactPolicy:
    """Give the policy that the ledger keeps; the default where it keeps none."""
    return ContactPolicy.model_validate_json(text) if text else ContactPolicy()
