"""The circuit breaker: a wave that draws complaints or bounces is stopped between two batches."""

import datetime as dt
import logging

from sqlalchemy import Connection, func, select

from src.ledger.campaigns import pause_campaign
from src.ledger.feedback import FeedbackKind, FeedbackReport, count_feedback, keep_feedback
from src.ledger.outcomes import Ending
from src.ledger.schema import audit, feedback, messages
from src.ledger.states import Message, State
from src.ledger.store import Ledger
from src.send.refusals import judge_reply

__all__ = ["Breaker", "note_refusals"]

COMPLAINT_WARNS, COMPLAINT_STOPS = 0.001, 0.003
"""Shares of messages handed over. Mailbox providers want less than 0.1 % and never 0.3 %."""

BOUNCE_WARNS, BOUNCE_STOPS = 0.02, 0.05
"""Our own choice: large relays look at senders above 5 %."""

LEAST_FOR_COMPLAINTS, LEAST_FOR_BOUNCES = 1_000, 200
"""Of fewer messages the share is taken as if there were so many: one complaint stops no wave."""

_ACTOR = "circuit breaker"
_HANDED_OVER = [
    state.value
    for state in (State.SENT, State.FAILED, State.UNKNOWN, State.RESOLVED_SENT, State.TRANSMITTING)
]

logger = logging.getLogger(__name__)


class Breaker:
    """Watches one campaign; asked between two batches.

    Parameters
    ----------
    ledger : Ledger
        Where feedback arrives.
    campaign_id : str
        Which campaign.
    """

    def __init__(self, ledger: Ledger, campaign_id: str) -> None:
        self._ledger, self._campaign_id = ledger, campaign_id
        self._seen: dict[str, int] = {}

    def check(self) -> bool:
        """Look at what came back since; at too much of it, pause the campaign.

        Shares only fall while nothing comes back, so messages are counted anew only if
        something did.

        Returns
        -------
        bool
            Whether the wave may go on.
        """
        with self._ledger.read() as connection:
            counts = count_feedback(connection, self._campaign_id)
            if counts == self._seen:
                return True
            self._seen = counts
            query = select(func.count()).where(
                messages.c.campaign_id == self._campaign_id, messages.c.state.in_(_HANDED_OVER)
            )
            n_messages = connection.scalar(query) or 0
        n_bounces = counts.get(FeedbackKind.HARD, 0) + counts.get(FeedbackKind.BLOCK, 0)
        complaints = counts.get(FeedbackKind.COMPLAINT, 0) / max(n_messages, LEAST_FOR_COMPLAINTS)
        bounces = n_bounces / max(n_messages, LEAST_FOR_BOUNCES)
        is_fine = self._judge("complaints", complaints, COMPLAINT_WARNS, COMPLAINT_STOPS)
        return self._judge("bounces", bounces, BOUNCE_WARNS, BOUNCE_STOPS) and is_fine

    def _judge(self, what: str, share: float, warns: float, stops: float) -> bool:
        if share >= stops and self._is_news():
            logger.error("%s: %.2f %% %s; stopped", self._campaign_id, 100 * share, what)
            pause_campaign(self._ledger, self._campaign_id, _ACTOR)
            return False
        if share >= warns:
            logger.warning("%s: %.2f %% %s", self._campaign_id, 100 * share, what)
        return True

    def _is_news(self) -> bool:
        """Whether something came back since a person last let the campaign go on."""
        resumed = select(func.max(audit.c.recorded_at)).where(
            audit.c.action == "switch campaign",
            audit.c.subject == self._campaign_id,
            audit.c.actor != _ACTOR,
        )
        newest = select(func.max(feedback.c.recorded_at)).where(
            feedback.c.campaign_id == self._campaign_id
        )
        with self._ledger.read() as connection:
            resumed_at, newest_at = connection.scalar(resumed), connection.scalar(newest)
        return resumed_at is None or newest_at > resumed_at


def note_refusals(connection: Connection, endings: dict[Message, Ending], now: dt.datetime) -> None:
    """Keep what servers said of mailboxes, in the transaction that writes the refusal.

    A server that refuses a recipient says the same as a bounce that comes back later.
    """
    reports = []
    for row, ending in endings.items():
        judged = judge_reply(ending.reason or "") if ending.state == State.FAILED else None
        if judged is not None:
            reports.append(FeedbackReport(row.message_key, *judged))
    keep_feedback(connection, reports, "server", now)
