"""Kills by the kernel are told from those by others, by what the cgroup counts and the log says."""

from pathlib import Path

import pytest

from steadfast.runtime.kernel_oom import OomWatch, OomWatches, kernel_log_names, read_kill_count


class Counter:
    def __init__(self) -> None:
        self.value = 5

    def __call__(self) -> int:
        return self.value


def test_kills_from_before_explain_nothing() -> None:
    assert not OomWatch(Counter()).explains_a_death()


def test_each_kill_explains_one_death() -> None:
    counter = Counter()
    watch = OomWatch(counter)
    counter.value += 2
    assert [watch.explains_a_death() for _ in range(3)] == [True, True, False]


def test_a_kill_of_somebody_else_grows_old() -> None:
    counter = Counter()
    watch = OomWatch(counter)
    counter.value += 1
    watch.remember()
    watch.remember()
    assert not watch.explains_a_death()


def test_a_kill_just_before_a_tick_still_explains_the_death_that_is_noticed_after_it() -> None:
    counter = Counter()
    watch = OomWatch(counter)
    watch.remember()
    counter.value += 1
    watch.remember()
    assert watch.explains_a_death()


def test_the_counter_is_read_in_both_versions(tmp_path: Path) -> None:
    v2 = tmp_path / "memory.events"
    v2.write_text("low 0\nhigh 0\nmax 12\noom 4\noom_kill 3\noom_group_kill 1\n")
    v1 = tmp_path / "memory.oom_control"
    v1.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert (read_kill_count(v2), read_kill_count(v1)) == (3, 2)
    assert read_kill_count(tmp_path / "none") == 0


def test_the_log_names_the_process_and_old_records_do_not_count(tmp_path: Path) -> None:
    log = tmp_path / "kmsg"
    log.write_bytes(b"3,100,5000000,-;Memory cgroup out of memory: Killed process 42 (python) total-vm:1kB\n")
    assert kernel_log_names(42, since_s=4.0, log=str(log))
    assert not kernel_log_names(42, since_s=6.0, log=str(log))
    assert not kernel_log_names(4, since_s=4.0, log=str(log))
    assert not kernel_log_names(42, since_s=0.0, log=str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("line", "folder", "file"),
    [
        ("0::/kubepods/pod7", "kubepods/pod7", "memory.events"),
        ("0::/of/the/host", ".", "memory.events"),  # a container: its own group is mounted at the root
        ("4:memory:/docker/abc", "memory/docker/abc", "memory.oom_control"),
        ("4:cpu,memory:/of/the/host", "memory", "memory.oom_control"),
    ],
)
def test_a_kill_is_counted_where_the_worker_lived(line: str, folder: str, file: str, tmp_path: Path) -> None:
    counter = tmp_path / "cgroup" / folder / file
    counter.parent.mkdir(parents=True)
    counter.write_text("oom_kill 1\n")
    entry = tmp_path / "proc" / "42" / "cgroup"
    entry.parent.mkdir(parents=True)
    entry.write_text(line + "\n")
    watches = OomWatches(root=tmp_path / "cgroup", proc=tmp_path / "proc")
    watches.watch(42)
    assert not watches.explains_death_of(42)
    counter.write_text("oom_kill 2\n")
    entry.write_text("4:memory:/\n0::/\n")  # what is dead stands at the root on some kernels
    assert watches.explains_death_of(42)
    assert not watches.explains_death_of(42)
    watches.forget(42)
    counter.write_text("oom_kill 3\n")
    assert not watches.explains_death_of(42)


def test_where_there_is_no_memory_cgroup_nothing_is_explained(tmp_path: Path) -> None:
    watches = OomWatches(root=tmp_path / "cgroup", proc=tmp_path / "proc")
    watches.watch(42)
    watches.remember()
    assert not watches.explains_death_of(42)
