"""What a policy would have earned, from rounds that another policy logged: point estimates."""

import numpy as np

from src.errors import ParameterError

__all__ = [
    "check_rounds",
    "dm",
    "dr",
    "ess",
    "importance_weights",
    "ips",
    "policy_rewards",
    "sndr",
    "snips",
    "switch_dr",
]


def importance_weights(
    pscore: np.ndarray, action_prob: np.ndarray, max_weight: float = np.inf
) -> np.ndarray:
    r"""Weight of each round: how much likelier its action is under the policy to be valued.

    .. math:: w_i = \min\{\lambda,\ \pi_e(a_i \mid x_i) / \pi_b(a_i \mid x_i)\}

    Parameters
    ----------
    pscore : array of shape (n_rounds,), in (0, 1]
        Probability :math:`\pi_b(a_i \mid x_i)` with which the behavior policy chose the
        logged action. Logged when it was drawn, never estimated afterwards.
    action_prob : array of shape (n_rounds,), in [0, 1]
        Probability :math:`\pi_e(a_i \mid x_i)` of that action under the evaluation policy.
    max_weight : float, default inf
        Cap :math:`\lambda` on the weights; lower is steadier and more biased.

    Returns
    -------
    array of shape (n_rounds,)
        Without a cap their mean is 1 in expectation if every action that the evaluation
        policy takes was possible.

    Raises
    ------
    ParameterError
        If a `pscore` is not in (0, 1], an `action_prob` not in [0, 1], the shapes differ or
        the cap is not above 0.
    """
    pscore, action_prob = np.asarray(pscore, float), np.asarray(action_prob, float)
    check_rounds(pscore=pscore, action_prob=action_prob)
    _check_range("pscore", pscore, (pscore > 0) & (pscore <= 1), "(0, 1]")
    _check_range("action_prob", action_prob, (action_prob >= 0) & (action_prob <= 1), "[0, 1]")
    if not max_weight > 0:
        raise ParameterError(f"Expected max_weight above 0, found {max_weight}; inf is no cap.")
    return np.minimum(action_prob / pscore, max_weight)


def ess(weight: np.ndarray) -> float:
    r"""Effective sample size: so many equally weighted rounds would be as steady.

    .. math:: \frac{(\sum_i w_i)^2}{\sum_i w_i^2}

    0 if all weights are 0.

    References
    ----------
    .. Kong, A. (1992). A note on importance sampling using standardized weights. University
       of Chicago, technical report 348.

    Examples
    --------
    >>> ess(np.array([1.0, 1.0, 0.0, 0.0]))
    2.0
    """
    square = float(np.square(weight).sum())
    return float(np.sum(weight)) ** 2 / square if square > 0 else 0.0


def ips(
    reward: np.ndarray, pscore: np.ndarray, action_prob: np.ndarray, max_weight: float = np.inf
) -> float:
    r"""Inverse propensity score estimate of a policy's value.

    .. math:: \hat V = \frac{1}{n} \sum_i w_i r_i

    Unbiased without a cap if every action that the evaluation policy takes was possible.

    Parameters
    ----------
    reward : array of shape (n_rounds,)
        Observed reward :math:`r_i`, in the unit the answer should have.
    pscore, action_prob, max_weight
        As in :func:`importance_weights`.

    Returns
    -------
    float
        Mean reward per round, same unit as `reward`.

    References
    ----------
    .. Horvitz, D. and Thompson, D. (1952). A generalization of sampling without replacement
       from a finite universe. JASA 47.
    .. Strehl, A., Langford, J., Li, L. and Kakade, S. (2010). Learning from logged implicit
       exploration data. NIPS: the cap.

    Examples
    --------
    >>> ips(np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    1.0
    """
    reward = check_rounds(reward=reward, pscore=pscore)
    return float(np.mean(importance_weights(pscore, action_prob, max_weight) * reward))


def snips(
    reward: np.ndarray, pscore: np.ndarray, action_prob: np.ndarray, max_weight: float = np.inf
) -> float:
    r"""Self-normalised inverse propensity score estimate of a policy's value.

    .. math:: \hat V = \frac{\sum_i w_i r_i}{\sum_i w_i}

    Steadier than :func:`ips`, consistent rather than unbiased, and never outside the range of
    the rewards.

    Parameters
    ----------
    reward, pscore, action_prob, max_weight
        As in :func:`ips`.

    Returns
    -------
    float
        Mean reward per round, same unit as `reward`.

    Raises
    ------
    ParameterError
        As :func:`importance_weights`, or if all weights are zero.

    Notes
    -----
    For an interval, resample rounds and take the ratio again, as `src.metrics.ope_intervals`
    does; resampling the weighted rewards would hold the denominator fixed.

    References
    ----------
    .. Swaminathan, A. and Joachims, T. (2015). The self-normalized estimator for
       counterfactual learning. NIPS.

    Examples
    --------
    >>> snips(np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    1.0
    """
    reward = check_rounds(reward=reward, pscore=pscore)
    weight = importance_weights(pscore, action_prob, max_weight)
    return float((weight * reward).sum() / _total(weight))


def policy_rewards(
    expected_reward: np.ndarray, policy: np.ndarray, action: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Give what the estimators with a reward model need of each round.

    Parameters
    ----------
    expected_reward : array of shape (n_rounds, n_actions)
        Predicted reward :math:`\hat q(x_i, a)` of each action, by a model that has not seen
        the round itself (`src.models.reward` fits it across folds).
    policy : array of shape (n_rounds, n_actions), rows adding to 1
        Probability :math:`\pi_e(a \mid x_i)` of each action under the evaluation policy.
    action : array of int, shape (n_rounds,)
        Column of the logged action :math:`a_i`.

    Returns
    -------
    action_prob : array of shape (n_rounds,)
        :math:`\pi_e(a_i \mid x_i)`.
    predicted : array of shape (n_rounds,)
        :math:`\hat q(x_i, a_i)`.
    predicted_value : array of shape (n_rounds,)
        :math:`\sum_a \pi_e(a \mid x_i)\, \hat q(x_i, a)`.
    """
    expected_reward, policy = np.asarray(expected_reward, float), np.asarray(policy, float)
    if expected_reward.shape != policy.shape or policy.ndim != 2 or len(action) != len(policy):
        raise ParameterError(
            "Expected rewards and policy of one shape (n_rounds, n_actions) and an action per "
            f"round, found {expected_reward.shape}, {policy.shape} and {np.shape(action)}."
        )
    off = np.abs(policy.sum(axis=1) - 1)
    if not (policy.min(initial=0) >= 0 and off.max(initial=0) < 1e-6):
        raise ParameterError(
            f"Expected probabilities that add to 1 in each round, but round {off.argmax()} adds "
            f"to {policy[off.argmax()].sum():.6g}; give every action its probability."
        )
    rounds = np.arange(len(policy))
    value = np.einsum("ia,ia->i", policy, expected_reward)
    return policy[rounds, action], expected_reward[rounds, action], value


def dm(predicted_value: np.ndarray) -> float:
    r"""Direct method: the mean of what a reward model predicts under the policy.

    .. math:: \hat V = \frac{1}{n} \sum_i \sum_a \pi_e(a \mid x_i)\, \hat q(x_i, a)

    As good as the model: steady, and biased wherever the model is.

    Parameters
    ----------
    predicted_value : array of shape (n_rounds,)
        From :func:`policy_rewards`.

    References
    ----------
    .. Dudík, M., Erhan, D., Langford, J. and Li, L. (2014). Doubly robust policy evaluation
       and optimization. Statistical Science 29(4), equation 2.1.
    """
    return float(np.mean(check_rounds(predicted_value=predicted_value)))


def dr(
    reward: np.ndarray,
    pscore: np.ndarray,
    action_prob: np.ndarray,
    predicted: np.ndarray,
    predicted_value: np.ndarray,
    max_weight: float = np.inf,
) -> float:
    r"""Doubly robust estimate: the model's answer, corrected by what it got wrong.

    .. math:: \hat V = \frac{1}{n} \sum_i \Big[ \sum_a \pi_e(a \mid x_i)\, \hat q(x_i, a)
              + w_i\, (r_i - \hat q(x_i, a_i)) \Big]

    Right if either the propensities or the model are; the propensities are known here.

    Parameters
    ----------
    reward, pscore, action_prob, max_weight
        As in :func:`ips`.
    predicted, predicted_value : arrays of shape (n_rounds,)
        From :func:`policy_rewards`.

    References
    ----------
    .. Dudík et al. (2014), equation 3.1.
    """
    weight = importance_weights(pscore, action_prob, max_weight)
    residual = _residual(reward, predicted, predicted_value)
    return float(np.mean(predicted_value + weight * residual))


def sndr(
    reward: np.ndarray,
    pscore: np.ndarray,
    action_prob: np.ndarray,
    predicted: np.ndarray,
    predicted_value: np.ndarray,
    max_weight: float = np.inf,
) -> float:
    r"""Self-normalised doubly robust estimate: the correction divided by the weights' sum.

    .. math:: \hat V = \frac{1}{n} \sum_i \sum_a \pi_e(a \mid x_i)\, \hat q(x_i, a)
              + \frac{\sum_i w_i\, (r_i - \hat q(x_i, a_i))}{\sum_i w_i}

    Parameters
    ----------
    reward, pscore, action_prob, predicted, predicted_value, max_weight
        As in :func:`dr`.

    References
    ----------
    .. Thomas, P. and Brunskill, E. (2016). Data-efficient off-policy policy evaluation for
       reinforcement learning. ICML: the weighted doubly robust estimator, with one step.
    """
    weight = importance_weights(pscore, action_prob, max_weight)
    residual = _residual(reward, predicted, predicted_value)
    return float(np.mean(predicted_value) + (weight * residual).sum() / _total(weight))


def switch_dr(
    reward: np.ndarray,
    pscore: np.ndarray,
    action_prob: np.ndarray,
    predicted: np.ndarray,
    predicted_value: np.ndarray,
    max_weight: float = np.inf,
) -> float:
    r"""Doubly robust where the weights are small, the model alone where they are not.

    .. math:: \hat V = \frac{1}{n} \sum_i \Big[ \sum_a \pi_e(a \mid x_i)\, \hat q(x_i, a)
              + w_i\, 1[w_i \le \lambda]\, (r_i - \hat q(x_i, a_i)) \Big]

    Parameters
    ----------
    reward, pscore, action_prob, predicted, predicted_value
        As in :func:`dr`.
    max_weight : float, default inf
        Here :math:`\lambda` switches a round's correction off instead of capping it;
        `src.metrics.ope_tuning` chooses it from the rounds.

    References
    ----------
    .. Wang, Y.-X., Agarwal, A. and Dudík, M. (2017). Optimal and adaptive off-policy
       evaluation in contextual bandits. ICML, equation 8.
    """
    weight = importance_weights(pscore, action_prob)
    weight = np.where(weight <= max_weight, weight, 0.0)
    residual = _residual(reward, predicted, predicted_value)
    return float(np.mean(predicted_value + weight * residual))


def check_rounds(**arrays: np.ndarray) -> np.ndarray:
    """Give the first of some arrays as floats if all are finite and of one length above 0."""
    found = {name: np.asarray(values, dtype=float) for name, values in arrays.items()}
    shapes = {name: values.shape for name, values in found.items()}
    first = next(iter(found.values()))
    if first.ndim != 1 or not len(first) or set(shapes.values()) != {first.shape}:
        raise ParameterError(
            f"Expected one number per round in each, found the shapes {shapes}; give arrays of "
            "one length above 0."
        )
    for name, values in found.items():
        _check_range(name, values, np.isfinite(values), "the finite numbers")
    return first


def _residual(reward: np.ndarray, predicted: np.ndarray, predicted_value: np.ndarray) -> np.ndarray:
    check_rounds(reward=reward, predicted=predicted, predicted_value=predicted_value)
    return np.asarray(reward, float) - predicted


def _total(weight: np.ndarray) -> float:
    total = float(weight.sum())
    if not total > 0:
        raise ParameterError(
            "Expected rounds whose action the evaluation policy may take, found none: all "
            f"{len(weight)} weights are 0; check the overlap first."
        )
    return total


def _check_range(name: str, values: np.ndarray, is_fine: np.ndarray, allowed: str) -> None:
    if not is_fine.all():
        round_ = int(np.flatnonzero(~is_fine)[0])
        raise ParameterError(
            f"Expected every {name} in {allowed}, but {int((~is_fine).sum())} are not (first: "
            f"{values[round_]} in round {round_}); correct or drop these rounds."
        )
