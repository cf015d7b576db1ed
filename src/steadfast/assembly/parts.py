"""Settings turned into everything a service consists of; nothing of it listens, runs or works yet."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steadfast.admission.first_key import provide_first_key
from steadfast.admission.gate import Gate
from steadfast.admission.keyring import Keyring
from steadfast.admission.keys import KeyStore, NewKey
from steadfast.api.access import Access, keys_are_needed
from steadfast.api.application import Application
from steadfast.api.backend import Backend, Role
from steadfast.api.http_server import HttpServer
from steadfast.assembly.answerkeeping import open_replays
from steadfast.assembly.drilling import drill_door
from steadfast.assembly.filekeeping import callback_guard, open_library, open_references, open_upload_desk
from steadfast.assembly.front_options import body_room, http_options, intake_limits
from steadfast.assembly.jobkeeping import job_terms, open_jobs
from steadfast.assembly.measuring import service_metrics, status_board
from steadfast.assembly.model_supply import ModelSupply
from steadfast.assembly.sharing import open_sharing, prepare_sharing, shared_terms
from steadfast.assembly.staffing import gate_options, spool_group
from steadfast.assembly.tasks_served import tasks_of_jobs
from steadfast.assembly.tracekeeping import open_traces
from steadfast.assembly.watchkeeping import health_watch
from steadfast.blobs.library import BlobLibrary
from steadfast.database.connection import database_options
from steadfast.database.database import Database, open_database
from steadfast.guardian.attach import Attachment
from steadfast.health.observed_runtime import ObservedRuntime
from steadfast.health.probes.devices import Nvml
from steadfast.health.watch import HealthWatch
from steadfast.health.work_record import WorkRecord
from steadfast.jobs.service import JobService
from steadfast.observability.request_log import RequestLog
from steadfast.runtime.supervisor import Supervisor
from steadfast.settings import Settings

if TYPE_CHECKING:
    from steadfast.assembly.clustering import ClusterGround
    from steadfast.cluster.cluster import Cluster
    from steadfast.observability.traces.export import TraceExport


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What is None is not served."""

    database: Database
    keyring: Keyring | None
    first_key: NewKey | None
    """To be shown now; nobody can show it again."""
    ground: "ClusterGround | None"
    """What is shared with other servers; None: this one stands alone."""
    backend: Backend
    """What requests meet; it knows the uploads, the metrics and the status too."""
    traces: "TraceExport | None"
    jobs: JobService | None
    cluster: "Cluster | None"
    health: HealthWatch | None
    http: HttpServer


def open_parts(
    settings: Settings,
    *,
    supervisor: Supervisor,
    models: ModelSupply,
    leave: Callable[[str], None],
    attachment: Attachment | None,
) -> Parts:
    """Everything but the workers, each part on what it stands on. `leave` ends the server in order.

    Raises `ConfigError`, `DatabaseProblem`, `OutputUnwritable` and what else stops a start.
    """
    work_record, nvml = WorkRecord(time.monotonic), Nvml()
    database = open_database(database_options(settings.database, settings.data_dir))
    keyring, first_key = _open_keyring(settings, database)
    ground = prepare_sharing(settings, database, models)
    library = open_library(settings, database, file_group=spool_group(settings))
    runtime = ObservedRuntime(supervisor, work_record)
    backend = _backend(
        settings, database=database, library=library, keyring=keyring, ground=ground, runtime=runtime
    )
    traces = open_traces(settings.telemetry, backend)
    jobs, cluster = _open_work(settings, backend, database=database, library=library, ground=ground)
    _measure(settings, backend, nvml)
    if settings.health.enabled:
        backend.health = health_watch(
            settings,
            runtime=supervisor,
            record=work_record,
            database=database,
            leave=leave,
            guardian_pid=attachment.guardian_pid if attachment else None,
            last_death=attachment.last_death if attachment else None,
            nvml=nvml,
        )
    backend.drill = drill_door(settings, backend, library, database)
    return Parts(
        database=database,
        keyring=keyring,
        first_key=first_key,
        ground=ground,
        backend=backend,
        traces=traces,
        jobs=jobs,
        cluster=cluster,
        health=backend.health,
        http=HttpServer(Application(backend), http_options(settings)),
    )


def _open_keyring(settings: Settings, database: Database) -> tuple[Keyring | None, NewKey | None]:
    server = settings.server
    if not keys_are_needed(server.require_keys, server.host, server.trusted_proxies):
        return None, None
    store = KeyStore(database)
    first_key = provide_first_key(store, settings.bootstrap_key_file)
    return Keyring(store, clock=time.monotonic), first_key


def _backend(
    settings: Settings,
    *,
    database: Database,
    library: BlobLibrary,
    keyring: Keyring | None,
    ground: "ClusterGround | None",
    runtime: ObservedRuntime,
) -> Backend:
    server = settings.server
    return Backend(
        runtime=runtime,
        gate=Gate(gate_options(settings)),
        access=Access(keyring, database.run, (*server.allowed_hosts, server.host)),
        room=body_room(settings),
        limits=intake_limits(settings),
        deadline_s=settings.runtime.deadline_s,
        role=Role(settings.cluster.role),
        entailment=settings.entailment,
        request_log=RequestLog(slow_ms=settings.logs.slow_ms),
        metrics_need_key=settings.telemetry.require_key != "never",
        replays=open_replays(settings, database, library, ground),
        uploads=open_upload_desk(settings, library, database),
        references=open_references(settings, library),
        callbacks=callback_guard(settings.webhooks),
        job_terms=job_terms(settings),
    )


def _open_work(
    settings: Settings,
    backend: Backend,
    *,
    database: Database,
    library: BlobLibrary,
    ground: "ClusterGround | None",
) -> "tuple[JobService | None, Cluster | None]":
    """Jobs, and this server's part in a cluster of those that share them."""
    if not settings.jobs.enabled:
        return None, None
    jobs = open_jobs(
        settings,
        database=database,
        library=library,
        runtime=backend.runtime,
        gate=backend.gate,
        tasks=tasks_of_jobs(settings),
        shared=shared_terms(settings, ground),
    )
    cluster = open_sharing(settings, ground, database=database, jobs=jobs, runtime=backend.runtime)
    backend.jobs, backend.cluster = jobs, cluster
    return jobs, cluster


def _measure(settings: Settings, backend: Backend, nvml: Nvml) -> None:
    """Metrics and status listen from here on: what is opened next may state facts already."""
    if settings.telemetry.metrics:
        backend.metrics = service_metrics(settings, backend, nvml)
        backend.metrics.start()
    if settings.telemetry.status:
        backend.status = status_board(backend, nvml)
        backend.status.start()
