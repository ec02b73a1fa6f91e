"""Checks that every message passes before anything is written: each with name, reason and place."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from src.campaign import claim_faults, form_faults, safety_faults, sender_faults
from src.campaign.form_faults import MAX_HTML_BYTES
from src.campaign.message import Facts, Message
from src.decide.catalogue import CHANNELS
from src.errors import TemplateError

__all__ = ["CHECKS", "MAX_HTML_BYTES", "Check", "check_messages", "find_faults", "require_clean"]

_EMAIL = ("email",)
_SMS = ("sms",)
_PAYLOADS = ("push", "social")


@dataclass(frozen=True)
class Check:
    """One check: `find` yields (place, what was found) for each fault of a message.

    `reason` says what is expected and why; `states` adds what exactly, of this very message.
    """

    name: str
    reason: str
    find: Callable[[Message], Iterable[tuple[str, str]]]
    channels: tuple[str, ...] = CHANNELS
    is_warning: bool = False
    states: Callable[[Message], str] | None = None

    def expected(self, message: Message) -> str:
        """Say what the message should have been."""
        return self.states(message) if self.states else self.reason


def check_messages(messages: pd.DataFrame, facts: Facts) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run every check of its channel on every message.

    Parameters
    ----------
    messages : DataFrame
        Table `messages`; the seal is not looked at.
    facts : Facts
        What they are held against.

    Returns
    -------
    summary : DataFrame
        One row per check: `check`, `reason`, `effect` of a fault, `n_messages` it was asked of,
        `n_faulty` of them.
    faults : DataFrame
        One row per fault: `check`, `is_warning`, `customer_id`, `action`, `place`, `expected`,
        `found`.
    """
    faults, channels = [], []
    for row in messages.itertuples(index=False):
        message = Message(
            row.customer_id,
            row.subject,
            row.html,
            row.text,
            facts.offers[row.action],
            facts,
            row.channel,
        )
        channels.append(row.channel)
        faults += [
            (*fault[:2], row.customer_id, row.action, *fault[2:]) for fault in find_faults(message)
        ]
    columns = ["check", "is_warning", "customer_id", "action", "place", "expected", "found"]
    found = pd.DataFrame(faults, columns=columns)
    n_faulty = found.groupby("check")["customer_id"].nunique()
    summary = pd.DataFrame(
        [(check.name, check.reason, "warns" if check.is_warning else "stops") for check in CHECKS],
        columns=["check", "reason", "effect"],
    )
    summary["n_messages"] = [sum(c in check.channels for c in channels) for check in CHECKS]
    summary["n_faulty"] = [int(n_faulty.get(check.name, 0)) for check in CHECKS]
    return summary, found


def find_faults(message: Message) -> list[tuple[str, bool, str, str, str]]:
    """Run the checks of its channel on one message: check, is_warning, place, expected, found."""
    return [
        (check.name, check.is_warning, place, check.expected(message), found)
        for check in CHECKS
        if message.channel in check.channels
        for place, found in check.find(message)
    ]


def require_clean(faults: pd.DataFrame) -> None:
    """Stop if a message broke a check that is no warning.

    Raises
    ------
    TemplateError
        Naming the first fault: check, place, what was found, action and customer.
    """
    broken = faults[~faults["is_warning"].astype(bool)]
    if broken.empty:
        return
    first = broken.iloc[0]
    raise TemplateError(
        f"Expected every message to pass the check {first['check']!r}, but "
        f"{broken['customer_id'].nunique()} messages break a check; first: {first['found']!r} in "
        f"{first['place']} of {first['action']} for customer {first['customer_id'][:8]}…; "
        "mend the template or the data, nothing was written."
    )


def _offer(message: Message) -> str:
    return claim_faults.describe(message.offer)


def _hosts(message: Message) -> str:
    return f"https to {', '.join(message.facts.link_hosts) or 'no host'}"


def _language(message: Message) -> str:
    return {"en": "English", "zh": "Chinese"}[message.facts.language]


CHECKS = (
    Check(
        "subject_present",
        "A message without a subject looks like spam.",
        form_faults.subject_present,
        ("email", "push"),
    ),
    Check(
        "length",
        "Longer than its channel shows is cut.",
        form_faults.subject_length,
        ("email", *_PAYLOADS),
    ),
    Check("sms_parts", "Each part of an SMS is paid for.", form_faults.sms_parts, _SMS),
    Check(
        "control_signs",
        "Line breaks and hidden signs can forge headers.",
        form_faults.control_signs,
    ),
    Check("payload", "A payload is one JSON object of texts.", form_faults.payload_form, _PAYLOADS),
    Check(
        "unsubscribe",
        "Every reader can leave, from both bodies.",
        sender_faults.unsubscribe,
        _EMAIL,
    ),
    Check("opt_out", "Every SMS says how to get no more.", sender_faults.opt_out, _SMS),
    Check(
        "postal_address",
        "The law asks for the sender's postal address.",
        sender_faults.postal_address,
        _EMAIL,
    ),
    Check("signature", "An SMS says who writes.", sender_faults.signature, _SMS),
    Check(
        "legal_footer", "The campaign's legal footer is there.", sender_faults.legal_footer, _EMAIL
    ),
    Check(
        "numbers", "Prices and percentages are the offer's.", claim_faults.numbers, states=_offer
    ),
    Check("dates", "Dates are the offer's last day.", claim_faults.dates, states=_offer),
    Check("coupon", "The code is the offer's.", claim_faults.coupon, states=_offer),
    Check(
        "benefits",
        "Nothing is promised that the offer does not give.",
        claim_faults.benefits,
        states=_offer,
    ),
    Check("stock", "What is left is the offer's stock.", claim_faults.stock, states=_offer),
    Check(
        "offer_stated",
        "Each body states discount, terms and last day.",
        claim_faults.offer_stated,
        states=_offer,
    ),
    Check("links", "Links lead to allowed hosts, by https.", safety_faults.links, states=_hosts),
    Check("scripts", "No script, form or frame, in no disguise.", safety_faults.scripts, _EMAIL),
    Check(
        "remote_content",
        "Nothing loads but pictures of allowed hosts.",
        safety_faults.remote_content,
        _EMAIL,
    ),
    Check("images", "Pictures have words and a size.", safety_faults.images, _EMAIL),
    Check("left_over", "No template sign or empty value is left.", form_faults.left_over),
    Check("markers", "Only personal fields are still to be filled.", form_faults.markers),
    Check("markup_as_text", "No tag or entity shows as text.", form_faults.markup_as_text),
    Check("garbled", "Nothing is broken or said again and again.", form_faults.garbled),
    Check(
        "language",
        "Every part is in the campaign's language.",
        form_faults.language,
        states=_language,
    ),
    Check(
        "banned_words", "The law keeps some words out of advertising.", claim_faults.banned_words
    ),
    Check("html_size", "Mail programs cut longer messages.", form_faults.html_size, _EMAIL),
    Check(
        "accessible",
        "Screen readers get language, title and no layout.",
        form_faults.accessible,
        _EMAIL,
    ),
    Check("contrast", "Words stand out, in light and dark.", form_faults.contrast, _EMAIL),
    Check(
        "personal_data", "No person's address is in a planned message.", safety_faults.personal_data
    ),
    Check(
        "withheld",
        "Nothing they returned or just bought.",
        claim_faults.withheld_products,
    ),
    Check(
        "subject_for_phones",
        "Phones cut longer subjects.",
        form_faults.subject_for_phones,
        _EMAIL,
        True,
    ),
    Check(
        "preheader",
        "The inbox shows a line beside the subject.",
        form_faults.preheader_length,
        _EMAIL,
        True,
    ),
    Check(
        "shouting",
        "Capitals and repeated marks are taken for spam.",
        form_faults.shouting,
        is_warning=True,
    ),
    Check("spam_words", "Some words are taken for spam.", claim_faults.spam_words, is_warning=True),
    Check(
        "reviewed_words",
        "A person let these words through.",
        claim_faults.reviewed_words,
        is_warning=True,
    ),
    Check(
        "no_products",
        "The message has nothing of the customer's own.",
        claim_faults.no_products,
        is_warning=True,
    ),
)
