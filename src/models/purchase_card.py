"""The card of 04b's model, and the model in use that it has to beat."""

from dataclasses import replace

import pandas as pd

from src.data.window import days_after
from src.metrics.classification import log_losses
from src.metrics.intervals import Interval, bootstrap_difference
from src.models.cards import (
    Challenge,
    DataUsed,
    Metric,
    ModelCard,
    Window,
    calibration_bins,
    column_types,
    compare_groups,
)
from src.models.leaks import check_incumbent
from src.models.purchase import PurchaseModel, model_from
from src.models.purchase_comparison import Comparison
from src.models.purchase_words import candidate_words, describe_choice
from src.models.splits import Snapshot
from src.models.store import KeptModel

__all__ = ["build_card", "challenge_incumbent", "describe_challenge", "settle_model"]

_STAGE = "04b_purchase"
_LOSS = "log loss (nats per customer)"
_MEASURES = {
    "log_loss": (_LOSS, False),
    "auc": ("AUC", True),
    "brier": ("Brier score", False),
    "lift": ("lift of the likeliest tenth", True),
    "churn_lift": ("churn lift of the least likely tenth", True),
}
_GROUPS = ("lifecycle", "age_band", "income_band")
_LIMITS = (
    "As logged: the probability holds for customers who are treated as they were before, and says "
    "nothing of what a message changes.",
    "Churn is no order in the outcome window, a choice of window and not a fact about a person.",
    "Valid for the outcome window that begins after the as-of date; fit again for a later one.",
    "A driver is what the score looks at, not what makes people buy.",
)


def build_card(
    comparison: Comparison,
    model: PurchaseModel,
    snapshots: tuple[Snapshot, ...],
    profiles: pd.DataFrame,
    data: tuple[DataUsed, ...],
    as_of_date: str,
) -> ModelCard:
    """Write down what whoever uses or replaces the model must know.

    Parameters
    ----------
    comparison : Comparison
        What the choice rests on.
    model : PurchaseModel
        Fitted champion.
    snapshots : tuple of Snapshot
        Train, validation, test.
    profiles : pandas.DataFrame
        Customers that are scored; only the names and types of columns are read.
    data : tuple of DataUsed
        Tables read, as `src.models.cards.data_used` gives them.
    as_of_date : str
        Last day whose facts were used.
    """
    p = comparison.p.get(comparison.champion, comparison.y)
    groups = comparison.test[[name for name in _GROUPS if name in comparison.test]]
    looked_at = model.candidate.reads
    return ModelCard(
        stage=_STAGE,
        purpose=(
            "Probability of an order, and of none, in the outcome window after the as-of date; to "
            "spare offers where they are wasted and to find who is leaving. Not for prices, "
            "credit, or any decision about a person's rights."
        ),
        model=comparison.champion,
        baseline=candidate_words(comparison.baseline),
        verdict=describe_choice(comparison),
        as_of_date=as_of_date,
        seed=comparison.settings.seed,
        inputs=column_types(profiles[[name for name in profiles if name in looked_at]]),
        outputs={"p_purchase": "float64", "p_churn": "float64", "reason": "string"},
        windows=tuple(
            Window(one.role, days_after(one.as_of_date, 1), one.label_until) for one in snapshots
        ),
        data=data,
        metrics=_metrics(comparison),
        calibration=calibration_bins(comparison.y, p),
        groups=compare_groups(groups, comparison.y, p) if len(groups) else (),
        limits=_LIMITS,
    )


def _metrics(comparison: Comparison) -> tuple[Metric, ...]:
    if not comparison.is_compared:
        return (Metric("share who ordered", "test", comparison.base_rate, True),)
    rule = candidate_words(comparison.baseline)
    return (
        *(
            Metric(words, "test", comparison.figure(measure), is_higher)
            for measure, (words, is_higher) in _MEASURES.items()
        ),
        Metric(f"lead in log loss over {rule}", "test", comparison.lead("log_loss"), True),
    )


def challenge_incumbent(
    kept: KeptModel, comparison: Comparison, test_date: str
) -> tuple[PurchaseModel, Challenge]:
    """Hold the champion of this run against the model in use, on the same test customers.

    Parameters
    ----------
    kept : KeptModel
        The model in use, as read back.
    comparison : Comparison
        Of this run.
    test_date : str
        Day of the test snapshot; the model in use must not have seen anything later.

    Returns
    -------
    PurchaseModel
        The model in use.
    Challenge
        Its gain is NaN, and so not won, where nothing could be compared.

    Raises
    ------
    LeakageError
        If the model in use has seen what it is compared on.
    """
    incumbent, settings = model_from(kept.parts), comparison.settings
    if not comparison.is_compared:
        nothing = Interval(float("nan"), float("nan"), float("nan"), settings.level, 0)
        return incumbent, Challenge(kept.digest, nothing, _LOSS)
    check_incumbent(kept.card.as_of_date, test_date)
    gain = bootstrap_difference(
        log_losses(comparison.y, incumbent.predict(comparison.test)),
        log_losses(comparison.y, comparison.p[comparison.champion]),
        settings.seed,
        settings.n_resamples,
        settings.level,
    )
    return incumbent, Challenge(kept.digest, gain, _LOSS)


def settle_model(
    model: PurchaseModel,
    card: ModelCard,
    kept: KeptModel | None,
    comparison: Comparison,
    test_date: str,
) -> tuple[PurchaseModel, ModelCard, Challenge | None]:
    """Say which model scores: the new one, unless one is in use that it does not surely beat.

    Parameters
    ----------
    model, card : PurchaseModel, ModelCard
        Of this run.
    kept : KeptModel or None
        The model in use, if any.
    comparison, test_date
        As for :func:`challenge_incumbent`.

    Returns
    -------
    PurchaseModel, ModelCard
        That score from now on; the model in use keeps its own card.
    Challenge or None
        None where no model was in use.
    """
    if kept is None:
        return model, card, None
    incumbent, challenge = challenge_incumbent(kept, comparison, test_date)
    if challenge.is_won:
        return model, replace(card, challenge=challenge), challenge
    return incumbent, kept.card, challenge


def describe_challenge(challenge: Challenge | None) -> str:
    """Say which model scores: the new one, or the one in use (Markdown)."""
    if challenge is None:
        return "*No model is in use yet (`champion_run` is empty): the one fitted here scores.*"
    gain = challenge.gain
    if gain.estimate != gain.estimate:
        return "**The model in use goes on**: nothing could be compared, so nothing replaces it."
    told = (
        f"{gain.estimate:+.3f} nats per customer ({100 * gain.level:.0f} % interval "
        f"{gain.lower:+.3f} to {gain.upper:+.3f}, {gain.n} test customers)"
    )
    if challenge.is_won:
        return f"**The new model replaces the one in use**: it is surely better, by {told}."
    return f"**The model in use goes on**: the new one is not surely better, {told}."
