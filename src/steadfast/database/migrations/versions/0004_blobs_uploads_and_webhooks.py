"""Files that are kept and who needs them, uploads, webhooks, and the record of what was deleted."""

import sqlalchemy as sa
from alembic import op

from steadfast.database.schema import UtcTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the tables."""
    _create_blobs()
    _create_uploads()
    _create_webhooks()
    _create_records_of_deletion()
    _index_what_is_due()


def _create_blobs() -> None:
    op.create_table(
        "blobs",
        sa.Column("space", sa.String(64), nullable=False),
        sa.Column("made_from", sa.String(80), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored_name", sa.String(256), nullable=False),
        sa.Column("kept_at", UtcTime(), nullable=False),
        sa.Column("free_since", UtcTime(), nullable=True),
        sa.Column("is_damaged", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("space", "made_from", "sha256", name="pk_blobs"),
    )
    op.create_index("ix_blobs_free_since", "blobs", ["free_since"])
    op.create_index("ix_blobs_stored_name", "blobs", ["stored_name"], unique=True)
    op.create_table(
        "blob_references",
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("space", sa.String(64), nullable=False),
        sa.Column("made_from", sa.String(80), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("referred_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "role", "space", "made_from", "sha256", name="pk_blob_references"),
        sa.ForeignKeyConstraint(
            ["space", "made_from", "sha256"],
            ["blobs.space", "blobs.made_from", "blobs.sha256"],
            name="fk_blob_references_blobs",
        ),
    )
    op.create_index("ix_blob_references_blob", "blob_references", ["space", "made_from", "sha256"])
    op.create_index("ix_blob_references_referred_at", "blob_references", ["referred_at", "owner"])


def _create_uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("space", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("announced", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
    )
    op.create_index("ix_uploads_expires_at", "uploads", ["expires_at"])
    op.create_index("ix_uploads_space", "uploads", ["space"])


def _create_webhooks() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("detail", sa.String(255), nullable=False),
        sa.Column("queued_at", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
    )
    op.create_index("ix_webhook_deliveries_due_at", "webhook_deliveries", ["state", "due_at"])
    op.create_index("ix_webhook_deliveries_job", "webhook_deliveries", ["job_id", "entry_id"])


def _create_records_of_deletion() -> None:
    op.create_table(
        "deletions",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("deleted_at", UtcTime(), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("space", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deletions"),
    )
    op.create_index("ix_deletions_deleted_at", "deletions", ["deleted_at"])
    op.create_index("ix_deletions_owner", "deletions", ["owner"])
    op.create_table(
        "purge_receipts",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("purged_at", UtcTime(), nullable=False),
        sa.Column("subject_sha256", sa.String(64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_purge_receipts"),
    )
    op.create_index("ix_purge_receipts_subject_sha256", "purge_receipts", ["subject_sha256"])


def _index_what_is_due() -> None:
    _index_jobs(
        "ix_jobs_inputs_due", ["ended_at", "keep_inputs_s"], "inputs_gone_at IS NULL AND ended_at IS NOT NULL"
    )
    _index_jobs(
        "ix_jobs_results_due",
        ["ended_at", "keep_results_s"],
        "results_gone_at IS NULL AND ended_at IS NOT NULL",
    )
    _index_jobs("ix_jobs_records_due", ["ended_at"], "results_gone_at IS NOT NULL")


def _index_jobs(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "jobs", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
