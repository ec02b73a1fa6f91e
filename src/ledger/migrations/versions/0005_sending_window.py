"""The hours, days and dates in which a campaign's messages may leave."""

from alembic import op
import sqlalchemy as sa

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the window; campaigns that are there have none."""
    op.add_column("campaigns", sa.Column("sending_window", sa.Text))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("campaigns", "sending_window")
