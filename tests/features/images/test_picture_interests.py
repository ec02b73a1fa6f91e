import pandas as pd
import pytest

from src.data.contract import check_table
from src.data.tables import table_contract
from src.features.images.interests import build_picture_interests

AS_OF = "2017-09-30"
TAGS = pd.DataFrame(
    [
        ("rose", "color: red"),
        ("rose", "shows: daisy"),
        ("wine", "color: red"),
        ("sign", "has text"),
    ],
    columns=["product_id", "picture_tag"],
)
LINES = (
    ("ann", "2017-09-01", "rose", 100),
    ("ann", "2017-09-11", "rose", 200),
    ("ann", "2017-09-21", "wine", 500),
    ("ann", "2017-09-30", "plain", 9000),  # its picture has no tag
    ("bea", "2017-09-20", "sign", 0),
    ("cid", "2017-09-20", "plain", 700),
)
FUTURE = (
    ("ann", "2017-10-01", "sign", 77777),
    ("ann", "2017-10-01", "rose", 77777),
    ("new", "2017-10-02", "rose", 1),
)
OLD = (("ann", "2015-09-30", "sign", 100),)


@pytest.fixture
def interests(engine, line, table):
    def make(lines, **settings):
        rows = [
            line(who, f"o{i}", day, product_id, value)
            for i, (who, day, product_id, value) in enumerate(lines)
        ]
        tags = engine.create_table("picture_tags", TAGS, temp=True, overwrite=True)
        found = build_picture_interests(table("orders", rows), tags, AS_OF, **settings)
        check_table(table_contract("picture_interests"), found)
        return found.order_by("customer_id", "picture_tag").to_pandas()

    return make


def test_spend_is_split_over_the_tags_of_pictures(interests):
    found = interests(LINES)
    assert list(found.itertuples(index=False, name=None)) == [
        # of 8.00 on tagged pictures: 3.00 + 5.00 red, 3.00 daisy; wine 9 days ago, rose 19
        ("ann", "color: red", 8.0, 1.0, 9),
        ("ann", "shows: daisy", 3.0, 0.375, 19),
        ("bea", "has text", 0.0, 0.0, 10),  # for nothing
    ]


@pytest.mark.parametrize("more", [FUTURE, OLD], ids=["future", "faded"])
def test_lines_outside_the_window_change_nothing(interests, more):
    pd.testing.assert_frame_equal(interests(LINES), interests((*more, *LINES)))


def test_the_window_can_be_shortened(interests):
    found = interests(LINES, observation_days=10)  # from 21 September on
    assert found["picture_tag"].tolist() == ["color: red"]
    assert found["spend_value"].tolist() == [5.0]


def test_no_order_is_no_interest(interests):
    assert len(interests(())) == 0
