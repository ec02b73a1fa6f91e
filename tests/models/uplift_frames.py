"""Tables of past contacts and orders, written by hand."""

import ibis
import pandas as pd

EXPOSURES = [
    "campaign_id",
    "customer_id",
    "exposed_at",
    "action",
    "is_randomised",
    "pscore",
]
_TIMES = ("exposed_at", "ordered_at", "event_at")


def table_of(frame):
    """Make a table; times in UTC."""
    times = [column for column in _TIMES if column in frame]
    for column in times:
        frame = frame.assign(**{column: pd.to_datetime(frame[column], format="ISO8601")})
    return ibis.memtable(frame).cast(dict.fromkeys(times, "timestamp('UTC')"))


def exposures_of(rows):
    types = dict.fromkeys(EXPOSURES, "str") | {"is_randomised": "bool", "pscore": "float64"}
    frame = pd.DataFrame(rows, columns=EXPOSURES).astype(types)
    return table_of(frame.assign(pscores=pd.Series(None, frame.index, dtype="str")))


def orders_of(rows):
    lines = pd.DataFrame(rows, columns=["customer_id", "ordered_at", "line_value_minor"])
    lines["order_id"] = [f"o{i}" for i in range(len(lines))]
    return table_of(lines.astype({"line_value_minor": "int64"}))


def events_of(rows):
    """Redemptions: customer, time, campaign."""
    events = pd.DataFrame(rows, columns=["customer_id", "event_at", "campaign_id"])
    events = events.astype(dict.fromkeys(events.columns, "str"))
    return table_of(events.assign(event_type="coupon_redeemed"))
