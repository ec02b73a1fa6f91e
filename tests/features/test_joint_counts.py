import ibis
import numpy as np
import pandas as pd
import pytest

from src.errors import ParameterError
from src.features.portrait.joint_counts import MAX_NAMES, add_lift, count_joint, surprise


@pytest.fixture(scope="module")
def memberships(engine):
    """Of ten customers: a 4, b 5, both 3; c nobody; d somebody else's name."""
    pairs = [(f"c{i}", "a") for i in range(4)] + [(f"c{i}", "b") for i in range(1, 6)]
    rows = pd.DataFrame([*pairs, ("c9", "d")], columns=["customer_id", "name"])
    return engine.create_table("memberships", ibis.memtable(rows), temp=True)


@pytest.fixture(scope="module")
def joint(memberships):
    return count_joint(memberships, "name", ["a", "b", "c"])


def test_pairs_are_those_counted_by_hand(joint):
    assert joint.to_numpy().tolist() == [[4, 3, 0], [3, 5, 0], [0, 0, 0]]
    assert joint.index.tolist() == joint.columns.tolist() == ["a", "b", "c"]


def test_pairs_are_those_of_a_join(engine):
    rng = np.random.default_rng(5)
    has = rng.random((300, MAX_NAMES)) < 0.3
    rows = pd.DataFrame(np.argwhere(has), columns=["customer_id", "name"]).astype(str)
    table = engine.create_table("many", ibis.memtable(rows), temp=True)
    found = count_joint(table, "name", [str(i) for i in range(MAX_NAMES)])
    assert (found.to_numpy() == has.T.astype(int) @ has.astype(int)).all()


def test_lift_is_one_where_independent(joint):
    lift = add_lift(joint, 10)
    assert lift.loc["a", "b"] == lift.loc["b", "a"] == pytest.approx(0.3 / (0.4 * 0.5))
    assert lift["c"].isna().all()
    assert np.isnan(np.diag(lift)).all()
    independent = pd.DataFrame([[4, 2], [2, 5]], index=["a", "b"], columns=["a", "b"])
    assert add_lift(independent, 10).loc["a", "b"] == pytest.approx(1)
    assert surprise(independent, 10).loc["a", "b"] == pytest.approx(0)


def test_surprise_is_the_root_of_chi_square(joint):
    # observed 30 10 / 20 40, expected 20 20 / 30 30: chi-square 5 + 5 + 10/3 + 10/3 = 50/3
    z = surprise(joint * 10, 100)
    assert z.loc["a", "b"] == pytest.approx((50 / 3) ** 0.5)
    assert z["c"].tolist() == [0, 0, 0]
    assert np.diag(z).tolist() == [0, 0, 0]


def test_what_everybody_has_surprises_nobody():
    joint = pd.DataFrame([[3, 1], [1, 1]], index=["a", "b"], columns=["a", "b"])
    assert (surprise(joint, 3) == 0).all(axis=None)


@pytest.mark.parametrize(("n_both", "says"), [(4, False), (5, True)])
def test_a_handful_says_nothing(n_both, says):
    joint = pd.DataFrame([[9, n_both], [n_both, 9]], index=["a", "b"], columns=["a", "b"])
    assert (surprise(joint, 1000).loc["a", "b"] > 0) == says


def test_absence_of_many_is_said():
    joint = pd.DataFrame([[50, 0], [0, 10]], index=["a", "b"], columns=["a", "b"])  # 5 expected
    assert surprise(joint, 100).loc["a", "b"] < -3


def test_no_names_give_no_pairs(memberships):
    assert count_joint(memberships, "name", []).shape == (0, 0)


@pytest.mark.parametrize("names", [["a", "a"], [str(i) for i in range(MAX_NAMES + 1)]])
def test_too_many_or_repeated_names_are_refused(memberships, names):
    with pytest.raises(ParameterError, match=f"at most {MAX_NAMES} different names of name"):
        count_joint(memberships, "name", names)
