"""The people of one shop: read, told apart, and known from then on by their pseudonyms."""

from dataclasses import dataclass, field

import pandas as pd

from src.data.pseudonyms import pseudonym
from src.identity.people import read_people
from src.identity.resolve import resolve_identities
from src.identity.trials import find_test_accounts
from src.sources.config import PeopleSource, Source

__all__ = ["ShopPeople", "know_people"]


@dataclass(frozen=True)
class ShopPeople:
    """What is known of a shop's people.

    Parameters
    ----------
    people : DataFrame
        Contact fields by pseudonym; only for the ledger. Empty where the source names no people.
    merged : dict of str to str
        The shop's id of an account to that of its person, where they differ; not to be written.
    test_accounts : DataFrame
        The table of that name: `customer_id` (pseudonym), `reason`.
    steps, left_out : DataFrame
        How accounts became persons, and what evidence was not used.
    precision : str
        How often the fuzzy step is right, in words.
    """

    people: pd.DataFrame = field(repr=False)
    merged: dict[str, str] = field(repr=False)
    test_accounts: pd.DataFrame
    steps: pd.DataFrame
    left_out: pd.DataFrame
    precision: str


def know_people(path: str, source: Source, key: bytes) -> ShopPeople:
    """Read the people of a source into memory and tell them apart.

    Parameters
    ----------
    path : str
        The source file, for the words of an error.
    source : Source
        A checked source; one without people gives nobody.
    key : bytes
        Key of the pseudonyms.

    Raises
    ------
    SchemaError, ParameterError, SourceError
        If the people cannot be read.
    """
    if not isinstance(source.people, PeopleSource):
        return _nobody()
    people = read_people(path, source)
    identities = resolve_identities(people, source.people.region)
    mapping = identities.mapping
    person_of = dict(zip(mapping["customer_id"], mapping["person_id"], strict=True))
    tests = find_test_accounts(people, source.people.test_domains)

    def named(plain_ids: pd.Series) -> pd.Series:
        return plain_ids.map(lambda plain: pseudonym(person_of.get(plain, plain), key)).astype(
            "str"
        )

    known = people[people["customer_id"].notna()]
    tests = tests.assign(customer_id=named(tests["customer_id"]))
    return ShopPeople(
        people=known.assign(customer_id=named(known["customer_id"])),
        merged={plain: person for plain, person in person_of.items() if plain != person},
        test_accounts=tests.drop_duplicates("customer_id").sort_values(
            "customer_id", ignore_index=True
        ),
        steps=identities.steps,
        left_out=identities.left_out[identities.left_out["n"] > 0],
        precision=identities.precision.words(),
    )


def _nobody() -> ShopPeople:
    return ShopPeople(
        people=pd.DataFrame(),
        merged={},
        test_accounts=pd.DataFrame({"customer_id": [], "reason": []}, dtype="str"),
        steps=pd.DataFrame(columns=["step", "n_pairs", "n_merged"]),
        left_out=pd.DataFrame(columns=["reason", "n"]),
        precision="",
    )
