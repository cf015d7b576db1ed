"""ONNX Runtime, the providers that really initialise, and the graphics cards with their driver."""

import base64
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from steadfast.doctor.finding import Finding, Health, Section
from steadfast.doctor.machine import gib
from steadfast.errors import RuntimeMissing, SteadfastError
from steadfast.inference.loading import SessionLoader
from steadfast.inference.providers import Provider, ProviderChoice, SkippedProvider
from steadfast.inference.runtime import OnnxRuntime, import_runtime
from steadfast.settings import InferenceSettings

_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
_NVIDIA_PROVIDERS = (Provider.CUDA, Provider.TENSORRT)

# y = x + x over float[1], opset 13, IR 8: enough to make every provider show whether it starts.
_SMALLEST_GRAPH = base64.b64decode(
    "CAg6NQoOCgF4CgF4EgF5IgNBZGQSAWdaDwoBeBIKCggIARIECgIIAWIPCgF5EgoKCAgBEgQKAggBQgQKABAN"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """One NVIDIA device."""

    name: str
    driver: str  # its version
    total_bytes: int
    used_bytes: int


def examine_inference(settings: InferenceSettings) -> Iterator[Finding]:
    """Looks for a runtime, starts every provider of the settings with a tiny graph, and lists the GPUs."""
    gpus, gpu_finding = _examine_gpus()
    try:
        runtime = import_runtime()
    except RuntimeMissing as error:
        yield Finding(
            section=Section.INFERENCE,
            name="ONNX Runtime",
            health=Health.YELLOW,
            summary="not installed: only the embedded engine can work",
            remedy=error.remedy,
        )
    else:
        yield _runtime_finding(runtime)
        yield from _examine_providers(settings, runtime, has_nvidia=bool(gpus) or _NVIDIA_DRIVER.exists())
    yield from gpu_finding


def _runtime_finding(runtime: OnnxRuntime) -> Finding:
    return Finding(
        section=Section.INFERENCE,
        name="ONNX Runtime",
        health=Health.GREEN,
        summary=runtime.__version__,
        facts={"version": runtime.__version__, "built_with": runtime.get_available_providers()},
    )


def _examine_providers(
    settings: InferenceSettings, runtime: OnnxRuntime, *, has_nvidia: bool
) -> Iterator[Finding]:
    try:
        choice = start_providers(settings, runtime)
    except SteadfastError as error:
        yield _provider("Providers", Health.RED, error.detail, error.remedy)
        return
    works = any(provider in choice.taken for provider in _NVIDIA_PROVIDERS)
    for skipped in choice.skipped:
        is_missed = has_nvidia and not works and skipped.provider in _NVIDIA_PROVIDERS
        yield _skipped(skipped, is_missed=is_missed, built_with=runtime.get_available_providers())
    for provider in choice.taken:
        yield _provider(provider.value, Health.GREEN, "starts")


def start_providers(settings: InferenceSettings, runtime: OnnxRuntime) -> ProviderChoice:
    """Starts the providers of the settings with a tiny graph; raises where none starts."""
    loader = SessionLoader(settings, lambda: runtime)
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "smallest.onnx"
        graph.write_bytes(_SMALLEST_GRAPH)
        return loader.load("the doctor's test graph", graph, intra_threads=1).choice


def _skipped(skipped: SkippedProvider, *, is_missed: bool, built_with: Sequence[str]) -> Finding:
    """A provider that is not used: a warning where a GPU is here that nothing uses."""
    summary = skipped.reason.rstrip(".")
    if not is_missed:
        return _provider(skipped.provider.value, Health.OFF, summary)
    remedy = "There is an NVIDIA GPU: `pip install 'steadfast[gpu]'` in place of the extra `cpu` uses it."
    if skipped.provider.runtime_name in built_with:
        remedy = "Bring the driver and the CUDA libraries to what this ONNX Runtime asks for."
    return _provider(skipped.provider.value, Health.YELLOW, summary, remedy)


def _provider(name: str, health: Health, summary: str, remedy: str = "") -> Finding:
    return Finding(
        section=Section.INFERENCE,
        name=name,
        health=health,
        summary=summary,
        remedy=remedy,
        facts={"provider": name},
    )


def _examine_gpus() -> tuple[Sequence[Gpu], list[Finding]]:
    try:
        gpus = list_gpus()
    except ImportError:
        return (), [_gpus_unseen()]
    except Exception as error:  # noqa: BLE001 — NVML raises classes of its own; all mean that it cannot tell
        reason = str(error) or type(error).__name__
        return (), [_gpu_finding(Health.OFF, f"none usable: {reason}")]
    return gpus, [
        _gpu_finding(
            Health.GREEN,
            f"{gpu.name}, {gib(gpu.total_bytes - gpu.used_bytes)} free of {gib(gpu.total_bytes)}, "
            f"driver {gpu.driver}",
            facts=asdict(gpu),
        )
        for gpu in gpus
    ]


def list_gpus() -> list[Gpu]:
    """The NVIDIA devices here; raises ImportError without `nvidia-ml-py`, else NVML's own errors."""
    import pynvml  # noqa: PLC0415 — part of the extra `gpu`

    pynvml.nvmlInit()
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        return [
            _gpu(pynvml, pynvml.nvmlDeviceGetHandleByIndex(i), driver)
            for i in range(pynvml.nvmlDeviceGetCount())
        ]
    finally:
        pynvml.nvmlShutdown()


def _gpu(nvml: Any, handle: Any, driver: str) -> Gpu:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(
        name=_text(nvml.nvmlDeviceGetName(handle)),
        driver=driver,
        total_bytes=int(memory.total),
        used_bytes=int(memory.used),
    )


def _gpus_unseen() -> Finding:
    if _NVIDIA_DRIVER.exists():
        remedy = "Install the extra `gpu` (`pip install 'steadfast[gpu]'`) in place of `cpu` to use it."
        return _gpu_finding(Health.YELLOW, "an NVIDIA driver is here, but nothing that can use it", remedy)
    return _gpu_finding(
        Health.OFF, "disabled: the extra `gpu` is not installed, and no NVIDIA driver is here"
    )


def _gpu_finding(
    health: Health, summary: str, remedy: str = "", facts: dict[str, Any] | None = None
) -> Finding:
    return Finding(
        section=Section.INFERENCE,
        name="GPU",
        health=health,
        summary=summary,
        remedy=remedy,
        facts=facts or {},
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
