"""A shop's own people entered into the ledger: contact fields and consents."""

from pathlib import Path

import pandas as pd

from src.data.window import parse_date
from src.ledger.consents import contactable, record_consents
from src.ledger.people import record_people
from src.ledger.store import open_ledger

__all__ = ["register_given_people"]

_CHANNEL, _PURPOSE = "email", "marketing"
_WORDING = "as the shop's own records say"
_KINDS = {
    "": "may be written to",
    "no consent": "never agreed",
    "consent withdrawn": "agreed, but withdrew",
    "no address": "without a known address",
}


def register_given_people(
    run: Path,
    people: pd.DataFrame,
    customer_ids: pd.Series,
    consent_date: str,
    ledger_url: str = "",
) -> pd.DataFrame:
    """Enter a shop's own people and their consents into the ledger of a run.

    Parameters
    ----------
    run : Path
        Folder of the run.
    people : DataFrame
        One row per account: `customer_id` (pseudonym of the person; several accounts of one
        person share it), `first_name`, `last_name`, `email`, `has_email_consent` (missing:
        nothing is known, which is no consent), `consented_at` (UTC; missing: `consent_date`).
    customer_ids : Series of str
        Pseudonyms of all customers, each once; people who are none of them are left out.
    consent_date : str
        ISO date of answers that carry none.
    ledger_url : str, default ""
        Empty: the ledger in the run.

    Returns
    -------
    DataFrame
        One row per kind of person, without names: `kind`, `n_customers`.

    Notes
    -----
    Of several accounts of a person the contact fields are those of the latest answer, of an
    account that has an address; every account's answer is entered, the latest counts, and of
    two at one moment the refusal.
    """
    said_at = pd.Timestamp(parse_date(consent_date), tz="UTC")
    known = people[people["customer_id"].isin(customer_ids)]
    known = known.assign(consented_at=known["consented_at"].fillna(said_at))
    answers = known[known["has_email_consent"].notna()]
    with open_ledger(run, ledger_url) as ledger:
        record_people(ledger, _contact_fields(known))
        record_consents(ledger, _consents(answers))
        found = contactable(ledger, _CHANNEL, _PURPOSE, customer_ids.tolist())
    kinds = found["reason"].map(_KINDS).fillna("asked not to be written to")
    counts = kinds.value_counts().reindex(dict.fromkeys([*_KINDS.values(), *kinds]), fill_value=0)
    return counts.rename_axis("kind").rename("n_customers").reset_index()


def _contact_fields(people: pd.DataFrame) -> pd.DataFrame:
    """One row per person: the account with an address, and of several the latest answer."""
    ordered = people.assign(has_address=people["email"].notna()).sort_values(
        ["has_address", "consented_at", "email"], ascending=[False, False, True]
    )
    fields = ["customer_id", "first_name", "last_name", "email"]
    chosen = ordered.drop_duplicates("customer_id")[fields].sort_values("customer_id")
    return chosen.astype(object).where(chosen.notna(), None).reset_index(drop=True)


def _consents(answers: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": answers["customer_id"].astype(object),
            "channel": _CHANNEL,
            "purpose": _PURPOSE,
            "is_granted": answers["has_email_consent"].astype(bool),
            "source": "shop",
            "wording": _WORDING,
            "recorded_at": answers["consented_at"],
        }
    )
