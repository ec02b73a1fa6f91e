"""Headers against injection: whatever is put in, exactly the planned headers come out."""

from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.policy import SMTP, default
import itertools

import pytest

from src.send.headers import encode_address, encode_mailbox, encode_text, write_headers

BREAKS = [
    "\r\n",
    "\n",
    "\r",
    "\r\n ",
    "\n\t",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "\0",
]
ENCODED = [
    "=?utf-8?q?hi=0D=0ABcc:_evil=40x.test?=",
    "=?utf-8?q?hi=0ABcc:_evil=40x.test?=",
    "=?utf-8?q?hi=0DBcc:_evil=40x.test?=",
    "=?utf-8?Q?=0D=0A=0D=0Abody?=",
    "=?utf-8?b?aGkNCkJjYzogZXZpbEB4LnRlc3Q=?=",
    "=?us-ascii?q?hi=0D=0ABcc:_evil?=",
    "=?iso-8859-1?q?hi=0D=0ABcc:_evil?=",
    "=?utf-16?b?AA0ACgBCAGMAYwA6ACAAZQ==?=",
    "=?utf-7?q?+AA0-+AAo-Bcc:_evil?=",
    "=?utf-8?q?a?= =?utf-8?q?=0D=0ABcc:_evil?=",
    "=?=?utf-8?q?hi=0D=0ABcc:_evil?=?=",
    "=?utf-8?q?=3D=3Futf-8=3Fq=3Fhi=3D0D=3D0ABcc:_evil=3F=3D?=",
    "=?unknown?q?hi=0D=0ABcc:_evil?=",
    "=?utf-8*en?q?hi=0D=0ABcc:_evil?=",
    "= ?utf-8?q?hi=0D=0ABcc:_evil?=",
]
HEADERS = ["Bcc: evil@x.test", "To: evil@x.test", "Subject: other", "Content-Type: text/html", ""]
QUOTES = [
    '"',
    '\\"',
    '", evil@x.test, "',
    "<evil@x.test>",
    "Ann, evil@x.test",
    "a;b:c",
    "(x) <y@z.test>",
    "Ann <evil@x.test>, Bob",
    "undisclosed:;",
    "\\",
    "'",
    "‮evil",
    "é" * 300,
    "王" * 100,
    "😀" * 60,
    "a" * 2000,
    " " * 1200 + "a",
    "\ud800",
    "\u200b",
    "=" * 100,
    "?=" * 40,
]
PAYLOADS = [
    *(f"hi{line_break}{header}" for line_break, header in itertools.product(BREAKS, HEADERS)),
    *ENCODED,
    *(f"Ann {payload} Lee" for payload in ENCODED),
    *QUOTES,
]
PLANNED = ["From", "To", "Subject", "Date", "Message-ID"]


def build(subject="Hello", name="Ann Lee", address="ann@example.com"):
    block = write_headers(
        {
            "From": encode_mailbox("Shop", "hello@shop.example.com"),
            "To": encode_mailbox(name, address),
            "Subject": encode_text(subject),
            "Date": "Thu, 01 Feb 2024 09:00:00 +0000",
            "Message-ID": "<abc@shop.example.com>",
        }
    )
    return block + b"\r\nbody\r\n"


def check(content):
    """Hold the bytes, and what Python's own reader makes of them twice, against the plan."""
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert not {b"\r", b"\n"} & set(content.replace(b"\r\n", b"").split())
    for policy in (default, SMTP):
        message = message_from_bytes(content, policy=policy)
        again = message_from_bytes(message.as_bytes(), policy=policy)
        for read in (message, again):
            assert read.keys() == PLANNED
            assert [mailbox.addr_spec for mailbox in read["To"].addresses] == ["ann@example.com"]
            assert read.get_payload().strip() == "body"
    return message


def test_there_are_enough_payloads():
    assert len(set(PAYLOADS)) >= 100


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_no_subject_and_no_name_makes_a_header_or_a_recipient(payload):
    check(build(subject=payload))
    check(build(name=payload))


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_no_address_makes_a_header_or_a_recipient(payload):
    for address in (
        payload,
        f"{payload}@example.com",
        f"ann@{payload}",
        f"ann{payload}@example.com",
    ):
        written = encode_address(address)
        if written is not None:
            read = message_from_bytes(build(address=written), policy=default)
            assert read.keys() == PLANNED
            assert len(read["To"].addresses) == 1


@pytest.mark.parametrize("text", ["Hello", "10 % off", "Grüße an Zoë", "只给你的优惠", "tab\tand"])
def test_a_text_reads_as_it_was_written(text):
    read = message_from_bytes(build(subject=text, name=text), policy=default)
    assert read["Subject"] == " ".join(text.split())
    assert read["To"].addresses[0].display_name == " ".join(text.split())


@pytest.mark.parametrize("text", ["a" * 200, "é" * 300, "😀 " * 30 + "x"], ids=["a", "é", "😀"])
def test_a_long_text_is_cut_into_words_and_read_as_one(text):
    assert message_from_bytes(build(subject=text), policy=default)["Subject"] == text
    name = str(make_header(decode_header(encode_mailbox(text, "").removesuffix("\r\n <>"))))
    assert name == text


@pytest.mark.parametrize("control", [*BREAKS, "\x01", "\x7f", "\x9f"], ids=ascii)
def test_controls_become_spaces(control):
    assert encode_text(f"a{control}b") == "a b"
    assert encode_mailbox(f"a{control}b", "c@example.com") == '"a b" <c@example.com>'


def test_code_in_a_subject_stays_text():
    read = message_from_bytes(build(subject=ENCODED[0]), policy=default)
    assert read["Subject"] == "= ?utf-8?q?hi=0D=0ABcc:_evil=40x.test?="


@pytest.mark.parametrize(
    "name", ["O'Hara, Jr.", 'Ann "The" Lee', "Lee; Ann", "Ann@Home", "A <b>", "J. R. Ewing"]
)
def test_a_name_stays_one_address(name):
    address = message_from_bytes(build(name=name), policy=default)["To"].addresses
    assert address == (Address(name, "ann", "example.com"),)


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann.Lee+x@example.com", "Ann.Lee+x@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
        ("a" * 65 + "@example.com", None),
        ("zoë@example.com", None),
        ("ann", None),
        ("", None),
        ("@example.com", None),
        ("ann@", None),
        ("ann@localhost", None),
        ("ann@127.0.0.1", None),
        ("ann@[127.0.0.1]", None),
        ("ann@exa_mple.com", None),
        ("ann@-a.com", None),
        ("ann@a..com", None),
        (".ann@example.com", None),
        ("ann..lee@example.com", None),
        ('"a b"@example.com', None),
        ("ann lee@example.com", None),
        ("ann@example.com\n", None),
        ("ann@example.com>", None),
        ("a@b@example.com", None),
        ("=?utf-8?q?a?=@example.com", None),
        ("ann@" + "a" * 250 + ".com", None),
        ("ann@" + "a." * 140 + "com", None),
    ],
)
def test_addresses(address, written):
    assert encode_address(address) == written


@pytest.mark.parametrize(
    "headers",
    [
        {"Subject": "a\r\nb: c"},
        {"Subject": "a\nb"},
        {"Subject": "é"},
        {"Sub ject": "a"},
        {"Subject": "a" * 995},
        {"Subject": ""},
        {"Subject": "a\r\n \r\n b"},
    ],
    ids=["break", "bare line feed", "not ascii", "name", "long", "empty", "empty line"],
)
def test_the_last_guard_refuses_what_is_no_header(headers):
    with pytest.raises(ValueError, match="cannot be written"):
        write_headers(headers)
