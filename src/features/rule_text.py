"""The text of a tag rule: read as SQL, every sign, word and node held against a short list."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
import difflib
import itertools
import re
import unicodedata

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError
from sqlglot.tokens import Token, TokenType

from src.errors import ParameterError
from src.features.rule_spans import mark_spans

__all__ = ["FUNCTIONS", "MAX_CHARACTERS", "Rule", "RuleError", "parse_rule", "suggestion"]

FUNCTIONS = ("abs", "coalesce", "greatest", "least", "quantile")
"""What a rule may call."""
MAX_CHARACTERS = 1000
"""Longer rules are refused."""

_MAX_DEPTH = 20
_MAX_BRACKETS = 10  # each costs the parser some 25 frames of Python's stack
_MAX_NOTS = 20
_MAX_NAMED = 8
_CLOSE = 0.7
_MARKS = frozenset(
    getattr(TokenType, name)
    for name in (
        "VAR NUMBER STRING L_PAREN R_PAREN COMMA EQ NEQ GT GTE LT LTE AND OR NOT IN IS BETWEEN "
        "NULL TRUE FALSE PLUS DASH STAR SLASH"
    ).split()
)
_ENDS = frozenset(
    getattr(TokenType, name) for name in "VAR NUMBER STRING R_PAREN NULL TRUE FALSE".split()
)
_STARTS = _ENDS - {TokenType.R_PAREN} | {TokenType.L_PAREN}
_SIGNS = frozenset({TokenType.PLUS, TokenType.DASH})
_NODES = (
    *(exp.And, exp.Or, exp.Not, exp.Paren, exp.Between, exp.In, exp.Is, exp.Null),
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg),
    *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean),
    *(exp.Abs, exp.Coalesce, exp.Greatest, exp.Least, exp.Quantile),
)
_MAY_USE = (
    "use columns, numbers, 'texts', comparisons, and, or, not, in, between, is null, + - * / and "
    + ", ".join(FUNCTIONS)
)
_TEXT = re.compile(r"'(?:[^']|'')*'")
_COMMENT = re.compile(r"--|/\*|\*/")
_NUMBER = re.compile(r"\d+\.?\d*([eE][+-]?\d+)?", re.ASCII)
_PLAIN_SIGN = re.compile(r"[A-Za-z0-9_ \t\n\r()+\-*/<>=!.,]")
_WORD = re.compile(r"\w+")
_REMEDIES = {
    ";": "one condition is all; remove what follows",
    '"': "put texts in 'quotes'; names need none",
    "`": "names need no quotes",
    "{": "templates are not filled in here; write the value",
    "}": "templates are not filled in here; write the value",
    "%": "write a share such as 0.1",
    "&": "write `and`",
    "|": "write `or`",
    "#": "write comments as the tag's meaning",
    "[": "write lists as in (1, 2)",
    "]": "write lists as in (1, 2)",
} | dict.fromkeys("‘’‚‛“”„′", "write straight quotes: 'text'")
_LIKE = {"−": "-", "–": "-", "—": "-", "≥": ">=", "≤": "<=", "≠": "<>", "×": "*", "÷": "/"}


class RuleError(ParameterError):
    """A rule is no plain condition; knows where.

    Parameters
    ----------
    expected, found, remedy : str
        Parts of the sentence.
    start : int
        Place in the rule's text, counting characters from 0.

    Attributes
    ----------
    position : int
        The same place, counting from 1, as the sentence has it.
    """

    def __init__(self, expected: str, found: str, start: int, remedy: str) -> None:
        self.position = start + 1
        end = "" if remedy.endswith("?") else "."
        super().__init__(
            f"Expected {expected}, found {found} at position {self.position}; {remedy}{end}"
        )


@dataclass(frozen=True)
class Rule:
    """A rule whose words and nodes are allowed; types are not checked yet.

    Parameters
    ----------
    text : str
        As it was written.
    tree : sqlglot.Expression
        Each node with `start` (from 0) and `text` (its own part) in its ``meta``.
    columns : tuple of str
        Columns it names, sorted.
    quantiles : tuple of sqlglot.Expression
        Nodes that call ``quantile``.
    """

    text: str
    tree: exp.Expression
    columns: tuple[str, ...]
    quantiles: tuple[exp.Expression, ...]


def suggestion(word: str, known: Collection[str]) -> str:
    """Say what may be meant, or what there is."""
    close = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=_CLOSE)
    if close:
        return f"did you mean {close[0]!r}?"
    many = len(known) > _MAX_NAMED
    return "see docs/features.md" if many else f"use one of {sorted(known)}"


def parse_rule(text: str, columns: Collection[str]) -> Rule:
    """Read a rule and refuse all that is not a plain condition over `columns`.

    What could make the parser slow or deep is refused before it is called: at most 1,000
    characters, 10 brackets within each other, 20 times ``not``.

    Parameters
    ----------
    text : str
        Boolean SQL expression.
    columns : collection of str
        Names the rule may use.

    Returns
    -------
    Rule
        Allowed nodes, allowed functions and known columns only; types are not checked.

    Raises
    ------
    RuleError
        Naming the position, from 1.
    """
    _check_signs(text, columns)
    tokens = sqlglot.tokenize(text)
    if not tokens:
        raise RuleError("a condition", "nothing", 0, "write such as frequency >= 5")
    _check_words(tokens, text, columns)
    _check_brackets(tokens)
    _check_order(tokens)
    tree = _parse(text)
    _check_nodes(tree, text)
    mark_spans(tree, tokens, text)
    named = _column_names(tree, columns)
    if not named:
        raise RuleError("a condition on a column", "no column", 0, "name a column of profiles")
    return Rule(text, tree, tuple(named), tuple(tree.find_all(exp.Quantile)))


def _parse(text: str) -> exp.Expression:
    start = 0
    try:
        tree = sqlglot.parse(text, error_message_context=MAX_CHARACTERS)[0]
    except ParseError as error:
        tree, start = None, len(error.errors[0]["start_context"])
    if tree is None:  # also of a lone sign, which the parser takes for nothing at all
        raise RuleError("a complete condition", "a gap or a stray word", start, "mend it there")
    return tree


def _check_signs(text: str, columns: Collection[str]) -> None:
    """Let only plain signs stand outside of texts, and only printable ones within."""
    if len(text) > MAX_CHARACTERS:
        raise RuleError(
            f"at most {MAX_CHARACTERS} characters", f"{len(text):,}", MAX_CHARACTERS,
            "split it in two tags",
        )  # fmt: skip
    for found in _TEXT.finditer(text):
        for start in range(*found.span()):
            if not text[start].isprintable():
                raise RuleError("printable text", repr(text[start]), start, "remove it")
    bare = _TEXT.sub(lambda found: " " * len(found[0]), text)
    if "'" in bare:
        raise RuleError("closed quotes", "an open one", bare.index("'"), "write texts as 'text'")
    comment = _COMMENT.search(bare)
    for start, sign in enumerate(bare):
        if comment and start == comment.start():
            raise RuleError("no comment", repr(comment[0]), start, "write it as the tag's meaning")
        if not _PLAIN_SIGN.match(sign):
            raise RuleError(
                "a plain condition", _named(sign), start, _sign_remedy(bare, start, columns)
            )


def _named(sign: str) -> str:
    """Name a sign by its looks, and by its Unicode name where looks deceive."""
    name = "" if sign.isascii() else unicodedata.name(sign, "")
    return f"{sign!r} ({name})" if name else repr(sign)


def _sign_remedy(text: str, start: int, columns: Collection[str]) -> str:
    sign = text[start]
    if sign in _REMEDIES:
        return _REMEDIES[sign]
    plain = _LIKE.get(sign, unicodedata.normalize("NFKC", sign))
    if plain != sign and plain.isascii() and plain.strip():
        return f"write {plain}"
    if sign.isspace() or not sign.isprintable():
        return "write a plain space, or nothing"
    word = next((w[0] for w in _WORD.finditer(text) if w.start() <= start < w.end()), "")
    return suggestion(word, columns) if word and not word.isascii() else _MAY_USE


def _check_words(tokens: list[Token], text: str, columns: Collection[str]) -> None:
    for token, following in itertools.zip_longest(tokens, tokens[1:]):
        if token.token_type not in _MARKS:
            remedy = "write 0.5, not .5" if token.text == "." else _MAY_USE
            found = repr(text[token.start : token.end + 1])
            raise RuleError("a plain condition", found, token.start, remedy)
        if token.token_type == TokenType.VAR:
            is_call = following is not None and following.token_type == TokenType.L_PAREN
            _check_name(token, is_call, columns)
        if token.token_type == TokenType.NUMBER and not _NUMBER.fullmatch(token.text):
            raise RuleError("a number", repr(token.text), token.start, "write such as 1000 or 0.5")


def _check_name(token: Token, is_call: bool, columns: Collection[str]) -> None:
    known = FUNCTIONS if is_call else columns
    if (token.text.lower() if is_call else token.text) not in known:
        expected = "one of the allowed functions" if is_call else "a column of profiles"
        raise RuleError(expected, repr(token.text), token.start, suggestion(token.text, known))


def _check_order(tokens: list[Token]) -> None:
    """Refuse two values side by side, and rows of signs."""
    for token, following in itertools.pairwise(tokens):
        is_call = (token.token_type, following.token_type) == (TokenType.VAR, TokenType.L_PAREN)
        if token.token_type in _ENDS and following.token_type in _STARTS and not is_call:
            raise RuleError(
                "and, or, or a comparison", repr(following.text), following.start,
                "put a word or sign between the two",
            )  # fmt: skip
        if token.token_type in _SIGNS and following.token_type in _SIGNS:
            raise RuleError(
                "one sign at a time", repr(following.text), following.start, "remove one"
            )
    nots = [token for token in tokens if token.token_type == TokenType.NOT]
    if len(nots) > _MAX_NOTS:
        raise RuleError(
            f"at most {_MAX_NOTS} times `not`", f"{len(nots)}", nots[_MAX_NOTS].start,
            "split it in two tags",
        )  # fmt: skip


def _check_brackets(tokens: list[Token]) -> None:
    opened: list[int] = []
    for token in tokens:
        if token.token_type == TokenType.L_PAREN:
            opened.append(token.start)
            if len(opened) > _MAX_BRACKETS:
                raise RuleError(
                    f"at most {_MAX_BRACKETS} brackets within each other", "one more",
                    token.start, "split it in two tags",
                )  # fmt: skip
        elif token.token_type == TokenType.R_PAREN:
            if not opened:
                raise RuleError("an open bracket before", "')'", token.start, "remove it")
            opened.pop()
    if opened:
        raise RuleError("a closed bracket", "an open one", opened[-1], "close it with )")


def _check_nodes(tree: exp.Expression, text: str) -> None:
    """Walk level by level, so that a deep tree cannot exhaust the stack."""
    level = [tree]
    for _ in range(_MAX_DEPTH):
        for node in level:
            if type(node) not in _NODES:
                start = _first_start(node)
                found = repr(text[start : start + 20])
                raise RuleError("one plain condition", found, start, _MAY_USE)
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise RuleError(
        f"at most {_MAX_DEPTH} levels", "more", _first_start(level[0]), "split it in two tags"
    )


def _column_names(tree: exp.Expression, columns: Collection[str]) -> list[str]:
    """Names of columns; the parser takes a word such as `is` for one where a value should be."""
    nodes = list(tree.find_all(exp.Column))
    for node in nodes:
        if node.name not in columns:
            raise RuleError(
                "a column of profiles", repr(node.name), _first_start(node),
                "put a column or a value in its place",
            )  # fmt: skip
    return sorted({node.name for node in nodes})


def _children(node: exp.Expression) -> Iterator[exp.Expression]:
    """Children of a node; a row of ands, or of ors, is one level however long."""
    kind = type(node)
    for child in node.iter_expressions():
        if kind in (exp.And, exp.Or) and type(child) is kind:
            yield from child.flatten(unnest=False)
        else:
            yield child


def _first_start(node: exp.Expression) -> int:
    return min((part.meta["start"] for part in node.walk() if "start" in part.meta), default=0)
