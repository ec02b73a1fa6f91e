"""Accounts that the shop opened to try itself out; told conservatively, with the rule's name."""

from collections.abc import Sequence

import pandas as pd

__all__ = ["find_test_accounts"]

# Domains that no one can own (RFC 2606), or that exist to be typed into forms
_TEST_DOMAINS = r"(?:.*\.)?(?:example\.(?:com|org|net)|test\.com)|.*\.(?:test|example|invalid)"
_TEST_LOCAL = (
    r"(?:test|tester|testing|qa|demo|dummy)[._-]?(?:user|account|kunde)?[._-]?\d*(?:\+.*)?"
)
_TEST_NAME = r"test(?:er|user|account|kunde|ing)?"


def find_test_accounts(people: pd.DataFrame, test_domains: Sequence[str] = ()) -> pd.DataFrame:
    """Find accounts that are tests of the shop.

    Not for invented people, whose addresses all are at example.com.

    Parameters
    ----------
    people : DataFrame
        `customer_id`, and any of `email`, `first_name`, `last_name`.
    test_domains : sequence of str
        Domains whose accounts are all tests, such as the shop's own.

    Returns
    -------
    DataFrame
        One row per account, in the order of the ids: `customer_id`, `reason`, which names the
        rule and never the address or name.

    Examples
    --------
    >>> emails = ["qa7@shop.de", "testa@shop.de"]
    >>> people = pd.DataFrame({"customer_id": ["1", "2"], "email": emails})
    >>> find_test_accounts(people)
      customer_id                    reason
    0           1  name of a test's mailbox
    """
    emails = _column(people, "email").str.strip().str.lower()
    local = emails.str.replace("@[^@]*$", "", regex=True)
    domain = emails.str.replace("^.*@", "", regex=True)
    first, last = (
        _column(people, name).str.strip().str.lower() for name in ("first_name", "last_name")
    )
    is_test_name = first.str.fullmatch(_TEST_NAME) & (last.str.fullmatch(_TEST_NAME) | (last == ""))
    is_test_name |= last.str.fullmatch(_TEST_NAME) & (first == "")
    rules = {
        "domain of tests named by the caller": domain.isin([name.lower() for name in test_domains]),
        "domain that nobody owns": domain.str.fullmatch(_TEST_DOMAINS),
        "name of a test's mailbox": local.str.fullmatch(_TEST_LOCAL),
        "name of a test": is_test_name,
    }
    reasons = pd.Series(None, people.index, dtype="str")
    for reason, applies in rules.items():
        reasons = reasons.mask(applies.fillna(False).astype(bool) & reasons.isna(), reason)
    found = pd.DataFrame({"customer_id": people["customer_id"].astype("str"), "reason": reasons})
    found = found.dropna().sort_values(["customer_id", "reason"])
    return found.drop_duplicates("customer_id", ignore_index=True)


def _column(people: pd.DataFrame, name: str) -> pd.Series:
    values = people[name] if name in people else pd.Series(None, people.index)
    return values.astype("str").fillna("")
