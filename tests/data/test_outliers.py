import ibis
import pandas as pd
import pytest

from src.data.outliers import limit_orders, limit_refunds
from src.errors import ParameterError

LINES = pd.DataFrame(
    {
        "order_id": ["o1", "o2", "o3", "o4"],
        "line_number": [1, 1, 1, 1],
        "quantity": [1, 10, 11, 400],
        "line_value_minor": [100, 1000, 1100, 999],
        "discount_minor": [0, 20, 33, 0],
        "coupon_minor": [0, 0, 0, 41],
    }
)
REFUNDS = pd.DataFrame(
    {
        "refund_id": ["r1", "r2", "r3", "r4", "r5"],
        "quantity": [1, 200, 200, 3, 40],
        "refund_minor": [100, 500, 499, 7, 4000],
        "order_id": ["o1", "o4", "o4", None, None],
        "order_line_number": pd.array([1, 1, 1, None, None], "Int64"),
        "match": ["inferred", "inferred", "named", "none", "none"],
    }
)


def limited(outliers, ceiling=10):
    lines = limit_orders(ibis.memtable(LINES), ceiling, outliers)
    return lines.order_by("order_id").to_pandas()


def limited_refunds(outliers):
    refunds = limit_refunds(ibis.memtable(REFUNDS), ibis.memtable(LINES), 10, outliers)
    return refunds.order_by("refund_id").to_pandas()


def test_a_quantity_at_the_ceiling_is_believed_and_one_more_is_not():
    assert limited("flag")["is_outlier"].tolist() == [False, False, True, True]


def test_a_flag_changes_no_number():
    pd.testing.assert_frame_equal(limited("flag").drop(columns="is_outlier"), LINES)


def test_a_cut_quantity_takes_its_amounts_along():
    cut = limited("winsorise")
    assert cut["quantity"].tolist() == [1, 10, 10, 10]
    # 1100 * 10 / 11; 999 * 10 / 400 = 24.975
    assert cut["line_value_minor"].tolist() == [100, 1000, 1000, 25]
    assert cut["discount_minor"].tolist() == [0, 20, 30, 0]
    assert cut["coupon_minor"].tolist() == [0, 0, 0, 1]  # 41 * 10 / 400 = 1.025
    assert cut["is_outlier"].tolist() == [False, False, True, True]


def test_the_lowest_ceiling_leaves_one_piece():
    assert limited("winsorise", ceiling=1)["quantity"].tolist() == [1, 1, 1, 1]


def test_refunds_are_cut_as_the_line_they_take_back():
    cut = limited_refunds("winsorise")
    # r2 and r3 take back the 400 pieces that became 10: 200 * 10 / 400 = 5 each, and in money
    # 500 * 10 / 400 = 12.5 and 499 * 10 / 400 = 12.475; r5 is without a line: 40 become 10
    assert cut["quantity"].tolist() == [1, 5, 5, 3, 10]
    assert cut["refund_minor"].tolist() == [100, 13, 12, 7, 1000]


def test_refunds_are_left_alone_where_orders_are_only_flagged():
    assert limited_refunds("flag")["quantity"].tolist() == REFUNDS["quantity"].tolist()


@pytest.mark.parametrize(
    ("outliers", "ceiling", "told"),
    [
        ("winsorize", 10, "found 'winsorize'; the nearest is 'winsorise'"),
        ("drop", 10, "to be 'flag' or 'winsorise', found 'drop'"),
        ("flag", 0, "1 piece or more, found 0"),
    ],
)
def test_an_impossible_choice_is_refused(outliers, ceiling, told):
    with pytest.raises(ParameterError, match=told):
        limited(outliers, ceiling)
