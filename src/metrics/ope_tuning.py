"""From which weight on an estimator should rather trust its reward model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.errors import ParameterError
from src.metrics.ope import importance_weights
from src.metrics.ope_intervals import Rounds, influence_interval

__all__ = ["TunedWeight", "choose_max_weight"]

_QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class TunedWeight:
    """A cap that was chosen, and how many were tried."""

    max_weight: float
    n_tried: int


def choose_max_weight(
    rounds: Rounds,
    estimator: str = "switch_dr",
    candidates: Sequence[float] | None = None,
    level: float = 0.95,
) -> TunedWeight:
    r"""Choose the lowest cap whose bias does not yet show (SLOPE).

    A lower cap makes an estimate steadier and more biased. Taken from the highest cap down,
    each candidate's interval :math:`\hat V_m \pm 2 c_m`, with :math:`c_m` the half-width at
    `level`, must still meet all those before it; the last one that does is chosen. Its error is
    then within a constant of the best candidate's, and nothing but the rounds is needed.

    Parameters
    ----------
    rounds : Rounds
        The logged rounds.
    estimator : str, default "switch_dr"
        Name out of `src.metrics.ope_intervals.ESTIMATORS`, not `dm`.
    candidates : sequence of float, optional
        Caps to try. By default no cap and some quantiles of the weights above 0.
    level : float, default 0.95
        Of the half-widths.

    Returns
    -------
    TunedWeight

    References
    ----------
    .. Su, Y., Srinath, P. and Krishnamurthy, A. (2020). Adaptive estimator selection for
       off-policy evaluation. ICML, theorem 3.
    """
    weight = importance_weights(rounds.pscore, rounds.action_prob)
    if candidates is None:
        positive = weight[weight > 0]
        candidates = [np.inf, *np.quantile(positive, _QUANTILES)] if len(positive) else [np.inf]
    caps = sorted(set(map(float, candidates)), reverse=True)
    if not caps:
        raise ParameterError("Expected at least one cap to choose from, found none.")
    chosen, floor, ceiling = caps[0], -np.inf, np.inf
    for cap in caps:
        interval = influence_interval(rounds, estimator, cap, level)
        half = interval.upper - interval.lower  # twice the half-width
        floor = max(floor, interval.estimate - half)
        ceiling = min(ceiling, interval.estimate + half)
        if floor > ceiling:
            break
        chosen = cap
    return TunedWeight(chosen, len(caps))
