"""Many servers on one database: what a job's workers must be able to do, who is there, what all count."""

import sqlalchemy as sa
from alembic import op

from steadfast.database.schema import UtcTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds a column, exchanges an index, makes the tables."""
    op.add_column(
        "jobs", sa.Column("capability", sa.String(64), nullable=False, server_default=sa.text("''"))
    )
    op.drop_index("ix_jobs_turn", "jobs")
    waiting = sa.text("ready_steps > 0")
    op.create_index(
        "ix_jobs_turn",
        "jobs",
        ["task", "capability", "owner", "priority", "state", "served_s", "id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    _create_nodes()
    op.create_table(
        "rate_buckets",
        sa.Column("client", sa.String(200), nullable=False),
        sa.Column("full_at_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("client", name="pk_rate_buckets"),
    )
    op.create_index("ix_rate_buckets_full_at_s", "rate_buckets", ["full_at_s"])
    readers = op.create_table(
        "schema_readers",
        sa.Column("oldest", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("oldest", name="pk_schema_readers"),
    )
    op.bulk_insert(readers, [{"oldest": "0006"}])


def _create_nodes() -> None:
    op.create_table(
        "cluster_nodes",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("incarnation", sa.String(200), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("seen_s", sa.Float(), nullable=False),
        sa.Column("skew_s", sa.Float(), nullable=False),
        sa.Column("wanted", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cluster_nodes"),
    )
    op.create_index("ix_cluster_nodes_seen_s", "cluster_nodes", ["seen_s"])
