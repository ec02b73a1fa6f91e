"""What a purchase is worth where Gamma-Gamma's assumptions fail: recent means by frequency."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["ClassValues", "fit_class_values"]

_FLOORS = (1, 2, 4, 8, 16, 32, 64)
_MIN_CUSTOMERS = 20


@dataclass(frozen=True)
class ClassValues:
    """Mean value of a recent purchase, by how many purchases a customer has made.

    Parameters
    ----------
    floors : tuple of int
        Least purchases of each class, rising from 1.
    values : tuple of float
        Mean value of a recent purchase in each class.
    """

    floors: tuple[int, ...]
    values: tuple[float, ...]

    @property
    def mean_value(self) -> float:
        """Mean over the classes, each counted once."""
        return float(np.mean(self.values))

    def order_value(self, n_values: np.ndarray, mean_value: np.ndarray) -> np.ndarray:
        """Expect of each customer's next purchase the value of the class.

        Parameters
        ----------
        n_values : array of shape (n_customers,), >= 0
            Purchases so far.
        mean_value : array of shape (n_customers,)
            Not used: the own mean is what cannot be trusted here.

        Examples
        --------
        >>> ClassValues((1, 4), (10.0, 15.0)).order_value(np.array([1, 3, 9]), np.zeros(3))
        array([10., 10., 15.])
        """
        place = np.searchsorted(self.floors, np.asarray(n_values), side="right") - 1
        return np.asarray(self.values)[np.maximum(place, 0)]


def fit_class_values(btyd: pd.DataFrame) -> ClassValues:
    """Mean value of the order days of the later half, by classes of all order days.

    A class with fewer than 20 customers seen in the later half joins the one below it, so that
    no mean rests on a handful.

    Parameters
    ----------
    btyd : DataFrame
        One row per customer: `n_days`, `n_late_days`, `mean_late_value`, as from
        `src.models.value.build_btyd`; at least one customer with a late order day.
    """
    late = btyd[btyd["n_late_days"] > 0]
    floors: list[int] = []
    for floor in _FLOORS:
        if not floors or (late["n_days"] >= floor).sum() >= _MIN_CUSTOMERS:
            floors.append(floor)
    kind = np.searchsorted(floors, late["n_days"].to_numpy(), side="right") - 1
    n_days = np.bincount(kind, late["n_late_days"], len(floors))
    total = np.bincount(kind, late["n_late_days"] * late["mean_late_value"], len(floors))
    common = float(total.sum() / n_days.sum())
    means = np.divide(total, n_days, out=np.full(len(floors), common), where=n_days > 0)
    return ClassValues(tuple(floors), tuple(float(mean) for mean in means))
