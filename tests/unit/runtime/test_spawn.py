"""A worker's environment holds what it needs and no secret."""

from pathlib import Path

from steadfast.runtime.options import Device, WorkerOptions
from steadfast.runtime.slot import slot_names
from steadfast.runtime.spawn import environment_for

OURS = {
    "PATH": "/bin",
    "LANG": "C.UTF-8",
    "STEADFAST_DATABASE__URL": "postgresql://user:hush@db/x",
    "AWS_SECRET_ACCESS_KEY": "hush",
    "PYTHONPATH": "/somewhere",
    "HOME": "/root",
}


def test_only_a_few_variables_are_handed_on() -> None:
    environment = environment_for(WorkerOptions(threads=3), Device(), OURS)
    assert environment["PATH"] == "/bin"
    assert environment["OMP_NUM_THREADS"] == "3"
    assert not {"STEADFAST_DATABASE__URL", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH", "HOME"} & set(environment)
    assert "hush" not in " ".join(environment.values())


def test_its_home_and_temporary_files_lie_in_its_scratch() -> None:
    environment = environment_for(WorkerOptions(scratch=Path("/scratch/1")), Device(), OURS)
    assert environment["HOME"] == environment["TMPDIR"] == "/scratch/1"


def test_the_device_has_the_last_word() -> None:
    device = Device(name="cuda:1", environment={"CUDA_VISIBLE_DEVICES": "MIG-1"})
    options = WorkerOptions(environment={"CUDA_VISIBLE_DEVICES": "0", "X": "1"})
    environment = environment_for(options, device, OURS)
    assert (environment["CUDA_VISIBLE_DEVICES"], environment["X"]) == ("MIG-1", "1")


def test_places_are_named_after_their_devices() -> None:
    devices = [Device(), Device(), Device(name="cuda:0"), Device(name="cuda:1"), Device(name="cuda:0")]
    assert slot_names(devices) == ["cpu:0", "cpu:1", "cuda:0", "cuda:1", "cuda:0.1"]
