"""A thousand nodes and ten million jobs a day, simulated with the times that `benchmarks.scale` measures.

    python -m benchmarks.scale_simulation [--nodes 1000] [--jobs 10e6] [--minutes 5] [--what-if NAME=VALUE …]

Every step of a job is one event: it waits for a place, its lease waits for the row of its flow and for a core
of the database, it works, its commit waits likewise. What a node asks of the database while it lives (sign of
life, renewals, looks) is taken off the cores beforehand. Printed: the assumptions, how busy each part is at
the peak, how long steps wait and what for, and at which load each part would be full. One seed, so two runs
are the same.

Not simulated: failures, the network, S3 (a request per file; it has no row that many wait for).
"""

import argparse
import heapq
import random
import statistics
from collections import deque
from dataclasses import asdict, dataclass, field, replace

_DAY_S = 86_400.0
_SEED = 20261120
_WARM_SHARE = 0.2


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What is put in; times in ms where they say so."""

    nodes: int = 1_000
    places: int = 4
    """Of a node: steps that it works on at one time."""
    jobs_a_day: float = 10e6
    peak: float = 2.0
    """Load of the busiest minutes, over the day's mean."""
    pictures: float = 0.95
    """Share of jobs that have one segment; the others are videos."""
    video_segments: int = 30
    picture_s: float = 0.8
    """Work on a picture, mean; steps differ by a third."""
    segment_s: float = 8.0
    """Work on a segment of a video, mean."""
    small_s: float = 0.1
    """A plan or a join."""
    keys: int = 500
    largest_key: float = 0.05
    """Share of the jobs that come with one key."""
    db_cores: int = 16
    lease_db_ms: float = 2.0
    """Processor time of the database for a lease, with the looks before it."""
    commit_db_ms: float = 2.5
    submit_db_ms: float = 2.5
    lock_ms: float = 4.0
    """For which a lease, and a commit, hold the row of the flow: a transaction of several round trips."""
    node_tx_per_s: float = 1.8
    """Of a node that lives, beside its steps."""
    node_tx_db_ms: float = 0.4
    broker_messages_per_s: float = 20_000.0
    """What one broker takes in and gives out."""


@dataclass(kw_only=True)
class Server:
    """Something with so many places; who comes later waits. Times are when it is free again."""

    free_s: list[float]
    busy_s: float = 0.0

    def serve(self, now_s: float, takes_s: float) -> float:
        """When it is done."""
        begun_s = max(now_s, heapq.heappop(self.free_s))
        heapq.heappush(self.free_s, begun_s + takes_s)
        self.busy_s += takes_s
        return begun_s + takes_s


@dataclass(kw_only=True)
class Result:
    """What came of it."""

    steps: int = 0
    waits_ms: list[float] = field(default_factory=list)
    """Of steps for a place."""
    overheads_ms: list[float] = field(default_factory=list)
    """Lease and commit, with their waiting."""
    places: float = 0.0
    database: float = 0.0
    hottest_flow: float = 0.0
    left: int = 0
    """Steps that waited at the end."""


@dataclass(kw_only=True)
class _Job:
    flow: int
    segments: int
    left: int
    is_picture: bool


@dataclass(kw_only=True)
class _Step:
    job: _Job
    kind: str
    ready_s: float
    begun_s: float = 0.0
    work_s: float = 0.0


class Simulation:
    """One peak of so many minutes."""

    def __init__(self, given: Assumptions, minutes: float) -> None:
        self._given = given
        self._until_s = minutes * 60
        self._random = random.Random(_SEED)
        # The cores that the nodes' own looks leave over, as whole ones that are a little slower.
        looks = given.nodes * given.node_tx_per_s * given.node_tx_db_ms / 1000
        self._looks = looks
        self._slower = given.db_cores / max(0.001, given.db_cores - looks)
        self._database = Server(free_s=[0.0] * given.db_cores)
        self._flows = [Server(free_s=[0.0]) for _ in range(given.keys)]
        self._idle = given.nodes * given.places
        self._waiting: deque[_Step] = deque()
        self._events: list[tuple[float, int, str, _Step | None]] = []
        self._number = 0
        self._worked_s = 0.0

    def run(self) -> Result:
        """Plays it from the first arrival."""
        result = Result()
        self._at(0.0, "arrival")
        while self._events and self._events[0][0] < self._until_s:
            now_s, _, what, step = heapq.heappop(self._events)
            if step is None:
                self._arrive(now_s)
            elif what == "ready":
                self._waiting.append(step)
            elif what == "worked":
                committed_s = self._transaction(now_s, step.job.flow, self._given.commit_db_ms)
                self._at(committed_s, "committed", step)
            else:
                self._idle += 1
                self._note(now_s, step, result)
                self._advance(now_s, step)
            while self._idle and self._waiting:
                self._begin(now_s)
        given = self._given
        result.places = self._worked_s / (self._until_s * given.nodes * given.places)
        result.database = (self._database.busy_s / self._until_s + self._looks) / given.db_cores
        result.hottest_flow = max(flow.busy_s for flow in self._flows) / self._until_s
        result.left = len(self._waiting)
        return result

    def _at(self, when_s: float, what: str, step: _Step | None = None) -> None:
        self._number += 1
        heapq.heappush(self._events, (when_s, self._number, what, step))

    def _arrive(self, now_s: float) -> None:
        given, chance = self._given, self._random
        per_s = given.jobs_a_day * given.peak / _DAY_S
        self._at(now_s + chance.expovariate(per_s), "arrival")
        is_picture = chance.random() < given.pictures
        segments = 1 if is_picture else given.video_segments
        flow = 0 if chance.random() < given.largest_key else chance.randrange(given.keys)
        job = _Job(flow=flow, segments=segments, left=segments, is_picture=is_picture)
        done_s = self._database.serve(now_s, given.submit_db_ms / 1000 * self._slower)
        self._at(done_s, "ready", _Step(job=job, kind="plan", ready_s=done_s))

    def _advance(self, now_s: float, step: _Step) -> None:
        job, following, count = step.job, "join", 0
        if step.kind == "plan":
            following, count = "segment", job.segments
        elif step.kind == "segment":
            job.left -= 1
            count = int(job.left == 0)
        for _ in range(count):
            self._at(now_s, "ready", _Step(job=job, kind=following, ready_s=now_s))

    def _begin(self, now_s: float) -> None:
        step = self._waiting.popleft()
        self._idle -= 1
        step.begun_s, step.work_s = now_s, self._work_s(step.job, step.kind)
        leased_s = self._transaction(now_s, step.job.flow, self._given.lease_db_ms)
        self._at(leased_s + step.work_s, "worked", step)

    def _note(self, now_s: float, step: _Step, result: Result) -> None:
        result.steps += 1
        self._worked_s += now_s - step.begun_s
        if step.begun_s > _WARM_SHARE * self._until_s:
            result.waits_ms.append((step.begun_s - step.ready_s) * 1000)
            result.overheads_ms.append((now_s - step.begun_s - step.work_s) * 1000)

    def _transaction(self, now_s: float, flow: int, db_ms: float) -> float:
        held_s = self._flows[flow].serve(now_s, self._given.lock_ms / 1000)
        return max(held_s, self._database.serve(now_s, db_ms / 1000 * self._slower))

    def _work_s(self, job: _Job, kind: str) -> float:
        given = self._given
        mean_s = (
            given.small_s if kind != "segment" else given.picture_s if job.is_picture else given.segment_s
        )
        return mean_s * self._random.uniform(2 / 3, 4 / 3)


def capacities(given: Assumptions) -> list[tuple[str, float, str]]:
    """Jobs a day (mean, at this peak) at which each part is full, the first one first; and what then."""
    mean_segments = given.pictures + (1 - given.pictures) * given.video_segments
    steps = mean_segments + 2
    work_s = (
        given.pictures * given.picture_s
        + (1 - given.pictures) * given.video_segments * given.segment_s
        + 2 * given.small_s
    )
    own_ms = (given.lease_db_ms + given.commit_db_ms) * steps + given.submit_db_ms
    looks = given.nodes * given.node_tx_per_s * given.node_tx_db_ms / 1000
    hottest = given.largest_key + 1 / given.keys
    a_day = _DAY_S / given.peak
    found = [
        ("places of nodes", given.nodes * given.places / work_s * a_day, "more nodes"),
        (
            "database cores",
            (given.db_cores - looks) * 1000 / own_ms * a_day,
            "more cores; partitioned tables",
        ),
        (
            "row of the largest key",
            1000 / (2 * given.lock_ms * steps * hottest) * a_day,
            "more keys for that customer",
        ),
        ("one broker", given.broker_messages_per_s / steps * a_day, "a broker per capability"),
    ]
    return sorted(found, key=lambda one: one[1])


def _print(given: Assumptions, result: Result) -> None:
    for name, value in asdict(given).items():
        print(f"  {name:<24}{value:>14,g}")
    waits, overheads = (sorted(values) for values in (result.waits_ms, result.overheads_ms))
    print(f"\nsteps done {result.steps:,}, waiting at the end {result.left:,}")
    shares = result.places, result.database, result.hottest_flow
    print("busy: places {:.0%}, database {:.0%}, largest key {:.0%}".format(*shares))
    for name, values in (("wait for a place", waits), ("lease and commit", overheads)):
        if values:
            p99 = values[int(len(values) * 0.99)]
            print(f"{name}: p50 {statistics.median(values):,.1f} ms, p99 {p99:,.1f} ms")
    print("\nfull at jobs a day:")
    for part, jobs, remedy in capacities(given):
        print(f"  {part:<24}{jobs / 1e6:>8.1f} M   {remedy}")


def main() -> None:
    """Reads the options and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=1_000)
    parser.add_argument("--jobs", type=float, default=10e6)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--what-if", action="append", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    given = Assumptions(nodes=asked.nodes, jobs_a_day=asked.jobs)
    for change in asked.what_if:
        name, _, value = change.partition("=")
        kind = type(getattr(given, name))
        given = replace(given, **{name: kind(float(value))})
    _print(given, Simulation(given, asked.minutes).run())


if __name__ == "__main__":
    main()
