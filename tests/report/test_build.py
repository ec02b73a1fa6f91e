import base64
import hashlib
import json
import re

from bs4 import BeautifulSoup
import nbformat
from nbformat.v4 import new_output
import pytest

from src.data.tables import STAGES
from src.errors import ParameterError
from src.report import build_report


def soup_of(path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def words_of(node) -> str:
    return " ".join(node.get_text(" ", strip=True).split())


def test_one_page_per_notebook_and_the_index(whole_run):
    index = build_report(whole_run)
    assert index == whole_run / "report" / "index.html"
    pages = sorted(path.name for path in index.parent.iterdir())
    assert pages == sorted(["card.html", "index.html", *(f"{name}.html" for name in STAGES)])


def test_index_starts_with_the_key_numbers(whole_run):
    card = soup_of(build_report(whole_run)).select_one(".key")
    shown = {words_of(row.dt): words_of(row.dd) for row in card.select("dl > div")}
    assert shown == {
        "Chosen": "1,500 of 2,469 customers, 2,011 eligible",
        "Held out": "247 never written to; 264 more are this campaign's control",
        "Sent": "1,490 of 1,500 planned; 10 suppressed",
        "Incremental profit": "320.50 interval −1,234 to 2,346",
    }
    assert words_of(card.h2) == "Cannot tell"
    assert card.svg["aria-label"] == "Interval from −1,234 to 2,346, zero marked"


def test_index_shows_twelve_steps_with_question_numbers_time_and_link(whole_run):
    cards = soup_of(build_report(whole_run)).select(".way > li")
    assert [card.a["href"] for card in cards] == [f"{name}.html" for name in STAGES]
    assert words_of(cards[2]) == (
        "03 Title of 03 What 03 is for. rows 1,234 AUC 0.812 took 3.2 s"  # counts come first
    )


def test_unknown_endings_are_told_on_the_first_page(whole_run):
    path = whole_run / "results" / "07_send.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"n_unknown": 3}))
    assert "3 with unknown ending" in build_report(whole_run).read_text(encoding="utf-8")


def test_dry_run_is_told_on_the_first_page(whole_run):
    assert "dry run" not in build_report(whole_run).read_text(encoding="utf-8")
    path = whole_run / "results" / "08_measure.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"mode": "dry_run"}))
    assert "nobody really received a message" in build_report(whole_run).read_text(encoding="utf-8")


def test_provenance_is_folded(whole_run):
    folded = soup_of(build_report(whole_run)).select_one(".made details")
    assert not folded.has_attr("open")
    for part in ("params/demo.yaml", "20170930", "abc1234", "pandas", "3.1.1", "f00d"):
        assert part in words_of(folded)


def test_stage_page_leads_on_and_back(whole_run):
    page = soup_of(build_report(whole_run).parent / "04a_segment.html")
    assert words_of(page.h1) == "Title of 04a"
    assert words_of(page.select_one(".lead")) == "What 04a is for."
    assert page.select_one("[rel=prev]")["href"] == "03_tag.html"
    assert page.select_one("[rel=next]")["href"] == "04b_purchase.html"
    assert page.img["alt"] == "Figure: 1 Section"


def test_code_and_streams_are_hidden_until_asked_for(stage_page):
    warning = new_output("stream", name="stderr", text="careful \x1b[31m<b>\x1b[0m")
    page = BeautifulSoup(stage_page(warning), "html.parser")
    code = page.select("article .code")
    assert "secret_code_name" in words_of(code[1])
    assert "careful <b>" in words_of(code[2])
    for block in code:
        block.decompose()
    assert "secret_code_name" not in page.get_text()
    assert re.search(r"\.code \{ display: none; \}", page.style.string)
    assert page.select_one("button#show-code")["aria-pressed"] == "false"


def test_outputs_of_every_kind_are_shown(stage_page, as_html):
    outputs = (
        as_html("<table><tr><td>cell</td></tr></table>"),
        new_output("display_data", data={"text/markdown": "It **lacks** reviews."}),
        new_output("execute_result", data={"text/plain": "42 <days>"}, execution_count=1),
        new_output("display_data", data={"image/svg+xml": "<svg/>", "text/plain": "drawing"}),
        new_output("display_data", data={"application/javascript": "alert(1)", "text/plain": "x"}),
    )
    article = BeautifulSoup(stage_page(*outputs), "html.parser").article
    assert "cell" in words_of(article.table)
    assert article.strong.get_text() == "lacks"
    assert "42 <days>" in words_of(article)
    assert article.img["src"].startswith("data:image/svg+xml;base64,")
    assert "alert" not in article.decode()


def test_failed_cell_shows_its_error_in_a_box(stage_page):
    error = new_output(
        "error",
        ename="SchemaError",
        evalue="Expected <one> row.",
        traceback=["\x1b[31mline\x1b[0m"],
    )
    page = BeautifulSoup(stage_page(error), "html.parser")
    assert "SchemaError" in words_of(page.select_one(".error"))
    assert words_of(page.select_one(".error-text")) == "Expected <one> row."
    assert "did not finish" in words_of(page.select_one(".banner"))


def test_what_was_not_run_after_an_error_is_left_out(whole_run):
    path = whole_run / "notebooks" / "03_tag.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].outputs = [new_output("error", ename="E", evalue="e", traceback=[])]
    nbformat.write(notebook, path)
    build_report(whole_run)
    article = soup_of(whole_run / "report" / "03_tag.html").article
    assert "The rest of this step was not run." in words_of(article)
    assert article.h2 is None


def test_hostile_output_does_nothing(stage_page, as_html):
    hostile = (
        '<script>steal()</script><img src=x onerror="steal()"><a href="javascript:steal()">x</a>'
    )
    text = stage_page(
        as_html(hostile), new_output("display_data", data={"text/markdown": hostile}), prose=hostile
    )
    assert "steal" not in text
    assert text.count("<script") == 1  # the one that shows the code


def test_passed_checks_are_counted_though_their_code_is_hidden(whole_run):
    path = whole_run / "notebooks" / "03_tag.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cell = notebook.cells[-1]
    cell.source, cell.execution_count = 'assert 1, "a"\nx = 2\nassert x, "b"', 7
    nbformat.write(notebook, path)
    build_report(whole_run)
    page = soup_of(whole_run / "report" / "03_tag.html")
    assert words_of(page.select_one(".passed")) == "✓ 2 checks passed"
    cell.outputs = [new_output("error", ename="AssertionError", evalue="b", traceback=[])]
    nbformat.write(notebook, path)
    build_report(whole_run)
    assert soup_of(whole_run / "report" / "03_tag.html").select_one(".passed") is None


def test_formulas_are_drawn(stage_page):
    page = BeautifulSoup(stage_page(prose=r"Mean $\frac{1}{n}$."), "html.parser")
    assert page.article.math.mfrac is not None


def test_no_page_loads_anything(whole_run):
    for path in sorted(build_report(whole_run).parent.iterdir()):
        page = soup_of(path)
        for element in page.find_all(True):
            for name in ("src", "srcset", "data", "action", "background", "poster"):
                assert str(element.get(name, "data:")).startswith("data:"), (
                    path.name,
                    element.name,
                )
            if element.name != "a" and element.has_attr("href"):
                assert element["href"] == "data:,"
        assert "url(" not in page.style.string
        policy = page.select_one("meta[http-equiv]")["content"]
        assert policy.startswith("default-src 'none'; img-src data:;")
        scripts = [script.string for script in page.find_all("script")]
        allowed = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
        assert re.findall("'sha256-(.+?)'", policy) == allowed


def test_same_run_gives_the_same_bytes(whole_run):
    first = {p.name: p.read_bytes() for p in build_report(whole_run).parent.iterdir()}
    second = {p.name: p.read_bytes() for p in build_report(whole_run).parent.iterdir()}
    assert first == second
    assert not list(whole_run.glob(".report*"))


def test_stopped_run_says_where_and_shows_how_far_it_came(whole_run):
    record = json.loads((whole_run / "run.json").read_text())
    for name in STAGES[4:]:
        record["stages"].pop(name)
        (whole_run / "notebooks" / f"{name}.ipynb").rename(whole_run / f"{name}.ipynb")
        (whole_run / "results" / f"{name}.json").unlink()
    record["stages"]["04b_purchase"] = {"state": "failed", "error": "Expected two classes."}
    record["state"] = "failed"
    (whole_run / "run.json").write_text(json.dumps(record))
    (whole_run / "failed").mkdir()
    (whole_run / "04b_purchase.ipynb").rename(whole_run / "failed" / "04b_purchase.ipynb")
    index = soup_of(build_report(whole_run))
    assert words_of(index.select_one(".banner")) == (
        "This run stopped in step 04b, Title of 04b; 4 of 12 steps are done."
    )
    assert words_of(index.select_one(".key h2")) == "Not measured"
    cards = index.select(".way > li")
    assert "Expected two classes." in words_of(cards[4])
    assert cards[5].a is None
    assert "What are they worth? not run" in words_of(cards[5])
    assert (whole_run / "report" / "04b_purchase.html").is_file()
    assert not (whole_run / "report" / "04c_value.html").exists()


def test_report_of_a_shorter_run_leaves_no_old_page(whole_run):
    build_report(whole_run)
    (whole_run / "notebooks" / "08_measure.ipynb").unlink()
    build_report(whole_run)
    assert not (whole_run / "report" / "08_measure.html").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stages": []}', '{"stages": {"03_tag": 1}}'])
def test_unreadable_record_gives_a_page_that_says_so(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    index = soup_of(build_report(tmp_path))
    assert "run.json" in words_of(index.select_one(".banner"))
    assert len(index.select(".way > li.open")) == len(STAGES)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 1}', '{"nbformat": 4}', "null"])
def test_unreadable_notebook_is_named_and_the_others_are_shown(whole_run, text):
    (whole_run / "notebooks" / "03_tag.ipynb").write_text(text)
    index = soup_of(build_report(whole_run))
    assert "could not be read" in words_of(index.select(".way > li")[2])
    assert (whole_run / "report" / "02_clean.html").is_file()


def test_notebook_without_prose_has_a_page_too(whole_run):
    path = whole_run / "notebooks" / "03_tag.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = notebook.cells[1:2]
    nbformat.write(notebook, path)
    build_report(whole_run)
    page = soup_of(whole_run / "report" / "03_tag.html")
    assert words_of(page.h1) == "Tag customers"
    assert words_of(page.select_one(".lead")) == "Who are they?"


def test_report_of_no_run_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="does not exist"):
        build_report(tmp_path / "nowhere")
