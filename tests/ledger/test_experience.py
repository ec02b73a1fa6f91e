"""What a ledger remembers for the next campaign: every draw, control too, and nothing later."""

import ibis
import pandas as pd

from src.data.experience import add_past_draws
from src.data.tables import TABLES
from src.ledger import open_ledger, record_assignments
from src.ledger.experience import past_draws

DAY = pd.Timestamp("2024-03-01T00:00Z")


def draw(campaign, customer, action, pscore, decided_at=DAY):
    names = {"campaign_id": campaign, "customer_id": customer, "action": action, "pscore": pscore}
    return names | {"salt": "s", "policy_version": "1", "decided_at": decided_at}


def remember(tmp_path, *rows, as_of_date="2024-03-31"):
    with open_ledger(tmp_path) as ledger:
        record_assignments(ledger, pd.DataFrame(list(rows)))
        return past_draws(ledger, as_of_date)


def test_every_draw_is_there_with_its_probability_and_control_too(tmp_path):
    found = remember(
        tmp_path,
        draw("spring", "b", "coupon", 0.66),
        draw("spring", "a", "control", 0.34),
        draw("spring", "out", "none", None),  # outside of the experiment
    )
    assert found["customer_id"].tolist() == ["a", "b"]
    assert found["pscore"].tolist() == [0.34, 0.66]
    assert found["is_randomised"].all()
    assert found["exposed_at"].eq(DAY).all()


def test_nothing_after_the_as_of_date_is_read_and_a_run_does_not_see_itself(tmp_path):
    known = draw("spring", "a", "coupon", 0.5)
    own = draw("summer", "a", "coupon", 0.5, pd.Timestamp("2024-04-01T00:00Z"))  # as of 31 March
    later = draw("autumn", "a", "coupon", 0.5, pd.Timestamp("2024-09-01T00:00Z"))
    found = remember(tmp_path, known, own, later)
    assert found["campaign_id"].tolist() == ["spring"]
    with open_ledger(tmp_path) as ledger:
        assert past_draws(ledger, "2024-04-01")["campaign_id"].tolist() == ["spring", "summer"]
        assert past_draws(ledger, "2024-02-29").empty


def test_an_empty_ledger_gives_the_same_columns(tmp_path):
    with open_ledger(tmp_path) as ledger:
        found = past_draws(ledger, "2024-03-31")
    assert found.empty
    assert list(found) == [
        "campaign_id",
        "customer_id",
        "exposed_at",
        "action",
        "pscore",
        "pscores",
        "is_randomised",
    ]


def test_draws_follow_the_rows_of_the_source_and_count_before_them(tmp_path, raw_rows):
    told = [
        {"customer_id": "a", "campaign_id": "old", "exposed_at": DAY, "action": "mail"},
        {"customer_id": "a", "campaign_id": "spring", "exposed_at": DAY, "action": "mail"},
    ]
    draws = remember(
        tmp_path, draw("spring", "a", "control", 0.4), draw("spring", "gone", "coupon", 0.6)
    )
    exposures = raw_rows("exposures_raw", *told)
    table = add_past_draws(exposures, draws, pd.Series(["a", "b"]))
    assert table.columns == tuple(TABLES["exposures_raw"].column_names)
    assert table.schema()["campaign_id"].is_string()
    found = table.order_by("source_row").to_pandas()
    assert found["campaign_id"].tolist() == ["old", "spring"]
    assert found["action"].tolist() == ["mail", "control"]
    assert found["source_row"].tolist() == [0, 2]
    assert found["pscore"].iloc[1] == 0.4
    assert add_past_draws(exposures, draws.head(0), pd.Series(["a"])) is exposures
    assert isinstance(table, ibis.Table)
