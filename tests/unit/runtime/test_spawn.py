"""A worker's environment holds what it needs and no secret."""

from pathlib import Path

import pytest
from tests.open_files import open_files, opened_since

from steadfast.errors import ServiceUnsupported
from steadfast.runtime.options import Device, WorkerOptions
from steadfast.runtime.slot import slot_names
from steadfast.runtime.spawn import environment_for, require_kernel, spawn_worker
from steadfast.task import TaskSpec

SPEC = TaskSpec(name="t", path="a:b")
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


def test_a_start_that_fails_leaves_no_descriptor_and_no_process() -> None:
    before = open_files()
    options = WorkerOptions(executable="/no/such/python")
    for _ in range(5):
        with pytest.raises(OSError, match="No such file"):
            spawn_worker(spec=SPEC, device=Device(), options=options, title="x")
    assert opened_since(before) == {}


def test_a_start_that_fails_halfway_ends_the_process_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_files()
    started: list[int] = []

    def refuse(pid: int) -> int:
        started.append(pid)
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("os.pidfd_open", refuse)
    with pytest.raises(OSError, match="not permitted"):
        spawn_worker(spec=SPEC, device=Device(), options=WorkerOptions(), title="x")
    assert not Path(f"/proc/{started[0]}").exists()
    assert opened_since(before) == {}


def test_where_the_kernel_has_no_pidfd_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    require_kernel()
    monkeypatch.delattr("os.pidfd_open")
    with pytest.raises(ServiceUnsupported, match="pidfd_open"):
        require_kernel()


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
