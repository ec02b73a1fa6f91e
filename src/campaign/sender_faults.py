"""Who writes and how to leave: what the law of each channel asks for."""

from collections.abc import Iterator

from src.campaign.message import Message
from src.campaign.placeholders import marker
from src.campaign.sms import find_signature, has_opt_out

__all__ = ["legal_footer", "opt_out", "postal_address", "signature", "unsubscribe"]


def unsubscribe(message: Message) -> Iterator[tuple[str, str]]:
    """Find a body without the personal link to leave."""
    sign = marker("unsubscribe_url")
    if sign not in (attributes.get("href") for attributes in message.page.attributes_of("a")):
        yield "html", f"no link to {sign}"
    if sign not in message.text:
        yield "text", f"no {sign}"


def postal_address(message: Message) -> Iterator[tuple[str, str]]:
    """Find a body without the sender's postal address."""
    for part in ("html", "text"):
        if message.facts.postal_address not in message.parts[part]:
            yield part, "no postal address"


def legal_footer(message: Message) -> Iterator[tuple[str, str]]:
    """Find a body without what the campaign file asks every e-mail to say."""
    wanted = " ".join(message.facts.legal_footer.split())
    for part in ("html", "text"):
        if wanted not in " ".join(message.parts[part].split()):
            yield part, "no legal footer"


def opt_out(message: Message) -> Iterator[tuple[str, str]]:
    """Find an SMS that does not say how to get no more of them."""
    if not has_opt_out(message.text, message.facts.language):
        yield "text", "no way to leave"


def signature(message: Message) -> Iterator[tuple[str, str]]:
    """Find an SMS without its sender: in China in 【】 at the start or end, elsewhere anywhere."""
    name = message.facts.sender_name
    if message.facts.country == "cn" and find_signature(message.text) != name:
        yield "text", f"no 【{name}】 at its start or end"
    elif name not in message.text:
        yield "text", "no name of the sender"
