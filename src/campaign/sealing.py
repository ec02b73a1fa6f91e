"""The one way into the outbox: messages are sealed only by the checks they have passed."""

import pandas as pd

from src.campaign.checks import check_messages, require_clean
from src.campaign.message import Facts
from src.ledger.seals import seal

__all__ = ["CheckedMessages", "seal_messages"]


class CheckedMessages:
    """Messages that were checked, kept as they were then; only such are sealed.

    Parameters
    ----------
    messages : DataFrame
        From `render_messages`. A copy is kept: what is done to the frame afterwards is not sealed.
    facts : Facts
        What they are held against.

    Attributes
    ----------
    summary, faults : DataFrame
        From `check_messages`.
    """

    def __init__(self, messages: pd.DataFrame, facts: Facts) -> None:
        self._messages = messages.copy()
        self._summary, self._faults = check_messages(self._messages, facts)

    @property
    def summary(self) -> pd.DataFrame:
        """Give how many messages broke each check."""
        return self._summary.copy()

    @property
    def faults(self) -> pd.DataFrame:
        """Give every fault that was found."""
        return self._faults.copy()

    def seal(self) -> pd.DataFrame:
        """Seal every message; the ledger plans no message without this seal.

        Returns
        -------
        DataFrame
            Table `messages`: what was checked, with the column `seal`.

        Raises
        ------
        TemplateError
            If one breaks a check that is no warning; then none is sealed.
        """
        require_clean(self._faults)
        columns = [self._messages[name] for name in ("message_key", "action", "content_sha256")]
        seals = [seal(*row) for row in zip(*columns, strict=True)]
        return self._messages.assign(seal=seals)


def seal_messages(messages: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Check every message and seal it, at once; raises as `CheckedMessages.seal`."""
    return CheckedMessages(messages, facts).seal()
