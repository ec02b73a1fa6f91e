"""Secrets by reference: a source file names an environment variable, never its value."""

from collections.abc import Iterator
import os

from src.errors import ConfigurationError, ParameterError
from src.sources.config import Source

__all__ = ["check_secrets", "read_secret", "without_secrets"]

_HIDDEN = "***"


def read_secret(reference: str) -> str:
    """Value of a secret such as ``env/SHOP_DB``.

    Raises
    ------
    ConfigurationError
        If the environment does not have it.
    """
    value = os.environ.get(reference.removeprefix("env/"))
    if not value:
        raise ConfigurationError(
            f"Expected the secret {reference} in the environment, found none; set the variable "
            f"{reference.removeprefix('env/')} before you start."
        )
    return value


def check_secrets(path: str, source: Source) -> None:
    """See that every secret a source file names is there, without showing any.

    Raises
    ------
    ParameterError
        If one is missing.
    """
    for place, reference in _references(source):
        if not os.environ.get(reference.removeprefix("env/")):
            raise ParameterError(
                f"Expected the secret {reference} that {place} of {path} names in the environment, "
                f"found none; set the variable {reference.removeprefix('env/')}."
            )


def without_secrets(text: str, secrets: list[str]) -> str:
    """Take secrets out of a text, as of an error message of a driver."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text


def _references(source: Source) -> Iterator[tuple[str, str]]:
    places = dict(source.tables)
    if not isinstance(source.people, str):
        places["people"] = source.people
    for place, table in places.items():
        secret = getattr(table.origin, "secret", None)
        if secret:
            yield place, secret
        for name, value in getattr(table.origin, "arguments", {}).items():
            if isinstance(value, str) and value.startswith("env/"):
                yield f"{place}.dlt.arguments.{name}", value
