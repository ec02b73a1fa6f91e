"""Two campaigns over one ledger: the second learns from what the first drew."""

import json

import pandas as pd
import pytest
import yaml

from src.pipeline import run
from src.root import PROJECT_ROOT
from src.tracking import STORE_VARIABLE

FIRST, SECOND = "2017-05-31", "2017-09-30"


@pytest.mark.notebook
@pytest.mark.xdist_group("own runs")
@pytest.mark.timeout(1_200)
def test_a_second_campaign_learns_from_the_draws_of_the_first(tmp_path, monkeypatch):
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "mlruns"))
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    plan = yaml.safe_load((PROJECT_ROOT / "params/campaigns/autumn_coupon.yaml").read_text())
    folders = {}
    for name, day, last in (("spring_coupon", FIRST, "05"), ("autumn_coupon", SECOND, "05")):
        campaign = tmp_path / f"{name}.yaml"
        campaign.write_text(yaml.safe_dump(plan | {"campaign_id": name}))
        override = [f"{stage}.ledger_url={url}" for stage in ("01_ingest", "05_decide")]
        override += [f"run.as_of_date='{day}'", f"run.campaign={campaign}"]
        override += ["05_decide.control_share=0.4", "04d_uplift.n_repeats=1"]
        folder = tmp_path / name
        run("params/smoke.yaml", str(folder), override, "01", last)
        folders[name] = folder

    def results(name, stage):
        return json.loads((folders[name] / "results" / f"{stage}.json").read_text())

    drawn = pd.read_parquet(folders["spring_coupon"] / "tables/05_decide/decisions")
    drawn = drawn[drawn["action"] != "none"]
    first, second = (results(name, "04d_uplift") for name in folders)
    assert results("spring_coupon", "01_ingest")["n_past_draws"] == 0
    assert not first["has_randomised_history"]
    assert results("spring_coupon", "05_decide")["mode"] == "explore"
    assert results("autumn_coupon", "01_ingest")["n_past_draws"] == len(drawn)
    assert second["has_randomised_history"]
    exposures = pd.read_parquet(folders["autumn_coupon"] / "tables/02_clean/exposures")
    past = exposures[exposures["campaign_id"] == "spring_coupon"].set_index("customer_id")
    assert second["n_randomised"] == len(past)
    known = drawn.set_index("customer_id").loc[past.index]
    assert (past["action"] == known["action"]).all()
    assert past["pscore"].sub(known["pscore"]).abs().max() < 1e-12
    assert set(past["action"]) == {"control", "ten_percent", "five_dollars"}
    # who was left alone was not contacted
    profiles = pd.read_parquet(folders["autumn_coupon"] / "tables/03_tag/profiles")
    counts = profiles.set_index("customer_id")["n_exposures_365"]
    before = pd.read_parquet(folders["spring_coupon"] / "tables/02_clean/exposures")
    assert before["campaign_id"].ne("spring_coupon").all()
    alone = past.index[past["action"].eq("control")].intersection(counts.index)
    told = exposures[exposures["campaign_id"] != "spring_coupon"]
    window = told["exposed_at"] > pd.Timestamp(SECOND, tz="UTC") - pd.Timedelta(days=364)
    own = told[window & told["exposed_at"].lt(pd.Timestamp("2017-10-01", tz="UTC"))]
    expected = own.groupby("customer_id").size().reindex(alone).fillna(0)
    assert (counts[alone] == expected).all()
