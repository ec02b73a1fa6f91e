"""The CDNOW purchases, and the published sample of their customers."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd

CUT, END = pd.Timestamp("1997-09-30"), pd.Timestamp("1998-06-30")
"""Ends of weeks 39 and 78."""

_SAMPLE = Path(__file__).with_name("cdnow_sample_ids.txt")


def read_summary(shared_data):
    """x, t_x, T of the 2,357 customers as published, times rounded to hundredths of weeks."""
    path = shared_data / "cdnow" / "cdnow_customers_summary_with_transactions.csv"
    return pd.read_csv(path)


def read_sample(shared_data):
    """x, t_x, T (exact) of the same customers from the purchases, and order days after the cut."""
    with gzip.open(shared_data / "cdnow" / "CDNOW_master.txt.gz", "rt") as file:
        raw = pd.read_csv(file, sep=r"\s+", usecols=["customer_id", "date"])
    days = raw.drop_duplicates().assign(date=lambda rows: pd.to_datetime(rows["date"].astype(str)))
    ids = np.concatenate([np.array(line.split(), int) for line in _sample_lines()])
    past = days[days["date"] <= CUT].groupby("customer_id")["date"].agg(["size", "min", "max"])
    past = past.loc[ids]
    later = days[days["date"].between(CUT, END, inclusive="right")].groupby("customer_id").size()
    return pd.DataFrame(
        {
            "x": past["size"] - 1,
            "t_x": (past["max"] - past["min"]).dt.days / 7,
            "T": (CUT - past["min"]).dt.days / 7,
            "later": later.reindex(ids).fillna(0).to_numpy(),
        }
    )


def _sample_lines():
    return [line for line in _SAMPLE.read_text().splitlines() if not line.startswith("#")]


def histories_of(customers):
    return tuple(customers[name].to_numpy(float) for name in ("x", "t_x", "T"))
