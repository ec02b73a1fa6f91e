import pytest

from src.campaign import page
from src.campaign.page import read_page


def test_reader_sees_text_descriptions_links_and_styles():
    found = read_page(
        '<html lang="en"><title>T</title><style>p { color: red }</style>'
        '<p style="margin:0">A &amp; B<a href="https://x.example/">C</a></p>'
        '<img alt="D" src="e.png"><!-- not seen --></html>'
    )
    assert found.text == "T A & B C D"
    assert found.links == ("https://x.example/", "e.png")
    assert found.styles == ("p { color: red }", "margin:0")
    assert found.attributes_of("html") == [{"lang": "en"}]


@pytest.mark.parametrize(
    "html",
    [
        "<p class='a'>x</p>",
        '<p title="a>b">x</p>',
        "<p>1 < 2</p>",
        "<script>var a = '<p>'</script>",
        "<p hidden>x</p>",
        "<P>x</P>",
        "<!-- a -- b --><p>x</p>",
        "<style>a{}<p>x",
        "<a href=https://x.example>x</a>",
        "<p",
    ],
)
def test_unusual_markup_is_parsed_as_a_whole(html):
    assert read_page(html) == page._parse.__wrapped__(html)


def test_short_cut_gives_the_same_page_as_the_parser(messages):
    for html in messages["html"]:
        assert read_page(html) == page._parse.__wrapped__(html)


def test_our_own_messages_take_the_short_cut(messages, monkeypatch):
    pages = set(messages["html"])
    whole = page._parse.__wrapped__

    def parse(html):
        assert html not in pages, "parsed as a whole: thousands of messages would take minutes"
        return whole(html)

    monkeypatch.setattr(page, "_parse", parse)
    page._join.cache_clear()
    for html in pages:
        assert read_page(html).links


@pytest.mark.parametrize(
    "html",
    [
        '<html xmlns:v="urn:x" lang="en"><style media="a and (b:1px)">a{b:c}</style>x',
        '<style media="a>b">p{}</style><p>x</p>',
        '<style media="a"title="b">p{}</style><p>x</p>',
        '<p xmlns:="x">y</p>',
        '<style media="a">p{}<p>x</p></style><b>y</b>',
    ],
)
def test_markup_with_names_and_media_is_read_as_the_parser_does(html):
    assert read_page(html) == page._parse.__wrapped__(html)
