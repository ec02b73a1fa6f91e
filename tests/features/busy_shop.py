"""A made shop in which everything happens, before and after the as-of date."""

import numpy as np
import pandas as pd
import pyarrow as pa

from src.data.columns import DEMOGRAPHICS, LOCATION
from src.features.review_scores import ASPECTS

__all__ = ["AS_OF", "busy_shop", "whole"]

AS_OF = "2017-09-30"
_N_PRODUCTS = 400


def _stamp(days):
    return pd.Timestamp("2016-06-01") + pd.to_timedelta((days * 86_400).astype("int64"), unit="s")


def busy_shop(n_customers: int = 300, n_lines: int = 60_000) -> dict[str, pd.DataFrame]:
    """A year and a half of orders and all the rest, a third of a year of it after `AS_OF`."""
    rng = np.random.default_rng(20170930)
    order = rng.integers(0, n_lines // 8, n_lines)
    buyer = rng.integers(0, n_customers, n_lines // 8)
    day = rng.uniform(0, 600, n_lines // 8)
    discount = rng.integers(0, 3, n_lines) * 17
    coupon = (rng.integers(0, 20, n_lines) == 0) * 50
    orders = pd.DataFrame(
        {
            "order_id": [f"o{i}" for i in order],
            "line_number": pd.Series(order).groupby(order).cumcount() + 1,
            "customer_id": [f"c{buyer[i]:03}" for i in order],
            "product_id": [f"p{i}" for i in rng.integers(0, _N_PRODUCTS, n_lines)],
            "store_id": [f"s{i}" for i in rng.integers(0, 9, n_lines)],
            "ordered_at": _stamp(day[order]),
            "quantity": rng.integers(1, 4, n_lines),
            "line_value_minor": rng.integers(0, 3000, n_lines),
            "discount_minor": discount,
            "coupon_minor": coupon,
            "is_discounted": discount + coupon > 0,
            "is_outlier": rng.integers(0, 50, n_lines) == 0,
        }
    )
    products = pd.DataFrame(
        {
            "product_id": [f"p{i}" for i in range(_N_PRODUCTS)],
            "department": [f"d{i % 12}" for i in range(_N_PRODUCTS)],
            "category": [f"g{i % 40}" for i in range(_N_PRODUCTS)],
            "unit_cost_value": [None if i % 7 == 0 else i / 37 for i in range(_N_PRODUCTS)],
            "brand": ["Private" if i % 3 else "National" for i in range(_N_PRODUCTS)],
        }
    )
    who = [f"c{i:03}" for i in rng.integers(0, n_customers, 900)]
    kinds = ["coupon_redeemed", "view", "click", "cart", "favourite", "purchase"]
    n_events = 6000
    session = rng.integers(0, 800, n_events)
    events = pd.DataFrame(
        {
            "event_id": [str(i) for i in range(n_events)],
            "customer_id": [f"c{i:03}" for i in rng.integers(0, n_customers, n_events)],
            "event_type": rng.choice(kinds, n_events),
            "event_at": _stamp(rng.uniform(0, 600, n_events)),
            "campaign_id": [f"k{i}" if i < 900 else None for i in rng.integers(0, 1800, n_events)],
            "session_id": [f"v{i}" if i < 600 else None for i in session],
            "is_bot": rng.integers(0, 9, n_events) == 0,
        }
    )
    exposures = pd.DataFrame(
        {
            "campaign_id": [f"k{i}" for i in range(900)],
            "customer_id": who,
            "exposed_at": _stamp(rng.uniform(0, 600, 900)),
            "action": "letter",
            "is_randomised": False,
        }
    )
    told = {
        column.name: [None if i % 4 == 0 else f"kind {i % 3}" for i in range(n_customers)]
        for column in (*LOCATION, *DEMOGRAPHICS)
    }
    customers = pd.DataFrame({"customer_id": [f"c{i:03}" for i in range(n_customers)], **told})
    return {
        "orders": orders,
        "products": products,
        "customers": customers,
        "events": events,
        "exposures": exposures,
        **_returned_and_reviewed(rng, n_customers),
    }


def _returned_and_reviewed(rng, n_customers) -> dict[str, pd.DataFrame]:
    """Refunds, reviews and their scores, a third of them in the future."""
    number = [str(i) for i in range(900)]
    who = [f"c{i:03}" for i in rng.integers(0, n_customers, 900)]
    at = _stamp(rng.uniform(0, 600, 900))
    score = rng.uniform(0, 1, 900)
    refunds = pd.DataFrame(
        {
            "refund_id": number,
            "line_number": 1,
            "customer_id": who,
            "product_id": "p1",
            "refunded_at": at,
            "quantity": 1,
            "refund_minor": rng.integers(0, 3000, 900),
            "match": "none",
        }
    )
    written = {"review_id": number, "customer_id": who, "reviewed_at": at}
    reviews = pd.DataFrame({**written, "rating": rng.uniform(1, 5, 900), "review_text": "-"})
    sign = np.select([score < 0.1, score < 0.5], [None, "negative"], "positive")
    scored = {"p_positive": np.where(score < 0.1, np.nan, score), "sentiment": sign}
    scores = pd.DataFrame({**written, "language": "en", **scored})
    about = {f"is_about_{name}": rng.integers(0, 2, 900) == 1 for name in ASPECTS}
    return {"refunds": refunds, "reviews": reviews, "review_scores": scores.assign(**about)}


def whole(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Fill the columns that the frame lacks with nothing."""
    columns = [
        pa.array(frame[field.name], field.type, from_pandas=True)
        if field.name in frame
        else pa.nulls(len(frame), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
