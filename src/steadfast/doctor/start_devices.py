"""Graphics cards before a start: the driver, their memory, and whether CUDA really starts.

The driver's own tool is asked, and CUDA is started in a process of its own: a driver that hangs or a library
that crashes must cost a sentence and not the start.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from steadfast.doctor.finding import Finding, Health, Section
from steadfast.doctor.machine import gib
from steadfast.runtime.devices import ask_driver
from steadfast.settings import InferenceSettings

_NVIDIA = frozenset({"cuda", "tensorrt"})
_QUERY = ("--query-gpu=name,driver_version,memory.total,memory.free", "--format=csv,noheader,nounits")
_PROBE_MODULE = "steadfast.doctor.provider_probe"
_PROBE_S = 60.0
_MEMORY_TO_WORK_BYTES = 1 << 30
_COMFORTABLE_MEMORY_BYTES = 4 << 30
_GIVE_GPUS = (
    "Start the container with its GPUs (`--gpus all`), install the driver, or set runtime.devices to cpu."
)

Ask = Callable[[Sequence[str]], str]
StartProviders = Callable[[InferenceSettings], "ProbeResult"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuSeen:
    """One device as the driver's tool lists it."""

    name: str
    driver: str  # its version
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeResult:
    """What came of starting the providers of the settings."""

    started: tuple[str, ...]
    reason: str  # why the first NVIDIA provider did not start; empty: it did


def examine_gpus(
    devices: Sequence[str],
    settings: InferenceSettings,
    *,
    ask: Ask | None = None,
    start: StartProviders | None = None,
) -> Iterator[Finding]:
    """Red only where the settings ask for GPUs: what is left to `auto` works on the CPU too."""
    are_demanded = any(name.startswith("cuda") for name in devices) or (
        bool(settings.providers) and _NVIDIA.issuperset(settings.providers)
    )
    if not are_demanded and not _are_tried(devices, settings):
        yield _finding("GPU", Health.OFF, "none is asked for")
        return
    gpus = read_gpus((ask or ask_driver)(_QUERY))
    if not gpus:
        health = Health.RED if are_demanded else Health.OFF
        summary = "the settings ask for a GPU, and no NVIDIA driver answers here"
        yield _finding("GPU", health, summary if are_demanded else "none here", _GIVE_GPUS)
        return
    for gpu in gpus:
        yield _gpu(gpu, settings, are_demanded=are_demanded)
    yield _cuda((start or start_providers)(settings), are_demanded=are_demanded)


def read_gpus(table: str) -> list[GpuSeen]:
    """The rows of `nvidia-smi`; a card that fell off the bus says so in place of numbers and is left out."""
    rows = [[cell.strip() for cell in line.split(",")] for line in table.splitlines()]
    return [
        GpuSeen(name=name, driver=driver, total_bytes=int(total) << 20, free_bytes=int(free) << 20)
        for name, driver, total, free in (row for row in rows if len(row) == 4)
        if total.isdecimal() and free.isdecimal()
    ]


def start_providers(settings: InferenceSettings) -> ProbeResult:
    """Starts them with a tiny graph, as a worker would, in a process that may hang or crash."""
    command = [sys.executable, "-I", "-m", _PROBE_MODULE]
    given = settings.model_dump_json()
    try:
        done = subprocess.run(  # noqa: S603 — this interpreter, this package
            command, input=given, capture_output=True, text=True, timeout=_PROBE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return ProbeResult(started=(), reason=f"it did not start within {_PROBE_S:.0f} seconds")
    if done.returncode < 0:
        return ProbeResult(started=(), reason=f"it crashed ({signal.Signals(-done.returncode).name})")
    try:
        said = json.loads(done.stdout)
        return ProbeResult(started=tuple(said["started"]), reason=str(said["reason"]))
    except (ValueError, KeyError, TypeError):
        last = done.stderr.strip().rpartition("\n")[2]
        return ProbeResult(started=(), reason=last or f"the trial ended with status {done.returncode}")


def _are_tried(devices: Sequence[str], settings: InferenceSettings) -> bool:
    is_open = not devices or tuple(devices) == ("auto",)
    has_runtime = find_spec("onnxruntime") is not None
    return is_open and has_runtime and bool(_NVIDIA.intersection(settings.providers))


def _gpu(gpu: GpuSeen, settings: InferenceSettings, *, are_demanded: bool) -> Finding:
    needed_bytes = max(_MEMORY_TO_WORK_BYTES, settings.gpu_memory_limit)
    health, remedy = Health.GREEN, ""
    summary = f"{gpu.name}, {gib(gpu.free_bytes)} free of {gib(gpu.total_bytes)}, driver {gpu.driver}"
    if gpu.free_bytes < needed_bytes:
        health = Health.RED if are_demanded else Health.YELLOW
        summary = f"{gpu.name} has {gib(gpu.free_bytes)} free, and a worker needs {gib(needed_bytes)}"
        remedy = "End what else runs on it, or lower inference.gpu_memory_limit."
    elif gpu.free_bytes < _COMFORTABLE_MEMORY_BYTES:
        health, remedy = Health.YELLOW, "Enough for one worker of small models, without a spare."
    facts = {"driver": gpu.driver, "free_bytes": gpu.free_bytes, "total_bytes": gpu.total_bytes}
    return _finding("GPU", health, summary, remedy, facts)


def _cuda(result: ProbeResult, *, are_demanded: bool) -> Finding:
    if _NVIDIA.intersection(result.started):
        return _finding("CUDA", Health.GREEN, f"starts ({', '.join(result.started)})")
    return _finding(
        "CUDA",
        Health.RED if are_demanded else Health.YELLOW,
        f"does not start here: {result.reason.rstrip('.')}",
        "Bring the driver and the CUDA libraries to what this ONNX Runtime asks for, or set "
        "runtime.devices to cpu.",
    )


def _finding(
    name: str, health: Health, summary: str, remedy: str = "", facts: dict[str, object] | None = None
) -> Finding:
    told = remedy if health in (Health.RED, Health.YELLOW) else ""
    return Finding(
        section=Section.INFERENCE, name=name, health=health, summary=summary, remedy=told, facts=facts or {}
    )
