"""Names of uplift learners in words."""

from src.models.uplift_comparison import BASELINE
from src.models.uplift_learners import FOREST

__all__ = ["learner_words"]

_WORDS = {BASELINE: "mean effect (baseline)", FOREST: "causal forest"}
_KINDS = {"s": "S", "t": "T", "x": "X", "dr": "DR"}


def learner_words(name: str) -> str:
    """Say a learner's name.

    Examples
    --------
    >>> learner_words("dr_trees")
    'DR-learner, trees'
    """
    kind, _, regression = name.partition("_")
    return _WORDS.get(name) or f"{_KINDS.get(kind, kind)}-learner, {regression}"
