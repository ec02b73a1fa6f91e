"""Expected reward of every action, fitted across folds so that no round answers for itself."""

from collections.abc import Callable

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier

from src.errors import ParameterError

__all__ = [
    "cross_fit_arm_means",
    "cross_fit_linear",
    "cross_fit_model",
    "fold_of_rounds",
    "make_refit",
]

FoldFit = Callable[[np.ndarray], np.ndarray]
_RIDGE = 1e-6


def fold_of_rounds(n: int, n_folds: int, seed: int) -> np.ndarray:
    """Fold of each round: as equal as can be, drawn at random."""
    if not 2 <= n_folds <= n:
        raise ParameterError(
            f"Expected between 2 and {n} folds for {n} rounds, found {n_folds}; give fewer."
        )
    return np.random.default_rng(seed).permutation(np.arange(n) % n_folds)


def cross_fit_arm_means(
    action: np.ndarray,
    reward: np.ndarray,
    n_actions: int,
    fold: np.ndarray,
    counts: np.ndarray | None = None,
) -> np.ndarray:
    r"""Mean reward of each action, pulled towards the mean of all as far as chance explains.

    .. math:: \hat q(a) = \bar r + \frac{\tau^2}{\tau^2 + \sigma^2 / n_a}\,(\bar r_a - \bar r)

    with :math:`\sigma^2` the variance within actions and :math:`\tau^2` that between them, by
    moments and never below 0: with no difference between actions there is no difference in
    the answers. The plain model for many actions and few rounds; it knows no features.

    Parameters
    ----------
    action : array of int, shape (n_rounds,)
        Logged action.
    reward : array of shape (n_rounds,)
        Observed reward.
    n_actions : int
        Number of actions.
    fold : array of int, shape (n_rounds,)
        From `fold_of_rounds`; a round's prediction comes from the other folds.
    counts : array of shape (n_draws, n_rounds), optional
        How often each round counts in each draw.

    Returns
    -------
    array of shape (n_rounds, n_actions), or (n_draws, n_rounds, n_actions) with `counts`

    References
    ----------
    .. DerSimonian, R. and Laird, N. (1986). Meta-analysis in clinical trials. Controlled
       Clinical Trials 7: the variance between.
    .. Morris, C. (1983). Parametric empirical Bayes inference. JASA 78.
    """
    action, reward = _checked(action, reward, n_actions, fold)
    drawn = np.ones((1, len(reward))) if counts is None else np.asarray(counts, float)
    by_fold = np.empty((fold.max() + 1, len(drawn), n_actions))
    is_arm = np.eye(n_actions)[action]
    for held_out in range(len(by_fold)):
        used = drawn * (fold != held_out)
        sums = np.stack([used @ (is_arm * (reward**power)[:, None]) for power in range(3)])
        by_fold[held_out] = _shrink(*sums)
    found = by_fold[fold].transpose(1, 0, 2)
    return found[0] if counts is None else found


def _shrink(n: np.ndarray, total: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Shrunk means of shape (n_draws, n_actions) from the sums of powers 0, 1 and 2."""
    all_n = n.sum(axis=1, keepdims=True)
    seen = np.maximum(n, 1.0)
    mean = total / seen
    middle = total.sum(axis=1, keepdims=True) / np.maximum(all_n, 1.0)
    n_arms = (n > 0).sum(axis=1, keepdims=True)
    within = (square - n * mean**2).sum(axis=1, keepdims=True)
    within = np.maximum(within, 0.0) / np.maximum(all_n - n_arms, 1.0)
    spread = (n * (mean - middle) ** 2).sum(axis=1, keepdims=True)
    reach = all_n - (n**2).sum(axis=1, keepdims=True) / np.maximum(all_n, 1.0)
    between = np.maximum(spread - (n_arms - 1) * within, 0.0) / np.maximum(reach, 1e-12)
    trust = between * n / np.maximum(between * n + within, 1e-300)
    return middle + np.where(n > 0, trust, 0.0) * (mean - middle)


def cross_fit_linear(
    features: np.ndarray,
    action: np.ndarray,
    reward: np.ndarray,
    n_actions: int,
    fold: np.ndarray,
    ridge: float = _RIDGE,
    counts: np.ndarray | None = None,
) -> np.ndarray:
    r"""Linear reward of each action in the features, one ridge regression per action.

    .. math:: \hat\theta_a = \Big(\sum_{i: a_i = a} c_i\, x_i x_i^\top + \rho\, n_a D\Big)^{-1}
              \sum_{i: a_i = a} c_i\, x_i r_i

    with an intercept that is not shrunk. An action that a fold's training part lacks gets the
    mean reward of that part.

    Parameters
    ----------
    features : array of shape (n_rounds, n_features)
        Numbers known before the round; scaled alike if `ridge` matters.
    action, reward, n_actions, fold, counts
        As in `cross_fit_arm_means`.
    ridge : float, default 1e-6
        :math:`\rho`, per round; small enough by default to only keep the system solvable.

    Returns
    -------
    array of shape (n_rounds, n_actions), or (n_draws, n_rounds, n_actions) with `counts`
    """
    action, reward = _checked(action, reward, n_actions, fold)
    design = np.column_stack([np.ones(len(reward)), np.asarray(features, float)])
    if len(design) != len(reward) or not np.isfinite(design).all():
        raise ParameterError(
            f"Expected finite features of shape ({len(reward)}, n_features), found shape "
            f"{np.shape(features)}; fill what is missing first."
        )
    drawn = np.ones((1, len(reward))) if counts is None else np.asarray(counts, float)
    found = np.empty((len(drawn), len(reward), n_actions))
    for held_out in range(fold.max() + 1):
        is_out = fold == held_out
        for arm in range(n_actions):
            rows = ~is_out & (action == arm)
            theta = _solve(drawn[:, rows], design[rows], reward[rows], ridge)
            lacks = drawn[:, rows].sum(axis=1) == 0
            if lacks.any():
                theta[lacks] = 0.0
                theta[lacks, 0] = _means(drawn[:, ~is_out][lacks], reward[~is_out])
            found[:, is_out, arm] = theta @ design[is_out].T
    return found[0] if counts is None else found


def _solve(counts: np.ndarray, design: np.ndarray, reward: np.ndarray, ridge: float) -> np.ndarray:
    """Coefficients of each draw, shape (n_draws, n_features + 1)."""
    n_columns = design.shape[1]
    outer = (design[:, :, None] * design[:, None, :]).reshape(-1, n_columns**2)
    matrix = (counts @ outer).reshape(-1, n_columns, n_columns)
    penalty = np.diag([_RIDGE * 1e-6] + [ridge] * (n_columns - 1))
    matrix = matrix + penalty * np.maximum(counts.sum(axis=1), 1.0)[:, None, None]
    target = counts @ (design * reward[:, None])
    return np.linalg.solve(matrix, target[:, :, None])[:, :, 0]


def _means(counts: np.ndarray, reward: np.ndarray) -> np.ndarray:
    return counts @ reward / np.maximum(counts.sum(axis=1), 1.0)


def cross_fit_model(
    model: BaseEstimator,
    features: np.ndarray,
    action: np.ndarray,
    reward: np.ndarray,
    action_features: np.ndarray,
    fold: np.ndarray,
    group: np.ndarray | None = None,
) -> np.ndarray:
    """Predict rewards by any scikit-learn model of the round's and the action's features.

    For many actions that resemble each other. The model learns from pairs of a round and its
    logged action, and answers for the round with every action.

    Parameters
    ----------
    model : classifier of rewards 0 and 1, or regressor
        Copied for each fold, never fitted itself.
    features : array of shape (n_rounds, n_features)
        Numbers known before the round.
    action, reward, fold
        As in `cross_fit_arm_means`.
    action_features : array of shape (n_actions, n_action_features)
        Numbers that describe each action.
    group : array of int, shape (n_rounds,), optional
        One model for each group of rounds, such as the place an action was shown in.

    Returns
    -------
    array of shape (n_rounds, n_actions)
    """
    action_features = np.asarray(action_features, dtype=float)
    action, reward = _checked(action, reward, len(action_features), fold)
    features = np.asarray(features, dtype=float)
    group = np.zeros(len(reward), int) if group is None else np.asarray(group)
    found = np.empty((len(reward), len(action_features)))
    for held_out in range(fold.max() + 1):
        for part in np.unique(group):
            seen = (fold != held_out) & (group == part)
            asked = np.flatnonzero((fold == held_out) & (group == part))
            pairs = np.column_stack([features[seen], action_features[action[seen]]])
            found[asked] = _ask(_fit(model, pairs, reward[seen]), features[asked], action_features)
    return found


def _fit(
    model: BaseEstimator, pairs: np.ndarray, reward: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    if len(reward) and np.ptp(reward) == 0:
        return lambda asked: np.full(len(asked), reward[0])  # a classifier needs two classes
    fitted = clone(model).fit(pairs, reward.astype(int) if is_classifier(model) else reward)
    if is_classifier(model):
        return lambda asked: fitted.predict_proba(asked)[:, 1]
    return fitted.predict


def _ask(
    predict: Callable[[np.ndarray], np.ndarray], features: np.ndarray, action_features: np.ndarray
) -> np.ndarray:
    answers = np.empty((len(features), len(action_features)))
    for arm, described in enumerate(action_features):
        pairs = np.column_stack(
            [features, np.broadcast_to(described, (len(features), len(described)))]
        )
        answers[:, arm] = predict(pairs)
    return answers


def make_refit(
    fit: FoldFit, policy: np.ndarray, action: np.ndarray
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Turn a fit on counts into what `src.metrics.ope_intervals.bootstrap_values` asks for.

    Parameters
    ----------
    fit : callable
        Takes counts of shape (n_draws, n_rounds), gives expected rewards of shape (n_draws,
        n_rounds, n_actions); such as ``lambda c: cross_fit_linear(..., counts=c)``. Folds stay
        with the rounds, so copies of a round never lie on both sides.
    policy : array of shape (n_rounds, n_actions)
        Evaluation policy.
    action : array of int, shape (n_rounds,)
        Logged action.
    """
    rounds = np.arange(len(action))

    def refit(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        expected = fit(counts)
        return expected[:, rounds, action], np.einsum("bia,ia->bi", expected, policy)

    return refit


def _checked(
    action: np.ndarray, reward: np.ndarray, n_actions: int, fold: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    action, reward = np.asarray(action), np.asarray(reward, dtype=float)
    if not len(action) == len(reward) == len(fold) or not len(action):
        raise ParameterError(
            f"Expected an action, a reward and a fold per round, found {len(action)}, "
            f"{len(reward)} and {len(fold)}."
        )
    if action.dtype.kind not in "iu" or action.min() < 0 or action.max() >= n_actions:
        raise ParameterError(
            f"Expected actions as whole numbers from 0 to {n_actions - 1}, found {action.dtype} "
            f"from {action.min()} to {action.max()}; give the columns of the policy."
        )
    return action, reward
