"""What a message changes, learnt from past contacts that were drawn at random."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import logging

import numpy as np
import pandas as pd

from src.metrics.intervals import Interval
from src.metrics.uplift_heterogeneity import calibrate_effects, effect_slope
from src.models.uplift_chances import had_a_chance, read_chances
from src.models.uplift_comparison import Comparison, choose_champion, compare_learners
from src.models.uplift_contacts import (
    Contacts,
    Features,
    build_contacts,
    fit_features,
)
from src.models.uplift_effects import mean_effect
from src.models.uplift_ensemble import Ensemble, fit_ensemble
from src.models.uplift_history import CONTROL
from src.models.uplift_learners import Learner, available_learners

__all__ = [
    "CONSTANT_EFFECT",
    "NO_HISTORY",
    "Uplift",
    "UpliftModel",
    "available_learners",
    "fit_uplift",
    "predict_uplift",
]

logger = logging.getLogger(__name__)

NO_HISTORY = "no_randomised_history"
CONSTANT_EFFECT = "constant_effect"

_Z_95 = 1.96
_LEAST_ARM = 50  # the first of five folds has a fifth of it, and a learner needs some


@dataclass(frozen=True)
class UpliftModel:
    """What was learnt of one action.

    Parameters
    ----------
    action, basis : str
        `basis` is `no_randomised_history`, `constant_effect` or the champion's name.
    n_treated, n_control : int
        Contacts it rests on.
    effect : Interval or None
        Mean effect per contact: the plain baseline.
    learners : DataFrame or None
        Its rows of the comparison; None if no learner was tried.
    calibration : DataFrame or None
        Predicted and realised effect by tenths, of the learner with the highest t.
    best : str or None
        That learner, champion or not.
    """

    action: str
    basis: str
    n_treated: int = 0
    n_control: int = 0
    effect: Interval | None = None
    learners: pd.DataFrame | None = None
    calibration: pd.DataFrame | None = None
    best: str | None = None


@dataclass(frozen=True)
class Uplift:
    """What was learnt of all actions, and what predicts.

    Parameters
    ----------
    models : tuple of UpliftModel
        One per action, in the order asked for.
    contacts : Contacts or None
        History of the actions that have one.
    comparison : Comparison or None
        Of the learners, where there was enough history to try them.
    features : Features or None
    ensemble : Ensemble or None
    """

    models: tuple[UpliftModel, ...]
    contacts: Contacts | None = None
    comparison: Comparison | None = None
    features: Features | None = None
    ensemble: Ensemble | None = None


def fit_uplift(
    rows: pd.DataFrame,
    actions: Sequence[str],
    columns: tuple[str, ...],
    seed: int,
    min_arm: int = 50,
    min_arm_model: int = 200,
    n_repeats: int = 3,
    n_members: int = 50,
    max_p: float = 0.025,
    learners: Mapping[str, Callable[[], Learner]] | None = None,
    n_resamples: int = 500,
) -> Uplift:
    """Learn the effects of actions against control, as finely as the history bears.

    Fewer than `min_arm` contacts in either arm: nothing. Fewer than `min_arm_model`: the mean
    effect for everybody. Else all learners are tried on customers they had not seen, and the
    best is used only if customers are known to differ in what the action does to them; else
    the mean effect again.

    Parameters
    ----------
    rows : DataFrame
        As from `src.models.uplift_history.build_uplift_rows`.
    actions : sequence of str
        Each is compared with control in those campaigns that tried it.
    columns : tuple of str
        Profile columns that may be features.
    seed : int
        Of folds, resampling and learners.
    min_arm, min_arm_model : int
        See above.
    n_repeats : int, default 3
        Deals of the customers into five folds.
    n_members : int, default 50
        Resamples of the customers that are learnt from.
    max_p : float, default 0.025
        Chance of calling any customers different where none are, over all learners and actions.
    learners : mapping of str to callable, optional
        Those to try; else all that are installed.
    n_resamples : int, default 500
        Draws of customers for the intervals of the comparison.
    """
    sizes = {action: _arm_sizes(rows, action) for action in actions}
    known = [action for action in actions if min(sizes[action]) >= max(min_arm, 2)]
    if not known:
        return Uplift(tuple(UpliftModel(name, NO_HISTORY, *sizes[name]) for name in actions))
    features = fit_features(rows, columns)
    contacts = build_contacts(rows, known, features.transform(rows))
    tried = [name for name in known if min(sizes[name]) >= max(min_arm_model, _LEAST_ARM)]
    learners = available_learners() if learners is None else learners
    comparison = (
        compare_learners(contacts.only(tried), learners, seed, n_repeats, n_resamples=n_resamples)
        if tried
        else None
    )
    found = {name: choose_champion(comparison.table, name, max_p) for name in tried}
    champions = {name: champion for name, champion in found.items() if champion}
    logger.info("fit_uplift: %d contacts, champions %s", len(contacts), champions)
    ensemble = fit_ensemble(contacts, comparison, champions, learners, seed, n_members)
    models = [
        _model(
            contacts,
            comparison,
            name,
            sizes[name],
            champions.get(name, CONSTANT_EFFECT),
            seed,
        )
        if name in known
        else UpliftModel(name, NO_HISTORY, *sizes[name])
        for name in actions
    ]
    return Uplift(tuple(models), contacts, comparison, features, ensemble)


def _arm_sizes(rows: pd.DataFrame, action: str) -> tuple[int, int]:
    """Contacts of the action, and of control in the campaigns that tried it."""
    had_chance = had_a_chance(read_chances(rows, [action]))[:, 0]
    is_action = (rows["action"] == action) & had_chance
    campaigns = rows.loc[is_action, "campaign_id"].unique()
    is_control = (rows["action"] == CONTROL) & rows["campaign_id"].isin(campaigns) & had_chance
    return int(is_action.sum()), int(is_control.sum())


def _model(
    contacts: Contacts,
    comparison: Comparison | None,
    action: str,
    sizes: tuple[int, int],
    basis: str,
    seed: int,
) -> UpliftModel:
    effect = mean_effect(contacts, contacts.actions.index(action), seed)
    if comparison is None or action not in comparison.contacts.actions:
        return UpliftModel(action, basis, *sizes, effect)
    table = comparison.table
    table = table[table["action"] == action].reset_index(drop=True)
    best = str(table.loc[table["t"].idxmax(), "learner"])
    calibration = _calibrate(comparison, action, best, effect.estimate)
    return UpliftModel(action, basis, *sizes, effect, table, calibration, best)


def _calibrate(comparison: Comparison, action: str, learner: str, effect: float) -> pd.DataFrame:
    """Predicted against realised effects, the predicted differences scaled as they will be."""
    contacts = comparison.contacts
    k = contacts.actions.index(action)
    rows = contacts.tried[:, k]
    scores, predicted = comparison.scores[rows, k], comparison.held_out.predicted[learner][rows, k]
    weight = contacts.precision[rows, k]
    slope = max(0.0, effect_slope(scores, predicted, weight))
    center = np.average(predicted, weights=weight)
    meant = effect + slope * (predicted - center)
    return calibrate_effects(scores, meant, contacts.customer[rows], weight=weight)


def predict_uplift(uplift: Uplift, profiles: pd.DataFrame) -> pd.DataFrame:
    """Score every customer for every action.

    Parameters
    ----------
    uplift : Uplift
        As from `fit_uplift`.
    profiles : DataFrame
        One row per customer, as they stand now.

    Returns
    -------
    DataFrame
        One row per customer and action: the columns of `uplift_scores`. `uplift_value` with its
        95 % interval is the effect on margin per contact, shop currency; empty without history.
        With a champion, the interval is the spread of `draws`: how far the estimate would move
        with other customers. It does not hold what a learner that draws customers together
        misses, so it is no promise of coverage for a single customer.
    """
    X = None if uplift.features is None else uplift.features.transform(profiles)
    tables = [
        pd.DataFrame({"customer_id": profiles["customer_id"].to_numpy(), "action": model.action})
        .assign(**_score(uplift, model, X), basis=model.basis)
        .astype({"draws": "object"})
        for model in uplift.models
    ]
    scores = pd.concat(tables, ignore_index=True)
    scores = scores[["customer_id", "action", "uplift_value", "lower", "upper", "basis", "draws"]]
    return scores.sort_values(["customer_id", "action"], ignore_index=True)


def _score(uplift: Uplift, model: UpliftModel, X: np.ndarray | None) -> dict[str, object]:
    """Estimate, ends and draws of one action for every row."""
    if model.effect is None or X is None:
        return {"uplift_value": np.nan, "lower": np.nan, "upper": np.nan, "draws": None}
    draws = uplift.ensemble.draw(X, model.action)
    if model.basis == CONSTANT_EFFECT:
        middle, ends = model.effect.estimate, (model.effect.lower, model.effect.upper)
    else:
        shift = uplift.ensemble.effects[model.action].mean()
        middle = model.effect.estimate + draws.mean(axis=1) - shift
        half = _Z_95 * draws.std(axis=1, ddof=1)
        ends = (middle - half, middle + half)
    return {"uplift_value": middle, "lower": ends[0], "upper": ends[1], "draws": draws.tolist()}
