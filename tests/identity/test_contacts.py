import random

from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pandas as pd
import phonenumbers
import pytest

from src.errors import ParameterError, SchemaError
from src.identity.contacts import build_contacts, drop_shared
from src.identity.emails import normalize_email, normalize_emails
from src.identity.names import fold_name, fold_postcodes, known_birth_dates
from src.identity.phones import normalize_phone, normalize_phones


@pytest.mark.parametrize(
    ("address", "key"),
    [
        (" Ann.Miller+shop@GoogleMail.com ", "annmiller@gmail.com"),
        ("a.n.n.miller@gmail.com", "annmiller@gmail.com"),
        ("Ann+2@Outlook.com", "ann@outlook.com"),
        ("ann+2@miller.de", "ann+2@miller.de"),  # elsewhere a plus may be part of the name
        ("a.n.n@miller.de", "a.n.n@miller.de"),
        ("ann@BÜCHER-LADEN.de", "ann@xn--bcher-laden-thb.de"),
        ("jürgen@weiß.de", "jürgen@xn--wei-7ka.de"),
        ("o'brien@mail.ie", "o'brien@mail.ie"),
    ],
)
def test_addresses_of_one_mailbox_have_one_key(address, key):
    assert normalize_email(address) == key


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "none@",
        "@web.de",
        "ann.web.de",
        "ann@web",
        "ann..b@web.de",
        "ann@web..de",
        "test@test",
        "test12@web.de",
        "no-email@shop.de",
        "noemail3@web.de",
        "xxx@xxx.de",
        "123456@web.de",
        "info@mueller.de",
        "Office@mueller.de",
        "no-reply@shop.de",
        "büro@shop.de",
        "someone@example.com",
        "ann@localhost",
        "ann@shop.test",
        f"{'a' * 65}@web.de",
        f"ann@{'a.' * 130}de",
        "ann@web.de, bob@web.de",
    ],
)
def test_what_tells_nobody_is_no_key(address):
    assert normalize_email(address) is None


_SIGNS = st.text("aAbé.+-_'@ \t!\x00", min_size=1, max_size=12)


_DOMAINS = st.sampled_from(["web.de", "b-c.org", "a..de", "-a.de", "ab", "é.fr"])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(_SIGNS, _DOMAINS), min_size=30, max_size=60))
def test_only_valid_addresses_become_keys(parts):
    addresses = pd.Series([f"{local}@{domain}" for local, domain in parts], dtype="str")
    for address, key in zip(addresses, normalize_emails(addresses), strict=True):
        try:
            known = validate_email(address.strip().lower(), check_deliverability=False)
        except EmailNotValidError:
            assert key is None
        else:
            assert key in (None, f"{known.local_part}@{known.ascii_domain}".casefold())


def test_many_addresses_keep_their_order():
    addresses = pd.Series(["bob@web.de", None, "ann@web.de", "Bob@web.de"], dtype="str")
    assert normalize_emails(addresses) == ["bob@web.de", None, "ann@web.de", "bob@web.de"]
    assert normalize_emails(addresses.iloc[:0]) == []


@pytest.mark.parametrize(
    ("number", "region", "key"),
    [
        ("030 / 901820-7", "DE", "+49309018207"),
        ("+49 (0)30 9018207", "US", "+49309018207"),
        ("0049309018207", "DE", "+49309018207"),
        ("07911 123457", "GB", "+447911123457"),
        ("(212) 736-5000", "US", "+12127365000"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("13800138001", "CN", "+8613800138001"),
        ("06 698 12345", "IT", "+390669812345"),
        ("000000", "DE", None),
        ("0151 00000000", "DE", None),
        ("030 123456", "DE", None),
        ("12345", "DE", None),
        ("(212) 736-5000 ext. 12", "US", None),
        ("keine", "DE", None),
        ("9" * 300, "DE", None),
        (None, "DE", None),
    ],
)
def test_numbers_are_read_as_people_write_them(number, region, key):
    assert normalize_phone(number, region) == key


@pytest.mark.parametrize("region", ["DE", "US", "GB", "FR", "CN", "IT", "ES", "AU", "BR", "IN"])
def test_the_fast_way_agrees_with_the_library(region):
    draw = random.Random(region)
    code = phonenumbers.country_code_for_region(region)
    examples = [phonenumbers.example_number_for_type(region, kind) for kind in (0, 1, 6)]
    known = [phonenumbers.national_significant_number(number) for number in examples if number]
    numbers = []
    for _ in range(400):
        digits = list(draw.choice(known))
        for _ in range(draw.randrange(1, 6)):
            digits[draw.randrange(len(digits))] = draw.choice("0123456789")
        start = draw.choice(["0", "", f"+{code}", f"00{code}", f"+{code} (0)", "1"])
        numbers.append(start + "".join(digits))
    for number, key in zip(numbers, normalize_phones(pd.Series(numbers), region), strict=True):
        try:
            parsed = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            assert key is None
            continue
        expected = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        is_valid = phonenumbers.is_valid_number(parsed)
        assert key in ((expected, None) if is_valid else (None,)), number
        # what is valid and still no key is a filler
        assert key is not None or not is_valid or expected[-6:] in _fillers(), number


def _fillers() -> set[str]:
    runs = {run[at : at + 6] for run in ("01234567890", "09876543210") for at in range(6)}
    return runs | {digit * 6 for digit in "0123456789"}


def test_an_unknown_region_is_told():
    with pytest.raises(ParameterError, match="country code such as DE"):
        normalize_phone("030 9018207", "Germany")


def test_names_are_folded_over_accents_umlauts_and_titles():
    assert fold_name("Prof. Dr. Jürgen Größe") == fold_name("juergen groesse")
    assert fold_name("José-María") == "jose maria"
    assert fold_name("D’Aubigné") == fold_name("D'Aubigne") == "daubigne"
    assert fold_name("Øyvind Æsa") == "oyvind asa"
    assert fold_name("王小明") == "王小明"
    assert fold_name("Unknown") == fold_name("--") == ""


def test_postcodes_that_say_nothing_are_missing():
    found = fold_postcodes(pd.Series(["sw1a 1aa", "D-10115", "00000", "99999", "12", None]))
    assert found.tolist() == ["SW1A1AA", "D10115", "", "", "", ""]


def test_birth_dates_that_a_form_fills_in_are_missing():
    # 30 people on 1970-01-01 against a median of 1: above the ceiling of 20
    days = ["1970-01-01"] * 30 + ["1980-05-05"] * 20 + [f"19{y}-03-01" for y in range(50, 99)]
    found = known_birth_dates(pd.Series(pd.to_datetime([*days, None, "1900-01-01"])))
    assert np.isnat(found[:30]).all()
    assert not np.isnat(found[30:99]).any()
    assert np.isnat(found[99:]).all()


def test_a_key_of_many_is_left_out_and_counted():
    keys = pd.Series(["a"] * 6 + ["b"] * 5 + [None], dtype="str")
    kept, n_keys, n_ids = drop_shared(keys, 5)
    assert kept.dropna().tolist() == ["b"] * 5
    assert (n_keys, n_ids) == (1, 6)


def test_contacts_have_one_row_per_id_in_the_order_of_the_ids():
    people = pd.DataFrame(
        {
            "customer_id": ["b", "a", None, "b"],
            "email": [None, "ann@web.de", "cia@web.de", "bob@web.de"],
            "postcode": ["10115", None, None, None],
        }
    )
    contacts = build_contacts(people, "DE")
    assert contacts["customer_id"].tolist() == ["a", "b"]
    assert contacts["email"].tolist() == ["ann@web.de", "bob@web.de"]
    assert contacts["postcode"].tolist() == ["", "10115"]


def test_people_without_ids_are_refused():
    with pytest.raises(SchemaError, match="customer_id"):
        build_contacts(pd.DataFrame({"email": ["ann@web.de"]}), "DE")
