"""Counts for monitoring, in the text format of Prometheus: no names, no addresses, no keys."""

from sqlalchemy import Column, Connection, func, select

from src.ledger.schema import feedback, messages, responses, suppressions
from src.ledger.store import Ledger

__all__ = ["is_healthy", "write_metrics"]


def is_healthy(ledger: Ledger) -> bool:
    """Whether the ledger answers."""
    with ledger.read() as connection:
        return connection.scalar(select(1)) == 1


def write_metrics(ledger: Ledger) -> str:
    """Count messages by state, feedback and responses by kind, and the list of the suppressed."""
    with ledger.read() as connection:
        lines = [
            *_by(connection, "messages", "campaign_id", messages.c.campaign_id, messages.c.state),
            *_by(connection, "feedback", "campaign_id", feedback.c.campaign_id, feedback.c.kind),
            *_by(connection, "responses", "agent", responses.c.agent, responses.c.kind),
            *_by(connection, "suppressions", "channel", suppressions.c.channel, None),
        ]
    return "\n".join(lines) + "\n"


def _by(
    connection: Connection, name: str, first: str, column: Column, second: Column | None
) -> list[str]:
    keys = [column] if second is None else [column, second]
    lines = [f"# TYPE campanile_{name} gauge"]
    query = select(*keys, func.count()).group_by(*keys).order_by(*keys)
    for row in connection.execute(query):
        *values, n = row
        labels = dict(zip((first, getattr(second, "name", "")), values, strict=False))
        text = ",".join(f'{label}="{_escape(value)}"' for label, value in labels.items())
        lines.append(f"campanile_{name}{{{text}}} {n}")
    return lines


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
