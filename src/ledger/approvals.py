"""Two people for a large audience: no live message goes out before both have said yes."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, Row, insert, select

from src.errors import LedgerError
from src.ledger.audit import account, append_audit, audited
from src.ledger.campaigns import lock_campaign
from src.ledger.schema import approvals, campaigns
from src.ledger.store import Ledger

__all__ = ["DRY_TRANSPORTS", "Approval", "ApprovalError", "approve", "check_approved",
           "require_approval"]  # fmt: skip

DRY_TRANSPORTS = ("maildir", "folder", "memory")
"""Transports that reach nobody."""

_N_PEOPLE = 2


class ApprovalError(LedgerError):
    """A campaign for many people lacks the approval of two."""


class Approval(NamedTuple):
    """How far a campaign is approved, as it stands now."""

    campaign_id: str
    n_messages: int
    approved_by: tuple[str, ...]
    n_needed: int

    @property
    def is_given(self) -> bool:
        """Whether it may go to people."""
        return len(self.approved_by) >= self.n_needed


def approve(ledger: Ledger, campaign_id: str, actor: str = "") -> Approval:
    """Approve a campaign as it stands: its messages, limits and policy.

    Anything planned or changed afterwards makes another version of the campaign, which needs
    approvals of its own. The same person counts once.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    campaign_id : str
        Which campaign.
    actor : str, default ""
        Who approves; empty: the account that runs this.

    Raises
    ------
    LedgerError
        If the campaign has no messages.
    """
    name = actor or account()

    def add(connection: Connection) -> Approval:
        campaign = lock_campaign(connection, campaign_id)
        if campaign is None or not campaign.n_messages:
            raise LedgerError(
                f"Expected planned messages of {campaign_id}, found none; run 06 and 07 first."
            )
        found = _standing(connection, campaign)
        if name in found.approved_by:
            return found
        values = {"version": campaign.version, "n_messages": campaign.n_messages}
        row = {"campaign_id": campaign_id, "actor": name, "approved_at": ledger.now()}
        connection.execute(insert(approvals), [row | values])
        append_audit(connection, ledger.now(), name, "approve campaign", campaign_id, values)
        return found._replace(approved_by=(*found.approved_by, name))

    return audited(ledger, add)


def check_approved(ledger: Ledger, campaign_id: str) -> Approval:
    """Say how far a campaign is approved.

    Raises
    ------
    ApprovalError
        If it needs more approvals than it has.
    """
    with ledger.read() as connection:
        query = select(campaigns).where(campaigns.c.campaign_id == campaign_id)
        campaign = connection.execute(query).one_or_none()
        if campaign is None:
            return Approval(campaign_id, 0, (), 0)
        return _require(_standing(connection, campaign))


def require_approval(connection: Connection, campaign_ids: Iterable[str], transport: str) -> None:
    """Refuse to begin an attempt that reaches people without the approval it needs."""
    if transport in DRY_TRANSPORTS:
        return
    for campaign_id in campaign_ids:
        query = select(campaigns).where(campaigns.c.campaign_id == campaign_id)
        campaign = connection.execute(query).one_or_none()
        if campaign is not None:
            _require(_standing(connection, campaign))


def _standing(connection: Connection, campaign: Row) -> Approval:
    is_needed = campaign.n_messages > campaign.approval_above
    query = (
        select(approvals.c.actor)
        .where(
            approvals.c.campaign_id == campaign.campaign_id,
            approvals.c.version == campaign.version,
        )
        .order_by(approvals.c.actor)
    )
    names = tuple(connection.scalars(query)) if is_needed else ()
    return Approval(campaign.campaign_id, campaign.n_messages, names, _N_PEOPLE if is_needed else 0)


def _require(found: Approval) -> Approval:
    if found.is_given:
        return found
    raise ApprovalError(
        f"Expected {found.n_needed} people to approve the {found.n_messages:,} messages of "
        f"{found.campaign_id} as they stand, found {len(found.approved_by)}; each runs "
        "campanile approve, then send again."
    )
