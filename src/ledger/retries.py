"""When a message that was not taken is tried again, and when no more; kept in the ledger."""

from dataclasses import asdict, dataclass
import datetime as dt
import hashlib

from sqlalchemy import Row, select

from src.errors import ParameterError
from src.ledger.campaigns import change_campaign
from src.ledger.outcomes import Ending
from src.ledger.schema import campaigns
from src.ledger.states import Message, State
from src.ledger.store import Ledger

__all__ = ["RetryRules", "read_rules", "rules_of", "set_rules"]

_HOUR = 3600.0


@dataclass(frozen=True)
class RetryRules:
    """Waits between attempts, and their end.

    Parameters
    ----------
    max_attempts : int, default 100
        A message not taken in so many attempts is FAILED.
    first_seconds : float, default 900
        Shortest wait.
    multiplier : float, default 3
        The next wait is drawn between the shortest and the last one times this.
    cap_seconds : float, default 14,400
        Longest wait.
    max_age_seconds : float, default 259,200
        72 hours: from the first attempt on, no marketing message is tried for longer.

    Raises
    ------
    ParameterError
        If a wait would not be positive, or would not grow: a multiplier of 0 has had other
        senders try every hour for ever.
    """

    max_attempts: int = 100
    first_seconds: float = 900.0
    multiplier: float = 3.0
    cap_seconds: float = 4 * _HOUR
    max_age_seconds: float = 72 * _HOUR

    def __post_init__(self) -> None:
        is_sound = (
            self.max_attempts >= 1
            and 0 < self.first_seconds <= self.cap_seconds < float("inf")
            and 1 <= self.multiplier < float("inf")
            and 0 < self.max_age_seconds < float("inf")
        )
        if not is_sound:
            raise ParameterError(
                "Expected at least one attempt, 0 < first_seconds <= cap_seconds, a multiplier of "
                f"at least 1 and a positive max_age_seconds, found {asdict(self)}; mend the one."
            )

    @property
    def late_reason(self) -> str:
        """The reason of a message that was tried for too long."""
        return f"not taken in {self.max_age_seconds / _HOUR:g} h"

    def is_late(self, message: Message, now: dt.datetime) -> bool:
        """Whether a message that waits for another attempt has grown too old for it."""
        if message.state != State.DEFERRED or message.first_tried_at is None:
            return False
        return (now - message.first_tried_at).total_seconds() >= self.max_age_seconds

    def wait_seconds(self, message_key: str, attempt: int) -> float:
        r"""Wait after an attempt: decorrelated jitter, drawn from the message's own key.

        .. math:: w_k = \min\{c,\ b + u_k (m\,w_{k-1} - b)\},\quad w_0 = b

        with shortest wait b, longest c, multiplier m, and u uniform in [0, 1). The same message
        and attempt give the same wait on every machine, so that a run can be repeated.

        References
        ----------
        .. Brooker, M. (2015). Exponential backoff and jitter. AWS Architecture Blog.
        """
        wait = self.first_seconds
        for k in range(1, attempt + 1):
            spread = self.multiplier * wait - self.first_seconds
            wait = min(self.cap_seconds, self.first_seconds + _uniform(message_key, k) * spread)
        return wait

    def ending(
        self, message: Message, now: dt.datetime, reason: str | None = "not taken yet"
    ) -> Ending:
        """End an attempt that was certainly not taken: DEFERRED, or FAILED once it is enough."""
        if message.attempt >= self.max_attempts:
            return Ending(State.FAILED, f"not taken in {message.attempt} attempts")
        wait = dt.timedelta(seconds=self.wait_seconds(message.message_key, message.attempt))
        started = message.first_tried_at or now
        if (now + wait - started).total_seconds() >= self.max_age_seconds:
            return Ending(State.FAILED, self.late_reason)
        return Ending(State.DEFERRED, reason, now + wait)


def read_rules(ledger: Ledger, campaign_id: str) -> RetryRules:
    """Give the rules of a campaign; the defaults if it is not known yet."""
    with ledger.read() as connection:
        query = select(campaigns).where(campaigns.c.campaign_id == campaign_id)
        found = connection.execute(query).one_or_none()
    return rules_of(found) if found else RetryRules()


def set_rules(ledger: Ledger, campaign_id: str, rules: RetryRules, actor: str = "") -> None:
    """Change the rules of a campaign; they hold from the next ending on, in every process."""
    change_campaign(ledger, campaign_id, actor, **asdict(rules))


def rules_of(campaign: Row) -> RetryRules:
    """Take the rules from a row of `campaigns`."""
    names = RetryRules.__dataclass_fields__
    return RetryRules(**{name: getattr(campaign, name) for name in names})


def _uniform(message_key: str, attempt: int) -> float:
    digest = hashlib.blake2b(f"{message_key}|{attempt}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53
