import numpy as np

from src.models.histories import distinct_rows, merge_histories


def test_equal_histories_are_merged_and_sorted():
    histories = merge_histories(
        np.array([1, 0, 1, 1]), np.array([2.0, 0, 2, 1]), np.array([3.0, 3, 3, 3])
    )
    rows = np.column_stack([histories.x, histories.t_x, histories.T, histories.weight])
    assert rows.tolist() == [[0, 0, 3, 1], [1, 1, 3, 1], [1, 2, 3, 2]]
    assert histories.n_customers == 4


def test_counts_are_few():
    histories = merge_histories(np.array([1, 0, 1]), np.array([2.0, 0, 1]), np.array([3.0, 3, 3]))
    counts, customers = histories.by_count()
    assert counts.tolist() == [0, 1]
    assert customers.tolist() == [1, 2]


def test_blocks_hold_every_row_once():
    n = 10
    histories = merge_histories(np.ones(n), np.arange(n) / 2, np.full(n, 9.0))
    blocks = list(histories.blocks(4))
    assert [len(block) for block in blocks] == [4, 4, 2]
    assert np.concatenate([block.t_x for block in blocks]).tolist() == histories.t_x.tolist()
    assert len(histories.thin(5)) == 5
    assert len(histories.thin(100)) == n


def test_distinct_rows_agree_with_numpy():
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 4, (500, 3)).astype(float)
    first, kind, count = distinct_rows(list(rows.T))
    expected, inverse, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    assert (rows[first] == expected).all()
    assert (kind == inverse.ravel()).all()
    assert (count == counts).all()
