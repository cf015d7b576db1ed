"""Health as one object: it looks, judges, writes down, has remedies applied, and answers how things stand."""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from steadfast.database.database import Database
from steadfast.errors import DatabaseProblem, Severity, SteadfastError
from steadfast.events import Event, publish, subscribe
from steadfast.health.alerts.courier import Courier
from steadfast.health.crash_report import CrashFolder
from steadfast.health.crash_reporter import CrashReporter, server_death_told
from steadfast.health.detection.detector import Detector, Findings
from steadfast.health.detection.sign import Scene, Sign, Watched
from steadfast.health.events import IncidentMoved
from steadfast.health.flight_recorder import FlightRecorder
from steadfast.health.incident_feed import IncidentFeed
from steadfast.health.incident_store import IncidentStore
from steadfast.health.incidents import Change, Incident, IncidentBook, IncidentChange
from steadfast.health.probes.contract import Probe
from steadfast.health.probes.scheduler import ProbeScheduler
from steadfast.health.processor_use import processor_wanted_s
from steadfast.health.readings import Reading
from steadfast.health.remedies import Healer, remedies_for
from steadfast.health.verdict import Judge, Verdict
from steadfast.health.work_record import WorkRecord
from steadfast.health.worker_words import WorkerWords
from steadfast.runtime.events import CanaryChecked, WorkerDied
from steadfast.runtime.snapshot import PoolSnapshot, Snapshot
from steadfast.settings import HealthSettings

_log = logging.getLogger(__name__)

SINKS = "steadfast.sinks"
"""Entry points: callables that answer a callable which takes every `IncidentChange`, on the event loop, and
returns at once."""

_TIDY_EVERY_S = 3600.0


@dataclass(kw_only=True, slots=True)
class Parts:
    """What a watch is put together from; `app`-side wiring fills it."""

    probes: Sequence[Probe]
    work: WorkRecord
    snapshot: Callable[[], Snapshot]
    healer: Healer
    book: IncidentBook
    database: Database
    store: IncidentStore
    recorder: FlightRecorder
    crashes: CrashFolder
    clock: Callable[[], float]
    courier: Courier | None = None
    words: WorkerWords | None = None
    """Diagnoses what workers print; None: nobody listens."""
    needs_tasks: bool = True
    """Whether a server without any task serves nothing."""


class HealthWatch:
    """Lives on the server's event loop."""

    def __init__(self, settings: HealthSettings, parts: Parts) -> None:
        self._settings = settings
        self._parts = parts
        self._detector = Detector()
        self._judge = Judge(needs_tasks=parts.needs_tasks)
        self.feed = IncidentFeed()
        self.reporter: CrashReporter | None = None
        self.scheduler = ProbeScheduler(parts.probes, clock=parts.clock, told=lambda _probe, _readings: None)
        self._watched = {
            probe.name: Watched(thresholds=probe.thresholds, makes_incidents=probe.is_watched)
            for probe in parts.probes
        }
        self._unsaved: dict[str, Incident] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._deafen: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None
        parts.book.subscribe(self._changed)

    # --- life -------------------------------------------------------------------------------------------

    async def start(self, last_death: Mapping[str, Any] | None = None) -> None:
        """Begins to look; `last_death`: why the server before this one died."""
        self._loop = asyncio.get_running_loop()
        await self.aside(self._parts.store.close_left_open)
        for sink in foreign_sinks():
            self._parts.book.subscribe(_guarded(sink))
        self._deafen = subscribe(self._hear_anywhere)
        self.scheduler.start()
        self._tasks = [asyncio.create_task(work) for work in self._duties()]
        if last_death:
            self._note_server_death(last_death)

    async def stop(self) -> None:
        """Ends everything; what is known is saved."""
        self._deafen()
        self.scheduler.stop()
        self.feed.close()
        for task in self._tasks:
            task.cancel()
        if self.reporter is not None:
            await self.reporter.settle()
        await self._save()

    # --- answers ----------------------------------------------------------------------------------------

    def verdict(self, pools: Sequence[PoolSnapshot], *, stopping: bool = False) -> Verdict:
        """How things stand with these tasks, from what is cached."""
        return self._judge.verdict(
            Snapshot(pools=tuple(pools), stopping=stopping),
            self.scheduler.readings(),
            self._parts.book.open(),
        )

    def readings(self) -> list[dict[str, object]]:
        """Every reading with its age."""
        now_s = self._parts.clock()
        return [reading.as_dict(now_s) for reading in self.scheduler.readings()]

    def open_incidents(self) -> list[Incident]:
        """What lasts, gravest first."""
        return self._parts.book.open()

    def last_readings(self) -> list[Reading]:
        """Every reading as it was taken."""
        return self.scheduler.readings()

    @property
    def store(self) -> IncidentStore:
        """The records; its methods block."""
        return self._parts.store

    @property
    def crashes(self) -> CrashFolder:
        """The crash reports; its methods block."""
        return self._parts.crashes

    async def aside(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Calls a blocking function that uses the database in a thread."""
        return await self._parts.database.run(function, *arguments, **options)

    # --- work -------------------------------------------------------------------------------------------

    def report(self, sign: Sign) -> None:
        """A sign that somebody else has found."""
        self._parts.book.apply(self._detector.report(sign))

    def look(self) -> None:
        """One look of the detector at what is cached."""
        parts = self._parts
        snapshot = parts.snapshot()
        scene = Scene(
            now_s=parts.clock(),
            readings=self.scheduler.readings(),
            snapshot=snapshot,
            work=parts.work,
            cpu_s=processor_wanted_s(worker.pid for pool in snapshot.pools for worker in pool.workers),
            watched=self._watched,
        )
        parts.book.apply(self._detector.look(scene))

    def hear(self, event: Event) -> None:
        """One fact, on the event loop."""
        if isinstance(event, CanaryChecked):
            self._parts.work.count_canary(event.task, passed=event.passed)
        elif isinstance(event, WorkerDied) and not event.wanted:
            self._parts.work.count_death(event.task)
        self._parts.recorder.hear(event)
        if self.reporter is not None and self._settings.crash_reports:
            self.reporter.hear(event)
        if self._parts.words is not None:
            for sign in self._parts.words.hear(event):
                self.report(sign)
        findings: Findings = self._detector.hear(event)
        if findings.signs:
            self._parts.book.apply(findings)

    def _hear_anywhere(self, event: Event) -> None:
        # Facts of the model store come from threads.
        if threading.current_thread() is threading.main_thread():
            self.hear(event)
        elif self._loop is not None:
            self._loop.call_soon_threadsafe(self.hear, event)

    def _changed(self, change: IncidentChange) -> None:
        self._unsaved[change.incident.id] = change.incident
        self.feed.add(change)
        self._state(change)
        if self._parts.courier is not None and self._is_told(change):
            self._parts.courier.add(change)
        if change.change in (Change.OPENED, Change.RAISED) and change.sign is not None:
            for action in self._parts.healer.apply(change.sign, remedies_for(change.sign, self._settings)):
                self._parts.book.note_action(change.sign.key, action)

    @staticmethod
    def _state(change: IncidentChange) -> None:
        if change.change is not Change.JOINED:  # nothing has moved: one more sign of the same
            incident = change.incident
            publish(
                IncidentMoved(
                    incident=incident.id,
                    kind=incident.kind,
                    severity=incident.severity,
                    change=change.change,
                    jobs=incident.jobs,
                )
            )

    def _is_told(self, change: IncidentChange) -> bool:
        if change.sign is None:
            return True
        return "notify" in remedies_for(change.sign, self._settings)

    def _note_server_death(self, death: Mapping[str, Any]) -> None:
        if self.reporter is not None and self._settings.crash_reports:
            self.reporter.report_server(death)
        self.report(
            Sign(
                kind="server_died",
                subject="server",
                severity=Severity.ERROR,
                evidence=f"the server before this one died: {server_death_told(death)}",
                is_moment=True,
            )
        )

    def _duties(self) -> list[Coroutine[Any, Any, None]]:
        duties = [self._look_forever(), self._save_forever(), self._tidy_forever()]
        if self._parts.courier is not None:
            duties.append(self._parts.courier.work_forever())
        return duties

    async def _look_forever(self) -> None:
        # After the probes, which are spread over the first part of their interval.
        await asyncio.sleep(self._settings.interval_s / 2)
        while True:
            try:
                self.look()
            except Exception:  # noqa: BLE001 — a bug in a policy must not end every other policy for good
                _log.exception("a look has failed")
            await asyncio.sleep(self._settings.interval_s)

    async def _save_forever(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            await self._save()

    async def _save(self) -> None:
        unsaved, self._unsaved = self._unsaved, {}
        for incident in unsaved.values():
            try:
                await self.aside(self._parts.store.save, incident)
            except DatabaseProblem:  # kept for the next round; a newer state of it wins
                self._unsaved.setdefault(incident.id, incident)

    async def _tidy_forever(self) -> None:
        settings = self._settings
        while True:
            try:
                await self.aside(
                    self._parts.store.forget,
                    older_than=timedelta(days=settings.incident_days),
                    most=settings.max_incidents,
                )
            except SteadfastError as error:
                _log.warning("old incidents not removed", extra={"code": error.code})
            await asyncio.sleep(_TIDY_EVERY_S)


def foreign_sinks(points: Sequence[EntryPoint] | None = None) -> list[Callable[[IncidentChange], None]]:
    """Those of third parties; one that cannot be loaded is passed over, and the log says so."""
    found = []
    for point in points if points is not None else entry_points(group=SINKS):
        try:
            found.append(point.load()())
        except Exception:  # noqa: BLE001 — anybody's code: its fault becomes a line in the log
            _log.exception("sink not loaded", extra={"where": point.value})
    return found


def _guarded(sink: Callable[[IncidentChange], None]) -> Callable[[IncidentChange], None]:
    def tell(change: IncidentChange) -> None:
        try:
            sink(change)
        except Exception:  # noqa: BLE001 — anybody's code: its fault becomes a line in the log
            _log.exception("sink failed")

    return tell
