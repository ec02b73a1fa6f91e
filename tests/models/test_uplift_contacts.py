import json

import numpy as np
import pandas as pd
import pytest

from src.errors import ParameterError
from src.models.uplift_chances import LEAST_CHANCE
from src.models.uplift_contacts import build_contacts, fit_features
from src.models.uplift_effects import draw_effects, estimate_effect, mean_effect
from tests.models.uplift_worlds import COLUMNS, constant, draw_profiles, draw_world

ROWS = pd.DataFrame(
    [
        ("c1", "a", "mail", 0.5, 10.0),
        ("c1", "b", "mail", 0.25, 4.0),
        ("c1", "c", "control", 0.5, 2.0),
        ("c1", "d", "control", 0.5, 4.0),
        ("c2", "a", "call", 0.5, 7.0),
        ("c2", "c", "control", 0.5, 1.0),
        ("c3", "d", "control", 1.0, 99.0),
    ],
    columns=["campaign_id", "customer_id", "action", "pscore", "outcome_value"],
)


def contacts_of(rows=ROWS, actions=("mail", "call")):
    return build_contacts(rows, actions, np.zeros((len(rows), 0)))


class TestContacts:
    def test_campaigns_without_an_action_are_left_out(self):
        contacts = contacts_of()
        assert len(contacts) == 6
        assert contacts.arm.tolist() == [1, 1, 0, 0, 2, 0]
        assert contacts.customer.tolist() == [0, 1, 2, 3, 0, 2]

    def test_an_action_is_compared_only_where_it_was_tried(self):
        contacts = contacts_of()
        assert contacts.pair(0).tolist() == [True] * 4 + [False] * 2
        assert contacts.pair(1).tolist() == [False] * 4 + [True] * 2

    def test_a_campaigns_level_is_that_of_its_controls(self):
        # controls of c1: 3 on average, of c2: 1
        assert contacts_of().centered().tolist() == [7, 1, -1, 1, 6, 0]

    def test_some_actions_keep_the_numbers_of_customers(self):
        chosen = contacts_of().only(("call",))
        assert chosen.arm.tolist() == [1, 0]
        assert chosen.customer.tolist() == [0, 2]
        assert chosen.actions == ("call",)
        assert chosen.tried.tolist() == [[True], [True]]

    def test_a_customers_contacts_stay_together(self):
        contacts = contacts_of()
        fold = contacts.fold_of(3, np.random.default_rng(1))
        assert fold[0] == fold[4]
        assert fold[2] == fold[5]
        repeated = contacts.repeat(np.array([2, 0, 1, 0]))
        assert repeated.customer.tolist() == [0, 0, 2, 0, 0, 2]

    @pytest.mark.parametrize(
        ("column", "wrong"),
        [("pscore", 0.0), ("pscore", 1.2), ("pscore", np.nan), ("outcome_value", np.nan)],
    )
    def test_a_draw_without_a_probability_is_refused(self, column, wrong):
        rows = ROWS.copy()
        rows.loc[0, column] = wrong
        with pytest.raises(ParameterError, match="pscore in"):
            contacts_of(rows)


def test_whoever_had_hardly_a_chance_of_an_arm_is_left_out_of_its_comparison():
    """By the chances, not by what was drawn: of the rare arm neither its own nor its controls."""
    rare = '{"control": 0.1, "share": 0.895, "amount": 0.005}'
    never = '{"control": 0.99, "share": 0.005, "amount": 0.005}'
    fair = '{"control": 0.4, "share": 0.3, "amount": 0.3}'
    drawn = [("control", fair), ("share", fair), ("amount", fair), ("control", rare),
             ("share", rare), ("amount", rare), ("control", never), ("share", never)]  # fmt: skip
    rows = pd.DataFrame(drawn, columns=["action", "pscores"]).assign(
        campaign_id="spring",
        customer_id=[f"c{i}" for i in range(len(drawn))],
        pscore=[json.loads(chances)[arm] for arm, chances in drawn],
        outcome_value=1.0,
    )
    contacts = build_contacts(rows, ("share", "amount"), np.arange(8.0)[:, None])
    assert contacts.X[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert contacts.tried.tolist() == [[True, True]] * 3 + [[True, False]] * 2
    assert contacts.weight.max() <= 1 / LEAST_CHANCE
    unknown = build_contacts(rows.assign(pscores=None), ("share", "amount"), np.zeros((8, 1)))
    assert len(unknown) == 8  # only the chance of the arm drawn is known: as it ever was


def test_features_have_no_gaps_and_one_scale():
    profiles = draw_profiles(500, 1)
    profiles.loc[:9, "monetary_value"] = np.nan
    features = fit_features(profiles, COLUMNS)
    X = features.transform(profiles)
    assert X.mean(axis=0) == pytest.approx(np.zeros(3), abs=0.02)
    assert np.isfinite(X).all()
    assert (X[:10, 1] == 0).all()


class TestEffect:
    def test_by_hand(self):
        # treated 10 (p .5), 4 (p .25): (20 + 16) / (2 + 4) = 6; control 2, 4 (p .5): 3
        assert mean_effect(contacts_of(), 0, seed=1).estimate == pytest.approx(3.0)
        assert estimate_effect(ROWS, "mail", seed=1).estimate == pytest.approx(3.0)
        assert estimate_effect(ROWS, "call", seed=1).estimate == pytest.approx(6.0)

    def test_draws_are_the_effect_of_the_drawn_customers(self):
        contacts = contacts_of()
        times = np.array([[1, 1, 1, 1], [2, 1, 1, 3], [0, 2, 1, 1]])
        draws = draw_effects(contacts, times)
        assert draws[0].tolist() == pytest.approx([3.0, 6.0])
        # twice a, once b: (40 + 16) / (4 + 4) = 7; once c, thrice d: (4 + 24) / 8 = 3.5
        assert draws[1].tolist() == pytest.approx([3.5, 6.0])
        assert draws[2][0] == pytest.approx(1.0)
        assert np.isnan(draws[2][1])  # nobody was called

    @pytest.mark.slow
    @pytest.mark.parametrize("shares", [(0.5, 0.5), (0.8, 0.2)], ids=["even", "uneven"])
    def test_the_interval_covers_as_often_as_it_says(self, shares):
        hits, n_worlds = 0, 1000
        for seed in range(n_worlds):
            rows, _ = draw_world(800, seed, {"mail": constant}, shares)
            effect = estimate_effect(rows, "mail", seed)
            hits += effect.lower <= 1.5 <= effect.upper
        assert 0.93 <= hits / n_worlds <= 0.97

    def test_an_uneven_draw_does_not_bias_the_effect(self):
        # customers with high spend are treated nine times in ten, the others one in ten
        rng = np.random.default_rng(6)
        rows, _ = draw_world(8000, 6, {"mail": constant})
        p_treated = np.where(rows["monetary_value"] > 25, 0.9, 0.1)
        is_treated = rng.random(8000) < p_treated
        base = rows["outcome_value"] - 1.5 * (rows["action"] == "mail")
        rows["action"] = np.where(is_treated, "mail", "control")
        rows["pscore"] = np.where(is_treated, p_treated, 1 - p_treated)
        rows["outcome_value"] = base + 1.5 * is_treated
        naive = rows[is_treated]["outcome_value"].mean() - rows[~is_treated]["outcome_value"].mean()
        effect = estimate_effect(rows, "mail", seed=1)
        assert naive > 4
        assert effect.lower < 1.5 < effect.upper
