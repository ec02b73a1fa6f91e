"""Pictures made for a campaign: their form, and what is written in them held against the offers."""

from collections.abc import Sequence
from pathlib import Path

from src.campaign.banned import find_banned_words
from src.campaign.benefits import find_benefit_claims
from src.campaign.claims import find_coupon_claims, find_number_claims, without_phrases
from src.campaign.date_claims import find_date_claims
from src.campaign.message import Facts
from src.campaign.offers import Offer
from src.campaign.stock_claims import find_stock_claims
from src.features.images.creatives import Creative, check_creative, measure_creative
from src.features.images.reading import ENDINGS

__all__ = ["check_creative_text", "check_creatives"]

_CLAIMS = {
    "numbers": find_number_claims,
    "dates": find_date_claims,
    "coupon": find_coupon_claims,
    "stock": find_stock_claims,
}


def check_creatives(folder: Path, facts: Facts) -> list[tuple[str, str, str]]:
    """Check every picture of a folder: (file, check, what was found).

    Without the extra `vision` the text of a picture is not read, and that is a fault of it: it
    is not known to be well.
    """
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in ENDINGS)
    faults = []
    for path in paths:
        creative = measure_creative(path)
        found = [*check_creative(creative), *check_creative_text(creative, facts)]
        faults += [(path.name, check, told) for check, told in found]
    return faults


def check_creative_text(creative: Creative, facts: Facts) -> list[tuple[str, str]]:
    """Hold what is written in a picture against the offers and the law.

    A picture may be for any arm: a claim is a fault only if it is true of no offer.
    """
    text = without_phrases(creative.text, (facts.sender_name, facts.postal_address))
    offers = list(facts.offers.values())
    faults = [
        (check, f"{claim!r} is in no offer")
        for check, find in _CLAIMS.items()
        for claim in _in_no_offer([find(text, offer) for offer in offers])
    ]
    faults += [
        ("benefits", f"{claim!r} is in no offer")
        for claim in _in_no_offer([_benefits(text, offer, facts) for offer in offers])
    ]
    return faults + [
        ("banned_words", f"{found.word} ({found.why})")
        for found in find_banned_words(creative.text, facts.country, tuple(facts.overrides))
        if found.override is None
    ]


def _benefits(text: str, offer: Offer, facts: Facts) -> tuple[str, ...]:
    return find_benefit_claims(text, facts.benefit_words, offer.benefit)


def _in_no_offer(found: Sequence[tuple[str, ...]]) -> list[str]:
    """Keep what every offer counts as a fault."""
    first = found[0] if found else ()
    return [claim for claim in dict.fromkeys(first) if all(claim in others for others in found)]
