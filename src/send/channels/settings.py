"""Channel files: params/channels/<name>.yaml, with secrets by reference."""

import os
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
import yaml

from src.errors import ConfigurationError, ParameterError
from src.root import PROJECT_ROOT

__all__ = [
    "ChannelSettings",
    "DkimSettings",
    "SecretReference",
    "SmsSettings",
    "SmtpSettings",
    "WebhookSettings",
    "check_settings",
    "read_channel_file",
]

_PREFIX = "env:"
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
_HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
_Seconds = Annotated[float, Field(gt=0, le=3600)]
_Count = Annotated[int, Field(ge=1, le=1_000_000)]
_Rate = Annotated[float, Field(gt=0, le=100_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SecretReference(_Strict):
    """Name of the environment variable that holds a secret, written ``env:NAME``."""

    variable: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, str) and value.startswith(_PREFIX):
            return {"variable": value.removeprefix(_PREFIX)}
        if isinstance(value, dict):
            return value
        raise ValueError("write env:NAME, where NAME is the environment variable with the secret")

    def read(self) -> str:
        """Look the secret up.

        Raises
        ------
        ConfigurationError
            If the variable is not set.
        """
        if not os.environ.get(self.variable):
            raise ConfigurationError(
                f"Expected a secret in the environment variable {self.variable}, found none; "
                "nothing was sent: set it and send again."
            )
        return os.environ[self.variable]


class DkimSettings(_Strict):
    """A key that letters are signed with; its public half is in the domain's DNS."""

    domain: _HostName
    selector: _HostName
    key: SecretReference


class SmtpSettings(_Strict):
    """A mail server that takes letters.

    `n_connections` bounds what can be UNKNOWN after a crash. The warm-up plan gives the most
    messages of each day from `warm_up_from` on; after its last day there is no such bound.
    """

    kind: Literal["smtp"]
    host: _HostName
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    certificates: str = ""
    username: str = ""
    password: SecretReference | None = None
    own_name: str = ""
    n_connections: Annotated[int, Field(ge=1, le=200)] = 10
    messages_per_connection: _Count = 100
    command_seconds: _Seconds = 60.0
    final_seconds: _Seconds = 600.0
    per_second: _Rate | None = None
    domain_connections: _Count = 10
    domain_per_second: _Rate | None = None
    warm_up: tuple[_Count, ...] = ()
    warm_up_from: str = ""
    bounce_domain: str = ""
    dkim: tuple[DkimSettings, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> "SmtpSettings":
        if bool(self.username) != bool(self.password):
            raise ValueError("give both username and password, or neither")
        if self.password and self.tls == "none":
            raise ValueError("a password is sent over an encrypted connection only; set tls")
        if bool(self.warm_up) != bool(self.warm_up_from):
            raise ValueError("give both warm_up and warm_up_from, or neither")
        return self


class SmsSettings(_Strict):
    """A gateway for text messages over HTTPS."""

    kind: Literal["sms"]
    provider: Literal["generic", "twilio"]
    url: str
    sender: str
    account: str = ""
    token: SecretReference
    n_at_once: Annotated[int, Field(ge=1, le=50)] = 8
    seconds: _Seconds = 10.0
    allow_loopback: bool = False


class WebhookSettings(_Strict):
    """Signed calls to the addresses that customers or partners gave: push, chat, social.

    Where people are known by an account and not by an address, the calls go to `url`.
    """

    kind: Literal["webhook"]
    url: str = ""
    secret: SecretReference
    n_at_once: Annotated[int, Field(ge=1, le=50)] = 8
    seconds: _Seconds = 10.0
    allow_loopback: bool = False


ChannelSettings = SmtpSettings | SmsSettings | WebhookSettings
_KINDS = {"smtp": SmtpSettings, "sms": SmsSettings, "webhook": WebhookSettings}


def read_channel_file(path: str) -> dict:
    """Read a channel file as it stands; a relative path starts at the project root.

    Raises
    ------
    ParameterError
        If it is missing, is no YAML, or names no kind.
    """
    file = PROJECT_ROOT / path
    if not file.is_file():
        raise ParameterError(
            f"Expected a channel file at {path}, found none; check 07_send.channel."
        )
    try:
        fields = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        raise ParameterError(f"Expected YAML in {path}, found something else.") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("kind"), str):
        raise ParameterError(
            f"Expected a line kind: … in {path}, found none; name the channel's kind."
        )
    return fields


def check_settings(fields: dict, path: str = "the channel file") -> ChannelSettings:
    """Check the fields of a channel file against its kind.

    Raises
    ------
    ParameterError
        If a field is unknown, missing or impossible. The text holds no value.
    """
    try:
        return _KINDS[fields["kind"]].model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ParameterError(
            f"Expected a valid channel in {path}, but {place}: {first['msg']}; mend that line."
        ) from None
