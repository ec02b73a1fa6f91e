"""All campaigns on one page: what is added up, what is shown, and that nobody breaks it."""

import json
import math

import numpy as np
import pytest

from src.errors import ParameterError
from src.report.card import SCHEMA, build_card, next_step
from src.report.dashboard import _campaign, add_up, build_dashboard, read_campaigns
from tests.report.browser import OVERFLOW, find_chromium, open_browser

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def card(name, profit=100.0, error=40.0, **fields):
    known = {
        "schema": SCHEMA,
        "ended_at": fields.pop("ended_at", "2024-05-01T00:00:00+00:00"),
        "campaign": {
            "campaign_id": name,
            "goal": "More orders.",
            "channel": "email",
            "as_of_date": "2024-01-31",
            "outcome_days": 28,
            "n_days": 28,
            "mode": "live",
        },
        "design": {"n_holdout": 120},
        "profit": {
            "incremental_profit": profit,
            "lower": profit - 1.959964 * error,
            "upper": profit + 1.959964 * error,
            "level": 0.95,
            "n_treated": 900,
            "n_control": 400,
        },
        "second_lines": {"spend_value": 50.0},
        "guardrails": [
            {"name": "unsubscribed", "treated": 3},
            {"name": "complained", "treated": 1},
        ],
        "delivery": {"n_sent": 880, "n_failed": 20},
        "verdict": {"verdict": "gain" if profit > 2 * error else "cannot tell"},
        "next_step": "Repeat it.",
    }
    for key, value in fields.items():
        known[key] = known.get(key, {}) | value if isinstance(value, dict) else value
    return known


@pytest.fixture
def add(tmp_path):
    def write(run, content):
        folder = tmp_path / run
        folder.mkdir()
        (folder / "run.json").write_text('{"state": "finished"}')
        (folder / "card.json").write_text(json.dumps(content))

    return write


def test_profits_of_what_went_out_are_added_and_so_are_their_variances(add, tmp_path):
    add("a", card("a", 100.0, 30.0))
    add("b", card("b", -20.0, 40.0))
    add("dry", card("dry", 9_999.0, 1.0, campaign={"mode": "dry_run"}))
    unknown = card("open")
    add("open", unknown | {"profit": unknown["profit"] | {"lower": None}})
    campaigns, unread = read_campaigns(tmp_path)
    assert unread == []
    assert len(campaigns) == 4
    total = add_up(campaigns)
    assert (total.n, total.profit) == (2, 80.0)
    half = 1.959964 * 50.0  # 30-40-50
    assert (total.lower, total.upper) == pytest.approx((80 - half, 80 + half), abs=1e-3)


def test_the_sum_covers_the_truth():
    rng = np.random.default_rng(9)
    covered = []
    for _ in range(800):
        truth, errors = rng.normal(50, 100, 6), rng.uniform(20, 80, 6)
        cards = [
            card(f"c{k}", t + e * rng.standard_normal(), e)
            for k, (t, e) in enumerate(zip(truth, errors, strict=True))
        ]
        total = add_up([_campaign("r", one) for one in cards])
        covered.append(total.lower <= truth.sum() <= total.upper)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_of_a_campaign_read_twice_the_last_reading_counts(add, tmp_path):
    add("z", card("a", 100.0, ended_at="2024-05-01"))
    add("b", card("a", 70.0, ended_at="2024-06-01"))
    (campaign,) = read_campaigns(tmp_path)[0]
    assert campaign.profit == 70.0


def test_broken_and_foreign_folders_stop_nothing(add, tmp_path):
    add("good", card("good"))
    (tmp_path / "notes").mkdir()
    (tmp_path / "latest").symlink_to(tmp_path / "good")
    for name, text in (("half", "{"), ("list", "[]"), ("odd", '{"schema": 3}')):
        add(name, {})
        (tmp_path / name / "card.json").write_text(text)
    add("wrong", card("wrong", guardrails=[3]))
    campaigns, unread = read_campaigns(tmp_path)
    assert [one.name for one in campaigns].count("good") == 1
    assert unread == ["wrong"]
    assert "could not be read: wrong" in build_dashboard(tmp_path).read_text()


def test_no_run_and_no_folder(tmp_path):
    assert "No campaign has been run yet" in build_dashboard(tmp_path).read_text()
    with pytest.raises(ParameterError, match="campanile run"):
        build_dashboard(tmp_path / "nothing")


def test_a_run_that_recorded_nothing_has_a_card_that_says_so(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    found = build_card(tmp_path)
    assert found["profit"]["incremental_profit"] is None
    assert found["next_step"].startswith("Measure it")


GAIN = {"verdict": {"verdict": "gain"}}
BROKEN = {"sample_ratio": {"p_value": 1e-9, "threshold": 0.001}}
SMALL = {"verdict": {"verdict": "cannot tell", "n_planned_needed": 2_600}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (GAIN, "Repeat it"),
        (GAIN | {"crossings": {"guardrails_worse": "complained"}}, "complained rose"),
        (GAIN | BROKEN, "Do not act"),
        ({"campaign": {"n_days": 5, "outcome_days": 28}}, "when 28 days are over; 5 are"),
        (SMALL, "about 2,600 customers"),
        ({"profit": {"n_treated": 0, "n_control": 0}}, "more customers"),
    ],
)
def test_what_follows_from_a_verdict(change, told):
    base = card("a", 10.0, 40.0) | {"crossings": {}, "sample_ratio": {}}
    for key, value in change.items():
        base[key] = base.get(key, {}) | value
    assert told in next_step(base)


def fill(add, n):
    rng = np.random.default_rng(2)
    for k in range(n):
        day = f"2024-{1 + k % 12:02d}-{1 + k % 28:02d}"
        kind = {"as_of_date": day, "channel": ("email", "sms", "email+sms")[k % 3]}
        add(
            f"run{k:03d}",
            card(
                f"campaign_{k}",
                float(rng.normal(150, 250)),
                float(rng.uniform(60, 200)),
                campaign=kind,
            ),
        )


@pytest.fixture(scope="module")
def browser():
    if find_chromium() is None:
        pytest.skip("no Chromium on this machine")
    with open_browser() as opened:
        yield opened


SHOWN = "document.getElementById('shown').textContent"
VISIBLE = "[...document.querySelectorAll('#campaigns tbody tr')].filter(r => !r.hidden).length"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("is_dark", [False, True])
def test_in_a_browser_nothing_is_logged_and_nothing_is_too_wide(
    browser, add, tmp_path, width, is_dark
):
    fill(add, 12)
    add("evil", card(EVIL, campaign={"channel": EVIL}, next_step=EVIL))
    page = build_dashboard(tmp_path)
    browser.open(page, width, is_dark)
    assert browser.complaints() == []
    assert browser.run(OVERFLOW) == 0
    assert browser.run("document.querySelectorAll('img, script[src]').length") == 0
    assert browser.run(f"document.body.textContent.includes({json.dumps(EVIL)})")


def test_filters_and_order_work_by_keyboard_without_a_server(browser, add, tmp_path):
    fill(add, 30)
    browser.open(build_dashboard(tmp_path), 1280)
    assert browser.run(VISIBLE) == 30
    browser.run("document.getElementById('f-name').focus()")
    for key in ("n", "_", "2", "1"):
        browser.press(key)
    assert browser.run(VISIBLE) == 1
    assert browser.run(SHOWN).startswith("1 of 30 shown. Together the 1 that went out earned")
    browser.run("document.getElementById('f-name').value = ''")
    browser.run("document.querySelectorAll('#campaigns th button')[3].focus()")
    browser.press("Enter")
    browser.press("Enter")
    first = browser.run("document.querySelector('#campaigns tbody tr').dataset.profit")
    rows = "[...document.querySelectorAll('#campaigns tbody tr')]"
    every = browser.run(f"JSON.stringify({rows}.map(r => +r.dataset.profit))")
    assert float(first) == max(json.loads(every))
    state = "document.querySelectorAll('#campaigns th')[3].getAttribute('aria-sort')"
    assert browser.run(state) == "descending"
    for name, value, n in (("channel", "sms", 10), ("kind", "none", 0)):
        browser.run(f"document.getElementById('f-{name}').value = '{value}'")
        browser.run("document.getElementById('filters').dispatchEvent(new Event('input'))")
        assert browser.run(VISIBLE) == n
    assert browser.complaints() == []


def test_five_hundred_campaigns_are_one_page(browser, add, tmp_path):
    fill(add, 500)
    page = build_dashboard(tmp_path)
    assert page.stat().st_size < 1_000_000
    browser.open(page, 1280)
    assert browser.run(VISIBLE) == 500
    total = add_up(read_campaigns(tmp_path)[0])
    assert math.isfinite(total.profit)
    assert total.n == 500
    assert browser.complaints() == []
