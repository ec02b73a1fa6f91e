"""Two frames held against each other."""

import json

import pandas as pd

__all__ = ["RELATIVE", "assert_same"]

RELATIVE = 1e-9
"""By so much of their size floats may differ: a sum of floats depends on its order."""


def assert_same(name: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Hold two frames against each other row for row, whatever the order of their rows."""
    frames = [_plain(frame) for frame in (ours, theirs)]
    assert frames[0].columns.tolist() == frames[1].columns.tolist(), name
    order = frames[0].columns.tolist()
    frames = [f.sort_values(order, key=_text, ignore_index=True) for f in frames]
    pd.testing.assert_frame_equal(*frames, check_dtype=False, rtol=RELATIVE, atol=0, obj=name)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Take missing values for one, and the JSON of `rejected` for what it says."""
    frame = frame.astype(object).where(frame.notna(), None)
    if "row" not in frame:
        return frame
    values = pd.json_normalize([json.loads(row) for row in frame["row"]]).add_prefix("row.")
    values = values.astype(object).where(values.notna(), None)
    return pd.concat([frame.drop(columns="row"), values], axis=1)


def _text(column: pd.Series) -> pd.Series:
    return column.map(lambda v: f"{v:.6g}" if isinstance(v, float) else str(v))
