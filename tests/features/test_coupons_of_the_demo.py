"""What coupons and redemptions of Complete Journey give to profiles, reckoned again in pandas."""

import json
import re

import pandas as pd
import pytest

from src.features.families import BUILT_IN
from src.stage import tables_path

pytestmark = [pytest.mark.notebook, pytest.mark.xdist_group("run")]

AS_OF = pd.Timestamp("2017-09-30", tz="UTC")
NIGHT = AS_OF + pd.Timedelta(days=1)
YEAR = NIGHT - pd.Timedelta(days=365)


def _read(run, stage, name):
    return pd.read_parquet(tables_path(run, stage) / name)


@pytest.fixture(scope="module")
def profiles(smoke_run):
    return _read(smoke_run, "03_tag", "profiles").set_index("customer_id")


@pytest.fixture(scope="module")
def orders(smoke_run):
    orders = _read(smoke_run, "02_clean", "orders")
    return orders[orders["ordered_at"] < NIGHT]


@pytest.fixture(scope="module")
def redeemed(smoke_run, profiles):
    events = _read(smoke_run, "02_clean", "events")
    events = events[events["event_type"] == "coupon_redeemed"]
    known = events[(events["event_at"] < NIGHT) & events["customer_id"].isin(profiles.index)]
    assert len(known) > 50
    return known


def _per_customer(counted: pd.Series, profiles: pd.DataFrame) -> list:
    return counted.reindex(profiles.index, fill_value=0).tolist()


def test_redemptions_are_those_of_the_events_on_file(profiles, redeemed):
    for days in (30, 90, 365):
        recent = redeemed[redeemed["event_at"] >= NIGHT - pd.Timedelta(days=days)]
        expected = _per_customer(recent.groupby("customer_id").size(), profiles)
        assert profiles[f"n_redemptions_{days}"].tolist() == expected


def test_the_last_redemption_and_its_campaigns_are_those_of_the_events(profiles, redeemed):
    by_customer = redeemed[redeemed["event_at"] >= YEAR].groupby("customer_id")
    expected = _per_customer(by_customer["campaign_id"].nunique(), profiles)
    assert profiles["n_redeemed_campaigns_365"].tolist() == expected
    last = redeemed.groupby("customer_id")["event_at"].max().dt.normalize()
    days = (AS_OF - last).dt.days
    assert profiles["last_redemption_days"].dropna().astype(int).to_dict() == days.to_dict()


def test_coupons_at_the_till_are_those_of_the_order_lines(profiles, orders):
    with_coupon = orders["coupon_minor"].gt(0).groupby(orders["customer_id"]).mean()
    assert profiles["coupon_lines_share"].tolist() == pytest.approx(
        _per_customer(with_coupon, profiles)
    )
    worth = orders[orders["ordered_at"] >= YEAR].groupby("customer_id")["coupon_minor"].sum() / 100
    assert profiles["coupons_365_value"].tolist() == pytest.approx(_per_customer(worth, profiles))


def test_the_notebook_lists_each_coupon_feature_with_its_coverage(smoke_run, profiles):
    text = (smoke_run / "notebooks" / "03_tag.ipynb").read_text(encoding="utf-8")
    outputs = [out for cell in json.loads(text)["cells"] for out in cell.get("outputs", [])]
    listed = "".join("".join(out.get("data", {}).get("text/markdown", "")) for out in outputs)
    shares = {name: int(share) for name, share in re.findall(r"`(\w+)` (\d+)%", listed)}
    features = [each.name for each in BUILT_IN.features if each.family == "coupons"]
    assert len(features) == 7
    for name in features:
        is_age = name == "last_redemption_days"  # 0 days ago is an answer
        says = profiles[name].notna() & (is_age | (profiles[name] != 0))
        assert shares[name] == pytest.approx(100 * says.mean(), abs=0.5 + 1e-9)
