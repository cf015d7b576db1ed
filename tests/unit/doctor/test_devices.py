"""Providers are tried, not believed; a missing one says why and whether that matters."""

import sys
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

import pytest

from steadfast.doctor import devices
from steadfast.doctor.devices import examine_inference
from steadfast.doctor.finding import Finding, Health
from steadfast.errors import RuntimeMissing
from steadfast.settings import InferenceSettings


def examined(**settings: tuple[str, ...]) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine_inference(InferenceSettings(**settings))}  # type: ignore[arg-type]


@pytest.fixture
def no_nvidia(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(devices, "_NVIDIA_DRIVER", SimpleNamespace(exists=lambda: False))


class _NoDriver(Exception):
    """As NVML raises it where the library is there and the driver is not."""


def nvml(*, count: int = 1, driver_loads: bool = True) -> ModuleType:
    """A stand-in for `pynvml` with this many devices."""

    def init() -> None:
        if not driver_loads:
            raise _NoDriver("Driver Not Loaded")

    module = ModuleType("pynvml")
    module.__dict__.update(
        nvmlInit=init,
        nvmlShutdown=lambda: None,
        nvmlSystemGetDriverVersion=lambda: b"575.57.08",
        nvmlDeviceGetCount=lambda: count,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda index: f"Test GPU {index}",
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(total=16 << 30, used=4 << 30),
    )
    return module


@pytest.mark.usefixtures("no_nvidia")
def test_the_cpu_provider_really_starts_and_one_this_build_lacks_is_off_with_a_reason() -> None:
    findings = examined(providers=("coreml", "cpu"))
    assert findings["ONNX Runtime"].health is Health.GREEN
    assert findings["cpu"].health is Health.GREEN
    assert findings["coreml"].health is Health.OFF
    assert "built without" in findings["coreml"].summary


def test_a_missing_cuda_matters_only_where_there_is_a_gpu_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    finding = examined(providers=("cuda", "cpu"))["cuda"]
    assert finding.health is Health.YELLOW
    assert "steadfast[gpu]" in finding.remedy


class CudaRuntime:
    """A build with CUDA and TensorRT in which these start."""

    __version__ = "1.99"
    __file__ = None

    def __init__(self, *starting: str) -> None:
        self.starting = starting

    def get_available_providers(self) -> list[str]:
        return ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]

    def InferenceSession(self, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(
            get_providers=lambda: self.starting, get_inputs=lambda: (), get_outputs=lambda: ()
        )

    def SessionOptions(self) -> MagicMock:
        return MagicMock()

    RunOptions = SessionOptions


def test_a_missing_tensorrt_is_no_alarm_while_cuda_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    runtime = CudaRuntime("CUDAExecutionProvider", "CPUExecutionProvider")
    monkeypatch.setattr(devices, "import_runtime", lambda: runtime)
    findings = examined(providers=("tensorrt", "cuda", "cpu"))
    assert findings["cuda"].health is Health.GREEN
    assert findings["tensorrt"].health is Health.OFF


def test_a_cuda_that_was_built_and_does_not_start_points_to_the_driver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    monkeypatch.setattr(devices, "import_runtime", lambda: CudaRuntime("CPUExecutionProvider"))
    finding = examined(providers=("cuda", "cpu"))["cuda"]
    assert finding.health is Health.YELLOW
    assert "driver" in finding.remedy


@pytest.mark.usefixtures("no_nvidia")
def test_an_order_in_which_nothing_works_is_red() -> None:
    assert examined(providers=("coreml",))["Providers"].health is Health.RED


@pytest.mark.usefixtures("no_nvidia")
def test_without_a_runtime_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise RuntimeMissing("No ONNX Runtime is installed.")

    monkeypatch.setattr(devices, "import_runtime", missing)
    finding = examined()["ONNX Runtime"]
    assert finding.health is Health.YELLOW
    assert "steadfast[cpu]" in finding.remedy


def test_every_gpu_is_listed_with_its_memory_and_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml(count=2))
    gpus = [f for f in examine_inference(InferenceSettings(providers=("cpu",))) if f.name == "GPU"]
    assert [gpu.facts["name"] for gpu in gpus] == ["Test GPU 0", "Test GPU 1"]
    assert "12.0 GiB free of 16.0 GiB, driver 575.57.08" in gpus[0].summary


def test_a_driver_that_does_not_load_is_told_and_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml(driver_loads=False))
    finding = examined()["GPU"]
    assert finding.health is Health.OFF
    assert "Driver Not Loaded" in finding.summary


def test_a_driver_without_the_gpu_extra_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(devices, "_NVIDIA_DRIVER", SimpleNamespace(exists=lambda: True))
    finding = examined()["GPU"]
    assert finding.health is Health.YELLOW
    assert "steadfast[gpu]" in finding.remedy


@pytest.mark.usefixtures("no_nvidia")
def test_where_nothing_of_nvidia_is_here_the_gpu_is_disabled_without_alarm() -> None:
    finding = examined()["GPU"]
    assert finding.health is Health.OFF
    assert finding.summary.startswith("disabled")
