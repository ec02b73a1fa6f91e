"""What a status code says of a mailbox: gone for good, not now, or not from us."""

import re

from src.ledger.feedback import FeedbackKind

__all__ = ["judge_reply", "judge_status"]

_ENHANCED = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_PLAIN = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])")
_SOFT_FIVE = {
    (2, 2),
    (2, 3),
    (2, 4),
    (3, 1),
    (3, 2),
    (3, 4),
    (4, 1),
    (4, 2),
    (4, 4),
    (4, 5),
    (4, 6),
    (4, 7),
}
"""Permanent by their first digit, and yet of a day: full, too big, not reached."""
_HARD_PLAIN = {"550", "551", "553"}
_REFUSAL = re.compile(r"(5\d\d) ?([\d.]*) at (RCPT|DATA|body|final dot)")


def judge_status(text: str) -> tuple[FeedbackKind, str]:
    """Judge by an enhanced status code (RFC 3463), or a reply code if there is none.

    Returns
    -------
    kind : FeedbackKind
        4.x.x is SOFT. 5.1.x (address) and 5.2.0, 5.2.1 (mailbox) are HARD, 5.2.2 and what is
        of the system, the network or the size SOFT, 5.6.x and 5.7.x (content, policy) BLOCK. Where
        only the class is known, 5.0.0, the reply code counts, then HARD.
    code : str
        The code it was judged by; empty if there is none, which is SOFT.

    References
    ----------
    .. Vaudreuil, G. (2003). Enhanced Mail System Status Codes. RFC 3463; and its registry.

    Examples
    --------
    >>> [judge_status(text)[0].value for text in ("5.1.1", "5.2.2", "4.2.2", "550 5.7.1", "550")]
    ['hard', 'soft', 'soft', 'block', 'hard']
    """
    found = [(int(a), int(b), int(c)) for a, b, c in _ENHANCED.findall(text)]
    telling = next((one for one in found if one[1:] != (0, 0)), None)
    plain = _PLAIN.search(text)
    if telling is None and plain:
        return _judge_plain(plain[1]), plain[1]
    if telling is None and not found:
        return FeedbackKind.SOFT, ""
    kind, subject, detail = telling or found[0]
    code = f"{kind}.{subject}.{detail}"
    if kind == 4 or (subject, detail) in _SOFT_FIVE:
        return FeedbackKind.SOFT, code
    if subject in (6, 7):
        return FeedbackKind.BLOCK, code
    return FeedbackKind.HARD, code


def judge_reply(reason: str) -> tuple[FeedbackKind, str] | None:
    """Judge a refusal by the reason the ledger keeps; None if no server said it.

    A reply to RCPT speaks of the mailbox; one to the content is a block whatever its code.

    Examples
    --------
    >>> judge_reply("550 5.1.1 at RCPT, mx.example.com")[0].value
    'hard'
    >>> judge_reply("554 at final dot, mx.example.com")[0].value
    'block'
    """
    found = _REFUSAL.match(reason)
    if not found:
        return None
    kind, code = judge_status(f"{found[1]} {found[2]}")
    if found[3] != "RCPT" and not code.startswith(("5.1.", "5.2.")):
        kind = FeedbackKind.BLOCK
    return kind, code


def _judge_plain(code: str) -> FeedbackKind:
    if code in _HARD_PLAIN:
        return FeedbackKind.HARD
    return FeedbackKind.SOFT if code[0] == "4" or code == "552" else FeedbackKind.BLOCK
