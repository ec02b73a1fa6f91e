"""Which part of a rule's text each node of its tree stands for."""

import bisect
from collections.abc import Sequence

from sqlglot import exp
from sqlglot.tokens import Token, TokenType

__all__ = ["mark_spans"]

_CALLS = (exp.Abs, exp.Coalesce, exp.Greatest, exp.Least, exp.Quantile)
_WORDS = {exp.Null: (TokenType.NULL,), exp.Boolean: (TokenType.TRUE, TokenType.FALSE)}


def mark_spans(tree: exp.Expression, tokens: Sequence[Token], text: str) -> None:
    """Give each node of a checked tree `start` (from 0), `end` and `text` in its ``meta``.

    The parser remembers places of names and literals only; brackets, signs and words around
    them are found again among the tokens.

    Parameters
    ----------
    tree : sqlglot.Expression
        Parsed from `text`; of the kinds of node that rules may have.
    tokens : sequence of Token
        Of the same text.
    text : str
        The rule.
    """
    places = _Places(tokens)
    nodes = list(tree.dfs())
    for kind, words in _WORDS.items():
        found = [token for token in tokens if token.token_type in words]
        for node, token in zip((n for n in nodes if type(n) is kind), found, strict=True):
            node.meta.update(start=token.start, end=token.end)
    for node in reversed(nodes):
        start, end = _span(node, places)
        node.meta.update(start=start, end=end, text=text[start : end + 1])


def _span(node: exp.Expression, places: "_Places") -> tuple[int, int]:
    children = list(node.iter_expressions())
    starts = [child.meta["start"] for child in children]
    ends = [child.meta["end"] for child in children]
    if "start" in node.meta:
        starts.append(node.meta["start"])
        ends.append(node.meta["end"])
    start, end = min(starts), max(ends)
    if isinstance(node, exp.Paren | exp.Neg) or (
        isinstance(node, exp.Not) and not places.has_not_within(node.this)
    ):
        start = places.before(start)
    if isinstance(node, (exp.Paren, exp.In, *_CALLS)):
        end = places.after(end)
    return start, end


class _Places:
    """Tokens of a rule, to be found by place."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.starts = [token.start for token in tokens]

    def before(self, start: int) -> int:
        """Start of the token before the one at `start`."""
        return self.starts[max(bisect.bisect_left(self.starts, start) - 1, 0)]

    def after(self, end: int) -> int:
        """End of the token after the one that ends at `end`."""
        return self.tokens[min(bisect.bisect_right(self.starts, end), len(self.tokens) - 1)].end

    def has_not_within(self, node: exp.Expression) -> bool:
        """Whether `not` stands inside, as in `a not in (1)` or `a is not null`."""
        if not isinstance(node, exp.In | exp.Between | exp.Is):
            return False
        inner = node.this.meta["end"]
        token = self.tokens[bisect.bisect_right(self.starts, inner)]
        if isinstance(node, exp.Is):
            token = self.tokens[bisect.bisect_right(self.starts, inner) + 1]
        return token.token_type == TokenType.NOT
