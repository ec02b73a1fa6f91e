"""One rendered message beside the facts it is held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
import json
import re

from src.campaign.claims import without_phrases
from src.campaign.offers import Offer
from src.campaign.page import Page, read_page
from src.campaign.placeholders import PERSONAL_FIELDS, marker
from src.campaign.products import product_phrases
from src.campaign.wording import Wording
from src.decide.catalogue import Campaign, Override

__all__ = ["Facts", "Message", "gather_facts"]

_EDGES = "()[]<>\"',;:!?."
_LINK = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//[!-~]*|\bwww\.[!-~]+", re.IGNORECASE)
"""Ends with the first sign that no address has, so that no words can hide behind one."""

_COUNTRIES = {"en": "us", "zh": "cn"}


@dataclass(frozen=True)
class Facts:
    """What the messages of a campaign are held against.

    Parameters
    ----------
    offers : mapping of str to Offer
        By action.
    postal_address, sender_name, sender_address : str
        The sender's, as every message must or may show them.
    link_hosts : sequence of str
        Hosts that a link may lead to.
    benefit_words : tuple of str
        Promises that no offer of the campaign gives.
    phrases : mapping of str to sequence of str
        By customer: values from the data, such as product names, which are not claims.
    language : str, default "en"
        Of the campaign's messages.
    image_hosts : sequence of str
        Hosts from which a message may load pictures; none as a rule.
    legal_footer : str
        What every message has to say at its end; often empty.
    country : str
        Whose rules on words apply, such as `cn`.
    overrides : sequence of Override
        Words that a person let through.
    withheld : mapping of str to sequence of str
        By customer: products that must not be offered, having been returned or just bought.
    names : mapping of str to sequence of str
        By customer: the products and the department that a message may name.
    """

    offers: Mapping[str, Offer]
    postal_address: str
    sender_name: str
    sender_address: str
    link_hosts: Sequence[str]
    benefit_words: tuple[str, ...]
    phrases: Mapping[str, Sequence[str]]
    language: str = "en"
    image_hosts: Sequence[str] = ()
    legal_footer: str = ""
    country: str = "us"
    overrides: Sequence[Override] = ()
    withheld: Mapping[str, Sequence[str]] = field(default_factory=dict)
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """One rendered message, personal fields still markers, beside what it is held against.

    `channel` says what the parts are: an e-mail has all three; an SMS is in `text` alone, and so
    is the payload of push and social, one JSON object.
    """

    customer_id: str
    subject: str
    html: str
    text: str
    offer: Offer
    facts: Facts
    channel: str = "email"

    @cached_property
    def page(self) -> Page:
        """Parsed HTML."""
        return read_page(self.html)

    @cached_property
    def payload(self) -> dict[str, str] | None:
        """Fields of a push or social message; None where there are none that can be read."""
        if self.channel not in ("push", "social"):
            return None
        try:
            fields = json.loads(self.text)
        except (ValueError, RecursionError):
            return None
        is_flat = isinstance(fields, dict) and all(isinstance(one, str) for one in fields.values())
        return fields if is_flat else None

    @cached_property
    def parts(self) -> dict[str, str]:
        """What a reader sees of each part."""
        if self.payload is not None:
            return self.payload
        if self.channel == "email":
            return {"subject": self.subject, "html": self.page.text, "text": self.text}
        return {"text": self.text}

    @cached_property
    def links(self) -> dict[str, list[str]]:
        """Addresses in each part, with or without scheme."""
        return {
            part: [found.strip(_EDGES) for found in _LINK.findall(text)] if _has_link(text) else []
            for part, text in self.parts.items()
        }

    @cached_property
    def unlinked(self) -> dict[str, str]:
        """The same parts without them."""
        return {
            part: " ".join(_LINK.sub(" ", text).split()) if _has_link(text) else text
            for part, text in self.parts.items()
        }

    @cached_property
    def bodies(self) -> dict[str, str]:
        """What each reader sees as a whole: of an e-mail either body, else all fields together."""
        if self.channel == "email":
            return {part: self.claims[part] for part in ("html", "text")}
        return {"text": " ".join(self.claims.values())}

    @cached_property
    def claims(self) -> dict[str, str]:
        """What is left without links, markers, the sender and values of the data."""
        facts = self.facts
        phrases = [
            *facts.phrases.get(self.customer_id, ()),
            *(marker(field) for field in PERSONAL_FIELDS),
            facts.postal_address,
            facts.sender_name,
            facts.legal_footer,
        ]
        return {part: without_phrases(text, phrases) for part, text in self.unlinked.items()}


def _has_link(text: str) -> bool:
    return "//" in text or "www." in text.lower()


def gather_facts(
    campaign: Campaign,
    offers: Mapping[str, Offer],
    departments: Mapping[str, str],
    products: Mapping[str, list[dict[str, str]]],
    link_hosts: Sequence[str],
    wording: Wording,
    image_hosts: Sequence[str] = (),
    withheld: Mapping[str, Sequence[str]] | None = None,
) -> Facts:
    """Gather what the messages of a campaign are held against."""
    phrases = {customer_id: _shown(name) for customer_id, name in departments.items()}
    for customer_id, listed in products.items():
        shown = phrases.setdefault(customer_id, [])
        for product in listed:
            shown += product_phrases(product, campaign.language)
    names = {key: [one["name"] for one in listed] for key, listed in products.items()}
    return Facts(
        offers=offers,
        postal_address=campaign.postal_address,
        sender_name=campaign.sender_name,
        sender_address=campaign.sender_address,
        link_hosts=tuple(link_hosts),
        benefit_words=wording.benefit_words,
        phrases=phrases,
        language=campaign.language,
        image_hosts=tuple(image_hosts),
        legal_footer=campaign.legal_footer,
        country=campaign.country or _COUNTRIES[campaign.language],
        overrides=campaign.overrides,
        withheld=withheld or {},
        names={key: (*_shown(departments.get(key, "")), *names.get(key, ())) for key in phrases},
    )


def _shown(department: str) -> list[str]:
    """Write a department in the two ways in which templates write it."""
    return [department, department.capitalize()]
