"""Which models stay in memory: after each piece of work, under a limit, and when the device is nearly full.

A piece of work is a picture, a video or a request; `SessionCache.work()` marks it. A run outside of any is a
piece of work by itself.

    strict     nothing stays when the work ends
    moderate   only what the last work used stays
    tolerant   everything stays
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from threading import Lock
from typing import Protocol

from steadfast.errors import OutOfHostMemory
from steadfast.events import publish
from steadfast.inference.device_memory import DeviceProbe
from steadfast.inference.facts import DeviceMemoryShort, UnloadReason

DEVICE_SHARE = 0.9
"""A run that would take the device past this share of its memory releases idle models first."""

_LOAD_FACTOR = (
    1.5  # a graph's weights, their device copy's padding and the first workspace, per byte of its file
)
_WORKSPACE_FACTOR = 0.5  # what one run of a loaded graph takes on top and gives back, per byte of its file
_SMALLEST_WORKSPACE_BYTES = 64 << 20


class Residency(StrEnum):
    """How long models stay loaded."""

    STRICT = "strict"
    MODERATE = "moderate"
    TOLERANT = "tolerant"


class Resident(Protocol):
    """A model as residency sees it."""

    name: str
    file_bytes: int
    last_used: int  # counts runs; larger is later

    @property
    def is_loaded(self) -> bool:
        """Whether it takes memory now."""
        ...

    @property
    def on_device(self) -> bool:
        """Whether it takes the accelerator's memory, or will."""
        ...

    def unload_if_idle(self, reason: UnloadReason) -> bool:
        """Gives its memory back unless it is running; True if it did."""
        ...


class ResidencyPolicy:
    """Decides what is unloaded, and when; safe to ask from many threads."""

    def __init__(
        self,
        residents: Callable[[], Iterable[Resident]],
        *,
        residency: Residency,
        memory_limit_bytes: int,
        probe: DeviceProbe,
    ) -> None:
        self._residents = residents
        self._residency = residency
        self._limit = memory_limit_bytes
        self._probe = probe
        self._lock = Lock()
        self._works = 0
        self._used: set[str] = set()  # since the last moment without work
        self._clock = 0

    def begin_work(self) -> None:
        """A piece of work starts; several may overlap."""
        with self._lock:
            if self._works == 0:
                self._used.clear()
            self._works += 1

    def end_work(self) -> None:
        """A piece of work is over; with the last one go the models that need not stay."""
        with self._lock:
            self._works -= 1
            if self._works or self._residency is Residency.TOLERANT:
                return
            kept = self._used.copy() if self._residency is Residency.MODERATE else set()
        for resident in self._residents():
            if resident.name not in kept:
                resident.unload_if_idle(UnloadReason.WORK_OVER)

    def before_run(self, resident: Resident) -> None:
        """Makes room on the device, and remembers that the model is in use."""
        with self._lock:
            self._clock += 1
            resident.last_used = self._clock
            self._used.add(resident.name)
        if resident.on_device:
            self._make_room_on_device(resident)

    def after_run(self, resident: Resident) -> None:
        """Unloads the model where nothing may stay and no work goes on."""
        with self._lock:
            over = self._works == 0 and self._residency is Residency.STRICT
        if over:
            resident.unload_if_idle(UnloadReason.RUN_OVER)

    def before_load(self, resident: Resident) -> None:
        """Makes room under `memory_limit`. Raises OutOfHostMemory where the model cannot fit below it."""
        if not self._limit or resident.on_device:
            return
        for idle in self._others(resident):
            if self._taken(resident) + resident.file_bytes <= self._limit:
                return
            if not idle.on_device:
                idle.unload_if_idle(UnloadReason.MEMORY_LIMIT)
        if self._taken(resident) + resident.file_bytes > self._limit:
            raise OutOfHostMemory(
                f"The model {resident.name} ({resident.file_bytes >> 20} MiB) does not fit below "
                f"inference.memory_limit ({self._limit >> 20} MiB).",
                remedy="Raise inference.memory_limit, or use a smaller model.",
            )

    def release(
        self, keep: Resident | None = None, reason: UnloadReason = UnloadReason.ASKED
    ) -> tuple[str, ...]:
        """Unloads every idle model but one; the names of those it unloaded."""
        return tuple(r.name for r in self._others(keep) if r.unload_if_idle(reason))

    def _taken(self, besides: Resident) -> int:
        others = (r for r in self._others(besides) if not r.on_device)
        return sum(r.file_bytes for r in others)

    def _make_room_on_device(self, resident: Resident) -> None:
        memory, need = self._probe(), _device_need_bytes(resident)
        if memory is None or not memory.would_pass(DEVICE_SHARE, need):
            return
        unloaded = []
        for idle in self._others(resident):
            if idle.on_device and idle.unload_if_idle(UnloadReason.DEVICE_SHORT):
                unloaded.append(idle.name)
                now = self._probe()
                if now is None or not now.would_pass(DEVICE_SHARE, need):
                    break
        publish(
            DeviceMemoryShort(
                model=resident.name,
                used_bytes=memory.used_bytes,
                total_bytes=memory.total_bytes,
                unloaded=tuple(unloaded),
            )
        )

    def _others(self, one: Resident | None) -> list[Resident]:
        """The loaded models but one, least recently used first."""
        loaded = [r for r in self._residents() if r is not one and r.is_loaded]
        return sorted(loaded, key=lambda r: r.last_used)


def _device_need_bytes(resident: Resident) -> int:
    """What a run will take on the device that it has not taken yet; an estimate from the file's size."""
    factor = _WORKSPACE_FACTOR if resident.is_loaded else _LOAD_FACTOR
    return max(_SMALLEST_WORKSPACE_BYTES, int(resident.file_bytes * factor))
