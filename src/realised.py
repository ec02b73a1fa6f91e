"""Whether a policy earns its place: by the profit that its campaign was measured to bring."""

from collections.abc import Mapping
from dataclasses import dataclass
import math
from statistics import NormalDist
from typing import Any

__all__ = [
    "DEMOTED",
    "NOT_JUDGED",
    "PROMOTED",
    "UNCHANGED",
    "Realised",
    "judge_policy",
    "read_realised",
]

PROMOTED, DEMOTED, UNCHANGED, NOT_JUDGED = "promoted", "demoted", "unchanged", "not judged"

_SENT = ("live", "rehearsal")
_SRM_ALARM = 0.001


@dataclass(frozen=True)
class Realised:
    """Incremental profit per treated customer that a policy brought.

    Parameters
    ----------
    policy_version : str
        Which policy decided.
    estimate, lower, upper : float
        Shop currency, with the interval of the reading.
    level : float
        Its level.
    """

    policy_version: str
    estimate: float
    lower: float
    upper: float
    level: float

    @property
    def error(self) -> float:
        """Standard error that belongs to the interval."""
        return (self.upper - self.lower) / (2 * NormalDist().inv_cdf((1 + self.level) / 2))


def read_realised(policy_version: str, measured: Mapping[str, Any]) -> Realised | None:
    """Take a reading that may count.

    Parameters
    ----------
    policy_version : str
        As 05_decide recorded it; empty: nothing is judged.
    measured : mapping
        Recorded numbers of 08_measure.

    Returns
    -------
    Realised or None
        None for a dry run, a broken split, a window that is not over, or an unknown effect.
    """
    names = ("incremental_profit_per_customer", "lower_per_customer", "upper_per_customer", "level")
    values = [measured.get(name) for name in names]
    is_known = all(isinstance(value, int | float) and math.isfinite(value) for value in values)
    p_value, days = measured.get("srm_p_value"), measured.get("n_days")
    if not (policy_version and is_known and values[2] > values[1]):
        return None
    if measured.get("mode") not in _SENT or p_value is None or p_value < _SRM_ALARM:
        return None
    if days is None or days < measured.get("outcome_days", math.inf):
        return None
    return Realised(policy_version, *values)


def judge_policy(now: Realised, champion: Realised | None) -> tuple[str, str]:
    """Say what becomes of a policy by what it brought.

    Predictions take no part. Without a champion a policy has to be surely better than writing to
    nobody; with one, surely better than what that one brought, in its own weeks; a champion whose
    own reading is surely below nothing loses its place.

    Parameters
    ----------
    now : Realised
        Of the campaign just read.
    champion : Realised or None
        Of the policy that is champion; the same policy if it is read again.

    Returns
    -------
    str, str
        `PROMOTED`, `DEMOTED` or `UNCHANGED`, and why.

    Examples
    --------
    >>> judge_policy(Realised("b", 2.0, 1.0, 3.0, 0.95), None)[0]
    'promoted'
    >>> judge_policy(Realised("b", 2.0, -1.0, 5.0, 0.95), None)[0]
    'unchanged'
    """
    if champion is not None and champion.policy_version == now.policy_version:
        if now.upper < 0:
            return DEMOTED, "what it brought is surely below writing to nobody"
        return UNCHANGED, "it is champion, and its reading does not speak surely against it"
    if champion is None:
        if now.lower > 0:
            return PROMOTED, "it is surely better than writing to nobody, and there is no champion"
        return UNCHANGED, "it is not surely better than writing to nobody"
    difference = now.estimate - champion.estimate
    half = NormalDist().inv_cdf((1 + now.level) / 2) * math.hypot(now.error, champion.error)
    interval = f"{difference - half:,.2f} to {difference + half:,.2f} per customer"
    if difference - half > 0:
        return PROMOTED, f"it surely brought more than the champion: {interval}"
    return UNCHANGED, f"it did not surely bring more than the champion: {interval}"
