"""The server process: wires database, admission, runtime and HTTP together, and lives until told not to.

No pixel and no model is touched here, and nothing that could do so is imported: all of that is in workers.
"""

import asyncio
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass

from steadfast.admission.keys import NewKey
from steadfast.api.control import ControlSocket
from steadfast.assembly.chores import Chores
from steadfast.assembly.front_options import intake_limits, spool_folder
from steadfast.assembly.housework import Housework, flush_keys, tell_gate_of_loads
from steadfast.assembly.jobkeeping import job_terms
from steadfast.assembly.leaving import finish_work, stop_watching
from steadfast.assembly.model_supply import ModelSupply
from steadfast.assembly.parts import Parts, open_parts
from steadfast.assembly.pauses import keep_pauses_short
from steadfast.assembly.reloading import changes
from steadfast.assembly.sharing import shared_terms
from steadfast.assembly.staffing import gate_options, worker_outboxes
from steadfast.assembly.tasks_served import employments
from steadfast.blobs.scratch import clean_scratch
from steadfast.errors import ExitCode, OutputUnwritable, SteadfastError
from steadfast.events import Event, subscribe
from steadfast.guardian.attach import Attachment
from steadfast.health.detection.sign import Sign
from steadfast.health.events import IncidentMoved
from steadfast.jobs.service import JobService
from steadfast.observability.request_log import RequestLog
from steadfast.runtime.outbox import remove_old_outboxes
from steadfast.runtime.sandbox import hide_memory
from steadfast.runtime.supervisor import Supervisor
from steadfast.settings import Settings
from steadfast.sla.ledger_folder import ledger_folder, service_name
from steadfast.sla.quality_watch import QualityWatch
from steadfast.sla.recorder import Recorder
from steadfast.tasks.face_messages import TASK

_log = logging.getLogger(__name__)

_FETCH_FIRST_S = 5.0
"""How long workers wait for models from a mirror on this machine, before they start with what there is."""
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
        self._models = ModelSupply(settings)
        self._stop = asyncio.Event()
        self._chores = Chores()
        self.supervisor = Supervisor(employments(settings, self._models.vouched), repair=self._models.repair)
        self._parts: Parts | None = None
        self._control: ControlSocket | None = None
        self._recorder: Recorder | None = None
        self._listening: list[Callable[[], None]] = []
        """Each ends one subscription to facts."""
        self._attachment: Attachment | None = None
        self.exit_code = 0
        """What the process ends with after `run`."""

    @property
    def jobs(self) -> JobService | None:
        """Those of a service that was started; None: jobs are switched off."""
        return self._parts.jobs if self._parts is not None else None

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
        if self._parts is not None:
            self._parts.backend.stopping = True
        self._stop.set()

    def leave(self, why: str) -> None:
        """Ends in order with a status that has the guardian start another server."""
        _log.error("server ends itself", extra={"kind": why})
        self.exit_code = int(ExitCode.FAILED)
        self.ask_to_stop()

    async def start(self) -> Started:
        """Everything up; workers may still be loading, which readiness tells."""
        parts = self._parts = open_parts(
            self.settings,
            supervisor=self.supervisor,
            models=self._models,
            leave=self.leave,
            attachment=self._attachment,
        )
        host, port = parts.http.bind()
        parts.backend.room.clear()
        self._control = ControlSocket(self.settings.data_dir / "control.sock", {"reload": self.reload})
        await self._control.open()
        fetching = asyncio.create_task(self._fetch_models())
        await self._await_first_models(fetching)
        await self._start_workers(parts)
        self._keep_record(parts)
        await parts.http.start()
        self._chores.begin(self._use_what_is_fetched(fetching, came_late=not fetching.done()))
        self._begin_housework(parts)
        await self._begin_jobs(parts)
        if parts.health is not None:
            await parts.health.start(self._attachment.last_death if self._attachment else None)
        return Started(host=host, port=port, needs_keys=parts.keyring is not None, first_key=parts.first_key)

    async def stop(self) -> None:
        """Finishes within `server.grace_s`, refuses the rest, and ends every worker."""
        parts = self._started()
        await finish_work(parts, self.supervisor, grace_s=self.settings.server.grace_s)
        self._chores.end()
        await stop_watching(parts)
        if self._control is not None:
            await self._control.close()
        if parts.keyring is not None:
            flush_keys(parts.keyring)
        if self._recorder is not None:
            self._recorder.close(parts.database)
        for end in self._listening:
            end()
        parts.database.close()

    async def reload(self) -> dict[str, object]:
        """Reads the settings anew, replaces workers one by one, and says what waits for a restart.

        No request fails. Raises `ConfigError`, and `ServiceError` where the new workers do not come up; then
        everything is as it was.
        """
        new = changes(self.settings, self._read_settings())
        self._models.follow(new.settings)
        try:
            await asyncio.to_thread(self._models.fetch)
            wanted = employments(new.settings, self._models.vouched)
            await self.supervisor.reload({employment.spec.name: employment for employment in wanted})
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
        backend = self._started().backend
        backend.gate.follow(gate_options(settings))
        backend.limits = intake_limits(settings)
        backend.deadline_s = settings.runtime.deadline_s
        backend.entailment = settings.entailment
        backend.job_terms = job_terms(settings)
        backend.request_log = RequestLog(slow_ms=settings.logs.slow_ms)

    def _started(self) -> Parts:
        assert self._parts is not None
        return self._parts

    # --- steps of a start -------------------------------------------------------------------------------

    async def _start_workers(self, parts: Parts) -> None:
        hide_memory()  # after the socket: what is hidden may not follow its own links in /proc
        remove_old_outboxes(worker_outboxes(self.settings))
        # Whoever made it has died with its server.
        clean_scratch([self.settings.data_dir / "scratch"], older_than_s=0.0)
        self._listening.append(tell_gate_of_loads(parts.backend.gate))
        await self.supervisor.start(wait_s=0.0)

    def _keep_record(self, parts: Parts) -> None:
        """Every request and job goes into the ledger, and is judged."""
        settings = self.settings
        if not settings.objectives.ledger:
            return
        self._recorder = Recorder(ledger_folder(settings), instance=service_name(settings))
        self._recorder.listen()

        def report(sign: Sign) -> None:
            if parts.health is not None:
                parts.health.report(sign)

        self._listening.append(QualityWatch(settings.objectives, report).listen())
        parts.backend.sampled = settings.objectives.sampled

    def _begin_housework(self, parts: Parts) -> None:
        Housework(
            settings=self.settings,
            backend=parts.backend,
            database=parts.database,
            supervisor=self.supervisor,
            keyring=parts.keyring,
            recorder=self._recorder,
            jobs=parts.jobs,
            cluster=parts.cluster,
            is_chief=shared_terms(self.settings, parts.ground).is_chief,
        ).begin(self._chores)

    async def _begin_jobs(self, parts: Parts) -> None:
        jobs = parts.jobs
        if jobs is None:
            return

        def tell_of_incident(fact: Event) -> None:
            if isinstance(fact, IncidentMoved) and fact.jobs and not parts.backend.stopping:
                self._chores.begin(jobs.note_incident(fact.incident, fact.jobs))

        await jobs.start()
        if parts.cluster is not None:
            await parts.cluster.start()
        self._listening.append(subscribe(tell_of_incident))

    # --- models -----------------------------------------------------------------------------------------

    async def _await_first_models(self, fetching: asyncio.Task[bool]) -> None:
        stopping = asyncio.create_task(self._stop.wait())
        waited_for = [fetching, stopping]
        await asyncio.wait(waited_for, timeout=_FETCH_FIRST_S, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

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


def _make_folders(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        spool_folder(settings).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputUnwritable(f"The data folder {settings.data_dir} cannot be used: {reason}.") from error
