"""Assignments say within which stratum they were drawn, and why the customer could be drawn."""

from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COLUMNS = {"stratum": 120, "eligibility_id": 64, "eligibility_reason": 200}


def upgrade() -> None:
    """Add the columns; assignments made before stay as they are, with nothing in them."""
    for name, length in _COLUMNS.items():
        op.add_column("assignments", sa.Column(name, sa.String(length), nullable=True))


def downgrade() -> None:
    """Drop the columns."""
    with op.batch_alter_table("assignments") as assignments:
        for name in _COLUMNS:
            assignments.drop_column(name)
