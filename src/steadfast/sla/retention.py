"""How long the ledger is kept: single requests for a while, their sums for longer."""

from datetime import datetime, timedelta

from sqlalchemy import delete

from steadfast.database.database import Database
from steadfast.settings import ObjectiveSettings
from steadfast.sla.tables import (
    CHUNKS,
    DURATIONS,
    ERRORS,
    JOBS,
    LIVES,
    MAINTENANCE,
    MINUTES,
    READINGS,
    SILENCES,
)
from steadfast.sla.tally import HOUR_US, MINUTE_US


def forget_old(database: Database, settings: ObjectiveSettings, now: datetime) -> None:
    """Removes what is past its time. Raises `DatabaseProblem`."""
    requests_us = _us(now - timedelta(days=settings.ledger_days))
    sums = now - timedelta(days=settings.rollup_days)
    sums_us = _us(sums)
    old = (
        CHUNKS.c.until_us < requests_us,
        MINUTES.c.minute < sums_us // MINUTE_US,
        *(table.c.hour < sums_us // HOUR_US for table in (DURATIONS, ERRORS, READINGS)),
        LIVES.c.last_us < sums_us,
        SILENCES.c.until_us < sums_us,
        MAINTENANCE.c.ends_at < sums,
        JOBS.c.submitted_at < sums,
    )
    tables = (CHUNKS, MINUTES, DURATIONS, ERRORS, READINGS, LIVES, SILENCES, MAINTENANCE, JOBS)
    for table, is_old in zip(tables, old, strict=True):
        with database.writing() as connection:  # one by one: each for a short time
            connection.execute(delete(table).where(is_old))


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)
