"""The ledger in the database: requests, packed; their sums by minute and hour; lives of servers.

Minutes and hours are counted from 1970. Every rollup is a sum, so several servers may add to one row.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, String, Table, Text

from steadfast.database.schema import METADATA, UtcTime

CHUNKS: Final = Table(
    "ledger_chunks",
    METADATA,
    Column("file", String(64), primary_key=True),
    Column("from_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("frames", LargeBinary, nullable=False),
    Index("ix_ledger_chunks_until_us", "until_us"),
)
"""One row per journal file that was folded in, with its requests packed. Its name keeps it from being folded
twice."""

MINUTES: Final = Table(
    "ledger_minutes",
    METADATA,
    Column("minute", Integer, primary_key=True, autoincrement=False),
    Column("task", String(64), primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("requests", BigInteger, nullable=False),
)

DURATIONS: Final = Table(
    "ledger_durations",
    METADATA,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("measure", String(16), primary_key=True),
    Column("task", String(64), primary_key=True),
    Column("engine", String(64), primary_key=True),
    Column("size_class", String(16), primary_key=True),
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("times", BigInteger, nullable=False),
)

ERRORS: Final = Table(
    "ledger_errors",
    METADATA,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("task", String(64), primary_key=True),
    Column("code", String(64), primary_key=True),
    Column("requests", BigInteger, nullable=False),
)

READINGS: Final = Table(
    "ledger_readings",
    METADATA,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("engine", String(64), primary_key=True),
    Column("reading", String(32), primary_key=True),
    Column("measured", BigInteger, nullable=False),
    Column("met", BigInteger, nullable=False),
    Column("missed", BigInteger, nullable=False),
    Column("total", Float, nullable=False),
    Column("least", Float, nullable=False),
    Column("most", Float, nullable=False),
)

LIVES: Final = Table(
    "ledger_lives",
    METADATA,
    Column("life", String(64), primary_key=True),
    Column("instance", String(128), nullable=False),
    Column("listening_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Column("stopped", Integer, nullable=False),
    Index("ix_ledger_lives_last_us", "last_us"),
)
"""From when to when a server answered, and whether it ended in order."""

SILENCES: Final = Table(
    "ledger_silences",
    METADATA,
    Column("life", String(64), primary_key=True),
    Column("from_us", BigInteger, primary_key=True, autoincrement=False),
    Column("until_us", BigInteger, nullable=False),
)
"""Times in which a server that lived gave no sign of it."""

MAINTENANCE: Final = Table(
    "ledger_maintenance",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("begins_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Column("announced_at", UtcTime, nullable=False),
    Column("why", Text, nullable=False),
)
"""Times that were announced and do not count."""

JOBS: Final = Table(
    "ledger_jobs",
    METADATA,
    Column("job_id", String(32), primary_key=True),
    Column("task", String(64), nullable=False),
    Column("submitted_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("state", String(16), nullable=False),
    Column("code", String(64), nullable=False),
    Column("took_s", Float),
    Index("ix_ledger_jobs_submitted_at", "submitted_at"),
)
"""What became of jobs; kept when the job itself is deleted."""
