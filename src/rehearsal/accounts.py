"""Invented accounts whose persons are known, to try identity resolution on."""

import numpy as np
import pandas as pd

__all__ = ["invent_accounts"]

_FIRSTS = (
    "Anna Ben Clara David Emma Felix Greta Hannes Ida Jakob Julia Julian Karl Lena Leon Leonie "
    "Maria Marie Max Mia Nina Noah Olivia Oskar Paul Paula Quentin Rosa Sara Samuel Theo Tim Tom "
    "Ulrike Viktor Wanda Xaver Yara Zoe Jürgen Björn Käthe Stefan Stephan Christian Christina "
    "Michael Michaela Johanna Johannes Andrea Andreas Katharina Sebastian Elisabeth Alexander"
).split()
_SYLLABLES = (
    "bach berg hof mann meier stein wald feld brandt kamp reuter hauser linde moser".split()
)
_STARTS = (
    "Al Bau Ber Bir Bra Bu Dah Ditt Eich Eng Fal Fisch Fre Gold Gra Hag Har Hei Hof Jan Kal Kas "
    "Kel Klein Kra Kro Lan Leh Lin Lo Mau Mil Mor Neu Ober Ost Pet Pfei Rei Ren Ro Sal Schaf "
    "Schu Sei Som Stei Stern Tan Thal Ul Ut Vog Wag Wei Wen Wie Win Zim Zu"
).split()
_COMMON = "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann".split()
_PROVIDERS = np.array(
    "gmail.com gmx.de web.de t-online.de outlook.com yahoo.de mail-box.de".split()
)
_LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))
_N_POSTCODES = 8_000

# Shares, so that tests and the benchmark meet every case the rules are for
_SHARES = {
    "family": 0.35,  # persons who live with the person before them
    "twin": 0.01,  # of a family's members, born on the same day
    "junior": 0.15,  # of those drawn with another's first name, each time who keep it
    "family_email": 0.02,  # of a family's members, who use the other's address
    "family_phone": 0.40,
    "second": 0.15,  # persons with a second account
    "third": 0.10,  # of those, with a third
    "moved": 0.15,
    "new_email": 0.45,
    "new_phone": 0.35,
    "typo": 0.12,
    "birth_typo": 0.02,
    "initial": 0.04,
    "no_email": 0.05,
    "no_phone": 0.25,
    "no_birth": 0.25,
    "no_postcode": 0.03,
}


def invent_accounts(n_people: int, seed: int) -> pd.DataFrame:
    """Invent accounts of persons, some of whom have two or three.

    Families live at one address and share phones and now and then an e-mail address, twins are
    born on one day, people move, mistype, and leave fields empty; a till gives its own number.

    Parameters
    ----------
    n_people : int
        Accounts, about a seventh of them of persons with another.
    seed : int
        Of all draws.

    Returns
    -------
    DataFrame
        One row per account, in no order: `customer_id`, the contact fields of
        `src.identity`, and `person`, the number of the true person.
    """
    rng = np.random.default_rng(seed)
    persons = _persons(rng, int(n_people / 1.16) + 1)
    accounts = _accounts(rng, persons).head(n_people)
    order = rng.permutation(len(accounts))
    accounts = accounts.iloc[order].reset_index(drop=True)
    numbers = rng.permutation(10 * len(accounts))[: len(accounts)]
    accounts.insert(0, "customer_id", pd.Series(numbers).map("c{:08d}".format).astype("str"))
    return accounts


def _persons(rng: np.random.Generator, n: int) -> pd.DataFrame:
    lasts = np.array(_COMMON * 40 + [a + b for a in _STARTS for b in _SYLLABLES], dtype=object)
    firsts = np.array(_FIRSTS, dtype=object)
    weights = 1 / np.arange(3, len(firsts) + 3)
    persons = pd.DataFrame(
        {
            "person": np.arange(n),
            "first_name": rng.choice(firsts, n, p=weights / weights.sum()),
            "last_name": rng.choice(lasts, n),
            "postcode": rng.integers(0, _N_POSTCODES, n) + 10_000,
            "birth": rng.integers(-10_000, 13_000, n),  # days since 1970: 1942 to 2005
            "phone": rng.integers(10_000_000, 99_999_999, n),
            "mailbox": np.arange(n),
            "provider": rng.choice(_PROVIDERS, n),
        }
    )
    lives_with = _drawn(rng, "family", n)
    lives_with[0] = False
    head = np.maximum.accumulate(np.where(lives_with, 0, np.arange(n)))
    for _ in range(4):  # few families give two members one name
        namesake = pd.DataFrame({"head": head, "name": persons["first_name"]}).duplicated()
        redrawn = namesake & ~_drawn(rng, "junior", n)
        persons["first_name"] = persons["first_name"].mask(redrawn, rng.choice(firsts, n))
    for column, share in (
        ("last_name", 1.0),
        ("postcode", 1.0),
        ("phone", _SHARES["family_phone"]),
        ("birth", _SHARES["twin"]),
        ("mailbox", _SHARES["family_email"]),
    ):
        takes = lives_with & (rng.random(n) < share)
        persons[column] = np.where(takes, persons[column].to_numpy()[head], persons[column])
    shared = persons["mailbox"].to_numpy()
    names = persons["first_name"].str.lower() + "." + persons["last_name"].str.lower()
    ascii_names = names.str.translate(str.maketrans({"ü": "ue", "ö": "oe", "ä": "ae"}))
    local = ascii_names.to_numpy()[shared] + pd.Series(shared).astype("str")
    persons["email"] = local + "@" + persons["provider"].to_numpy()[shared]
    return persons.drop(columns=["mailbox", "provider"])


def _accounts(rng: np.random.Generator, persons: pd.DataFrame) -> pd.DataFrame:
    second = persons[_drawn(rng, "second", len(persons))]
    third = second[_drawn(rng, "third", len(second))]
    later = pd.concat([second, third], ignore_index=True)
    n = len(later)
    moved, mailed = _drawn(rng, "moved", n), _drawn(rng, "new_email", n)
    phoned, born = _drawn(rng, "new_phone", n), _drawn(rng, "birth_typo", n)
    later["postcode"] = np.where(
        moved, rng.integers(0, _N_POSTCODES, n) + 10_000, later["postcode"]
    )
    later["phone"] = np.where(phoned, rng.integers(10_000_000, 99_999_999, n), later["phone"])
    fresh = later["email"].str.replace("@", "") + pd.Series(rng.integers(0, 99, n)).astype("str")
    later["email"] = (fresh + "@posteo.de").where(mailed, later["email"].str.upper())
    later["birth"] = np.where(born, later["birth"] + 1, later["birth"])
    _mistype(rng, later, "first_name")
    _mistype(rng, later, "last_name")
    initials = _drawn(rng, "initial", n)
    later["first_name"] = later["first_name"].mask(initials, later["first_name"].str[:1])
    return _as_written(rng, pd.concat([persons, later], ignore_index=True))


def _mistype(rng: np.random.Generator, people: pd.DataFrame, column: str) -> None:
    """Change, drop or double one letter of some names."""
    for row in np.flatnonzero(_drawn(rng, "typo", len(people)) & (rng.random(len(people)) < 0.5)):
        name = people.at[row, column]
        at, how = int(rng.integers(0, len(name))), int(rng.integers(0, 4))
        letter = str(rng.choice(_LETTERS))
        middle = ("", name[at] * 2, letter, letter + name[at])[how]
        people.at[row, column] = name[:at] + middle + name[at + 1 :]


def _as_written(rng: np.random.Generator, accounts: pd.DataFrame) -> pd.DataFrame:
    """Write numbers as people do, leave fields empty, and let a till give its own number."""
    n = len(accounts)
    digits = accounts["phone"].astype("str")
    forms = [
        "0151 " + digits,
        "+49151" + digits,
        "0049 151/" + digits.str[:4] + "-" + digits.str[4:],
    ]
    # most write the national form, few the one with 00
    draw = rng.choice(3, n, p=[0.7, 0.25, 0.05])
    phone = pd.Series(np.select([draw == 0, draw == 1], forms[:2], forms[2])).astype("str")
    till = rng.random(n) < 0.005
    births = np.datetime64("1970-01-01") + accounts["birth"].to_numpy().astype("timedelta64[D]")
    written = pd.DataFrame(
        {
            "email": accounts["email"].mask(_drawn(rng, "no_email", n)).mask(till, "info@shop.de"),
            "phone": phone.mask(_drawn(rng, "no_phone", n)).mask(till, "030 90182077"),
            "first_name": accounts["first_name"],
            "last_name": accounts["last_name"],
            "postcode": accounts["postcode"].astype("str").mask(_drawn(rng, "no_postcode", n)),
            "birth_date": pd.Series(births).mask(_drawn(rng, "no_birth", n)),
            "person": accounts["person"],
        }
    )
    texts = ["email", "phone", "first_name", "last_name", "postcode"]
    return written.astype(dict.fromkeys(texts, "str") | {"birth_date": "datetime64[us]"})


def _drawn(rng: np.random.Generator, what: str, n: int) -> np.ndarray:
    return rng.random(n) < _SHARES[what]
