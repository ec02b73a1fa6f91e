"""Segments against later spend, moves between days, and what is kept of them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from src.errors import ModelRefusedError
from src.models.segment_card import build_segment_card, read_segment_parts, segment_parts
from src.models.segment_check import (
    SpendCheck,
    check_spend_told,
    describe_check,
    record_segments,
    settle_segments,
)
from src.models.segment_moves import count_moves, describe_moves, with_agreement
from src.models.segment_plots import plot_moves
from src.models.segments import fit_segments, lifecycle_segments
from src.models.store import read_kept, write_kept

COLUMNS = ["recency_days", "n_orders_90", "monetary_value"]
KINDS = np.array([[2, 40, 80], [60, 2, 20], [10, 12, 20]])
WINDOW = ("2017-09-03", "2017-09-30")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def draw(n_per_kind, seed=1):
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(3), n_per_kind)
    profiles = pd.DataFrame(KINDS[kind] * rng.lognormal(0, 0.1, (len(kind), 3)), columns=COLUMNS)
    profiles["customer_id"] = [f"c{i:04d}" for i in range(len(kind))]
    profiles["spend_90_value"] = profiles["n_orders_90"] * profiles["monetary_value"]
    profiles["lifecycle"] = rng.choice(["active", "lapsed"], len(kind))  # tells nothing
    return profiles, kind


@pytest.fixture(scope="module")
def shop():
    profiles, kind = draw(70)
    return profiles, kind, fit_segments(profiles, COLUMNS, seed=1, n_resamples=3)


def spend_by(kind, seed=2, effect=3.0):
    rng = np.random.default_rng(seed)
    cents = 100 * rng.lognormal(2 + effect * (kind == 0), 0.5)
    return pd.Series(cents, [f"c{i:04d}" for i in range(len(kind))])


def test_kinds_that_tell_what_is_spent_are_used(shop):
    profiles, kind, found = shop
    check = check_spend_told(found, profiles, spend_by(kind), WINDOW, seed=1)
    # between-group variance of effect x 0/1 with share 1/3 is 9 x 2/9 = 2, within .25: 2 / 2.25
    assert check.told.estimate == pytest.approx(0.89, abs=0.05)
    assert abs(check.told_by_baseline.estimate) < 0.1
    assert check.is_won
    assert settle_segments(found, check, profiles) is found
    assert "surely tell more, and are used" in describe_check(check)


def test_kinds_that_tell_nothing_give_way_to_lifecycle_stages(shop):
    profiles, kind, found = shop
    check = check_spend_told(found, profiles, spend_by(kind, effect=0.0), WINDOW, seed=1)
    settled = settle_segments(found, check, profiles)
    assert check.gain.lower <= 0
    assert settled.method == "lifecycle"
    assert set(settled.customers["segment"]) == {"active buyers", "lapsed buyers"}
    assert "do not surely tell more" in settled.lack
    assert len(settled.ways) == len(found.ways)


def test_group_means_are_never_those_of_the_customer(shop):
    # each customer a group of their own would explain everything with own means, and nothing here
    profiles, kind, found = shop
    noise = spend_by(np.zeros(len(kind)), effect=0.0)
    check = check_spend_told(found, profiles, noise, WINDOW, seed=1)
    assert check.told.estimate < 0.05


@pytest.mark.parametrize(
    ("rows", "spend", "match"),
    [
        (slice(0, 20), 1.0, "only 20 customers were known"),
        (slice(None), 0.0, "all customers spent the same"),
    ],
    ids=["few", "nobody spent"],
)
def test_without_evidence_the_stages_are_used(shop, rows, spend, match):
    profiles, _, found = shop
    spent = pd.Series(spend, profiles["customer_id"])
    check = check_spend_told(found, profiles.iloc[rows], spent, WINDOW, seed=1)
    assert match in check.lack
    assert settle_segments(found, check, profiles).method == "lifecycle"
    assert match in describe_check(check)


def test_moves_by_hand(shop):
    profiles, kind, found = shop
    earlier = profiles.iloc[1:].copy()  # c0000 was not known
    swapped = kind[1:] == 1
    earlier.loc[swapped, COLUMNS] = KINDS[2].astype(float)  # as the others are
    moves = count_moves(found, earlier, "on 2017-09-02")
    assert moves.moved.estimate == pytest.approx(70 / 209)
    assert moves.n_new == 1
    assert moves.table.to_numpy().sum() == 209
    assert np.diag(moves.table).sum() == 139
    text = describe_moves(moves)
    assert "70 of them" in text
    assert "1 have come since" in text
    assert "67% of customers are where they were" in plot_moves(moves).get_title(loc="left")


def test_the_same_profiles_do_not_move_and_agree(shop):
    profiles, _, found = shop
    moves = count_moves(found, profiles, "in runs/a")
    again = with_agreement(moves, found, profiles, found.customers)
    assert again.moved.estimate == 0
    assert again.agreement == 1
    other = found.customers.assign(segment=np.random.default_rng(1).permutation(210) % 3)
    assert abs(with_agreement(moves, found, profiles, other).agreement) < 0.05


def test_nobody_known_then_is_said(shop):
    profiles, _, found = shop
    moves = count_moves(found, profiles.head(0), "on 2017-01-01")
    assert moves.moved is None
    assert "Nobody of today" in describe_moves(moves)
    assert plot_moves(moves).get_title(loc="left")


@pytest.mark.parametrize("is_clustered", [True, False], ids=["clusters", "stages"])
def test_the_rule_is_kept_sealed_and_gives_the_same_segments(shop, tmp_path, is_clustered):
    profiles, kind, found = shop
    if not is_clustered:
        found = lifecycle_segments(profiles, COLUMNS, "for this test")
    check = check_spend_told(found, profiles, spend_by(kind), WINDOW, seed=1)
    moves = count_moves(found, profiles, "on 2017-09-02")
    card = build_segment_card(found, check, moves, describe_check(check), (), "2017-09-30", 1)
    folder = tmp_path / "04a"
    write_kept(folder, segment_parts(found.rule), card)
    kept = read_kept(folder, "04a_segment")
    assert (read_segment_parts(kept.parts).predict(profiles) == found.rule.predict(profiles)).all()
    assert kept.card.model == found.method
    assert ("share of the stages' squared error removed" in str(kept.card.metrics)) == is_clustered
    (folder / "arrays.npz").write_bytes(b"other")
    with pytest.raises(ModelRefusedError, match="not what was written"):
        read_kept(folder, "04a_segment")


def test_numbers_are_recorded_with_intervals(shop):
    profiles, kind, found = shop
    check = check_spend_told(found, profiles, spend_by(kind), WINDOW, seed=1)
    numbers = record_segments(found, check, count_moves(found, profiles, "then"))
    assert numbers["gain_over_lifecycle_lower"] < numbers["gain_over_lifecycle"]
    assert numbers["moved_share"] == 0
    empty = record_segments(found, SpendCheck(*WINDOW, lack="x"), count_moves(found, profiles, ""))
    assert empty["gain_over_lifecycle"] is None
