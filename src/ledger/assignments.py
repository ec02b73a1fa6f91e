"""Who drew which arm with what probability, written before anything is sent."""

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import Connection, Row, insert, select

from src.errors import LedgerError
from src.ledger.schema import assignments as assignments_table
from src.ledger.store import Ledger, chunks, rows_of

__all__ = ["assigned_actions", "read_assignments", "record_assignments"]

_COLUMNS = (
    "campaign_id",
    "customer_id",
    "action",
    "pscore",
    "salt",
    "policy_version",
    "decided_at",
)
_CIRCUMSTANCES = ("stratum", "eligibility_id", "eligibility_reason", "pscores")
_TOLERANCE = 1e-9


def record_assignments(ledger: Ledger, assignments: pd.DataFrame) -> int:
    """Keep the draw of each customer; the same draw again changes nothing.

    Parameters
    ----------
    ledger : Ledger
        Where to keep them.
    assignments : DataFrame
        One row per campaign and customer: `campaign_id`, `customer_id`, `action`, `pscore`
        (empty only outside the experiment), `salt`, `policy_version`, `decided_at`. Kept where
        given, though no draw depends on them afterwards: `stratum` within which it was drawn,
        `eligibility_id` (hash of the table that said who may be contacted),
        `eligibility_reason` (why this customer may) and `pscores` (probability of every arm that
        could have been drawn, as JSON).

    Returns
    -------
    int
        Assignments that were new.

    Raises
    ------
    LedgerError
        If a customer of the campaign already drew another arm, or the same with another
        probability.
    """
    given = assignments.reindex(columns=[*assignments.columns.union(_CIRCUMSTANCES, sort=False)])
    rows = rows_of(given, (*_COLUMNS, *_CIRCUMSTANCES))
    _check_unique(rows)
    with ledger.write() as connection:
        fresh = []
        for campaign_id in sorted({row["campaign_id"] for row in rows}):
            drawn = [row for row in rows if row["campaign_id"] == campaign_id]
            known = _known(connection, campaign_id, [row["customer_id"] for row in drawn])
            _check_same(known, drawn)
            fresh += [row for row in drawn if row["customer_id"] not in known]
        for piece in chunks(fresh):
            connection.execute(insert(assignments_table), piece)
    return len(fresh)


def assigned_actions(
    connection: Connection, campaign_id: str, customer_ids: Sequence[str]
) -> dict[str, str]:
    """Arm of each customer that has one in a campaign."""
    known = _known(connection, campaign_id, customer_ids)
    return {customer_id: row.action for customer_id, row in known.items()}


def read_assignments(
    connection: Connection, campaign_id: str, customer_ids: Sequence[str]
) -> pd.DataFrame:
    """Give what was drawn for customers of a campaign, as it was drawn.

    Parameters
    ----------
    connection : Connection
        From `Ledger.read`.
    campaign_id : str
        The experiment.
    customer_ids : sequence of str
        Whom to look up; who has no assignment has no row.

    Returns
    -------
    DataFrame
        One row per customer found, by `customer_id`: `action`, `pscore`, `salt`,
        `policy_version`, `stratum`, `eligibility_id`, `eligibility_reason`, `pscores`.
    """
    names = ("customer_id", "action", "pscore", "salt", "policy_version", *_CIRCUMSTANCES)
    columns = assignments_table.c
    wanted = [columns[name] for name in names]
    rows = []
    for piece in chunks(list(customer_ids)):
        query = select(*wanted).where(
            columns.campaign_id == campaign_id, columns.customer_id.in_(piece)
        )
        rows += connection.execute(query).all()
    found = pd.DataFrame(rows, columns=list(names))
    return found.sort_values("customer_id", ignore_index=True).astype({"pscore": float})


def _known(connection: Connection, campaign_id: str, customer_ids: Sequence[str]) -> dict[str, Row]:
    columns = assignments_table.c
    found = {}
    for piece in chunks(list(customer_ids)):
        query = select(columns.customer_id, columns.action, columns.pscore).where(
            columns.campaign_id == campaign_id, columns.customer_id.in_(piece)
        )
        found |= {row.customer_id: row for row in connection.execute(query)}
    return found


def _check_unique(rows: list[dict]) -> None:
    keys = [(row["campaign_id"], row["customer_id"]) for row in rows]
    if len(set(keys)) < len(keys):
        raise LedgerError(
            "Expected one assignment per campaign and customer, but "
            f"{len(keys) - len(set(keys))} rows repeat one; decide once in 05_decide."
        )


def _check_same(known: dict[str, Row], drawn: list[dict]) -> None:
    changed = [
        row
        for row in drawn
        if row["customer_id"] in known and not _is_same(known[row["customer_id"]], row)
    ]
    if changed:
        first = changed[0]
        raise LedgerError(
            f"Expected the assignments of {first['campaign_id']} to stay as they were drawn, but "
            f"{len(changed)} customers would change theirs (first: {first['customer_id']!r}, "
            f"{known[first['customer_id']].action} → {first['action']}); a campaign is drawn once: "
            "start a new run or a new campaign."
        )


def _is_same(known: Row, row: dict) -> bool:
    if known.action != row["action"] or (known.pscore is None) != (row["pscore"] is None):
        return False
    return known.pscore is None or abs(known.pscore - row["pscore"]) < _TOLERANCE
