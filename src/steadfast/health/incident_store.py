"""Incidents in the database, and for how long they stay there."""

import json
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    Row,
    String,
    Table,
    Text,
    and_,
    case,
    delete,
    or_,
    select,
    text,
    true,
    update,
)

from steadfast.admission.keys import utc_now
from steadfast.database.database import Database
from steadfast.database.schema import METADATA, UtcTime
from steadfast.errors import IncidentUnknown, Severity
from steadfast.health.incidents import Incident, Outcome

INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("detected_at", UtcTime, nullable=False),
    Column("recovered_at", UtcTime),
    Column("document", Text, nullable=False),
    Column("server", String(100), nullable=False, server_default=text("''")),
    Index("ix_incidents_detected_at", "detected_at"),
)


class IncidentStore:
    """Every method is one transaction; they block: see `Database.run`."""

    def __init__(
        self, database: Database, *, server: str = "", now: Callable[[], datetime] = utc_now
    ) -> None:
        """`server`: who writes, among several on one database."""
        self._database = database
        self._server = server[:100]
        self._now = now

    def save(self, incident: Incident) -> None:
        """Writes an incident as it stands now; as often as one likes."""
        values = {
            "kind": incident.kind[:64],
            "severity": incident.severity.value,
            "subject": incident.subject[:128],
            "outcome": incident.outcome.value,
            "detected_at": incident.detected_at,
            "recovered_at": incident.recovered_at,
            "document": json.dumps(incident.as_dict()),
            "server": self._server,
        }
        with self._database.writing() as connection:
            known = connection.execute(
                update(INCIDENTS).where(INCIDENTS.c.id == incident.id).values(values)
            ).rowcount
            if not known:
                connection.execute(INCIDENTS.insert().values(values | {"id": incident.id}))

    def get(self, incident_id: str) -> Incident:
        """One incident. Raises `IncidentUnknown`."""
        with self._database.reading() as connection:
            row = connection.execute(select(INCIDENTS).where(INCIDENTS.c.id == incident_id)).first()
        if row is None:
            raise IncidentUnknown(f"There is no incident {incident_id[:40]}.")
        return _incident_of(row)

    def list(
        self,
        *,
        limit: int = 50,
        only_open: bool = False,
        least: Severity = Severity.WARNING,
        since: datetime | None = None,
        before: str | None = None,
    ) -> list[Incident]:
        """The latest ones first; `before`: only those that are further down such a list than this one.

        Raises `IncidentUnknown` for a `before` that is not there.
        """
        grades = [Severity.WARNING, Severity.ERROR, Severity.FATAL]
        wanted = grades[grades.index(least) :] if least in grades else grades
        query = select(INCIDENTS).where(INCIDENTS.c.severity.in_([severity.value for severity in wanted]))
        if only_open:
            query = query.where(INCIDENTS.c.outcome == Outcome.OPEN.value)
        if since is not None:
            query = query.where(INCIDENTS.c.detected_at >= since)
        if before is not None:
            last = self.get(before)
            at = INCIDENTS.c.detected_at
            query = query.where(
                or_(at < last.detected_at, and_(at == last.detected_at, INCIDENTS.c.id > last.id))
            )
        query = query.order_by(INCIDENTS.c.detected_at.desc(), INCIDENTS.c.id).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [_incident_of(row) for row in rows]

    def close_left_open(self) -> int:
        """Ends those that this server has left open before it died; how many there were."""
        alone = self._database.options.file is not None
        return self._close(true() if alone else INCIDENTS.c.server.in_([self._server, ""]))

    def close_left_by_others(self, alive: Collection[str]) -> int:
        """Ends those of servers that are gone for good: of none in `alive`; how many there were."""
        return self._close(INCIDENTS.c.server.not_in([*alive, self._server]))

    def _close(self, whose: ColumnElement[bool]) -> int:
        detected_at, now = INCIDENTS.c.detected_at, self._now()
        # A clock that was set back meanwhile must not let anything end before it began.
        ended_at = case((detected_at > now, detected_at), else_=now)
        with self._database.writing() as connection:
            return connection.execute(
                update(INCIDENTS)
                .where(INCIDENTS.c.outcome == Outcome.OPEN.value, whose)
                .values(outcome=Outcome.RESTARTED.value, recovered_at=ended_at)
            ).rowcount

    def forget(self, *, older_than: timedelta, most: int) -> int:
        """Removes what is over and too old or too much; how many went."""
        over = INCIDENTS.c.outcome != Outcome.OPEN.value
        too_many = (
            select(INCIDENTS.c.id).where(over).order_by(INCIDENTS.c.detected_at.desc()).limit(-1).offset(most)
            if self._database.options.file is not None
            else select(INCIDENTS.c.id).where(over).order_by(INCIDENTS.c.detected_at.desc()).offset(most)
        )
        with self._database.writing() as connection:
            old = connection.execute(
                delete(INCIDENTS).where(over, INCIDENTS.c.detected_at < self._now() - older_than)
            ).rowcount
            return old + connection.execute(delete(INCIDENTS).where(INCIDENTS.c.id.in_(too_many))).rowcount


def _incident_of(row: Row[tuple[object, ...]]) -> Incident:
    plain = json.loads(row.document)
    return Incident(
        id=row.id,
        kind=row.kind,
        severity=Severity(row.severity),
        subject=row.subject,
        evidence=tuple(plain["evidence"]),
        actions=tuple(plain["actions"]),
        requests=tuple(map(str, plain["requests"])),
        jobs=tuple(plain["jobs"]),
        signs=plain["signs"],
        detected_at=row.detected_at,
        recovered_at=row.recovered_at,
        outcome=Outcome(row.outcome),
    )
