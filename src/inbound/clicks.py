"""Clicks that no person made: scanners follow every link of a message, and at once."""

import hashlib
import re
from typing import NamedTuple

import pandas as pd

__all__ = ["BotRules", "classify_agent", "find_bots", "link_digest"]

_MACHINE = re.compile(
    r"bot\b|bot/|crawl|spider|scan|preview|proxy|curl|wget|python|java/|go-http|okhttp|libwww"
    r"|headless|phantom|barracuda|proofpoint|mimecast|symantec|forcepoint|urlcheck|safelinks"
    r"|cloudmark|trendmicro|slurp|facebookexternalhit|whatsapp|telegram|monitor|validator",
    re.IGNORECASE,
)


class BotRules(NamedTuple):
    """When a click counts as a machine's.

    Parameters
    ----------
    burst_links : int, default 3
        So many different links of one message ...
    burst_seconds : float, default 2
        ... within so many seconds.
    least_seconds : float, default 1
        Sooner after the message went out nobody has read it.
    """

    burst_links: int = 3
    burst_seconds: float = 2.0
    least_seconds: float = 1.0


def classify_agent(user_agent: str, method: str = "GET") -> str:
    """Say what kind of program asks: ``person``, ``machine`` or ``none`` that it names.

    Examples
    --------
    >>> classify_agent("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1")
    'person'
    >>> classify_agent("curl/8.5"), classify_agent("")
    ('machine', 'none')
    """
    if not user_agent.strip():
        return "none"
    is_machine = method != "GET" or _MACHINE.search(user_agent[:500])
    return "machine" if is_machine else "person"


def link_digest(target: str) -> str:
    """Tell the links of a message apart, without their addresses."""
    return hashlib.sha256(target.encode()).hexdigest()[:16]


def find_bots(responses: pd.DataFrame, rules: BotRules = BotRules()) -> pd.Series:  # noqa: B008
    """Give the reason why each response counts as a machine's; empty for a person's.

    Parameters
    ----------
    responses : DataFrame
        One row per response, from `read_responses`.
    rules : BotRules

    Returns
    -------
    Series of str
        The first that holds of ``honeypot`` (the link that no person sees was followed, too),
        ``user agent``, ``time to click`` and ``burst``.

    Notes
    -----
    A scanner that behaves like a person passes; so a click is never a reward, and the share of
    machines is told beside every count of clicks.
    """
    clicks = responses["kind"] == "click"
    trapped = set(responses.loc[responses["kind"] == "trap", "message_key"])
    waited = (responses["recorded_at"] - responses["attempted_at"]).dt.total_seconds()
    found = {
        "honeypot": responses["message_key"].isin(trapped),
        "user agent": responses["agent"] != "person",
        "time to click": clicks & (waited < rules.least_seconds),
        "burst": _in_burst(responses[clicks], rules).reindex(responses.index, fill_value=False),
    }
    reasons = pd.Series("", index=responses.index, dtype="str")
    for reason in reversed(found):
        reasons = reasons.mask(found[reason], reason)
    return reasons


def _in_burst(clicks: pd.DataFrame, rules: BotRules) -> pd.Series:
    """Whether a click lies within a window in which many links of its message were followed."""
    marks = pd.Series(False, index=clicks.index)
    window = pd.Timedelta(seconds=rules.burst_seconds)
    for _, own in clicks.sort_values("recorded_at").groupby("message_key"):
        for start in own["recorded_at"]:
            inside = own[(own["recorded_at"] >= start) & (own["recorded_at"] <= start + window)]
            if inside["link"].nunique() >= rules.burst_links:
                marks[inside.index] = True
    return marks
