"""What the look once a second finds and does; with workers that only remember."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest
from tests.unit.runtime.clock import Clock

from steadfast.runtime.canary import CanarySchedule
from steadfast.runtime.degradation import Ladder
from steadfast.runtime.exit_reason import KillReason
from steadfast.runtime.handles import Handles
from steadfast.runtime.leaks import MIB, LeakDetector
from steadfast.runtime.options import PoolOptions, RecycleOptions
from steadfast.runtime.staff import Staff
from steadfast.runtime.states import WorkerState
from steadfast.runtime.upkeep import Upkeep
from steadfast.runtime.worker_process import WorkerProcess
from steadfast.task import OperatingPoint


@dataclass(eq=False)
class Worker:
    """Remembers what was done to it."""

    clock: Clock
    key: int = 1
    pid: int = 1
    state: WorkerState = WorkerState.READY
    dying: bool = False
    served: int = 0
    born_at_s: float = 0.0
    rss_bytes: int = 0
    device_bytes: int = 0
    leaks: LeakDetector = field(default_factory=LeakDetector)
    device_leaks: LeakDetector = field(default_factory=LeakDetector)
    killed: list[KillReason] = field(default_factory=list)
    canaries: int = 0

    def __post_init__(self) -> None:
        self.canary = CanarySchedule(every_s=30, floor_s=300, clock=self.clock)

    def kill(self, reason: KillReason) -> None:
        self.killed.append(reason)

    def check_canary(self) -> None:
        self.canaries += 1


class House:
    """An upkeep over one worker."""

    def __init__(self, recycle: RecycleOptions) -> None:
        self.clock = Clock()
        self.worker = Worker(self.clock)
        self.rss_bytes = 100 * MIB
        self.retired: list[str] = []
        self.leaks: list[bool] = []
        self.handles: Handles | None = Handles(files=20, threads=12)
        self.climbed: list[int] = []
        ladder = Ladder(quiet_s=10, clock=self.clock)
        ladder.learn([OperatingPoint(), OperatingPoint()])
        self.staff = SimpleNamespace(
            options=PoolOptions(recycle=recycle),
            workers={1: self.worker},
            slots=[SimpleNamespace(ladder=ladder, worker=self.worker)],
            oom_watches=SimpleNamespace(remember=lambda: None, watch=lambda pid: None),
            hangs_in_a_row=0,
            retire=self._retire,
            mending=SimpleNamespace(climb=lambda slot: self.climbed.append(slot.ladder.level)),
        )
        self.upkeep = Upkeep(
            cast(Staff, self.staff),
            clock=self.clock,
            read_rss_bytes=lambda _: self.rss_bytes,
            read_handles=lambda _: self.handles,
        )

    def _retire(self, worker: WorkerProcess, why: str, *, leaks: bool = False) -> None:
        self.retired.append(why)
        self.leaks.append(leaks)

    def serve(self, requests: int, growth_bytes: int = 0) -> None:
        for _ in range(requests):
            self.clock.pass_(0.2)
            self.worker.served += 1
            self.rss_bytes += growth_bytes
            self.upkeep.after_request(cast(WorkerProcess, self.worker))


def house(**recycle: object) -> House:
    return House(RecycleOptions(**recycle))  # type: ignore[arg-type]


def test_over_the_soft_limit_it_is_replaced_over_the_hard_one_killed() -> None:
    it = house(soft_rss_bytes=200 * MIB, hard_rss_bytes=300 * MIB)
    it.upkeep.tick()
    assert it.retired == []
    it.rss_bytes = 250 * MIB
    it.upkeep.tick()
    assert it.retired == ["it holds 250 MiB of 200"]
    it.rss_bytes = 350 * MIB
    it.upkeep.tick()
    assert it.worker.killed == [KillReason.MEMORY_LIMIT]


def test_a_leak_is_seen_between_ticks() -> None:
    it = house()
    it.serve(40, growth_bytes=20 * MIB)
    assert "20480 KiB per request" in it.retired[0]


def test_a_leak_on_the_device_is_seen_too() -> None:
    it = house()
    for _ in range(40):
        it.worker.device_bytes += 20 * MIB
        it.serve(1)
    assert "device memory grows" in it.retired[0]


@pytest.mark.parametrize(
    ("grown", "words"),
    [
        (Handles(files=700, threads=12), "700 open files of 1024"),
        (Handles(files=20, threads=250), "250 threads, and had 12"),
    ],
)
def test_files_and_threads_that_grow_without_end_have_it_replaced_before_they_run_out(
    grown: Handles, words: str
) -> None:
    it = house()
    it.upkeep.tick()
    it.handles = Handles(files=60, threads=80)  # a library has come up: nothing of note
    it.upkeep.tick()
    assert it.retired == []
    it.handles = grown
    it.upkeep.tick()
    assert words in it.retired[0]
    assert it.leaks == [True]


def test_a_process_that_may_not_be_looked_into_is_let_alone() -> None:
    it = house()
    it.handles = None
    it.upkeep.tick()
    assert it.retired == []


def test_leaks_are_let_alone_where_watching_is_off() -> None:
    it = house(watch_leaks=False)
    it.serve(40, growth_bytes=20 * MIB)
    assert it.retired == []


@pytest.mark.parametrize("recycle", [{"max_requests": 10}, {"max_age_s": 2.0}])
def test_it_is_replaced_after_its_requests_or_its_age(recycle: dict[str, object]) -> None:
    it = house(**recycle)
    it.serve(9)
    assert it.retired == []
    it.serve(1)
    it.clock.pass_(2.0)
    it.upkeep.tick()
    assert it.retired


def test_an_idle_worker_gets_its_canary_and_a_busy_one_does_not() -> None:
    it = house()
    it.clock.pass_(31)
    it.worker.state = WorkerState.BUSY
    it.upkeep.tick()
    it.worker.state = WorkerState.READY
    before = it.worker.canaries
    it.upkeep.tick()
    assert (before, it.worker.canaries) == (0, 1)


def test_after_hangs_a_canary_comes_at_once() -> None:
    it = house()
    it.staff.hangs_in_a_row = 1
    it.clock.pass_(3)
    it.upkeep.tick()
    assert it.worker.canaries == 1


def test_a_quiet_place_climbs() -> None:
    it = house()
    it.staff.slots[0].ladder.step_down()
    it.clock.pass_(9)
    it.upkeep.tick()
    it.clock.pass_(1)
    it.upkeep.tick()
    assert it.climbed == [1]
