"""A service under load, look by look, on a clock by hand: healthy until a test plants a fault.

What healthy means here: traffic that goes up and down, sizes over four octaves, times that scatter by a
fifth, a few failures, short queues, workers recycled now and then, memory that breathes with the work.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.unit.health.probes.surroundings import Hand, pool, snapshot, worker

from steadfast.health.detection.detector import Detector, Findings
from steadfast.health.detection.sign import Scene, Sign, Watched
from steadfast.health.probes.contract import Probe
from steadfast.health.probes.devices import DeviceErrors, DeviceMemoryUse
from steadfast.health.probes.process import LoopLag, OpenFiles, Zombies
from steadfast.health.probes.resources import DiskSpace, HostMemory, WorkerMemory
from steadfast.health.readings import Reading, Status
from steadfast.health.work_record import WorkRecord
from steadfast.runtime.events import WorkerStateChanged
from steadfast.runtime.snapshot import PoolSnapshot
from steadfast.runtime.states import WorkerState

INTERVAL_S = 5.0
GIB = 1 << 30
PROBES: Sequence[type[Probe]] = (
    LoopLag,
    OpenFiles,
    Zombies,
    HostMemory,
    WorkerMemory,
    DiskSpace,
    DeviceMemoryUse,
    DeviceErrors,
)


@dataclass(kw_only=True)
class House:
    """The knobs are the faults."""

    seed: int
    slower: float = 1.0
    failing: float = 0.002
    is_stuck: bool = False
    is_deadlocked: bool = False
    is_throttled: bool = False
    """Finishes little of what comes."""
    waiting: int | None = None
    worker_growth_bytes: float = 0.0
    """Per look."""
    readings: dict[str, Callable[[float], float]] = field(default_factory=dict)
    """Probe → its value, by the looks since the fault."""
    unknown: frozenset[str] = frozenset()
    is_ready: bool = True

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.clock = Hand()
        self.work = WorkRecord(self.clock)
        self.detector = Detector()
        self.looks = 0
        self.fault_looks = 0
        self.served = [0, 0]
        self.cpu_s = [10.0, 10.0]
        self.silent_s = [0.0, 0.0]
        self.age_s = [100.0, 160.0]
        self.rss = [300e6, 310e6]

    def look(self) -> Findings:
        """One interval of life, then one look of the detector."""
        self.looks += 1
        self.clock.pass_(INTERVAL_S)
        done = self._work()
        self._age(done)
        scene = Scene(
            now_s=self.clock(),
            readings=self._readings(),
            snapshot=snapshot(self._pool()),
            work=self.work,
            cpu_s=dict(enumerate(self.cpu_s, start=1)),
            watched={
                probe.name: Watched(thresholds=probe.thresholds, makes_incidents=probe.is_watched)
                for probe in PROBES
            },
        )
        return self.detector.look(scene)

    def run(self, looks: int) -> list[Sign]:
        """Everything that counted meanwhile."""
        return [sign for _ in range(looks) for sign in self.look().signs]

    def looks_until(self, kind: str, most: int = 30) -> int:
        """After how many looks a sign of that kind counts."""
        for look in range(1, most + 1):
            self.fault_looks = look
            if any(sign.kind == kind for sign in self.look().signs):
                return look
        raise AssertionError(f"{kind} was not found in {most} looks")

    def _work(self) -> list[int]:
        hour_s = self.clock.now_s % 3600
        mean = 60 + 40 * math.sin(hour_s / 3600 * 2 * math.pi)
        come = max(0, round(self.dice.gauss(mean, math.sqrt(mean))))
        part = 0.1 if self.is_throttled else 0.0 if self.is_stuck else 1.0
        done = [0, 0]
        for _ in range(come):
            self.work.count_arrival("face_swap")
            if self.dice.random() >= part:
                continue
            done[1 if self.is_deadlocked else self.dice.randrange(2)] += 1
            if self.dice.random() < self.failing:
                self.work.count_refusal("face_swap", is_ours=True)
                continue
            size = 2 ** self.dice.uniform(18, 22)
            took_ms = size / 50_000 * self.dice.lognormvariate(0, 0.2) * self.slower
            self.work.count_work("face_swap", size=size, worked_ms=took_ms)
        return done

    def _age(self, done: list[int]) -> None:
        for index in range(2):
            self.served[index] += done[index]
            still = self.is_stuck or (self.is_deadlocked and index == 0)
            self.silent_s[index] = self.silent_s[index] + INTERVAL_S if still else self.dice.uniform(0, 0.3)
            self.cpu_s[index] += 0.0 if still else self.dice.uniform(1, 3)
            self.age_s[index] += INTERVAL_S
            self.rss[index] += self.worker_growth_bytes if index == 0 else 0.0
            if self.worker_growth_bytes == 0 and self.dice.random() < 0.004:
                self._recycle(index)

    def _recycle(self, index: int) -> None:
        self.age_s[index], self.served[index], self.cpu_s[index] = 0.0, 0, 0.0
        self.detector.hear(
            WorkerStateChanged(
                task="face_swap",
                worker=f"w{index}",
                pid=index + 1,
                before=WorkerState.STARTING,
                after=WorkerState.LOADING,
            )
        )

    def _pool(self) -> PoolSnapshot:
        all_busy = self.is_stuck or self.waiting is not None
        busy = [all_busy or self.is_deadlocked, all_busy]
        workers = [
            worker(
                f"w{index}",
                pid=index + 1,
                state=WorkerState.BUSY if busy[index] or self.dice.random() < 0.6 else WorkerState.READY,
                served=self.served[index],
                silent_s=self.silent_s[index],
                age_s=self.age_s[index],
                rss_bytes=int(self.rss[index]),
                requests=(7,) if busy[index] else (),
            )
            for index in range(2)
        ]
        burst = self.dice.choice((0, 0, 0, 0, 1, 2, 3))
        waiting = burst if self.waiting is None else self.waiting
        return pool(*workers, waiting=waiting, ready=self.is_ready, able=2, places=2)

    def _readings(self) -> list[Reading]:
        warm = min(1.0, self.looks / 12)
        values = {
            "loop_lag": self.dice.expovariate(200),
            "open_files": 0.1 + 0.02 * self.dice.random(),
            "zombies": float(self.dice.random() < 0.02),
            "memory": 0.45 + 0.05 * warm + 0.02 * self.dice.random(),
            "disk_space": 0.4 - 1e-6 * self.looks + 0.001 * self.dice.random(),
            "device_memory": 0.6 + 0.05 * self.dice.random(),
            "device_errors": 0.0,
        }
        values |= {name: value(self.fault_looks) for name, value in self.readings.items()}
        limits = {"memory": 1.0, "disk_space": 0.0, "device_memory": 1.0, "open_files": 1.0}
        found = [
            self._reading(probe, values[probe.name], limits.get(probe.name))
            for probe in PROBES
            if probe.name in values
        ]
        for index in range(2):
            rss = self.rss[index] * (1 + 0.03 * self.dice.random())
            found.append(self._reading(WorkerMemory, rss, 2.0 * GIB, f"w{index}"))
        return found

    def _reading(self, probe: type[Probe], value: float, limit: float | None, subject: str = "") -> Reading:
        is_unknown = probe.name in self.unknown
        return Reading(
            probe=probe.name,
            level=probe.level,
            subject=subject,
            value=None if is_unknown else value,
            unit=probe.unit,
            limit=limit,
            status=Status.UNKNOWN if is_unknown else probe.thresholds.judge(value),
            note="",
            taken_at_s=self.clock(),
        )
