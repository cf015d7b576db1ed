"""Planned maintenance: times that were announced, are shown in every report, and do not count."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select

from steadfast.admission.keys import utc_now
from steadfast.database.database import Database
from steadfast.errors import InvalidOption, MaintenanceUnknown
from steadfast.sla.intervals import Interval
from steadfast.sla.tables import MAINTENANCE

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Maintenance:
    """One announced time, in whole minutes."""

    id: str
    begins_at: datetime
    ends_at: datetime
    announced_at: datetime
    why: str

    @property
    def is_belated(self) -> bool:
        """Whether it was announced only after it had begun, which a report says."""
        return self.announced_at > self.begins_at

    @property
    def interval(self) -> Interval:
        """In microseconds."""
        return _us(self.begins_at), _us(self.ends_at)

    def as_dict(self) -> dict[str, object]:
        """Plain data."""
        return {
            "id": self.id,
            "begins_at": self.begins_at.isoformat(),
            "ends_at": self.ends_at.isoformat(),
            "announced_at": self.announced_at.isoformat(),
            "announced_late": self.is_belated,
            "why": self.why,
        }


class MaintenancePlan:
    """Every announced time; each method is one transaction."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._now = now

    def add(self, begins_at: datetime, ends_at: datetime, why: str) -> Maintenance:
        """Announces one; it is widened to whole minutes. Raises `InvalidOption` where it ends first."""
        if begins_at >= ends_at:
            raise InvalidOption("The maintenance ends before it begins.")
        announced = Maintenance(
            id=f"mnt_{secrets.token_hex(4)}",
            begins_at=_floor(begins_at),
            ends_at=_floor(ends_at + _MINUTE - timedelta(microseconds=1)),
            announced_at=self._now(),
            why=why,
        )
        values = {name: getattr(announced, name) for name in MAINTENANCE.c.keys()}  # noqa: SIM118
        with self._database.writing() as connection:
            connection.execute(MAINTENANCE.insert().values(values))
        return announced

    def remove(self, maintenance_id: str) -> None:
        """Takes one back. Raises `MaintenanceUnknown`."""
        with self._database.writing() as connection:
            gone = connection.execute(delete(MAINTENANCE).where(MAINTENANCE.c.id == maintenance_id)).rowcount
        if not gone:
            raise MaintenanceUnknown(f"There is no maintenance {maintenance_id[:40]}.")

    def list(self) -> list[Maintenance]:
        """All of them, the earliest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(MAINTENANCE).order_by(MAINTENANCE.c.begins_at)).mappings().all()
        return [Maintenance(**row) for row in rows]


def _floor(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)
