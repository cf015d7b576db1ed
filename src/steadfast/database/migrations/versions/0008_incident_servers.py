"""Whose incident it is, so that a server that starts ends none that another one still has."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Adds a column."""
    op.add_column(
        "incidents", sa.Column("server", sa.String(100), nullable=False, server_default=sa.text("''"))
    )
