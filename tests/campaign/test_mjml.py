"""MJML to HTML once, without opening anything; slots, blocks and text parts."""

import json
import subprocess
import sys
import time

import pytest

from src.campaign.mjml import compile_mjml, include_blocks
from src.campaign.plaintext import text_of_html
from src.campaign.slots import fill_slots, read_slots
from src.campaign.sources import PartSources
from src.campaign.templates import load_template, render_part, render_payload
from src.errors import TemplateError
from src.root import PROJECT_ROOT

PAGE = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_fields_and_statements_survive_the_compiler():
    text = "{% for p in products %}{{ p.name|upper }} &amp; {% endfor %}"
    page = compile_mjml(PAGE.format(f"<mj-text>{text}</mj-text>"), "a.mjml")
    assert text in page
    assert page.startswith("<!doctype html>")
    assert page.count("<style>") == 1
    assert "http-equiv" not in page


def test_no_font_or_picture_is_asked_for_from_elsewhere():
    page = compile_mjml(PAGE.format('<mj-text font-family="Ubuntu">a</mj-text>'), "a.mjml")
    assert "fonts.googleapis" not in page
    assert "@import" not in page
    assert "src=" not in page


@pytest.mark.parametrize(
    "source",
    [
        PAGE.format("<mj-text>a"),
        PAGE.format('<mj-include path="/etc/passwd" />'),
        PAGE.format('<mj-include path="https://evil.example/a.mjml" />'),
        PAGE.format("<mj-social></mj-social>"),
        PAGE.format("<MJ-INCLUDE path='x' />"),
        "<mjml><mj-head><mj-font name='x' href='https://evil.example/' /></mj-head></mjml>",
        PAGE.format("<div>" * 100_000),
        PAGE.format("<mj-text>" + "<b>" * 61 + "</b>" * 61 + "</mj-text>"),
        PAGE.format("x" * 64_000),
        "just text",
        "",
        PAGE.format("<mj-text>" + "<a " * 21_000),
        PAGE.format("<mj-text>" + '<a "' * 15_000),
        PAGE.format("<mj-text>" + "<div a='<'>" * 5_000),
        PAGE.format("<mj-text>" + "<div <b>" * 7_000),
        PAGE.format("<mj-text>" + "<!--<div>" * 6_000),
        PAGE.format("<mj-raw>" + "<div\n/x>" * 6_000),
    ],
    ids=range(17),
)
def test_what_is_no_harmless_mjml_is_refused_at_once(source):
    start = time.process_time()
    with pytest.raises(TemplateError):
        compile_mjml(source, "a.mjml")
    assert time.process_time() - start < 2


def test_compiling_opens_no_file_and_no_connection():
    script = """
import sys
from src.campaign.templates import TEMPLATES_PATH
from src.campaign.mjml import compile_mjml, include_blocks
from src.campaign.slots import fill_slots, read_slots
source = (TEMPLATES_PATH / "welcome" / "message.mjml").read_text()
blocks = {p.stem: p.read_text() for p in (TEMPLATES_PATH / "blocks").glob("*.mjml")}
slots = read_slots(TEMPLATES_PATH, "welcome", "en")
seen = []
sys.addaudithook(lambda name, _: seen.append(name))
whole = fill_slots(include_blocks(source, blocks.get, "a"), slots, "a.mjml")
page = compile_mjml(whole, "a.mjml")
opened = [n for n in seen if n.startswith(("open", "socket", "subprocess", "os.", "urllib"))]
assert "Good to have you here" in page
print(opened)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=PROJECT_ROOT
    )
    assert done.stdout == "[]\n", done.stdout + done.stderr


def test_blocks_are_put_in_by_name_and_nothing_else_is():
    blocks = {"coupon": "<mj-text>10</mj-text>", "nested": '<mj-include path="blocks/a.mjml" />'}
    source = '<mj-include path="blocks/coupon.mjml" />'
    assert include_blocks(source, blocks.get, "a.mjml") == blocks["coupon"]
    for wrong in (
        '<mj-include path="blocks/nested.mjml" />',
        '<mj-include path="blocks/../secret.mjml" />',
        '<mj-include path="coupon.mjml" />',
        source * 21,
    ):
        with pytest.raises(TemplateError):
            include_blocks(wrong, blocks.get, "a.mjml")


def test_words_never_become_markup_but_stay_themselves_in_text():
    words = {"a": 'Tea & <b>milk</b> "x" {{ department|default("&") }}'}
    filled = fill_slots("[[a]]", words, "m.mjml")
    assert filled == 'Tea &amp; &lt;b&gt;milk&lt;/b&gt; &quot;x&quot; {{ department|default("&") }}'
    assert fill_slots("[[ a ]]", words, "subject.txt") == words["a"]
    with pytest.raises(TemplateError, match="'b'"):
        fill_slots("[[b]]", words, "m.mjml")


def test_words_of_the_template_win_over_those_of_all(tmp_path):
    write(
        tmp_path,
        {
            "look.yaml": "accent: red\nrule: thin",
            "en.yaml": "button: Go\nterms: all",
            "mail/look.yaml": "accent: blue",
            "mail/en.yaml": "button: Look",
        },
    )
    assert read_slots(tmp_path, "mail", "en") == {
        "language": "en",
        "accent": "blue",
        "rule": "thin",
        "button": "Look",
        "terms": "all",
    }
    with pytest.raises(TemplateError, match=r"'zh'.*\['en'\]"):
        read_slots(tmp_path, "mail", "zh")


@pytest.mark.parametrize(
    "words", ["- a", "a: [1]", "a: 1", "A: x", "a: " + "x" * 1001, "a: [", "? {}"]
)
def test_wrong_file_of_words_is_refused(tmp_path, words):
    write(tmp_path, {"mail/en.yaml": words})
    with pytest.raises(TemplateError, match=r"mail/en\.yaml"):
        read_slots(tmp_path, "mail", "en")


def test_variant_changes_its_slots_and_no_others(tmp_path):
    page = PAGE.format("<mj-text>[[headline]]</mj-text>")
    files = {
        "mail/message.mjml": page,
        "mail/en.yaml": "headline: Hello\nsubject: Hi {{ department }}",
        "subject.txt": "[[subject]]",
    }
    write(tmp_path, files)
    values = {"department": "deli"}
    plain = load_template("mail", folder=tmp_path)
    warm = load_template("mail", words={"headline": "Dear {{ department }}"}, folder=tmp_path)
    assert render_part(plain.text, values).strip() == "Hello"
    assert render_part(warm.text, values).strip() == "Dear deli"
    assert "Dear deli" in render_part(warm.html, values)
    assert render_part(warm.subject, values) == render_part(plain.subject, values) == "Hi deli"
    with pytest.raises(TemplateError, match="'colour'"):
        load_template("mail", words={"colour": "x"}, folder=tmp_path)
    for attack in ("{{ lipsum() }}", "{{ ''.__class__ }}", "{% include 'x' %}"):
        with pytest.raises(TemplateError):
            load_template("mail", words={"headline": attack}, folder=tmp_path)


def test_words_out_of_a_variant_cannot_add_an_element(tmp_path):
    write(
        tmp_path,
        {
            "mail/message.mjml": PAGE.format("<mj-text>[[headline]]</mj-text>"),
            "mail/en.yaml": "headline: Hello",
            "subject.txt": "x",
        },
    )
    attack = "</mj-text><mj-image src='https://evil.example/' /><mj-text><script>x</script>"
    with pytest.raises(TemplateError):
        load_template("mail", words={"headline": attack}, folder=tmp_path)
    calm = load_template("mail", words={"headline": '1 < 2 & "3" > 2'}, folder=tmp_path)
    assert "1 &lt; 2 &amp; &quot;3&quot; &gt; 2" in render_part(calm.html, {})


def test_text_part_written_by_hand_is_taken_as_it_is(tmp_path):
    write(
        tmp_path,
        {"mail/message.html": "<p>a</p>", "mail/message.txt": "By hand", "mail/subject.txt": "x"},
    )
    assert render_part(load_template("mail", folder=tmp_path).text, {}) == "By hand"


def test_text_part_keeps_fields_and_says_what_is_seen():
    page = (
        "<html><head><title>no</title><style>p {}</style></head><body>"
        '<div style="display:none">no<b>no</b></div><h1>Tea  &amp;\n cake</h1>'
        '{% if products %}<table>{% for p in products %}<tr class="item"><td>'
        '<div aria-hidden="true">T</div></td><td>{{ p.name }}</td><td>{{ p.price }}'
        "<p>often</p></td></tr>{% endfor %}</table>{% endif %}"
        '<p>One<br>two <a href="{{ shop_url }}">three</a></p><!-- no -->'
        '<p class="only-html">no</p></body></html>'
    )
    assert text_of_html(page) == (
        "Tea & cake\n\n{% if products %}\n{% for p in products %}\n"
        "* {{ p.name }} {{ p.price }} (often)\n{% endfor %}\n{% endif %}\n\n"
        "One\ntwo three: {{ shop_url }}\n"
    )


def test_payload_is_json_whatever_the_values(tmp_path):
    write(tmp_path, {"mail/push.json": '{"title": "{{ department }}", "body": "x"}'})
    payload = load_template("mail", "push", folder=tmp_path).payload
    attack = '", "url": "https://evil.example/'
    assert json.loads(render_payload(payload, {"department": attack})) == {
        "title": attack,
        "body": "x",
    }


@pytest.mark.parametrize(
    "payload", ["[]", "x", '{"a": 1}', '{"a": {"b": "c"}}', '{"a-b": "c"}', "[" * 100_000]
)
def test_payload_of_another_form_is_refused(tmp_path, payload):
    write(tmp_path, {"mail/push.json": payload})
    with pytest.raises(TemplateError):
        load_template("mail", "push", folder=tmp_path)


def test_field_of_a_payload_is_in_the_sandbox(tmp_path):
    write(tmp_path, {"mail/push.json": '{"title": "{{ lipsum() }}"}'})
    with pytest.raises(TemplateError):
        load_template("mail", "push", folder=tmp_path)


def test_link_out_of_the_folder_is_no_way_out(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    folder = tmp_path / "templates"
    write(folder, {"mail/subject.txt": "x"})
    (folder / "mail" / "message.html").symlink_to(secret)
    with pytest.raises(TemplateError, match=r"message\.html"):
        load_template("mail", folder=folder)


def test_picture_and_link_of_a_product_are_addresses_and_nothing_else_is(tmp_path):
    loop = "{{% for product in products %}}{}{{% endfor %}}"
    fine = ['<img src="{{ product.image_url }}" alt="{{ product.name }}">']
    fine += ['<a href="{{ product.product_url }}">x</a>']
    wrong = ['<img src="{{ product.product_url }}">', '<img src="{{ shop_url }}">']
    wrong += ['<a href="{{ product.name }}">x</a>', '<iframe src="{{ product.image_url }}">']
    wrong += ['<a href="{{ shop_url if department else department }}">x</a>']
    wrong += ["<a href=\"{{ shop_url|default('javascript:x') }}\">x</a>"]
    for sources, is_fine in ((fine, True), (wrong, False)):
        for source in sources:
            files = {"mail/message.html": loop.format(source), "mail/message.txt": "x"}
            write(tmp_path, files | {"mail/subject.txt": "x"})
            if is_fine:
                assert load_template("mail", folder=tmp_path).html
            else:
                with pytest.raises(TemplateError):
                    load_template("mail", folder=tmp_path)


def test_part_of_another_template_is_not_given(tmp_path):
    write(tmp_path, {"mail/subject.txt": "x", "other/subject.txt": "secret"})
    sources = PartSources(tmp_path, "mail", "en")
    assert sources.source("mail/subject.txt") == "x"
    for name in ("other/subject.txt", "../templates/mail/subject.txt", "mail/en.yaml"):
        with pytest.raises(Exception, match=r"subject|yaml"):
            sources.source(name)
