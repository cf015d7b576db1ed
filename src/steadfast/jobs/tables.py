"""The tables of jobs, and which question each index answers.

Rows that may be leased are few among those that ended, so the indexes of the scheduler are partial: they
stay as small as the work that is left. A job's row counts its steps that could be leased (`ready_steps`),
and a flow's row says whether any job of a key and priority may have one: so the next step is found by three
short descents, however many jobs there are.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from steadfast.database.schema import METADATA, UtcTime

BIG_ID = BigInteger().with_variant(Integer, "sqlite")
"""Counts by itself; SQLite does so for INTEGER alone."""

JOBS = Table(
    "jobs",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("task", String(64), nullable=False),
    Column("capability", String(64), nullable=False, server_default=text("''")),
    Column("state", String(16), nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("options", Text, nullable=False),
    Column("on_segment_failure", String(16), nullable=False),
    Column("on_pin_lost", String(16), nullable=False),
    Column("segment_s", Float, nullable=False),
    Column("callback_url", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("subject", String(200), nullable=False),
    Column("fresh", Boolean, nullable=False),
    Column("keep_inputs_s", Float),
    Column("keep_results_s", Float),
    Column("ready_steps", Integer, nullable=False),
    Column("served_s", Float, nullable=False),
    Column("held", String(300), nullable=False),
    Column("pin", Text),
    Column("failure", Text),
    Column("degraded", Text, nullable=False),
    Column("incidents", Text, nullable=False),
    Column("items_total", Integer, nullable=False),
    Column("items_done", Integer, nullable=False),
    Column("items_failed", Integer, nullable=False),
    Column("segments_total", Integer, nullable=False),
    Column("segments_done", Integer, nullable=False),
    Column("units_total", BigInteger, nullable=False),
    Column("units_done", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failed_attempts", Integer, nullable=False),
    Column("input_bytes", BigInteger, nullable=False),
    Column("output_bytes", BigInteger, nullable=False),
    Column("device_s", Float, nullable=False),
    Column("cpu_s", Float, nullable=False),
    Column("frames", BigInteger, nullable=False),
    Column("pixels", BigInteger, nullable=False),
    Column("faces", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("expires_at", UtcTime),
    Column("inputs_gone_at", UtcTime),
    Column("results_gone_at", UtcTime),
    Index("ix_jobs_owner", "owner", "id"),
    Index("ix_jobs_owner_state", "owner", "state", "id"),
    Index("ix_jobs_state", "state", "id"),
    Index(
        "ix_jobs_turn",
        "task",
        "capability",
        "owner",
        "priority",
        "state",
        "served_s",
        "id",
        sqlite_where=text("ready_steps > 0"),
        postgresql_where=text("ready_steps > 0"),
    ),
    Index(
        "ix_jobs_subject",
        "subject",
        sqlite_where=text("subject <> ''"),
        postgresql_where=text("subject <> ''"),
    ),
    Index("ix_jobs_held", "held", sqlite_where=text("held <> ''"), postgresql_where=text("held <> ''")),
    Index(
        "ix_jobs_expires_at",
        "expires_at",
        sqlite_where=text("ended_at IS NULL AND expires_at IS NOT NULL"),
        postgresql_where=text("ended_at IS NULL AND expires_at IS NOT NULL"),
    ),
    Index(
        "ix_jobs_inputs_due",
        "ended_at",
        "keep_inputs_s",
        sqlite_where=text("inputs_gone_at IS NULL AND ended_at IS NOT NULL"),
        postgresql_where=text("inputs_gone_at IS NULL AND ended_at IS NOT NULL"),
    ),
    Index(
        "ix_jobs_results_due",
        "ended_at",
        "keep_results_s",
        sqlite_where=text("results_gone_at IS NULL AND ended_at IS NOT NULL"),
        postgresql_where=text("results_gone_at IS NULL AND ended_at IS NOT NULL"),
    ),
    Index(
        "ix_jobs_records_due",
        "ended_at",
        sqlite_where=text("results_gone_at IS NOT NULL"),
        postgresql_where=text("results_gone_at IS NOT NULL"),
    ),
)
"""`options`, `labels`, `pin`, `failure`, `degraded` and `incidents` are JSON; `pin` is set by the first
plan."""

ITEMS = Table(
    "job_items",
    METADATA,
    Column("job_id", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("target", Text, nullable=False),
    Column("sources", Text, nullable=False),
    Column("identity", String(64), nullable=False),
    Column("pin_sum", String(64), nullable=False),
    Column("brief", LargeBinary, nullable=False),
    Column("suffix", String(16), nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("segments_left", Integer, nullable=False),
    Column("result_blob", String(256), nullable=False),
    Column("result_bytes", BigInteger, nullable=False),
    Column("failure", Text),
    Column("degraded", Text, nullable=False),
    Column("answered_from", String(32), nullable=False),
    Column("report", Text, nullable=False),
    Index(
        "ix_job_items_identity",
        "owner",
        "identity",
        sqlite_where=text("result_blob <> ''"),
        postgresql_where=text("result_blob <> ''"),
    ),
)
"""`target`, `sources` (`InputFile`), `failure`, `degraded` and `report` are JSON. `identity` is the SHA-256
of task, options and inputs; with `pin_sum` it says whether two items would have the same result."""

LABELS = Table(
    "job_labels",
    METADATA,
    Column("job_id", String(32), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("value", String(200), nullable=False),
    Column("owner", String(64), nullable=False),
    Index("ix_job_labels_value", "owner", "name", "value", "job_id"),
)

STEPS = Table(
    "job_steps",
    METADATA,
    Column("job_id", String(32), primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(8), nullable=False),
    Column("brief", LargeBinary, nullable=False),
    Column("units", Integer, nullable=False),
    Column("units_done", Integer, nullable=False),
    Column("untouched", Boolean, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("token", Integer, nullable=False),
    Column("lease_owner", String(200), nullable=False),
    Column("lease_until_s", Float, nullable=False),
    Column("leased_at", UtcTime),
    Column("blob", String(256), nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("report", Text, nullable=False),
    Index(
        "ix_job_steps_pending",
        "job_id",
        "item",
        "kind",
        "number",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
    Index(
        "ix_job_steps_leases",
        "lease_until_s",
        sqlite_where=text("state = 'leased'"),
        postgresql_where=text("state = 'leased'"),
    ),
)
"""A step is in the table once it may be done: segments appear with the plan, the join with the last segment.
`lease_until_s` is on the store's clock, never on the wall's."""

ATTEMPTS = Table(
    "job_attempts",
    METADATA,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("job_id", String(32), nullable=False),
    Column("item", Integer, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("number", Integer, nullable=False),
    Column("token", Integer, nullable=False),
    Column("lease_owner", String(200), nullable=False),
    Column("worker", String(100), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("fault", String(16), nullable=False),
    Column("code", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("began_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime, nullable=False),
    Column("device_s", Float, nullable=False),
    Column("cpu_s", Float, nullable=False),
    Column("frames", BigInteger, nullable=False),
    Index("ix_job_attempts_job", "job_id", "id"),
)

HISTORY = Table(
    "job_history",
    METADATA,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("job_id", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("data", Text, nullable=False),
    Index("ix_job_history_job", "job_id", "id"),
)

FLOWS = Table(
    "job_flows",
    METADATA,
    Column("task", String(64), primary_key=True),
    Column("owner", String(64), primary_key=True),
    Column("priority", SmallInteger, primary_key=True),
    Column("is_waiting", Boolean, nullable=False),
    Column("served_s", Float, nullable=False),
    Index("ix_job_flows_turn", "is_waiting", "task", "priority", "served_s"),
    Index("ix_job_flows_served", "task", "priority", "served_s"),
)
"""Whose turn it is between keys: the jobs of one key at one priority, and how much they were served.

`task` holds a lane (see `lanes`): the task, and what its workers must be able to do.
"""
