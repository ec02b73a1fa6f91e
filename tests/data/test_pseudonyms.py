import hashlib
import hmac

import pandas as pd
import pytest

from src.data.pseudonyms import PSEUDONYM_LENGTH, pseudonym, pseudonym_table

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


def test_pseudonym_is_the_cut_keyed_hash():
    full = hmac.new(KEY, b"1001", hashlib.sha256).hexdigest()
    assert pseudonym("1001", KEY) == full[:32]
    assert len(pseudonym("1001", KEY)) == PSEUDONYM_LENGTH


def test_pseudonym_changes_with_the_key_and_with_the_id():
    assert pseudonym("1001", KEY) != pseudonym("1001", OTHER_KEY)
    assert pseudonym("1001", KEY) != pseudonym("1002", KEY)


def test_pseudonym_knows_letters_of_every_language():
    assert pseudonym("Łódź-1", KEY) != pseudonym("Lodz-1", KEY)


def test_table_pairs_each_id_once_and_passes_over_the_missing():
    pairs = pseudonym_table(pd.Series(["b", "a", None, "b"]), KEY)
    assert dict(zip(pairs["plain_id"], pairs["pseudonym"], strict=True)) == {
        "a": pseudonym("a", KEY),
        "b": pseudonym("b", KEY),
    }
    assert pairs["pseudonym"].is_monotonic_increasing


def test_a_cut_keeps_the_first_by_pseudonym_whatever_the_order_of_the_ids():
    ids = pd.Series([str(number) for number in range(50)])
    cut = pseudonym_table(ids, KEY, max_customers=5)
    assert cut.equals(pseudonym_table(ids.iloc[::-1], KEY, max_customers=5))
    assert cut["pseudonym"].tolist() == sorted(pseudonym(plain, KEY) for plain in ids)[:5]


@pytest.mark.parametrize("max_customers", [0, 3])
def test_no_ids_make_an_empty_table(max_customers):
    pairs = pseudonym_table(pd.Series([], dtype="str"), KEY, max_customers)
    assert list(pairs.columns) == ["plain_id", "pseudonym"]
    assert pairs.empty
