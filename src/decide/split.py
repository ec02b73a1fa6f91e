"""The split of an experiment that detects best for what it may cost."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from src.decide.catalogue import Campaign
from src.decide.policy import Policy
from src.decide.power import Spread, detectable_effect, share_of_mean
from src.errors import ParameterError

__all__ = ["Split", "best_split", "compare_splits", "planned_costs", "split_sentence"]


@dataclass(frozen=True)
class Split:
    """Customers in either arm, what they cost, and the variance of the effect.

    Parameters
    ----------
    n_treated, n_control : float
        Customers; the rest of those available stay out of the experiment.
    cost_value : float
        Expected cost, shop currency.
    factor : float
        :math:`1/n_1 + 1/n_0`: variance of the effect per unit of outcome variance.
    """

    n_treated: float
    n_control: float
    cost_value: float
    factor: float


def best_split(
    n_customers: int, treated_cost: float, control_cost: float, budget_value: float
) -> Split:
    r"""Find the split with the smallest detectable effect among those the budget can pay.

    .. math:: \min_{n_1, n_0} \frac{1}{n_1} + \frac{1}{n_0} \quad\text{with}\quad
              c_1 n_1 + c_0 n_0 \le B,\quad n_1 + n_0 \le N

    Without the second bound the best ratio is :math:`n_0 / n_1 = \sqrt{c_1 / c_0}`. Where that
    takes more customers than there are, all take part: half of them in either arm if the budget
    pays for it, else as near to half as it pays.

    Parameters
    ----------
    n_customers : int
        Customers available, :math:`N`.
    treated_cost : float, at least 0
        Expected cost of one contact, messages and discounts given away, :math:`c_1`.
    control_cost : float, at least 0
        What is forgone with one customer in control, :math:`c_0`: 0 while no profit is expected.
    budget_value : float
        :math:`B`.

    Returns
    -------
    Split
        Without customers or budget, empty arms and an infinite factor.

    References
    ----------
    .. Nam, J. (1973). Optimum sample sizes for the comparison of the control and treatment.
       Biometrics 29(1).
    .. List, J., Sadoff, S. and Wagner, M. (2011). So you want to run an experiment, now what?
       Experimental Economics 14: cells in proportion to one over the root of their cost.

    Examples
    --------
    Contacts cost four times as much as controls, so there are half as many of them:

    >>> split = best_split(1_000, 4.0, 1.0, 600.0)
    >>> split.n_treated, split.n_control
    (100.0, 200.0)

    Controls cost nothing, and half of the customers cannot be paid for:

    >>> split = best_split(1_000, 2.0, 0.0, 300.0)
    >>> split.n_treated, split.n_control
    (150.0, 850.0)
    """
    if min(treated_cost, control_cost, budget_value) < 0:
        raise ParameterError(
            f"Expected costs and a budget of at least 0, found {treated_cost}, {control_cost} and "
            f"{budget_value}; a gain is no cost: give 0."
        )
    sizes = _within_budget(treated_cost, control_cost, budget_value)
    if not sum(sizes) <= n_customers:
        sizes = _of_all(n_customers, treated_cost, control_cost, budget_value)
    return _split(*sizes, treated_cost, control_cost)


def _within_budget(treated: float, control: float, budget: float) -> tuple[float, float]:
    """Sizes that spend the whole budget in the best ratio; infinite where one arm is free."""
    if treated == 0 or control == 0:
        return np.inf, np.inf
    both = np.sqrt(treated) + np.sqrt(control)
    return budget / (np.sqrt(treated) * both), budget / (np.sqrt(control) * both)


def _of_all(n_customers: int, treated: float, control: float, budget: float) -> tuple[float, float]:
    """Half of all in either arm, or the sizes at which both bounds hold."""
    half = n_customers / 2
    if half * (treated + control) <= budget:
        return half, half  # always so if both cost the same: else fewer would have been best
    at_both = (budget - control * n_customers) / (treated - control)
    n_treated = float(np.clip(at_both, 0, n_customers))
    return n_treated, n_customers - n_treated


def _split(n_treated: float, n_control: float, treated: float, control: float) -> Split:
    cost = treated * n_treated + control * n_control
    is_empty = min(n_treated, n_control) <= 0
    factor = np.inf if is_empty else float(1 / n_treated + 1 / n_control)
    return Split(float(n_treated), float(n_control), float(cost), factor)


def planned_costs(
    estimates: pd.DataFrame, policy: Policy, campaign: Campaign, factor: float
) -> tuple[Split, int, float, float]:
    """Say what the planned split is and costs, as `compare_splits` takes it after the spread.

    A contact costs the message, the discount expected and the loss from unsubscribing, at the
    planned mix of actions. A customer in control costs what the best action was expected to bring:
    nothing where no action is expected to pay, or none is known.

    Returns
    -------
    Split
        Expected sizes, with the `factor` given: arms need not be equally likely for everybody.
    int
        Customers of the experiment.
    float, float
        Cost of a contact and of a customer in control, shop currency.
    """
    shares = policy.probabilities.to_numpy(dtype=float)
    n_control, n_treated = float(shares[:, 0].sum()), float(shares[:, 1:].sum())
    given = estimates["cost_value"] + estimates["expected_discount_value"]
    given = given + estimates["unsubscribe_loss_value"]
    grid = given.to_numpy(dtype=float).reshape(-1, len(campaign.actions))
    treated_cost = float((grid * shares[:, 1:]).sum()) / n_treated if n_treated else 0.0
    best = policy.profits.to_numpy(dtype=float).max(axis=1)
    control_cost = float(best.mean()) if len(best) else 0.0
    cost = treated_cost * n_treated + control_cost * n_control
    return Split(n_treated, n_control, cost, factor), len(shares), treated_cost, control_cost


def compare_splits(
    spread: Spread, planned: Split, n_customers: int, treated_cost: float, control_cost: float
) -> pd.DataFrame:
    """Set the plan beside the best split of the same cost, half and half, and a tenth in control.

    Returns
    -------
    DataFrame
        One row per split: `split`, `n_treated`, `n_control`, `cost_value`, `mde_value` (per
        contacted customer, shop currency, with the window before as covariate) and `mde_share`
        (of the mean profit per customer).
    """
    same = best_split(n_customers, treated_cost, control_cost, planned.cost_value)
    fixed = {"half in control": 0.5, "a tenth in control": 0.1}
    splits = {"this plan": planned, "best at this plan's cost": same} | {
        name: _split((1 - share) * n_customers, share * n_customers, treated_cost, control_cost)
        for name, share in fixed.items()
    }
    rows = []
    for name, split in splits.items():
        mde = detectable_effect(spread.residual_std_value, split.factor)
        row = (name, split.n_treated, split.n_control, split.cost_value)
        rows.append((*row, mde, share_of_mean(mde, spread)))
    columns = ["split", "n_treated", "n_control", "cost_value", "mde_value", "mde_share"]
    return pd.DataFrame(rows, columns=columns)


def split_sentence(splits: pd.DataFrame, tolerance: float = 0.03) -> str:
    """Say whether another split would detect more for the same money."""
    plan, best = splits["mde_value"].iloc[:2]
    if not np.isfinite(best) or not np.isfinite(plan):
        return "No split of these customers can be compared with another."
    n_treated, n_control = splits.loc[1, ["n_treated", "n_control"]]
    if best >= (1 - tolerance) * plan:
        return (
            "No other split detects more for the same money, beyond "
            f"{tolerance:.0%} of the detectable effect."
        )
    return (
        f"For the same money, **{n_treated:,.0f} contacted and {n_control:,.0f} in control** would "
        f"detect {best:.2f} instead of {plan:.2f} per customer."
    )
