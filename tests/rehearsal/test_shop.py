"""The files of an invented shop: nothing later is in them, and they say the same again."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from src.cli import app
from src.errors import ParameterError, RehearsalError, RunLockedError
from src.rehearsal.rehearse import Plan, rehearse
from src.rehearsal.rehearsed_shop import Shop
from src.rehearsal.world import World, read_world
from src.run_record import hold_run

N = 2_000
WORLD = World(duplicate_share=0.1)


@pytest.fixture
def shop(tmp_path, keys):
    return Shop.invent(tmp_path / "shop", WORLD, N, 2, 3)


def tables(shop, day):
    shop.export(day)
    names = ("orders", "people", "products", "events")
    return {name: pd.read_parquet(shop.folder / "shop" / f"{name}.parquet") for name in names}


def test_nothing_after_the_last_day_is_known(shop):
    orders = tables(shop, "2024-07-14")["orders"]
    assert orders["ordered_at"].max() < pd.Timestamp("2024-07-15")
    assert orders["ordered_at"].max() > pd.Timestamp("2024-07-13")
    assert orders["ordered_at"].min() >= pd.Timestamp("2024-01-01")


def test_a_later_export_only_adds(shop):
    first, later = (tables(shop, day)["orders"] for day in ("2024-07-14", "2024-08-11"))
    kept = later[later["ordered_at"] < pd.Timestamp("2024-07-15")]
    pd.testing.assert_frame_equal(
        first.sort_values(["order_id", "product_id", "line_value"], ignore_index=True),
        kept.sort_values(["order_id", "product_id", "line_value"], ignore_index=True),
    )
    assert len(later) > len(first)


def test_lines_add_up_to_what_was_paid(shop):
    orders = tables(shop, "2024-08-11")["orders"]
    bought = orders[orders["order_id"].str.startswith("O")]
    paid = bought.groupby("order_id")["line_value"].sum().mul(100).round().astype(int)
    known = pd.Series(shop.orders.paid_minor, [f"O{one}" for one in shop.orders.order_id])
    assert (paid == known.reindex(paid.index)).all()


def test_a_return_takes_back_its_whole_order(shop):
    orders = tables(shop, "2024-08-11")["orders"]
    back = orders[orders["refund_of"].notna()]
    assert 0.02 < len(back) / len(orders) < 0.08
    paid = orders.groupby("order_id")["line_value"].sum()
    returned = back.groupby("refund_of")["line_value"].sum()
    assert np.allclose(returned + paid.reindex(returned.index), 0)


def test_some_have_two_accounts_under_one_address(shop):
    found = tables(shop, "2024-07-14")
    twice = found["people"]["email"].duplicated(keep=False)
    assert twice.sum() == 2 * shop.customers.has_second.sum() > 0
    second = found["orders"]["customer_id"].str.endswith("b")
    assert 0.02 < second.mean() < 0.10


def test_customers_are_found_by_the_pseudonym_of_either_account(shop):
    places = shop._places
    assert np.bincount(places).max() == 2
    assert shop.place_of(pd.Series(places.index)).tolist() == places.tolist()
    with pytest.raises(RehearsalError, match="found 1 others"):
        shop.place_of(pd.Series(["nobody"]))


def test_the_same_seed_is_the_same_shop(shop, tmp_path):
    again = Shop.invent(tmp_path / "again", WORLD, N, 2, 3)
    other = Shop.invent(tmp_path / "other", WORLD, N, 2, 4)
    for name, table in tables(shop, "2024-07-14").items():
        pd.testing.assert_frame_equal(table, tables(again, "2024-07-14")[name])
    assert len(other.orders) != len(shop.orders)


def test_the_season_and_the_rate_are_as_told():
    world = World(season_share=0.0, orders_per_week=0.2)
    shop = Shop.invent(None, world, 20_000, 1, 1)
    weeks = world.history_weeks + 2 * world.wave_days / 7
    joined = shop.customers.joined_day / 7
    expected = (shop.customers.rate * (weeks - joined)).sum()
    assert len(shop.orders) == pytest.approx(expected, rel=0.01)
    assert shop.customers.rate.mean() == pytest.approx(0.2, rel=0.03)


@pytest.mark.parametrize("name", ["plain", "no_effect", "sleeping_dogs", "fatigue", "scanners"])
def test_every_world_of_ours_can_be_read(name):
    assert read_world(f"params/worlds/{name}.yaml").meaning.endswith(".")


@pytest.mark.parametrize(
    ("text", "telling"),
    [
        ("dog_share: 2", "dog_share"),
        ("dogs: 0.1", "dogs"),
        ("[1", "expected"),
        ("dog_share: 0.5\nregular_share: 0.4\npersuadable_share: 0.4", "more than all"),
        ("first_as_of: 14.7.2024", "first_as_of"),
    ],
)
def test_a_wrong_world_is_refused_with_its_place(tmp_path, text, telling):
    file = tmp_path / "world.yaml"
    file.write_text(text)
    with pytest.raises(ParameterError, match=telling):
        read_world(str(file))


def test_a_missing_world_says_where_they_are():
    with pytest.raises(ParameterError, match=r"see params/worlds"):
        read_world("params/worlds/none.yaml")


def test_the_first_day_of_the_history_leads_to_the_first_campaign(shop):
    from src.rehearsal.shop import start_of

    days = (dt.date.fromisoformat(WORLD.first_as_of) - start_of(WORLD)).days + 1
    assert days == 7 * WORLD.history_weeks


def test_a_folder_of_a_run_is_refused(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ParameterError, match="is a run; choose another"):
        rehearse(Plan("params/rehearsal.yaml", WORLD, N, 1, 1), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_two_at_once_in_one_folder_are_refused(tmp_path):
    with hold_run(tmp_path), pytest.raises(RunLockedError):
        rehearse(Plan("params/rehearsal.yaml", WORLD, N, 1, 1), tmp_path)


@pytest.mark.parametrize(
    ("words", "telling"),
    [
        (("--world", "params/worlds/none.yaml"), "see params/worlds"),
        (("--run-id", "../elsewhere"), "plain name below runs/"),
        (("--customers", "10"), "customers"),
        (("--waves", "0"), "waves"),
    ],
)
def test_a_wrong_word_of_the_command_leaves_nothing_behind(tmp_path, monkeypatch, words, telling):
    monkeypatch.setattr("src.cli.PROJECT_ROOT", tmp_path)
    answer = CliRunner().invoke(app, ["rehearse", "params/rehearsal.yaml", "--run-id", "x", *words])
    assert answer.exit_code != 0
    assert telling in f"{answer.output} {answer.exception}"
    assert list(tmp_path.iterdir()) == []
