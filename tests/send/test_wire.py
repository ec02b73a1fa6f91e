"""Bytes on the wire: nothing smuggled out of a body, no header or recipient out of a field."""

from collections import Counter
from email import message_from_bytes
from email.policy import SMTP, default
from email.utils import getaddresses
import itertools
import quopri
from types import SimpleNamespace

import pytest

from src.errors import ParameterError
from src.ledger.people import Person
from src.send.channels.session import WireError, to_wire
from src.send.compose import ComposeError, build_letterhead, compose
from tests.send.test_headers import PAYLOADS as SOME_PAYLOADS

STRINGS = [
    "".join(letters) for n in range(1, 9) for letters in itertools.product("\r\n.x", repeat=n)
]
ENDS = [b"\r\n.\r\n", b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\n", b"\r\n.\n", b"\r\n.\r", b"\n.\r"]
KEY = "0f" * 32
HEADERS = Counter(
    "From To Subject Date Message-ID List-Unsubscribe List-Unsubscribe-Post MIME-Version "
    "Content-Type".split()
)
PLACES = ["{}", "Ann {} Lee", "{}{}", "\r\n{}", "⟦first_name⟧{}"]
PAYLOADS = sorted({place.format(p, p) for place in PLACES for p in SOME_PAYLOADS})
FIELDS = [
    "first_name",
    "last_name",
    "local part",
    "domain",
    "subject",
    "text",
    "html",
    "sender_name",
    "sender_address",
    "unsubscribe_url",
]


def unstuff(wire):
    """Read DATA as RFC 5321 tells a server to, up to the final dot."""
    content, _, rest = (b"\r\n" + wire).partition(b"\r\n.\r\n")
    assert rest == b""
    return content.replace(b"\r\n.", b"\r\n")[2:] + b"\r\n"


def make(campaign, clock, **fields):
    person = Person(
        fields.get("first_name", "Ann"),
        fields.get("last_name", "Lee"),
        f"{fields.get('local part', 'ann')}@{fields.get('domain', 'example.com')}",
    )
    content = SimpleNamespace(
        subject=fields.get("subject", "For you"),
        text=fields.get("text", "hello ⟦first_name⟧\n"),
        html=f"<p>{fields.get('html', 'hello')}</p>",
    )
    changes = {
        name: fields[name]
        for name in ("sender_name", "sender_address", "unsubscribe_url")
        if name in fields
    }
    letterhead = build_letterhead(campaign.model_copy(update=changes))
    message = SimpleNamespace(message_key=KEY, customer_id="c1")
    return compose(letterhead, message, content, person, clock())


def test_there_are_as_many_strings_and_payloads_as_promised():
    assert len(set(STRINGS)) == 87_380
    assert len(PAYLOADS) >= 500
    assert len(FIELDS) == 10


def test_no_string_of_breaks_and_dots_ends_a_letter_early(campaign, clock):
    """All 87,380, as the body of a letter: on the wire, and read back."""
    marker = "⟦first_name⟧"
    for start in range(0, len(STRINGS), 20):
        group = STRINGS[start : start + 20]
        text = f"\n{marker}\n".join(["", *group, ""])
        wire = to_wire(make(campaign, clock, text=text, first_name="Q").content)
        assert wire.count(b"\r\n") == wire.count(b"\n") == wire.count(b"\r")
        assert not any(end in b"\r\n" + wire for end in ENDS)
        assert max(map(len, wire.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 78
        plain = unstuff(wire + b".\r\n").split(b"quoted-printable\r\n\r\n")[1]
        read = quopri.decodestring(plain.partition(b"\r\n--=_")[0]).decode()
        expected = text.replace("\r\n", "\n").replace("\r", "\n").replace(marker, "Q")
        assert read.replace("\r\n", "\n") == expected


def test_no_string_of_breaks_and_dots_alone_in_a_body_ends_a_letter_early(campaign, clock):
    """One letter for each string up to length 5, whole bytes parsed by the standard library."""
    for text in STRINGS[: sum(4**n for n in range(1, 6))]:
        content = make(campaign, clock, text=text).content
        wire = to_wire(content)
        assert not any(end in b"\r\n" + wire for end in ENDS)
        assert unstuff(wire + b".\r\n") == content
        read = message_from_bytes(content, policy=default)
        assert Counter(read.keys()) == HEADERS
        plain = read.get_body(("plain",)).get_content().replace("\r\n", "\n")
        expected = text.replace("\r\n", "\n").replace("\r", "\n")
        assert plain.rstrip("\n") == expected.rstrip("\n")


def test_bytes_that_a_server_could_misread_are_refused_or_stuffed():
    """All 87,380 as raw bytes of a body: those with a lone break never reach a server."""
    n_refused = 0
    for text in STRINGS:
        raw = b"Subject: x\r\n\r\n" + text.encode()
        is_whole = raw.count(b"\r\n") == raw.count(b"\r") == raw.count(b"\n")
        try:
            wire = to_wire(raw)
        except WireError:
            n_refused += 1
            assert not is_whole
            continue
        assert is_whole
        assert not any(end in wire for end in ENDS)
        padded = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
        assert unstuff(wire + b".\r\n") == padded
    assert 0 < n_refused < len(STRINGS)


def test_long_lines_are_refused():
    assert to_wire(b"x" * 998 + b"\r\n")
    with pytest.raises(WireError, match="998"):
        to_wire(b"x" * 999 + b"\r\n")


@pytest.mark.parametrize("field", FIELDS)
def test_no_payload_in_any_field_makes_a_header_or_a_recipient(campaign, clock, field):
    n_made = 0
    for payload in PAYLOADS:
        url = f"https://shop.example.com/{payload}"
        value = url if field == "unsubscribe_url" else payload
        try:
            envelope = make(campaign, clock, **{field: value})
        except (ComposeError, ParameterError):
            continue
        n_made += 1
        to_wire(envelope.content)
        assert envelope.recipient.count("@") == 1
        assert not set(" \r\n<>,;") & set(envelope.recipient + envelope.sender)
        for policy in (default, SMTP):
            read = message_from_bytes(envelope.content, policy=policy)
            again = message_from_bytes(read.as_bytes(), policy=policy)
            for one in (read, again):
                assert Counter(one.keys()) == HEADERS
                assert len(one["To"].addresses) == len(one["From"].addresses) == 1
                assert one["To"].addresses[0].addr_spec == envelope.recipient
                assert [part.get_content_type() for part in one.iter_parts()] == [
                    "text/plain",
                    "text/html",
                ]
        assert len(getaddresses([str(read["To"])])) == 1
    if field in ("first_name", "last_name", "subject", "text", "html", "sender_name"):
        assert n_made > 400
