import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from src.errors import ParameterError
from src.metrics.ope import policy_rewards
from src.models.reward import (
    cross_fit_arm_means,
    cross_fit_linear,
    cross_fit_model,
    fold_of_rounds,
    make_refit,
)

FITS = {
    "means": lambda x, action, reward, fold, **counts: cross_fit_arm_means(
        action, reward, 3, fold, **counts
    ),
    "linear": lambda x, action, reward, fold, **counts: cross_fit_linear(
        x, action, reward, 3, fold, **counts
    ),
}


@pytest.fixture(params=FITS)
def fit(request):
    return FITS[request.param]


def _draw(n=300, seed=1, noise=1.0):
    rng = np.random.default_rng(seed)
    x, action = rng.normal(size=(n, 2)), rng.integers(0, 3, n)
    reward = np.array([0.0, 1.0, 3.0])[action] + x[:, 0] * action + noise * rng.normal(size=n)
    return x, action, reward, fold_of_rounds(n, 3, seed)


def test_folds_are_as_equal_as_can_be():
    assert np.bincount(fold_of_rounds(11, 3, 1)).tolist() == [4, 4, 3]
    with pytest.raises(ParameterError, match="between 2 and 2 folds"):
        fold_of_rounds(2, 3, 1)


def test_no_round_answers_for_itself(fit):
    x, action, reward, fold = _draw()
    before = fit(x, action, reward, fold)
    changed = reward.copy()
    changed[7] += 1000
    after = fit(x, action, changed, fold)
    same = fold == fold[7]
    np.testing.assert_array_equal(before[same], after[same])
    assert not np.allclose(before[~same], after[~same])


def test_counts_of_one_change_nothing(fit):
    x, action, reward, fold = _draw()
    counted = fit(x, action, reward, fold, counts=np.ones((2, 300)))
    np.testing.assert_allclose(counted[1], fit(x, action, reward, fold), atol=1e-9)


def test_counts_stand_for_copies(fit):
    x, action, reward, fold = _draw()
    counts = np.random.default_rng(2).multinomial(300, np.full(300, 1 / 300), size=1)
    copies = np.repeat(np.arange(300), counts[0])
    drawn = fit(x, action, reward, fold, counts=counts)[0][copies]
    copied = fit(x[copies], action[copies], reward[copies], fold[copies])
    np.testing.assert_allclose(drawn, copied, atol=1e-8)


def test_arms_that_do_not_differ_get_one_answer():
    """Within each training part the arms' means are equal, so nothing lies between them."""
    action = np.tile([0, 1, 2], 40)
    reward = np.repeat([0.0, 1.0], 60)
    fold = np.tile(np.repeat([0, 1], 3), 20)
    found = cross_fit_arm_means(action, reward, 3, fold)
    np.testing.assert_allclose(found, 0.5)


def test_shrinkage_by_hand():
    """Means 1 and 3 with n = 4 each; within: 8 ones over 6; between: (8 - 4/3) / (8 - 4) = 5/3.

    Trust is (5/3 * 4) / (5/3 * 4 + 4/3) = 5/6, so the answers are 2 -+ 5/6.
    """
    half = np.array([0.0, 2.0, 0.0, 2.0, 2.0, 4.0, 2.0, 4.0])
    action = np.tile(np.repeat([0, 1], 4), 2)
    fold = np.repeat([0, 1], 8)
    found = cross_fit_arm_means(action, np.tile(half, 2), 3, fold)
    np.testing.assert_allclose(found[:, 0], 2 - 5 / 6)
    np.testing.assert_allclose(found[:, 1], 2 + 5 / 6)
    np.testing.assert_allclose(found[:, 2], 2.0)  # never seen: the mean of all


def test_a_linear_reward_is_found():
    x, action, reward, fold = _draw(noise=0.0)
    found = cross_fit_linear(x, action, reward, 3, fold)
    truth = np.array([0.0, 1.0, 3.0]) + x[:, :1] * np.arange(3)
    np.testing.assert_allclose(found, truth, atol=1e-4)


def test_an_arm_that_training_lacks_gets_the_mean_of_all():
    x, action, reward, fold = _draw()
    action = np.where(action == 2, 1, action)
    found = cross_fit_linear(x, action, reward, 3, fold)
    for held_out in range(3):
        mean = reward[fold != held_out].mean()
        np.testing.assert_allclose(found[fold == held_out, 2], mean)


def test_any_model_of_rounds_and_actions():
    """With the arm's own column and its product, a regression finds the same line for each."""
    x, action, _, fold = _draw(noise=0.0)
    same = np.where(action == 2, 3.0, action)  # intercepts 0, 1, 3 and no slope
    found = cross_fit_model(LinearRegression(), x, action, same, np.eye(3), fold)
    np.testing.assert_allclose(found, np.tile([0.0, 1.0, 3.0], (300, 1)), atol=1e-9)


def test_groups_have_models_of_their_own():
    x, action, _, fold = _draw()
    place = np.arange(300) % 2
    found = cross_fit_model(
        LinearRegression(), x, action, 10.0 * place, np.eye(3), fold, group=place
    )
    np.testing.assert_allclose(found, np.tile(10.0 * place[:, None], (1, 3)), atol=1e-9)


def test_a_classifier_gives_probabilities():
    x, action, reward, fold = _draw(3000)
    bought = (reward > 1).astype(float)
    found = cross_fit_model(LogisticRegression(), x, action, bought, np.eye(3), fold)
    assert ((found > 0) & (found < 1)).all()
    for arm in range(3):
        told = found[action == arm, arm].mean()
        assert told == pytest.approx(bought[action == arm].mean(), abs=0.03)


def test_a_refit_gives_what_the_bootstrap_asks_for():
    x, action, reward, fold = _draw()
    policy = np.random.default_rng(3).dirichlet(np.ones(3), 300)
    fit = FITS["linear"]
    refit = make_refit(lambda c: fit(x, action, reward, fold, counts=c), policy, action)
    predicted, value = refit(np.ones((2, 300)))
    _, expected, expected_value = policy_rewards(fit(x, action, reward, fold), policy, action)
    np.testing.assert_allclose(predicted[1], expected, atol=1e-9)
    np.testing.assert_allclose(value[0], expected_value, atol=1e-9)


def test_actions_that_are_no_columns_are_refused():
    with pytest.raises(ParameterError, match="whole numbers from 0 to 1"):
        cross_fit_arm_means(np.array([0, 2]), np.ones(2), 2, np.array([0, 1]))
