"""The accelerator's memory is read where NVML is there, and nobody minds where it is not."""

import os
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from steadfast.inference import device_memory
from steadfast.inference.device_memory import DeviceMemory, HeldMemory, probe_nvidia


class NVMLError(Exception):
    pass


class FakeNvml(SimpleNamespace):
    """Two devices, of which the second is in use."""

    NVMLError = NVMLError
    fails_at = ""

    def nvmlInit(self) -> None:
        if self.fails_at == "init":
            raise NVMLError

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return f"GPU-{index}"

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        return uuid

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:
        if self.fails_at == "info":
            raise NVMLError
        return SimpleNamespace(total=1000, used={"GPU-0": 10, "GPU-1": 700}[handle])

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> Any:
        if self.fails_at == "processes":
            raise NVMLError
        self.asked = self.asked + 1
        own = SimpleNamespace(pid=os.getpid(), usedGpuMemory=300 + self.asked)
        return [SimpleNamespace(pid=1, usedGpuMemory=400), own, SimpleNamespace(pid=2, usedGpuMemory=None)]

    asked = 0


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeNvml]:
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    device_memory._nvml.cache_clear()
    yield fake
    device_memory._nvml.cache_clear()


def test_the_first_device_is_read(nvml: FakeNvml) -> None:
    assert probe_nvidia() == DeviceMemory(total_bytes=1000, used_bytes=10)


@pytest.mark.parametrize("visible", ["1", "GPU-1,GPU-0"])
def test_the_device_that_cuda_calls_the_first_is_read(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch, visible: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert probe_nvidia() == DeviceMemory(total_bytes=1000, used_bytes=700)


@pytest.mark.parametrize("where", ["init", "info"])
def test_a_driver_that_fails_is_as_no_device(nvml: FakeNvml, where: str) -> None:
    nvml.fails_at = where
    assert probe_nvidia() is None


def test_without_nvml_there_is_no_answer(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert probe_nvidia() is None


@pytest.mark.parametrize(("used", "more", "passes"), [(800, 100, False), (800, 101, True), (950, 0, True)])
def test_the_share_is_of_the_whole_device(used: int, more: int, passes: bool) -> None:
    assert DeviceMemory(total_bytes=1000, used_bytes=used).would_pass(0.9, more) is passes


def test_what_this_process_holds_is_told_apart_and_asked_for_once_a_second(nvml: FakeNvml) -> None:
    now = [10.0]
    held = HeldMemory(clock=lambda: now[0])
    assert [held.read_bytes(), held.read_bytes()] == [301, 301]
    now[0] = 11.0
    assert held.read_bytes() == 302


def test_where_nobody_can_tell_nothing_is_held(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.fails_at = "processes"
    assert HeldMemory().read_bytes() == 0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setitem(sys.modules, "pynvml", None)
    device_memory._nvml.cache_clear()
    assert HeldMemory().read_bytes() == 0
