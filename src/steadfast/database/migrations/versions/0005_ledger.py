"""The ledger: what was asked, what became of it, and when a server was there."""

import sqlalchemy as sa
from alembic import op

from steadfast.database.schema import UtcTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the tables."""
    _create_records()
    _create_rollups()
    _create_presence()
    _create_maintenance_and_jobs()


def _create_records() -> None:
    op.create_table(
        "ledger_chunks",
        sa.Column("file", sa.String(64), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("frames", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("file", name="pk_ledger_chunks"),
    )
    op.create_index("ix_ledger_chunks_until_us", "ledger_chunks", ["until_us"])


def _create_rollups() -> None:
    op.create_table(
        "ledger_minutes",
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "task", "outcome", name="pk_ledger_minutes"),
    )
    op.create_table(
        "ledger_durations",
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("measure", sa.String(16), nullable=False),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("engine", sa.String(64), nullable=False),
        sa.Column("size_class", sa.String(16), nullable=False),
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "hour", "measure", "task", "engine", "size_class", "bucket", name="pk_ledger_durations"
        ),
    )
    op.create_table(
        "ledger_errors",
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "task", "code", name="pk_ledger_errors"),
    )
    op.create_table(
        "ledger_readings",
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("engine", sa.String(64), nullable=False),
        sa.Column("reading", sa.String(32), nullable=False),
        sa.Column("measured", sa.BigInteger(), nullable=False),
        sa.Column("met", sa.BigInteger(), nullable=False),
        sa.Column("missed", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("least", sa.Float(), nullable=False),
        sa.Column("most", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "engine", "reading", name="pk_ledger_readings"),
    )


def _create_presence() -> None:
    op.create_table(
        "ledger_lives",
        sa.Column("life", sa.String(64), nullable=False),
        sa.Column("instance", sa.String(128), nullable=False),
        sa.Column("listening_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.Column("stopped", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("life", name="pk_ledger_lives"),
    )
    op.create_index("ix_ledger_lives_last_us", "ledger_lives", ["last_us"])
    op.create_table(
        "ledger_silences",
        sa.Column("life", sa.String(64), nullable=False),
        sa.Column("from_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("life", "from_us", name="pk_ledger_silences"),
    )


def _create_maintenance_and_jobs() -> None:
    op.create_table(
        "ledger_maintenance",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("begins_at", UtcTime(), nullable=False),
        sa.Column("ends_at", UtcTime(), nullable=False),
        sa.Column("announced_at", UtcTime(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_maintenance"),
    )
    op.create_table(
        "ledger_jobs",
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("submitted_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("took_s", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("job_id", name="pk_ledger_jobs"),
    )
    op.create_index("ix_ledger_jobs_submitted_at", "ledger_jobs", ["submitted_at"])
