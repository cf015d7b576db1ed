"""Who holds the claim of an Idempotency-Key, so that a restart ends what a dead server had begun."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Adds a column."""
    op.add_column(
        "idempotency_records",
        sa.Column("claimed_by", sa.String(200), nullable=False, server_default=sa.text("''")),
    )
