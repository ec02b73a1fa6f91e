"""How often the fuzzy rule is right, told without the truth by a field that it does not see."""

from dataclasses import dataclass

import pandas as pd

from src.metrics.intervals import wilson_interval

__all__ = ["MIN_PAIRS", "FuzzyPrecision", "estimate_precision"]

MIN_PAIRS = 100
"""Below this many pairs on either side nothing is said."""


@dataclass(frozen=True)
class FuzzyPrecision:
    """Precision of the fuzzy rule.

    Parameters
    ----------
    estimate, lower, upper : float or None
        Share of the rule's pairs that are one person, with its interval; None where there are
        too few pairs to tell.
    n_pairs, n_agree : int
        Pairs that the rule finds and whose e-mail addresses are both known; of them, with the
        same address.
    n_reference, n_reference_agree : int
        The same of pairs that are sure: joined by phone and name.
    new_estimate : float or None
        Share of those of them that no exact key joins, which are what the step adds; it is
        told by the difference of two larger numbers, and so less surely.
    """

    estimate: float | None
    lower: float | None
    upper: float | None
    n_pairs: int
    n_agree: int
    n_reference: int
    n_reference_agree: int
    new_estimate: float | None

    def words(self) -> str:
        """Say it in a sentence."""
        if self.estimate is None:
            return (
                f"cannot tell: {self.n_pairs} pairs with two known e-mail addresses, "
                f"{self.n_reference} to compare them with; {MIN_PAIRS} of each are needed"
            )
        return (
            f"{self.estimate:.3f} ({self.lower:.3f} to {self.upper:.3f}) by the e-mail addresses "
            f"of {self.n_pairs} pairs, compared with {self.n_reference} pairs of the same phone "
            "and name"
        )


def estimate_precision(
    emails: pd.Series, found: pd.DataFrame, new: pd.DataFrame, reference: pd.DataFrame
) -> FuzzyPrecision:
    """Estimate the precision of the fuzzy rule by the e-mail address, which it does not see.

    Two accounts of one person have the same address in a share of cases, which the pairs of the
    exact phone key tell. If all pairs that the rule finds were right, they would have it as
    often; each wrong pair lowers their share.

    Parameters
    ----------
    emails : Series of str
        Key of each row, missing where there is none.
    found : DataFrame
        `i`, `j`: all pairs that the rule finds, those included that an exact key joined before.
    new : DataFrame
        Those that no exact key joined.
    reference : DataFrame
        Pairs that the phone and name joined.

    Notes
    -----
    The interval divides the ends of the two Wilson intervals, and so is rather too wide. It
    assumes that who changed nothing the rule looks at changed the address as often as who
    kept the phone.
    """
    n_pairs, n_agree = _agreement(emails, found)
    n_reference, n_reference_agree = _agreement(emails, reference)
    counts = (n_pairs, n_agree, n_reference, n_reference_agree)
    if min(n_pairs, n_reference) < MIN_PAIRS or not n_reference_agree:
        return FuzzyPrecision(None, None, None, *counts, None)
    ours, sure = wilson_interval(n_agree, n_pairs), wilson_interval(n_reference_agree, n_reference)
    estimate = min(1.0, ours.estimate / sure.estimate)
    n_new, _ = _agreement(emails, new)
    n_wrong = n_pairs * (1 - estimate)
    return FuzzyPrecision(
        estimate,
        min(1.0, ours.lower / sure.upper),
        min(1.0, ours.upper / sure.lower),
        *counts,
        max(0.0, 1 - n_wrong / n_new) if n_new >= MIN_PAIRS else None,
    )


def _agreement(emails: pd.Series, pairs: pd.DataFrame) -> tuple[int, int]:
    """How many pairs have both addresses, and how many have the same."""
    left, right = emails.iloc[pairs["i"]].to_numpy(), emails.iloc[pairs["j"]].to_numpy()
    is_known = pd.notna(left) & pd.notna(right)
    return int(is_known.sum()), int((left[is_known] == right[is_known]).sum())
