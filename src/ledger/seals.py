"""Seals of planned messages: whoever checked these very words says so, and nobody else can."""

import hashlib
import hmac

import pandas as pd

from src.errors import LedgerError
from src.keys import read_key
from src.ledger.store import check_columns

__all__ = ["check_seals", "content_sha256", "seal"]

_CONTENT = ("subject", "html", "text", "content_sha256")
_SEALED = ("message_key", "action", "content_sha256", "seal")


def content_sha256(subject: str, html: str, text: str) -> str:
    """Hash what a message says, so that any later change of it shows."""
    return hashlib.sha256("\0".join((subject, html, text)).encode()).hexdigest()


def seal(message_key: str, action: str, content_sha256: str) -> str:
    """Seal a message that has passed its checks; `campaign.sealing` alone may do so.

    Keyed by a key of the installation, since a hash alone could be made by anybody who writes
    a table. The message key stands for campaign, step, customer and channel.

    Parameters
    ----------
    message_key, action, content_sha256 : str
        Of the message.

    Returns
    -------
    str of 64 hexadecimal digits
    """
    return _seal(read_key("seal"), message_key, action, content_sha256)


def check_seals(planned: pd.DataFrame) -> None:
    """Refuse messages that nobody checked, or that were changed since.

    Parameters
    ----------
    planned : DataFrame
        Table `messages` of 06_campaign.

    Raises
    ------
    LedgerError
        If a content is not what its hash says, or a seal is missing or of another message,
        action or content.
    SchemaError
        If a column is missing, such as that of the seals.
    """
    check_columns(planned, (*_CONTENT, *_SEALED))
    said = _rows(_distinct(planned, _CONTENT), _CONTENT)
    changed = [row for row in said if content_sha256(*row[:3]) != row[3]]
    if changed:
        raise LedgerError(
            "Expected every message to say what its hash was taken of, found another content "
            f"under {len(changed)} hashes (first: {changed[0][3][:12]}…); run 06_campaign again."
        )
    key = read_key("seal") if len(planned) else b""
    wrong = [row for row in _rows(planned, _SEALED) if not _is_sealed(key, *row)]
    if wrong:
        raise LedgerError(
            f"Expected the seal of the checks on every message, but {len(wrong)} of {len(planned)} "
            f"lack it (first: {wrong[0][0][:12]}…), so nobody knows what they say; run "
            "06_campaign, which checks and seals."
        )


def _distinct(planned: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """One row of each combination: long texts are compared as they lie, never row by row."""
    codes = {name: pd.factorize(planned[name])[0] for name in names}
    is_repeated = pd.DataFrame(codes, index=planned.index).duplicated()
    return planned.loc[~is_repeated, list(names)]


def _rows(planned: pd.DataFrame, names: tuple[str, ...]) -> list[tuple]:
    columns = [planned[name].astype(object).fillna("").tolist() for name in names]
    return list(zip(*columns, strict=True))


def _is_sealed(key: bytes, message_key: str, action: str, content: str, found: object) -> bool:
    expected = _seal(key, message_key, action, content)
    return isinstance(found, str) and hmac.compare_digest(expected.encode(), found.encode())


def _seal(key: bytes, message_key: str, action: str, content_sha256: str) -> str:
    text = f"{message_key}|{action}|{content_sha256}"
    return hmac.digest(key, text.encode(), hashlib.sha256).hex()
