"""A start that asks for GPUs is refused where none answers; one that leaves it open goes on with the CPU."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from steadfast.doctor import start_devices
from steadfast.doctor.finding import Finding, Health
from steadfast.doctor.start_devices import ProbeResult, examine_gpus, read_gpus, start_providers
from steadfast.settings import InferenceSettings

H200 = "NVIDIA H200, 580.95.05, 143771, 143000\n"
STARTS = ProbeResult(started=("cuda", "cpu"), reason="")
TOO_OLD = ProbeResult(
    started=("cpu",), reason="CUDA driver version is insufficient for CUDA runtime version."
)


def found(
    devices: Sequence[str], table: str = "", probe: ProbeResult = STARTS, **inference: object
) -> dict[str, Finding]:
    settings = InferenceSettings.model_validate(inference)
    findings = examine_gpus(devices, settings, ask=lambda _: table, start=lambda _: probe)
    return {one.name: one for one in findings}


@pytest.mark.parametrize(
    ("devices", "providers"), [(["cuda"], ["cuda", "cpu"]), (["auto"], ["tensorrt", "cuda"])]
)
def test_a_gpu_that_was_asked_for_and_does_not_answer_is_refused(
    devices: list[str], providers: list[str]
) -> None:
    gpu = found(devices, providers=providers)["GPU"]
    assert gpu.health is Health.RED
    assert "--gpus all" in gpu.remedy


def test_what_is_left_to_auto_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(["auto"])["GPU"].health is Health.OFF
    assert found(["cpu"], H200)["GPU"].summary == "none is asked for"
    assert found(["auto"], H200, TOO_OLD)["CUDA"].health is Health.YELLOW
    monkeypatch.setattr(start_devices, "find_spec", lambda _: None)
    assert found(["auto"], H200)["GPU"].summary == "none is asked for"


def test_the_driver_and_the_memory_of_each_gpu_are_told() -> None:
    gpu = found(["cuda"], H200)["GPU"]
    assert gpu.health is Health.GREEN
    assert gpu.summary == "NVIDIA H200, 139.6 GiB free of 140.4 GiB, driver 580.95.05"


def test_a_gpu_without_room_for_one_worker_is_refused() -> None:
    assert found(["cuda"], "T4, 580, 15000, 700")["GPU"].health is Health.RED
    assert found(["cuda"], "T4, 580, 15000, 1500")["GPU"].health is Health.YELLOW
    asks_for_more = found(["cuda"], "T4, 580, 15000, 5000", gpu_memory_limit=6 << 30)["GPU"]
    assert asks_for_more.health is Health.RED
    assert "inference.gpu_memory_limit" in asks_for_more.remedy


def test_cuda_that_does_not_start_says_why() -> None:
    cuda = found(["cuda"], H200, TOO_OLD)["CUDA"]
    assert cuda.health is Health.RED
    assert "driver version is insufficient" in cuda.summary
    assert found(["cuda"], H200)["CUDA"].health is Health.GREEN


def test_a_card_that_fell_off_the_bus_is_none() -> None:
    table = f"{H200}NVIDIA H200, [Unknown Error], [Unknown Error], [Unknown Error]\nNo devices were found\n"
    assert [gpu.name for gpu in read_gpus(table)] == ["NVIDIA H200"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.abort()", "crashed (SIGABRT)"),
        ("raise SystemExit('no library libcudart')", "no library libcudart"),
        ("print('rubbish')", "ended with status 0"),
    ],
)
def test_a_trial_that_crashes_costs_a_sentence(
    code: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = subprocess.run

    def other(_: list[str], **options: object) -> object:
        return run([sys.executable, "-S", "-c", code], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", other)
    result = start_providers(InferenceSettings())
    assert result.started == ()
    assert words in result.reason


def test_a_trial_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **_: object) -> object:
        raise subprocess.TimeoutExpired(command, 60)

    monkeypatch.setattr(subprocess, "run", hang)
    assert "within 60 seconds" in start_providers(InferenceSettings()).reason
