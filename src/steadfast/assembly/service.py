"""The server process: wires database, admission, runtime and HTTP together, and lives until told not to.

No pixel and no model is touched here, and nothing that could do so is imported: all of that is in workers.
"""

import asyncio
import gc
import logging
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steadfast.admission.first_key import provide_first_key
from steadfast.admission.gate import Gate
from steadfast.admission.keyring import Keyring
from steadfast.admission.keys import KeyStore, NewKey
from steadfast.api.access import Access, keys_are_needed
from steadfast.api.application import Application
from steadfast.api.backend import Backend, Role
from steadfast.api.control import ControlSocket
from steadfast.api.http_server import HttpServer
from steadfast.assembly.answerkeeping import open_replays
from steadfast.assembly.chores import Chores
from steadfast.assembly.drilling import drill_door, drilled
from steadfast.assembly.filekeeping import (
    callback_guard,
    open_library,
    open_references,
    open_upload_desk,
)
from steadfast.assembly.front_options import body_room, http_options, intake_limits, spool_folder
from steadfast.assembly.housework import Housework, flush_keys, tell_gate_of_loads
from steadfast.assembly.jobkeeping import job_terms, open_jobs
from steadfast.assembly.measuring import service_metrics, status_board
from steadfast.assembly.model_supply import ModelSupply
from steadfast.assembly.reloading import changes
from steadfast.assembly.sharing import open_sharing, prepare_sharing, shared_terms
from steadfast.assembly.staffing import (
    entail_employment,
    face_employment,
    gate_options,
    spool_group,
    worker_outboxes,
)
from steadfast.assembly.tracekeeping import open_traces
from steadfast.assembly.watchkeeping import health_watch
from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.scratch import clean_scratch
from steadfast.database.connection import database_options
from steadfast.database.database import Database, open_database
from steadfast.errors import ExitCode, OutputUnwritable, SteadfastError
from steadfast.events import Event, subscribe
from steadfast.guardian.attach import Attachment
from steadfast.health.detection.sign import Sign
from steadfast.health.events import IncidentMoved
from steadfast.health.observed_runtime import ObservedRuntime
from steadfast.health.probes.devices import Nvml
from steadfast.health.watch import HealthWatch
from steadfast.health.work_record import WorkRecord
from steadfast.jobs.service import JobService
from steadfast.observability.request_log import RequestLog
from steadfast.runtime.outbox import remove_old_outboxes
from steadfast.runtime.sandbox import hide_memory
from steadfast.runtime.supervisor import Employment, Supervisor
from steadfast.settings import Settings
from steadfast.sla.ledger_folder import ledger_folder, service_name
from steadfast.sla.quality_watch import QualityWatch
from steadfast.sla.recorder import Recorder
from steadfast.tasks.entail_messages import TASK as ENTAIL
from steadfast.tasks.face_messages import TASK

if TYPE_CHECKING:
    from steadfast.assembly.clustering import ClusterGround
    from steadfast.cluster.cluster import Cluster
    from steadfast.observability.traces.export import TraceExport

_log = logging.getLogger(__name__)

_LINGER_S = 0.5
"""Kept answering after the last piece of work, so that clients with open connections hear that it is over."""
_LOOK_EVERY_S = 0.02
_HAND_BACK_S = 1.0
"""Of the grace period, kept for writing down what was not finished."""
_FETCH_FIRST_S = 5.0
"""How long workers wait for models from a mirror on this machine, before they start with what there is."""
_SWITCH_S = 0.001
"""How long a thread beside the loop may keep it from going on; Python's own value is five times that."""
_KNOWN_SIGNALS = (signal.SIGTERM, signal.SIGINT)

ReadSettings = Callable[[], Settings]
"""Reads file and environment anew, for a reload."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """What whoever started the service is told."""

    host: str
    port: int
    needs_keys: bool
    first_key: NewKey | None
    """To be shown now; nobody can show it again."""


class Service:
    """One server process."""

    def __init__(self, settings: Settings, *, read_settings: ReadSettings | None = None) -> None:
        _make_folders(settings)
        self.settings = settings
        self._read_settings = read_settings or (lambda: settings)
        self._database: Database | None = None
        self._models = ModelSupply(settings)
        self._stop = asyncio.Event()
        self._chores = Chores()
        self.supervisor = Supervisor(self._employments(settings), repair=self._models.repair)
        self._library: BlobLibrary | None = None
        self._jobs: JobService | None = None
        self._ground: ClusterGround | None = None
        self._cluster: Cluster | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._keyring: Keyring | None = None
        self._backend: Backend | None = None
        self._http: HttpServer | None = None
        self._control: ControlSocket | None = None
        self._work_record = WorkRecord(time.monotonic)
        self._health: HealthWatch | None = None
        self._nvml = Nvml()
        self._recorder: Recorder | None = None
        self._traces: TraceExport | None = None
        self._stop_judging: Callable[[], None] = lambda: None
        self._stop_expecting: Callable[[], None] = lambda: None
        self._attachment: Attachment | None = None
        self.exit_code = 0
        """What the process ends with after `run`."""

    # --- life -------------------------------------------------------------------------------------------

    async def run(self, attachment: Attachment, on_started: Callable[[Started], None]) -> None:
        """Serves until SIGTERM or SIGINT, then finishes what runs."""
        self._attachment = attachment
        loop = asyncio.get_running_loop()
        # Before the start: else the command line's handler would break off whatever runs at that moment.
        for signum in _KNOWN_SIGNALS:
            loop.add_signal_handler(signum, self.ask_to_stop)
        started = await self.start()
        if not self._stop.is_set():
            await self._serve(started, attachment, on_started)
        await self.stop()

    async def _serve(
        self, started: Started, attachment: Attachment, on_started: Callable[[Started], None]
    ) -> None:
        """Until it is told to stop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, lambda: self._chores.begin(self._reload_quietly()))
        attachment.heartbeat.start(loop)
        attachment.heartbeat.ready(started.host, started.port)
        on_started(started)
        keep_pauses_short()
        await self._stop.wait()
        attachment.heartbeat.stop()

    def ask_to_stop(self) -> None:
        """Readiness falls at once and nothing new is taken; `run` does the rest."""
        if self._backend is not None:
            self._backend.stopping = True
        self._stop.set()

    def leave(self, why: str) -> None:
        """Ends in order with a status that has the guardian start another server."""
        _log.error("server ends itself", extra={"kind": why})
        self.exit_code = int(ExitCode.FAILED)
        self.ask_to_stop()

    async def start(self) -> Started:
        """Everything up; workers may still be loading, which readiness tells."""
        settings = self.settings
        self._database = open_database(database_options(settings.database, settings.data_dir))
        first_key = self._open_keyring(self._database)
        self._ground = prepare_sharing(settings, self._database, self._models)
        self._library = open_library(settings, self._database, file_group=spool_group(settings))
        self._backend = self._build_backend(self._database)
        self._traces = open_traces(settings.telemetry, self._backend)
        if settings.jobs.enabled:
            self._jobs = self._backend.jobs = self._open_jobs(self._backend, self._database)
            self._cluster = self._backend.cluster = open_sharing(
                settings,
                self._ground,
                database=self._database,
                jobs=self._jobs,
                runtime=self._backend.runtime,
            )
        if settings.telemetry.metrics:
            self._backend.metrics = service_metrics(settings, self._backend, self._nvml)
            self._backend.metrics.start()
        if settings.telemetry.status:
            self._backend.status = status_board(self._backend, self._nvml)
            self._backend.status.start()
        if settings.health.enabled:
            self._health = self._backend.health = self._build_watch(self._database)
        self._backend.drill = drill_door(settings, self._backend, self._library, self._database)
        self._http = HttpServer(Application(self._backend), http_options(settings))
        host, port = self._http.bind()
        self._backend.room.clear()
        self._control = ControlSocket(settings.data_dir / "control.sock", {"reload": self.reload})
        await self._control.open()
        fetching = asyncio.create_task(self._fetch_models())
        stopping = asyncio.create_task(self._stop.wait())
        waited_for = [fetching, stopping]
        await asyncio.wait(waited_for, timeout=_FETCH_FIRST_S, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        hide_memory()  # after the socket: what is hidden may not follow its own links in /proc
        remove_old_outboxes(worker_outboxes(settings))
        # Whoever made it has died with its server.
        clean_scratch([settings.data_dir / "scratch"], older_than_s=0.0)
        self._stop_expecting = tell_gate_of_loads(self._backend.gate)
        await self.supervisor.start(wait_s=0.0)
        if settings.objectives.ledger:
            self._recorder = Recorder(ledger_folder(settings), instance=service_name(settings))
            self._recorder.listen()
            self._stop_judging = QualityWatch(settings.objectives, self._report_sign).listen()
            self._backend.sampled = settings.objectives.sampled
        await self._http.start()
        self._chores.begin(self._use_what_is_fetched(fetching, came_late=not fetching.done()))
        Housework(
            settings=settings,
            backend=self._backend,
            database=self._database,
            supervisor=self.supervisor,
            keyring=self._keyring,
            recorder=self._recorder,
            jobs=self._jobs,
            cluster=self._cluster,
            is_chief=shared_terms(settings, self._ground).is_chief,
        ).begin(self._chores)
        if self._jobs is not None:
            await self._jobs.start()
            if self._cluster is not None:
                await self._cluster.start()
            self._unsubscribe = subscribe(self._tell_jobs_of_incidents)
        if self._health is not None:
            await self._health.start(self._attachment.last_death if self._attachment else None)
        return Started(host=host, port=port, needs_keys=self._keyring is not None, first_key=first_key)

    def _report_sign(self, sign: Sign) -> None:
        if self._health is not None:
            self._health.report(sign)

    async def stop(self) -> None:
        """Finishes within `server.grace_s`, refuses the rest, and ends every worker."""
        assert self._backend is not None
        assert self._http is not None
        began_s = time.monotonic()
        self._backend.stopping = True
        until_s = began_s + self.settings.server.grace_s
        self._backend.gate.close()
        if self._backend.uploads is not None:
            self._backend.uploads.close()
        if self._health is not None:
            self._health.feed.close()  # else who listens would hold up the end
        handing_back = asyncio.create_task(self._stop_jobs(until_s))
        while self._has_work() and time.monotonic() < until_s:
            await asyncio.sleep(_LOOK_EVERY_S)
        await handing_back
        self._backend.gate.refuse_waiting()
        await self.supervisor.stop(grace_s=max(0.0, until_s - time.monotonic()))
        with suppress(TimeoutError):
            async with asyncio.timeout(max(_LINGER_S, self.settings.server.grace_s / 2)):
                while self._backend.tally.running or time.monotonic() - began_s < _LINGER_S:
                    await asyncio.sleep(0.02)
        await self._http.stop()
        self._chores.end()
        if self._health is not None:
            await self._health.stop()
        if self._backend.metrics is not None:
            self._backend.metrics.stop()
        if self._backend.status is not None:
            self._backend.status.stop()
        if self._traces is not None:
            await asyncio.to_thread(self._traces.close)
        if self._control is not None:
            await self._control.close()
        if self._database is not None:
            if self._keyring is not None:
                flush_keys(self._keyring)
            if self._recorder is not None:
                self._recorder.close(self._database)
                self._stop_judging()
            self._database.close()
        self._stop_expecting()

    def _tell_jobs_of_incidents(self, fact: Event) -> None:
        if isinstance(fact, IncidentMoved) and fact.jobs and self._jobs is not None:
            self._chores.begin(self._jobs.note_incident(fact.incident, fact.jobs))

    async def _stop_jobs(self, until_s: float) -> None:
        """Lets steps that run come to their end, and gives back what would be cut off."""
        self._unsubscribe()
        if self._cluster is not None:
            self._cluster.draw_in()
        if self._jobs is not None:
            await self._jobs.stop(grace_s=max(0.0, until_s - time.monotonic() - _HAND_BACK_S))
        if self._cluster is not None:
            await self._cluster.stop()

    def _has_work(self) -> bool:
        assert self._backend is not None
        lanes = self._backend.gate.snapshot().lanes
        if any(lane.inside or sum(lane.waiting.values()) for lane in lanes):
            return True
        return any(pool.busy or pool.waiting for pool in self.supervisor.snapshot().pools)

    async def reload(self) -> dict[str, object]:
        """Reads the settings anew, replaces workers one by one, and says what waits for a restart.

        No request fails. Raises `ConfigError`, and `ServiceError` where the new workers do not come up; then
        everything is as it was.
        """
        new = changes(self.settings, self._read_settings())
        self._models.follow(new.settings)
        try:
            await asyncio.to_thread(self._models.fetch)
            employments = {employment.spec.name: employment for employment in self._employments(new.settings)}
            await self.supervisor.reload(employments)
        except BaseException:
            self._models.follow(self.settings)
            raise
        self.settings = new.settings
        self._follow(new.settings)
        self._chores.begin(self._models.vouch())
        pool = self.supervisor.snapshot().pool(TASK)
        return {
            "workers": [worker.name for worker in pool.workers],
            "ready": pool.ready,
            "applied": new.applied,
            "need_restart": new.need_restart,
        }

    def _follow(self, settings: Settings) -> None:
        """What requests meet from now on."""
        assert self._backend is not None
        self._backend.gate.follow(gate_options(settings))
        self._backend.limits = intake_limits(settings)
        self._backend.deadline_s = settings.runtime.deadline_s
        self._backend.entailment = settings.entailment
        self._backend.job_terms = job_terms(settings)
        self._backend.request_log = RequestLog(slow_ms=settings.logs.slow_ms)

    # --- parts ------------------------------------------------------------------------------------------

    def _employments(self, settings: Settings) -> list[Employment]:
        """Every task that is served, and its staff."""
        if settings.cluster.role == "api":
            return []
        faces = face_employment(settings, self._models.vouched)
        every = [faces, entail_employment(settings)] if settings.entailment.enabled else [faces]
        return drilled(settings, every)

    def _open_keyring(self, database: Database) -> NewKey | None:
        server = self.settings.server
        if not keys_are_needed(server.require_keys, server.host, server.trusted_proxies):
            return None
        store = KeyStore(database)
        first_key = provide_first_key(store, self.settings.bootstrap_key_file)
        self._keyring = Keyring(store, clock=time.monotonic)
        return first_key

    def _build_backend(self, database: Database) -> Backend:
        assert self._library is not None
        settings, server = self.settings, self.settings.server
        return Backend(
            runtime=ObservedRuntime(self.supervisor, self._work_record),
            gate=Gate(gate_options(settings)),
            access=Access(self._keyring, database.run, (*server.allowed_hosts, server.host)),
            room=body_room(settings),
            limits=intake_limits(settings),
            deadline_s=settings.runtime.deadline_s,
            role=Role(settings.cluster.role),
            entailment=settings.entailment,
            request_log=RequestLog(slow_ms=settings.logs.slow_ms),
            metrics_need_key=settings.telemetry.require_key != "never",
            replays=open_replays(settings, database, self._library, self._ground),
            uploads=open_upload_desk(settings, self._library, database),
            references=open_references(settings, self._library),
            callbacks=callback_guard(settings.webhooks),
            job_terms=job_terms(settings),
        )

    def _open_jobs(self, backend: Backend, database: Database) -> JobService:
        assert self._library is not None
        return open_jobs(
            self.settings,
            database=database,
            library=self._library,
            runtime=backend.runtime,
            gate=backend.gate,
            tasks=self._tasks_of_jobs(),
            shared=shared_terms(self.settings, self._ground),
        )

    def _tasks_of_jobs(self) -> tuple[str, ...]:
        if self.settings.cluster.role == "api":
            return ()
        return (TASK, ENTAIL) if self.settings.entailment.enabled else (TASK,)

    def _build_watch(self, database: Database) -> HealthWatch:
        attachment = self._attachment
        return health_watch(
            self.settings,
            runtime=self.supervisor,
            record=self._work_record,
            database=database,
            leave=self.leave,
            guardian_pid=attachment.guardian_pid if attachment else None,
            last_death=attachment.last_death if attachment else None,
            nvml=self._nvml,
        )

    async def _fetch_models(self) -> bool:
        """Fetches what a mirror on this machine has, and prepares loading; whether anything was fetched."""
        fetched = await asyncio.to_thread(self._models.fetch)
        await asyncio.to_thread(self._models.prepare)
        return bool(fetched)

    async def _use_what_is_fetched(self, fetching: asyncio.Task[bool], *, came_late: bool) -> None:
        """Replaces workers that came up before their models had come."""
        if await fetching and came_late:
            await self._reload_quietly()
        await self._models.vouch()

    async def _reload_quietly(self) -> None:
        try:
            await self.reload()
        except SteadfastError as error:
            _log.error("reload failed", extra={"detail": error.detail})


def keep_pauses_short() -> None:
    """Spares the garbage collector what was loaded once and stays.

    A look at all of it takes some 60 ms, in which nothing is answered and nobody refused.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)


def _make_folders(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        spool_folder(settings).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputUnwritable(f"The data folder {settings.data_dir} cannot be used: {reason}.") from error
