"""Attacks by templates and by values: refused, cut short, or shown as the text they are."""

import json
import os
import resource
import subprocess
import sys

from bleach._vendor import html5lib
from jinja2 import DictLoader
import pandas as pd
import pytest

from src.campaign.checks import check_messages
from src.campaign.content import choose_products
from src.campaign.mjml import compile_mjml
from src.campaign.placeholders import fill, marker
from src.campaign.products import Hosts
from src.campaign.sandbox import compile_template, make_environment
from src.campaign.templates import load_template, load_templates, render_part, render_payload
from src.campaign.wording import Wording
from src.errors import TemplateError
from src.root import PROJECT_ROOT
from tests.campaign.attacks import CODE, EATING, MANY, XSS

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

CANARY = "canary-3f1c"
MAX_SECONDS, MAX_BYTES = 2.0, 256 * 2**20
VALUES = {
    "department": "produce", "sender_name": "Shop", "first_name": "Ann", "shop_url": "https://shop.example.com/",
    "products": [{"name": "Milk", "department": "dairy", "initial": "M"}],
}  # fmt: skip
SPY = """
import json, sys
from pathlib import Path
import encodings.unicode_escape, jinja2.debug  # loaded at the first error
from src.campaign.templates import load_template, load_templates, render_part
from src.errors import TemplateError
folder, attacks, values = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), json.loads(sys.argv[3])
for kind in ("html", "txt", "words"):  # what a first use opens is not the attacks'
    load_template("probe", folder=folder)
seen, watching, results = [], [], {}
def hook(name, arguments):
    if not watching or not name.startswith(("open", "os.exec", "os.system", "os.spawn", "os.posix", "os.listdir", "os.putenv", "subprocess", "socket", "exec", "import", "ctypes", "urllib", "shutil")):
        return
    told = str(arguments[0]) if arguments else ""
    if name == "open" and told.startswith(str(folder)) and "secret" not in told:
        return
    if name == "exec" or (name == "import" and told in sys.modules):
        return
    seen.append((watching[-1], name, told[:80]))
sys.addaudithook(hook)
def attempt(source, place):
    own = folder / "mail"
    parts = {"message.html": "x", "subject.txt": "x", "message.txt": "x", "sms.txt": "x"}
    words = None
    if place == "words":
        parts["message.html"] = "<p>[[slot]]</p>"
        (own / "en.yaml").write_text('slot: "plain"')
        words = {"slot": source}
    else:
        (own / "en.yaml").unlink(missing_ok=True)
        parts[place] = source
    for name, text in parts.items():
        (own / name).write_text(text)
    template = load_template("mail", folder=folder, words=words)
    return "".join(render_part(part, values) for part in (template.subject, template.html, template.text))
for name, source in attacks.items():
    for place in ("message.html", "message.txt", "subject.txt", "words"):
        watching.append(f"{name} in {place}")
        try:
            results[f"{name} in {place}"] = attempt(source, place)
        except TemplateError:
            results[f"{name} in {place}"] = None
        watching.pop()
print(json.dumps([results, seen]))
"""


def test_there_are_as_many_attacks_as_promised():
    assert len(set(CODE.values())) >= 150
    assert len(set(EATING.values())) >= 20
    assert len(set(XSS)) >= 295


def test_no_attack_reads_code_environment_files_or_private_attributes(tmp_path):
    """Each attack in four places, under a hook that sees what Python opens, runs or imports."""
    folder = tmp_path / "templates"
    for name in ("mail", "probe"):
        (folder / name).mkdir(parents=True)
    for file in ("message.html", "subject.txt", "message.txt"):
        (folder / "probe" / file).write_text("{{ department }}")
    (tmp_path / "secret.html").write_text(CANARY)
    (folder / "secret.html").write_text(CANARY)
    attacks = {name: source for name, source in CODE.items() if "\ud800" not in source}
    (tmp_path / "attacks.json").write_text(json.dumps(attacks))
    done = subprocess.run(
        [sys.executable, "-c", SPY, folder, tmp_path / "attacks.json", json.dumps(VALUES)],
        capture_output=True, text=True, cwd=PROJECT_ROOT, env=os.environ | {"SECRET": CANARY},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    results, seen = json.loads(done.stdout)
    assert len(results) == 4 * len(attacks)
    assert seen == []
    for name, shown in results.items():
        if shown is not None:  # what is refused in HTML may be plain text elsewhere
            assert CANARY not in shown, name
            assert " object at 0x" not in shown, name
            assert "<class" not in shown, name
            assert "misplaced" in name or "message.html" not in name, name
    refused = sum(shown is None for name, shown in results.items() if "message.html" in name)
    assert refused == len(attacks)


def within_limits(work) -> tuple[str, float, int]:
    """Do the work in a child: what came of it, CPU seconds, and how much its memory grew."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        before = resource.getrusage(resource.RUSAGE_SELF)
        try:
            work()
            told = "done"
        except TemplateError:
            told = "refused"
        except BaseException as error:
            told = type(error).__name__
        after = resource.getrusage(resource.RUSAGE_SELF)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        grown = (after.ru_maxrss - before.ru_maxrss) * 1024
        os.write(writing, json.dumps([told, seconds, grown]).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    assert answer, "the child died"
    return tuple(json.loads(answer))


def eat(folder, part, source):
    parts = {"message.html": "x", "subject.txt": "x", "message.txt": "x", part: source}
    for name, text in parts.items():
        (folder / "mail" / name).write_text(text)
    template = load_templates(["mail"], folder)["mail"]
    for one in (template.subject, template.html, template.text):
        render_part(one, MANY)


@pytest.mark.parametrize("source", EATING.values(), ids=EATING.keys())
@pytest.mark.parametrize("part", ["message.html", "message.txt"])
def test_template_that_eats_is_cut_short(tmp_path, part, source):
    (tmp_path / "mail").mkdir()
    told, seconds, grown = within_limits(lambda: eat(tmp_path, part, source))
    assert told in ("done", "refused")
    assert seconds <= MAX_SECONDS, (told, seconds)
    assert grown <= MAX_BYTES


def test_logic_is_bounded_by_its_amount_and_text_by_its_length():
    def compiled(source):
        return compile_template(
            make_environment(DictLoader({"mail/message.html": source})), "mail/message.html"
        )

    compiled("x" * 60_000 + "{{ department }}" * 200)
    compiled(
        "{{ department }}" + "{% if department %}{% endif %}" * 1_600
    )  # three nodes each at most
    with pytest.raises(
        TemplateError, match="more than 5,000 fields, conditions and loops at line 2"
    ):
        compiled("x\n" + "{% if department %}x{% endif %}" * 2_000)


FILES = {
    "slots of slots": {"en.yaml": "a: '" + "[[b]]" * 180 + "'\nb: '" + "x" * 900 + "'", "message.mjml": "[[a]]" * 10_000},
    "yaml that unfolds": {"en.yaml": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{c}: &{c} [*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)), "message.html": "x"},
    "deep yaml": {"en.yaml": "a: " + "[" * 20_000, "message.html": "x"},
    "deep json": {"push.json": "[" * 100_000, "message.html": "x"},
    "big file": {"message.html": "x" * 5_000_000},
    "deep mjml": {"message.mjml": "<mjml><mj-body>" + "<mj-section>" * 4_000},
    "many columns": {"message.mjml": "<mjml><mj-body><mj-section>" + "<mj-column></mj-column>" * 2_000 + "</mj-section></mj-body></mjml>"},
    "wide attribute": {"message.mjml": "<mjml><mj-body width='" + "9" * 60_000 + "px'></mj-body></mjml>"},
}  # fmt: skip


@pytest.mark.parametrize("files", FILES.values(), ids=FILES.keys())
def test_file_that_eats_is_cut_short(tmp_path, files):
    (tmp_path / "mail").mkdir()
    for name in ("subject.txt", "message.txt"):
        (tmp_path / "mail" / name).write_text("x")
    for name, text in files.items():
        (tmp_path / "mail" / name).write_text(text)
    channel = "push" if "push.json" in files else "email"
    told, seconds, grown = within_limits(lambda: load_template("mail", channel, folder=tmp_path))
    assert told in ("done", "refused")
    assert seconds <= MAX_SECONDS
    assert grown <= MAX_BYTES


def dom(page):
    """Elements with the names of their attributes, as a browser would see them, and addresses."""
    shape, addresses = [], []
    for element in html5lib.parse(page, namespaceHTMLElements=False).iter():
        shape.append((str(element.tag), tuple(sorted(element.attrib))))
        addresses += [
            element.attrib[name] for name in ("href", "src", "action") if name in element.attrib
        ]
    return shape, addresses


def is_active(address):
    plain = "".join(sign for sign in address.lower() if sign > " ")
    return plain.startswith(("javascript:", "vbscript:", "data:", "//", "http:"))


PAGE = """<!doctype html><html lang="en"><head><title>{{ sender_name }}</title></head><body>
<div style="display:none">{{ offer_minimum }}</div><p title="{{ department }}">{{ department }}</p>
{% for p in products %}<p>{% if p.product_url is defined %}<a href="{{ p.product_url }}">{{ p.name }}</a>{% endif %}
{% if p.image_url is defined %}<img src="{{ p.image_url }}" alt="{{ p.name }}">{% endif %}</p>{% endfor %}
<p>{{ first_name }}</p><a href="{{ unsubscribe_url }}">Leave</a></body></html>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("templates")
    (folder / "mail").mkdir()
    for name, text in {
        "message.html": PAGE,
        "message.txt": "{{ department }}",
        "subject.txt": "x",
    }.items():
        (folder / "mail" / name).write_text(text)
    return load_templates(["mail"], folder)["mail"]


def product(value, **fields):
    """A product as the shop's own table would have it, put into words."""
    row = {
        "product_id": "1",
        "department": "TEA",
        "category": None,
        "product_type": None,
        "product_name": "Tea",
        "list_value": 3.0,
    }
    picks = pd.DataFrame({"customer_id": ["c"], "rank": [1], "product_id": ["1"]})
    table = pd.DataFrame([row | {name: value for name in fields}])
    hosts = Hosts(["shop.example.com"], ["shop.example.com"])
    return choose_products(picks, table, Wording(), 1, hosts, "USD").get("c", [])


CONTEXTS = {
    "text": lambda v: {"department": v},
    "title and preheader": lambda v: {"sender_name": v, "offer_minimum": v},
    "product name": lambda v: {"products": [{"name": v, "department": v, "initial": v[:1], "product_url": "https://shop.example.com/p", "image_url": "https://shop.example.com/i"}]},
    "address of a product": lambda v: {"products": product(v, product_url=1)},
    "picture of a product": lambda v: {"products": product(v, image_url=1)},
    "first name": lambda v: {},
    "link to leave": lambda v: {},
}  # fmt: skip
QUIET = {
    "sender_name": "Shop", "department": "tea", "offer_minimum": "$40",
    "first_name": marker("first_name"), "unsubscribe_url": marker("unsubscribe_url"),
    "products": [{"name": "Tea", "department": "tea", "initial": "T"}],
}  # fmt: skip
PERSON = {"first_name": "Ann", "unsubscribe_url": "https://shop.example.com/u"}


@pytest.mark.parametrize("context", CONTEXTS)
def test_no_value_becomes_markup(page, context):
    """Three hundred values in a context: no element, attribute or active address is new."""
    n_shown = 0
    for value in XSS:
        changes = CONTEXTS[context](value)
        field = {"first name": "first_name", "link to leave": "unsubscribe_url"}.get(context)
        try:
            loud = fill(render_part(page.html, QUIET | changes), PERSON | ({field: value} if field else {}), is_html=True)  # fmt: skip
        except TemplateError:
            assert field == "unsubscribe_url", value  # an address that is none is refused
            continue
        n_shown += 1
        benign = CONTEXTS[context]("x") if not field and "products" not in changes else changes
        if "products" in changes and context == "product name":
            benign = CONTEXTS[context]("x")
        quiet = fill(render_part(page.html, QUIET | benign), PERSON, is_html=True)
        shape, addresses = dom(loud)
        assert shape == dom(quiet)[0], value
        assert not any(map(is_active, addresses)), value
    assert n_shown == len(XSS) or context == "link to leave"


@pytest.mark.parametrize("name", ["win_back", "cart", "welcome"])
def test_no_value_becomes_markup_in_a_ready_template(name):
    template = load_template(name)
    push = load_template(name, "push")
    base = QUIET | {
        "valid_until": "x", "valid_day": "x", "offer_headline": "x", "postal_address": "x",
        "shop_url": "https://shop.example.com/", "coupon_code": "X", "legal_footer": "x", "offer_limit": "x",
    }  # fmt: skip
    names = (
        "department",
        "sender_name",
        "offer_headline",
        "postal_address",
        "legal_footer",
        "coupon_code",
    )
    quiet = dom(render_part(template.html, base))[0]
    for value in XSS[::7]:
        loud = base | dict.fromkeys(names, value)
        loud["products"] = [{"name": value, "department": value, "initial": "x"}]
        shape, addresses = dom(render_part(template.html, loud))
        assert shape == quiet, value
        assert not any(map(is_active, addresses)), value
        fields = json.loads(render_payload(push.payload, loud))
        assert set(fields) == {"title", "body", "url"}
        assert fields["url"] == "https://shop.example.com/"


def test_checks_find_an_active_address_that_somebody_put_in(contexts_of_mail):
    rows, facts = contexts_of_mail
    for value in (
        "javascript:alert(1)",
        "JAVASCRIPT:x",
        "java\tscript:x",
        "data:text/html,x",
        "vbscript:x",
    ):
        changed = rows.assign(
            html=rows["html"].str.replace("https://shop.example.com/", value, regex=False)
        )
        found = set(check_messages(changed, facts)[1]["check"])
        assert {"links", "scripts"} <= found, value


@pytest.fixture
def contexts_of_mail():
    from tests.campaign.check_cases import build

    return build("en", "email")


COMPILE = """
import os, resource, sys
from pathlib import Path
import mrml
from src.campaign.mjml import compile_mjml
from src.errors import TemplateError
sources = Path(sys.argv[1]).read_text().split("\\0")
compile_mjml("<mjml><mj-body></mj-body></mjml>", "a")
seen = []
sys.addaudithook(lambda name, _: seen.append(name))
lowest = os.dup(0); os.close(lowest)
resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, lowest))  # not one file or socket more
said = []
for source in sources:
    for compile in (lambda s: compile_mjml(s, "a"), lambda s: mrml.to_html(s).content):
        try:
            said.append(compile(source))
        except (TemplateError, OSError, ValueError) as error:
            said.append(f"refused: {type(error).__name__}")
bad = [n for n in seen if n.startswith(("open", "socket", "subprocess", "urllib", "os.open", "os.exec"))]
print(len(said), sum("refused" in one for one in said), bad, "canary-3f1c" in "".join(said))
"""


def test_mjml_opens_no_file_and_no_connection(tmp_path):
    """Under an audit hook, and with no file descriptor to be had by anything below Python."""
    secret = tmp_path / "secret.mjml"
    secret.write_text(f"<mj-text>{CANARY}</mj-text>")
    body = "<mjml>{}<mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"
    paths = [
        str(secret),
        f"file://{secret}",
        "../secret.mjml",
        "http://127.0.0.1:9/a",
        "https://127.0.0.1:9/a.css",
    ]
    sources = [body.format("", f'<mj-include path="{path}" />') for path in paths]
    sources += [
        body.format(f'<mj-head><mj-font name="x" href="{path}" /></mj-head>', "") for path in paths
    ]
    sources += [body.format("", f'<mj-image src="{path}" />') for path in paths]
    sources += [
        body.format(f'<mj-head><mj-include path="{path}" type="css" /></mj-head>', "")
        for path in paths
    ]
    sources += [
        body.format("", f"<mj-raw><link rel='stylesheet' href='{path}'></mj-raw>") for path in paths
    ]
    (tmp_path / "sources").write_text("\0".join(sources))
    done = subprocess.run(
        [sys.executable, "-c", COMPILE, tmp_path / "sources"], capture_output=True, text=True, cwd=PROJECT_ROOT
    )  # fmt: skip
    n_said, n_refused, bad, has_canary = (
        done.stdout.split(maxsplit=2)[:2] + done.stdout.split(maxsplit=2)[2].rsplit(maxsplit=1)
        if done.stdout
        else (0, 0, done.stderr, "")
    )
    assert (int(n_said), bad, has_canary) == (50, "[]", "False"), done.stderr
    assert int(n_refused) >= 10
    assert "x" in compile_mjml(body.format("", "<mj-text>x</mj-text>"), "a")
