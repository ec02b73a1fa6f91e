"""The sandbox of templates: each syntax tree held against a list of what is allowed."""

from collections.abc import Iterable
from pathlib import Path
import re

from jinja2 import BaseLoader, StrictUndefined, Template, nodes
from jinja2.exceptions import TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from src.campaign.places import check_places
from src.errors import TemplateError

__all__ = [
    "LIST_FIELDS",
    "MAX_NODES",
    "MAX_TEMPLATE_CHARS",
    "MERGE_FIELDS",
    "PRODUCT_FIELDS",
    "compile_template",
    "make_environment",
]

MERGE_FIELDS = (
    "coupon_code",
    "department",
    "first_name",
    "legal_footer",
    "offer_headline",
    "offer_limit",
    "offer_minimum",
    "postal_address",
    "products",
    "sender_name",
    "shop_url",
    "unsubscribe_url",
    "valid_day",
    "valid_until",
)
"""What a template may name; `products` is a list of `PRODUCT_FIELDS`."""

LIST_FIELDS = ("products",)
PRODUCT_FIELDS = (
    "department",
    "image_url",
    "initial",
    "name",
    "price",
    "product_url",
    "reason",
    "was_price",
)
LOOP_FIELDS = ("first", "index", "last", "length")
FILTERS = ("capitalize", "default", "escape", "first", "last", "length", "lower", "trim", "upper")
TESTS = ("defined", "undefined")

MAX_TEMPLATE_CHARS = 64_000
MAX_NODES = 5_000
"""Fields, conditions, loops and their parts: these cost the compiler time, text does not."""
MAX_LEVELS = 3
MAX_EXPRESSION_LEVELS = 16
"""Filters on filters: the compiler's time grows with the cube of their number."""

_ALLOWED_NODES = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.If,
    nodes.For,
    nodes.Block,
    nodes.Extends,
    nodes.Filter,
    nodes.Test,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.CondExpr,
)
_FILE_NAME = re.compile(r"([a-z][a-z0-9_]{0,47}/)?[a-z][a-z0-9_]{0,47}\.(html|txt)")


class _MissingField(StrictUndefined):
    """Says no more than the name of the field."""

    @property
    def _undefined_message(self) -> str:
        return str(self._undefined_name)


def make_environment(loader: BaseLoader) -> ImmutableSandboxedEnvironment:
    """Make an environment without globals and with few filters, which escapes in HTML."""
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=_MissingField,
        autoescape=lambda name: name is None or name.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        auto_reload=False,
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.tests = {name: environment.tests[name] for name in TESTS}
    return environment


def compile_template(environment: ImmutableSandboxedEnvironment, name: str) -> Template:
    """Check a part and the layouts it extends, then compile it.

    Raises
    ------
    TemplateError
        If it is missing, too long, not valid, or uses anything that is not allowed.
    """
    try:
        _check_file(environment, name, ())
        return environment.get_template(name)
    except TemplateError:
        raise
    except TemplateNotFound as error:
        raise TemplateError(
            f"Expected the template file {error.name} in params/templates, found none; write it."
        ) from None
    except TemplateSyntaxError as error:
        raise TemplateError(
            f"Expected a valid template in {error.name or name}, line {error.lineno}: "
            f"{error.message}."
        ) from None
    except (RecursionError, MemoryError, SyntaxError, ValueError, TypeError) as error:
        raise TemplateError(
            f"Expected a plain template in {name}, found one that cannot be compiled "
            f"({type(error).__name__}); make it simpler."
        ) from None


def _check_file(
    environment: ImmutableSandboxedEnvironment, name: str, children: tuple[str, ...]
) -> None:
    """Check a file and the layouts it extends, before anything of them is compiled."""
    is_same_kind = all(Path(child).suffix == Path(name).suffix for child in children)
    is_new = name not in children and len(children) < MAX_LEVELS
    if not (_FILE_NAME.fullmatch(name) and is_same_kind and is_new):
        raise _refused(children[-1] if children else name, 1, f"extending {name!r}")
    source = environment.loader.get_source(environment, name)[0]
    if len(source) > MAX_TEMPLATE_CHARS:
        raise _refused(name, 1, f"more than {MAX_TEMPLATE_CHARS:,} characters")
    tree = environment.parse(source, name)
    for number, (node, depth) in enumerate(_walk(tree), start=1):
        found = _fault(node) if depth <= MAX_EXPRESSION_LEVELS else "a deep expression"
        if number > MAX_NODES:
            found = f"more than {MAX_NODES:,} fields, conditions and loops"
        if found:
            raise _refused(name, node.lineno, found)
    _check_names(tree, name, {})
    if name.endswith(".html"):
        check_places(environment, source, name)
    for parent in tree.find_all(nodes.Extends):
        _check_file(environment, parent.template.value, (*children, name))


def _walk(tree: nodes.Node) -> Iterable[tuple[nodes.Node, int]]:
    """Give each node, and how deep it lies in its expression."""
    stack = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        yield node, depth
        for child in node.iter_child_nodes():
            stack.append((child, depth + 1 if isinstance(child, nodes.Expr) else 0))


def _fault(node: nodes.Node) -> str:
    """Say what is not allowed about one node, or nothing."""
    kind = type(node).__name__
    if not isinstance(node, _ALLOWED_NODES) or type(node) not in _ALLOWED_NODES:
        return f"{kind.lower()}"
    if isinstance(node, nodes.Const) and not isinstance(node.value, str | int | bool | None):
        return f"the constant {node.value!r:.40}"
    if isinstance(node, nodes.Filter) and (node.name not in FILTERS or _has_odd_arguments(node)):
        return f"the filter {node.name!r}"
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        return f"the test {node.name!r}"
    if isinstance(node, nodes.Extends) and not _is_text(node.template):
        return "extending a computed name"
    if isinstance(node, nodes.For):
        return _loop_fault(node)
    return ""


def _has_odd_arguments(node: nodes.Filter) -> bool:
    arguments = [*node.args, *(pair.value for pair in node.kwargs)]
    is_plain = all(isinstance(argument, nodes.Const) for argument in arguments)
    return bool(node.dyn_args or node.dyn_kwargs or node.kwargs or not is_plain)


def _loop_fault(node: nodes.For) -> str:
    if node.recursive or not isinstance(node.target, nodes.Name):
        return "a recursive or unpacking loop"
    if not isinstance(node.iter, nodes.Name) or node.iter.name not in LIST_FIELDS:
        return f"a loop over anything but {list(LIST_FIELDS)}"
    if any(inner is not node for inner in node.find_all(nodes.For)):
        return "a loop in a loop"
    return ""


def _check_names(node: nodes.Node, name: str, scope: dict[str, tuple[str, ...]]) -> None:
    """Hold every name against the merge fields, and every attribute against its owner's."""
    if isinstance(node, nodes.For):
        _check_names(node.iter, name, scope)
        if node.target.name in (*MERGE_FIELDS, "loop", "self", "super"):
            raise _refused(name, node.lineno, f"a loop variable called {node.target.name!r}")
        inner = scope | {node.target.name: PRODUCT_FIELDS, "loop": LOOP_FIELDS}
        for child in [*node.body, *node.else_, *([node.test] if node.test else [])]:
            _check_names(child, name, inner)
        return
    if isinstance(node, nodes.Getattr):
        owner = node.node.name if isinstance(node.node, nodes.Name) else ""
        if node.attr not in scope.get(owner, ()):
            raise _refused(name, node.lineno, f"the unknown attribute {node.attr!r:.60}")
        return
    if isinstance(node, nodes.Name) and node.name not in (*MERGE_FIELDS, *scope):
        raise _refused(name, node.lineno, f"the unknown field {node.name!r:.60}")
    for child in node.iter_child_nodes():
        _check_names(child, name, scope)


def _is_text(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, str)


def _refused(name: str, line: int, found: str) -> TemplateError:
    return TemplateError(
        f"Expected only merge fields, if, for over a list, default and a layout in {name}, found "
        f"{found} at line {line}; take it out of the template."
    )
