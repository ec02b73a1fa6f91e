"""Accounts of one person found: exact keys first, then a conservative fuzzy step."""

from dataclasses import dataclass, field
import logging

import numpy as np
import pandas as pd

from src.identity.contacts import build_contacts, drop_shared
from src.identity.merge import Persons, merge_pairs
from src.identity.pairs import email_pairs, fuzzy_pairs, phone_pairs
from src.identity.precision import FuzzyPrecision, estimate_precision

__all__ = ["MAX_SHARING", "Identities", "resolve_identities"]

MAX_SHARING = 5
"""A key that more customer ids share is a till or an office, not a person."""

_STEPS = ("same e-mail", "same phone and name", "alike")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identities:
    """Which customer ids are one person.

    Parameters
    ----------
    mapping : DataFrame
        One row per id: `customer_id`, `person_id` (the smallest id of the person, as text). It
        holds the shop's own ids and must not be written anywhere.
    steps : DataFrame
        One row per step: `step`, `n_pairs` that it found, `n_merged` ids that it made one with
        another.
    left_out : DataFrame
        One row per reason: `reason`, `n`; evidence that was not used.
    precision : FuzzyPrecision
        Of the last step.
    """

    mapping: pd.DataFrame = field(repr=False)
    steps: pd.DataFrame
    left_out: pd.DataFrame
    precision: FuzzyPrecision


def resolve_identities(
    people: pd.DataFrame, region: str, max_sharing: int = MAX_SHARING
) -> Identities:
    """Find the accounts that belong to one person.

    First the same e-mail address, then the same phone with the same name, then names that are
    alike with two of birth date, postcode and phone the same. Nobody is joined whose birth
    dates or first names contradict each other, nor through a chain of others.

    Parameters
    ----------
    people : DataFrame
        `customer_id` (text), and any of `email`, `phone`, `first_name`, `last_name`,
        `postcode` (texts), `birth_date` (datetime); any value may be missing.
    region : str
        Country of phone numbers without a country code, such as ``DE``.
    max_sharing : int, default 5
        A key that more ids share is not used.

    Returns
    -------
    Identities
        The same whatever the order of the rows.

    Raises
    ------
    SchemaError, ParameterError
        If there is no `customer_id`, or no such region.
    """
    contacts = build_contacts(people, region)
    contacts["email"], n_emails, n_with_email = drop_shared(contacts["email"], max_sharing)
    contacts["phone"], n_phones, n_with_phone = drop_shared(contacts["phone"], max_sharing)
    by_email, n_refused = email_pairs(contacts)
    by_phone, n_family = phone_pairs(contacts)
    alike = fuzzy_pairs(contacts)
    found = [by_email, by_phone, alike]
    stages = [merge_pairs(contacts, pd.concat(found[: n + 1])) for n in range(len(found))]
    exact = stages[1].first
    new = alike[exact[alike["i"]] != exact[alike["j"]]]
    left_out = [
        (f"e-mail shared by more than {max_sharing} ids", n_emails),
        ("ids with such an e-mail", n_with_email),
        (f"phone shared by more than {max_sharing} ids", n_phones),
        ("ids with such a phone", n_with_phone),
        ("pairs of the same e-mail that contradict each other", n_refused),
        ("pairs of the same phone with another name", n_family),
        ("chains that joined two persons, mended", stages[-1].n_mended),
        ("chains too long for a person, left alone", stages[-1].n_dissolved),
    ]
    precision = estimate_precision(contacts["email"], alike, new, by_phone)
    identities = Identities(
        _mapping(contacts["customer_id"], stages[-1].first),
        _steps(len(contacts), [by_email, by_phone, new], stages),
        pd.DataFrame(left_out, columns=["reason", "n"]),
        precision,
    )
    _log(identities)
    return identities


def _mapping(customer_ids: pd.Series, first: np.ndarray) -> pd.DataFrame:
    persons = customer_ids.iloc[first].reset_index(drop=True)
    return pd.DataFrame({"customer_id": customer_ids, "person_id": persons})


def _steps(n: int, pairs: list[pd.DataFrame], stages: list[Persons]) -> pd.DataFrame:
    n_persons = [n, *(stage.n_persons for stage in stages)]
    return pd.DataFrame(
        {
            "step": _STEPS,
            "n_pairs": [len(found) for found in pairs],
            "n_merged": -np.diff(n_persons),
        }
    )


def _log(identities: Identities) -> None:
    merged = identities.steps["n_merged"]
    n = len(identities.mapping)
    logger.info("resolve_identities: %s → %s people", f"{n:,}", f"{n - merged.sum():,}")
    logger.info("fuzzy step: %s", identities.precision.words())
