"""Golden predictions: the same data, seed and lock give the same numbers, on any machine.

Each case fits a small model on made data and predicts thirty customers. What it gave when it was
made lies in `golden/<case>.json`. After a change of numbers that is meant (and stands in
CHANGELOG.md), make them anew, and look at what moved with `git diff`::

    PYTHONPATH=. .venv/bin/python tests/models/test_golden.py

A new case is a function that takes nothing, gives an array, and is named in `CASES`.
"""

from collections.abc import Callable
from functools import partial
import json
import os
from pathlib import Path
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from src.root import PROJECT_ROOT

GOLDEN = Path(__file__).with_name("golden")
TOLERANCE = 1e-9
N, N_SHOWN = 400, 30

OTHER_MACHINES = {
    "of_2009": {
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    },
    "of_2017": {"OPENBLAS_CORETYPE": "SkylakeX"},
}
"""Settings under which the numeric libraries compute as on processors of that year."""


def draw_customers() -> tuple[pd.DataFrame, np.ndarray]:
    """Draw profiles and who ordered; whole numbers, so that no machine draws others."""
    rng = np.random.default_rng(20241122)
    recency = rng.integers(0, 200, N)
    n_90 = rng.integers(0, 12, N)
    spend = rng.integers(0, 50_000, N) / 100
    y = (3 * n_90 - recency // 8 + rng.integers(0, 20, N) > 12).astype(float)
    customers = pd.DataFrame(
        {
            "customer_id": [f"{k:032x}" for k in range(N)],
            "recency_days": recency,
            "n_orders_30": n_90 // 3,
            "n_orders_90": n_90,
            "spend_90_value": spend,
            "monetary_value": spend / np.maximum(n_90, 1),
            "gap_mean_days": np.where(n_90 > 1, 90 / np.maximum(n_90, 1), np.nan),
            "discount_share": rng.integers(0, 101, N) / 100,
            "r_score": 5 - recency // 40,
            "f_score": 1 + n_90 * 5 // 12,
            "age_band": rng.choice(["19-24", "25-34", "65+"], N),
        }
    )
    return customers, y


def predict_purchase(kind: str) -> np.ndarray:
    """Fit one candidate of 04b with its given settings, and predict."""
    from src.models.purchase_settings import PurchaseSettings, list_entries

    columns = (
        "recency_days",
        "n_orders_30",
        "n_orders_90",
        "spend_90_value",
        "monetary_value",
        "gap_mean_days",
        "discount_share",
    )
    customers, y = draw_customers()
    settings = PurchaseSettings(seed=7, n_trees=20)
    entries = {entry.kind: entry for entry in list_entries(columns, settings, ("age_band",))}
    return entries[kind].make().fit(customers, y).predict(customers.head(N_SHOWN))


def draw_histories() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw repeat orders, recency and age in weeks: a daily chance to order, one to drop out."""
    rng = np.random.default_rng(5)
    age = rng.integers(70, 366, N)
    order_chance, drop_chance = rng.integers(1, 40, N) ** 2, rng.integers(1, 60, N)
    frequency, recency, is_alive = np.zeros(N), np.zeros(N), np.ones(N, dtype=bool)
    for day in range(1, age.max() + 1):
        orders = is_alive & (day <= age) & (rng.integers(0, 20_000, N) < order_chance)
        frequency[orders] += 1
        recency[orders] = day
        is_alive &= ~(orders & (rng.integers(0, 100, N) < drop_chance))
    return frequency, recency / 7, age / 7


def predict_orders_and_alive(kind: str) -> np.ndarray:
    """Fit a model of histories, and expect the orders of 39 weeks and who is alive."""
    from src.models.btyd import fit_bgnbd, predict_orders, predict_p_alive
    from src.models.pareto_nbd import fit_pareto_nbd

    histories = draw_histories()
    model, _ = (fit_bgnbd if kind == "bgnbd" else fit_pareto_nbd)(*histories)
    first = [values[:N_SHOWN] for values in histories]
    return np.concatenate([predict_orders(model, *first, 39.0), predict_p_alive(model, *first)])


def predict_gamma_gamma() -> np.ndarray:
    """Fit Gamma-Gamma, and expect the value of an order."""
    from src.models.gamma_gamma import fit_gamma_gamma, predict_order_value

    rng = np.random.default_rng(6)
    level = 400_000 // rng.integers(20, 400, N)
    n_values = rng.integers(1, 20, N)
    drawn = [
        rng.integers(cents // 2, 2 * cents, n) for cents, n in zip(level, n_values, strict=True)
    ]
    mean_value = np.array([values.sum() / len(values) / 100 for values in drawn])
    n_values = n_values.astype(float)
    model, _ = fit_gamma_gamma(n_values, mean_value)
    return predict_order_value(model, n_values[:N_SHOWN], mean_value[:N_SHOWN])


PURCHASE_KINDS = (
    "base_rate",
    "last_period",
    "rfm_rule",
    "decision_tree",
    "logistic_regression",
    "linear_svm",
    "random_forest",
    "lightgbm",
    "neural_network",
)
CASES: dict[str, Callable[[], np.ndarray]] = {
    **{f"purchase_{kind}": partial(predict_purchase, kind) for kind in PURCHASE_KINDS},
    "value_bgnbd": partial(predict_orders_and_alive, "bgnbd"),
    "value_pareto_nbd": partial(predict_orders_and_alive, "pareto_nbd"),
    "value_gamma_gamma": predict_gamma_gamma,
}


@pytest.mark.parametrize("case", CASES)
def test_predictions_are_those_that_were_kept(case):
    kept = json.loads((GOLDEN / f"{case}.json").read_text(encoding="utf-8"))
    np.testing.assert_allclose(CASES[case](), kept, rtol=TOLERANCE, atol=TOLERANCE)


def test_every_kept_prediction_has_its_case():
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(CASES)


@pytest.mark.slow
@pytest.mark.parametrize("machine", OTHER_MACHINES)
def test_another_processor_gives_the_same_predictions(machine):
    """The numeric libraries take other paths, with other rounding, in a process of their own."""
    if machine == "of_2017" and "avx512f" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this processor cannot compute like one of 2017")
    done = subprocess.run(
        [sys.executable, __file__, "--show"],
        env=os.environ | OTHER_MACHINES[machine] | {"PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    for case, values in json.loads(done.stdout.splitlines()[-1]).items():
        kept = json.loads((GOLDEN / f"{case}.json").read_text(encoding="utf-8"))
        np.testing.assert_allclose(values, kept, rtol=TOLERANCE, atol=TOLERANCE, err_msg=case)


def main(is_shown: bool) -> None:
    """Print all predictions, or keep them."""
    values = {case: make().tolist() for case, make in CASES.items()}
    if is_shown:
        print(json.dumps(values))  # noqa: T201 - read by the test above
        return
    for case, numbers in values.items():
        text = json.dumps(numbers, indent=1) + "\n"
        (GOLDEN / f"{case}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(is_shown="--show" in sys.argv[1:])
