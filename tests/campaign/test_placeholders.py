import pytest

from src.campaign.placeholders import PERSONAL_FIELDS, fill, find_markers, marker, plain
from src.errors import TemplateError

URL = "https://shop.example.com/u/abc"


def test_filling_replaces_every_marker():
    text = "Hi ⟦first_name⟧, ⟦first_name⟧! ⟦unsubscribe_url⟧"
    values = {"first_name": "Alex", "unsubscribe_url": URL}
    assert fill(text, values, is_html=False) == f"Hi Alex, Alex! {URL}"


def test_text_without_markers_stays_as_it_is():
    assert fill("10% off", {}, is_html=True) == "10% off"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<b>A</b>", "&lt;b&gt;A&lt;/b&gt;"),
        ('A"B', "A&quot;B"),
        ("O'Neil", "O&#x27;Neil"),
        ("A&B", "A&amp;B"),
    ],
)
def test_html_values_are_escaped_and_text_values_are_not(value, expected):
    assert fill("⟦first_name⟧", {"first_name": value}, is_html=True) == expected
    assert fill("⟦first_name⟧", {"first_name": value}, is_html=False) == value


@pytest.mark.parametrize(
    "value",
    ["⟦unsubscribe_url⟧", "⟦first_name⟧", "⟦⟦first_name⟧⟧", "⟧⟦"],
)
def test_a_name_can_never_become_a_marker(value):
    filled = fill("Hi ⟦first_name⟧x", {"first_name": f"A{value}", "unsubscribe_url": URL}, False)
    assert not {"⟦", "⟧"} & set(filled)
    assert URL not in filled


def test_line_breaks_in_a_name_cannot_forge_a_header():
    filled = fill("⟦first_name⟧, hello", {"first_name": "A\r\nBcc: x@y.example\u2028Z"}, False)
    assert filled == "A Bcc: x@y.example Z, hello"


def test_direction_override_is_taken_out_of_a_name():
    assert fill("⟦first_name⟧", {"first_name": "A\u202eB"}, is_html=False) == "AB"


@pytest.mark.parametrize("value", [None, "", "  ", "\u200b", "⟦⟧"])
def test_missing_value_is_refused(value):
    with pytest.raises(TemplateError, match="'first_name', found none"):
        fill("⟦first_name⟧", {"first_name": value}, is_html=False)


def test_absent_value_is_refused():
    with pytest.raises(TemplateError, match="'unsubscribe_url', found none"):
        fill("⟦unsubscribe_url⟧", {"first_name": "A"}, is_html=False)


def test_unknown_marker_is_refused():
    with pytest.raises(TemplateError, match="found 'last_name'"):
        fill("⟦last_name⟧", {"last_name": "X", "first_name": "A"}, is_html=False)


@pytest.mark.parametrize("text", ["⟦first_name", "first_name⟧", "⟦First Name⟧", "⟦⟧", "⟦ a⟧ ⟦"])
def test_broken_marker_is_refused(text):
    with pytest.raises(TemplateError, match="broken one"):
        fill(text, {"first_name": "A"}, is_html=False)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "/u/1", "https://a b", "data:text/html,x"])
def test_unsubscribe_address_must_be_http(url):
    with pytest.raises(TemplateError, match="http"):
        fill("⟦unsubscribe_url⟧", {"unsubscribe_url": url}, is_html=True)


def test_long_address_is_never_cut():
    url = URL + "x" * 2000
    assert fill("⟦unsubscribe_url⟧", {"unsubscribe_url": url}, is_html=False) == url


def test_errors_hold_no_personal_value():
    with pytest.raises(TemplateError) as error:
        fill("⟦first_name⟧ ⟦x⟧", {"first_name": "Secretname"}, is_html=False)
    assert "Secretname" not in str(error.value)


def test_markers_are_found_in_order():
    assert find_markers("⟦b⟧ ⟦first_name⟧") == ["b", "first_name"]
    assert [marker(field) for field in PERSONAL_FIELDS] == ["⟦first_name⟧", "⟦unsubscribe_url⟧"]


def test_marker_of_an_unknown_field_is_refused():
    with pytest.raises(TemplateError, match="last_name"):
        marker("last_name")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (float("nan"), ""),
        (3, ""),
        (" a \t b ", "a b"),
        ("a⟦x⟧", "ax"),
        ("b" * 400, "b" * 300),
    ],
)
def test_plain_makes_one_harmless_line(value, expected):
    assert plain(value) == expected
