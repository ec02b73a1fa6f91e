"""Lift as other models take it: columns, signs, units, and what is never exported."""

import csv
import math

import pytest

from src.errors import ParameterError
from src.report.exports import export_lift, meridian_rows, pymc_rows, robyn_rows

CARD = {
    "run_id": "r1",
    "campaign": {"channel": "email", "mode": "live", "as_of_date": "2024-02-29", "n_days": 28},
    "sample_ratio": {"p_value": 0.4, "threshold": 0.001},
    "second_lines": {
        "incremental_revenue": 1000.0,
        "revenue_lower": 1000.0 - 1.959964 * 400,
        "revenue_upper": 1000.0 + 1.959964 * 400,
        "spend_value": 250.0,
    },
}


def with_(**fields):
    return CARD | {"second_lines": CARD["second_lines"] | fields}


def test_pymc_gets_spend_and_lift_with_its_standard_error():
    (row,) = pymc_rows(CARD)
    assert list(row) == ["channel", "x", "delta_x", "delta_y", "sigma"]
    assert row["sigma"] == pytest.approx(400.0, rel=1e-6)
    assert (row["x"], row["delta_x"], row["delta_y"]) == (0.0, 250.0, 1000.0)


def test_meridian_gets_the_lognormal_of_that_mean_and_deviation():
    (row,) = meridian_rows(CARD)
    assert (row["mean"], row["std"]) == pytest.approx((4.0, 1.6), rel=1e-6)
    mean = math.exp(row["mu"] + row["sigma"] ** 2 / 2)
    std = mean * math.sqrt(math.exp(row["sigma"] ** 2) - 1)
    assert (mean, std) == pytest.approx((4.0, 1.6), rel=1e-6)
    assert meridian_rows(with_(incremental_revenue=-5.0)) == []


def test_robyn_gets_the_days_and_how_sure_it_is():
    (row,) = robyn_rows(CARD)
    assert list(row) == [
        "channel",
        "liftStartDate",
        "liftEndDate",
        "liftAbs",
        "spend",
        "confidence",
        "metric",
        "calibration_scope",
    ]
    assert (row["liftStartDate"], row["liftEndDate"]) == ("2024-03-01", "2024-03-28")
    assert row["confidence"] == pytest.approx(0.98758, abs=1e-5)  # z 2.5
    assert robyn_rows(with_(incremental_revenue=-1000.0))[0]["liftAbs"] == -1000.0


def test_files_are_written_and_what_does_not_hold_any_more_goes(tmp_path):
    written = export_lift(CARD, tmp_path / "out")
    assert [path.name for path in written] == [
        "pymc_marketing_lift_tests.csv",
        "meridian_roi_priors.csv",
        "robyn_calibration.csv",
    ]
    with written[0].open() as file:
        assert next(csv.DictReader(file))["delta_y"] == "1000.0"
    export_lift(with_(incremental_revenue=-5.0), tmp_path / "out")
    assert not (tmp_path / "out" / "meridian_roi_priors.csv").exists()


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        (with_(incremental_revenue=None), "not known"),
        (with_(revenue_upper=1000.0, revenue_lower=1000.0), "not known"),
        (CARD | {"campaign": CARD["campaign"] | {"mode": "dry_run"}}, "dry run"),
        (with_(spend_value=0.0), "nothing was spent"),
        (CARD | {"sample_ratio": {"p_value": 1e-9, "threshold": 0.001}}, "other sizes"),
    ],
)
def test_what_is_not_known_is_no_lift_of_zero(card, reason, tmp_path):
    with pytest.raises(ParameterError, match=reason):
        export_lift(card, tmp_path / "out")
    assert not (tmp_path / "out").exists()
