"""In a container everything is sized so that it fits; what the settings say outright is kept to."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from steadfast.assembly import container_share, staffing
from steadfast.assembly.container_share import (
    SERVER_BYTES,
    WORKER_BYTES,
    bodies_bytes,
    spares_of,
    waiting_requests,
    worker_room_bytes,
)
from steadfast.assembly.front_options import body_room
from steadfast.assembly.staffing import devices_of, gate_options, pool_options
from steadfast.inference.threads import owned_cores
from steadfast.runtime.memory import cgroup_limit_bytes
from steadfast.settings import Settings

MIB, GIB = 1 << 20, 1 << 30
Contain = Callable[..., None]


def settings(tmp_path: Path, **sections: object) -> Settings:
    own = {"runtime": {"devices": ["cpu"]}, "entailment": {"enabled": False}}
    return Settings.model_validate({"data_dir": tmp_path / "data"} | own | sections)


@pytest.fixture(params=["version 1", "version 2"])
def contain(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contain:
    """Puts this process into a container of so much memory and so many cores, on a host with 64 of them."""
    root, proc = tmp_path / "cgroup", tmp_path / "proc"

    def contained(*, memory_bytes: int | None = None, quota: float | None = None) -> None:
        if request.param == "version 1":
            own = "8:memory:/host/path\n4:cpu,cpuacct:/host/path\n"
            files = {
                "memory/memory.limit_in_bytes": str(memory_bytes or (1 << 63) - 4096),
                "cpu/cpu.cfs_quota_us": str(int(quota * 100_000) if quota else -1),
                "cpu/cpu.cfs_period_us": "100000",
            }
        else:
            own = "0::/\n"
            files = {
                "memory.max": str(memory_bytes or "max"),
                "cpu.max": f"{int(quota * 100_000) if quota else 'max'} 100000",
            }
        for name, text in ({f"cgroup/{n}": t for n, t in files.items()} | {"proc/self/cgroup": own}).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text + "\n")
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
        monkeypatch.setattr(
            container_share, "cgroup_limit_bytes", lambda: cgroup_limit_bytes(root=root, proc=proc)
        )
        monkeypatch.setattr(
            staffing, "owned_cores", lambda: owned_cores(cgroup=root, membership=proc / "self" / "cgroup")
        )

    return contained


def test_workers_and_threads_follow_the_quota_and_not_the_cores_of_the_host(
    tmp_path: Path, contain: Contain
) -> None:
    for quota, workers, threads in ((None, 16, 4), (8.0, 2, 4), (2.5, 1, 2), (0.5, 1, 1)):
        contain(quota=quota)
        given = settings(tmp_path)
        assert (len(devices_of(given)), pool_options(given).worker.threads) == (workers, threads)


def test_cores_that_were_chosen_count_no_more_than_the_quota(tmp_path: Path, contain: Contain) -> None:
    contain(quota=4.0)
    given = settings(tmp_path, runtime={"devices": ["cpu"], "cores": "0-31"})
    assert (len(devices_of(given)), pool_options(given).worker.threads) == (1, 4)


def test_as_many_workers_as_the_memory_holds_beside_a_spare(tmp_path: Path, contain: Contain) -> None:
    for limit, workers in ((None, 16), (64 * GIB, 16), (4 * GIB, 7), (2 * GIB, 3), (1 * GIB, 1)):
        contain(memory_bytes=limit)
        given = settings(tmp_path)
        assert len(devices_of(given)) == workers, limit


def test_everybody_together_stays_below_the_limit_and_has_room_to_work(
    tmp_path: Path, contain: Contain
) -> None:
    for limit in (1 * GIB, 2 * GIB, 3 * GIB, 8 * GIB, 32 * GIB):
        contain(memory_bytes=limit)
        given = settings(tmp_path)
        pool = pool_options(given)
        processes = len(pool.devices) + (1 if pool.spares is None else pool.spares)
        assert processes * pool.recycle.hard_rss_bytes + SERVER_BYTES + bodies_bytes(given) <= limit
        assert pool.recycle.hard_rss_bytes >= int(WORKER_BYTES * 0.95)


def test_a_small_container_keeps_no_spare_unless_it_is_told_to(tmp_path: Path, contain: Contain) -> None:
    contain(memory_bytes=GIB)
    assert spares_of(settings(tmp_path)) == 0
    assert spares_of(settings(tmp_path, runtime={"devices": ["cpu"], "spares": 1})) == 1
    contain(memory_bytes=4 * GIB)
    assert spares_of(settings(tmp_path)) is None


def test_workers_that_were_asked_for_are_started_whatever_the_limit(tmp_path: Path, contain: Contain) -> None:
    contain(memory_bytes=GIB)
    assert len(devices_of(settings(tmp_path, runtime={"devices": ["cpu"], "workers": 3}))) == 3


def test_bodies_and_the_queue_shrink_with_the_memory(tmp_path: Path, contain: Contain) -> None:
    for limit, bodies, waiting in (
        (None, 512, 256),
        (8 * GIB, 512, 256),
        (GIB, 128, 128),
        (96 * MIB, 12, 16),
    ):
        contain(memory_bytes=limit)
        given = settings(tmp_path)
        assert body_room(given).memory_bytes == bodies * MIB
        assert gate_options(given).max_waiting == waiting_requests(given) == waiting
    small = settings(tmp_path, admission={"max_waiting": 3})
    assert gate_options(small).max_waiting == 3


def test_entailment_takes_its_part_before_faces_are_given_theirs(tmp_path: Path, contain: Contain) -> None:
    contain(memory_bytes=4 * GIB)
    alone = worker_room_bytes(settings(tmp_path))
    beside = worker_room_bytes(settings(tmp_path, entailment={"enabled": True, "workers": 2}))
    assert alone is not None
    assert beside == alone - 2 * container_share.EMBEDDED_ENTAILMENT_BYTES
