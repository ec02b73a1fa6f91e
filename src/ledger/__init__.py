"""The ledger: who is assigned what, who may be contacted, and what became of each message."""

from src.ledger.approvals import approve, check_approved
from src.ledger.assignments import record_assignments
from src.ledger.audit import verify_audit
from src.ledger.campaigns import (
    cancel_campaign,
    is_finished,
    pause_campaign,
    resume_campaign,
    set_limits,
)
from src.ledger.consents import contactable, record_consents
from src.ledger.messages import message_key, plan_messages
from src.ledger.people import record_people
from src.ledger.recovery import resolve
from src.ledger.seals import content_sha256
from src.ledger.states import State
from src.ledger.store import Ledger, open_ledger
from src.ledger.suppressions import suppress
from src.ledger.views import count_states, read_transitions, send_log, unresolved

__all__ = [
    "Ledger",
    "State",
    "approve",
    "cancel_campaign",
    "check_approved",
    "contactable",
    "content_sha256",
    "count_states",
    "is_finished",
    "message_key",
    "open_ledger",
    "pause_campaign",
    "plan_messages",
    "read_transitions",
    "record_assignments",
    "record_consents",
    "record_people",
    "resolve",
    "resume_campaign",
    "send_log",
    "set_limits",
    "suppress",
    "unresolved",
    "verify_audit",
]
