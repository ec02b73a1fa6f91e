"""With which probability each arm could have been drawn, and how much a contact can tell by it."""

from collections.abc import Sequence
import json

import numpy as np
import pandas as pd

from src.models.uplift_history import CONTROL

__all__ = ["LEAST_CHANCE", "had_a_chance", "precision_of", "read_chances"]

LEAST_CHANCE = 0.02
"""With less than this of either arm a contact does not count in a comparison.

Its weight, one over the chance, would be above 50: a few such contacts would outweigh thousands.
Who is left out hangs on the chances alone and not on what was drawn, so that nothing is bent; what
is learnt then holds for customers with a chance of both.

References
----------
.. Crump, R., Hotz, V., Imbens, G. and Mitnik, O. (2009). Dealing with limited overlap in estimation
   of average treatment effects. Biometrika 96(1).
"""


def read_chances(rows: pd.DataFrame, actions: Sequence[str]) -> np.ndarray:
    """Give the probability of each arm for each contact.

    Parameters
    ----------
    rows : DataFrame
        One row per contact; `pscores` (JSON, by arm) may be missing, as column or value.
    actions : sequence of str

    Returns
    -------
    array of shape (n, n_actions + 1)
        Control first; NaN where it is not known, or the campaign had no such arm.
    """
    arms = (CONTROL, *actions)
    if "pscores" not in rows:
        return np.full((len(rows), len(arms)), np.nan)
    number, texts = pd.factorize(rows["pscores"])  # many customers share the same
    found = [[json.loads(text).get(arm, np.nan) for arm in arms] for text in texts]
    found.append([np.nan] * len(arms))  # number -1: not known
    return np.array(found, dtype=float)[number]


def had_a_chance(chances: np.ndarray) -> np.ndarray:
    """Whether each contact can be in each action's comparison with control, by `LEAST_CHANCE`."""
    least = np.fmin(chances[:, 1:], chances[:, :1])
    return ~(least < LEAST_CHANCE)


def precision_of(
    chances: np.ndarray, arm: np.ndarray, pscore: np.ndarray, campaign: np.ndarray
) -> np.ndarray:
    r"""Give how much each contact can tell of each action's effect.

    .. math:: h_{ia} = \left(\frac{1}{p_{ia}} + \frac{1}{p_{i0}}\right)^{-1}

    one over the variance of its doubly robust score, but for the variance of the outcome: a
    customer for whom the toss was nearly decided tells next to nothing. The effect given what is
    known of a customer is the same under any weights that hang on the chances alone; with these
    it is estimated best.

    Parameters
    ----------
    chances : array of shape (n, n_actions + 1)
        From `read_chances`; what is not known is filled by the mean of the campaign's arm.
    arm, campaign : array of int, shape (n,)
        Arm drawn, control 0, and campaign, from 0.
    pscore : array of shape (n,)
        Probability of the arm drawn.

    Returns
    -------
    array of shape (n, n_actions), in [0, 1/4]

    References
    ----------
    .. Li, F., Morgan, K. and Zaslavsky, A. (2018). Balancing covariates via propensity score
       weighting. JASA 113(521): overlap weights.
    """
    n_campaigns, n_arms = int(campaign.max(initial=-1)) + 1, chances.shape[1]
    place = campaign * n_arms + arm
    count = np.bincount(place, minlength=n_campaigns * n_arms)
    inverse = np.bincount(place, 1 / pscore, minlength=n_campaigns * n_arms)
    mean = np.divide(count, inverse, out=np.zeros(len(count)), where=count > 0)
    p = np.where(np.isnan(chances), mean.reshape(n_campaigns, n_arms)[campaign], chances)
    both = p[:, 1:] + p[:, :1]
    product = p[:, 1:] * p[:, :1]
    return np.divide(product, both, out=np.zeros_like(both), where=both > 0)
