"""Alerts that are still to be delivered, in the database: a restart or a receiver that is down loses none."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Column, Index, Integer, String, Table, Text, delete, func, or_, select, update

from steadfast.admission.keys import utc_now
from steadfast.database.database import Database
from steadfast.database.schema import METADATA, UtcTime
from steadfast.health.alerts.notice import Notice

ALERTS = Table(
    "alerts",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("channel", String(16), nullable=False),
    Column("notice", Text, nullable=False),
    Column("queued_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Index("ix_alerts_due_at", "due_at"),
)

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 900.0
_MOST_WAITING = 1000
"""Of all channels: a receiver that is gone for good must not fill the database."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """One notice to one channel."""

    id: str
    channel: str
    notice: Notice
    queued_at: datetime
    attempts: int
    """That have failed."""


class Outbox:
    """Every method is one transaction; they block: see `Database.run`."""

    def __init__(
        self,
        database: Database,
        *,
        keep_for: timedelta = timedelta(days=1),
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """After `keep_for` an alert is no news any more and is given up."""
        self._database = database
        self._keep_for = keep_for
        self._now = now

    def put(self, channel: str, notice: Notice) -> None:
        """Queues a notice; beyond a thousand the oldest is given up."""
        now = self._now()
        with self._database.writing() as connection:
            waiting = connection.execute(select(func.count()).select_from(ALERTS)).scalar_one()
            if waiting >= _MOST_WAITING:
                oldest = select(ALERTS.c.id).order_by(ALERTS.c.queued_at).limit(1 + waiting - _MOST_WAITING)
                connection.execute(delete(ALERTS).where(ALERTS.c.id.in_(oldest)))
            connection.execute(
                ALERTS.insert().values(
                    id=secrets.token_hex(8),
                    channel=channel,
                    notice=msgspec.json.encode(notice).decode(),
                    queued_at=now,
                    due_at=now,
                    attempts=0,
                )
            )

    def due(self, *, limit: int = 20) -> list[Letter]:
        """What should be tried now, oldest first."""
        now = self._now()
        # No pause is that long: the clock was set back, and nobody may wait until it has caught up.
        is_due = or_(ALERTS.c.due_at <= now, ALERTS.c.due_at > now + timedelta(seconds=_LONGEST_PAUSE_S))
        query = select(ALERTS).where(is_due).order_by(ALERTS.c.queued_at).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            Letter(
                id=row.id,
                channel=row.channel,
                notice=msgspec.json.decode(row.notice, type=Notice),
                queued_at=row.queued_at,
                attempts=row.attempts,
            )
            for row in rows
        ]

    def delivered(self, letter: Letter) -> None:
        """It has arrived, or will never be taken."""
        with self._database.writing() as connection:
            connection.execute(delete(ALERTS).where(ALERTS.c.id == letter.id))

    def failed(self, letter: Letter) -> bool:
        """Tries again later, with doubling pauses; false: it was given up."""
        now = self._now()
        if now - letter.queued_at > self._keep_for:
            self.delivered(letter)
            return False
        pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(letter.attempts, 20))
        with self._database.writing() as connection:
            connection.execute(
                update(ALERTS)
                .where(ALERTS.c.id == letter.id)
                .values(attempts=letter.attempts + 1, due_at=now + timedelta(seconds=pause_s))
            )
        return True

    def waiting(self) -> int:
        """How many are not delivered."""
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(ALERTS)).scalar_one())
