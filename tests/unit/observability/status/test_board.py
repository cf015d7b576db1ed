"""The status says what the parts of the service know, and what everybody may know is a part of that."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from steadfast.admission.gate import Gate
from steadfast.errors import DatabaseProblem, Severity
from steadfast.events import publish
from steadfast.health.incidents import Incident
from steadfast.health.readings import Level, Reading, Status
from steadfast.health.verdict import Verdict, Word
from steadfast.jobs.job import Job, JobOrder, JobState, Progress
from steadfast.observability.requests import RequestEnded
from steadfast.observability.status.board import (
    CpuShares,
    OpenJobs,
    StatusBoard,
    StatusSources,
    for_everybody,
)
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.events import WorkerDied, WorkerLoaded
from steadfast.runtime.exit_reason import Cause, ExitReport
from steadfast.runtime.snapshot import PoolSnapshot, Snapshot, WorkerSnapshot
from steadfast.runtime.states import WorkerState


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def worker(name: str, slot: str | None, **more: Any) -> WorkerSnapshot:
    told: dict[str, Any] = {
        "name": name,
        "pid": 1,
        "state": WorkerState.READY,
        "slot": slot,
        "device": "cpu",
        "level": 0,
        "served": 7,
        "age_s": 12.0,
        "silent_s": 1.0,
        "rss_bytes": 1000,
        "device_bytes": 0,
        "retiring": False,
        "confinement": {},
    }
    return WorkerSnapshot(**(told | more))


def snapshot(*workers: WorkerSnapshot) -> Snapshot:
    pool = PoolSnapshot(
        task="face_swap",
        ready=True,
        why_not="",
        breaker=BreakerState.CLOSED,
        waiting=0,
        busy=1,
        able=1,
        places=1,
        spares_ready=1,
        hangs_in_a_row=0,
        degraded=(),
        poisoned=0,
        last_load_failure="",
        workers=workers,
    )
    return Snapshot(pools=(pool,), stopping=False)


INCIDENT = Incident(
    id="inc_1",
    kind="worker_died",
    severity=Severity.ERROR,
    subject="face_swap",
    evidence=("first", "a worker of /srv/secret died"),
    detected_at=datetime(2026, 11, 20, tzinfo=UTC),
)


def reading(probe: str, status: Status) -> Reading:
    return Reading(
        probe=probe,
        level=Level.RESOURCE,
        subject="data",
        value=0.9,
        unit="share",
        limit=None,
        status=status,
        note="",
        taken_at_s=1.0,
    )


def board(clock: Clock, **sources: Any) -> StatusBoard:
    given: dict[str, Any] = {
        "snapshot": lambda: snapshot(worker("face_swap-1", "cpu:0"), worker("face_swap-2", None)),
        "gate": Gate().snapshot,
        "verdict": lambda: Verdict(word=Word.HEALTHY),
        "running": lambda: 3,
        "open_incidents": lambda: [INCIDENT],
        "clock": clock,
    }
    return StatusBoard(StatusSources(**(given | sources)))


def job(job_id: str, state: JobState, **progress: Any) -> Job:
    return Job(
        id=job_id,
        order=JobOrder(owner="", task="face_swap", items=()),
        state=state,
        progress=Progress(**progress),
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
    )


def jobs(*latest: Job) -> Callable[[], Awaitable[OpenJobs]]:
    async def told() -> OpenJobs:
        return OpenJobs(counts={"running": len(latest)}, latest=latest)

    return told


def test_a_worker_is_told_by_its_place_with_the_deaths_that_happened_there() -> None:
    clock = Clock()
    watched = board(clock)
    watched.start()
    try:
        report = ExitReport(pid=1, cause=Cause.SIGNALLED)
        publish(WorkerDied(task="face_swap", worker="face_swap-1", report=report, wanted=False))
        publish(WorkerDied(task="face_swap", worker="face_swap-2", report=report, wanted=True))
    finally:
        watched.stop()
    told = asyncio.run(watched.status())
    assert [(one.place, one.deaths) for one in told.workers] == [("cpu:0", 1), ("spare:0", 0)]


def test_only_probes_that_are_not_well_are_named_the_worst_first() -> None:
    readings = [
        reading("disk", Status.WARNING),
        reading("memory", Status.OK),
        reading("loop", Status.FATAL),
        reading("gpu", Status.DISABLED),
    ]
    told = asyncio.run(board(Clock(), readings=lambda: readings).status())
    assert [one.probe for one in told.probes] == ["loop", "disk"]
    assert told.probes_ok == 2


def test_jobs_that_run_come_first_and_say_how_far_they_are() -> None:
    listed = jobs(
        job("j1", JobState.QUEUED),
        job("j2", JobState.RUNNING, share=0.25, fps=10.0, left_s=9.0),
        job("j3", JobState.RUNNING, share=0.375, items_done=1, items_total=4),
    )
    told = asyncio.run(board(Clock(), jobs=listed).status())
    assert told.jobs is not None
    assert [(one.id, one.share) for one in told.jobs.latest] == [("j2", 0.25), ("j3", 0.375), ("j1", 0.0)]


def test_a_database_that_fails_hides_the_jobs_and_nothing_else() -> None:
    async def failing() -> OpenJobs:
        raise DatabaseProblem("The database is locked.")

    told = asyncio.run(board(Clock(), jobs=failing).status())
    assert told.jobs is None
    assert told.workers


def test_many_who_watch_cost_one_look() -> None:
    looks = []
    clock = Clock()

    def look() -> Snapshot:
        looks.append(1)
        return snapshot(worker("face_swap-1", "cpu:0"))

    watched = board(clock, snapshot=look)

    async def watch() -> None:
        await asyncio.gather(*(watched.status() for _ in range(20)))

    asyncio.run(watch())
    assert len(looks) == 1
    clock.now_s += 1.0
    asyncio.run(watch())
    assert len(looks) == 2


def test_requests_are_counted_while_it_listens() -> None:
    clock = Clock()
    watched = board(clock)
    watched.start()
    ended = RequestEnded(request_id="r", route="/v1/swap", task="face_swap", status=200, took_s=0.1)
    publish(ended)
    watched.stop()
    publish(ended)
    clock.now_s += 1.0
    told = asyncio.run(watched.status())
    assert told.traffic is not None
    assert told.traffic.requests == 1


def test_everybody_learns_that_something_is_wrong_and_not_what_it_is_called() -> None:
    clock = Clock()
    told = for_everybody(asyncio.run(board(clock, jobs=jobs(job("j1", JobState.RUNNING))).status()))
    assert [(one.kind, one.severity) for one in told.incidents] == [("worker_died", "error")]
    said = repr(told)
    for secret in ("/srv/secret", "inc_1", "face_swap-1", "j1"):
        assert secret not in said
    assert (told.version, told.workers, told.traffic, told.jobs) == ("", (), None, None)


def test_processor_time_is_told_as_cores_since_the_look_before() -> None:
    clock, used = Clock(), {5: 10.0}
    shares = CpuShares(clock, cpu_s=lambda pid: used[pid])
    assert shares.look([5]) == {5: None}
    clock.now_s += 2.0
    used[5] = 13.0
    assert shares.look([5]) == {5: 1.5}


@pytest.mark.parametrize("used_s", [0.0, -1.0])
def test_a_process_that_is_gone_has_used_nothing(used_s: float) -> None:
    clock, used = Clock(), [10.0, used_s]
    shares = CpuShares(clock, cpu_s=lambda _pid: used.pop(0))
    shares.look([5])
    clock.now_s += 1.0
    assert shares.look([5]) == {5: 0.0}


def test_a_death_is_counted_where_it_was_though_nobody_had_looked_before_and_its_place_is_taken() -> None:
    stands = ["face_swap-1"]

    def look() -> Snapshot:
        return snapshot(worker(stands[0], "cpu:0"))

    watched = board(Clock(), snapshot=look)
    watched.start()
    loaded = WorkerLoaded(task="face_swap", worker="face_swap-1", level=0, load_s=0.1, is_first=True)
    publish(loaded)
    stands[0] = "face_swap-2"  # the spare, before the death is told
    report = ExitReport(pid=1, cause=Cause.SIGNALLED)
    publish(WorkerDied(task="face_swap", worker="face_swap-1", report=report, wanted=False))
    status = asyncio.run(watched.status())
    watched.stop()
    assert [one.deaths for one in status.workers] == [1]
