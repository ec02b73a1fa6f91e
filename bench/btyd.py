"""BG/NBD on a million customers: fitting, scoring, memory, beside `lifetimes`."""

import json
from pathlib import Path
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd

from src.models.btyd import BgNbd, fit_bgnbd
from src.models.gamma_gamma import GammaGamma
from src.models.value import ValueModel, predict_value

__all__ = ["run"]

_TRUTH = BgNbd(r=0.6, alpha=6.0, a=0.8, b=2.5)
_VALUES = GammaGamma(p=6.25, q=3.74, gamma=15.44)
_WEEKS = 104

_LIFETIMES = """
import json, sys, time
import numpy as np
from lifetimes import BetaGeoFitter
x, t_x, T = np.load(sys.argv[1])
started = time.perf_counter()
fitted = BetaGeoFitter().fit(x, t_x, T)
fit_s = time.perf_counter() - started
started = time.perf_counter()
fitted.conditional_expected_number_of_purchases_up_to_time(26, x, t_x, T)
fitted.conditional_probability_alive(x, t_x, T)
score_s = time.perf_counter() - started
lines = open("/proc/self/status").read().splitlines()  # getrusage would tell the parent's peak
peak = next(int(line.split()[1]) / 2**20 for line in lines if line.startswith("VmHWM"))
print(json.dumps({
    "fit_s": round(fit_s, 2),
    "score_s": round(score_s, 2),
    "peak_gb": round(peak, 3),
    "parameters": {name: float(value) for name, value in fitted.params_.items()},
}))
"""


def run(n_customers: int = 1_000_000, lifetimes_python: str = "") -> dict[str, float]:
    """Fit and score customers who live by a known BG/NBD, and hold the parameters to the truth.

    Parameters
    ----------
    n_customers : int, default 1,000,000
        Customers, each observed between one and two years, by the day.
    lifetimes_python : str, optional
        A Python that has `lifetimes`, which does not install beside today's pandas: the same
        histories are then fitted and scored by it, over one horizon instead of 26.

    Returns
    -------
    dict
        `bgnbd_fit_s`, `bgnbd_score_s` (`p_alive`, and orders to the end of each of 26 weeks,
        discounted), `bgnbd_peak_gb` of this process (the drawn customers included),
        `worst_error` (largest relative error of a parameter), and `lifetimes_fit_s`,
        `lifetimes_score_s`, `lifetimes_peak_gb`, `same_parameters` (largest relative difference
        to it) where it was run, `lifetimes` with the reason where not.
    """
    x, t_x, T = draw_histories(n_customers, seed=1)
    started = time.perf_counter()
    model, _ = fit_bgnbd(x, t_x, T)
    fit_s = time.perf_counter() - started
    btyd = pd.DataFrame(
        {
            "customer_id": np.arange(n_customers),
            "n_days": x + 1,
            "btyd_frequency": x,
            "btyd_recency": t_x,
            "T": T,
            "mean_day_value": 20.0,
        }
    )
    started = time.perf_counter()
    predict_value(ValueModel(model, _VALUES, 0.0, 0.0), btyd, 182, 0.1, 0.25)
    figures = {
        "n_customers": n_customers,
        "bgnbd_fit_s": round(fit_s, 2),
        "bgnbd_score_s": round(time.perf_counter() - started, 2),
        "bgnbd_peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
        "worst_error": round(_worst(vars(model), vars(_TRUTH)), 4),
    }
    return figures | _beside_lifetimes(lifetimes_python, model, x, t_x, T)


def draw_histories(n_customers: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Live the story of BG/NBD by the day: repeat order days, recency and age in weeks."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(_TRUTH.r, 1 / _TRUTH.alpha, n_customers)
    p_drop = rng.beta(_TRUTH.a, _TRUTH.b, n_customers)
    age = np.floor(rng.uniform(_WEEKS / 2, _WEEKS, n_customers) * 7) / 7
    x, t_x = np.zeros((2, n_customers))
    active, clock = np.arange(n_customers), np.zeros(n_customers)
    while len(active):
        clock[active] += rng.exponential(1 / rate[active])
        active = active[clock[active] <= age[active]]
        x[active] += 1
        t_x[active] = clock[active]
        active = active[rng.random(len(active)) >= p_drop[active]]
    return x, np.minimum(np.ceil(t_x * 7) / 7, age), age


def _worst(found: dict[str, float], expected: dict[str, float]) -> float:
    return max(abs(found[name] / expected[name] - 1) for name in found)


def _beside_lifetimes(
    python: str, model: BgNbd, x: np.ndarray, t_x: np.ndarray, T: np.ndarray
) -> dict[str, float | str]:
    if not python:
        return {"lifetimes": "not run: no Python that has it was given"}
    with tempfile.TemporaryDirectory() as folder:
        histories = Path(folder) / "histories.npy"
        np.save(histories, np.stack([x, t_x, T]))
        said = subprocess.run(
            [python, "-c", _LIFETIMES, str(histories)], capture_output=True, text=True, check=False
        )
    if said.returncode:
        return {"lifetimes": f"failed: {said.stderr.strip().splitlines()[-1]}"}
    told = json.loads(said.stdout.splitlines()[-1])
    return {
        "lifetimes_fit_s": told["fit_s"],
        "lifetimes_score_s": told["score_s"],
        "lifetimes_peak_gb": told["peak_gb"],
        "same_parameters": round(_worst(vars(model), told["parameters"]), 5),
    }


if __name__ == "__main__":
    n_customers = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(json.dumps(run(n_customers, sys.argv[2] if len(sys.argv) > 2 else "")))
