"""Signatures that another implementation verifies, and that break when anything is changed."""

import base64
from types import SimpleNamespace
import zlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
import dkim
import pytest

from src.errors import ConfigurationError
from src.ledger.people import Person
from src.send.channels import Stationery, read_return_path, return_path
from src.send.compose import build_letterhead, compose
from src.send.dkim import Signer, body_hash, read_signer, relax_headers

DOMAIN = "shop.example.com"
_DER, _RAW = serialization.Encoding.DER, serialization.Encoding.Raw


@pytest.fixture(scope="module")
def keys():
    return {
        "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ed": Ed25519PrivateKey.generate(),
    }


@pytest.fixture
def stationery(keys):
    return Stationery(tuple(Signer(DOMAIN, name, key) for name, key in keys.items()))


@pytest.fixture
def dns(keys):
    """Answer for the public keys as the domain's DNS would."""
    rsa_key = (
        keys["rsa"].public_key().public_bytes(_DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    ed_key = keys["ed"].public_key().public_bytes(_RAW, serialization.PublicFormat.Raw)
    records = {
        f"rsa._domainkey.{DOMAIN}.": b"v=DKIM1; k=rsa; p=" + base64.b64encode(rsa_key),
        f"ed._domainkey.{DOMAIN}.": b"v=DKIM1; k=ed25519; p=" + base64.b64encode(ed_key),
    }
    return lambda name, timeout=5: records[name.decode() if isinstance(name, bytes) else name]


def letter(campaign, stationery, clock, i=0):
    """A letter that differs in everything a person can make differ, by its number."""
    names = ["Ann", "Zoë", "王芳", "O'Hara, Jr.", "a" * 90, "", "Łukasz " * 20, "😀", "=?x?=", "."]
    ends = ["", "\n", "\n\n\n", " ", "\t\n", "\n.\n", "é", "  \n  \n", "\r\n\r\n", "."]
    subject = "⟦first_name⟧ " + "word  and\ttab " * (i % 12)
    text = f"Dear ⟦first_name⟧,\n\t{'x ' * (i % 70)}{ends[i // 10 % 10]}⟦unsubscribe_url⟧"
    person = Person(names[i % 10], f"Lee {i}", f"ann{i}@example.com")
    content = SimpleNamespace(subject=subject, text=text + ends[i % 10], html=f"<p>{text}</p>")
    message = SimpleNamespace(message_key=f"{zlib.crc32(b'%d' % i):064x}", customer_id=f"c{i}")
    return compose(build_letterhead(campaign, stationery), message, content, person, clock())


def test_another_implementation_verifies_a_thousand_letters(campaign, stationery, clock, dns):
    n_right = {b"rsa": 0, b"ed": 0}
    for i in range(1000):
        content = letter(campaign, stationery, clock, i).content
        for index, selector in enumerate(n_right):
            if index == 0 or i % 10 == 0:  # pure Python's Ed25519 is slow
                check = dkim.DKIM(content)
                n_right[selector] += check.verify(index, dnsfunc=dns)
                assert check.selector == selector
    assert n_right == {b"rsa": 1000, b"ed": 100}


@pytest.mark.parametrize(
    "header",
    [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "Content-Type",
    ],
)
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_second_header_put_in_on_the_way_breaks_the_signatures(
    campaign, stationery, clock, dns, header, place
):
    content = letter(campaign, stationery, clock).content
    head, _, body = content.partition(b"\r\n\r\n")
    extra = f"{header}: evil@x.test".encode()
    lines = [extra, head] if place == "before" else [head, extra]
    changed = b"\r\n".join(lines) + b"\r\n\r\n" + body
    for index in range(2):
        assert dkim.DKIM(content).verify(index, dnsfunc=dns)
        assert not dkim.DKIM(changed).verify(index, dnsfunc=dns)


@pytest.mark.parametrize("change", [b"x", b"\r\nmore\r\n"], ids=["byte", "appended"])
def test_a_changed_body_breaks_the_signatures(campaign, stationery, clock, dns, change):
    content = letter(campaign, stationery, clock).content + change
    for index in range(2):
        with pytest.raises(dkim.ValidationError, match="body hash"):
            dkim.DKIM(content).verify(index, dnsfunc=dns)


def test_the_signature_names_no_length_and_both_unsubscribe_headers_twice(
    campaign, stationery, clock
):
    content = letter(campaign, stationery, clock).content.decode("ascii")
    value = content.partition("\r\nFrom:")[0].replace("\r\n ", "")
    assert " l=" not in value
    assert "c=relaxed/relaxed" in value
    assert value.count("List-Unsubscribe:List-Unsubscribe:") == 2
    assert value.count("List-Unsubscribe-Post:List-Unsubscribe-Post:") == 2
    assert max(map(len, content.split("\r\n"))) <= 200


def test_the_relaxed_forms_are_those_of_the_standard():
    """RFC 6376, section 3.4.5."""
    assert relax_headers([("A", " X"), ("B ", " Y\t\r\n\tZ  ")][:1]) == "a:X\r\n"
    assert relax_headers([("B", " Y\t\r\n\tZ  ")]) == "b:Y Z\r\n"
    assert body_hash(b" C \r\nD \t E\r\n\r\n\r\n") == body_hash(b" C\r\nD E\r\n")
    assert body_hash(b"") == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert body_hash(b"\r\n\r\n") == body_hash(b"")


@pytest.mark.parametrize("kind", ["none", "short", "curve"])
def test_a_key_that_is_none_is_refused_without_showing_it(kind):
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    pem = {"none": "kanari", "short": _pem(short), "curve": "-----BEGIN PRIVATE KEY-----\nx"}[kind]
    with pytest.raises(ConfigurationError, match="2048 bits") as caught:
        read_signer(DOMAIN, "s", pem)
    assert "kanari" not in str(caught.value)


def test_keys_are_read_from_pem(keys):
    assert read_signer(DOMAIN, "s", _pem(keys["rsa"])).algorithm == "rsa-sha256"
    assert read_signer(DOMAIN, "s", _pem(keys["ed"])).algorithm == "ed25519-sha256"


def test_a_bounce_finds_its_message_and_nobody_else_can_make_one(campaign, clock):
    stationery = Stationery(bounce_domain="bounces.example.com")
    envelope = letter(campaign, stationery, clock)
    key = build_letterhead(campaign).link_key
    assert envelope.sender == return_path(envelope.message_key, "bounces.example.com", key)
    assert len(envelope.sender.partition("@")[0]) <= 64
    assert read_return_path(f"<{envelope.sender.upper()}>", key) == envelope.message_key[:32]
    for i in range(len("bounce+"), envelope.sender.index("@")):
        other = "0" if envelope.sender[i] != "0" else "1"
        forged = envelope.sender[:i] + other + envelope.sender[i + 1 :]
        assert read_return_path(forged, key) is None
    assert read_return_path(envelope.sender, b"another key") is None
    assert read_return_path("hello@shop.example.com", key) is None


def _pem(key):
    form, secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, secret).decode("ascii")
