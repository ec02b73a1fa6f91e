"""What every action should earn with every customer, and how sure that is."""

import numpy as np
import pandas as pd

from src.decide.catalogue import Campaign

__all__ = ["build_estimates", "profit_draws", "profit_grid", "spend_grid"]

_KEY = ["customer_id", "action"]


def build_estimates(
    uplift_scores: pd.DataFrame,
    discounts: pd.DataFrame,
    values: pd.DataFrame,
    p_unsubscribe: pd.Series,
    customer_ids: pd.Series,
    campaign: Campaign,
) -> pd.DataFrame:
    r"""Estimate the incremental profit of every action for every customer.

    .. math:: \hat\pi_{ia} = \hat\tau_{ia} - c_a - p_a\, \lambda\, v_i

    the uplift in margin net of redeemed discounts, minus the cost of one message, minus the
    expected loss from unsubscribing: its probability times the share :math:`\lambda`
    (`lost_value_share`) of the customer's expected value :math:`v_i` that goes with the
    permission. Without randomised history :math:`\tau` is unknown and the discount expected on
    orders that come anyway (`src.decide.offers`) stands in its place, with a minus: what is left
    is the price of learning, and `is_known` is false.

    Parameters
    ----------
    uplift_scores : DataFrame
        One row per customer and action: `customer_id`, `action`, `uplift_value`, `lower`,
        `upper` (shop currency per contact, null if unknown) and `draws`, a list of the same
        effect as learnt from resampled customers.
    discounts : DataFrame
        One row per customer and action: `customer_id`, `action`, `expected_discount_value`.
    values : DataFrame
        One row per customer: `customer_id`, `clv`; who is missing has nothing to lose.
    p_unsubscribe : Series of float
        By action.
    customer_ids : Series of str
        Customers to estimate.
    campaign : Campaign
        The actions and their costs.

    Returns
    -------
    DataFrame
        One row per customer and action, both in the order given: `customer_id`, `action`,
        `uplift_value`, `lower`, `upper`, `draws`, `cost_value`, `expected_discount_value`,
        `unsubscribe_loss_value`, `is_known`, `expected_profit_value`.
    """
    actions = pd.DataFrame(
        {
            "action": list(campaign.actions),
            "cost_value": [action.cost_value for action in campaign.actions.values()],
            "p_unsubscribe": p_unsubscribe.reindex(list(campaign.actions)).to_numpy(),
        }
    )
    estimates = pd.DataFrame({"customer_id": customer_ids.to_numpy()}).merge(actions, how="cross")
    scores = uplift_scores[[*_KEY, "uplift_value", "lower", "upper", "draws"]]
    estimates = estimates.merge(scores, on=_KEY, how="left").merge(discounts, on=_KEY, how="left")
    clv = estimates["customer_id"].map(values.set_index("customer_id")["clv"]).fillna(0.0)
    loss = estimates.pop("p_unsubscribe") * campaign.lost_value_share * clv
    discount = estimates["expected_discount_value"].astype(float).fillna(0.0)
    effect = estimates["uplift_value"].astype(float)
    return estimates.assign(
        expected_discount_value=discount,
        unsubscribe_loss_value=loss,
        is_known=effect.notna(),
        expected_profit_value=effect.fillna(-discount) - estimates["cost_value"] - loss,
    )


def profit_grid(estimates: pd.DataFrame, campaign: Campaign) -> tuple[np.ndarray, np.ndarray]:
    """Lay out profits, and whether they rest on an effect: customers by arms, control's 0 first."""
    profits = _grid(estimates["expected_profit_value"].to_numpy(dtype=float), campaign)
    is_known = _grid(estimates["is_known"].to_numpy(dtype=float), campaign)
    return profits, is_known > 0


def spend_grid(estimates: pd.DataFrame, campaign: Campaign) -> np.ndarray:
    """Lay out the money that goes out, messages and expected discounts, in the same way."""
    spend = estimates["cost_value"] + estimates["expected_discount_value"]
    return _grid(spend.to_numpy(dtype=float), campaign)


def _grid(values: np.ndarray, campaign: Campaign) -> np.ndarray:
    grid = values.reshape((-1, len(campaign.actions)))  # a customer's actions follow each other
    return np.hstack([np.zeros((len(grid), 1)), grid])


def profit_draws(
    estimates: pd.DataFrame, campaign: Campaign, exploration: float = 1.0
) -> np.ndarray:
    r"""Profits as each member of the ensemble sees them, members by customers by arms.

    With :math:`e` = `exploration` a member's :math:`\tau^{(j)}` counts as
    :math:`e\,\tau^{(j)} + (1 - e)\,\hat\tau`: the spread of what is unsure, made narrower.

    Parameters
    ----------
    estimates : DataFrame
        From `build_estimates`, of at least one known effect.
    campaign : Campaign
        The arms.
    exploration : float, in [0, 1], default 1
        1 leaves the members as they are, 0 makes all of them the estimate.

    Returns
    -------
    array of shape (n_members, n_customers, n_arms)
        Control is 0; an action without an estimate is minus infinity: nobody is greedy for it.

    References
    ----------
    .. Chapelle, O. and Li, L. (2011). An empirical evaluation of Thompson sampling. NeurIPS 24,
       section 4: a narrower posterior explores less, and earned more over few rounds.
    """
    is_known = estimates["is_known"].to_numpy(dtype=bool)
    known = np.array(estimates.loc[is_known, "draws"].tolist(), dtype=float)
    middle = estimates.loc[is_known, "uplift_value"].to_numpy(dtype=float)[:, None]
    known = exploration * known + (1 - exploration) * middle
    given_away = estimates["cost_value"] + estimates["unsubscribe_loss_value"]
    members = np.full((len(estimates), known.shape[1]), -np.inf)
    members[is_known] = known - given_away.to_numpy(dtype=float)[is_known, None]
    members = members.T.reshape((known.shape[1], -1, len(campaign.actions)))
    return np.concatenate([np.zeros((*members.shape[:2], 1)), members], axis=2)
