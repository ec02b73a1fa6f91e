from bs4 import BeautifulSoup
import pandas as pd
import pytest

from src.report.clean import clean_html

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "script within a name": "<scr<script>x</script>ipt>alert(1)</scr</script>ipt>",
    "handler": '<img src="data:image/png;base64,AA" onerror="alert(1)">',
    "handler in capitals": "<b ONCLICK=alert(1)>x</b>",
    "javascript link": '<a href="javascript:alert(1)">x</a>',
    "disguised link": '<a href=" java\tscript:alert(1)">x</a>',
    "data link": '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    "svg": "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "math": '<math><mi xlink:href="javascript:alert(1)">x</mi></math>',
    "frame": '<iframe src="https://evil.example/"></iframe>',
    "frame with javascript": "<iframe src=javascript:alert(1)></iframe>",
    "object": '<object data="https://evil.example/x"></object><embed src="//evil.example">',
    "form": '<form action="https://evil.example"><input type=submit></form>',
    "refresh": '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    "base": '<base href="https://evil.example/">',
    "remote picture": '<img src="https://evil.example/pixel.png">',
    "remote background": '<p style="background-image:url(https://evil.example/x)">x</p>',
    "style": "<style>@import url(https://evil.example/x.css);</style>",
    "link": '<link rel="stylesheet" href="https://evil.example/x.css">',
    "comment": "<!--><script>alert(1)</script>-->",
    "letter": "<iframe srcdoc='&lt;img src=x onerror=alert(1)&gt;&lt;script&gt;alert(1)"
    '&lt;/script&gt;&lt;a href="javascript:alert(1)" onclick=alert(1)&gt;x&lt;/a&gt;\'></iframe>',
    "letter with remote parts": "<iframe srcdoc='&lt;link rel=stylesheet href=//evil.example/x&gt;"
    "&lt;body background=//evil.example/b&gt;&lt;img srcset=//evil.example/c src=//evil.example/d"
    "&gt;&lt;p style=&quot;background:url(//evil.example/e)&quot;&gt;x&lt;/p&gt;'></iframe>",
}


def what_acts(markup: str) -> list[str]:
    """Name everything in markup that would run, load or lead away unseen, letters included."""
    found = []
    for element in BeautifulSoup(markup, "html.parser").find_all(True):
        if element.name in {"script", "object", "embed", "base", "link", "meta", "form", "svg"}:
            found.append(element.name)
        for name, value in element.attrs.items():
            text = "".join(str(value).split()).lower()
            if name.startswith("on") or (
                name.endswith("href") and text.startswith(("java", "data"))
            ):
                found.append(name)
            if name in {"src", "srcset", "background", "data", "action"}:
                found += [] if text.startswith("data:image/") else [name]
            if name == "style" and "url(" in text:
                found.append(name)
        if element.name == "iframe":
            found += [] if element.get("sandbox") in ("", []) else ["open frame"]
            found += what_acts(element.get("srcdoc", ""))
    return found


@pytest.mark.parametrize("markup", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_markup_is_neutralised(markup):
    assert what_acts(clean_html(markup)) == []


def test_detector_of_the_test_above_sees_hostile_markup():
    blind = {"script within a name", "comment", "style"}
    assert [name for name, x in HOSTILE.items() if not what_acts(x) and name not in blind] == []


def test_names_with_markup_stay_text():
    products = pd.DataFrame({"product": ["<img src=x onerror=alert(1)>", "Fish & chips"]})
    cleaned = clean_html(products._repr_html_())
    assert "&lt;img src=x onerror=alert(1)&gt;" in cleaned
    assert "Fish &amp; chips" in cleaned
    assert "<style" not in cleaned
    assert "vertical-align" not in cleaned


def test_columns_of_numbers_stand_to_the_right_and_others_do_not():
    tags = pd.DataFrame({"tag": ["loyal", "new"], "n_customers": ["1,200", "−3"], "p": [0.5, None]})
    soup = BeautifulSoup(clean_html(tags._repr_html_()), "html.parser")
    heads = {cell.get_text(): "number" in cell.get("class", []) for cell in soup.select("thead th")}
    assert heads == {"tag": False, "n_customers": True, "p": True}
    assert soup.table.parent["class"] == ["table-frame"]
    assert soup.table.parent["tabindex"] == "0"


def test_row_numbers_of_pandas_go_and_named_rows_stay():
    numbered = pd.DataFrame({"product_id": ["77", "78"], "n": [1, 2]})
    named = numbered.set_index("product_id")

    def rows_of(frame):
        soup = BeautifulSoup(clean_html(frame._repr_html_()), "html.parser")
        return [[c.get_text(strip=True) for c in r.find_all(["th", "td"])] for r in soup("tr")]

    assert rows_of(numbered) == [["product_id", "n"], ["77", "1"], ["78", "2"]]
    assert rows_of(named) == [["product_id", "n"], ["77", "1"], ["78", "2"]]  # one head, not two
    assert rows_of(numbered.rename(index={0: "a", 1: "b"}))[1][0] == "a"


def test_numbers_that_name_things_stand_to_the_left():
    cleaned = clean_html(pd.DataFrame({"product_id": ["77"], "n": [1]})._repr_html_())
    soup = BeautifulSoup(cleaned, "html.parser")
    assert [cell.get("class") for cell in soup.select("td")] == [None, ["number"]]


def test_empty_head_of_a_markdown_table_goes():
    table = "<table><thead><tr><th></th><th></th></tr></thead><tbody><tr><td>a</td></tr></tbody>"
    assert "thead" not in clean_html(f"{table}</table>")


def test_letter_keeps_its_look_and_shows_where_a_link_would_lead():
    letter = '<style>p{color:red}</style><p><a href="https://shop.example.com/">Shop</a></p>'
    frame = f'<iframe srcdoc="{letter.replace(chr(34), "&quot;")}" height="300"></iframe>'
    cleaned = BeautifulSoup(clean_html(frame), "html.parser").iframe
    assert "p{color:red}" in cleaned["srcdoc"]
    assert '<a title="https://shop.example.com/">Shop</a>' in cleaned["srcdoc"]
    assert cleaned["height"] == "300"


def test_plain_link_stays_and_tells_the_other_side_nothing():
    cleaned = clean_html('<a href="https://doi.org/10.1000/1">paper</a>')
    assert 'href="https://doi.org/10.1000/1"' in cleaned
    assert "noreferrer" in cleaned
