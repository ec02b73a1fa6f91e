import pytest

from src.report.formulas import render_formula
from src.report.notebook import render_prose


def test_fraction_becomes_mathml():
    assert "<mfrac><mrow>" in render_formula(r"\frac{a + b}{c}", "block")


@pytest.mark.parametrize("name", ["aligned", "align*", "cases", "matrix"])
def test_lines_under_each_other_become_a_table(name):
    markup = render_formula(rf"\begin{{{name}}} a &= b \\ c &= d \end{{{name}}}", "block")
    assert markup.count("<mtr>") == 2


@pytest.mark.parametrize(
    "source",
    [
        r"\text{<script>alert(1)</script>}",
        r"\text{<img src=x onerror=alert(1)>}",
        r"\href{javascript:alert(1)}{x}",
        r"\text{</math><script>alert(1)</script>}",
        r"\style{x:y}{z}",
        "<script>",
    ],
)
def test_markup_in_a_formula_stays_text(source):
    markup = render_formula(source, "inline")
    for active in ("<script", "<img", "href=", "<style"):
        assert active not in markup


def test_broken_formula_is_shown_as_written():
    assert render_prose(r"See $<b>\frac{$.") == r"<p>See <code>&lt;b&gt;\frac{</code>.</p>"


def test_formula_in_prose_is_drawn_and_dollars_are_gone():
    text = render_prose("Mean $\\bar{v}$ and\n\n$$\n\\sum_i v_i\n$$\n")
    assert text.count("<math") == 2
    assert 'display="block"' in text
    assert "$" not in text


def test_formula_never_lands_in_an_attribute():
    text = render_prose(r"![a $\text{ onerror=alert(1) }$ b](data:image/png;base64,AA)")
    assert "<math" not in text
    assert 'alt="a  b"' in text


def test_private_marks_in_the_text_do_not_call_up_formulas():
    assert render_prose("$x$ \ue0000\ue001").count("<math") == 1
