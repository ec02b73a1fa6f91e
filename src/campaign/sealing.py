"""The one way into the outbox: messages are sealed only by the checks they have passed."""

import pandas as pd

from src.campaign.checks import check_messages, require_clean
from src.campaign.message import Facts
from src.ledger.seals import seal

__all__ = ["seal_messages"]


def seal_messages(messages: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Check every message and seal it; the ledger plans no message without this seal.

    Checking is part of it, so that there is no seal for what somebody merely says was checked.

    Parameters
    ----------
    messages : DataFrame
        From `render_messages`.
    facts : Facts
        What they are held against.

    Returns
    -------
    DataFrame
        Table `messages`: the same with the column `seal`.

    Raises
    ------
    TemplateError
        If one breaks a check that is no warning; then none is sealed.
    """
    require_clean(check_messages(messages, facts)[1])
    columns = [messages[name] for name in ("message_key", "action", "content_sha256")]
    return messages.assign(seal=[seal(*row) for row in zip(*columns, strict=True)])
