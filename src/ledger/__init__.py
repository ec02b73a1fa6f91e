"""The ledger: who is assigned what, who may be contacted, and what became of each message."""

from src.ledger.assignments import record_assignments
from src.ledger.consents import contactable, record_consents, suppress
from src.ledger.messages import message_key, plan_messages
from src.ledger.people import record_people
from src.ledger.queue import resolve
from src.ledger.states import State
from src.ledger.store import Ledger, open_ledger
from src.ledger.views import count_states, read_transitions, send_log, unresolved

__all__ = [
    "Ledger",
    "State",
    "contactable",
    "count_states",
    "message_key",
    "open_ledger",
    "plan_messages",
    "read_transitions",
    "record_assignments",
    "record_consents",
    "record_people",
    "resolve",
    "send_log",
    "suppress",
    "unresolved",
]
