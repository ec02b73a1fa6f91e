"""What a marketer may want to change in 04b, and the candidates that follow from it."""

from dataclasses import dataclass

from src.errors import ParameterError
from src.models.design import DEMOGRAPHICS
from src.models.purchase_candidates import Entry

__all__ = ["PurchaseSettings", "list_entries"]


@dataclass(frozen=True)
class PurchaseSettings:
    """What a marketer may want to change.

    Parameters
    ----------
    outcome_days : int, default 28
        Length of the outcome window, days; the baseline looks back as far.
    fit_share : float, default 0.7
        Share of customers that are fitted on; the figures come from the others.
    min_customers : int, default 100
        Customers needed at the earliest snapshot; with fewer a pooled rate is used.
    min_history_days : int, default 60
        Days of history needed at the earliest snapshot; with fewer a pooled rate is used.
    max_customers : int, default 20000
        Customers compared on at most, drawn by hash; the champion is fitted on all.
    l2_strength : float, default 10.0
        Ridge penalty of the logistic regression and of the support vector machine.
    n_trees : int, default 80
        Trees of LightGBM.
    learning_rate : float, default 0.05
        Share of each tree that is added.
    search_seconds : float, default 10.0
        Processor time after which no further settings are tried; 0 tries none.
    n_trials : int, default 10
        Settings tried for each candidate that is searched.
    n_resamples : int, default 1000
        Draws of the bootstrap.
    level : float, default 0.95
        Level of all intervals.
    seed : int, default 0
        Of the trees, the network, the search and the bootstrap.
    """

    outcome_days: int = 28
    fit_share: float = 0.7
    min_customers: int = 100
    min_history_days: int = 60
    max_customers: int = 20_000
    l2_strength: float = 10.0
    n_trees: int = 80
    learning_rate: float = 0.05
    search_seconds: float = 10.0
    n_trials: int = 10
    n_resamples: int = 1000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.fit_share < 1:
            raise ParameterError(
                f"Expected fit_share between 0 and 1, found {self.fit_share}; some customers must "
                "be fitted on and some reported on."
            )
        if self.search_seconds < 0 or self.n_trials < 1:
            raise ParameterError(
                f"Expected search_seconds of at least 0 and n_trials of at least 1, found "
                f"{self.search_seconds} and {self.n_trials}; search_seconds 0 tries nothing."
            )


def list_entries(
    columns: tuple[str, ...],
    settings: PurchaseSettings,
    categories: tuple[str, ...] = DEMOGRAPHICS,
) -> list[Entry]:
    """Give the candidates with their given settings, the plainest first.

    Parameters
    ----------
    columns : tuple of str
        Numeric columns allowed as features; see `purchase_columns`.
    settings : PurchaseSettings
        As given.
    categories : tuple of str
        Columns of texts whose levels may become features.
    """
    features: dict[str, object] = {"columns": columns, "categories": categories}
    ridge = {"l2_strength": settings.l2_strength}
    seed = {"seed": settings.seed}
    boosting = {"n_trees": settings.n_trees, "learning_rate": settings.learning_rate}
    return [
        Entry("base_rate"),
        Entry("last_period", {"outcome_days": settings.outcome_days}),
        Entry("rfm_rule"),
        Entry("decision_tree", features),
        Entry("logistic_regression", features | ridge),
        Entry("linear_svm", features | ridge),
        Entry("random_forest", features | seed),
        Entry("lightgbm", features | seed | boosting),
        Entry("neural_network", features | seed),
    ]
