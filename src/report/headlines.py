"""Which question each stage answers, and which of its recorded numbers come first."""

from src.report.record import StageRecord
from src.report.words import format_number, label_of

__all__ = ["NAMES", "QUESTIONS", "headline_numbers"]

NAMES = {
    "01_ingest": "Take in",
    "02_clean": "Clean",
    "03_tag": "Tag customers",
    "04a_segment": "Segment",
    "04b_purchase": "Purchase and churn",
    "04c_value": "Customer value",
    "04d_uplift": "Uplift",
    "04e_recommend": "Recommend",
    "05_decide": "Decide",
    "06_campaign": "Write",
    "07_send": "Send",
    "08_measure": "Measure",
}
"""Titles of stages whose notebook does not give one."""

QUESTIONS = {
    "01_ingest": "What came in?",
    "02_clean": "What can be trusted?",
    "03_tag": "Who are they?",
    "04a_segment": "Which kinds are there?",
    "04b_purchase": "Who will buy, who is leaving?",
    "04c_value": "What are they worth?",
    "04d_uplift": "Whom does a message change?",
    "04e_recommend": "What would they like next?",
    "05_decide": "Who gets what, and why?",
    "06_campaign": "What will it say?",
    "07_send": "What went out?",
    "08_measure": "What did it earn?",
}

MIN_NUMBERS, MAX_NUMBERS = 2, 4

_FIRST = {
    "01_ingest": ("n_order_lines", "n_customers", "n_sources"),
    "02_clean": ("n_order_lines", "n_customers", "n_rejected", "rejected_share"),
    "03_tag": ("n_customers", "share_active", "n_tags", "n_tagged"),
    "04a_segment": ("n_segments", "n_customers", "stability", "smallest_share"),
    "04b_purchase": ("champion", "auc", "log_loss", "base_rate"),
    "04c_value": ("mean_clv", "total_clv", "mean_p_alive", "holdout_ratio"),
    "04d_uplift": ("has_randomised_history", "n_contacts", "n_randomised", "n_actions"),
    "04e_recommend": ("method", "n_items", "ndcg_at_5", "popularity_ndcg_at_5"),
    "05_decide": ("n_eligible", "n_treated", "n_control", "n_holdout"),
    "06_campaign": ("n_messages", "n_checks", "n_faults", "n_warnings"),
    "07_send": ("n_planned", "n_sent", "n_suppressed", "n_unknown"),
    "08_measure": ("incremental_profit", "mde", "n_treated", "n_control"),
}

_LABELS = {
    "auc": "AUC",
    "base_rate": "share who order",
    "champion": "model used",
    "has_randomised_history": "randomised history",
    "holdout_ratio": "actual over predicted",
    "mean_clv": "mean value (CLV)",
    "mean_p_alive": "mean p(alive)",
    "n_contacts": "past contacts",
    "n_items": "products ranked",
    "n_randomised": "of them randomised",
    "ndcg_at_5": "NDCG at 5",
    "popularity_ndcg_at_5": "popularity's NDCG at 5",
    "rejected_share": "rejected, share",
    "share_active": "active",
    "smallest_share": "smallest segment",
    "stability": "stability (0–1)",
    "total_clv": "total value (CLV)",
    "n_holdout": "held out",
    "n_treated": "chosen",
    "n_control": "control",
    "n_unknown": "ending unknown",
    "mde": "smallest visible effect",
}


def headline_numbers(stage: StageRecord) -> list[tuple[str, str]]:
    """Choose two to four recorded numbers, as pairs of label and text.

    A stage without a choice of its own shows its counts first, then what else it recorded.
    """
    chosen = [name for name in _FIRST.get(stage.name, ()) if name in stage.results]
    if len(chosen) < MIN_NUMBERS:
        chosen = _counts_first(stage.results)
    return [
        (_LABELS.get(name, label_of(name)), format_number(name, stage.results[name]))
        for name in chosen[:MAX_NUMBERS]
    ]


def _counts_first(results: dict[str, object]) -> list[str]:
    numeric = [
        name
        for name, value in results.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return sorted(numeric, key=lambda name: (not name.startswith("n_"), name))
