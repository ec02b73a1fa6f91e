"""Invented people for data that has none: the same customer is always the same person."""

import hashlib
from pathlib import Path

import pandas as pd

from src.data.window import parse_date
from src.ledger import open_ledger, record_consents, record_people, suppress
from src.ledger.arrivals import register_given_people

__all__ = ["NO_CONSENT_SHARE", "SUPPRESSED_SHARE", "invent_people", "register_people"]

NO_CONSENT_SHARE = 0.06
"""Share of the invented who never agreed to e-mail."""

SUPPRESSED_SHARE = 0.01
"""Share of the invented who unsubscribed."""

_CHANNEL = "email"
_PURPOSE = "marketing"
_UNKNOWN = "without a known address"
_WORDING = "I would like to receive offers by e-mail. I can unsubscribe at any time."

_MAIN_LANGUAGE_TICKETS = 9  # in the draw of a language; each other one has one

# First the main language of the shop, then others. A line: first names, last names; after a
# colon how a mailbox spells a name.
_NAMES = (
    (
        "Emma James Olivia William Grace Henry Charlotte Samuel",
        "Smith Johnson Baker Cooper Hughes Walker Bennett Turner",
    ),
    (
        "Aoife:aoife Seán:sean Niamh Ciarán:ciaran",
        "O'Brien:obrien Murphy O'Connor:oconnor Byrne",
    ),
    (
        "María:maria José:jose Lucía:lucia Andrés:andres Sofía:sofia Íñigo:inigo",
        "García:garcia Núñez:nunez Fernández:fernandez López:lopez Muñoz:munoz Ibáñez:ibanez",
    ),
    (
        "Jürgen:juergen Sabine Björn:bjoern Käthe:kaethe Lukas",
        "Müller:mueller Weiß:weiss Schäfer:schaefer Becker Groß:gross",
    ),
    (
        "Chloé:chloe Benoît:benoit Zoé:zoe François:francois Inès:ines",
        "Lefèvre:lefevre Moreau Girard D'Aubigné:daubigne Béranger:beranger",
    ),
    (
        "Łukasz:lukasz Małgorzata:malgorzata Paweł:pawel Agnieszka",
        "Wójcik:wojcik Kowalska Dąbrowski:dabrowski Zieliński:zielinski",
    ),
    (
        "Ayşe:ayse Emre Çağla:cagla Oğuz:oguz",
        "Yılmaz:yilmaz Şahin:sahin Öztürk:oeztuerk Güneş:gunes",
    ),
    ("Thảo:thao Minh Nguyệt:nguyet Đức:duc", "Nguyễn:nguyen Trần:tran Phạm:pham Lê:le"),
    ("Priya Arjun Ananya Rohan Kavya", "Sharma Patel Iyer Reddy Banerjee"),
    ("Fatima Omar Layla Yusuf", "Al-Hassan:alhassan Haddad Khalil Mansour"),
    ("Amara Kwame Ngozi Tunde", "Okafor Mensah Adeyemi Diallo"),
    ("Wei Xiuying Jun Meiling", "Zhang Chen Lin Huang"),
    ("芳:fang 伟:wei 静:jing 磊:lei", "王:wang 李:li 陈:chen 刘:liu"),
    ("さくら:sakura 陽翔:haruto 結衣:yui", "佐藤:sato 鈴木:suzuki 高橋:takahashi"),
    ("Олена:olena Иван:ivan Мария:maria", "Шевченко:shevchenko Петров:petrov Коваль:koval"),
    ("Åsa:asa Søren:soeren Linnéa:linnea Øyvind:oeyvind", "Ångström:angstroem Nielsen Berg Lund"),
)


def invent_people(customer_ids: pd.Series) -> pd.DataFrame:
    """Invent a person for every customer.

    Parameters
    ----------
    customer_ids : Series of str
        Pseudonyms, each once.

    Returns
    -------
    DataFrame
        One row per customer, in the order given: `customer_id`, `first_name`, `last_name`,
        `email` (at example.com, which no one can own), `has_email_consent`, `is_suppressed`.
        All depend on the id alone.

    Examples
    --------
    >>> people = invent_people(pd.Series(["c1", "c2"]))
    >>> people["email"].str.split("@").str[1].tolist()
    ['example.com', 'example.com']
    """
    columns = ["customer_id", "first_name", "last_name", "email", "has_email_consent"]
    people = [_person(str(customer_id)) for customer_id in customer_ids]
    return pd.DataFrame(people, columns=[*columns, "is_suppressed"])


def register_people(
    run: Path,
    people: str | pd.DataFrame,
    customer_ids: pd.Series,
    consent_date: str,
    ledger_url: str = "",
) -> pd.DataFrame:
    """Enter the people of a source, their consents and objections into the ledger of a run.

    Parameters
    ----------
    run : Path
        Folder of the run.
    people : {"invented", "none"} or DataFrame
        What the source says of its people: none are entered, some are invented, or the shop's own
        as `register_given_people` takes them.
    customer_ids : Series of str
        Pseudonyms, each once.
    consent_date : str
        ISO date on which all consents and objections were given.
    ledger_url : str, default ""
        Empty: the ledger in the run.

    Returns
    -------
    DataFrame
        One row per kind of person, without names: `kind`, `n_customers`.
    """
    if isinstance(people, pd.DataFrame):
        return register_given_people(run, people, customer_ids, consent_date, ledger_url)
    said_at = pd.Timestamp(parse_date(consent_date), tz="UTC")
    if people == "none":
        return pd.DataFrame({"kind": [_UNKNOWN], "n_customers": [len(customer_ids)]})
    invented = invent_people(customer_ids)
    _enter(run, invented, said_at, ledger_url)
    has_consent, is_suppressed = invented["has_email_consent"], invented["is_suppressed"]
    kinds = {
        "may be written to": has_consent & ~is_suppressed,
        "never agreed": ~has_consent,
        "agreed, but unsubscribed": has_consent & is_suppressed,
    }
    counts = [(kind, int(rows.sum())) for kind, rows in kinds.items()]
    return pd.DataFrame(counts, columns=["kind", "n_customers"])


def _enter(run: Path, people: pd.DataFrame, said_at: pd.Timestamp, ledger_url: str) -> None:
    said = people[["customer_id"]].assign(channel=_CHANNEL, recorded_at=said_at)
    consents = said.assign(
        purpose=_PURPOSE,
        is_granted=people["has_email_consent"],
        source="invented",
        wording=_WORDING,
    )
    wishes = said.assign(reason="unsubscribed").loc[people["is_suppressed"]]
    with open_ledger(run, ledger_url) as ledger:
        record_people(ledger, people[["customer_id", "first_name", "last_name", "email"]])
        record_consents(ledger, consents)
        suppress(ledger, wishes)


def _person(customer_id: str) -> tuple[str, str, str, str, bool, bool]:
    ticket = _draw("language", customer_id, len(_NAMES) + _MAIN_LANGUAGE_TICKETS - 1)
    firsts, lasts = _NAMES[max(0, ticket - _MAIN_LANGUAGE_TICKETS + 1)]
    first, first_mailbox = _pick("first", customer_id, firsts)
    last, last_mailbox = _pick("last", customer_id, lasts)
    mark = hashlib.sha256(f"mailbox:{customer_id}".encode()).hexdigest()[:10]
    return (
        customer_id,
        first,
        last,
        f"{first_mailbox}.{last_mailbox}.{mark}@example.com",
        _share("consent", customer_id) >= NO_CONSENT_SHARE,
        _share("suppression", customer_id) < SUPPRESSED_SHARE,
    )


def _pick(purpose: str, customer_id: str, names: str) -> tuple[str, str]:
    """Draw a name and how a mailbox spells it."""
    entries = names.split()
    name, _, mailbox = entries[_draw(purpose, customer_id, len(entries))].partition(":")
    return name, mailbox or name.lower()


def _draw(purpose: str, customer_id: str, n_choices: int) -> int:
    return int(_share(purpose, customer_id) * n_choices)


def _share(purpose: str, customer_id: str) -> float:
    """Draw from [0, 1) by hash: nothing but purpose and customer decides."""
    digest = hashlib.sha256(f"invented {purpose}:{customer_id}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
