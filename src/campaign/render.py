"""One message per customer: merge values through the compiled templates into subject and bodies."""

from collections.abc import Iterable, Mapping
import logging

import pandas as pd

from src.campaign.cache import ContentCache, NoCache, Parts, content_key
from src.campaign.content import build_merge_values
from src.campaign.offers import Offer
from src.campaign.templates import MessageTemplate, render_part, render_payload
from src.data.tables import table_contract
from src.decide.catalogue import Campaign
from src.errors import TemplateError
from src.ledger import content_sha256, message_key

__all__ = ["render_message", "render_messages"]

logger = logging.getLogger(__name__)


def render_messages(
    decisions: pd.DataFrame,
    campaign: Campaign,
    templates: Mapping[str, MessageTemplate],
    offers: Mapping[str, Offer],
    departments: Mapping[str, str],
    products: Mapping[str, list[dict[str, str]]],
    shop_url: str,
    step: int = 1,
    cache: ContentCache | None = None,
) -> pd.DataFrame:
    """Render the message of every customer who is to get one.

    Parameters
    ----------
    decisions : DataFrame
        One row per customer with a message: `customer_id`, `action`.
    campaign : Campaign
        The campaign file.
    templates : mapping of str to MessageTemplate
        By action, from `load_arms`.
    offers : mapping of str to Offer
        By action.
    departments : mapping of str to str
        Favourite department in words, by customer; may lack some.
    products : mapping of str to list of dict
        Products to name, by customer; may lack some.
    shop_url : str
        Where the button leads.
    step : int, default 1
        Step within the campaign.
    cache : ContentCache, optional
        Where messages rendered before are remembered.

    Returns
    -------
    DataFrame
        One row per message, the columns of the table `messages` but for the seal of the checks,
        in order of `message_key`.

    Raises
    ------
    TemplateError
        At the first message that lacks a value; the error names template, field and customer.
    """
    cache, rows = cache or NoCache(), []
    for row in decisions[["customer_id", "action"]].itertuples(index=False):
        template = templates[row.action]
        channel = campaign.channel_of(row.action)
        values = build_merge_values(
            campaign,
            offers[row.action],
            departments.get(row.customer_id),
            products.get(row.customer_id, []),
            shop_url,
        )
        subject, html, text = _remembered(cache, template, values, row.customer_id)
        rows.append(
            {
                "message_key": message_key(campaign.campaign_id, step, row.customer_id, channel),
                "campaign_id": campaign.campaign_id,
                "step": step,
                "customer_id": row.customer_id,
                "channel": channel,
                "action": row.action,
                "template": template.name,
                "subject": subject,
                "html": html,
                "text": text,
                "content_sha256": content_sha256(subject, html, text),
            }
        )
    logger.info("render_messages: %d decisions → %d messages", len(decisions), len(rows))
    return _as_frame(rows)


def _remembered(
    cache: ContentCache, template: MessageTemplate, values: Mapping[str, object], customer_id: str
) -> Parts:
    if isinstance(cache, NoCache):
        return render_message(template, values, customer_id)
    key = content_key(template.digest, values)
    parts = cache.get(key)
    if parts is None:
        parts = render_message(template, values, customer_id)
        cache.put(key, parts)
    return parts


def render_message(
    template: MessageTemplate, values: Mapping[str, object], customer_id: str
) -> Parts:
    """Render subject, HTML and text for one customer; what its channel lacks is empty.

    Raises
    ------
    TemplateError
        Naming template, field and the first letters of the customer's pseudonym.
    """
    try:
        if template.payload is not None:
            return "", "", render_payload(template.payload, values)
        if template.subject is None or template.html is None:
            return "", "", _one_line(render_part(template.text, values))
        return (
            _one_line(render_part(template.subject, values)),
            render_part(template.html, values),
            _tidy(render_part(template.text, values).splitlines()),
        )
    except TemplateError as error:
        raise TemplateError(f"Customer {customer_id[:8]}…: {error}") from None


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _tidy(lines: Iterable[str]) -> str:
    """Drop trailing blanks, gaps within points of a list, and all but one empty line in a row."""
    kept: list[str] = []
    for line in (_one_line(line) if line.startswith("* ") else line.rstrip() for line in lines):
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip("\n") + "\n"


def _as_frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    columns = [name for name in table_contract("messages").column_names if name != "seal"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values("message_key").reset_index(drop=True)
