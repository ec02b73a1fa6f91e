"""Earlier campaigns of the same shop, and this one as one of them."""

from dataclasses import dataclass
from glob import glob
import json
import math
from pathlib import Path

from scipy import stats

from src.measure.lift import Lift
from src.measure.pooling import Pooled, pool_effects
from src.root import PROJECT_ROOT

__all__ = ["PastView", "pool_past", "read_past"]

_NAMES = ("incremental_profit_per_customer", "lower_per_customer", "upper_per_customer")


@dataclass(frozen=True)
class PastView:
    """What earlier campaigns have in common, and this campaign's effect by their help.

    Parameters
    ----------
    pooled : Pooled
        Of the earlier campaigns alone, profit per treated customer.
    estimate, lower, upper : float
        This campaign's effect, drawn towards theirs.
    """

    pooled: Pooled
    estimate: float
    lower: float
    upper: float


def read_past(pattern: str, campaign_id: str) -> list[tuple[float, float]]:
    """Read effects and standard errors of earlier campaigns, in the order of their files.

    Parameters
    ----------
    pattern : str
        Recorded results of 08_measure, from the project root, such as
        ``runs/*/results/08_measure.json``; empty: none.
    campaign_id : str
        The campaign that is being read, which is left out, and so is a campaign that a file
        before has told of, or whose split was broken.
    """
    found, seen = [], {campaign_id}
    for path in map(Path, sorted(glob(str(PROJECT_ROOT / pattern))) if pattern else []):
        effect = _read_effect(path, seen)
        if effect:
            found.append(effect)
    return found


def pool_past(pattern: str, campaign_id: str, lift: Lift) -> PastView | None:
    r"""See a campaign as one of the shop's: the mean of two normal distributions.

    .. math:: \hat\theta = \hat\mu + \frac{v}{v + s^2} (\hat\tau - \hat\mu),\qquad
              v = \hat\tau_\text{past}^2 + \operatorname{Var}(\hat\mu)

    the prediction of the earlier campaigns for a further one, weighed against what it shows
    itself.

    Returns
    -------
    PastView or None
        None with fewer than two earlier campaigns, or where this one's effect is not known.

    References
    ----------
    .. Higgins, J., Thompson, S. and Spiegelhalter, D. (2009). A re-evaluation of random-effects
       meta-analysis. Journal of the Royal Statistical Society A 172(1), section 3.3.
    """
    effects = read_past(pattern, campaign_id)
    if len(effects) < 2 or not lift.is_known or lift.standard_error == 0:
        return None
    pooled = pool_effects(*zip(*effects, strict=True), lift.level)
    between, own = pooled.tau**2 + pooled.standard_error**2, lift.standard_error**2
    estimate = pooled.mean + between / (between + own) * (lift.estimate - pooled.mean)
    half = float(stats.norm.ppf((1 + lift.level) / 2)) * math.sqrt(between * own / (between + own))
    return PastView(pooled, estimate, estimate - half, estimate + half)


def _read_effect(path: Path, seen: set[str]) -> tuple[float, float] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        estimate, lower, upper = (float(found[name]) for name in _NAMES)
        campaign_id, level = str(found["campaign_id"]), float(found["level"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not finished, nothing known, or recorded before campaigns had names
    is_read = found.get("srm_p_value", 1.0) >= 0.001 and upper > lower
    if campaign_id in seen or not (is_read and math.isfinite(upper - lower)):
        return None
    seen.add(campaign_id)
    return estimate, (upper - lower) / (2 * float(stats.norm.ppf((1 + level) / 2)))
