"""The run card: one page on what a campaign asked, found and means, as plain data."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from src.report.record import RunRecord, read_run

__all__ = ["SCHEMA", "build_card", "next_step", "write_card"]

SCHEMA = "campanile run card 1"
"""Changes with every field that is renamed, removed or given another meaning."""

_STOP = "Do not act on this reading: find out why the arms have other sizes than were drawn."


def build_card(run: Path) -> dict[str, Any]:
    """Gather what a run recorded; what it did not record is None.

    Parameters
    ----------
    run : Path
        Folder of the run.

    Returns
    -------
    dict
        Plain values: `schema`, `run_id`, `campaign`, `design`, `left_out`, `sample_ratio`,
        `profit`, `second_lines`, `guardrails`, `delivery`, `verdict`, `next_step`, `made_from`.
        Amounts are totals over the customers assigned an action, in shop currency.

    Raises
    ------
    ParameterError
        If there is no such folder.
    """
    record = read_run(run)
    decided, sent, found = (record.results(f"{name}") for name in _STAGES)
    arms, left_out = _read_decisions(run)
    card = {
        "schema": SCHEMA,
        "run_id": record.run_id,
        "state": record.state,
        "ended_at": record.facts.get("ended_at"),
        "campaign": _take(found, "campaign_id goal channel as_of_date outcome_days n_days mode")
        | {"as_of_date": found.get("as_of_date") or record.facts.get("as_of_date")},
        "design": {"arms": arms, "n_holdout": decided.get("n_holdout"), "seed": _seed(record)}
        | _take(decided, "mode mde policy_version promotion expected_profit"),
        "left_out": left_out,
        "sample_ratio": {"p_value": found.get("srm_p_value"), "threshold": _threshold(record)},
        "profit": _take(
            found,
            "incremental_profit lower upper level seq_lower seq_upper mde n_treated n_control",
        ),
        "second_lines": _take(
            found,
            "cace_per_customer cace_lower cace_upper pooled_per_customer pooled_lower pooled_upper "
            "n_past_campaigns incremental_revenue revenue_lower revenue_upper spend_value "
            "changed_since_last",
        ),
        "guardrails": [_guardrail(found, name) for name in _GUARDRAILS],
        "crossings": _take(found, "n_two_arms n_other_treated n_other_control guardrails_worse"),
        "delivery": _take(sent, "n_planned n_sent n_suppressed n_failed n_unknown"),
        "verdict": _take(found, "verdict reason n_planned_needed"),
        "made_from": _made_from(record),
    }
    return card | {"next_step": next_step(card)}


def write_card(run: Path, card: dict[str, Any]) -> Path:
    """Write the card as JSON beside the run's record, in one piece."""
    path, draft = run / "card.json", run / ".card.json.draft"
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
    return path


def next_step(card: dict[str, Any]) -> str:
    """Say what the verdict means for the next campaign.

    Examples
    --------
    >>> card = {"verdict": {"verdict": "loss"}, "sample_ratio": {}, "crossings": {}}
    >>> next_step(card)
    'Stop this campaign: it costs more than it brings.'
    """
    verdict, ratio = card["verdict"].get("verdict"), card["sample_ratio"]
    p_value, threshold = ratio.get("p_value"), ratio.get("threshold")
    if p_value is not None and threshold is not None and p_value < threshold:
        return _STOP
    if verdict is None:
        return "Measure it: nothing has been read yet."
    worse = card["crossings"].get("guardrails_worse")
    if worse:
        return f"Stop and look first: {worse} rose surely, whatever was earned."
    if verdict == "gain":
        return "Repeat it, with a control group again: customers and seasons change."
    if verdict == "loss":
        return "Stop this campaign: it costs more than it brings."
    return _wait_or_grow(card)


def _wait_or_grow(card: dict[str, Any]) -> str:
    campaign, profit = card["campaign"], card["profit"]
    days, of = campaign.get("n_days"), campaign.get("outcome_days")
    if days is not None and of is not None and days < of:
        return f"Read it again when {of} days are over; {days} are."
    needed = card["verdict"].get("n_planned_needed")
    n_customers = (profit.get("n_treated") or 0) + (profit.get("n_control") or 0)
    if needed and n_customers:
        times = needed / n_customers
        return (
            f"Run it again and read the campaigns together: an effect like the one estimated takes "
            f"about {needed:,} customers to show, {times:,.1f} times as many as here. "
            "Not to have found one does not mean that there is none."
        )
    return "Run it again with more customers: nothing can be told from these."


_STAGES = ("05_decide", "07_send", "08_measure")
_GUARDRAILS = ("unsubscribed", "complained", "returned")


def _take(results: dict[str, Any], names: str) -> dict[str, Any]:
    return {name: results.get(name) for name in names.split()}


def _guardrail(found: dict[str, Any], name: str) -> dict[str, Any]:
    worse = str(found.get("guardrails_worse") or "").split(", ")
    counts = {arm: found.get(f"n_{name}_{arm}") for arm in ("treated", "control")}
    return {"name": name, **counts, "is_worse": name in worse}


def _read_decisions(run: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give arms with their sizes and probabilities, and why others were left out."""
    folder = run / "tables" / "05_decide" / "decisions"
    try:
        decisions = pd.read_parquet(folder, columns=["action", "pscore", "reason"])
    except (OSError, ValueError):
        return [], []
    inside = decisions["action"].ne("none")
    by_arm = decisions[inside].groupby("action")["pscore"].agg(["size", "min", "mean", "max"])
    arms = [
        {
            "arm": arm,
            "n": int(row["size"]),
            "least": row["min"],
            "mean": row["mean"],
            "most": row["max"],
        }
        for arm, row in by_arm.iterrows()
    ]
    reasons = decisions.loc[~inside, "reason"].value_counts()
    return arms, [{"reason": reason, "n": int(n)} for reason, n in reasons.items()]


def _made_from(record: RunRecord) -> dict[str, Any]:
    """Hashes by which the same reading can be made again, or seen to be another."""
    stages = {stage.name: stage.facts for stage in record.stages if stage.facts}
    tables = {
        name: _digest(facts["tables"])
        for name, facts in stages.items()
        if isinstance(facts.get("tables"), dict)
    }
    notebooks = {name: facts.get("notebook_sha256") for name, facts in stages.items()}
    code = {name: record.facts.get(name) for name in ("git_commit", "is_dirty", "versions")}
    return {"notebooks": notebooks, "tables": tables, **code}


def _digest(hashes: dict[str, str]) -> str:
    """One hash of all tables of a stage."""
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def _params(record: RunRecord, stage: str) -> dict[str, Any]:
    try:
        blocks = yaml.safe_load(record.params) or {}
    except yaml.YAMLError:
        return {}
    found = blocks.get(stage) if isinstance(blocks, dict) else None
    return found if isinstance(found, dict) else {}


def _seed(record: RunRecord) -> int | None:
    return _params(record, "05_decide").get("seed", record.facts.get("seed"))


def _threshold(record: RunRecord) -> float | None:
    return _params(record, "08_measure").get("srm_threshold")
