from html.parser import HTMLParser
import time

import pytest

from src.campaign.templates import MAX_OUTPUT_CHARS, load_templates, render_part
from src.errors import TemplateError

VALUES = {
    "sender_name": "Shop",
    "department": "produce",
    "shop_url": "https://shop.example.com/",
    "products": [{"name": "Milk", "initial": "M"}, {"name": "Tea", "initial": "T"}],
}


def write(folder, html="x", subject="x", text="x", name="mail"):
    place = folder / name
    place.mkdir(exist_ok=True)
    for file, source in (("subject.txt", subject), ("message.html", html), ("message.txt", text)):
        (place / file).write_text(source, encoding="utf-8")
    return load_templates([name], folder)[name]


def test_fields_lists_conditions_and_defaults_render(tmp_path):
    template = write(
        tmp_path,
        html="{% for product in products %}{{ loop.index }}{{ product.name|upper }},{% endfor %}",
        subject="{{ sender_name }}: {{ offer_limit|default('no limit') }}",
        text="{% if department is defined %}in {{ department|capitalize }}{% endif %}",
    )
    assert render_part(template.html, VALUES) == "1MILK,2TEA,"
    assert render_part(template.subject, VALUES) == "Shop: no limit"
    assert render_part(template.text, VALUES) == "in Produce"


def test_layout_is_extended(tmp_path):
    (tmp_path / "layout.html").write_text("<p>{% block body %}{% endblock %}</p>")
    template = write(
        tmp_path, '{% extends "layout.html" %}{% block body %}{{ department }}{% endblock %}'
    )
    assert render_part(template.html, VALUES) == "<p>produce</p>"


def test_html_escapes_and_text_does_not(tmp_path):
    template = write(tmp_path, html="{{ department }}", text="{{ department }}")
    values = VALUES | {"department": "<b>&"}
    assert render_part(template.html, values) == "&lt;b&gt;&amp;"
    assert render_part(template.text, values) == "<b>&"


@pytest.mark.parametrize("empty", [None, "", "   "])
def test_empty_field_is_named(tmp_path, empty):
    template = write(tmp_path, html="{{ department }}")
    with pytest.raises(TemplateError, match=r"'department' in mail/message\.html"):
        render_part(template.html, VALUES | {"department": empty})


def test_missing_field_of_a_product_is_named(tmp_path):
    template = write(tmp_path, html="{% for p in products %}{{ p.department }}{% endfor %}")
    with pytest.raises(TemplateError, match="'department'"):
        render_part(template.html, VALUES)


def test_undefined_condition_is_refused_rather_than_false(tmp_path):
    template = write(tmp_path, html="{% if offer_limit %}a{% endif %}")
    with pytest.raises(TemplateError, match="offer_limit"):
        render_part(template.html, VALUES)


def test_values_are_not_read_as_template(tmp_path):
    template = write(tmp_path, html="{{ department }}")
    attack = "{{ 7*7 }}{% for x in y %}"
    assert render_part(template.html, VALUES | {"department": attack}) == attack


ATTACKS = {
    "class": "{{ department.__class__ }}",
    "mro": "{{ ''.__class__.__mro__ }}",
    "item": "{{ department['__class__'] }}",
    "attr_filter": "{{ department|attr('__class__') }}",
    "map_attribute": "{{ products|map(attribute='__class__')|list }}",
    "underscore_of_product": "{% for p in products %}{{ p._secret }}{% endfor %}",
    "method": "{{ department.upper() }}",
    "call": "{{ department() }}",
    "format": "{{ '{0.__class__}'.format(department) }}",
    "format_map": "{{ '{a}'.format_map(products) }}",
    "format_filter": "{{ '%s'|format(department) }}",
    "percent": "{{ '%9999999999d' % 1 }}",
    "lipsum": "{{ lipsum(n=100000000) }}",
    "lipsum_globals": "{{ lipsum.__globals__ }}",
    "cycler": "{{ cycler.__init__.__globals__ }}",
    "joiner": "{{ joiner.__init__ }}",
    "namespace": "{% set ns = namespace(a=1) %}{{ ns.a }}",
    "namespace_set": "{% set ns.a = 1 %}",
    "range": "{% for i in range(10**9) %}x{% endfor %}",
    "range_literal": "{% for i in [1, 2, 3] %}x{% endfor %}",
    "string_loop": "{% for letter in department %}x{% endfor %}",
    "nested_loop": "{% for a in products %}{% for b in products %}x{% endfor %}{% endfor %}",
    "recursive_loop": "{% for a in products recursive %}{{ loop(products) }}{% endfor %}",
    "shadowing_loop": "{% for products in products %}x{% endfor %}",
    "multiplied_text": "{{ 'x' * 10**9 }}",
    "multiplied_field": "{{ department * 99999 }}",
    "power": "{{ 9**9**9 }}",
    "added": "{{ department + department }}",
    "joined": "{{ department ~ department }}",
    "list": "{{ [department] }}",
    "dictionary": "{{ {'a': department} }}",
    "slice": "{{ department[0:1] }}",
    "set": "{% set a = department %}{{ a }}",
    "set_block": "{% set a %}x{% endset %}",
    "macro": "{% macro m() %}x{% endmacro %}{{ m() }}",
    "macro_recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "call_block": "{% call department() %}x{% endcall %}",
    "filter_block": "{% filter upper %}x{% endfilter %}",
    "with": "{% with a = department %}{{ a }}{% endwith %}",
    "autoescape_off": "{% autoescape false %}{{ department }}{% endautoescape %}",
    "safe": "{{ department|safe }}",
    "xmlattr": "{{ products|xmlattr }}",
    "tojson": "{{ department|tojson }}",
    "center": "{{ department|center(1000000000) }}",
    "indent": "{{ department|indent(1000000000) }}",
    "replace": "{{ department|replace('', 'xxxxxxxxxx') }}",
    "computed_default": "{{ department|default(products) }}",
    "default_of_call": "{{ department|default(lipsum()) }}",
    "include": "{% include '/etc/passwd' %}",
    "include_own": "{% include 'mail/message.html' %}",
    "include_ignoring": "{% include ['a', 'b'] ignore missing %}",
    "import": "{% import 'mail/message.html' as m %}",
    "from_import": "{% from 'mail/message.html' import x %}",
    "extends_outside": "{% extends '../../../../etc/passwd' %}",
    "extends_absolute": "{% extends '/etc/passwd' %}",
    "extends_hidden": "{% extends '.env' %}",
    "extends_computed": "{% extends department %}",
    "extends_itself": "{% extends 'mail/message.html' %}",
    "super": "{% block a %}{{ super() }}{% endblock %}",
    "self": "{{ self.a() }}",
    "self_attribute": "{{ self._TemplateReference__context }}",
    "loop_outside": "{{ loop.index }}",
    "loop_hidden": "{% for p in products %}{{ loop._iterable }}{% endfor %}",
    "loop_cycle": "{% for p in products %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "unknown_field": "{{ environment }}",
    "config": "{{ config }}",
    "request": "{{ request.application }}",
    "unknown_test": "{{ department is callable }}",
    "sameas": "{{ department is sameas none }}",
    "debug": "{% debug %}",
    "do": "{% do products.append(1) %}",
    "mutation": "{{ products.append(1) }}",
    "float_overflow": "{{ 1e999 }}",
    "huge_integer": "{{ " + "9" * 5000 + " }}",
    "deep_brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "deep_not": "{{ " + "not " * 5000 + "1 }}",
    "deep_if": "{% if department %}" * 500 + "{% endif %}" * 500,
    "long_and": "{{ " + " and ".join(["department"] * 5000) + " }}",
    "long_template": "x" * 64_001,
    "unclosed": "{% if department %}x",
    "unknown_filter": "{{ department|pwn }}",
    "unknown_tag": "{% pwn %}",
    "walrus": "{{ (x := 1) }}",
    "lambda": "{{ (lambda: 1)() }}",
}


@pytest.mark.parametrize("source", ATTACKS.values(), ids=ATTACKS.keys())
@pytest.mark.parametrize("part", ["html", "text"])
def test_attack_on_the_sandbox_is_refused_at_once(tmp_path, source, part):
    start = time.process_time()
    with pytest.raises(TemplateError):
        write(tmp_path, **{part: source})
    assert time.process_time() - start < 2


def test_layout_is_checked_as_strictly(tmp_path):
    (tmp_path / "layout.html").write_text("{{ lipsum() }}{% block a %}{% endblock %}")
    with pytest.raises(TemplateError, match=r"layout\.html"):
        write(tmp_path, '{% extends "layout.html" %}')


def test_circle_of_layouts_is_refused(tmp_path):
    (tmp_path / "a.html").write_text('{% extends "b.html" %}')
    (tmp_path / "b.html").write_text('{% extends "a.html" %}')
    with pytest.raises(TemplateError, match="extending"):
        write(tmp_path, '{% extends "a.html" %}')


def test_link_out_of_the_folder_is_not_a_way_out(tmp_path):
    with pytest.raises(TemplateError):
        load_templates(["../params"], tmp_path)


def test_text_part_cannot_extend_an_html_layout(tmp_path):
    (tmp_path / "layout.html").write_text("{% block a %}{% endblock %}")
    with pytest.raises(TemplateError, match="extending"):
        write(tmp_path, text='{% extends "layout.html" %}')


def test_missing_part_is_named(tmp_path):
    (tmp_path / "mail").mkdir()
    with pytest.raises(TemplateError, match=r"mail/subject\.txt"):
        load_templates(["mail"], tmp_path)


def test_output_is_cut_off_at_its_limit(tmp_path):
    template = write(tmp_path, html="{% for p in products %}{{ p.name }}{% endfor %}")
    values = {"products": [{"name": "x" * 300}] * 1000}
    with pytest.raises(TemplateError, match=f"{MAX_OUTPUT_CHARS:,}"):
        render_part(template.html, values)


MISPLACED = {
    "tag": "<{{ department }}>",
    "attribute_name": '<p {{ department }}="x">',
    "unquoted": "<p title={{ department }}>",
    "unquoted_address": "<a href={{ shop_url }}>x</a>",
    "style_attribute": '<p style="color:{{ department }}">',
    "handler": '<p onclick="{{ department }}">',
    "source": '<img src="{{ shop_url }}">',
    "address_of_a_text_field": '<a href="{{ department }}">x</a>',
    "part_of_an_address": '<a href="https://{{ shop_url }}/">x</a>',
    "two_in_an_address": '<a href="{{ shop_url }}{{ department }}">x</a>',
    "style": "<style>{{ department }}</style>",
    "script": "<script>var a = '{{ department }}'</script>",
    "textarea": "<textarea>{{ department }}</textarea>",
    "comment": "<!-- {{ department }} -->",
    "declaration": "<!doctype {{ department }}>",
    "condition_in_tag": '<p {% if department %}class="a"{% endif %}>',
    "condition_in_attribute": '<p title="{% if department %}a{% endif %}">',
    "unfinished_tag": "<p title= {{ department }}",
    "block_in_address": '<a href="{% block a %}{% endblock %}">x</a>',
    "end_tag": "</{{ department }}>",
    "private_sign": "\ue000department\ue001",
}


@pytest.mark.parametrize("source", MISPLACED.values(), ids=MISPLACED.keys())
def test_field_where_it_could_become_markup_is_refused(tmp_path, source):
    with pytest.raises(TemplateError):
        write(tmp_path, html=source)


@pytest.mark.parametrize(
    "source",
    [
        '<a href="{{ shop_url }}">{{ department }}</a>',
        '<p title="In {{ department }}">x</p>',
        "<title>{{ department }}</title>",
        "<!-- {# a note #} plain --><p>{{ department }}</p>",
        "{% raw %}<p>{{ x }}</p>{% endraw %}",
        "1 &lt; 2 {{ department }}",
    ],
)
def test_field_in_text_address_or_description_is_fine(tmp_path, source):
    assert write(tmp_path, html=source).html


XSS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '"><script>alert(1)</script>',
    "'><img src=x>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "</p><h1>owned</h1>",
    "</title><script>x</script>",
    "<!--<img src='--><img src=x onerror=x>-->",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe srcdoc='<script>x</script>'>",
    "<style>*{display:none}</style>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<form action='https://evil.example'><input>",
    "<object data='x'></object>",
    "<math><mtext></mtext><img src onerror=x></math>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<![CDATA[<img src=x>]]>",
    "<?xml version='1.0'?><img>",
    "\x00<b>x</b>",
    "<b\n>x</b\n>",
    "＜script＞alert(1)＜/script＞",
    "<<img src=x>>",
    "`><img src=x>`",
]


class Shape(HTMLParser):
    """Elements and attribute names of a page."""

    def __init__(self, page):
        super().__init__()
        self.shape = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.shape.append((tag, tuple(name for name, _ in attrs)))

    def handle_comment(self, data):
        self.shape.append(("comment", ()))


@pytest.mark.parametrize("value", XSS)
def test_merge_values_add_no_element_and_no_attribute(compiled, value):
    fields = {
        name: "plain"
        for name in ("department", "offer_headline", "offer_limit", "offer_minimum", "sender_name")
    } | {
        "postal_address": "x",
        "valid_day": "x",
        "valid_until": "x",
        "first_name": "x",
        "shop_url": "x",
        "unsubscribe_url": "x",
        "products": [{"name": "x", "department": "x", "initial": "x"}],
    }
    attacked = {name: value for name in fields} | {
        "products": [{"name": value, "department": value, "initial": value}]
    }
    for template in compiled.values():
        quiet, loud = render_part(template.html, fields), render_part(template.html, attacked)
        assert Shape(loud).shape == Shape(quiet).shape
