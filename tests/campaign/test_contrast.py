"""Contrast as WCAG 2.2 reckons it, in light and dark mode."""

import pytest

from src.campaign.contrast import find_low_contrast
from src.campaign.stylesheets import declarations, read_rules
from src.features.images.colors import contrast_ratio

DARK = "@media (prefers-color-scheme: dark) { "
PAGE = "<html><head><style>{}</style></head><body>{}</body></html>"


def test_ratios_are_those_of_the_standard():
    # published: black on white 21, #767676 the lightest gray of 4.5 on white, #949494 that of 3
    assert contrast_ratio((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert round(contrast_ratio((0x76,) * 3, (255,) * 3), 2) == 4.54
    assert round(contrast_ratio((0x94,) * 3, (255,) * 3), 2) == 3.03


def test_fault_tells_words_ratio_mode_and_bound():
    page = PAGE.format("", "<p>All is well</p><p style='color:#999'>Terms &amp; more</p>")
    assert find_low_contrast(page) == (
        "'Terms & more': 2.8 in light mode, below 4.5",
        "'Terms & more': 2.8 in dark mode, below 4.5",
    )


@pytest.mark.parametrize(
    ("sheet", "body", "modes"),
    [
        ("", "<p style='color:#777'>a</p>", {"light", "dark"}),
        ("", "<p style='color:#777;font-size:24px'>a</p>", set()),
        ("", "<p style='color:#777;font-size:19px'><b>a</b></p>", set()),
        ("", "<p style='color:#777;font-size:19px'>a</p>", {"light", "dark"}),
        ("", "<div style='background:#000'><p>a</p></div>", {"light", "dark"}),
        ("", "<div style='background:#000'><p style='color:#fff'>a</p></div>", set()),
        ("", "<div style='background:transparent'><p>a</p></div>", set()),
        ("", "<div bgcolor='#000000'><p>a</p></div>", {"light", "dark"}),
        ("", "<p style='color:rgb(250,250,250)'>a</p>", {"light", "dark"}),
        ("", "<p style='color:white;display:none'>a</p>", set()),
        (".x { color: #eee; }", "<p class='x'>a</p>", {"light", "dark"}),
        (".x > b { color: #eee; }", "<p class='x'><b>a</b></p>", {"light", "dark"}),
        (".x > b { color: #eee; }", "<p class='x'><i><b>a</b></i></p>", set()),
        ("p { color: #eee; }", "<p style='color:#000'>a</p>", set()),
        ("p { color: #eee !important; }", "<p style='color:#000'>a</p>", {"light", "dark"}),
        (DARK + "p { color: #fff !important; } }", "<p>a</p>", {"dark"}),
        (
            DARK + "body { background-color: #000 !important; } p { color: #fff !important; } }",
            "<p>a</p>",
            set(),
        ),
        ("@media (max-width: 480px) { p { color: #fff !important; } }", "<p>a</p>", set()),
        (DARK + "body { background: #000 !important; } }", "<p>a</p>", {"dark"}),
    ],
)
def test_what_is_inherited_set_and_overridden(sheet, body, modes):
    found = find_low_contrast(PAGE.format(sheet, body))
    assert {
        mode for mode in ("light", "dark") if any(f"{mode} mode" in one for one in found)
    } == modes


def test_same_form_with_other_words_tells_its_own_words():
    for words in ("One thing", "Another"):
        (told, _) = find_low_contrast(
            PAGE.format("", f"<p>ok</p><p style='color:#ccc'>{words}</p>")
        )
        assert told.startswith(repr(words))


def test_declarations_and_rules():
    assert declarations("color:Red; ;x; background : #FFF !IMPORTANT") == {
        "color": ("red", False),
        "background": ("#fff", True),
    }
    rules = read_rules(
        "/* a */ p, .x b { color: red } a:hover { color: blue } @media print { p { color: #000 } }"
    )
    assert [rule.selector for rule in rules] == ["p", ".x b"]


def test_an_unreadable_sheet_is_no_error():
    assert (
        find_low_contrast(
            PAGE.format("p { color: ; } } { @@ >>> {} x!y { color: red }", "<p>a</p>")
        )
        == ()
    )
