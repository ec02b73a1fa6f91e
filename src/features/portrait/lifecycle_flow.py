"""Who moved from one stage of life to another between two dates."""

from ibis.expr.types import Table
import pandas as pd

from src.data.window import days_after
from src.features.rhythm import DEFAULT_LIFECYCLE, LIFECYCLE, LifecycleRules, lifecycle
from src.features.windows import build_baskets

__all__ = [
    "LOST",
    "NOT_YET",
    "build_lifecycle",
    "choose_before",
    "count_flows",
    "count_movers",
    "describe_flows",
    "tabulate_flows",
]

NOT_YET = "no customer yet"
LOST = "no longer known"
_ORDER = (NOT_YET, *LIFECYCLE, LOST)


def build_lifecycle(
    orders: Table, as_of_date: str, rules: LifecycleRules = DEFAULT_LIFECYCLE
) -> Table:
    """Tell every customer's stage of life as it was known on a date.

    It is what `build_profiles` says on that date, without the rest of the profile.

    Parameters
    ----------
    orders : ibis.Table
        As in the contract of ``orders``.
    as_of_date : str
        ISO date; later lines are not seen.
    rules : LifecycleRules
        Limits of new, active, slipping and lapsed.

    Returns
    -------
    ibis.Table
        One row per customer with an order by then: `customer_id`, `lifecycle`.
    """
    baskets = build_baskets(orders, as_of_date)
    habits = baskets.group_by("customer_id").agg(
        recency_days=baskets.days_ago.min(),
        tenure_days=baskets.days_ago.max(),
        n_days=baskets.days_ago.nunique(),
    )
    gaps = habits.mutate(  # the gaps between first and last day add up to the days between them
        gap_mean_days=(habits.tenure_days - habits.recency_days) / (habits.n_days - 1).nullif(0)
    )
    described = gaps.mutate(overdue_ratio=gaps.recency_days / gaps.gap_mean_days)
    return described.select("customer_id", lifecycle=lifecycle(described, rules))


def choose_before(
    earlier: Table | None,
    orders: Table,
    as_of_date: str,
    compare_days: int,
    rules: LifecycleRules = DEFAULT_LIFECYCLE,
) -> tuple[Table, str]:
    """Take the stages of an earlier run; without one, those of so many days ago.

    Parameters
    ----------
    earlier : ibis.Table or None
        ``profiles`` of an earlier run of the same shop: `customer_id`, `lifecycle`,
        `as_of_date`.
    orders, as_of_date, rules
        As for `build_lifecycle`; the date is the later one.
    compare_days : int
        Days between the two dates where there is no earlier run.

    Returns
    -------
    tuple of ibis.Table and str
        `customer_id` and `lifecycle`; ISO date on which they were so.
    """
    date = earlier.as_of_date.max().to_pyarrow().as_py() if earlier is not None else None
    if date is not None:
        return earlier.select("customer_id", "lifecycle"), date.isoformat()
    before_date = days_after(as_of_date, -compare_days)
    return build_lifecycle(orders, before_date, rules), before_date


def count_flows(before: Table, profiles: Table) -> pd.DataFrame:
    """Count who was in which stage before and is in which one now, and what they spent.

    Parameters
    ----------
    before : ibis.Table
        One row per customer known at the earlier date: `customer_id`, `lifecycle`.
    profiles : ibis.Table
        One row per customer known now: `customer_id`, `lifecycle`, `spend_365_value`.

    Returns
    -------
    pandas.DataFrame
        One row per pair that occurs, in the order of a life: `stage_before` (`NOT_YET` for
        those without an order then), `stage_now` (`LOST` for those who are known no more),
        `n_customers`, `before_share` of those who were in that stage, `spend_value` of the
        last 365 days, shop currency.
    """
    now = profiles.select(
        "customer_id",
        stage_now="lifecycle",
        spend_minor=(profiles.spend_365_value * 100).round().cast("int64"),
    )
    was = before.select(known_id="customer_id", stage_before="lifecycle")
    both = now.outer_join(was, now.customer_id == was.known_id)
    both = both.mutate(
        stage_before=both.stage_before.fill_null(NOT_YET), stage_now=both.stage_now.fill_null(LOST)
    )
    sums = both.group_by("stage_before", "stage_now").agg(
        n_customers=both.count(), spend_minor=both.spend_minor.sum().fill_null(0)
    )
    flows = sums.to_pandas()
    for name in ("stage_before", "stage_now"):
        flows[name] = pd.Categorical(flows[name], _ORDER, ordered=True)
    flows = flows.sort_values(["stage_before", "stage_now"], ignore_index=True)
    flows = flows.astype({"stage_before": str, "stage_now": str, "n_customers": "int64"})
    flows["before_share"] = flows["n_customers"] / flows.groupby("stage_before")[
        "n_customers"
    ].transform("sum")
    flows["spend_value"] = flows.pop("spend_minor") / 100
    return flows


def count_movers(flows: pd.DataFrame) -> int:
    """Count those who were customers before and are in another stage now."""
    has_moved = (flows["stage_before"] != flows["stage_now"]) & (flows["stage_before"] != NOT_YET)
    return int(flows.loc[has_moved, "n_customers"].sum())


def tabulate_flows(flows: pd.DataFrame) -> pd.DataFrame:
    """Lay the flows out for people: stages before down, stages now across.

    Returns
    -------
    pandas.DataFrame
        One row per stage before, one column per stage now, texts such as
        ``41 (5%) · 12,300``: customers, share of the row, their spend in 365 days.
    """
    texts = flows.assign(
        text=[
            f"{n:,} ({share:.0%}) · {spend:,.0f}"
            for n, share, spend in flows[["n_customers", "before_share", "spend_value"]].itertuples(
                index=False
            )
        ]
    )
    table = texts.pivot(index="stage_before", columns="stage_now", values="text")
    rows = [stage for stage in _ORDER if stage in table.index]
    columns = [stage for stage in _ORDER if stage in table.columns]
    table = table.reindex(index=rows, columns=columns).fillna("–")
    return table.rename_axis(index="before ↓ now →", columns=None)


def describe_flows(flows: pd.DataFrame, before_date: str) -> str:
    """Say in a sentence how many moved since a date, or why nobody could."""
    if (flows["stage_before"] == NOT_YET).all():
        return f"**No flow:** on {before_date} nobody had ordered yet."
    n_new = int(flows.loc[flows["stage_before"] == NOT_YET, "n_customers"].sum())
    n_then = int(flows["n_customers"].sum()) - n_new
    return (
        f"Since {before_date}, {count_movers(flows):,} of the {n_then:,} customers of that day "
        f"changed their stage, and {n_new:,} ordered for the first time."
    )
