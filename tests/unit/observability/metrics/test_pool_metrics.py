"""Workers are told by their place, and its processor time outlives the workers that stood there."""

import os
import time

from tests.unit.observability.metrics.surroundings import TASK, snapshot, worker

from steadfast.observability.metrics.pool_metrics import CpuMeter, placed, process_cpu_s
from steadfast.runtime.snapshot import Snapshot


def test_spares_are_numbered_and_workers_named_by_their_place() -> None:
    stand = snapshot(worker(3, slot="cpu:1"), worker(7), worker(9))
    assert [place for _, place, _ in placed(stand)] == ["cpu:1", "spare:0", "spare:1"]


class Stage:
    """Who stands where, and what each has used."""

    def __init__(self) -> None:
        self.stand: Snapshot = snapshot()
        self.used_s: dict[int, float] = {}
        self.meter = CpuMeter(lambda: self.stand, lambda pid: self.used_s.get(pid, 0.0))

    def read(self) -> dict[str, float]:
        return {place: used_s for (_, place), used_s in self.meter.read()}


def test_time_of_a_place_goes_on_when_its_worker_is_replaced() -> None:
    stage = Stage()
    stage.stand, stage.used_s = snapshot(worker(1, slot="cpu:0", pid=10)), {10: 5.0}
    assert stage.read() == {"cpu:0": 5.0}
    stage.stand, stage.used_s = snapshot(worker(2, slot="cpu:0", pid=11)), {11: 1.0}
    assert stage.read() == {"cpu:0": 6.0}
    stage.used_s = {11: 1.5}
    assert stage.read() == {"cpu:0": 6.5}


def test_what_a_spare_used_stays_with_the_spares_when_it_moves_into_a_place() -> None:
    stage = Stage()
    stage.stand, stage.used_s = snapshot(worker(1, pid=10)), {10: 2.0}
    stage.read()
    stage.stand, stage.used_s = snapshot(worker(1, slot="cpu:0", pid=10)), {10: 3.0}
    assert stage.read() == {"spare:0": 2.0, "cpu:0": 1.0}


def test_a_counter_never_falls_where_a_process_cannot_be_read() -> None:
    stage = Stage()
    stage.stand, stage.used_s = snapshot(worker(1, slot="cpu:0", pid=10)), {10: 5.0}
    stage.read()
    stage.used_s = {}
    assert stage.read() == {"cpu:0": 5.0}
    stage.used_s = {10: 6.0}
    assert stage.read() == {"cpu:0": 6.0}


def test_time_of_a_process_is_what_the_kernel_says_and_none_of_one_that_is_gone() -> None:
    while time.process_time() < 0.05:
        pass
    assert abs(process_cpu_s(os.getpid()) - time.process_time()) < 0.5
    assert process_cpu_s(2**22 + 1) == 0.0


def test_the_same_task_is_named_in_every_sample() -> None:
    assert {task for task, _, _ in placed(snapshot(worker(1, slot="cpu:0"), worker(2)))} == {TASK}
