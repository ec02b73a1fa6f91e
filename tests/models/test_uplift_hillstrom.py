"""A randomised e-mail test of 64,000 customers: published figures, and what may be claimed."""

import numpy as np
import pytest

from src.metrics.intervals import bootstrap_difference, bootstrap_mean
from src.models.uplift_comparison import choose_champion, compare_learners
from src.models.uplift_effects import mean_effect
from src.models.uplift_ensemble import fit_ensemble
from src.models.uplift_learners import LEARNERS
from tests.models.hillstrom import ACTIONS, contacts_of, read_hillstrom, split_published

LINEAR = {name: make for name, make in LEARNERS.items() if name.endswith("linear")}


@pytest.fixture(scope="module")
def parts(shared_data):
    return split_published(read_hillstrom(shared_data))


def terms(test, chosen, outcome):
    """Inverse-probability terms: their mean is the value of choosing so."""
    took = test["action"].to_numpy() == chosen
    return np.where(took, test[outcome].to_numpy() / test["pscore"].to_numpy(), 0.0)


@pytest.mark.parametrize(
    ("arm", "value", "ends"),
    [("control", 0.579, (0.393, 0.765)), ("mens", 1.252, (0.978, 1.525)), ("womens", 0.888, None)],
)
def test_the_published_values_are_reproduced(parts, arm, value, ends):
    found = 100 * terms(parts[1], arm, "conversion")
    assert found.mean() == pytest.approx(value, abs=5e-4)
    if ends:
        half = 1.96 * found.std() / np.sqrt(len(found))
        assert (found.mean() - half, found.mean() + half) == pytest.approx(ends, abs=1e-3)


@pytest.mark.parametrize(
    ("outcome", "action", "published"),
    [("spend", "mens", 1.423 - 0.653), ("spend", "womens", 1.077 - 0.653)],
)
def test_mean_effects_are_the_published_ones(shared_data, outcome, action, published):
    rows = read_hillstrom(shared_data).assign(pscore=1 / 3)
    contacts = contacts_of(rows, outcome)
    effect = mean_effect(contacts, ACTIONS.index(action), seed=1)
    assert effect.estimate == pytest.approx(published, abs=1e-3)
    assert effect.lower > 0


@pytest.mark.slow
@pytest.mark.parametrize("outcome", ["conversion", "spend"])
def test_no_more_is_claimed_than_the_data_bears(parts, outcome):
    # no published policy clears men's to all; ours claims no difference, and so equals it
    learn, test = contacts_of(parts[0], outcome), parts[1]
    comparison = compare_learners(learn, LINEAR, seed=42, n_repeats=1, n_resamples=100)
    found = {name: choose_champion(comparison.table, name) for name in ACTIONS}
    champions = {name: champion for name, champion in found.items() if champion}
    assert champions == {}
    ensemble = fit_ensemble(learn, comparison, champions, LINEAR, seed=42, n_members=50)
    X = contacts_of(test, outcome).X
    effects = np.column_stack([ensemble.draw(X, name).mean(axis=1) for name in ACTIONS])
    chosen = np.array(["control", *ACTIONS])[np.insert(effects, 0, 0, axis=1).argmax(axis=1)]
    mens, policy = terms(test, "mens", outcome), terms(test, chosen, outcome)
    assert set(chosen) == {"mens"}
    gain = bootstrap_difference(policy, mens, seed=42)
    assert (gain.estimate, gain.lower, gain.upper) == (0, 0, 0)
    value, nobody = bootstrap_mean(policy, 42), bootstrap_mean(terms(test, "control", outcome), 42)
    assert value.estimate > nobody.estimate
    assert bootstrap_difference(policy, terms(test, "control", outcome), 42).lower > 0
