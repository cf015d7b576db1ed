"""Settings turned into workers: how many, where, with which limits, and what they may reach."""

import os
from pathlib import Path

from steadfast.admission.gate import GateOptions
from steadfast.admission.rate import NO_LIMIT, Rate
from steadfast.errors import SteadfastError
from steadfast.models.catalogue import ModelFamily
from steadfast.models.store import ModelState, ModelStore
from steadfast.runtime.options import (
    ArenaOptions,
    ConfinementOptions,
    Device,
    PoolOptions,
    RecycleOptions,
    RestartOptions,
    RetryOptions,
    WorkerOptions,
)
from steadfast.runtime.sandbox import user_for_workers
from steadfast.runtime.supervisor import Employment
from steadfast.settings import Settings
from steadfast.tasks.face_messages import face_spec

CORES_PER_WORKER = 4
_ANSWER_BYTES = 384 << 20
"""Room for an uncompressed answer of the largest picture; memory is only taken where it is written."""


def face_employment(settings: Settings) -> Employment:
    """The faces task and its staff."""
    return Employment(spec=face_spec(settings), options=pool_options(settings))


def pool_options(settings: Settings) -> PoolOptions:
    """How the task is staffed."""
    runtime = settings.runtime
    devices = devices_of(settings)
    return PoolOptions(
        devices=devices,
        spares=runtime.spares,
        worker=_worker_options(settings, len(devices)),
        retry=RetryOptions(
            max_attempts=runtime.max_attempts,
            poison_deaths=runtime.poison_deaths,
            poison_s=runtime.poison_s,
        ),
        restart=RestartOptions(deaths=runtime.restarts, window_s=runtime.restarts_within_s),
        recycle=RecycleOptions(
            max_requests=runtime.max_requests,
            max_age_s=runtime.max_age_s,
            soft_rss_bytes=runtime.soft_memory_bytes,
            hard_rss_bytes=runtime.hard_memory_bytes,
            watch_leaks=runtime.watch_leaks,
        ),
        quiet_s=runtime.quiet_s,
        canaries=runtime.canaries,
    )


def gate_options(settings: Settings) -> GateOptions:
    """How much is let in."""
    admission = settings.admission
    return GateOptions(
        max_waiting=admission.max_waiting,
        rate_of_key=_rate(admission.requests_per_s_by_key, admission.burst_by_key),
        rate_of_address=_rate(admission.requests_per_s_by_address, admission.burst_by_address),
    )


def _rate(per_s: float, burst: int) -> Rate:
    return Rate(per_s=per_s, burst=burst) if per_s else NO_LIMIT


def devices_of(settings: Settings) -> tuple[Device, ...]:
    """One entry per worker; an accelerator is chosen by the variable its driver reads."""
    names = settings.runtime.devices or ("cpu",)
    count = settings.runtime.workers or _usual_count(names)
    return tuple(_device(names[number % len(names)]) for number in range(max(1, count)))


def _usual_count(names: tuple[str, ...]) -> int:
    if names == ("cpu",):
        return max(1, cores() // CORES_PER_WORKER)
    return len(names)


def _device(name: str) -> Device:
    kind, _, number = name.partition(":")
    if kind == "cuda":
        return Device(name=name, environment={"CUDA_VISIBLE_DEVICES": number or "0"})
    return Device(name=name, environment={"CUDA_VISIBLE_DEVICES": ""})


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _worker_options(settings: Settings, count: int) -> WorkerOptions:
    runtime = settings.runtime
    request_bytes = runtime.shared_memory_bytes
    scratch = worker_scratch(settings)
    user = _worker_user(settings)
    if user is not None:
        os.chown(scratch, *user)
    return WorkerOptions(
        python_path=runtime.python_path,
        threads=runtime.threads or max(1, cores() // count),
        max_address_space_bytes=runtime.max_address_space_bytes,
        scratch=scratch,
        arena=ArenaOptions(
            request_bytes=request_bytes,
            answer_bytes=request_bytes if runtime.max_address_space_bytes else _ANSWER_BYTES,
        ),
        confinement=ConfinementOptions(
            landlock=runtime.confine_files,
            no_network=runtime.confine_network,
            readable=_readable(settings),
            user=user,
        ),
    )


def worker_scratch(settings: Settings) -> Path:
    """The workers' own folder; it exists afterwards."""
    scratch = settings.data_dir / "scratch" / "workers"
    scratch.mkdir(parents=True, exist_ok=True)
    return scratch


def _readable(settings: Settings) -> tuple[Path, ...]:
    return (settings.models.dir, settings.data_dir / "scratch" / "bodies")


def _worker_user(settings: Settings) -> tuple[int, int] | None:
    if not settings.runtime.drop_root:
        return None
    return user_for_workers([*_readable(settings), worker_scratch(settings)])


def spool_mode(settings: Settings) -> int:
    """Who may read a body on disk: workers of another user must."""
    return 0o600 if _worker_user(settings) is None else 0o644


def local_models(store: ModelStore, settings: Settings) -> list[str]:
    """Fetches models of the standard engine that a `file://` mirror or `auto_pull` gives; which those were.

    Workers cannot: they may not write there. What cannot be had is left to `engine = "auto"`.
    """
    if settings.faces.engine == "embedded":
        return []
    fetched = []
    for model in store.catalogue.of(ModelFamily.STANDARD):
        if store.state(model.name) not in (ModelState.MISSING, ModelState.DAMAGED):
            continue
        try:
            store.require(model.name)
        except SteadfastError:
            continue
        fetched.append(model.name)
    return fetched
