"""What makes the lists, to be kept: as plain parts, and its card."""

from collections.abc import Mapping

import numpy as np

from src.data.window import days_after
from src.metrics.intervals import bootstrap_mean
from src.models.cards import DataUsed, Metric, ModelCard, Window
from src.models.recommend import Shelf
from src.models.recommend_check import Trial
from src.models.recommend_choice import Choice
from src.models.recommend_methods import BASELINES, Recommender
from src.models.store import ModelParts

__all__ = ["build_recommender_card", "read_recommender_parts", "recommender_parts"]

_STAGE = "04e_recommend"
_PURPOSE = (
    "Products that a customer is most likely to buy next, to fill a message. It does not say that "
    "naming a product makes anybody buy it."
)
_LIMITS = (
    "Whether a product is in stock is told by sales and by the list of unavailable products only.",
    "Margin is what was received over the known cost of a piece; products without a cost pass.",
    "Last baskets are those of customers who came back; of the others nothing can be said.",
    "Items sold for the first time in the last days are hardly ever named.",
)


def recommender_parts(model: Recommender, shelf: Shelf) -> ModelParts:
    """Lay out a recommender as plain values and arrays."""
    arrays = {"items": shelf.items.astype("U"), "popularity": shelf.popularity}
    for name in ("weights", "factors"):
        if getattr(model, name) is not None:
            arrays[name] = getattr(model, name)
    return ModelParts({"method": model.method, "rest_days": shelf.rest_days}, arrays=arrays)


def read_recommender_parts(parts: ModelParts) -> tuple[Recommender, Shelf]:
    """Make again what `recommender_parts` laid out."""
    arrays: Mapping[str, np.ndarray] = parts.arrays
    model = Recommender(parts.plain["method"], arrays.get("weights"), arrays.get("factors"))
    items = arrays["items"].astype(object)
    return model, Shelf(items, arrays["popularity"], parts.plain["rest_days"])


def build_recommender_card(
    choice: Choice,
    earlier: list[Trial],
    reported: list[Trial],
    verdict: str,
    data: tuple[DataUsed, ...],
    as_of_date: str,
    seed: int,
) -> ModelCard:
    """Write the card of what makes the lists.

    Parameters
    ----------
    choice : Choice
    earlier, reported : list of Trial
        Windows that it was chosen and reported on.
    verdict : str
        As from `src.models.recommend_choice.describe_choice`.
    data : tuple of DataUsed
        Tables read.
    as_of_date : str
        Last day whose facts were used.
    seed : int
        Of all draws.
    """
    gains = tuple(
        Metric(f"{metric} of {choice.challenger} minus that of {name}", "test", gain, True)
        for (metric, name), gain in choice.gains.items()
    )
    return ModelCard(
        stage=_STAGE,
        purpose=_PURPOSE,
        model=choice.method,
        baseline=" and ".join(BASELINES),
        verdict=verdict.replace("**", ""),
        as_of_date=as_of_date,
        seed=seed,
        inputs={"customer_id": "string", "item": "string", "order_date": "date"},
        outputs={"rank": "int64", "product_id": "string", "score": "float64", "reason": "string"},
        windows=tuple(
            Window(role, days_after(trials[0].cut_date, 1), trials[0].last_date)
            for role, trials in (("validation", earlier), ("test", reported))
            if trials
        ),
        data=data,
        metrics=(*_own(choice, reported, seed), *gains),
        limits=_LIMITS,
    )


def _own(choice: Choice, reported: list[Trial], seed: int) -> list[Metric]:
    """Recall and NDCG of the method that is used."""
    used = [one for one in reported if (one.method, one.target) == (choice.method, choice.target)]
    return [
        Metric(words, "test", bootstrap_mean(getattr(trial, name), seed), True)
        for trial in used
        for name, words in (("recall", "recall"), ("ndcg", "NDCG"))
    ]
