import numpy as np
import pandas as pd
import pytest

from src.decide import online
from src.decide.online import OnlinePolicy, OnlineSettings
from src.errors import ConfigurationError, ModelRefusedError, ParameterError

NOON = pd.Timestamp("2024-06-01 12:00", tz="UTC")
SETTINGS = OnlineSettings(("control", "mail", "text"), salt="s", outcome_days=14, min_pscore=0.05)


def days(n):
    return NOON + pd.Timedelta(days=n)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(online, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="make online"):
        OnlinePolicy(SETTINGS)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"min_pscore": 0.6}, "min_pscore in"),
        ({"actions": ("a", "a")}, "different actions"),
        ({"outcome_days": -1}, "outcome_days"),
    ],
    ids=["floor", "names", "window"],
)
def test_settings_that_cannot_be_kept_are_refused(changed, said):
    with pytest.raises(ParameterError, match=said):
        OnlineSettings(**({"actions": ("a", "b"), "salt": "s", "outcome_days": 1} | changed))


class TestWithTheExtra:
    @pytest.fixture(autouse=True)
    def extra(self):
        pytest.importorskip("vowpalwabbit", reason="the extra `online` is not installed")

    def test_every_arm_keeps_its_least_probability(self):
        policy = _taught(2000)
        decisions = [policy.decide(f"new{i}", {"age": i / 10}, days(40)) for i in range(200)]
        shares = np.array([decision.probabilities for decision in decisions])
        np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=0, atol=1e-12)
        assert shares.min() >= 0.05
        assert all(d.pscore == d.probabilities[_arm(d)] for d in decisions)

    def test_arms_come_as_often_as_their_probabilities_say(self):
        policy = OnlinePolicy(SETTINGS)
        decisions = [policy.decide(f"c{i}", {}, NOON) for i in range(3000)]
        arms = np.bincount([_arm(decision) for decision in decisions], minlength=3)
        expected = np.sum([decision.probabilities for decision in decisions], axis=0)
        assert (np.abs(arms - expected) < 4 * np.sqrt(expected)).all()

    def test_the_same_decision_again_is_the_same_decision(self):
        policy = OnlinePolicy(SETTINGS)
        first = policy.decide("c1", {"age": 30}, NOON)
        assert policy.decide("c1", {"age": 99}, days(1)) == first
        assert OnlinePolicy(SETTINGS).decide("c1", {"age": 30}, NOON) == first

    def test_only_windows_that_are_over_are_learnt_from(self):
        policy = OnlinePolicy(SETTINGS)
        for i in range(4):
            policy.decide(f"c{i}", {}, days(i))
        assert policy.learn({"c3": 100.0}, days(13)) == 0
        before = policy.decide("other", {}, days(13)).probabilities
        # on day 15, those of day 0 and 1 are 14 days old; what c3 has brought does not count yet
        assert policy.learn({"c3": 100.0}, days(15)) == 2
        assert (policy.n_learned, policy.n_pending) == (2, 3)
        assert policy.learn({"c0": 100.0}, days(15)) == 0
        after = policy.decide("another", {}, days(15)).probabilities
        assert after == pytest.approx(before, abs=0.02)  # zeros only: no arm is better

    def test_it_finds_out_who_answers_to_what(self):
        """Mail earns 2 in the north, text in the south, control nothing."""
        policy = _taught(3000)
        north = policy.decide("n", {"region": "north"}, days(99)).probabilities
        south = policy.decide("s", {"region": "south"}, days(99)).probabilities
        assert np.argmax(north) == 1
        assert np.argmax(south) == 2
        assert min(north[1], south[2]) > 0.6

    def test_signs_of_the_text_form_are_only_text(self):
        policy = OnlinePolicy(SETTINGS)
        name = "a|b :c\n0:9:1 |A x"
        policy.decide("c1", {name: name, "n": 1.0, "gone": None, "nan": np.nan}, NOON)
        assert policy.learn({"c1": 1.0}, days(20)) == 1
        with pytest.raises(ParameterError, match="finite"):
            policy.decide("c2", {"x": np.inf}, NOON)

    def test_times_without_a_zone_and_endless_rewards_are_refused(self):
        policy = OnlinePolicy(SETTINGS)
        with pytest.raises(ParameterError, match="time zone"):
            policy.decide("c1", {}, pd.Timestamp("2024-06-01"))
        policy.decide("c1", {}, NOON)
        with pytest.raises(ParameterError, match="finite rewards"):
            policy.learn({"c1": np.inf}, days(20))
        assert policy.n_pending == 1

    def test_a_kept_policy_goes_on_as_if_never_put_away(self, tmp_path):
        policy = _taught(300)
        policy.decide("waiting", {"region": "north"}, days(40))
        policy.save(tmp_path / "policy", "2024-07-11")
        again = OnlinePolicy.load(tmp_path / "policy")
        assert (again.n_learned, again.n_pending) == (300, 1)
        for one in (policy, again):
            assert one.learn({"waiting": 3.0}, days(60)) == 1
        features = {"region": "south", "age": 3.5}
        first, second = (one.decide("x", features, days(61)) for one in (policy, again))
        assert first.action == second.action
        np.testing.assert_allclose(first.probabilities, second.probabilities, atol=1e-6)

    def test_a_changed_file_is_refused_unread(self, tmp_path):
        _taught(10).save(tmp_path / "policy", "2024-07-11")
        file = tmp_path / "policy" / "arrays.npz"
        file.write_bytes(file.read_bytes()[:-1] + b"x")
        with pytest.raises(ModelRefusedError, match=r"arrays\.npz is not what was written"):
            OnlinePolicy.load(tmp_path / "policy")


def _arm(decision):
    return SETTINGS.actions.index(decision.action)


def _taught(n):
    """A policy that has seen the outcomes of n people, in days of a hundred."""
    policy, rng = OnlinePolicy(SETTINGS), np.random.default_rng(1)
    best = {"north": "mail", "south": "text"}
    outcomes = {}
    for i in range(n):
        region = ("north", "south")[i % 2]
        features = {"region": region, "age": float(rng.uniform(0, 5))}
        decision = policy.decide(f"c{i}", features, days(i // 100))
        pays = decision.action == best[region]
        outcomes[f"c{i}"] = 2.0 * pays + float(rng.normal(0, 0.5))
        if i % 100 == 99:
            policy.learn(outcomes, days(i // 100 + 0))
    policy.learn(outcomes, days(n // 100 + 20))
    return policy
