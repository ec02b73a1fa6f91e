"""What moved sales: revenue as a product of four factors, and what each of them added."""

from dataclasses import dataclass
import itertools
from statistics import NormalDist

from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import days_after, known_by, parse_date, within
from src.features.windows import build_baskets

__all__ = [
    "FACTORS",
    "NODES",
    "Periods",
    "RevenueTree",
    "build_revenue_tree",
    "choose_periods",
    "describe_revenue_tree",
    "lmdi_contributions",
    "sales_change_share",
    "unexplained_share",
]

PERIOD_DAYS = 91
_WEEK = 7
_YEAR_DAYS = 364
_MIN_CUSTOMERS = 30
_TOTALS = ("customers", "orders", "lines", "value_minor")

FACTORS = ("customers", "orders per customer", "lines per order", "value per line")
"""Their product is the revenue."""

NODES = {
    "revenue": FACTORS,
    "customers": FACTORS[:1],
    "spend per customer": FACTORS[1:],
    "orders per customer": FACTORS[1:2],
    "value per order": FACTORS[2:],
    "lines per order": FACTORS[2:3],
    "value per line": FACTORS[3:],
}
"""Nodes of the tree, and the factors that each is the product of."""


@dataclass(frozen=True)
class Periods:
    """Two periods of full weeks.

    Parameters
    ----------
    days : int
        Length of each.
    shift_days : int
        Days from one to the other: their length, or 364, which is 52 weeks.
    as_of_date : str
        ISO date, last day of the later one.
    """

    days: int
    shift_days: int
    as_of_date: str

    @property
    def is_year_ago(self) -> bool:
        """Whether the season is the same in both."""
        return self.shift_days == _YEAR_DAYS

    @property
    def words(self) -> str:
        """What the later period is compared with."""
        return f"the {'same' if self.is_year_ago else 'previous'} {self.days} days" + (
            " a year ago" if self.is_year_ago else ""
        )


@dataclass(frozen=True)
class RevenueTree:
    """Revenue of two periods, taken apart.

    Parameters
    ----------
    nodes : pandas.DataFrame
        One row per node of `NODES`: `before` and `now` (counts, or shop currency), its
        `change_share` (NaN from nothing), and in shop currency what it added to the revenue,
        `contribution_value`, with the ends of the interval, `lower` and `upper` (95 %; NaN with
        under 30 customers in a period). Empty where the history is too short.
    periods : Periods or None
        What was compared; None where the history is too short.
    """

    nodes: pd.DataFrame
    periods: Periods | None

    @property
    def is_empty(self) -> bool:
        """Whether there are no two periods to compare."""
        return self.periods is None


def choose_periods(first_date: str, as_of_date: str, days: int = PERIOD_DAYS) -> Periods | None:
    """Choose what to compare the last days with.

    The same days 52 weeks ago if the history reaches there, so that weekdays and season are the
    same; else the days just before. A history shorter than that is halved, in full weeks; None
    if it has not two of them.

    Examples
    --------
    >>> choose_periods("2016-01-01", "2017-09-30")
    Periods(days=91, shift_days=364, as_of_date='2017-09-30')
    >>> choose_periods("2017-09-01", "2017-09-30").days
    14
    """
    n_days = (parse_date(as_of_date) - parse_date(first_date)).days + 1
    if n_days >= _YEAR_DAYS + days:
        return Periods(days, _YEAR_DAYS, as_of_date)
    if n_days < 2 * days:
        days = n_days // 2 // _WEEK * _WEEK
    return Periods(days, days, as_of_date) if days else None


def build_revenue_tree(orders: Table, as_of_date: str, days: int = PERIOD_DAYS) -> RevenueTree:
    r"""Take the change of revenue apart into what each factor added.

    Revenue is the number of customers who ordered, times orders per customer, times lines per
    order, times value per line; see `lmdi_contributions`. An inner node adds what its factors
    add together.

    The interval tells how far the figures would move if other customers of the same kind came.
    The totals :math:`T` (customers, orders, lines, value in both periods) are sums over
    customers :math:`i`; if each comes a Poisson(1) number of times, as in the Poisson bootstrap,
    their covariance is :math:`\Sigma = \sum_i x_i x_i^\top`, and a contribution :math:`c(T)` has
    the standard error :math:`\sqrt{\nabla c^\top \Sigma \nabla c}`. No draws are needed, so it
    costs one pass whatever the number of customers.

    Parameters
    ----------
    orders : ibis.Table
        As in the contract of ``orders``.
    as_of_date : str
        ISO date; later lines are not seen.
    days : int, default 91
        Length of a period.

    References
    ----------
    .. Chamandy, N. et al. (2012). Estimating uncertainty for massive data streams. Google.
    """
    lines = known_by(orders, "ordered_at", as_of_date)
    first = lines.aggregate(first=lines.ordered_at.min()).to_pandas().loc[0, "first"]
    periods = None
    if not pd.isna(first):
        periods = choose_periods(first.date().isoformat(), as_of_date, days)
    if periods is None:
        return RevenueTree(pd.DataFrame(), None)
    totals, moments = _sum_over_customers(orders, periods)
    return RevenueTree(_build_nodes(totals, moments), periods)


def _sum_over_customers(orders: Table, periods: Periods) -> tuple[np.ndarray, np.ndarray]:
    """Totals of `_TOTALS` before and now, shape (8,), and their second moments, (8, 8)."""
    after = days_after(periods.as_of_date, -periods.shift_days - periods.days)
    baskets = build_baskets(
        within(orders, "ordered_at", after, periods.as_of_date), periods.as_of_date
    )
    ago = baskets.days_ago
    spans = {"before": ago >= periods.shift_days, "now": ago < periods.days}
    parts = {}
    for name, span in spans.items():
        parts[f"customers_{name}"] = span.any().cast("int64")
        parts[f"orders_{name}"] = baskets.count(where=span)
        parts[f"lines_{name}"] = baskets.n_lines.sum(where=span).fill_null(0)
        parts[f"value_minor_{name}"] = baskets.value_minor.sum(where=span).fill_null(0)
    each = baskets.group_by("customer_id").agg(**parts)
    names = [f"{total}_{name}" for name in spans for total in _TOTALS]
    pairs = list(itertools.combinations_with_replacement(range(len(names)), 2))
    products = {  # squares of cents outgrow 64 bits
        f"p{i}_{j}": (each[names[i]].cast("float64") * each[names[j]].cast("float64")).sum()
        for i, j in pairs
    }
    sums = each.aggregate(**{name: each[name].sum() for name in names}, **products).to_pandas()
    moments = np.zeros((len(names), len(names)))
    for i, j in pairs:
        moments[i, j] = moments[j, i] = sums.loc[0, f"p{i}_{j}"]
    return sums.loc[0, names].fillna(0).to_numpy(dtype=float), np.nan_to_num(moments)


def _build_nodes(totals: np.ndarray, moments: np.ndarray) -> pd.DataFrame:
    before, now = _factors(totals[:4]), _factors(totals[4:])
    contributions = _node_contributions(totals)
    half = NormalDist().inv_cdf(0.975) * _standard_errors(totals, moments)
    rows = []
    for place, factors in enumerate(NODES.values()):
        index = [FACTORS.index(factor) for factor in factors]
        was, is_ = before[index].prod(), now[index].prod()
        change = is_ / was - 1 if was else float("nan")
        value = contributions[place]
        rows.append((was, is_, change, value, value - half[place], value + half[place]))
    columns = ["before", "now", "change_share", "contribution_value", "lower", "upper"]
    return pd.DataFrame(rows, columns=columns, index=pd.Index(NODES, name="node"))


def _factors(totals: np.ndarray) -> np.ndarray:
    """Divide totals into customers, orders, lines and shop currency each; 0 of nothing is 0."""
    steps = np.array([*totals[:3], totals[3] / 100])
    above = np.array([1.0, *totals[:3]])
    return np.divide(steps, above, out=np.zeros(4), where=above > 0)


def lmdi_contributions(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    r"""Split the change of a product over its factors, without a rest.

    The additive logarithmic mean Divisia index (LMDI-I): with
    :math:`V = \prod_k x_k` and the logarithmic mean
    :math:`L(a, b) = (a - b) / (\ln a - \ln b)`, :math:`L(a, a) = a`,

    .. math:: \Delta_k = L(V^1, V^0)\, \ln (x_k^1 / x_k^0),\qquad \sum_k \Delta_k = V^1 - V^0.

    Where a product is 0, the limit is taken: the first of its factors that is 0 there brought
    the whole change. Swapping the periods changes the signs only.

    Parameters
    ----------
    before, now : arrays of shape (n_factors,), at least 0
        The factors in the two periods.

    Returns
    -------
    array of shape (n_factors,)
        In the unit of the product.

    References
    ----------
    .. Ang, B. W. (2005). The LMDI approach to decomposition analysis: a practical guide. Energy
       Policy 33. The limits for zeros: Ang, B. W. and Liu, N. (2007), Energy Policy 35.

    Examples
    --------
    >>> lmdi_contributions(np.array([2.0, 5.0]), np.array([4.0, 5.0]))
    array([10.,  0.])
    """
    product_before, product_now = before.prod(), now.prod()
    if product_before == product_now == 0:
        return np.zeros(len(now))
    if product_before == 0 or product_now == 0:
        zeros = before if product_before == 0 else now
        alone = np.zeros(len(now))
        alone[np.flatnonzero(zeros == 0)[0]] = product_now - product_before
        return alone
    logs = np.log(now / before)
    return _logarithmic_mean(product_now, product_before) * logs


def _logarithmic_mean(a: float, b: float) -> float:
    return a if np.isclose(a, b, rtol=1e-9, atol=0) else (a - b) / (np.log(a) - np.log(b))


def _node_contributions(totals: np.ndarray) -> np.ndarray:
    of_factor = lmdi_contributions(_factors(totals[:4]), _factors(totals[4:]))
    return np.array(
        [
            of_factor[[FACTORS.index(factor) for factor in factors]].sum()
            for factors in NODES.values()
        ]
    )


def _standard_errors(totals: np.ndarray, moments: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """Delta method with central differences; NaN where customers are too few for it."""
    if min(totals[0], totals[4]) < _MIN_CUSTOMERS or totals.min() <= 0:
        return np.full(len(NODES), np.nan)
    slopes = np.empty((len(NODES), len(totals)))
    for place, shift in enumerate(np.diag(totals * step)):
        rise = _node_contributions(totals + shift) - _node_contributions(totals - shift)
        slopes[:, place] = rise / (2 * shift[place])
    return np.sqrt(np.einsum("ni,ij,nj->n", slopes, moments, slopes))


def unexplained_share(tree: RevenueTree) -> float:
    """Size of what the factors leave unexplained, as a share of the larger revenue; 0 if empty."""
    if tree.is_empty:
        return 0.0
    revenue = tree.nodes.loc["revenue"]
    added = tree.nodes.loc[list(FACTORS), "contribution_value"].sum()
    rest = revenue["now"] - revenue["before"] - added
    return float(abs(rest) / max(revenue["now"], revenue["before"], 1e-9))


def sales_change_share(tree: RevenueTree) -> float:
    """Change of revenue as a share of the earlier one; NaN where nothing is compared."""
    return float("nan") if tree.is_empty else float(tree.nodes.loc["revenue", "change_share"])


def describe_revenue_tree(tree: RevenueTree) -> str:
    """Say in a sentence what is compared, or why nothing is."""
    if tree.is_empty:
        return "**No revenue tree:** the history does not hold two full weeks to compare."
    periods = tree.periods
    first, last = days_after(periods.as_of_date, 1 - periods.days), periods.as_of_date
    other = [days_after(day, -periods.shift_days) for day in (first, last)]
    season = "" if periods.is_year_ago else " Part of a change may be the season's."
    return (
        f"{first} to {last} against {other[0]} to {other[1]}, {periods.words}; each is "
        f"{periods.days // _WEEK} full weeks.{season}"
    )
