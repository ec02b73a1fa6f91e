"""The causal forest of EconML, where its package is installed (`make econml`)."""

import numpy as np

from src.models.uplift_contacts import Contacts

__all__ = ["CausalForest"]

_N_TREES = 200
_MIN_LEAF = 20
_LARGEST_SHARE = 0.45
_ROWS_PER_TREE = 5000  # a tree of more rows takes minutes, and there are hundreds


class CausalForest:
    r"""Honest trees that split where the effect differs; one forest per action.

    It solves the local moment equation

    .. math:: E[w\,(\tilde y - \theta(x)\,\tilde t - \beta(x))\,(\tilde t, 1)' \mid x] = 0

    on the action's contacts and their controls. The weight :math:`w = 1/p` of the known
    probability makes both arms equally likely for everybody, so that the residual of the
    treatment is :math:`\tilde t = t - \tfrac12`, exactly; :math:`\tilde y` is the outcome less
    that of the campaign's controls.

    References
    ----------
    .. Athey, S., Tibshirani, J. and Wager, S. (2019). Generalized random forests. Annals of
       Statistics 47(2).
    """

    def fit(self, contacts: Contacts, seed: int) -> "CausalForest":
        """Learn from contacts."""
        from econml.grf import CausalForest as Forest  # optional, and slow to import

        y = contacts.centered()
        self.forests_ = []
        for k in range(len(contacts.actions)):
            rows = contacts.pair(k)
            treated = (contacts.arm[rows] == k + 1) - 0.5
            forest = Forest(
                n_estimators=_N_TREES,
                max_samples=min(_LARGEST_SHARE, _ROWS_PER_TREE / int(rows.sum())),
                min_samples_leaf=_MIN_LEAF,
                inference=False,
                n_jobs=1,
                random_state=seed + k,
            )
            weight = contacts.weight[rows] / contacts.weight[rows].mean()
            forest.fit(contacts.X[rows], treated, y[rows], sample_weight=weight)
            self.forests_.append(forest)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict the effect of each action on each row, shape (n, n_actions)."""
        return np.column_stack([forest.predict(X)[:, 0] for forest in self.forests_])
