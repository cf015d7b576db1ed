"""What is used up, read from the kernel's files."""

from pathlib import Path

import pytest
from tests.unit.health.probes.surroundings import pool, surroundings, worker

from steadfast.errors import DatabaseBusy
from steadfast.health.probes import resources
from steadfast.health.readings import Status


def test_cpu_is_what_was_not_idle_since_the_last_look(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  0 0 0 0 0 0 0 0 0 0\n")
    probe = resources.CpuUse(stat)
    list(probe.take())
    stat.write_text("cpu  30 0 45 20 5 0 0 0 0 0\n")
    (sample,) = probe.take()
    assert sample.value == pytest.approx(0.75)


def test_memory_is_that_of_the_cgroup_where_it_is_nearer_its_limit(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable: 50 kB\nBuffers: 0 kB\nCached: 0 kB\n")
    (host,) = resources.HostMemory(meminfo, lambda: (10, 100)).take()
    assert (host.value, host.note) == (0.5, "of the machine")
    (group,) = resources.HostMemory(meminfo, lambda: (97, 100)).take()
    assert group.value == 0.97
    assert resources.HostMemory.thresholds.judge(group.value) is Status.ERROR


def test_every_worker_and_the_server_have_their_own_memory() -> None:
    probe = resources.WorkerMemory(surroundings(pool(worker("a"), worker("b", rss_bytes=7))))
    found = {sample.subject: sample.value for sample in probe.take()}
    assert found.keys() == {"server", "a", "b"}
    assert found["b"] == 7


def test_a_large_disk_with_room_is_not_nearly_full(tmp_path: Path) -> None:
    (roomy,) = resources.DiskSpace({"data": tmp_path}, plenty_bytes=0).take()
    assert roomy.value is not None
    assert resources.DiskSpace.thresholds.judge(roomy.value) is Status.OK
    (tight,) = resources.DiskSpace({"data": tmp_path}, plenty_bytes=1 << 60).take()
    assert tight.value is not None
    assert 0 <= tight.value <= 1
    assert tight.subject == "data"
    assert resources.DiskSpace.thresholds.judge(0.02) is Status.ERROR


def test_inodes_and_the_real_files_of_this_machine_can_be_read(tmp_path: Path) -> None:
    assert list(resources.DiskInodes({"data": tmp_path}).take())
    for probe in (resources.CpuUse(), resources.HostMemory()):
        (sample,) = probe.take()
        assert sample.value is not None
        assert 0 <= sample.value <= 1


def test_a_database_that_does_not_answer_is_told_by_its_error() -> None:
    def ping() -> None:
        raise DatabaseBusy("It is locked.")

    with pytest.raises(DatabaseBusy):
        list(resources.DatabaseAnswers(ping, lambda: 0.0).take())
    times = iter((1.0, 3.5))
    (sample,) = resources.DatabaseAnswers(lambda: None, lambda: next(times)).take()
    assert sample.value == 2.5
