"""Jobs are carried out, whatever happens to workers, files and the store on the way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.job_house import JobHouse

from steadfast.admission.gate import Gate
from steadfast.blobs.blob import parse_address
from steadfast.blobs.memory import MemoryStore
from steadfast.blobs.store import Headroom
from steadfast.errors import (
    DamagedMedia,
    DiskFull,
    InvalidModelOutput,
    JobConflict,
    NoFace,
    ResultGone,
    ResultNotReady,
    WorkerCrashed,
)
from steadfast.jobs.carrier import Carrier
from steadfast.jobs.events import LeaseLost, SegmentRedone, StepFailed
from steadfast.jobs.headroom import IntakeGuard
from steadfast.jobs.job import Job, JobState, OnPinLost, OnSegmentFailure
from steadfast.jobs.port import Jobs
from steadfast.jobs.scheduler import Scheduler, SchedulerOptions
from steadfast.jobs.service import JobService
from steadfast.jobs.upkeep import Rhythm, Upkeep
from steadfast.jobs.work import InMemoryWork

QUICK = Rhythm(look_s=0.01, taken_back_s=0.01, renew_s=0.05, expire_s=0.05, release_s=0.05, wake_s=1.0)


@dataclass(kw_only=True)
class Plant:
    """A job service with workers in memory."""

    house: JobHouse
    service: JobService
    upkeep: Upkeep
    work: InMemoryWork
    guard: IntakeGuard

    async def submit(self, content: str = "abcdefgh", *more: str, **options: Any) -> Job:
        return await self.service.submit(self.house.order(content, *more, **options))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.01)

    async def ended(self, job: Job) -> Job:
        await self.until(lambda: self.house.job(job.id).has_ended)
        return self.house.job(job.id)

    async def text(self, job: Job, item: int = 0) -> str:
        found = await self.service.result("anna", job.id, item)
        return b"".join(self.house.library.read(parse_address(found.address))).decode()

    def count(self, kind: str) -> int:
        return sum(call[0] == kind for call in self.work.calls)


@asynccontextmanager
async def plant(
    house: JobHouse,
    tmp_path: Path,
    *,
    places: int = 2,
    lease_s: float = 60.0,
    rooms: Sequence[Headroom] = (),
) -> AsyncIterator[Plant]:
    made, lending = tmp_path / "made", tmp_path / "lending"
    made.mkdir(exist_ok=True)
    lending.mkdir(exist_ok=True)
    work = InMemoryWork(made, places=places)
    gate = Gate()
    gate.staff("toy", places)
    carrier = Carrier(house.jobs, work, lending)
    options = SchedulerOptions(tasks=("toy",), poll_s=0.02, lease_s=lease_s)
    scheduler = Scheduler(house.jobs, carrier, gate, work.places, options)
    guard = IntakeGuard(lambda: list(rooms))
    upkeep = Upkeep(house.jobs, scheduler, guard, lease_s=options.lease_s, rhythm=QUICK)
    service = JobService(house.jobs, scheduler, upkeep, guard)
    await service.start()
    try:
        yield Plant(house=house, service=service, upkeep=upkeep, work=work, guard=guard)
    finally:
        await service.stop(grace_s=0.0)
    assert list(lending.iterdir()) == []
    assert list(made.iterdir()) == []


def test_the_service_is_what_the_layers_above_ask_for(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path) as works:
            _: Jobs = works.service

    run(check())


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_a_job_ends_with_the_joined_result(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path) as works:
            job = await works.ended(await works.submit("abcdefghij"))
            assert job.state is JobState.SUCCEEDED
            assert await works.text(job) == "ABCDEFGHIJ"
            assert job.pin == works.work.pin
            assert (job.progress.segments_total, job.progress.frames_done) == (3, 10)

    run(check())


def test_segments_of_one_job_run_at_once(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path, places=2) as works:
            works.work.gate = asyncio.Event()
            job = await works.submit("abcdefghijkl")
            await works.until(lambda: works.count("segment") == 2)
            works.work.gate.set()
            assert (await works.ended(job)).state is JobState.SUCCEEDED

    run(check())


def test_a_batch_has_a_result_for_every_item(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path) as works:
            job = await works.ended(await works.submit("one", "two", "three"))
            assert [await works.text(job, item) for item in range(3)] == ["ONE", "TWO", "THREE"]
            items = await works.service.items("anna", job.id)
            assert [item.result.name for item in items if item.result] == ["one.txt", "two.txt", "three.txt"]

    run(check())


def test_one_bad_item_fails_the_batch_but_not_its_sisters(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path) as works:
            works.work.faults["plan", "bad", 0] = [DamagedMedia("It is truncated.")]
            job = await works.ended(await works.submit("good", "bad", "fine"))
            assert job.state is JobState.FAILED
            assert job.failure is not None
            assert "1 of 3 items failed; item 1: It is truncated." in job.failure.detail
            assert await works.text(job, 2) == "FINE"
            again = await works.ended(await works.service.retry("anna", job.id))
            assert again.state is JobState.SUCCEEDED
            assert await works.text(again, 1) == "BAD"

    run(check())


def test_a_segment_that_kills_three_times_fails_the_job_with_the_cause(
    house: JobHouse, tmp_path: Path
) -> None:
    async def check() -> None:
        async with plant(house, tmp_path) as works:
            deaths = [WorkerCrashed("SIGSEGV.", by_input=True) for _ in range(9)]
            works.work.faults["segment", "abcdefgh", 1] = list(deaths)
            job = await works.ended(await works.submit())
            assert job.state is JobState.FAILED
            assert job.failure is not None
            assert (job.failure.code, job.failure.detail) == ("worker_crashed", "Segment 1: SIGSEGV.")
            assert works.work.calls.count(("segment", "abcdefgh", 1)) == 3
            works.work.faults.clear()
            again = await works.ended(await works.service.retry("anna", job.id))
            assert again.state is JobState.SUCCEEDED
            assert works.work.calls.count(("segment", "abcdefgh", 0)) == 1

    run(check())


def test_frames_of_a_segment_that_fails_are_kept_where_that_is_wanted(
    house: JobHouse, tmp_path: Path
) -> None:
    async def check() -> None:
        async with plant(house, tmp_path) as works:
            works.work.faults["segment", "abcdefgh", 1] = [InvalidModelOutput("NaN.") for _ in range(9)]
            job = await works.ended(await works.submit(on_segment_failure=OnSegmentFailure.KEEP))
            assert job.state is JobState.SUCCEEDED
            assert await works.text(job) == "ABCDefgh"
            assert job.degraded == ("segment 1 of item 0 kept its original frames",)

    run(check())


def test_what_the_caller_must_mend_is_not_tried_again(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path) as works:
            works.work.faults["segment", "abcdefgh", 0] = [NoFace("There is no face.") for _ in range(9)]
            job = await works.ended(await works.submit())
            assert job.failure is not None
            assert job.failure.code == "no_face"
            assert works.work.calls.count(("segment", "abcdefgh", 0)) == 1

    run(check())


def test_workers_that_are_killed_cost_no_attempt(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path) as works:
            works.work.faults["segment", "abcdefgh", 0] = [WorkerCrashed("SIGKILL.") for _ in range(8)]
            job = await works.ended(await works.submit())
            assert job.state is JobState.SUCCEEDED
            assert job.failed_attempts == 0

    run(check())


def test_a_damaged_segment_is_found_before_the_join_and_done_again(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path, places=1) as works:
            store = house.library.store
            assert isinstance(store, MemoryStore)
            works.work.gate = asyncio.Event()
            job = await works.submit()
            works.work.gate.set()
            await works.until(lambda: house.job(job.id).progress.segments_done >= 1)
            first = next(step for step in house.steps(job.id) if step.blob)
            store.corrupt(house.library.find(parse_address(first.blob)).stored_name)
            assert (await works.ended(job)).state is JobState.SUCCEEDED
            assert await works.text(job) == "ABCDEFGH"
            assert [fact.number for fact in house.of(SegmentRedone)] == [first.number]

    run(check())


def test_a_cancelled_job_stops_at_once_and_can_be_taken_up_again(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path) as works:
            works.work.gate = asyncio.Event()
            job = await works.submit()
            await works.until(lambda: works.count("segment") == 2)
            assert (await works.service.cancel("anna", job.id)).state is JobState.CANCELLED
            await works.until(lambda: not works.service.scheduler.flights)
            with pytest.raises(ResultNotReady):
                await works.service.result("anna", job.id)
            works.work.gate.set()
            again = await works.ended(await works.service.retry("anna", job.id))
            assert again.state is JobState.SUCCEEDED

    run(check())


def test_a_paused_job_finishes_what_runs_and_begins_nothing(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path, places=1) as works:
            works.work.gate = asyncio.Event()
            job = await works.submit("abcdefghijkl")
            await works.until(lambda: works.count("segment") == 1)
            await works.service.pause("anna", job.id)
            works.work.gate.set()
            await works.until(lambda: house.job(job.id).progress.segments_done == 1)
            other = await works.ended(await works.submit("other"))
            assert other.state is JobState.SUCCEEDED
            assert house.job(job.id).state is JobState.PAUSED
            resumed = await works.ended(await works.service.resume("anna", job.id))
            assert resumed.state is JobState.SUCCEEDED
            assert works.count("plan") == 2
            with pytest.raises(JobConflict):
                await works.service.pause("anna", job.id)

    run(check())


def test_a_job_waits_while_what_it_was_begun_with_is_gone(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path, places=1) as works:
            works.work.gate = asyncio.Event()
            job = await works.submit()
            await works.until(lambda: works.count("segment") == 1)
            begun_with, works.work.pin = works.work.pin, {"engine": "another"}
            works.work.gate.set()
            await works.until(lambda: house.job(job.id).held != "")
            assert "gone" in house.job(job.id).held
            works.work.pin = begun_with
            ended = await works.ended(job)
            assert (ended.state, ended.pin, ended.held) == (JobState.SUCCEEDED, begun_with, "")

    run(check())


def test_a_job_starts_over_with_what_there_is_where_that_is_wanted(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path, places=1) as works:
            works.work.gate = asyncio.Event()
            job = await works.submit(on_pin_lost=OnPinLost.RESTART)
            await works.until(lambda: works.count("segment") == 1)
            works.work.pin = {"engine": "another"}
            works.work.gate.set()
            ended = await works.ended(job)
            assert (ended.state, ended.pin) == (JobState.SUCCEEDED, {"engine": "another"})
            assert ended.progress.frames_done == ended.progress.frames_total == 8
            assert works.count("plan") == 2

    run(check())


def test_the_same_again_is_answered_from_the_finished_one(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path) as works:
            first = await works.ended(await works.submit())
            again = await works.ended(await works.submit())
            assert works.count("segment") == 2
            assert await works.text(again) == "ABCDEFGH"
            (item,) = await works.service.items("anna", again.id)
            assert item.answered_from == first.id
            await works.ended(await works.submit(fresh=True))
            assert works.count("segment") == 4
            works.work.pin = {"engine": "another"}
            await works.ended(await works.submit())
            assert works.count("segment") == 6
            await works.ended(await works.submit(options={"strength": 0.5}))
            assert works.count("segment") == 8
            await works.ended(await works.service.submit(house.order("abcdefgh", owner="ben")))
            assert works.count("segment") == 10

    run(check())


def test_a_full_disk_pauses_intake_and_holds_what_runs_until_there_is_room(
    house: JobHouse, tmp_path: Path
) -> None:
    rooms: list[Headroom] = []

    async def check() -> None:
        async with plant(house, tmp_path, places=1, rooms=rooms) as works:
            works.work.faults["segment", "abcdefgh", 0] = [DiskFull("No space is left.")]
            works.work.gate = asyncio.Event()
            job = await works.submit()
            rooms.append(Headroom(free_bytes=0, total_bytes=100))
            works.work.gate.set()
            await works.until(lambda: "No space" in house.job(job.id).held and bool(works.guard.why))
            with pytest.raises(DiskFull):
                await works.submit()
            rooms.clear()
            ended = await works.ended(job)
            assert (ended.state, ended.failed_attempts) == (JobState.SUCCEEDED, 0)
            assert any(fact.code == "disk_full" for fact in house.of(StepFailed))

    run(check())


def test_who_watches_hears_everything_once_and_in_order(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path) as works:
            job = await works.submit()
            seen = [entry async for entry in works.service.watch("anna", job.id)]
            states = [entry.data["state"] for entry in seen if entry.kind in ("submitted", "state")]
            assert states == ["queued", "running", "succeeded"]
            kept = [entry.id for entry in seen if entry.id]
            assert kept == sorted(set(kept))
            rest = [entry async for entry in works.service.watch("anna", job.id, after=kept[0])]
            assert [entry.id for entry in rest] == kept[1:]

    run(check())


def test_a_stop_gives_back_what_it_could_not_finish(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path) as works:
            works.work.gate = asyncio.Event()
            job = await works.submit()
            await works.until(lambda: works.count("segment") == 2)
            await works.service.scheduler.stop(grace_s=0.0)
            states = [step.state.value for step in house.steps(job.id) if step.kind.value == "segment"]
            assert states == ["pending", "pending"]

    run(check())


def test_a_result_that_was_deleted_is_said_to_be_gone(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path) as works:
            job = await works.ended(await works.submit())
            house.jobs.write_now(
                lambda t: t.connection.exec_driver_sql("UPDATE jobs SET results_gone_at = created_at")
            )
            with pytest.raises(ResultGone):
                await works.service.result("anna", job.id)

    run(check())


def test_a_step_without_progress_loses_its_lease_and_is_done_again(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path, places=1, lease_s=4.0) as works:
            works.work.gate = asyncio.Event()
            job = await works.submit()
            await works.until(lambda: works.count("segment") == 1)
            await works.upkeep.renew()  # of what came on by then
            house.clock.turn(5.0)
            await works.until(lambda: works.count("segment") >= 2)
            assert [fact.kind.value for fact in house.of(LeaseLost)] == ["segment"]
            works.work.gate.set()
            ended = await works.ended(job)
            assert (ended.state, ended.failed_attempts) == (JobState.SUCCEEDED, 0)
            assert await works.text(ended) == "ABCDEFGH"

    if house.jobs.database.options.file is None:
        pytest.skip("where time is the server's, no test can turn it")
    run(check())


def test_progress_keeps_a_lease_however_long_a_step_takes(house: JobHouse, tmp_path: Path) -> None:
    async def check() -> None:
        async with plant(house, tmp_path, places=1, lease_s=4.0) as works:
            works.work.gate = asyncio.Event()
            job = await works.submit()
            await works.until(lambda: works.count("segment") == 1)
            (flight,) = works.service.scheduler.flights
            for _ in range(5):
                flight.progressed(1, 4)
                await works.upkeep.renew()
                house.clock.turn(3.0)
                await asyncio.sleep(0.06)
            works.work.gate.set()
            await works.ended(job)
            assert house.of(LeaseLost) == []
            assert works.work.calls.count(("segment", "abcdefgh", 0)) == 1

    run(check())
