"""Chances of arms: read, and how much a contact tells by them."""

import numpy as np
import pandas as pd
import pytest

from src.models.uplift_chances import had_a_chance, precision_of, read_chances
from src.models.uplift_contacts import build_contacts
from src.models.uplift_effects import mean_effect
from src.models.uplift_learners import LEARNERS

ACTIONS = ("share", "amount")


def test_chances_are_read_arm_by_arm():
    rows = pd.DataFrame({"pscores": ['{"control": 0.5, "share": 0.5}', None]})
    chances = read_chances(rows, ACTIONS)
    assert chances[0].tolist()[:2] == [0.5, 0.5]
    assert np.isnan(chances[0, 2])
    assert np.isnan(chances[1]).all()
    assert np.isnan(read_chances(rows[[]], ACTIONS)).all()


def test_only_a_known_small_chance_shuts_out():
    chances = np.array([[0.5, 0.49, 0.01], [0.01, 0.5, 0.49], [np.nan] * 3])
    assert had_a_chance(chances).tolist() == [[True, False], [False, False], [True, True]]


def test_precision_by_hand():
    chances = np.array([[0.5, 0.25, 0.25], [0.05, 0.9, 0.05]])
    found = precision_of(chances, np.array([0, 1]), np.array([0.5, 0.9]), np.zeros(2, int))
    by_hand = [[1 / 6, 1 / 6], [0.045 / 0.95, 0.025]]
    assert found == pytest.approx(np.array(by_hand))


def test_what_is_not_known_is_the_mean_of_the_arm_in_its_campaign():
    unknown = np.full((4, 2), np.nan)
    arm, campaign = np.array([0, 0, 1, 0]), np.array([0, 0, 0, 1])
    found = precision_of(unknown, arm, np.array([0.5, 0.25, 0.5, 0.9]), campaign)
    control, action = 2 / (2 + 4), 0.5  # harmonic means
    assert found[:3, 0] == pytest.approx(np.full(3, control * action / (control + action)))
    assert found[3, 0] == 0  # its campaign had no such action


def _draw(rng, n: int) -> pd.DataFrame:
    """Half of the tosses are nearly decided; the effect is 2 + 3 x."""
    x = rng.uniform(-1, 1, n)
    p = np.where(rng.random(n) < 0.5, 0.5, rng.choice([0.03, 0.97], n))
    treated = rng.random(n) < p
    chances = [f'{{"control": {1 - one:.6f}, "share": {one:.6f}}}' for one in p]
    return pd.DataFrame(
        {
            "x": x,
            "campaign_id": "spring",
            "customer_id": np.arange(n),
            "action": np.where(treated, "share", "control"),
            "pscore": np.where(treated, p, 1 - p),
            "pscores": chances,
            "outcome_value": (2 + 3 * x) * treated + rng.normal(0, 8, n),
        }
    )


def test_nearly_decided_tosses_do_not_drown_the_others():
    """Errors of slope and mean over worlds against those if all counted alike; in theory .61."""
    rng = np.random.default_rng(0)
    errors = {"weighed": [], "alike": []}
    for _ in range(150):
        rows = _draw(rng, 1500)
        contacts = build_contacts(rows, ("share",), rows[["x"]].to_numpy())
        for name, precision in (("weighed", contacts.precision), ("alike", np.ones((1500, 1)))):
            counted = build_contacts(rows, ("share",), rows[["x"]].to_numpy())
            object.__setattr__(counted, "precision", precision)
            ends = LEARNERS["dr_linear"]().fit(counted, 1).predict(np.array([[-1.0], [1.0]]))
            mean = mean_effect(counted, 0, 1, n_resamples=20).estimate
            errors[name].append([ends[1, 0] - ends[0, 0] - 6, mean - 2])
    weighed, alike = (np.sqrt(np.mean(np.square(e), axis=0)) for e in errors.values())
    assert (weighed < 0.75 * alike).all()
    assert np.abs(np.mean(errors["weighed"], axis=0)[1]) < 0.3  # unbiased
