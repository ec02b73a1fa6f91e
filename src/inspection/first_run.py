"""Drafts of the params and the campaign of a first run, from what the whole data says."""

from dataclasses import dataclass
import datetime as dt
import math
from pathlib import Path

from ibis.expr.types import Table
import pandas as pd

from src.data.clean import judge_tables
from src.data.ingest import read_raw_tables
from src.data.rules import build_rules
from src.data.values import as_number
from src.engine import connect
from src.errors import SchemaError
from src.keys import read_key
from src.root import PROJECT_ROOT
from src.sources.config import Source
from src.sources.landing import land_source
from src.sources.mapping import check_source
from src.sources.raw_columns import column_kind

__all__ = [
    "Findings",
    "draft_campaign",
    "draft_params",
    "find_first_run",
    "last_plausible_day",
    "shown_path",
]

OUTCOME_DAYS = 56
"""Days after the as-of date over which 08 judges, as its notebook declares."""

_LEAST_OUTCOMES = 3  # so many outcome windows of history make a rehearsal worth its while
_FIRST_PLAUSIBLE = "2000-01-01"
_ALLOWED_SHARE = 0.05  # of rows refused, as the notebook of 02 declares
_STRAY_SHARE = 0.001
_STRAY_DAYS = 31


@dataclass(frozen=True)
class Findings:
    """What the whole data says about a first run.

    Parameters
    ----------
    n_lines, n_customers : int
        Order lines, and customers who have one, before any rule.
    first_day, last_day : datetime.date
        Of the orders, strays in the future left out.
    last_fact : datetime.date
        Last plausible day of any table.
    n_later : int
        Order lines after `last_day`.
    refused_share : float
        Largest share of one raw table that the rules refuse.
    refused_table, refused_rule : str
        Which table that is, and the rule that refuses the most of it; empty if none.
    n_free_lines : int
        Goods for which nothing was paid.
    basket_value : float
        Median value of an order, shop currency.
    """

    n_lines: int
    n_customers: int
    first_day: dt.date
    last_day: dt.date
    last_fact: dt.date
    n_later: int
    refused_share: float
    refused_table: str
    refused_rule: str
    n_free_lines: int
    basket_value: float

    @property
    def is_rehearsal(self) -> bool:
        """Whether there is history enough to keep an outcome window of it for 08."""
        return (self.last_day - self.first_day).days >= _LEAST_OUTCOMES * OUTCOME_DAYS

    @property
    def as_of_date(self) -> dt.date:
        """As-of date of a first run."""
        return self.last_day - dt.timedelta(days=OUTCOME_DAYS * self.is_rehearsal)


def find_first_run(path: str, raw_dir: Path) -> tuple[Source, Findings]:
    """Land a source as 01 does, and look at all of it with the rules of 02.

    Parameters
    ----------
    path : str
        The source file; a relative path starts at the project root.
    raw_dir : Path
        Where what is fetched or converted is kept; the run finds it there again.

    Raises
    ------
    ParameterError, SchemaError, SourceError, ConfigurationError
        If the source cannot be used as it is, or no order has a plausible date.
    """
    source = check_source(path)
    landed = land_source(path, source, raw_dir)
    key = read_key(source.name, source.is_public)
    raw_tables = read_raw_tables(connect("duckdb"), source, landed, key)
    raw_tables = {name: raw_tables[name].cache() for name in source.tables}
    orders = raw_tables["orders_raw"]
    days = _count_days(orders, "ordered_at")
    if days.empty:
        raise SchemaError(
            f"Expected orders with a time since {_FIRST_PLAUSIBLE} in {path}, found none; see "
            "`campanile source check` for how the column of ordered_at is read."
        )
    last_day = last_plausible_day(days)
    last_fact = max([last_day, *_last_days(raw_tables)])
    share, table, rule = _worst(raw_tables, last_fact)
    bought = orders.filter(as_number(orders["quantity"]) > 0)
    baskets = bought.group_by("order_id").agg(value=bought["line_value"].sum())
    median = baskets.filter(baskets["value"] > 0)["value"].median().execute()
    return source, Findings(
        n_lines=int(orders.count().execute()),
        n_customers=int(orders["customer_id"].nunique().execute()),
        first_day=days.index[0],
        last_day=last_day,
        last_fact=last_fact,
        n_later=int(days[days.index > last_day].sum()),
        refused_share=share,
        refused_table=table,
        refused_rule=rule,
        n_free_lines=int(bought.filter(bought["line_value"] == 0).count().execute()),
        basket_value=0.0 if pd.isna(median) else float(median),
    )


def last_plausible_day(days: pd.Series) -> dt.date:
    """Last day that is no stray: at most a month after all but one in a thousand rows.

    Parameters
    ----------
    days : Series of int
        Rows by day, in order of days.

    Examples
    --------
    >>> days = [dt.date(2024, 5, 1), dt.date(2024, 5, 9), dt.date(2099, 1, 1)]
    >>> last_plausible_day(pd.Series([1000, 1000, 1], index=days))
    datetime.date(2024, 5, 9)
    """
    is_common = days.cumsum() >= (1 - _STRAY_SHARE) * days.sum()
    latest = days.index[is_common][0] + dt.timedelta(days=_STRAY_DAYS)
    return days.index[days.index <= latest][-1]


def _count_days(table: Table, column: str) -> pd.Series:
    """Rows by day, without the time before all shops, in order."""
    days = table.select(day=table[column].date()).filter(lambda t: t["day"].notnull())
    found = days.group_by("day").agg(n=lambda t: t.count()).order_by("day").to_pandas()
    found["day"] = [pd.Timestamp(day).date() for day in found["day"]]
    return found[found["day"] >= dt.date.fromisoformat(_FIRST_PLAUSIBLE)].set_index("day")["n"]


def _last_days(raw_tables: dict[str, Table]) -> list[dt.date]:
    counted = [
        _count_days(table, column)
        for name, table in raw_tables.items()
        if name != "rates_raw"
        for column in table.columns
        if column_kind(column) == "time"
    ]
    return [last_plausible_day(days) for days in counted if not days.empty]


def _worst(raw_tables: dict[str, Table], last_fact: dt.date) -> tuple[float, str, str]:
    """Largest share of a raw table that is refused, which table, and by which rule most."""
    rules = build_rules(_FIRST_PLAUSIBLE, last_fact.isoformat(), rates=raw_tables.get("rates_raw"))
    worst = (0.0, "", "")
    for name, judged in judge_tables(raw_tables, rules).items():
        counts = judged.group_by("rule").agg(n=lambda t: t.count()).to_pandas()
        refused = counts.dropna(subset=["rule"]).set_index("rule")["n"]
        if len(refused):
            worst = max(worst, (refused.sum() / counts["n"].sum(), name, str(refused.idxmax())))
    return worst


def draft_params(path: str, source: Source, found: Findings, campaign: str, raw_dir: str) -> str:
    """Draft the params file of a first run: every line says why it is as it is.

    Parameters
    ----------
    path : str
        The source file.
    source : Source
        What it says.
    found : Findings
        What its data says.
    campaign : str
        The campaign file.
    raw_dir : str
        Where landed data is kept.
    """
    as_of = f"{OUTCOME_DAYS} days before the last order: 08 can then rehearse its verdict"
    if not found.is_rehearsal:
        as_of = "the last order: so short a history leaves nothing for 08, which has to wait"
    lines = [
        "# Drafted from the data by `campanile source draft`: read every line.",
        "run:",
        _line("as_of_date", f'"{found.as_of_date}"', as_of),
        _line("seed", "1", "any whole number; the same one gives the same draws"),
        _line("campaign", f'"{campaign}"', "what is offered, at what cost"),
        "01_ingest:",
        _line("source", f'"{path}"', "where the data is"),
        _line("max_customers", "0", "all; 300 for a quick try"),
    ]
    if not _says_consent_times(source):
        before = found.first_day - dt.timedelta(days=1)
        why = "when people agreed, since the source does not say; before the first order"
        lines.append(_line("consent_date", f'"{before}"', why))
    if raw_dir != "data/raw":
        lines.append(_line("raw_dir", f'"{raw_dir}"', "where landed data is kept"))
    return "\n".join([*lines, *_cleaning(found), *_wording(source)]) + "\n"


def _says_consent_times(source: Source) -> bool:
    people = source.people
    return people == "none" or (people != "invented" and "consented_at" in people.columns)


def _cleaning(found: Findings) -> list[str]:
    later = f"; {found.n_later:,} order lines are later" if found.n_later else ""
    lines = [
        "02_clean:",
        _line(
            "last_plausible_date",
            f'"{found.last_fact}"',
            f"the last day of the data, to be raised with the next export{later}",
        ),
    ]
    if found.refused_share > _ALLOWED_SHARE:
        allowed = min(1.0, math.ceil((found.refused_share + 0.01) * 20) / 20)
        why = f"{found.refused_share:.1%} of {found.refused_table} is refused, most by "
        why += f"{found.refused_rule}: lower it once that is mended"
        lines.append(_line("max_rejected_share", f"{allowed:.2f}", why))
    if found.n_free_lines:
        why = f"take the # away to refuse lines that cost nothing ({found.n_free_lines:,})"
        lines.append(_line("# rules_on", '["orders_raw.free_line"]', why))
    return lines


def _wording(source: Source) -> list[str]:
    return [
        "06_campaign:",
        _line("currency", source.currency, "as in the source file"),
        _line("wording", '"params/wording/plain_en.yaml"', "how names of products read"),
        _line("shop_url", '"https://shop.example.com/"', "your shop: where the button leads"),
        _line("link_hosts", "[shop.example.com]", "your hosts: links lead nowhere else"),
    ]


def draft_campaign(source: Source, found: Findings) -> str:
    """Draft a campaign of two plain offers, sized by the median order.

    Parameters
    ----------
    source : Source
        The shop.
    found : Findings
        What its data says.
    """
    basket = _round_number(found.basket_value)
    amount = _round_number(found.basket_value / 10)
    title = source.name.replace("_", " ").title()
    return f"""\
# Drafted from the data by `campanile source draft`: the median order is worth \
{found.basket_value:,.2f} {source.currency}.
campaign_id: {source.name}_first
goal: More profit in the eight weeks after the message, net of discount and cost.
channel: email
margin_share: 0.25            # ASSUMED: your margin, as a share of what the shop receives
sender_name: {title}
sender_address: hello@shop.example.com                     # yours, before anything is sent live
postal_address: 1 Market Square, Springfield               # yours
unsubscribe_url: https://shop.example.com/unsubscribe      # yours
actions:                      # `control` (nobody writes) is always an arm
  ten_percent:
    label: 10 % off an order
    template: basket_offer    # a folder of params/templates
    cost_value: 0.02          # ASSUMED: of one message
    discount_share: 0.10
    discount_ceiling_value: {basket / 5:g}
    redemption_share: 0.05    # ASSUMED
  amount_off:
    label: {amount:g} {source.currency} off an order of {basket:g}
    template: basket_offer
    cost_value: 0.02          # ASSUMED
    discount_value: {amount:g}
    minimum_basket_value: {basket:g}
    redemption_share: 0.05    # ASSUMED
"""


def _round_number(value: float) -> float:
    """Largest of 1, 2, 5, 10, 20, 50, … that is not above the value; at least 1.

    Examples
    --------
    >>> _round_number(296.42), _round_number(29.64), _round_number(0.3)
    (200.0, 20.0, 1.0)
    """
    if value < 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in (1, 2, 5) if step * power <= value)


def _line(name: str, value: str, why: str) -> str:
    return f"  {name}: {value}".ljust(42) + f"  # {why}"


def shown_path(path: Path) -> str:
    """Path from the project root where it lies below it."""
    full = path.absolute()
    return str(full.relative_to(PROJECT_ROOT) if full.is_relative_to(PROJECT_ROOT) else full)
