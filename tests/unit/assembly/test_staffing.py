"""Settings become workers: how many, on which devices, and what they may reach."""

from pathlib import Path

import pytest

from steadfast.admission.rate import NO_LIMIT
from steadfast.assembly import container_share, staffing
from steadfast.assembly.staffing import (
    devices_of,
    entail_employment,
    face_employment,
    gate_options,
    pool_options,
)
from steadfast.errors import ConfigError
from steadfast.runtime.options import Device
from steadfast.settings import Settings


def settings(tmp_path: Path, **sections: object) -> Settings:
    own = {"dir": str(tmp_path / "models")}
    return Settings.model_validate({"data_dir": tmp_path / "data", "models": own} | sections)


def test_on_the_cpu_there_is_a_worker_for_every_four_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cores, workers in ((1, 1), (2, 1), (8, 2), (64, 16)):
        monkeypatch.setattr(staffing, "cores", lambda n=cores: n)
        assert len(devices_of(settings(tmp_path, runtime={"devices": ["cpu"]}))) == workers


def test_cores_are_shared_out_among_the_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staffing, "cores", lambda: 8)
    for runtime, threads in (({}, 4), ({"workers": 3}, 2), ({"threads": 1}, 1)):
        given = settings(tmp_path, runtime={"devices": ["cpu"], **runtime})
        assert pool_options(given).worker.threads == threads


def test_workers_keep_to_the_cores_and_the_niceness_that_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)))
    given = settings(tmp_path, runtime={"devices": ["cpu"], "cores": "2-7,9,10", "nice": 7, "workers": 2})
    options = pool_options(given).worker
    assert (options.affinity, options.nice, options.threads) == ((2, 3, 4, 5, 6, 7, 9, 10), 7, 4)
    with pytest.raises(ConfigError, match="the core 99"):
        pool_options(settings(tmp_path, runtime={"cores": "1,99"}))


def test_each_worker_sees_its_own_accelerator_and_no_other(tmp_path: Path) -> None:
    devices = devices_of(settings(tmp_path, runtime={"devices": ["cuda:0", "cuda:1"], "workers": 3}))
    assert [device.name for device in devices] == ["cuda:0", "cuda:1", "cuda:0"]
    assert [device.environment["CUDA_VISIBLE_DEVICES"] for device in devices] == ["0", "1", "0"]
    (cpu,) = devices_of(settings(tmp_path, runtime={"workers": 1, "devices": ["cpu"]}))
    assert cpu.environment["CUDA_VISIBLE_DEVICES"] == ""


def test_by_itself_it_takes_every_gpu_that_there_is_and_a_provider_can_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus = (Device(name="cuda:0"), Device(name="cuda:1"))
    monkeypatch.setattr(staffing, "cuda_devices", lambda: gpus)
    assert devices_of(settings(tmp_path)) == gpus
    assert devices_of(settings(tmp_path, runtime={"devices": ["cuda"], "workers": 4})) == gpus * 2
    on_cpu = devices_of(settings(tmp_path, inference={"providers": ["cpu"]}))
    assert {device.name for device in on_cpu} == {"cpu"}
    monkeypatch.setattr(staffing, "cuda_devices", tuple)
    assert {device.name for device in devices_of(settings(tmp_path))} == {"cpu"}


def test_a_container_s_limit_is_shared_out_among_workers_and_spares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_share, "cgroup_limit_bytes", lambda: 4 << 30)
    given = settings(tmp_path, runtime={"devices": ["cpu"], "workers": 1, "spares": 1})
    recycle = pool_options(given).recycle
    assert 0 < recycle.soft_rss_bytes < recycle.hard_rss_bytes < 2 << 30
    monkeypatch.setattr(container_share, "cgroup_limit_bytes", lambda: None)
    assert pool_options(given).recycle.hard_rss_bytes == 0


def test_spares_may_be_left_to_the_device(tmp_path: Path) -> None:
    assert pool_options(settings(tmp_path, runtime={"spares": "auto"})).spares is None


def test_a_mig_instance_is_a_device(tmp_path: Path) -> None:
    (device,) = devices_of(settings(tmp_path, runtime={"devices": ["cuda:MIG-12ab"]}))
    assert device.environment["CUDA_VISIBLE_DEVICES"] == "MIG-12ab"


def test_a_worker_reaches_models_and_bodies_and_writes_in_its_scratch_only(tmp_path: Path) -> None:
    worker = pool_options(settings(tmp_path)).worker
    data = tmp_path / "data"
    scratch = data / "scratch"
    assert worker.confinement.readable == (tmp_path / "models", scratch / "bodies", scratch / "lent")
    assert worker.confinement.writable == ()
    assert worker.scratch == data / "scratch" / "workers"
    assert worker.confinement.landlock
    assert worker.confinement.no_network


def test_no_secret_goes_to_a_worker(tmp_path: Path) -> None:
    given = settings(tmp_path, database={"url": "postgresql://u:geheim@h/x"})
    employment = face_employment(given)
    assert "geheim" not in str(employment)
    assert "database" not in employment.spec.config


def test_what_is_set_reaches_the_runtime_and_the_gate(tmp_path: Path) -> None:
    given = settings(
        tmp_path,
        runtime={"spares": 0, "poison_deaths": 3, "soft_memory_bytes": 5, "deadline_s": 9, "max_requests": 7},
        admission={"max_waiting": 3, "requests_per_s_by_key": 2, "burst_by_key": 4},
    )
    options = pool_options(given)
    assert (options.spares, options.retry.poison_deaths) == (0, 3)
    assert (options.recycle.soft_rss_bytes, options.recycle.max_requests) == (5, 7)
    assert face_employment(given).spec.deadline_s == 9
    gate = gate_options(given)
    assert (gate.max_waiting, gate.rate_of_key.per_s, gate.rate_of_key.burst) == (3, 2.0, 4)
    assert gate.rate_of_address == NO_LIMIT


def test_entailment_has_its_own_workers_and_reads_its_own_folder(tmp_path: Path) -> None:
    given = settings(
        tmp_path,
        runtime={"workers": 3, "devices": ["cpu"]},
        entailment={"enabled": True, "backend": "ofa", "model_dir": str(tmp_path / "ofa"), "max_batch": 8},
    )
    employment = entail_employment(given)
    assert len(employment.options.devices) == 1
    assert tmp_path / "ofa" in employment.options.worker.confinement.readable
    assert employment.spec.max_batch == 8
    assert employment.spec.canary_every_s == 10 * face_employment(given).spec.canary_every_s
    assert "database" not in employment.spec.config


def test_what_entailment_takes_of_a_container_is_left_out_of_the_faces_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_share, "cgroup_limit_bytes", lambda: 4 << 30)
    runtime = {"devices": ["cpu"], "workers": 1, "spares": 1}
    without = pool_options(settings(tmp_path, runtime=runtime, entailment={"enabled": False})).recycle
    embedded = pool_options(settings(tmp_path, runtime=runtime, entailment={"enabled": True})).recycle
    large = pool_options(
        settings(tmp_path, runtime=runtime, entailment={"enabled": True, "backend": "ofa"})
    ).recycle
    assert large.hard_rss_bytes < embedded.hard_rss_bytes < without.hard_rss_bytes
