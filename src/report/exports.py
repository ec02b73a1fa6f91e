"""Measured lift as three marketing-mix models take it, to calibrate them by an experiment."""

import csv
import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

from src.data.window import days_after
from src.errors import ParameterError

__all__ = ["export_lift", "meridian_rows", "pymc_rows", "robyn_rows"]

Row = dict[str, str | float]


def export_lift(card: dict[str, Any], folder: Path) -> list[Path]:
    """Write one CSV for each model.

    Parameters
    ----------
    card : dict
        From `build_card`.
    folder : Path
        Made if it is not there; files of an earlier export are replaced.

    Returns
    -------
    list of Path
        `pymc_marketing_lift_tests.csv`, `meridian_roi_priors.csv`, `robyn_calibration.csv`; a
        file is left out where the model cannot take what was found.

    Raises
    ------
    ParameterError
        If the campaign was not measured, was a dry run, its split is broken, or nothing was spent.
    """
    _check(card)
    tables = {
        "pymc_marketing_lift_tests.csv": pymc_rows(card),
        "meridian_roi_priors.csv": meridian_rows(card),
        "robyn_calibration.csv": robyn_rows(card),
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, rows in tables.items():
        (folder / name).unlink(missing_ok=True)
        if rows:
            with (folder / name).open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
            written.append(folder / name)
    return written


def pymc_rows(card: dict[str, Any]) -> list[Row]:
    """Rows for `add_lift_test_measurements` of PyMC-Marketing's MMM.

    `channel`, `x` (spend without the campaign: 0, for control got none), `delta_x` (what was
    spent), `delta_y` (incremental revenue) and `sigma`, its standard error.
    """
    lift = _lift(card)
    named = {"channel": card["campaign"]["channel"], "x": 0.0, "delta_x": lift["spend"]}
    return [named | {"delta_y": lift["estimate"], "sigma": lift["error"]}]


def meridian_rows(card: dict[str, Any]) -> list[Row]:
    r"""Mean and standard deviation of the return on spend, and the lognormal prior they give.

    .. math:: \sigma^2 = \log(1 + s^2/m^2),\qquad \mu = \log m - \sigma^2 / 2

    as `lognormal_dist_from_mean_std(mean, std)` of Meridian has it. A return that is not above
    zero has no such prior; the row is then left out, not bent.
    """
    lift = _lift(card)
    mean, std = lift["estimate"] / lift["spend"], lift["error"] / lift["spend"]
    if mean <= 0:
        return []
    square = math.log1p((std / mean) ** 2)
    prior = {"mu": math.log(mean) - square / 2, "sigma": math.sqrt(square)}
    return [{"channel": card["campaign"]["channel"], "mean": mean, "std": std, **prior}]


def robyn_rows(card: dict[str, Any]) -> list[Row]:
    """Rows for `calibration_input` of Robyn: what the window brought, and how sure it is.

    `confidence` is one minus the two-sided p-value of no effect. The scope is ``immediate``: what
    came later than the window is not in it.
    """
    lift, campaign = _lift(card), card["campaign"]
    p_value = 2 * (1 - NormalDist().cdf(abs(lift["estimate"]) / lift["error"]))
    days = {
        "liftStartDate": days_after(campaign["as_of_date"], 1),
        "liftEndDate": days_after(campaign["as_of_date"], campaign["n_days"]),
    }
    found = {"liftAbs": lift["estimate"], "spend": lift["spend"], "confidence": 1 - p_value}
    kind = {"metric": "revenue", "calibration_scope": "immediate"}
    return [{"channel": campaign["channel"], **days, **found, **kind}]


def _lift(card: dict[str, Any]) -> dict[str, float]:
    lines = card["second_lines"]
    z = NormalDist().inv_cdf(0.975)  # revenue is always recorded with its 95 % interval
    error = (lines["revenue_upper"] - lines["revenue_lower"]) / (2 * z)
    return {"estimate": lines["incremental_revenue"], "error": error, "spend": lines["spend_value"]}


def _check(card: dict[str, Any]) -> None:
    lines, ratio = card["second_lines"], card["sample_ratio"]
    names = ("incremental_revenue", "revenue_lower", "revenue_upper", "spend_value")
    known = [lines.get(name) for name in names]
    if any(value is None for value in known) or not lines["revenue_upper"] > lines["revenue_lower"]:
        reason = "its lift is not known"
    elif card["campaign"].get("mode") != "live":
        reason = "it was a dry run, so what it found is chance"
    elif not lines["spend_value"] > 0:
        reason = "nothing was spent"
    elif ratio["p_value"] is not None and ratio["p_value"] < (ratio["threshold"] or 0.001):
        reason = "its arms have other sizes than were drawn"
    else:
        return
    raise ParameterError(
        f"Expected a measured live campaign in {card['run_id']} to export, but {reason}; nothing "
        "was written."
    )
