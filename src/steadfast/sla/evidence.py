"""What the ledger knows of a period: rollups from the database, and what the journal holds beyond them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, and_, func, not_, select

from steadfast.database.database import Database
from steadfast.health.incident_store import IncidentStore
from steadfast.health.incidents import Incident
from steadfast.sla.folding import unpacked
from steadfast.sla.frames import read_frames
from steadfast.sla.intervals import Interval, clipped, merged, total_us, without
from steadfast.sla.job_ledger import LOST
from steadfast.sla.journal import is_being_written, journal_files, life_of
from steadfast.sla.maintenance import Maintenance, MaintenancePlan
from steadfast.sla.tables import CHUNKS, DURATIONS, ERRORS, JOBS, LIVES, MINUTES, READINGS, SILENCES
from steadfast.sla.tally import HOUR_US, MINUTE_US, SILENCE_US, LifeSeen, ReadingSum, Tally, tally_file

_MOST_INCIDENTS: Final = 10_000

Minutes = Mapping[int, Mapping[tuple[str, str], int]]
"""Minute → (task, outcome) → requests."""
Durations = Mapping[tuple[str, str, str, str], Mapping[int, int]]
"""(measure, task, engine, size class) → bucket → how many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Absence:
    """A time without a server that answers."""

    begins_us: int
    ends_us: int
    why: str
    """`died`, `stopped` (in order), or `silent` (the process lived, its loop did not turn)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEnd:
    """What became of a job."""

    job_id: str
    task: str
    state: str
    code: str
    submitted_us: int
    took_s: float | None
    """From submission to the end, without the maintenance between them."""
    is_lost: bool
    """Whether it vanished without an end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Everything a report is made from."""

    period: Interval
    """From the first moment that the ledger knows of, at the earliest."""
    minutes: Minutes
    """With those in maintenance, which `excluded_minutes` tells from the others."""
    durations: Durations
    """This and all below is without maintenance."""
    errors: Mapping[tuple[str, str], int]
    """(task, code) → requests."""
    readings: Mapping[tuple[str, str], ReadingSum]
    """(engine, reading) → sums."""
    absences: Sequence[Absence]
    maintenance: Sequence[Maintenance]
    incidents: Sequence[Incident]
    jobs: Sequence[JobEnd]

    @property
    def excluded(self) -> list[Interval]:
        """Announced maintenance within the period."""
        return clipped(merged(one.interval for one in self.maintenance), self.period)

    @property
    def excluded_minutes(self) -> frozenset[int]:
        """The same, minute by minute."""
        return frozenset(
            minute
            for begin, end in self.excluded
            for minute in range(begin // MINUTE_US, -(-end // MINUTE_US))
        )


@dataclass(kw_only=True)
class _Unfolded:
    """What the journal holds, file by file, read before the database is asked."""

    tallies: dict[str, Tally]
    seen: dict[str, LifeSeen]


def gather(database: Database, folder: Path, period: Interval) -> Evidence:
    """The evidence of a period. Changes nothing; raises `DatabaseProblem`."""
    plan = MaintenancePlan(database).list()
    maintenance = [one for one in plan if one.interval[0] < period[1] and one.interval[1] > period[0]]
    announced = merged(one.interval for one in maintenance)
    unfolded = _read_journal(folder, announced)
    with database.reading() as connection:
        _drop_folded(connection, unfolded)
        lives, silences = _lives(connection, unfolded)
        first_us = min((life[1] for life in lives.values()), default=period[1])
        period = (max(period[0], first_us), period[1])
        tally = _sum(unfolded.tallies.values())
        excluded = clipped(announced, period)
        touched = [(begin // HOUR_US, (end - 1) // HOUR_US) for begin, end in excluded]
        tally = _sum([tally, _beside_maintenance(connection, touched, excluded)])
        return Evidence(
            period=period,
            minutes=_minutes(connection, period, tally),
            durations=_durations(connection, period, tally, touched),
            errors=_errors(connection, period, tally, touched),
            readings=_readings(connection, period, tally, touched),
            absences=_outside(absences_of(lives, silences, period), excluded),
            maintenance=maintenance,
            incidents=_incidents(database, period),
            jobs=_jobs(connection, period, excluded),
        )


def _read_journal(folder: Path, excluded: Sequence[Interval]) -> _Unfolded:
    files = journal_files(folder)
    last = {life_of(file): file for file in files}
    unfolded = _Unfolded(tallies={}, seen={})
    for file in files:
        is_last_of_dead = file == last[life_of(file)] and not is_being_written(file)
        try:
            content = file.read_bytes()
        except FileNotFoundError:  # folded meanwhile
            continue
        tally = unfolded.tallies[file.stem] = Tally(excluded=excluded)
        seen = tally_file(read_frames(content), tally, is_last_of_dead=is_last_of_dead)
        unfolded.seen[file.stem] = seen
    return unfolded


def _drop_folded(connection: Connection, unfolded: _Unfolded) -> None:
    if not unfolded.tallies:
        return
    known = select(CHUNKS.c.file).where(CHUNKS.c.file.in_(list(unfolded.tallies)))
    for (name,) in connection.execute(known):
        del unfolded.tallies[name], unfolded.seen[name]


def _sum(tallies: Iterable[Tally]) -> Tally:
    whole = Tally()
    for tally in tallies:
        whole.minutes.update(tally.minutes)
        whole.durations.update(tally.durations)
        whole.errors.update(tally.errors)
        for key, sums in tally.readings.items():
            whole.readings.setdefault(key, ReadingSum()).merge(sums)
    return whole


Lives = dict[str, tuple[str, int, int, bool]]
"""Life → instance, since when it answered, its last sign, whether it ended in order."""


def _lives(connection: Connection, unfolded: _Unfolded) -> tuple[Lives, list[Interval]]:
    lives: Lives = {
        row.life: (row.instance, row.listening_us, row.last_us, bool(row.stopped))
        for row in connection.execute(select(LIVES))
    }
    silences = [(row.from_us, row.until_us) for row in connection.execute(select(SILENCES))]
    for name, seen in sorted(unfolded.seen.items()):
        life = life_of(Path(name))
        if life not in lives:
            if seen.listening_us is not None:
                lives[life] = ("", seen.listening_us, seen.last_us, seen.stopped)
                silences += [silence for silence in seen.silences if silence[0] >= seen.listening_us]
            continue
        instance, listening_us, last_us, _ = lives[life]
        if seen.first_us - last_us > SILENCE_US:
            silences.append((last_us, seen.first_us))
        silences += seen.silences
        lives[life] = (instance, listening_us, max(last_us, seen.last_us), seen.stopped)
    return lives, silences


def absences_of(lives: Lives, silences: Sequence[Interval], period: Interval) -> list[Absence]:
    """The times in which no instance answered."""
    present = merged((listening_us, last_us) for _, listening_us, last_us, _ in lives.values())
    # One instance's silence is the service's only where no other answered: what is left of all of them.
    by_life = [without([(listening_us, last_us)], silences) for _, listening_us, last_us, _ in lives.values()]
    answering = merged(piece for pieces in by_life for piece in pieces)
    ended = {last_us: stopped for _, _, last_us, stopped in lives.values()}
    found = []
    for begin, end in without([period], answering):
        if end == period[1] and end - begin <= SILENCE_US:
            continue  # the server lives, and its next beat is still to come
        is_silence = any(inside[0] <= begin and end <= inside[1] for inside in present)
        why = "silent" if is_silence else "stopped" if ended.get(begin) else "died"
        found.append(Absence(begins_us=begin, ends_us=end, why=why))
    return found


def _minutes(connection: Connection, period: Interval, tally: Tally) -> Minutes:
    first, last = period[0] // MINUTE_US, period[1] // MINUTE_US
    query = select(MINUTES).where(MINUTES.c.minute.between(first, last))
    found: dict[int, Counter[tuple[str, str]]] = {}
    for minute, task, outcome, requests in connection.execute(query):
        found.setdefault(minute, Counter())[task, outcome] += requests
    for (minute, task, outcome), requests in tally.minutes.items():
        if first <= minute <= last:
            found.setdefault(minute, Counter())[task, outcome] += requests
    return found


def _hours(table: Table, period: Interval, touched: Sequence[Interval]) -> ColumnElement[bool]:
    """The hours of a period without those that maintenance touches, of which what counts is added singly."""
    first, last = period[0] // HOUR_US, period[1] // HOUR_US
    return and_(table.c.hour.between(first, last), *(not_(table.c.hour.between(*hours)) for hours in touched))


def _durations(
    connection: Connection, period: Interval, tally: Tally, touched: Sequence[Interval]
) -> Durations:
    columns = (DURATIONS.c.measure, DURATIONS.c.task, DURATIONS.c.engine, DURATIONS.c.size_class)
    inside = _hours(DURATIONS, period, touched)
    times = func.sum(DURATIONS.c.times)
    query = select(*columns, DURATIONS.c.bucket, times).where(inside).group_by(*columns, DURATIONS.c.bucket)
    found: dict[tuple[str, str, str, str], Counter[int]] = {}
    for *key, bucket, count in connection.execute(query):
        found.setdefault((key[0], key[1], key[2], key[3]), Counter())[bucket] += int(count)
    for (hour, measure, task, engine, size, bucket), count in tally.durations.items():
        if _is_within(hour, period):
            found.setdefault((measure, task, engine, size), Counter())[bucket] += count
    return found


def _is_within(hour: int, period: Interval) -> bool:
    return period[0] // HOUR_US <= hour <= period[1] // HOUR_US


def _beside_maintenance(
    connection: Connection, touched: Sequence[Interval], excluded: Sequence[Interval]
) -> Tally:
    """Of hours that maintenance touches, one by one, what lies outside of it; no minutes."""
    beside = Tally(excluded=excluded)
    hours = [hour for first, last in merged((a, b + 1) for a, b in touched) for hour in range(first, last)]
    # Hour by hour: a PostgreSQL ends a transaction that says nothing while days of requests are counted.
    for hour in hours:
        begin_us, end_us = hour * HOUR_US, (hour + 1) * HOUR_US
        query = select(CHUNKS.c.frames).where(CHUNKS.c.until_us >= begin_us, CHUNKS.c.from_us < end_us)
        for (frames,) in connection.execute(query):
            for frame in read_frames(unpacked(frames)):
                if begin_us <= frame.at_us < end_us:
                    beside.add(frame)
    beside.minutes.clear()  # sums by minute know which of them are maintenance
    return beside


def _errors(
    connection: Connection, period: Interval, tally: Tally, touched: Sequence[Interval]
) -> Mapping[tuple[str, str], int]:
    query = select(ERRORS).where(_hours(ERRORS, period, touched))
    found: Counter[tuple[str, str]] = Counter()
    for _, task, code, requests in connection.execute(query):
        found[task, code] += requests
    for (hour, task, code), requests in tally.errors.items():
        if _is_within(hour, period):
            found[task, code] += requests
    return found


def _readings(
    connection: Connection, period: Interval, tally: Tally, touched: Sequence[Interval]
) -> Mapping[tuple[str, str], ReadingSum]:
    found: dict[tuple[str, str], ReadingSum] = {}
    for row in connection.execute(select(READINGS).where(_hours(READINGS, period, touched))):
        _, engine, reading, measured, met, missed, total, least, most = row
        sums = ReadingSum(measured=measured, met=met, missed=missed, total=total, least=least, most=most)
        found.setdefault((engine, reading), ReadingSum()).merge(sums)
    for (hour, engine, reading), sums in tally.readings.items():
        if _is_within(hour, period):
            found.setdefault((engine, reading), ReadingSum()).merge(sums)
    return found


def _outside(absences: Iterable[Absence], excluded: Sequence[Interval]) -> list[Absence]:
    """What of them no maintenance covers."""
    return [
        Absence(begins_us=begin, ends_us=end, why=one.why)
        for one in absences
        for begin, end in without([(one.begins_us, one.ends_us)], excluded)
    ]


def _incidents(database: Database, period: Interval) -> Sequence[Incident]:
    found = IncidentStore(database).list(limit=_MOST_INCIDENTS)
    begin, end = _moment(period[0]), _moment(period[1])
    touching = [
        one
        for one in found
        if one.detected_at <= end and (one.recovered_at is None or one.recovered_at >= begin)
    ]
    return sorted(touching, key=lambda one: one.detected_at)


def _jobs(connection: Connection, period: Interval, excluded: Sequence[Interval]) -> Sequence[JobEnd]:
    inside = JOBS.c.submitted_at.between(_moment(period[0]), _moment(period[1]))
    return [
        JobEnd(
            job_id=row.job_id,
            task=row.task,
            state=row.state,
            code=row.code,
            submitted_us=round(row.submitted_at.timestamp() * 1e6),
            took_s=_took_s(row, excluded),
            is_lost=row.state == LOST,
        )
        for row in connection.execute(select(JOBS).where(inside))
    ]


def _took_s(row: Any, excluded: Sequence[Interval]) -> float | None:
    if row.took_s is None:
        return None
    begin_us = round(row.submitted_at.timestamp() * 1e6)
    return total_us(without([(begin_us, begin_us + round(row.took_s * 1e6))], excluded)) / 1e6


def _moment(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1e6, UTC)
