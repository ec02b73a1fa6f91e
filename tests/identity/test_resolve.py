import numpy as np
import pandas as pd
import pytest

from src.identity import resolve_identities
from src.identity.contacts import build_contacts
from src.identity.merge import MAX_ACCOUNTS, merge_pairs
from src.identity.pairs import email_pairs, fuzzy_pairs, name_similarity, pairs_within, phone_pairs
from src.identity.precision import estimate_precision
from src.identity.trials import find_test_accounts
from src.rehearsal.accounts import invent_accounts

FIELDS = ["email", "phone", "first_name", "last_name", "postcode", "birth_date"]


def people_of(*rows) -> pd.DataFrame:
    """People with ids 1, 2, ... of dicts of their fields."""
    people = pd.DataFrame(list(rows), columns=FIELDS)
    people["birth_date"] = pd.to_datetime(people["birth_date"])
    people.insert(0, "customer_id", [str(number) for number in range(1, len(people) + 1)])
    return people


def persons_of(people: pd.DataFrame) -> list[str]:
    mapping = resolve_identities(people, "DE").mapping.set_index("customer_id")
    return mapping["person_id"].reindex(people["customer_id"]).tolist()


ANN = {"first_name": "Anna", "last_name": "Müller", "birth_date": "1980-05-17"}


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ({"email": "ann@web.de"}, {"email": "ANN@WEB.de"}, True),
        ({"email": "info@web.de"}, {"email": "info@web.de"}, False),
        # one mailbox, two names
        ({"email": "ann@web.de", "first_name": "Anna"},
         {"email": "ann@web.de", "first_name": "Karl"}, False),
        ({"email": "ann@web.de", "first_name": "Max"},
         {"email": "ann@web.de", "first_name": "Maximilian"}, True),
        # birth dates: one part off is a slip, day and month exchanged too, more is not
        (ANN | {"email": "ann@web.de"}, ANN | {"email": "ann@web.de", "birth_date": "1980-05-18"},
         True),
        ({"email": "ann@web.de", "birth_date": "1980-05-07"},
         {"email": "ann@web.de", "birth_date": "1980-07-05"}, True),
        ({"email": "ann@web.de", "birth_date": "1980-05-07"},
         {"email": "ann@web.de", "birth_date": "1955-01-07"}, False),
        # families share phones and last names
        ({"phone": "030 9018207", "first_name": "Anna", "last_name": "Weber"},
         {"phone": "+49 30 9018207", "first_name": "Anna", "last_name": "WEBER"}, True),
        ({"phone": "030 9018207", "first_name": "Anna", "last_name": "Weber"},
         {"phone": "030 9018207", "first_name": "Karl", "last_name": "Weber"}, False),
        ({"phone": "030 9018207", "first_name": "Anna", "last_name": "Weber"},
         {"phone": "030 9018207", "first_name": "A.", "last_name": "Weber"}, False),
        ({"phone": "030 9018207", "last_name": "Weber"},
         {"phone": "030 9018207", "last_name": "Weber"}, False),
        ({"phone": "030 9018207", "first_name": "Anna", "last_name": "Weber"},
         {"phone": "030 9018207", "first_name": "Anna", "last_name": "Weber-Lang"}, True),
        ({"phone": "030 9018207", "first_name": "Weber", "last_name": "Anna"},
         {"phone": "030 9018207", "first_name": "Anna", "last_name": "Weber"}, True),
        # alike: a slip in one name, and two of birth date, postcode and phone the same
        (ANN | {"postcode": "10115"}, ANN | {"postcode": "10115", "last_name": "Mueller"}, True),
        (ANN | {"postcode": "10115"}, ANN | {"postcode": "10115", "last_name": "Müler"}, True),
        (ANN | {"postcode": "10115"}, ANN | {"postcode": "10115", "first_name": "A"}, True),
        (ANN | {"postcode": "10115"}, ANN | {"postcode": "10117"}, False),
        (ANN | {"postcode": "10115"},
         {"first_name": "Anna", "last_name": "Müller", "postcode": "10115"}, False),
        (ANN | {"postcode": "10115"},
         ANN | {"postcode": "10115", "first_name": "Ana", "last_name": "Müler"}, False),
        # twins
        (ANN | {"postcode": "10115"}, ANN | {"postcode": "10115", "first_name": "Karl"}, False),
        ({}, {}, False),
    ],
)  # fmt: skip
def test_two_accounts_are_one_person_or_not(first, second, is_one):
    assert (persons_of(people_of(first, second)) == ["1", "1"]) is is_one


def test_two_common_names_are_no_slip():
    others = [
        {"first_name": name, "last_name": f"{'abcdefgh'[number]}berg"}
        for number in range(3)
        for name in ("Maria", "Marie")
    ]
    twins = [ANN | {"postcode": "10115", "first_name": name} for name in ("Maria", "Marie")]
    assert persons_of(people_of(*twins))[1] == "1"
    assert persons_of(people_of(*twins, *others))[1] == "2"


def test_a_chain_joins_but_not_two_persons():
    # 1-2 by e-mail, 2-3 by phone and name; 1 and 3 have birth dates far apart
    chain = [
        {"email": "w@web.de", "birth_date": "1950-01-02"},
        {"email": "w@web.de", "phone": "030 9018207", "first_name": "Anna", "last_name": "W"},
        {"phone": "030 9018207", "first_name": "Anna", "last_name": "W",
         "birth_date": "1980-05-17"},
    ]  # fmt: skip
    identities = resolve_identities(people_of(*chain), "DE")
    assert identities.mapping["person_id"].tolist() == ["1", "1", "3"]
    left_out = identities.left_out.set_index("reason")["n"]
    assert left_out["chains that joined two persons, mended"] == 1
    chain[2]["birth_date"] = "1950-01-02"
    assert persons_of(people_of(*chain)) == ["1", "1", "1"]


def test_a_key_of_a_till_is_counted_and_joins_nobody():
    till = [{"email": "till@kaufhaus.de", "first_name": "Anna"}] * 6
    identities = resolve_identities(people_of(*till), "DE")
    assert identities.mapping["person_id"].nunique() == 6
    assert identities.left_out["n"].tolist()[:2] == [1, 6]
    assert resolve_identities(people_of(*till), "DE", 6).mapping["person_id"].nunique() == 1


def test_a_chain_too_long_for_a_person_is_left_alone():
    n = MAX_ACCOUNTS + 1
    contacts = build_contacts(people_of(*[{}] * n), "DE")
    chain = pd.DataFrame({"i": range(n - 1), "j": range(1, n)})
    persons = merge_pairs(contacts, chain)
    assert persons.n_dissolved == 1
    assert persons.n_persons == n
    assert merge_pairs(contacts, chain.iloc[1:]).n_persons == 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_the_rows_changes_nothing(seed):
    people = invent_accounts(2_000, 5).drop(columns="person")
    people = pd.concat([people, people.head(50).assign(postcode="10115")])  # ids that repeat
    expected = resolve_identities(people, "DE")
    found = resolve_identities(people.sample(frac=1, random_state=seed), "DE")
    pd.testing.assert_frame_equal(found.mapping, expected.mapping)
    pd.testing.assert_frame_equal(found.steps, expected.steps)
    assert expected.steps["n_merged"].min() > 10


def test_the_person_is_the_smallest_id_as_text():
    people = people_of(*[{"email": "ann@web.de"}] * 3)
    people["customer_id"] = ["9", "10", "x"]
    assert set(resolve_identities(people, "DE").mapping["person_id"]) == {"10"}


def test_no_people_make_no_persons():
    people = people_of().astype(dict.fromkeys(["customer_id", *FIELDS[:-1]], "str"))
    identities = resolve_identities(people, "DE")
    assert len(identities.mapping) == 0
    assert identities.precision.estimate is None
    assert "cannot tell" in identities.precision.words()


def test_missing_columns_are_missing_values():
    people = pd.DataFrame({"customer_id": ["1", "2"], "email": ["ann@web.de", "ann@web.de"]})
    assert resolve_identities(people, "DE").mapping["person_id"].tolist() == ["1", "1"]


def test_people_are_not_changed_and_not_shown():
    people = people_of(ANN | {"email": "ann@web.de"})
    before = people.copy(deep=True)
    identities = resolve_identities(people, "DE")
    pd.testing.assert_frame_equal(people, before)
    assert "customer_id" not in repr(identities)


def test_pairs_are_all_of_a_label_and_none_of_a_large_one():
    labels = np.array([1, 0, 1, -1, 1, 0, -1, 2])
    pairs = pairs_within(labels)
    assert sorted(zip(pairs["i"], pairs["j"], strict=True)) == [(0, 2), (0, 4), (1, 5), (2, 4)]
    assert len(pairs_within(labels, max_size=2)) == 1
    assert pairs_within(np.array([], dtype=int)).empty


def test_similarity_is_winklers():
    # Winkler 1990: MARTHA MARHTA .9611, DWAYNE DUANE .84
    names = pd.Series(["martha", "dwayne", "", "same"], dtype="str")
    found = name_similarity(names, pd.Series(["marhta", "duane", "x", "same"], dtype="str"))
    assert found == pytest.approx([0.9611, 0.84, 0, 1], abs=5e-5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11])
def test_on_known_persons_the_rules_are_right_in_99_of_100_pairs(seed):
    accounts = invent_accounts(60_000, seed)
    identities = resolve_identities(accounts.drop(columns="person"), "DE")
    truth = accounts.sort_values("customer_id")["person"].to_numpy()
    contacts = build_contacts(accounts, "DE")
    fuzzy = fuzzy_pairs(contacts)
    exact = pd.concat([email_pairs(contacts)[0], phone_pairs(contacts)[0]])
    new = fuzzy.merge(exact.drop_duplicates(), on=["i", "j"], how="left", indicator=True)
    new = new[new["_merge"] == "left_only"]
    assert len(new) > 1_000
    for pairs in (exact, fuzzy, new):
        assert (truth[pairs["i"]] == truth[pairs["j"]]).mean() >= 0.99
    joined = identities.mapping.merge(accounts[["customer_id", "person"]], on="customer_id")
    n_right = n_pairs(joined, ["person_id", "person"])
    assert n_right / n_pairs(joined, ["person_id"]) >= 0.99
    # who moved, took a new phone and a new address is not found, by design
    assert n_right / n_pairs(joined, ["person"]) == pytest.approx(0.80, abs=0.02)


def n_pairs(rows, by) -> int:
    sizes = rows.groupby(by).size()
    return int((sizes * (sizes - 1) // 2).sum())


@pytest.mark.slow
def test_precision_told_without_the_truth_covers_it():
    accounts = invent_accounts(60_000, 13)
    precision = resolve_identities(accounts.drop(columns="person"), "DE").precision
    fuzzy = fuzzy_pairs(build_contacts(accounts, "DE"))
    truth = accounts.sort_values("customer_id")["person"].to_numpy()
    share = (truth[fuzzy["i"]] == truth[fuzzy["j"]]).mean()
    assert precision.lower <= share <= precision.upper
    assert precision.lower > 0.9


def test_wrong_pairs_lower_the_estimate():
    # 1,000 sure pairs agree in 6 of 10; of 1,000 pairs found, 1 of 4 is wrong and never agrees
    emails = pd.Series([f"m{number}@web.de" for number in range(4_000)], dtype="str")
    pairs = pd.DataFrame({"i": range(0, 2_000, 2), "j": range(1, 2_000, 2)})
    reference = pairs + 2_000
    same = emails.to_numpy(object).copy()
    same[2_001:4_000:2][:600] = same[2_000:4_000:2][:600]
    same[1:2_000:2][:450] = same[0:2_000:2][:450]  # 750 right, 6 of 10 of them agree
    found = estimate_precision(pd.Series(same, dtype="str"), pairs, pairs[450:], reference)
    assert found.estimate == pytest.approx(0.75)
    # 250 wrong among the 550 that are new
    assert found.new_estimate == pytest.approx(1 - 250 / 550)
    assert found.lower < 0.75 < found.upper


def test_too_few_pairs_cannot_tell():
    emails = pd.Series(["ann@web.de"] * 100, dtype="str")
    pairs = pd.DataFrame({"i": range(99), "j": range(1, 100)})
    found = estimate_precision(emails, pairs, pairs, pairs)
    assert found.estimate is None
    assert found.words().startswith("cannot tell: 99 pairs")


def test_test_accounts_are_told_by_rule_and_not_by_address():
    people = people_of(
        {"email": "ann@example.com"},
        {"email": "TEST12@shop.de"},
        {"email": "testa@shop.de"},
        {"email": "anna@qa.shop.de"},
        {"first_name": "Test", "last_name": "Tester"},
        {"first_name": "Test", "last_name": "Müller"},
        {"email": "contest@web.de", "last_name": "Testa"},
        {},
    )
    found = find_test_accounts(people, ["QA.shop.de"])
    assert found.set_index("customer_id")["reason"].to_dict() == {
        "1": "domain that nobody owns",
        "2": "name of a test's mailbox",
        "4": "domain of tests named by the caller",
        "5": "name of a test",
    }
    assert find_test_accounts(people[["customer_id"]]).empty
