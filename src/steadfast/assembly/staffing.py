"""Settings turned into workers: how many, where, with which limits, and what they may reach."""

import os
from importlib.util import find_spec
from pathlib import Path

from steadfast.admission.gate import GateOptions
from steadfast.admission.rate import NO_LIMIT, Rate
from steadfast.assembly.container_share import (
    EMBEDDED_ENTAILMENT_BYTES,
    counted_spares,
    fitting_workers,
    spares_of,
    waiting_requests,
    worker_room_bytes,
)
from steadfast.errors import ConfigError
from steadfast.inference.threads import owned_cores
from steadfast.models.verification import Vouched
from steadfast.runtime.devices import cuda_devices
from steadfast.runtime.memory import share_of_room
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
from steadfast.tasks.entail_messages import entail_spec
from steadfast.tasks.face_messages import face_spec

CORES_PER_WORKER = 4
_CUDA_PROVIDERS = frozenset({"cuda", "tensorrt"})
_NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}
_CPU = Device(name="cpu", environment=_NO_GPU)
_ANSWER_BYTES = 384 << 20
"""Room for an uncompressed answer of the largest picture; memory is only taken where it is written."""


def face_employment(settings: Settings, vouched: Vouched | None = None) -> Employment:
    """The faces task and its staff; `vouched`: model files that workers need not verify."""
    return Employment(spec=face_spec(settings, vouched), options=pool_options(settings))


def entail_employment(settings: Settings) -> Employment:
    """The task of visual entailment and its staff."""
    devices = devices_of(settings, settings.entailment.workers)
    folder = settings.entailment.model_dir
    readable = () if folder is None else (folder.absolute(),)
    return Employment(spec=entail_spec(settings), options=_options_on(settings, devices, readable))


def pool_options(settings: Settings) -> PoolOptions:
    """How the faces task is staffed."""
    return _options_on(settings, devices_of(settings))


def _options_on(
    settings: Settings, devices: tuple[Device, ...], readable: tuple[Path, ...] = ()
) -> PoolOptions:
    runtime = settings.runtime
    soft_bytes, hard_bytes = _memory_limits(settings)
    return PoolOptions(
        devices=devices,
        spares=spares_of(settings),
        worker=_worker_options(settings, len(devices), readable),
        retry=RetryOptions(
            max_attempts=runtime.max_attempts,
            poison_deaths=runtime.poison_deaths,
            poison_s=runtime.poison_s,
        ),
        restart=RestartOptions(deaths=runtime.restarts, window_s=runtime.restarts_within_s),
        recycle=RecycleOptions(
            max_requests=runtime.max_requests,
            max_age_s=runtime.max_age_s,
            soft_rss_bytes=runtime.soft_memory_bytes or soft_bytes,
            hard_rss_bytes=runtime.hard_memory_bytes or hard_bytes,
            watch_leaks=runtime.watch_leaks,
        ),
        quiet_s=runtime.quiet_s,
        canaries=runtime.canaries,
    )


def gate_options(settings: Settings) -> GateOptions:
    """How much is let in."""
    admission = settings.admission
    return GateOptions(
        max_waiting=waiting_requests(settings),
        rate_of_key=_rate(admission.requests_per_s_by_key, admission.burst_by_key),
        rate_of_address=_rate(admission.requests_per_s_by_address, admission.burst_by_address),
    )


def _rate(per_s: float, burst: int) -> Rate:
    return Rate(per_s=per_s, burst=burst) if per_s else NO_LIMIT


def devices_of(settings: Settings, workers: int = 0) -> tuple[Device, ...]:
    """One entry per worker, `workers` or as the settings say; a variable that the driver reads chooses it."""
    found = _found_devices(settings)
    count = workers or settings.runtime.workers or _usual(settings, found)
    return tuple(found[number % len(found)] for number in range(count))


def _found_devices(settings: Settings) -> tuple[Device, ...]:
    names = settings.runtime.devices or ("auto",)
    if names == ("auto",):
        names = ("cuda",) if _CUDA_PROVIDERS.intersection(settings.inference.providers) else ("cpu",)
        return _every_gpu() or (_CPU,) if names == ("cuda",) else (_CPU,)
    return tuple(device for name in names for device in _named(name)) or (_CPU,)


def _named(name: str) -> tuple[Device, ...]:
    return _every_gpu() if name == "cuda" else (_device(name),)


def _every_gpu() -> tuple[Device, ...]:
    # Without a runtime that can use them, workers on GPUs would only be workers with a misleading name.
    return cuda_devices() if find_spec("onnxruntime") is not None else ()


def _usual(settings: Settings, found: tuple[Device, ...]) -> int:
    """One worker per GPU; on the CPU as many as there are cores for, and memory in the container."""
    if found != (_CPU,):
        return len(found)
    return fitting_workers(settings, max(1, _usable_cores(settings) // CORES_PER_WORKER))


def _usable_cores(settings: Settings) -> int:
    """Those that were chosen, or all; never more than the container's quota."""
    return min(len(settings.runtime.cores) or cores(), cores())


def _memory_limits(settings: Settings) -> tuple[int, int]:
    """Soft and hard, by the container's limit and all who share it; (0, 0) where there is none."""
    room_bytes = worker_room_bytes(settings)
    if room_bytes is None:
        return 0, 0
    spares = counted_spares(settings)
    processes = len(devices_of(settings)) + spares
    if settings.entailment.enabled:
        if settings.entailment.backend != "embedded":
            processes += len(devices_of(settings, settings.entailment.workers)) + spares
        else:  # small; a share like that of faces would be wasted
            room_bytes = max(0, room_bytes - spares * EMBEDDED_ENTAILMENT_BYTES)
    return share_of_room(room_bytes, processes=processes)


def _device(name: str) -> Device:
    kind, _, number = name.partition(":")
    if kind == "cuda":
        return Device(name=name, environment={"CUDA_VISIBLE_DEVICES": number or "0"})
    return _CPU if name == "cpu" else Device(name=name, environment=_NO_GPU)


def cores() -> int:
    """Those that this process may use: its affinity, cut by the container's CPU quota."""
    return owned_cores()


def worker_cores(settings: Settings) -> tuple[int, ...]:
    """Those of `runtime.cores`; empty: all. Raises `ConfigError` for one that this process may not use."""
    wanted = settings.runtime.cores
    if wanted and hasattr(os, "sched_getaffinity"):
        here = os.sched_getaffinity(0)
        if absent := sorted(set(wanted) - here):
            raise ConfigError(
                f"The setting runtime.cores names the core {absent[0]}; this process may use "
                f"{', '.join(map(str, sorted(here)))}."
            )
    return wanted


def _worker_options(settings: Settings, count: int, readable: tuple[Path, ...]) -> WorkerOptions:
    runtime = settings.runtime
    request_bytes = runtime.shared_memory_bytes
    scratch = worker_scratch(settings)
    own_cores = worker_cores(settings)
    user = _worker_user(settings)
    if user is not None:
        os.chown(scratch, *user)
    return WorkerOptions(
        python_path=runtime.python_path,
        threads=runtime.threads or max(1, _usable_cores(settings) // count),
        affinity=own_cores,
        nice=runtime.nice,
        max_address_space_bytes=runtime.max_address_space_bytes,
        scratch=scratch,
        outboxes=worker_outboxes(settings),
        arena=ArenaOptions(
            request_bytes=request_bytes,
            answer_bytes=request_bytes if runtime.max_address_space_bytes else _ANSWER_BYTES,
        ),
        confinement=ConfinementOptions(
            landlock=runtime.confine_files,
            no_network=runtime.confine_network,
            readable=(*_readable(settings), *readable),
            user=user,
        ),
    )


def worker_scratch(settings: Settings) -> Path:
    """The workers' own folder; it exists afterwards."""
    scratch = settings.data_dir / "scratch" / "workers"
    scratch.mkdir(parents=True, exist_ok=True)
    return scratch


def worker_outboxes(settings: Settings) -> Path:
    """Where each worker has a folder of its own for the files it hands over; it exists afterwards."""
    outboxes = settings.data_dir / "scratch" / "outboxes"
    outboxes.mkdir(parents=True, exist_ok=True)
    return outboxes


def lending_folder(settings: Settings) -> Path:
    """Where workers find files of jobs, to be read and never to be written; it exists afterwards."""
    lending = settings.data_dir / "scratch" / "lent"
    lending.mkdir(parents=True, exist_ok=True)
    return lending


def _readable(settings: Settings) -> tuple[Path, ...]:
    return (settings.models.dir, settings.data_dir / "scratch" / "bodies", lending_folder(settings))


def worker_paths(settings: Settings) -> list[Path]:
    """What a worker of another user must be able to read, beside Python itself."""
    models = settings.models.dir
    files = sorted(models.iterdir()) if models.is_dir() else []
    own = [file for file in files if not file.name.startswith(".")]  # locks and downloads are the server's
    code = [Path(folder) for folder in settings.runtime.python_path]
    return [*_readable(settings), *own, *code, worker_scratch(settings)]


def _worker_user(settings: Settings) -> tuple[int, int] | None:
    if not settings.runtime.drop_root:
        return None
    return user_for_workers(worker_paths(settings))


def spool_group(settings: Settings) -> int | None:
    """The group that may read a body on disk: that of workers of another user; None: they are of ours."""
    user = _worker_user(settings)
    return None if user is None else user[1]
