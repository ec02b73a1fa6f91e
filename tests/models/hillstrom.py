"""A randomised e-mail test of 64,000 customers with published figures, as contacts."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from src.models.uplift_contacts import Contacts, build_contacts

ARMS = {"No E-Mail": "control", "Mens E-Mail": "mens", "Womens E-Mail": "womens"}
ACTIONS = ("mens", "womens")


def read_hillstrom(shared_data: Path) -> pd.DataFrame:
    rows = pd.read_csv(shared_data / "hillstrom.csv.gz")
    return rows.assign(
        customer_id=[f"{i:05d}" for i in range(len(rows))],
        campaign_id="hillstrom",
        action=rows["segment"].map(ARMS),
    )


def split_published(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """70/30, stratified by arm and conversion, seed 42; `pscore` is the share of the arm."""
    key = rows["segment"] + rows["conversion"].astype(str)
    parts = train_test_split(rows, test_size=0.3, stratify=key, random_state=42)
    return tuple(
        part.assign(pscore=part["action"].map(part["action"].value_counts(normalize=True)))
        for part in parts
    )


def features_of(rows: pd.DataFrame) -> np.ndarray:
    """Nine features, none of them known only after the e-mail."""
    numbers = np.column_stack(
        [rows["recency"], np.log1p(rows["history"]), rows["mens"], rows["womens"], rows["newbie"]]
    )
    texts = ("zip_code", "Rural"), ("zip_code", "Urban"), ("channel", "Phone"), ("channel", "Web")
    flags = np.column_stack([rows[column] == level for column, level in texts])
    X = np.column_stack([numbers, flags]).astype(float)
    return (X - X.mean(axis=0)) / X.std(axis=0)


def contacts_of(rows: pd.DataFrame, outcome: str) -> Contacts:
    named = rows.assign(outcome_value=rows[outcome].astype(float)).reset_index(drop=True)
    return build_contacts(named, ACTIONS, features_of(named))
