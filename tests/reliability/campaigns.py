"""A small campaign, planned in a ledger: who may be written to, and who may not."""

from dataclasses import dataclass, field
import datetime as dt

import pandas as pd

from src.decide.catalogue import Campaign
from src.ledger import (
    message_key,
    plan_messages,
    record_assignments,
    record_consents,
    record_people,
)
from src.ledger.campaigns import set_limits
from src.ledger.queue import Ending, begin_attempts, claim_messages, finish_attempts
from src.ledger.senders import sending
from src.ledger.states import State
from src.send.contact_policy import ContactPolicy, set_contact_policy
from src.send.policy import find_denials
from tests.ledger.sealing import sealed

__all__ = ["CAMPAIGN", "Plan", "hold_some_back", "key_of", "plan_campaign"]

SAID_AT = pd.Timestamp("2024-01-01T08:00:00Z")
CAMPAIGN = Campaign(
    campaign_id="spring",
    goal="More orders.",
    channel="email",
    margin_share=0.25,
    sender_name="Shop & Söhne",
    sender_address="hello@shop.example.com",
    postal_address="1 Market Square",
    unsubscribe_url="https://shop.example.com/leave",
    actions={"coupon": {"label": "Coupon", "template": "offer"}},
)
POLICY = ContactPolicy.model_validate(
    {
        "quiet_hours": {"start": "21:00", "end": "08:00"},
        "shop_zones": ["Europe/Berlin"],
        "caps": [{"max_contacts": 1, "days": 7}],
    }
)
ASLEEP = "America/Los_Angeles"
"""Where it is one in the morning at the moment of sending."""
_TEXT = "Dear ⟦first_name⟧, an offer for you.\n" + "It holds until Sunday.\n" * 20


@dataclass
class Plan:
    """What was planned: recipient by message key, and those who must not get anything."""

    recipients: dict[str, str]
    forbidden: dict[str, str] = field(default_factory=dict)

    @property
    def allowed(self):
        return sorted(set(self.recipients) - set(self.forbidden))


def key_of(customer_id):
    """Key of a customer's message."""
    return message_key("spring", 1, customer_id, "email")


def plan_campaign(
    ledger, n_customers, address="{}@example.com", is_refusing=lambda i: i % 10 == 9, bad=()
):
    """Plan one message for each of n customers; every tenth has not agreed."""
    ids = [f"c{i:05d}" for i in range(n_customers)]
    frame = pd.DataFrame({"customer_id": ids})
    emails = [dict(bad).get(i, address.format(key)) for i, key in enumerate(ids)]
    record_people(ledger, frame.assign(first_name="Ann", last_name="Lee", email=emails))
    agreed = [not is_refusing(i) for i in range(n_customers)]
    said = {"channel": "email", "purpose": "marketing", "source": "form", "wording": "I agree."}
    record_consents(ledger, frame.assign(**said, is_granted=agreed, recorded_at=SAID_AT))
    drawn = frame.assign(campaign_id="spring", action="coupon", pscore=0.5)
    record_assignments(ledger, drawn.assign(salt="s", policy_version="1", decided_at=SAID_AT))
    text = f"{_TEXT}⟦unsubscribe_url⟧\n"
    content = {"subject": "⟦first_name⟧, for you", "html": f"<p>{text}</p>", "text": text}
    keys = [key_of(customer_id) for customer_id in ids]
    messages = drawn.assign(message_key=keys, step=1, channel="email", template="offer", **content)
    plan_messages(ledger, sealed(messages))
    forbidden = {
        key: "no consent" for key, has_agreed in zip(keys, agreed, strict=True) if not has_agreed
    }
    return Plan(dict(zip(keys, emails, strict=True)), forbidden)


def hold_some_back(ledger, plan, moment):
    """Let it be night where every tenth lives, and let every tenth have had a letter yesterday.

    The campaign ends before their morning, and before the cap has room again: none of them may
    ever be written to, whoever sends, dies or goes on.
    """
    ids = [f"c{i:05d}" for i in range(len(plan.recipients))]
    asleep = [one for i, one in enumerate(ids) if i % 10 == 8]
    written_to = [one for i, one in enumerate(ids) if i % 10 == 7]
    emails = [plan.recipients[key_of(one)] for one in asleep]
    known = {"first_name": "Ann", "last_name": "Lee", "email": emails, "time_zone": ASLEEP}
    record_people(ledger, pd.DataFrame({"customer_id": asleep, **known}))
    set_contact_policy(ledger, "spring", POLICY)
    set_limits(ledger, "spring", expires_at=moment + dt.timedelta(hours=6))
    _write_to(ledger, written_to, moment - dt.timedelta(days=1))
    held = dict.fromkeys(asleep, "quiet") | dict.fromkeys(written_to, "cap")
    plan.forbidden |= {key_of(one): why for one, why in held.items()}


def _write_to(ledger, ids, moment):
    """Send people a letter of an earlier campaign."""
    frame = pd.DataFrame({"customer_id": ids, "campaign_id": "winter", "action": "coupon"})
    drawn = frame.assign(pscore=0.5, salt="s", policy_version="1", decided_at=SAID_AT)
    record_assignments(ledger, drawn)
    keys = [message_key("winter", 1, one, "email") for one in ids]
    content = {"subject": "Hello", "html": "<p>Hello</p>", "text": "Hello"}
    plan_messages(
        ledger, sealed(drawn.assign(message_key=keys, step=1, channel="email", **content))
    )
    with sending(ledger) as sender:
        names = (sender, "winter", "email", find_denials, moment)
        while claims := claim_messages(ledger, *names)[0]:
            begun = begin_attempts(ledger, claims, "memory", moment)
            finish_attempts(ledger, {row: Ending(State.SENT) for row in begun})
