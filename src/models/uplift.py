"""What a message changes, learnt from past contacts that were drawn at random."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import logging

import lightgbm
import numpy as np
import pandas as pd

from src.metrics.intervals import Interval, bootstrap_interval
from src.metrics.uplift import auuc, qini_coefficient
from src.models.design import Design, fit_design
from src.models.uplift_history import CONTROL

__all__ = [
    "CONSTANT_EFFECT",
    "NO_HISTORY",
    "T_LEARNER",
    "UpliftModel",
    "estimate_effect",
    "fit_uplift",
    "predict_uplift",
]

logger = logging.getLogger(__name__)

NO_HISTORY = "no_randomised_history"
CONSTANT_EFFECT = "constant_effect"
T_LEARNER = "t_learner"

_N_FOLDS = 5
_N_MEMBERS = 20
_Z_95 = 1.96


@dataclass(frozen=True)
class UpliftModel:
    """What was learnt of one action.

    Parameters
    ----------
    action, basis : str
        `basis` is `no_randomised_history`, `constant_effect` or `t_learner`.
    n_treated, n_control : int
        Contacts it rests on.
    effect : Interval or None
        Mean effect on margin per contact: the plain baseline.
    qini, auuc : Interval or None
        Of the T-learner's ranking on customers it had not seen; None if it was not tried.
    held_out : DataFrame or None
        One row per contact: `outcome_value`, `is_treated`, `weight`, `uplift_value` as predicted
        for customers not learnt from.
    slope : float
        Share of the predicted differences between customers that held-out customers bear out,
        0-1; differences are drawn in by it.
    design : Design or None
    members : tuple
        Pairs of regressions (treated, control), each with its own centre and mean effect.
    """

    action: str
    basis: str
    n_treated: int = 0
    n_control: int = 0
    effect: Interval | None = None
    qini: Interval | None = None
    auuc: Interval | None = None
    held_out: pd.DataFrame | None = None
    slope: float = 0.0
    design: Design | None = None
    members: tuple = ()


def fit_uplift(
    rows: pd.DataFrame,
    action: str,
    columns: tuple[str, ...],
    seed: int,
    min_arm: int = 50,
    min_arm_model: int = 200,
) -> UpliftModel:
    """Learn the effect of one action against control, as finely as the history bears.

    Fewer than `min_arm` contacts in either arm: nothing. Fewer than `min_arm_model`: the mean
    effect for everybody. Else a T-learner (one regression per arm) is tried on held-out folds of
    customers, and used only if the interval of its Qini coefficient lies above 0: only then are
    customers known to differ in what a message does to them.

    Parameters
    ----------
    rows : DataFrame
        As from `src.models.uplift_history.build_uplift_rows`.
    action : str
        Compared with control in those campaigns that tried it.
    columns : tuple of str
        Profile columns that may be features.
    seed : int
        Of folds, resampling and trees.
    min_arm, min_arm_model : int
        See above.

    Returns
    -------
    UpliftModel

    References
    ----------
    .. Künzel, S. et al. (2019). Metalearners for estimating heterogeneous treatment effects using
       machine learning. PNAS 116(10).
    """
    tried = _rows_of(rows, action)
    is_treated = (tried["action"] == action).to_numpy()
    n_treated, n_control = int(is_treated.sum()), int((~is_treated).sum())
    logger.info("fit_uplift %s: %d treated, %d control contacts", action, n_treated, n_control)
    if min(n_treated, n_control) < max(min_arm, 2):
        return UpliftModel(action, NO_HISTORY, n_treated, n_control)
    effect = estimate_effect(tried, action, seed)
    if min(n_treated, n_control) < min_arm_model:
        return UpliftModel(action, CONSTANT_EFFECT, n_treated, n_control, effect)
    return _try_learner(tried, is_treated, action, columns, effect, seed)


def _rows_of(rows: pd.DataFrame, action: str) -> pd.DataFrame:
    """Contacts of the action and of control, in the campaigns that tried the action."""
    campaigns = rows.loc[rows["action"] == action, "campaign_id"].unique()
    chosen = rows["campaign_id"].isin(campaigns) & rows["action"].isin([action, CONTROL])
    return rows[chosen].reset_index(drop=True)


def estimate_effect(rows: pd.DataFrame, action: str, seed: int) -> Interval:
    r"""Mean effect of an action against control, weighted by how it was drawn (Hájek).

    .. math:: \hat\tau = \frac{\sum_{i: a} y_i / p_i}{\sum_{i: a} 1 / p_i}
              - \frac{\sum_{i: c} y_i / p_i}{\sum_{i: c} 1 / p_i}

    Parameters
    ----------
    rows : DataFrame
        One row per contact: `customer_id`, `action`, `pscore`, `outcome_value`.
    action : str
        The rest must be control.
    seed : int
        Of the bootstrap over customers, who keep all their contacts.

    Returns
    -------
    Interval
        Unit of the outcome, level 95 %, `n` customers.
    """
    treated = (rows["action"] == action).to_numpy(float)
    weight = 1 / rows["pscore"].to_numpy(float)
    outcome = rows["outcome_value"].to_numpy(float)
    parts = {
        "y_t": weight * treated * outcome,
        "n_t": weight * treated,
        "y_c": weight * (1 - treated) * outcome,
        "n_c": weight * (1 - treated),
    }
    sums = pd.DataFrame(parts).groupby(rows["customer_id"].to_numpy(), sort=True).sum()
    return bootstrap_interval(_difference, sums.to_numpy(), seed=seed)


def _difference(sums: np.ndarray) -> float:
    y_t, n_t, y_c, n_c = sums.sum(axis=0)
    return float(y_t / n_t - y_c / n_c) if n_t > 0 and n_c > 0 else float("nan")


def _try_learner(
    rows: pd.DataFrame,
    is_treated: np.ndarray,
    action: str,
    columns: tuple[str, ...],
    effect: Interval,
    seed: int,
) -> UpliftModel:
    design = fit_design(rows, columns)
    X, y = design.transform(rows), rows["outcome_value"].to_numpy(float)
    weight = 1 / rows["pscore"].to_numpy(float)
    customers = pd.factorize(rows["customer_id"], sort=True)[0]
    rng = np.random.default_rng(seed)
    predicted = _predict_held_out(X, y, is_treated, customers, rng)
    arrays = (y, is_treated, predicted, weight)
    qini = _interval(qini_coefficient, arrays, seed)
    is_used = qini.lower > 0
    names = ("outcome_value", "is_treated", "uplift_value", "weight")
    return UpliftModel(
        action,
        T_LEARNER if is_used else CONSTANT_EFFECT,
        int(is_treated.sum()),
        int((~is_treated).sum()),
        effect,
        qini,
        _interval(auuc, arrays, seed),
        pd.DataFrame(dict(zip(names, arrays, strict=True))),
        _slope(*arrays),
        design,
        _fit_members(X, y, is_treated, weight, customers, rng) if is_used else (),
    )


def _interval(metric: Callable[..., float], arrays: tuple[np.ndarray, ...], seed: int) -> Interval:
    return bootstrap_interval(metric, *arrays, seed=seed, n_resamples=500)


def _predict_held_out(
    X: np.ndarray,
    y: np.ndarray,
    is_treated: np.ndarray,
    customers: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Predict each customer's effect by regressions that never saw that customer."""
    fold = rng.permutation(customers.max() + 1)[customers] % _N_FOLDS
    predicted = np.zeros(len(y))
    for k in range(_N_FOLDS):
        seen = fold != k
        pair = _fit_pair(X[seen], y[seen], is_treated[seen], int(rng.integers(2**31)))
        predicted[~seen] = _apply_pair(pair, X[~seen])
    return predicted


def _fit_pair(
    X: np.ndarray, y: np.ndarray, is_treated: np.ndarray, seed: int
) -> tuple[lightgbm.LGBMRegressor, lightgbm.LGBMRegressor]:
    return tuple(_regression(len(y), seed).fit(X[arm], y[arm]) for arm in (is_treated, ~is_treated))


def _regression(n_rows: int, seed: int) -> lightgbm.LGBMRegressor:
    """Few shallow trees with large leaves: effects are small beside the noise."""
    return lightgbm.LGBMRegressor(
        n_estimators=60,
        learning_rate=0.05,
        num_leaves=6,
        min_child_samples=max(20, n_rows // 40),
        colsample_bytree=0.7,
        reg_lambda=5.0,
        random_state=seed,
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
        verbose=-1,
    )


def _apply_pair(pair: tuple, X: np.ndarray) -> np.ndarray:
    treated, control = pair
    return treated.predict(X) - control.predict(X)


def _slope(
    y: np.ndarray, is_treated: np.ndarray, predicted: np.ndarray, weight: np.ndarray
) -> float:
    """Regress held-out effects on predicted ones (best linear predictor), within 0 and 1."""
    share = np.where(is_treated, weight, 0) / weight[is_treated].sum()
    share -= np.where(is_treated, 0, weight) / weight[~is_treated].sum()
    signal = len(y) * share * (y - y.mean())
    centred = predicted - predicted.mean()
    spread = centred @ centred
    return float(np.clip(signal @ centred / spread, 0, 1)) if spread > 0 else 0.0


def _fit_members(
    X: np.ndarray,
    y: np.ndarray,
    is_treated: np.ndarray,
    weight: np.ndarray,
    customers: np.ndarray,
    rng: np.random.Generator,
) -> tuple:
    """Fit one pair of regressions on each of some resamples of the customers."""
    members = []
    for _ in range(_N_MEMBERS):
        n_times = np.bincount(rng.integers(0, customers.max() + 1, customers.max() + 1))
        n_times = np.append(n_times, np.zeros(customers.max() + 1 - len(n_times), dtype=int))
        index = np.repeat(np.arange(len(y)), n_times[customers])
        treated = is_treated[index]
        pair = _fit_pair(X[index], y[index], treated, int(rng.integers(2**31)))
        means = [
            np.average(y[index][arm], weights=weight[index][arm]) for arm in (treated, ~treated)
        ]
        members.append((pair, float(_apply_pair(pair, X).mean()), float(means[0] - means[1])))
    return tuple(members)


def predict_uplift(models: Sequence[UpliftModel], profiles: pd.DataFrame) -> pd.DataFrame:
    """Score every customer for every action.

    Parameters
    ----------
    models : sequence of UpliftModel
        One per action.
    profiles : DataFrame
        One row per customer, as they stand now.

    Returns
    -------
    DataFrame
        One row per customer and action: the columns of `uplift_scores`. `uplift_value` with its
        95 % interval is the effect on margin per contact, shop currency; empty without history.
        The interval of a T-learner is the spread of regressions on resampled customers.
    """
    tables = []
    for model in models:
        table = pd.DataFrame({"customer_id": profiles["customer_id"], "action": model.action})
        middle, lower, upper = _predict_action(model, profiles)
        tables.append(
            table.assign(uplift_value=middle, lower=lower, upper=upper, basis=model.basis)
        )
    scores = pd.concat(tables, ignore_index=True)
    return scores.sort_values(["customer_id", "action"], ignore_index=True)


def _predict_action(model: UpliftModel, profiles: pd.DataFrame) -> tuple[np.ndarray, ...]:
    if model.effect is None:
        ends = (np.nan,) * 3
    elif model.basis == CONSTANT_EFFECT:
        ends = (model.effect.estimate, model.effect.lower, model.effect.upper)
    else:
        return _predict_members(model, profiles)
    return tuple(np.full(len(profiles), end) for end in ends)


def _predict_members(model: UpliftModel, profiles: pd.DataFrame) -> tuple[np.ndarray, ...]:
    X = model.design.transform(profiles)
    draws = np.array(
        [
            effect + model.slope * (_apply_pair(pair, X) - centre)
            for pair, centre, effect in model.members
        ]
    )
    differences = draws.mean(axis=0) - np.mean([effect for *_, effect in model.members])
    middle, half = model.effect.estimate + differences, _Z_95 * draws.std(axis=0, ddof=1)
    return middle, middle - half, middle + half
