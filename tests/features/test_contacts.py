from src.features.contacts import build_contacts

AS_OF = "2017-09-30"


def test_each_side_may_be_alone(event, exposure, table):
    events = table("events", [event("ann", "2017-09-01"), event("ann", "2017-09-01")])
    exposures = table("exposures", [exposure("bob", "c1", "2017-09-01")])
    found = build_contacts(events, exposures, AS_OF).order_by("customer_id").to_pandas()
    assert found["customer_id"].tolist() == ["ann", "bob"]
    assert found["n_redemptions_365"].tolist() == [2, 0]
    assert found["n_exposures_365"].tolist() == [0, 1]


def test_nothing_known_is_nobody(table):
    found = build_contacts(table("events", []), table("exposures", []), AS_OF)
    assert found.count().execute() == 0
