"""The text of a tag rule: read as SQL, every word and node held against a short list."""

from collections.abc import Collection
import difflib
import itertools

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokens import Token, TokenType

from src.errors import ParameterError

__all__ = ["FUNCTIONS", "fault", "parse_rule", "start_of", "suggestion"]

FUNCTIONS = ("abs", "coalesce", "greatest", "least", "quantile")
_MARKS = frozenset(
    getattr(TokenType, name)
    for name in (
        "VAR NUMBER STRING L_PAREN R_PAREN COMMA EQ NEQ GT GTE LT LTE AND OR NOT IN IS BETWEEN "
        "NULL TRUE FALSE PLUS DASH STAR SLASH"
    ).split()
)
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
_MAX_CHARACTERS = 500
_MAX_DEPTH = 20
_MAX_NAMED = 8


def fault(expected: str, found: str, start: int, remedy: str) -> ParameterError:
    """Word the error of a rule; `start` counts characters from 0, the text from 1."""
    end = "" if remedy.endswith("?") else "."
    return ParameterError(
        f"Expected {expected}, found {found} at position {start + 1}; {remedy}{end}"
    )


def suggestion(word: str, known: Collection[str]) -> str:
    """Say what may be meant, or what there is."""
    close = difflib.get_close_matches(word.lower(), sorted(known), n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    many = len(known) > _MAX_NAMED
    return "see docs/data_dictionary.md" if many else f"use one of {sorted(known)}"


def start_of(node: exp.Expression) -> int:
    """Where a node begins in the rule's text, from 0."""
    return min((part.meta["start"] for part in node.walk() if "start" in part.meta), default=0)


def parse_rule(rule: str, columns: Collection[str]) -> exp.Expression:
    """Read a rule and refuse all that is not a plain condition over `columns`.

    Parameters
    ----------
    rule : str
        Boolean SQL expression.
    columns : collection of str
        Names the rule may use.

    Returns
    -------
    sqlglot.Expression
        A tree of allowed nodes, allowed functions and known columns only; types are not
        checked.

    Raises
    ------
    ParameterError
        Naming the position, from 1.
    """
    _check_words(_tokens(rule), columns)
    try:
        trees = sqlglot.parse(rule)
    except ParseError as error:
        place = (error.errors or [{}])[0].get("col") or len(rule)
        raise fault(
            "a complete condition", "a gap or a stray word", place - 1, "mend it there"
        ) from None
    except RecursionError:
        raise fault("a shallower rule", "too many levels", 0, "split it in two tags") from None
    _check_nodes(trees[0])
    return trees[0]


def _tokens(rule: str) -> list[Token]:
    if len(rule) > _MAX_CHARACTERS:
        raise fault(
            f"at most {_MAX_CHARACTERS} characters", "more", _MAX_CHARACTERS, "split it in two tags"
        )
    try:
        return sqlglot.tokenize(rule)
    except TokenError:
        place = max(rule.rfind("'"), rule.rfind('"'), rule.rfind("/*"), 0)
        raise fault(
            "closed quotes", "an open one", place, "write texts as 'text', without comments"
        ) from None


def _check_words(tokens: list[Token], columns: Collection[str]) -> None:
    for token, following in itertools.zip_longest(tokens, tokens[1:]):
        if token.comments:
            raise fault("no comment", "one", token.end + 1, "write it as the tag's meaning")
        if token.token_type not in _MARKS:
            raise fault("a plain condition", repr(token.text), token.start, _MAY_USE)
        if token.token_type == TokenType.VAR:
            is_call = following is not None and following.token_type == TokenType.L_PAREN
            _check_name(token, is_call, columns)
    if not any(token.text in columns for token in tokens if token.token_type == TokenType.VAR):
        raise fault("a condition on a column", "no column", 0, "name a column of profiles")


def _check_name(token: Token, is_call: bool, columns: Collection[str]) -> None:
    known = FUNCTIONS if is_call else columns
    if (token.text.lower() if is_call else token.text) not in known:
        expected = "one of the allowed functions" if is_call else "a column of profiles"
        raise fault(expected, repr(token.text), token.start, suggestion(token.text, known))


def _check_nodes(tree: exp.Expression) -> None:
    """Walk level by level, so that a deep tree cannot exhaust the stack."""
    level = [tree]
    for _ in range(_MAX_DEPTH):
        for node in level:
            if type(node) not in _NODES:
                raise fault("one plain condition", repr(node.sql()), start_of(node), _MAY_USE)
        level = [child for node in level for child in node.iter_expressions()]
        if not level:
            return
    raise fault(f"at most {_MAX_DEPTH} levels", "more", start_of(level[0]), "split it in two tags")
