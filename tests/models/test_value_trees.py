import json

import lightgbm
import numpy as np
import pandas as pd
import pytest

from src.errors import ParameterError
from src.models.design import DEMOGRAPHICS
from src.models.value_trees import SpendTrees, fit_spend_trees, zero_inflated_slopes

COLUMNS = ("recency_days", "monetary_value")


def draw_spend(n_customers, seed):
    """Customers whose chance falls with recency and whose amount goes with past value."""
    rng = np.random.default_rng(seed)
    profiles = pd.DataFrame(
        {
            "recency_days": rng.exponential(30, n_customers),
            "monetary_value": rng.gamma(2, 20, n_customers),
        }
    )
    for name in DEMOGRAPHICS:
        profiles[name] = pd.Series([None] * n_customers, dtype="str")
    p = 1 / (1 + np.exp(profiles["recency_days"] / 15 - 1))
    amount = profiles["monetary_value"] * rng.lognormal(0, 0.5, n_customers)
    spend = np.where(rng.random(n_customers) < p, amount, 0.0)
    return profiles, spend, (p * profiles["monetary_value"] * np.exp(0.125)).to_numpy()


@pytest.fixture(scope="module")
def drawn():
    return draw_spend(4000, seed=0)


@pytest.fixture(scope="module")
def trees(drawn):
    return fit_spend_trees(*drawn[:2], COLUMNS, seed=1)


def test_slopes_are_those_of_the_loss():
    spend = np.array([0.0, 3.0, 50.0])
    raw = np.array([[0.3, 1.0], [-1.0, 2.0], [2.0, 3.0]])

    def loss(scores):
        p = 1 / (1 + np.exp(-scores[:, 0]))
        bought = spend > 0
        amount = spend * np.exp(-scores[:, 1]) + scores[:, 1]
        return np.where(bought, -np.log(p) + amount, -np.log(1 - p))

    first, second = zero_inflated_slopes(raw, lightgbm.Dataset(np.empty((3, 0)), label=spend))
    for part in (0, 1):
        step = np.zeros((1, 2))
        step[0, part] = 1e-4
        up, down = loss(raw + step), loss(raw - step)
        assert first[:, part] == pytest.approx((up - down) / 2e-4, abs=1e-6)
        assert second[:, part] == pytest.approx((up - 2 * loss(raw) + down) / 1e-8, abs=1e-4)


def test_expected_spend_is_near_the_truth_on_customers_not_seen(trees):
    profiles, _, truth = draw_spend(4000, seed=9)
    found = trees.predict(profiles)
    assert np.square(found - truth).mean() < 0.1 * np.square(truth.mean() - truth).mean()
    # the sum learnt from has a standard error of 3 % (spread 33 of a mean of 17, 4,000 customers)
    assert found.sum() == pytest.approx(truth.sum(), rel=0.09)


def test_the_total_learnt_from_is_kept(drawn, trees):
    assert trees.predict(drawn[0]).sum() == pytest.approx(drawn[1].sum(), rel=1e-9)


def test_a_second_fit_and_another_order_of_columns_read_give_the_same(drawn, trees):
    again = fit_spend_trees(*drawn[:2], COLUMNS, seed=1)
    assert again.text == trees.text
    profiles = drawn[0]
    assert (trees.predict(profiles[profiles.columns[::-1]]) == trees.predict(profiles)).all()


def test_parts_survive_json_and_predict_the_same(drawn, trees):
    parts = trees.to_parts()
    kept = {"model": json.loads(json.dumps(parts["model"])), "trees": parts["trees"]}
    assert (SpendTrees.from_parts(kept).predict(drawn[0]) == trees.predict(drawn[0])).all()


def test_when_everybody_buys_the_same_that_is_expected(drawn):
    profiles = drawn[0]
    found = fit_spend_trees(profiles, np.full(len(profiles), 12.5), COLUMNS).predict(profiles)
    assert found == pytest.approx(12.5, rel=1e-3)


def test_nobody_to_predict_gives_nothing(drawn, trees):
    assert trees.predict(drawn[0].head(0)).shape == (0,)


@pytest.mark.parametrize(
    "spend", [[0.0, 0.0], [-1.0, 2.0], [np.nan, 2.0]], ids=["none", "negative", "missing"]
)
def test_spend_that_cannot_be_learnt_is_refused(drawn, spend):
    with pytest.raises(ParameterError, match="pooled rate"):
        fit_spend_trees(drawn[0].head(2), np.array(spend), COLUMNS)


def test_customers_who_do_not_differ_are_refused(drawn):
    alike = pd.concat([drawn[0].head(1)] * 50, ignore_index=True)
    with pytest.raises(ParameterError, match="tells customers apart"):
        fit_spend_trees(alike, np.arange(50.0), COLUMNS)
