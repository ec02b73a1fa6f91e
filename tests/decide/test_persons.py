"""The unit of a draw is the person: accounts that are one person cannot get two arms."""

import pandas as pd

from src.data.pseudonyms import pseudonym_table
from src.decide.assignment import arm_salt, draw, draw_holdout
from src.decide.kept import draw_remaining
from src.identity import resolve_identities
from src.rehearsal.accounts import invent_accounts

KEY = bytes(32)
ACCOUNTS = pd.DataFrame(
    {
        "customer_id": ["web-7", "till-12", "web-9"],
        "email": ["ann.lee@posteo.de", "Ann.Lee@POSTEO.de", "bob@posteo.de"],
        "first_name": ["Ann", "Ann", "Bob"],
        "last_name": ["Lee", "Lee", "Lee"],
    }
)


def pseudonyms_of(accounts: pd.DataFrame) -> pd.Series:
    """Pseudonym of each account of the shop, as 01 makes them."""
    mapping = resolve_identities(accounts, "US").mapping.set_index("customer_id")["person_id"]
    table = pseudonym_table(accounts["customer_id"], KEY, merged=mapping.to_dict())
    return accounts["customer_id"].map(table.set_index("plain_id")["pseudonym"])


def test_two_accounts_of_one_person_have_one_number_and_one_place_in_the_holdout():
    ids = pseudonyms_of(ACCOUNTS)
    numbers = draw(ids, arm_salt("spring", 1))
    assert numbers[0] == numbers[1] != numbers[2]
    held = draw_holdout(ids, 0.5, "shop")
    assert held[0] == held[1]


def test_no_person_of_many_accounts_gets_two_arms():
    accounts = invent_accounts(3_000, seed=5)
    found = resolve_identities(accounts, "DE").mapping.set_index("customer_id")["person_id"]
    table = pseudonym_table(accounts["customer_id"], KEY, merged=found.to_dict())
    persons = pd.Index(table["pseudonym"].unique(), name="customer_id")
    shares = pd.DataFrame({"control": 0.5, "a": 0.5}, index=persons)
    nobody = pd.DataFrame(columns=["customer_id", "action", "pscore", "stratum", "policy_version"])
    strata = pd.Series(["all"] * len(persons))
    drawn = draw_remaining(nobody, shares, strata, arm_salt("spring", 1), "v")
    assert drawn["customer_id"].is_unique
    assert len(drawn) == found.nunique() < len(accounts)
    arm_of = table["pseudonym"].map(drawn.set_index("customer_id")["action"])
    person_of = table["plain_id"].map(found)
    assert arm_of.groupby(person_of).nunique().eq(1).all()


def test_members_of_a_household_have_one_arm_where_the_shop_counts_households():
    # a shop that names the household as its customer: the members' orders carry one id
    orders = pd.Series(["household-1", "household-1", "household-2"])
    table = pseudonym_table(orders, KEY).set_index("plain_id")["pseudonym"]
    numbers = draw(orders.map(table), arm_salt("spring", 1))
    assert numbers[0] == numbers[1] != numbers[2]
