"""Past rounds with effects learnt from other customers, so that a policy can be tried on them."""

import numpy as np
import pandas as pd

from src.metrics.uplift_heterogeneity import effect_slope
from src.models.uplift import CONSTANT_EFFECT, Uplift
from src.models.uplift_contacts import Contacts, build_contacts
from src.models.uplift_effects import draw_effects
from src.models.uplift_history import CONTROL

__all__ = ["build_rounds"]

_N_FOLDS = 5
_COLUMNS = [
    "campaign_id",
    "customer_id",
    "drawn_action",
    "pscore",
    "outcome_value",
    "control_value",
    "action",
    "uplift_value",
    "open_share",
]


def build_rounds(uplift: Uplift, rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    r"""Give each past round the effects that would have been predicted without its customer.

    .. math:: \hat\tau_{a}^{-f}(x) = \bar\tau_a^{-f} + \beta_a^{-f}\,(f_a^{-}(x) - \bar f_a^{-})

    for a customer of fold f: mean effect and slope from the other folds, and the champion's
    prediction for customers it had not seen. An action without a champion has the mean effect.

    Parameters
    ----------
    uplift : Uplift
        From `src.models.uplift.fit_uplift`.
    rows : DataFrame
        The contacts it was fitted on.
    seed : int
        Of the folds.

    Returns
    -------
    DataFrame
        Table `uplift_rounds`: one row per contact and action that its campaign had, for contacts
        whose toss was open (`src.models.uplift_chances.LEAST_CHANCE`); `open_share` says how many
        of the campaign's they are. Empty without history.
    """
    if uplift.contacts is None:
        texts = dict.fromkeys(["campaign_id", "customer_id", "drawn_action", "action"], "str")
        numbers = dict.fromkeys(set(_COLUMNS) - set(texts), "float64")
        return pd.DataFrame(columns=_COLUMNS).astype(texts | numbers)
    contacts = _numbered(uplift.contacts, rows)
    fold = contacts.fold_of(_N_FOLDS, np.random.default_rng(seed))
    effects = _mean_effects(contacts, fold)
    control = contacts.outcome - contacts.centered()
    if uplift.comparison is not None:
        place = contacts.only(uplift.comparison.contacts.actions).X[:, 0].astype(int)
        at = pd.Series(np.arange(len(contacts)), contacts.X[:, 0].astype(int))[place].to_numpy()
        control[at] += uplift.comparison.held_out.expected[:, 0]
        _add_differences(effects, uplift, at, fold)
    known = rows.iloc[contacts.X[:, 0].astype(int)].assign(control_value=control)
    known["open_share"] = _open_share(known, rows, contacts.actions)
    known = known.rename(columns={"action": "drawn_action"})
    parts = [
        known.assign(action=action, uplift_value=effects[:, k])[contacts.tried[:, k]]
        for k, action in enumerate(contacts.actions)
    ]
    rounds = pd.concat(parts)[_COLUMNS]
    return rounds.sort_values(["campaign_id", "customer_id", "action"], ignore_index=True)


def _open_share(known: pd.DataFrame, rows: pd.DataFrame, actions: tuple[str, ...]) -> pd.Series:
    """Share of the contacts of each one's campaign, drawn to one of these arms, that are known."""
    drawn = rows.loc[rows["action"].isin((CONTROL, *actions)), "campaign_id"].value_counts()
    return known["campaign_id"].map(known["campaign_id"].value_counts() / drawn)


def _numbered(contacts: Contacts, rows: pd.DataFrame) -> Contacts:
    """Give the same contacts with the number of their row in place of features."""
    return build_contacts(rows, contacts.actions, np.arange(len(rows), dtype=float)[:, None])


def _mean_effects(contacts: Contacts, fold: np.ndarray) -> np.ndarray:
    """Mean effect of each action on the other folds' customers, shape (n, n_actions)."""
    times = np.ones((_N_FOLDS, contacts.n_customers))
    times[fold, contacts.customer] = 0
    return draw_effects(contacts, times)[fold]


def _add_differences(effects: np.ndarray, uplift: Uplift, at: np.ndarray, fold: np.ndarray) -> None:
    """Add what the champions say of differences between customers, in place."""
    comparison = uplift.comparison
    for model in uplift.models:
        if model.learners is None or model.basis == CONSTANT_EFFECT:
            continue
        k = comparison.contacts.actions.index(model.action)
        column = uplift.contacts.actions.index(model.action)
        predicted = comparison.held_out.predicted[model.basis][:, k]
        for number in range(_N_FOLDS):
            others = comparison.contacts.tried[:, k] & (fold[at] != number)
            weight = comparison.contacts.precision[others, k]
            slope = max(0.0, effect_slope(comparison.scores[others, k], predicted[others], weight))
            center = np.average(predicted[others], weights=weight)
            own = fold[at] == number
            effects[at[own], column] += slope * (predicted[own] - center)
