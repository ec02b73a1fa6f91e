"""Campaigns in the ledger: whether they run, their limits, and who changed what."""

from collections.abc import Sequence
import datetime as dt
from enum import StrEnum

from sqlalchemy import Connection, Row, func, insert, select, update

from src.errors import LedgerError, ParameterError
from src.ledger.audit import append_audit, audited
from src.ledger.history import move
from src.ledger.schema import campaigns, messages
from src.ledger.states import CLAIMABLE, TERMINAL, Message, State
from src.ledger.store import Ledger, chunks

__all__ = [
    "APPROVAL_ABOVE",
    "MICRO",
    "CampaignState",
    "cancel_campaign",
    "change_campaign",
    "change_limits",
    "count_planned",
    "is_finished",
    "lock_campaign",
    "pause_campaign",
    "register_campaign",
    "resume_campaign",
    "set_limits",
    "to_micro",
]

APPROVAL_ABOVE = 1_000
"""A live campaign with more messages than this needs the approval of two people."""

MICRO = 1_000_000
"""Money is counted in millionths: a text message costs fractions of a cent, and sums are exact."""

_COLUMNS = [messages.c[name] for name in Message._fields]


class CampaignState(StrEnum):
    """Whether messages of a campaign may be claimed."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"


def to_micro(value: float | None) -> int | None:
    """Turn shop currency into millionths.

    Examples
    --------
    >>> to_micro(0.0079)
    7900
    """
    if value is None:
        return None
    if not 0 <= value < 1e12:
        raise ParameterError(f"Expected an amount of at least 0, found {value}; mend it.")
    return round(value * MICRO)


def register_campaign(connection: Connection, campaign_id: str, now: dt.datetime) -> None:
    """Enter a campaign with defaults, unless it is known."""
    query = select(campaigns.c.campaign_id).where(campaigns.c.campaign_id == campaign_id)
    if connection.scalar(query) is not None:
        return
    connection.execute(
        insert(campaigns).values(
            campaign_id=campaign_id,
            state=CampaignState.RUNNING.value,
            version=1,
            n_messages=0,
            approval_above=APPROVAL_ABOVE,
            spent_micro=0,
            max_attempts=100,
            first_seconds=900.0,
            multiplier=3.0,
            cap_seconds=14_400.0,
            max_age_seconds=259_200.0,
            registered_at=now,
        )
    )


def count_planned(connection: Connection, campaign_ids: Sequence[str], now: dt.datetime) -> None:
    """Note that messages of campaigns were planned: one id per message."""
    for campaign_id in sorted(set(campaign_ids)):
        register_campaign(connection, campaign_id, now)
        n_new = campaign_ids.count(campaign_id)
        connection.execute(
            update(campaigns)
            .where(campaigns.c.campaign_id == campaign_id)
            .values(
                n_messages=campaigns.c.n_messages + n_new,
                version=campaigns.c.version + 1,
            )
        )


def lock_campaign(connection: Connection, campaign_id: str) -> Row | None:
    """Read a campaign and hold it until the transaction ends."""
    query = select(campaigns).where(campaigns.c.campaign_id == campaign_id)
    return connection.execute(query.with_for_update()).one_or_none()


def change_campaign(ledger: Ledger, campaign_id: str, actor: str = "", **changes: object) -> None:
    """Change columns of a campaign; approvals given before no longer count.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    campaign_id : str
        Which campaign; entered if it is new.
    actor : str, default ""
        Who changes it; empty: the account that runs this.
    **changes
        New values, by column.
    """

    def change(connection: Connection) -> None:
        register_campaign(connection, campaign_id, ledger.now())
        found = lock_campaign(connection, campaign_id)
        new = {name: v for name, v in changes.items() if getattr(found, name) != v}
        if not new:
            return
        connection.execute(
            update(campaigns)
            .where(campaigns.c.campaign_id == campaign_id)
            .values(version=campaigns.c.version + 1, **new)
        )
        told = {name: v.isoformat() if isinstance(v, dt.datetime) else v for name, v in new.items()}
        append_audit(connection, ledger.now(), actor, "change campaign", campaign_id, told)

    audited(ledger, change)


def set_limits(
    ledger: Ledger,
    campaign_id: str,
    expires_at: dt.datetime | None = None,
    budget_value: float | None = None,
    approval_above: int = APPROVAL_ABOVE,
    actor: str = "",
) -> None:
    """Set what a campaign may do.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    campaign_id : str
        Which campaign; entered if it is new.
    expires_at : datetime, optional
        No message is sent from then on; what still waits is CANCELLED. On the run's clock.
    budget_value : float, optional
        What its messages may cost in all, shop currency.
    approval_above : int, default 1,000
        More messages than this need two approvals before they go to people.
    actor : str, default ""
        Who sets it; empty: the account that runs this.
    """
    limits = _limits(expires_at, budget_value, approval_above)
    change_campaign(ledger, campaign_id, actor, **limits)


def change_limits(
    ledger: Ledger,
    campaign_id: str,
    expires_at: dt.datetime | None = None,
    budget_value: float | None = None,
    approval_above: int | None = None,
    actor: str = "",
) -> None:
    """Set some limits of a campaign, as `set_limits` does; what is None stays as it is."""
    limits = _limits(expires_at, budget_value, approval_above)
    given = {name: value for name, value in limits.items() if value is not None}
    change_campaign(ledger, campaign_id, actor, **given)


def _limits(
    expires_at: dt.datetime | None, budget_value: float | None, approval_above: int | None
) -> dict[str, object]:
    if approval_above is not None and approval_above < 0:
        raise ParameterError(f"Expected approval_above of at least 0, found {approval_above}.")
    budget = to_micro(budget_value)
    return {"expires_at": expires_at, "budget_micro": budget, "approval_above": approval_above}


def pause_campaign(ledger: Ledger, campaign_id: str, actor: str = "") -> int:
    """Stop claims; what is claimed goes back to the queue, what is being handed over ends.

    Returns
    -------
    int
        Claims that were taken back.
    """
    return _switch(ledger, campaign_id, actor, CampaignState.PAUSED)


def resume_campaign(ledger: Ledger, campaign_id: str, actor: str = "") -> int:
    """Let claims go on after a pause."""
    return _switch(ledger, campaign_id, actor, CampaignState.RUNNING)


def cancel_campaign(ledger: Ledger, campaign_id: str, actor: str = "") -> int:
    """Call a campaign off for good: all that waits is CANCELLED.

    Returns
    -------
    int
        Messages that were called off.
    """
    return _switch(ledger, campaign_id, actor, CampaignState.CANCELLED)


def is_finished(ledger: Ledger, campaign_id: str) -> bool:
    """Whether every message has come to its end: none waits, is under way or is UNKNOWN."""
    query = select(func.count()).where(
        messages.c.campaign_id == campaign_id,
        messages.c.state.not_in([state.value for state in TERMINAL]),
    )
    with ledger.read() as connection:
        return not connection.scalar(query)


def _switch(ledger: Ledger, campaign_id: str, actor: str, state: CampaignState) -> int:
    def switch(connection: Connection) -> int:
        found = lock_campaign(connection, campaign_id)
        if found is None or found.state == CampaignState.CANCELLED:
            raise LedgerError(
                f"Expected a campaign {campaign_id} that is not called off, found "
                f"{'none' if found is None else 'one that is'}; look at its messages with "
                "campanile who."
            )
        if found.state == state:
            return 0
        rows = update(campaigns).where(campaigns.c.campaign_id == campaign_id)
        connection.execute(rows.values(state=state.value))
        n_moved = _stop(connection, campaign_id, state, ledger.now())
        told = {"from": found.state, "to": state.value, "n_messages": n_moved}
        append_audit(connection, ledger.now(), actor, "switch campaign", campaign_id, told)
        return n_moved

    return audited(ledger, switch)


def _stop(connection: Connection, campaign_id: str, state: CampaignState, now: dt.datetime) -> int:
    if state == CampaignState.RUNNING:
        return 0
    is_off = state == CampaignState.CANCELLED
    stopped = {State.CLAIMED} | (CLAIMABLE if is_off else frozenset())
    query = (
        select(*_COLUMNS)
        .where(
            messages.c.campaign_id == campaign_id,
            messages.c.state.in_([one.value for one in stopped]),
        )
        .order_by(messages.c.message_key)
        .with_for_update()
    )
    rows = [Message._make(row) for row in connection.execute(query)]
    new = State.CANCELLED if is_off else State.PLANNED
    reason = "campaign called off" if is_off else "campaign paused"
    for piece in chunks(rows):
        move(connection, piece, new, now, reason, leased_until=None)
    return len(rows)
