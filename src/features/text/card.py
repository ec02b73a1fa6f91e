"""The model card of a sentiment model."""

from src.features.text.sentiment import LanguageModel, SentimentModel
from src.metrics.intervals import Interval, wilson_interval
from src.models.cards import DataUsed, Metric, ModelCard

__all__ = ["STAGE", "sentiment_card"]

STAGE = "03_tag"
"""Stage whose model it is."""

_INPUTS = {"review_text": "string"}
_OUTPUTS = {"p_positive": "float64", "sentiment": "string"}
_LIMITS = (
    "Stars are weak labels: what a customer means and how many stars it gets may differ.",
    "Reviews with stars are scored by a model that learnt from them; the figures are of texts it "
    "had not seen.",
    "Where positive begins holds for the shop whose labels it was set on.",
)


def sentiment_card(
    model: SentimentModel, as_of_date: str, seed: int, data: tuple[DataUsed, ...] = ()
) -> ModelCard:
    """Say what whoever uses or replaces a sentiment model must know.

    Parameters
    ----------
    model : SentimentModel
        Fitted.
    as_of_date : str
        ISO date, the last day whose reviews were used.
    seed : int
        Of the folds.
    data : tuple of DataUsed
        Tables read.
    """
    metrics = [
        metric
        for language, each in model.languages.items()
        if each.figures
        for metric in (
            Metric(f"accuracy ({language})", _labels(each), _accuracy(each.figures), True),
            Metric(f"share positive ({language})", _labels(each), _baseline(each.figures), True),
        )
    ]
    return ModelCard(
        stage=STAGE,
        purpose="Tells whether a review is positive; not for judging single customers.",
        model="; ".join(f"{name}: {each.basis}" for name, each in model.languages.items()),
        baseline="calling every review what most of the labelled ones are",
        verdict=_verdict(model),
        as_of_date=as_of_date,
        seed=seed,
        inputs=_INPUTS,
        outputs=_OUTPUTS,
        data=data,
        metrics=tuple(metrics),
        limits=_LIMITS,
    )


def _labels(model: LanguageModel) -> str:
    """Of which labels a figure is: for want of its own, a language borrows those of others."""
    return f"out of fold, {model.basis.split(' (')[0]}"


def _accuracy(figures: dict[str, float]) -> Interval:
    n = int(figures["n_labels"])
    return wilson_interval(round(figures["accuracy"] * n), n)


def _baseline(figures: dict[str, float]) -> Interval:
    n = int(figures["n_labels"])
    return wilson_interval(round(figures["positive_share"] * n), n)


def _verdict(model: SentimentModel) -> str:
    said = []
    for language, each in model.languages.items():
        if not each.figures:
            said.append(f"{language}: not measured here, for want of labels")
            continue
        share = each.figures["positive_share"]
        baseline, lower = max(share, 1 - share), _accuracy(each.figures).lower
        better = "surely better than" if lower > baseline else "not surely better than"
        said.append(
            f"{language}: accuracy {each.figures['accuracy']:.3f} (from {lower:.3f}), {better} the "
            f"baseline's {baseline:.3f}"
        )
    return "; ".join(said) or "Nothing was learnt."
