"""Calls that are still to be made, and what became of those that were: rows beside the jobs they tell of.

A call is queued in the transaction that changes the job's state, so none is lost, and none is made of what
never happened. The calls of one job go out in order, one after the other.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)

from steadfast.database.schema import METADATA, UtcTime
from steadfast.jobs.rows import as_json
from steadfast.jobs.tables import BIG_ID


class CallState(StrEnum):
    """What became of a call."""

    WAITING = "waiting"  # to be made, or made again
    DELIVERED = "delivered"  # the receiver took it
    REFUSED = "refused"  # it may not be made, or the receiver will never take it
    GIVEN_UP = "given_up"  # it failed for too long


CALLS = Table(
    "webhook_deliveries",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("job_id", String(32), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("task", String(64), nullable=False),
    Column("entry_id", BIG_ID, nullable=False),
    Column("url", Text, nullable=False),
    Column("event", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("detail", String(255), nullable=False),
    Column("queued_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Index("ix_webhook_deliveries_due_at", "state", "due_at"),
    Index("ix_webhook_deliveries_job", "job_id", "entry_id"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call about one change of one job."""

    id: str
    """The same at every attempt: a receiver that has seen it may drop it."""
    job_id: str
    owner: str
    task: str
    url: str
    event: str
    """`job.succeeded`, …"""
    body: str
    """JSON, the same bytes at every attempt."""
    state: CallState
    attempts: int
    """Made so far."""
    detail: str
    """Why the last one failed."""
    queued_at: datetime
    due_at: datetime
    ended_at: datetime | None = None


def queue_call(
    connection: Connection,
    *,
    job: Any,
    entry_id: int,
    state: str,
    data: Mapping[str, Any],
    at: datetime,
) -> None:
    """Queues the call about a change of state, in the transaction that makes it; `job`: its row before."""
    if not job.callback_url:
        return
    call_id, event = secrets.token_hex(16), f"job.{state}"
    body = {
        "id": call_id,
        "event": event,
        "event_id": entry_id,
        "job_id": job.id,
        "at": at,
        "subject": job.subject,
        **data,
    }
    values = {
        "id": call_id,
        "job_id": job.id,
        "owner": job.owner,
        "task": job.task,
        "entry_id": entry_id,
        "url": job.callback_url,
        "event": event,
        "body": as_json(body),
        "state": CallState.WAITING.value,
        "attempts": 0,
        "detail": "",
        "queued_at": at,
        "due_at": at,
    }
    connection.execute(CALLS.insert().values(values))


def _due() -> Select[tuple[object, ...]]:
    earlier = CALLS.alias()
    is_behind = exists(
        select(earlier.c.id).where(
            earlier.c.job_id == CALLS.c.job_id,
            earlier.c.entry_id < CALLS.c.entry_id,
            earlier.c.state == CallState.WAITING.value,
        )
    )
    due = CALLS.c.state == CallState.WAITING.value, CALLS.c.due_at <= bindparam("now"), ~is_behind
    return select(CALLS).where(*due).order_by(CALLS.c.due_at, CALLS.c.entry_id).limit(bindparam("most"))


_DUE = _due()
"""Made once: it is asked every second, and making it costs more than asking."""


def due_calls(connection: Connection, now: datetime, *, limit: int) -> list[Call]:
    """What should be tried now: of each job the first that is not over."""
    rows = connection.execute(_DUE, {"now": now, "most": limit})
    return [_call_in(row) for row in rows.all()]


def claim(connection: Connection, call: Call, until: datetime) -> bool:
    """Nobody else makes this call before `until`; false: somebody has it."""
    still = CALLS.c.id == call.id, CALLS.c.state == CallState.WAITING.value, CALLS.c.due_at == call.due_at
    return connection.execute(update(CALLS).where(*still).values(due_at=until)).rowcount == 1


def postpone(connection: Connection, call: Call, *, detail: str, due_at: datetime) -> None:
    """It failed and is tried again."""
    values = {"attempts": call.attempts + 1, "detail": detail[:255], "due_at": due_at}
    connection.execute(update(CALLS).where(CALLS.c.id == call.id).values(values))


def end_call(connection: Connection, call: Call, state: CallState, *, detail: str, at: datetime) -> None:
    """It is over, one way or another."""
    values = {"state": state.value, "attempts": call.attempts + 1, "detail": detail[:255], "ended_at": at}
    connection.execute(update(CALLS).where(CALLS.c.id == call.id).values(values))


def calls_of(connection: Connection, job_id: str) -> list[Call]:
    """Every call about a job, in order."""
    query = select(CALLS).where(CALLS.c.job_id == job_id).order_by(CALLS.c.entry_id)
    return [_call_in(row) for row in connection.execute(query).all()]


def next_due(connection: Connection) -> datetime | None:
    """When the next call is due; None: none waits."""
    waiting = CALLS.c.state == CallState.WAITING.value
    found: datetime | None = connection.execute(select(func.min(CALLS.c.due_at)).where(waiting)).scalar()
    return found


def forget_calls(connection: Connection, job_id: str) -> int:
    """With the job they tell of; how many."""
    return connection.execute(delete(CALLS).where(CALLS.c.job_id == job_id)).rowcount


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many failures: doubling, from five seconds to a quarter of an hour."""
    return timedelta(seconds=min(900.0, 5.0 * 2.0 ** min(attempts, 20)))


def _call_in(row: Row[tuple[object, ...]]) -> Call:
    return Call(
        id=row.id,
        job_id=row.job_id,
        owner=row.owner,
        task=row.task,
        url=row.url,
        event=row.event,
        body=row.body,
        state=CallState(row.state),
        attempts=row.attempts,
        detail=row.detail,
        queued_at=row.queued_at,
        due_at=row.due_at,
        ended_at=row.ended_at,
    )
