"""How much memory the accelerator has and how much of it is taken, by everyone."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

_ASK_EVERY_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceMemory:
    """The state of one device, all processes together."""

    total_bytes: int
    used_bytes: int

    def would_pass(self, share: float, more_bytes: int) -> bool:
        """Whether taking that much more passes the share of the whole."""
        return self.used_bytes + more_bytes > share * self.total_bytes


DeviceProbe = Callable[[], DeviceMemory | None]
"""Answers at once; None where there is no device or nobody can tell."""


def probe_nvidia() -> DeviceMemory | None:
    """The first visible NVIDIA device through NVML; None without `nvidia-ml-py`, a driver or a device."""
    nvml, handle = _nvml()
    if nvml is None:
        return None
    try:
        info = nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError:
        return None
    return DeviceMemory(total_bytes=int(info.total), used_bytes=int(info.used))


class HeldMemory:
    """How much of the first visible NVIDIA device this process holds; NVML is asked once a second at most."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked_at_s = float("-inf")
        self._held_bytes = 0

    def read_bytes(self) -> int:
        """The bytes; 0: there is no device, or nobody can tell, as where a container numbers processes."""
        if self._clock() - self._asked_at_s >= _ASK_EVERY_S:
            self._asked_at_s = self._clock()
            self._held_bytes = _held_by(os.getpid())
        return self._held_bytes


def _held_by(pid: int) -> int:
    nvml, handle = _nvml()
    if nvml is None:
        return 0
    try:
        running = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except nvml.NVMLError:
        return 0
    return sum(int(one.usedGpuMemory or 0) for one in running if one.pid == pid)


@cache
def _nvml() -> tuple[Any, Any]:
    """NVML and its handle of the device that CUDA calls 0; (None, None) if there is none."""
    try:
        import pynvml  # noqa: PLC0415 — part of the extra `gpu`
    except ImportError:
        return None, None
    try:
        pynvml.nvmlInit()
        return pynvml, _visible_device(pynvml)
    except pynvml.NVMLError:
        return None, None


def _visible_device(nvml: Any) -> Any:
    """The device CUDA_VISIBLE_DEVICES puts first, by index or UUID; NVML itself ignores that variable."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    if first.isdigit():
        return nvml.nvmlDeviceGetHandleByIndex(int(first))
    return nvml.nvmlDeviceGetHandleByUUID(first)
