"""How much memory the accelerator has and how much of it is taken, by everyone."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any


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
