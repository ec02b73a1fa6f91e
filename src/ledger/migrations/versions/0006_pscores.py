"""The probability of every arm, not only of the one that was drawn."""

from alembic import op
import sqlalchemy as sa

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them; of draws that are there only the one is known."""
    op.add_column("assignments", sa.Column("pscores", sa.Text))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("assignments", "pscores")
