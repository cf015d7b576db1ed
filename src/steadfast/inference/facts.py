"""The facts that inference states; see `steadfast.events`."""

from dataclasses import dataclass
from enum import StrEnum

from steadfast.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderSkipped(Event):
    """A provider that was asked for does not run this model; the next in order was taken."""

    model: str
    provider: str
    reason: str  # one sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchStaysFixed(Event):
    """A graph for one picture could not be made to take several; it runs as it is."""

    model: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelLoaded(Event):
    """A model is in memory."""

    model: str
    providers: tuple[str, ...]  # the runtime's names, in order
    threads: int
    load_s: float


class UnloadReason(StrEnum):
    """Why a model's memory was given back."""

    WORK_OVER = "work_over"  # `inference.residency`: nothing is to stay between requests
    RUN_OVER = "run_over"  # `inference.residency` is strict: nothing is to stay between runs
    MEMORY_LIMIT = "memory_limit"  # another needed the room below `inference.memory_limit`
    DEVICE_SHORT = "device_short"  # a run would have passed the bound on device memory
    DEVICE_FULL = "device_full"  # the device's memory ran out
    ASKED = "asked"  # the worker was told to release memory


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelUnloaded(Event):
    """A model's memory was given back."""

    model: str
    reason: UnloadReason


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceMemoryShort(Event):
    """A run would have passed the bound on device memory, so idle models were unloaded first."""

    model: str
    used_bytes: int
    total_bytes: int
    unloaded: tuple[str, ...]
