"""A shop whose winter campaign was drawn at random, written as the files a source names."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

AS_OF = "2017-09-30"
_START = pd.Timestamp("2017-01-02")
_SENT = pd.Timestamp("2017-06-15")
_DAYS = 272
_PSCORE = {"control": 0.34, "ten_percent": 0.33, "five_dollars": 0.33}

SOURCE = {
    "name": "history_shop",
    "folder": "files",
    "is_public": True,  # the same pseudonyms, hence the same draw, on every machine
    "time_zone": "UTC",
    "currency": "USD",
    "people": "invented",
    "tables": {
        "orders_raw": {
            "file": "sales",
            "columns": {
                "order_id": "receipt", "customer_id": "client", "product_id": "article",
                "ordered_at": "sold_at", "quantity": "pieces", "line_value": "amount",
                "discount": "saved",
            },
        },
        "products_raw": {
            "file": "goods", "columns": {"product_id": "article", "department": "aisle"}
        },
        "exposures_raw": {
            "file": "letters",
            "columns": {
                "customer_id": "client", "campaign_id": "campaign", "exposed_at": "sent_at",
                "action": "kind", "is_randomised": "is_drawn", "pscore": "chance",
            },
        },
    },
}  # fmt: skip


def write_shop(folder: Path, n_customers: int, seed: int) -> Path:
    """Write files and source, and params that run it; gives the params' path.

    Bargain hunters, who buy nearly everything at a discount, answered the five dollars with
    much additional spend; nobody answered the ten percent.
    """
    rng = np.random.default_rng(seed)
    hunts = rng.random(n_customers) < 0.5
    drawn = rng.choice(list(_PSCORE), n_customers, p=list(_PSCORE.values()))
    sales = _sales(n_customers, hunts, drawn, rng)
    letters = pd.DataFrame(
        {
            "client": [f"k{i:05d}" for i in range(n_customers)],
            "campaign": "winter",
            "sent_at": _SENT,
            "kind": drawn,
            "is_drawn": True,
            "chance": [_PSCORE[name] for name in drawn],
        }
    )
    goods = pd.DataFrame({"article": ["a", "b", "c"], "aisle": ["bread", "milk", "fruit"]})
    files = folder / "files"
    files.mkdir(parents=True)
    for name, table in (("sales", sales), ("letters", letters), ("goods", goods)):
        table.to_parquet(files / f"{name}.parquet")
    source = SOURCE | {"folder": str(files)}
    (folder / "history_shop.yaml").write_text(yaml.safe_dump(source, sort_keys=False))
    params = {
        "run": {
            "as_of_date": AS_OF,
            "seed": 1,
            "campaign": "params/campaigns/autumn_coupon.yaml",
        },
        "01_ingest": {"source": str(folder / "history_shop.yaml"), "max_customers": 0},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return folder / "params.yaml"


def _sales(
    n_customers: int, hunts: np.ndarray, drawn: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    rate = rng.gamma(2.0, 6.0, n_customers)  # orders in nine months, on average twelve
    level = rng.lognormal(3.0, 0.6, n_customers)
    answers = hunts & (drawn == "five_dollars")
    customer = np.repeat(np.arange(n_customers), 1 + rng.poisson(rate))
    seconds = rng.integers(0, _DAYS * 86_400, len(customer))
    more = np.repeat(np.flatnonzero(answers), 2)  # two more orders each in the weeks after
    customer = np.append(customer, more)
    after = int((_SENT - _START).total_seconds())
    seconds = np.append(seconds, after + rng.integers(0, 50 * 86_400, len(more)))
    amount = level[customer] * rng.lognormal(0, 0.5, len(customer))
    saved = np.where(hunts[customer], 0.3, 0.02) * amount
    return pd.DataFrame(
        {
            "receipt": [f"r{i}" for i in range(len(customer))],
            "client": [f"k{i:05d}" for i in customer],
            "article": rng.choice(["a", "b", "c"], len(customer)),
            "sold_at": _START + pd.to_timedelta(seconds, unit="s"),
            "pieces": 1,
            "amount": amount.round(2),
            "saved": saved.round(2),
        }
    ).sort_values("sold_at", ignore_index=True)
