"""The law of the customers: by hand, at its limits, and its expected values against its draws."""

import ibis
import numpy as np
import pytest

from src.decide.catalogue import Action, read_campaign
from src.features.offers import offer_discount
from src.rehearsal.accounting import true_gains
from src.rehearsal.answers import answer, apply, may_act
from src.rehearsal.baseline import DAY_SECONDS, draw_baseline
from src.rehearsal.customers import KINDS, invent_customers
from src.rehearsal.law import Moment, expected_effects, offer_minor, price_with_offer
from src.rehearsal.world import World, read_world

N = 40_000
SEED = 5
CAMPAIGN = read_campaign("params/campaigns/rehearsal_two_offers.yaml")
TEN = Action(label="x", template="t", discount_share=0.10, discount_ceiling_value=6.0)
FIVE = Action(label="x", template="t", discount_value=5.0, minimum_basket_value=40.0)


def moment_of(world, n, **fields):
    start = 7 * world.history_weeks * DAY_SECONDS
    plain = {
        "sent_at": start + 9 * 3600,
        "ends_at": start + world.wave_days * DAY_SECONDS,
        "n_recent": np.zeros(n, dtype=int),
        "value_lost": np.full(n, 3.0),
        "may_be_written": np.ones(n, dtype=bool),
    }
    return Moment(**plain | fields)


def play(world, campaign, drawn, seed=SEED, n=N, **fields):
    customers = invent_customers(world, n, SEED)
    moment = moment_of(world, n, **fields)
    baseline = draw_baseline(world, customers, 1, seed)
    got = (drawn > 0) & moment.may_be_written
    answers = answer(world, customers, moment, drawn, got, campaign, baseline, 1 << 40, seed)
    after = apply(answers, baseline)
    start = 7 * world.history_weeks * DAY_SECONDS
    gains = true_gains(baseline, after, answers, drawn, campaign, moment, start)
    return customers, moment, baseline, answers, after, gains


@pytest.mark.parametrize(
    ("action", "paid", "off"),
    [
        (TEN, 5000, 500),
        (TEN, 7005, 600),  # the ceiling
        (TEN, 105, 11),  # half a cent goes up
        (FIVE, 4000, 500),
        (FIVE, 3999, 0),  # under the minimum
    ],
)
def test_an_offer_is_worth_what_08_reckons(action, paid, off):
    assert offer_minor(action, np.array([paid])).tolist() == [off]


@pytest.mark.parametrize(
    ("action", "full", "paid"),
    [(TEN, 5500, 5000), (TEN, 9000, 8400), (FIVE, 4500, 4000), (FIVE, 4499, 4499)],
)
def test_price_and_offer_make_up_the_full_price(action, full, paid):
    price = price_with_offer(action, np.array([full]))
    assert price.tolist() == [paid]
    assert paid == full or price[0] + offer_minor(action, price)[0] == full


def test_without_letters_nothing_changes():
    _, _, baseline, answers, after, gains = play(World(), CAMPAIGN, np.zeros(N, dtype=int))
    assert len(answers.added) == len(answers.dropped) == len(answers.readers) == 0
    assert all(
        np.array_equal(getattr(baseline, name), getattr(after, name)) for name in vars(after)
    )
    assert not gains.any()


def test_in_a_world_without_effect_a_letter_costs_its_cost():
    world = read_world("params/worlds/no_effect.yaml")
    drawn = np.arange(N) % 3
    *_, gains = play(world, CAMPAIGN, drawn)
    assert np.allclose(gains, np.where(drawn > 0, -0.05, 0.0))
    customers = invent_customers(world, N, SEED)
    expected = expected_effects(world, customers, moment_of(world, N), CAMPAIGN)
    assert np.allclose(expected, [[0.0, -0.05, -0.05]])


def test_who_else_is_written_to_changes_nothing():
    everybody = np.ones(N, dtype=int)
    few = np.where(np.arange(N) % 10 == 0, 1, 0)
    *_, all_gains = play(World(), CAMPAIGN, everybody)
    *_, few_gains = play(World(), CAMPAIGN, few)
    assert np.allclose(all_gains[few > 0], few_gains[few > 0])
    assert not few_gains[few == 0].any()


WORLDS = {
    "plain": World(),
    "dogs": read_world("params/worlds/sleeping_dogs.yaml"),
    "tired": World(fatigue_share=0.4, p_unsubscribe=0.05),
    "all at the same hour": World(off_hour_share=1.0, hidden_spread=0.0, refund_share=0.3),
}


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("arm", [1, 2])
def test_expected_effects_are_the_mean_of_what_happens(name, arm):
    world = WORLDS[name]
    recent = np.arange(N) % 3 if name == "tired" else np.zeros(N, dtype=int)
    seeds = range(20)
    drawn = np.full(N, arm)
    gains = []
    for seed in seeds:
        campaign = CAMPAIGN.model_copy(update={"campaign_id": f"wave_{seed}"})
        customers, moment, *_, gain = play(world, campaign, drawn, seed, n_recent=recent)
        gains.append(gain)
    expected = expected_effects(world, customers, moment, CAMPAIGN)[:, arm]
    for place, kind in enumerate(KINDS):
        own = customers.kind == place
        means = np.array([gain[own].mean() for gain in gains])
        error = means.std(ddof=1) / np.sqrt(len(means))
        off = means.mean() - expected[own].mean()
        assert abs(off) < 4 * error + 0.01 * abs(expected[own].mean()) + 1e-9, kind


def test_a_dead_mailbox_only_costs():
    alive = np.arange(N) % 2 == 0
    customers, moment, *_, gains = play(
        World(), CAMPAIGN, np.ones(N, dtype=int), may_be_written=alive
    )
    assert np.allclose(gains[~alive], -0.05)
    expected = expected_effects(World(), customers, moment, CAMPAIGN)
    assert np.allclose(expected[~alive, 1:], -0.05)


def test_whoever_acts_was_among_those_who_might():
    world = World(p_unsubscribe=0.03)
    customers, *_, answers, _, _ = play(world, CAMPAIGN, np.ones(N, dtype=int))
    acting = answers.readers.query("clicked_at >= 0 or left_at >= 0")["customer"]
    might = may_act(world, customers, CAMPAIGN.campaign_id, SEED)
    assert len(acting) > 1_000
    assert might[acting].all()
    assert might[customers.is_bot].all()
    assert might.mean() < 0.9


def test_a_second_letter_is_worth_less():
    world = read_world("params/worlds/fatigue.yaml")
    customers = invent_customers(world, N, SEED)
    first = expected_effects(world, customers, moment_of(world, N), CAMPAIGN)
    later = moment_of(world, N, n_recent=np.ones(N, dtype=int))
    second = expected_effects(world, customers, later, CAMPAIGN)
    hunters = customers.kind == 0
    assert second[hunters, 1].mean() < 0.3 * first[hunters, 1].mean()


def test_an_order_that_comes_too_late_counts_in_the_next_window():
    world = World(
        delay_days=40.0,
        refund_share=0.0,
        dog_loss_share=0.0,
        redeem_share=0.0,
        p_unsubscribe=0.0,
    )
    *_, answers, after, gains = play(world, CAMPAIGN, np.ones(N, dtype=int), value_lost=np.zeros(N))
    late = answers.added.at >= moment_of(world, N).ends_at
    assert 0.3 < late.mean() < 0.7
    assert np.isin(answers.added.order_id, after.order_id).all()
    only_late = np.setdiff1d(answers.added.customer[late], answers.added.customer[~late])
    assert np.allclose(gains[only_late], -0.05)


@pytest.mark.parametrize("action", [TEN, FIVE, *CAMPAIGN.actions.values()])
def test_the_offer_is_that_of_08_to_the_cent(action):
    paid = np.r_[0:20_000:7, 3_999, 4_000, 4_001, 5_999, 6_000, 6_001]
    by_08 = offer_discount(action, ibis.memtable({"paid": paid})["paid"]).execute()
    assert offer_minor(action, paid).tolist() == by_08.tolist()


def test_a_weekly_campaign_asks_for_the_letters_of_all_who_may_leave():
    world = World(wave_days=7, fatigue_days=84, p_unsubscribe=0.01)
    often = np.full(N, world.fatigue_days // world.wave_days)
    customers, *_, answers, _, _ = play(world, CAMPAIGN, np.ones(N, dtype=int), n_recent=often)
    leaving = answers.readers.query("left_at >= 0")["customer"]
    assert len(leaving) > 3_000
    assert may_act(world, customers, CAMPAIGN.campaign_id, SEED)[leaving].all()
