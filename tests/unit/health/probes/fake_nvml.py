"""NVML as `pynvml` shows it, with one device that tells some things and not others."""

from types import ModuleType, SimpleNamespace
from typing import Any


class NVMLError(Exception):
    """What every question may raise."""


def fake_nvml(
    xids: list[int], *, ecc_errors: int | None = None, temperature_c: int = 40, used: int = 90
) -> ModuleType:
    """The module; `xids` are taken away as they are told."""
    nvml: Any = ModuleType("pynvml")
    nvml.NVMLError = NVMLError

    def refuse(*_: Any) -> Any:
        raise NVMLError("not supported")

    def wait(_events: Any, _timeout_ms: int) -> Any:
        if not xids:
            raise NVMLError("timeout")
        return SimpleNamespace(device="handle", eventData=xids.pop(0))

    nvml.nvmlEventTypeXidCriticalError = 8
    nvml.NVML_TEMPERATURE_GPU = nvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN = 0
    nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED = nvml.NVML_VOLATILE_ECC = 0
    nvml.nvmlInit = lambda: None
    nvml.nvmlDeviceGetCount = lambda: 1
    nvml.nvmlDeviceGetHandleByIndex = lambda _: "handle"
    nvml.nvmlEventSetCreate = lambda: "events"
    nvml.nvmlDeviceRegisterEvents = lambda *_: None
    nvml.nvmlEventSetWait_v2 = wait
    nvml.nvmlDeviceGetIndex = lambda _: 0
    nvml.nvmlDeviceGetMemoryInfo = lambda _: SimpleNamespace(used=used, total=100)
    nvml.nvmlDeviceGetUtilizationRates = lambda _: SimpleNamespace(gpu=50)
    nvml.nvmlDeviceGetTemperature = lambda *_: temperature_c
    nvml.nvmlDeviceGetTemperatureThreshold = lambda *_: 90
    nvml.nvmlDeviceGetPowerUsage = lambda _: 100_000
    nvml.nvmlDeviceGetEnforcedPowerLimit = refuse
    nvml.nvmlDeviceGetTotalEccErrors = refuse if ecc_errors is None else lambda *_: ecc_errors
    module: ModuleType = nvml
    return module
