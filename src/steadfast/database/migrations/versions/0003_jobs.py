"""Jobs, their items and steps, and what happened to them."""

import sqlalchemy as sa
from alembic import op

from steadfast.database.schema import UtcTime

revision = "0003"
down_revision = "0002"

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the tables."""
    _create_job_attempts()
    _create_job_flows()
    _create_job_history()
    _create_job_items()
    _create_job_labels()
    _create_job_steps()
    _create_jobs()


def _create_job_attempts() -> None:
    op.create_table(
        "job_attempts",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(200), nullable=False),
        sa.Column("worker", sa.String(100), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("fault", sa.String(16), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("began_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=False),
        sa.Column("device_s", sa.Float(), nullable=False),
        sa.Column("cpu_s", sa.Float(), nullable=False),
        sa.Column("frames", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_job_attempts"),
    )
    op.create_index("ix_job_attempts_job", "job_attempts", ["job_id", "id"])


def _create_job_flows() -> None:
    op.create_table(
        "job_flows",
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("is_waiting", sa.Boolean(), nullable=False),
        sa.Column("served_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("task", "owner", "priority", name="pk_job_flows"),
    )
    op.create_index("ix_job_flows_served", "job_flows", ["task", "priority", "served_s"])
    op.create_index("ix_job_flows_turn", "job_flows", ["is_waiting", "task", "priority", "served_s"])


def _create_job_history() -> None:
    op.create_table(
        "job_history",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_job_history"),
    )
    op.create_index("ix_job_history_job", "job_history", ["job_id", "id"])


def _create_job_items() -> None:
    op.create_table(
        "job_items",
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("pin_sum", sa.String(64), nullable=False),
        sa.Column("brief", sa.LargeBinary(), nullable=False),
        sa.Column("suffix", sa.String(16), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("segments_left", sa.Integer(), nullable=False),
        sa.Column("result_blob", sa.String(256), nullable=False),
        sa.Column("result_bytes", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("degraded", sa.Text(), nullable=False),
        sa.Column("answered_from", sa.String(32), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "number", name="pk_job_items"),
    )
    op.create_index(
        "ix_job_items_identity",
        "job_items",
        ["owner", "identity"],
        sqlite_where=sa.text("result_blob <> ''"),
        postgresql_where=sa.text("result_blob <> ''"),
    )


def _create_job_labels() -> None:
    op.create_table(
        "job_labels",
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.String(200), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "name", name="pk_job_labels"),
    )
    op.create_index("ix_job_labels_value", "job_labels", ["owner", "name", "value", "job_id"])


def _create_job_steps() -> None:
    op.create_table(
        "job_steps",
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("brief", sa.LargeBinary(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("units_done", sa.Integer(), nullable=False),
        sa.Column("untouched", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(200), nullable=False),
        sa.Column("lease_until_s", sa.Float(), nullable=False),
        sa.Column("leased_at", UtcTime(), nullable=True),
        sa.Column("blob", sa.String(256), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "item", "kind", "number", name="pk_job_steps"),
    )
    op.create_index(
        "ix_job_steps_leases",
        "job_steps",
        ["lease_until_s"],
        sqlite_where=sa.text("state = 'leased'"),
        postgresql_where=sa.text("state = 'leased'"),
    )
    op.create_index(
        "ix_job_steps_pending",
        "job_steps",
        ["job_id", "item", "kind", "number"],
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("on_segment_failure", sa.String(16), nullable=False),
        sa.Column("on_pin_lost", sa.String(16), nullable=False),
        sa.Column("segment_s", sa.Float(), nullable=False),
        sa.Column("callback_url", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("fresh", sa.Boolean(), nullable=False),
        sa.Column("keep_inputs_s", sa.Float(), nullable=True),
        sa.Column("keep_results_s", sa.Float(), nullable=True),
        sa.Column("ready_steps", sa.Integer(), nullable=False),
        sa.Column("served_s", sa.Float(), nullable=False),
        sa.Column("held", sa.String(300), nullable=False),
        sa.Column("pin", sa.Text(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("degraded", sa.Text(), nullable=False),
        sa.Column("incidents", sa.Text(), nullable=False),
        sa.Column("items_total", sa.Integer(), nullable=False),
        sa.Column("items_done", sa.Integer(), nullable=False),
        sa.Column("items_failed", sa.Integer(), nullable=False),
        sa.Column("segments_total", sa.Integer(), nullable=False),
        sa.Column("segments_done", sa.Integer(), nullable=False),
        sa.Column("units_total", sa.BigInteger(), nullable=False),
        sa.Column("units_done", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failed_attempts", sa.Integer(), nullable=False),
        sa.Column("input_bytes", sa.BigInteger(), nullable=False),
        sa.Column("output_bytes", sa.BigInteger(), nullable=False),
        sa.Column("device_s", sa.Float(), nullable=False),
        sa.Column("cpu_s", sa.Float(), nullable=False),
        sa.Column("frames", sa.BigInteger(), nullable=False),
        sa.Column("pixels", sa.BigInteger(), nullable=False),
        sa.Column("faces", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("inputs_gone_at", UtcTime(), nullable=True),
        sa.Column("results_gone_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index(
        "ix_jobs_expires_at",
        "jobs",
        ["expires_at"],
        sqlite_where=sa.text("ended_at IS NULL AND expires_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NULL AND expires_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_held",
        "jobs",
        ["held"],
        sqlite_where=sa.text("held <> ''"),
        postgresql_where=sa.text("held <> ''"),
    )
    op.create_index("ix_jobs_owner", "jobs", ["owner", "id"])
    op.create_index("ix_jobs_owner_state", "jobs", ["owner", "state", "id"])
    op.create_index("ix_jobs_state", "jobs", ["state", "id"])
    op.create_index(
        "ix_jobs_subject",
        "jobs",
        ["subject"],
        sqlite_where=sa.text("subject <> ''"),
        postgresql_where=sa.text("subject <> ''"),
    )
    op.create_index(
        "ix_jobs_turn",
        "jobs",
        ["task", "owner", "priority", "state", "served_s", "id"],
        sqlite_where=sa.text("ready_steps > 0"),
        postgresql_where=sa.text("ready_steps > 0"),
    )
