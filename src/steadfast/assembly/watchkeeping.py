"""Settings turned into a health watch: which probes, what they look at, who is told."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from steadfast.admission.keys import utc_now
from steadfast.assembly.sharing import server_name
from steadfast.database.database import Database
from steadfast.errors import Severity, SteadfastError
from steadfast.health.alerts.channels import channels_of, instance_of, routes_of
from steadfast.health.alerts.courier import Courier
from steadfast.health.alerts.outbox import Outbox
from steadfast.health.alerts.routes import groupings_for
from steadfast.health.crash_report import CrashFolder, without_paths
from steadfast.health.crash_reporter import CrashReporter
from steadfast.health.detection.sign import Sign
from steadfast.health.flight_recorder import FlightRecorder
from steadfast.health.incident_store import IncidentStore
from steadfast.health.incidents import IncidentBook
from steadfast.health.log_diagnosis.rule_files import load_rules
from steadfast.health.probes.contract import Surroundings
from steadfast.health.probes.devices import Nvml
from steadfast.health.probes.selection import choose_probes
from steadfast.health.remedies import Healer
from steadfast.health.watch import HealthWatch, Parts
from steadfast.health.work_record import WorkRecord
from steadfast.health.worker_words import WorkerWords
from steadfast.observability.logs import redactor_for
from steadfast.runtime.port import Runtime
from steadfast.settings import Settings


def health_watch(
    settings: Settings,
    *,
    runtime: Runtime,
    record: WorkRecord,
    database: Database,
    leave: Callable[[str], None],
    guardian_pid: int | None = None,
    last_death: Mapping[str, Any] | None = None,
    nvml: Nvml | None = None,
) -> HealthWatch:
    """A watch that is not started yet. `leave` ends the server in order, for the guardian to start it again.

    Raises `ConfigError` for a probe that is not known, or a secret that cannot be read.
    """
    surroundings = Surroundings(
        snapshot=runtime.snapshot,
        clock=time.monotonic,
        folders=watched_folders(settings),
        guardian_pid=guardian_pid,
        last_death=lambda: last_death,
        ping_database=database.ping,
    )
    redactor = redactor_for(settings.logs)
    recorder = FlightRecorder(redact=redactor.value, now=utc_now)
    crashes = crash_folder(settings)
    watch: HealthWatch  # the healer and the watch know each other

    def snapshot(sign: Sign) -> None:
        if watch.reporter is not None:
            watch.reporter.report_sign(sign)

    parts = Parts(
        probes=choose_probes(settings.health, surroundings, record, read_devices=nvml),
        work=record,
        snapshot=runtime.snapshot,
        healer=Healer(
            runtime,
            tasks=lambda: [pool.task for pool in runtime.snapshot().pools],
            snapshot=snapshot,
            leave=leave,
        ),
        book=IncidentBook(utc_now, redact=redactor.value),
        database=database,
        store=IncidentStore(database, server=server_name(settings)),
        recorder=recorder,
        crashes=crashes,
        clock=time.monotonic,
        courier=_courier(settings, database),
        words=WorkerWords(
            load_rules(settings.diagnosis.rules, disabled=settings.diagnosis.disabled), clock=time.monotonic
        ),
        needs_tasks=settings.cluster.role != "api",
    )
    watch = HealthWatch(settings.health, parts)
    watch.reporter = CrashReporter(
        crashes,
        recorder=recorder,
        readings=watch.last_readings,
        state=lambda: {pool.task: asdict(pool) for pool in runtime.snapshot().pools},
        settings=without_paths(settings.model_dump(mode="json")),
        failed=lambda error: watch.report(_no_report(error)),
        now=utc_now,
        clock=time.monotonic,
        keep_inputs=settings.health.keep_inputs,
        redact=redactor.value,
    )
    return watch


def crash_folder(settings: Settings) -> CrashFolder:
    """Where crash reports lie."""
    health = settings.health
    return CrashFolder(
        settings.data_dir / "crashes", most=health.crash_reports, most_bytes=health.crash_bytes
    )


def watched_folders(settings: Settings) -> dict[str, Path]:
    """Name → folder whose disk must not run full."""
    folders = {"data": settings.data_dir, "scratch": settings.data_dir / "scratch"}
    elsewhere = {"models": settings.models.dir, "blobs": Path(settings.blobs.url or settings.data_dir)}
    return folders | {
        name: folder
        for name, folder in elsewhere.items()
        if folder.is_dir() and not folder.is_relative_to(settings.data_dir)
    }


def _courier(settings: Settings, database: Database) -> Courier | None:
    alerts = settings.alerts
    channels = channels_of(alerts)
    if not channels:
        return None
    return Courier(
        channels=channels,
        groupings=groupings_for(
            routes_of(alerts),
            instance=instance_of(alerts),
            group_s=alerts.group_s,
            per_hour=alerts.per_hour,
            clock=time.monotonic,
        ),
        outbox=Outbox(database, keep_for=timedelta(hours=alerts.keep_hours)),
        aside=database.run,
    )


def _no_report(error: SteadfastError) -> Sign:
    return Sign(
        kind="crash_report_lost",
        subject="disk",
        severity=Severity.WARNING,
        evidence=f"a crash report could not be written: {error.code}",
        is_moment=True,
    )
