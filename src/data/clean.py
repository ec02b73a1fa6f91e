"""Canonical tables from raw ones: what the rules trust, in the contract's types."""

import functools
import logging

import ibis
from ibis.expr.types import Table
import pandas as pd

from src.data.bots import flag_bots
from src.data.judge import Rule, judge
from src.data.outliers import limit_orders
from src.data.tables import TABLES
from src.data.values import as_id, as_number, as_text, end_of_last_day, row_json
from src.errors import SchemaError

__all__ = [
    "check_rejected_share",
    "clean_customers",
    "clean_events",
    "clean_exposures",
    "clean_orders",
    "clean_products",
    "clean_reviews",
    "collect_rejected",
    "count_steps",
    "judge_tables",
    "trusted_rows",
]

logger = logging.getLogger(__name__)

_PRODUCT_TEXTS = (
    *("department", "category", "product_type", "brand", "package_size"),
    *("product_name", "product_url", "image_url"),
)


def judge_tables(
    raw_tables: dict[str, Table], rules: dict[str, tuple[Rule, ...]]
) -> dict[str, Table]:
    """Name in every raw table the first rule that each row breaks.

    Returns
    -------
    dict of str to ibis.Table
        The raw tables with one more column, `rule`: null where the row is trusted.
    """
    return {name: judge(table, rules[name]) for name, table in raw_tables.items()}


def trusted_rows(judged: Table) -> Table:
    """Rows that broke no rule, without the column `rule`."""
    return judged.filter(judged["rule"].isnull()).drop("rule")


def collect_rejected(judged: dict[str, Table], rules: dict[str, tuple[Rule, ...]]) -> Table:
    """Collect every refused row of every raw table, with the rule and the row as JSON.

    Returns
    -------
    ibis.Table
        The table `rejected`.
    """
    parts = [_rejected_rows(name, table, rules[name]) for name, table in judged.items()]
    return functools.reduce(lambda a, b: a.union(b), parts)


def count_steps(
    raw_tables: dict[str, Table], rejected: Table, rules: dict[str, tuple[Rule, ...]]
) -> pd.DataFrame:
    """Count the rows before and after each rule.

    Returns
    -------
    DataFrame
        One row per raw table and rule, in order: `raw_table`, `rule`, `reason`, `n_before`,
        `n_rejected`, `n_after`, and what the rule says of itself: `family`, `mend`.
    """
    found = rejected.group_by(["source_table", "rule"]).agg(n=lambda t: t.count()).to_pandas()
    n_rejected = {(row.source_table, row.rule): int(row.n) for row in found.itertuples()}
    rows = []
    for name, table in raw_tables.items():
        n_before = int(table.count().execute())
        for rule, reason in _named_reasons(rules[name]).items():
            n_refused = n_rejected.get((name, rule), 0)
            n_after = n_before - n_refused
            if n_refused:
                logger.info("%s: %s %s -> %s", rule, name, f"{n_before:,}", f"{n_after:,}")
            rows.append((name, rule, reason, n_before, n_refused, n_after))
            n_before = n_after
    names = ["raw_table", "rule", "reason", "n_before", "n_rejected", "n_after"]
    return pd.DataFrame(rows, columns=names).merge(_traits(rules), on=["raw_table", "rule"])


def check_rejected_share(steps: pd.DataFrame, max_rejected_share: float) -> float:
    """Stop where the rules refuse more of a raw table than may be.

    Parameters
    ----------
    steps : DataFrame
        What :func:`count_steps` gave.
    max_rejected_share : float in [0, 1]
        Largest share of one raw table that may be refused.

    Returns
    -------
    float
        Share of all rows that was refused; 0 where there are none.

    Raises
    ------
    SchemaError
        If a raw table loses more.
    """
    for name, table in steps.groupby("raw_table", sort=False):
        n_rows, n_rejected = int(table["n_before"].iloc[0]), int(table["n_rejected"].sum())
        if n_rejected > max_rejected_share * n_rows:
            worst = table.loc[table["n_rejected"].idxmax()]
            raise SchemaError(
                f"Expected at most {max_rejected_share:.1%} of {name} to be refused, but "
                f"{n_rejected:,} of {n_rows:,} rows were, most by {worst['rule']} "
                f"({worst['reason']}); mend the source, or raise 02_clean.max_rejected_share."
            )
    n_rows = int(steps.drop_duplicates("raw_table")["n_before"].sum())
    return int(steps["n_rejected"].sum()) / n_rows if n_rows else 0.0


def clean_orders(lines: Table, quantity_ceiling: int, outliers: str = "flag") -> Table:
    """Give order lines the columns of `orders`.

    Parameters
    ----------
    lines : ibis.Table
        Bought lines, as :func:`src.data.refunds.split_refunds` gave them.
    quantity_ceiling : int
        A larger quantity, in pieces, is an outlier.
    outliers : {"flag", "winsorise"}
        What is done with it; see :func:`src.data.outliers.limit_orders`.

    Returns
    -------
    ibis.Table
        The table `orders`. Nothing in it tells of a later return.
    """
    limited = limit_orders(lines, quantity_ceiling, outliers)
    return limited.mutate(
        is_discounted=limited["discount_minor"] + limited["coupon_minor"] > 0
    ).select(*TABLES["orders"].column_names)


def clean_products(trusted: Table, others: list[Table]) -> Table:
    """List products, and a row of nulls for each that is only known from other tables.

    Parameters
    ----------
    trusted : ibis.Table
        Trusted rows of `products_raw`.
    others : list of ibis.Table
        Clean tables with `product_id`.
    """
    listed = trusted.select(
        product_id=as_id(trusted["product_id"]),
        manufacturer_id=as_id(trusted["manufacturer_id"]),
        list_value=as_number(trusted["list_value"]),
        unit_cost_value=as_number(trusted["unit_cost"]),
        **{name: as_text(trusted[name]) for name in _PRODUCT_TEXTS},
    )
    return _with_stubs("products", listed, others)


def clean_customers(trusted: Table, others: list[Table]) -> Table:
    """List customers, and a row of nulls for each that is only known from other tables.

    Parameters
    ----------
    trusted : ibis.Table
        Trusted rows of `customers_raw`.
    others : list of ibis.Table
        Clean tables with `customer_id`.
    """
    names = TABLES["customers"].column_names
    listed = trusted.select(**{name: as_text(trusted[name]) for name in names})
    return _with_stubs("customers", listed, others)


def clean_events(trusted: Table, max_events_per_minute: int) -> Table:
    """Events with their type in small letters; those of programs are kept, but flagged.

    Parameters
    ----------
    trusted : ibis.Table
        Trusted rows of `events_raw`.
    max_events_per_minute : int
        What is still believed of a person; see :func:`src.data.bots.flag_bots`.
    """
    events = trusted.select(
        event_id=trusted["source_row"].cast("string"),
        customer_id=trusted["customer_id"],
        event_type=as_text(trusted["event_type"]).lower(),
        event_at=trusted["event_at"],
        product_id=as_id(trusted["product_id"]),
        campaign_id=as_id(trusted["campaign_id"]),
        session_id=as_id(trusted["session_id"]),
        user_agent=trusted["user_agent"],
    )
    return flag_bots(events, max_events_per_minute)


def clean_reviews(trusted: Table) -> Table:
    """Reviews with their text as given."""
    return trusted.select(
        review_id=trusted["source_row"].cast("string"),
        customer_id=trusted["customer_id"],
        product_id=as_id(trusted["product_id"]),
        reviewed_at=trusted["reviewed_at"],
        rating=as_number(trusted["rating"]),
        review_text=as_text(trusted["review_text"]),
    )


def clean_exposures(trusted: Table) -> Table:
    """Past contacts; an end without a time of day lasts to the end of that day."""
    return trusted.select(
        campaign_id=as_id(trusted["campaign_id"]),
        customer_id=trusted["customer_id"],
        exposed_at=trusted["exposed_at"],
        ended_at=end_of_last_day(trusted["ended_at"]),
        action=as_text(trusted["action"]),
        is_randomised=trusted["is_randomised"].fill_null(False),
        pscore=as_number(trusted["pscore"]),
        pscores=as_text(trusted["pscores"]),
    )


def _rejected_rows(name: str, judged: Table, rules: tuple[Rule, ...]) -> Table:
    refused = judged.filter(judged["rule"].notnull())
    columns = [column for column in judged.columns if column not in ("source_row", "rule")]
    reasons = list(_named_reasons(rules).items())
    return refused.select(
        source_table=ibis.literal(name),
        source_row=refused["source_row"],
        rule=refused["rule"],
        reason=ibis.cases(*((refused["rule"] == rule, reason) for rule, reason in reasons)),
        row=row_json(refused, columns),
    )


def _traits(rules: dict[str, tuple[Rule, ...]]) -> pd.DataFrame:
    """Family and remedy of each rule name; rules of one name share those of the first."""
    rows = [(name, rule.name, rule.family, rule.mend) for name in rules for rule in rules[name]]
    traits = pd.DataFrame(rows, columns=["raw_table", "rule", "family", "mend"])
    return traits.drop_duplicates(["raw_table", "rule"])


def _named_reasons(rules: tuple[Rule, ...]) -> dict[str, str]:
    """Reason of each rule name; rules of one name are told together."""
    reasons: dict[str, str] = {}
    for rule in rules:
        earlier = reasons.get(rule.name)
        reasons[rule.name] = f"{earlier}, or {rule.reason}" if earlier else rule.reason
    return reasons


def _with_stubs(name: str, listed: Table, others: list[Table]) -> Table:
    contract = TABLES[name]
    key, *attributes = contract.column_names
    stubs = (
        _distinct_ids(others, key)
        .anti_join(listed, key)
        .mutate(**{attribute: ibis.null(listed[attribute].type()) for attribute in attributes})
    )
    return listed.select(*contract.column_names).union(stubs.select(*contract.column_names))


def _distinct_ids(tables: list[Table], key: str) -> Table:
    parts = [table.filter(table[key].notnull()).select(key).distinct() for table in tables]
    return functools.reduce(lambda a, b: a.union(b, distinct=True), parts)
