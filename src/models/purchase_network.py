"""A small neural network as a candidate: one hidden layer, stopped early."""

from collections.abc import Mapping

import numpy as np
from scipy.special import expit
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from src.metrics.classification import log_loss
from src.models.design import DEMOGRAPHICS
from src.models.matrix_model import Standardised

__all__ = ["NeuralNetwork"]

_STOP_SHARE = 0.15
_BLOCK = 20_000


class NeuralNetwork(Standardised):
    """Multilayer perceptron on standardised features, stopped when it learns nothing new.

    A drawn share of the customers is held back; the weights of the pass (epoch) with the least
    log loss on them are kept. scikit-learn's own early stopping looks at the share of right
    answers instead, which hardly moves where most customers order.

    Parameters
    ----------
    columns, categories
        As for `MatrixModel`.
    n_hidden : int, default 16
        Units of the hidden layer, rectified.
    l2_strength : float, default 1.0
        Ridge penalty on the weights, in scikit-learn's meaning.
    max_passes : int, default 100
        Passes over the customers at most.
    patience : int, default 10
        Passes without a smaller loss before it stops.
    seed : int, default 0
        Of the first weights, the order of customers and who is held back.
    """

    name = "neural_network"
    effect_unit = "log-odds"

    def __init__(
        self,
        columns: tuple[str, ...],
        n_hidden: int = 16,
        l2_strength: float = 1.0,
        max_passes: int = 100,
        patience: int = 10,
        seed: int = 0,
        categories: tuple[str, ...] = DEMOGRAPHICS,
    ) -> None:
        super().__init__(columns, categories)
        self.n_hidden = n_hidden
        self.l2_strength = l2_strength
        self.max_passes = max_passes
        self.patience = patience
        self.seed = seed

    def _learn(self, X: np.ndarray, y: np.ndarray) -> None:
        X = self._fit_scale(X)
        is_held = np.random.default_rng(self.seed).random(len(y)) < _STOP_SHARE
        if not is_held.any() or is_held.all():
            is_held = np.arange(len(y)) % 2 == 0
        network = MLPClassifier(
            (self.n_hidden,),
            alpha=self.l2_strength,
            learning_rate_init=0.005,
            random_state=self.seed,
        )
        best, waited = np.inf, 0
        with threadpool_limits(1):  # sums over threads would differ in the last bit
            for _ in range(self.max_passes):
                network.partial_fit(X[~is_held], y[~is_held], classes=[0.0, 1.0])
                loss = log_loss(y[is_held], network.predict_proba(X[is_held])[:, 1])
                waited += 1
                if loss < best:
                    best, waited = loss, 0
                    self._take_weights(network)
                if waited >= self.patience:
                    break

    def _take_weights(self, network: MLPClassifier) -> None:
        self.hidden_, output = (weights.copy() for weights in network.coefs_)
        self.hidden_bias_ = network.intercepts_[0].copy()
        self.output_, self.output_bias_ = output[:, 0], float(network.intercepts_[1][0])

    def _score(self, X: np.ndarray) -> np.ndarray:
        return expit(self._forward(self._scale(X)))

    def _forward(self, X: np.ndarray) -> np.ndarray:
        """Log-odds of standardised rows."""
        with threadpool_limits(1):
            active = np.maximum(X @ self.hidden_ + self.hidden_bias_, 0.0)
            return active @ self.output_ + self.output_bias_

    def _contribute(self, X: np.ndarray) -> np.ndarray:
        r"""Integrated gradients from the average customer, exact to the bends of the path.

        .. math:: c_j = x_j \int_0^1 \partial_j f(t x)\,dt

        Rectified units make :math:`f(tx)` a line between bends, and each unit bends once: unit k
        is active on a share :math:`s_k` of the path, so that
        :math:`c_j = x_j \sum_k v_k s_k w_{jk}`. The sum over j is the difference of log-odds to
        the average customer.

        References
        ----------
        .. Sundararajan, M., Taly, A. and Yan, Q. (2017). Axiomatic attribution for deep networks.
        """
        X = self._scale(X)
        added = np.empty_like(X)
        with threadpool_limits(1):
            for start in range(0, len(X), _BLOCK):
                rows = X[start : start + _BLOCK]
                share = _active_share(rows @ self.hidden_, self.hidden_bias_)
                added[start : start + _BLOCK] = rows * ((share * self.output_) @ self.hidden_.T)
        return added

    def _plain(self) -> dict[str, object]:
        return self._plain_scale() | {
            "hidden": self.hidden_.tolist(),
            "hidden_bias": self.hidden_bias_.tolist(),
            "output": self.output_.tolist(),
            "output_bias": self.output_bias_,
        }

    def _restore(self, plain: Mapping) -> None:
        self._restore_scale(plain)
        self.hidden_ = np.array(plain["hidden"])
        self.hidden_bias_ = np.array(plain["hidden_bias"])
        self.output_ = np.array(plain["output"])
        self.output_bias_ = plain["output_bias"]


def _active_share(way: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Share of t in (0, 1) on which t * way + bias is above 0, by row and unit."""
    with np.errstate(divide="ignore", invalid="ignore"):
        bend = np.clip(-bias / way, 0.0, 1.0)
    share = np.where(way > 0, 1 - bend, bend)
    return np.where(way == 0, (bias > 0).astype(float), share)
