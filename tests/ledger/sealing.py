"""Messages as 06 hands them on, for tests of what comes after the checks."""

import pandas as pd

from src.ledger import content_sha256
from src.ledger.seals import seal


def sealed(messages: pd.DataFrame) -> pd.DataFrame:
    """Hash what the messages say and seal them, as if checks had passed."""
    parts = [messages[name] for name in ("subject", "html", "text")]
    hashed = messages.assign(
        content_sha256=[content_sha256(*row) for row in zip(*parts, strict=True)]
    )
    rows = zip(hashed["message_key"], hashed["action"], hashed["content_sha256"], strict=True)
    return hashed.assign(seal=[seal(*row) for row in rows])
