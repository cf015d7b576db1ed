"""Probes of accelerators through NVML. Without NVML, its driver or a device they are `disabled`, not wrong.

NVML only asks the driver: it makes no CUDA context and takes no device memory, so the server may use it.
"""

import threading
import time
from abc import abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from steadfast.health.probes.contract import Probe
from steadfast.health.readings import Sample, Status, Thresholds

_FRESH_S = 1.0
_XIDS_LAST_S = 60.0
_NOTHING_HERE = "there is no NVML, no driver or no device"
_BAD_XIDS = frozenset({13, 31, 43, 45, 48, 61, 62, 63, 64, 74, 79, 92, 94, 95, 119, 120})
"""Xid errors that say that the device or a program on it has failed, after NVIDIA's catalogue of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceReading:
    """One accelerator at one moment; None: the device does not tell."""

    name: str
    """`gpu:0`, by NVML's own number: what a worker sees of it is decided by its environment."""
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    utilisation: float | None = None
    """Part of the last moments in which a kernel ran."""
    temperature_c: float | None = None
    slowdown_c: float | None = None
    """Temperature at which the device slows itself down."""
    power_w: float | None = None
    power_limit_w: float | None = None
    ecc_errors: int | None = None
    """Uncorrected ones since the driver was loaded."""
    xid_errors: tuple[int, ...] = ()
    """Of the last minute."""
    xid_count: int = 0
    """Since this process was started."""


ReadDevices = Callable[[], list[DeviceReading]]


class Nvml:
    """The driver's own library. One look at all devices serves all probes of this file, from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._nvml: Any = None
        self._handles: list[Any] = []
        self._events: Any = None
        self._was_tried = False
        self._xids: deque[tuple[float, int, int]] = deque(maxlen=100)
        self._xid_counts: Counter[int] = Counter()
        self._read_at_s = float("-inf")
        self._found: list[DeviceReading] = []

    def __call__(self) -> list[DeviceReading]:
        """All devices; none where there is nothing."""
        with self._lock:
            if not self._was_tried:
                self._was_tried = True
                self._open()
            if self._clock() - self._read_at_s >= _FRESH_S:
                self._read_at_s = self._clock()
                self._found = self._read_all()
            return self._found

    @property
    def latest(self) -> Sequence[DeviceReading]:
        """What it last told; asks nobody, so it never waits for a driver."""
        return self._found

    def _read_all(self) -> list[DeviceReading]:
        self._hear_xids()
        return [
            self._read(index, handle, tuple(xid for _, at, xid in self._xids if at == index))
            for index, handle in enumerate(self._handles)
        ]

    def _open(self) -> None:
        try:
            import pynvml  # noqa: PLC0415 — part of the extra `gpu`
        except ImportError:
            return
        try:
            pynvml.nvmlInit()
            count = pynvml.nvmlDeviceGetCount()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
            self._nvml = pynvml
        except pynvml.NVMLError:
            return
        try:
            events = pynvml.nvmlEventSetCreate()
            for handle in self._handles:
                pynvml.nvmlDeviceRegisterEvents(handle, pynvml.nvmlEventTypeXidCriticalError, events)
            self._events = events
        except pynvml.NVMLError:  # some devices and containers have none
            self._events = None

    def _hear_xids(self) -> None:
        now_s = self._clock()
        while self._xids and now_s - self._xids[0][0] > _XIDS_LAST_S:
            self._xids.popleft()
        while self._events is not None:
            try:
                event = self._nvml.nvmlEventSetWait_v2(self._events, 0)
            except self._nvml.NVMLError:  # mostly: there is no more
                break
            number = self._number_of(event.device)
            self._xids.append((now_s, number, int(event.eventData)))
            self._xid_counts[number] += 1

    def _number_of(self, device: Any) -> int:
        return int(self._nvml.nvmlDeviceGetIndex(device))

    def _read(self, index: int, handle: Any, xids: tuple[int, ...]) -> DeviceReading:
        nvml = self._nvml
        memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, handle)
        use = self._ask(nvml.nvmlDeviceGetUtilizationRates, handle)
        return DeviceReading(
            name=f"gpu:{index}",
            memory_used_bytes=int(memory.used) if memory is not None else None,
            memory_total_bytes=int(memory.total) if memory is not None else None,
            utilisation=use.gpu / 100 if use is not None else None,
            temperature_c=self._ask(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
            slowdown_c=self._ask(
                nvml.nvmlDeviceGetTemperatureThreshold, handle, nvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
            ),
            power_w=_watts(self._ask(nvml.nvmlDeviceGetPowerUsage, handle)),
            power_limit_w=_watts(self._ask(nvml.nvmlDeviceGetEnforcedPowerLimit, handle)),
            ecc_errors=self._ask(
                nvml.nvmlDeviceGetTotalEccErrors,
                handle,
                nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
                nvml.NVML_VOLATILE_ECC,
            ),
            xid_errors=xids,
            xid_count=self._xid_counts[index],
        )

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return question(*arguments)
        except self._nvml.NVMLError:  # this device does not tell this
            return None


class _DeviceProbe(Probe):
    """One figure of every device."""

    def __init__(self, read: ReadDevices) -> None:
        self._read = read

    def take(self) -> Iterable[Sample]:
        """One value per device."""
        devices = self._read()
        if not devices:
            return [Sample(note=_NOTHING_HERE)]
        return [self.sample(device) for device in devices]

    @abstractmethod
    def sample(self, device: DeviceReading) -> Sample:
        """The figure of one device."""


class DeviceMemoryUse(_DeviceProbe):
    """Device memory in use, by everyone."""

    name = "device_memory"
    unit = "fraction"
    # Caches are released at the first threshold, before anything fails.
    thresholds = Thresholds(warning=0.90, error=0.97)

    def sample(self, device: DeviceReading) -> Sample:
        """A part of the whole."""
        if device.memory_used_bytes is None or not device.memory_total_bytes:
            return Sample(subject=device.name)
        used = device.memory_used_bytes / device.memory_total_bytes
        return Sample(value=used, subject=device.name, limit=1.0)


class DeviceUse(_DeviceProbe):
    """How busy the device is."""

    name = "device_use"
    unit = "fraction"

    def sample(self, device: DeviceReading) -> Sample:
        """A part of the time."""
        return Sample(value=device.utilisation, subject=device.name)


class DeviceTemperature(_DeviceProbe):
    """Degrees below the temperature at which the device slows itself down."""

    name = "device_temperature"
    unit = "degrees C left"
    thresholds = Thresholds(warning=5, error=0, is_falling=True)

    def sample(self, device: DeviceReading) -> Sample:
        """The distance to the slowdown."""
        if device.temperature_c is None or not device.slowdown_c:
            return Sample(subject=device.name)
        left = device.slowdown_c - device.temperature_c
        return Sample(value=float(left), subject=device.name, note=f"{device.temperature_c:.0f} degrees C")


class DevicePower(_DeviceProbe):
    """Power drawn, as a part of the limit that is enforced."""

    name = "device_power"
    unit = "fraction"

    def sample(self, device: DeviceReading) -> Sample:
        """A part of the limit; drawing all of it is what a busy device does."""
        if device.power_w is None or not device.power_limit_w:
            return Sample(subject=device.name)
        return Sample(value=device.power_w / device.power_limit_w, subject=device.name)


class DeviceErrors(_DeviceProbe):
    """Uncorrected memory errors and Xid errors of the driver."""

    name = "device_errors"
    unit = "errors"
    thresholds = Thresholds(error=1)

    def sample(self, device: DeviceReading) -> Sample:
        """Uncorrected ECC errors, and Xid errors of the last minute."""
        bad = [xid for xid in device.xid_errors if xid in _BAD_XIDS]
        if device.ecc_errors is None and not device.xid_errors:
            return Sample(value=0.0, subject=device.name, status=Status.OK, note="it counts no ECC errors")
        note = " ".join(f"Xid {xid}" for xid in device.xid_errors)
        return Sample(value=float((device.ecc_errors or 0) + len(bad)), subject=device.name, note=note)


def device_probes(read: ReadDevices) -> list[Probe]:
    """All of this file."""
    kinds = (DeviceMemoryUse, DeviceUse, DeviceTemperature, DevicePower, DeviceErrors)
    return [kind(read) for kind in kinds]


def _watts(milliwatts: int | None) -> float | None:
    return milliwatts / 1000 if milliwatts is not None else None
