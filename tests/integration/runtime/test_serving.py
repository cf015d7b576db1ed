"""Requests through real processes: content, batches, files, long answers, errors, cancellation."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.fault_task import Act, Done
from tests.runtime_house import house, run

from steadfast.errors import InvalidOption, MediaTooLarge, NoFace, ServiceError, ShuttingDown
from steadfast.events import subscribe_to
from steadfast.readings import ResultSampled
from steadfast.runtime.events import UnexpectedError, WorkerDied
from steadfast.runtime.options import ArenaOptions, ConfinementOptions, WorkerOptions


def test_bytes_come_back_as_they_went_in_pieces_and_several_blobs() -> None:
    async def test() -> None:
        async with house() as it:
            outcome = await it.ask(Act(), [b"abc", memoryview(b"def")], [b""], [bytearray(b"x" * 100_000)])
            assert outcome.blobs == (b"abcdef", b"", b"x" * 100_000)
            assert outcome.decode(Done).sizes == [6, 0, 100_000]
            assert outcome.cost == {"bytes": 100_006.0}
            assert (outcome.attempts, outcome.degraded) == (1, ())

    run(test())


def test_answers_of_concurrent_requests_are_not_mixed_up() -> None:
    async def test() -> None:
        async with house(workers=2) as it:
            inputs = [bytes([number]) * (1000 * number + 1) for number in range(60)]
            outcomes = await asyncio.gather(*(it.ask(Act(), [data]) for data in inputs))
            assert [outcome.blobs[0] for outcome in outcomes] == inputs

    run(test())


def test_a_payload_beyond_the_prefaulted_part_travels_and_its_memory_is_given_back() -> None:
    async def test() -> None:
        arena = ArenaOptions(request_bytes=32 << 20, answer_bytes=32 << 20, prefault_bytes=1 << 20)
        async with house(spares=0, worker=WorkerOptions(arena=arena)) as it:
            big = bytes(range(256)) * (20 << 12)
            assert (await it.ask(Act(), [big])).blobs == (big,)
            await it.ask(Act(), [b"small"])
            (pid,) = it.pids()
            assert {file.stat().st_blocks * 512 for file in _arenas(pid)} == {2 << 20}

    run(test())


def _arenas(pid: int) -> list[Path]:
    files = Path(f"/proc/{pid}/fd").iterdir()
    return [file for file in files if "steadfast-arena" in str(file.readlink())]


def test_a_payload_larger_than_the_arena_is_refused_before_any_worker_sees_it() -> None:
    async def test() -> None:
        arena = ArenaOptions(request_bytes=1 << 20, answer_bytes=1 << 20, prefault_bytes=1 << 16)
        async with house(spares=0, worker=WorkerOptions(arena=arena)) as it:
            with pytest.raises(MediaTooLarge):
                await it.ask(Act(), [bytes((1 << 20) + 1)])
            assert (await it.ask(Act(), [bytes(1 << 20)])).decode(Done).sizes == [1 << 20]

    run(test())


def test_a_file_that_the_server_chose_reaches_the_worker_by_its_path(tmp_path: Path) -> None:
    async def test() -> None:
        file = tmp_path / "upload"
        file.write_bytes(b"12345")
        worker = WorkerOptions(confinement=ConfinementOptions(readable=(tmp_path,)))
        async with house(spares=0, worker=worker) as it:
            assert (await it.done(Act(), file)).sizes == [5]

    run(test())


def test_nobody_waits_for_the_look_at_an_answer_but_its_worker(tmp_path: Path) -> None:
    told: list[ResultSampled] = []

    async def test() -> None:
        stop = subscribe_to(ResultSampled, told.append)
        worker = WorkerOptions(confinement=ConfinementOptions(readable=(tmp_path,)))
        async with house(spares=0, worker=worker) as it:
            first = await it.done(Act(look=str(tmp_path / "enough")))
            assert told == []
            second = asyncio.create_task(it.done(Act()))
            await asyncio.sleep(0.05)
            assert not second.done()  # it would be, were the only worker free
            (tmp_path / "enough").touch()
            assert (await second).pid == first.pid
        stop()

    run(test())
    assert [(one.engine, one.readings) for one in told] == [("toy", {"identity": 0.5})]


def test_a_worker_that_is_told_to_leave_ends_its_look_first(tmp_path: Path) -> None:
    async def test() -> None:
        worker = WorkerOptions(confinement=ConfinementOptions(readable=(tmp_path,)))
        async with house(spares=0, worker=worker) as it:
            first = await it.done(Act(look=str(tmp_path / "enough")))
            assert it.supervisor.recycle(it.supervisor.snapshot().pools[0].workers[0].name)
            (tmp_path / "enough").touch()
            while (await it.done(Act())).pid == first.pid:
                await asyncio.sleep(0.01)

    run(test())


def test_an_answer_longer_than_a_message_comes_through_the_arena() -> None:
    async def test() -> None:
        async with house(spares=0) as it:
            assert len((await it.done(Act(do="long_text", amount=700_000))).text) == 700_000

    run(test())


def test_an_answer_larger_than_the_arena_is_an_error_and_the_worker_lives() -> None:
    async def test() -> None:
        arena = ArenaOptions(request_bytes=1 << 20, answer_bytes=1 << 16, prefault_bytes=1 << 16)
        async with house(spares=0, worker=WorkerOptions(arena=arena)) as it:
            with pytest.raises(ServiceError, match="larger than the shared memory"):
                await it.ask(Act(), [bytes(1 << 17)])
            await it.ask(Act(), [b"x"])
            assert not it.of(WorkerDied)

    run(test())


def test_requests_of_a_task_that_declares_batches_are_done_together() -> None:
    async def test() -> None:
        async with house(spares=0, spec={"max_batch": 8, "batch_wait_ms": 30.0}) as it:
            done = await asyncio.gather(*(it.done(Act(), [b"x" * n]) for n in range(8)))
            assert [d.batch for d in done] == [8] * 8
            assert [d.sizes for d in done] == [[n] for n in range(8)]

    run(test())


def test_a_request_without_company_waits_for_it_no_longer_than_it_was_told() -> None:
    async def test() -> None:
        async with house(spares=0, spec={"max_batch": 8, "batch_wait_ms": 30.0}) as it:
            outcome = await it.ask(Act())
            assert outcome.decode(Done).batch == 1
            assert outcome.waited_ms >= 25.0  # and the company of seven never came

    run(test())


def test_what_a_task_declares_reaches_the_caller_as_the_same_class() -> None:
    async def test() -> None:
        async with house(spares=0) as it:
            with pytest.raises(NoFace, match="There is no face"):
                await it.ask(Act(do="no_face"))
            assert not it.of(WorkerDied)

    run(test())


def test_a_bug_in_a_task_is_told_with_its_traceback_and_costs_nobody_else() -> None:
    async def test() -> None:
        async with house(spares=0) as it:
            with pytest.raises(ServiceError, match="ZeroDivisionError"):
                await it.ask(Act(do="bug"))
            (event,) = it.of(UnexpectedError)
            assert "_do_bug" in event.trace
            await it.ask()

    run(test())


class Clash(msgspec.Struct):
    """An `Act` of another version."""

    seconds: str = "soon"


def test_options_that_do_not_fit_the_task_are_the_callers_fault() -> None:
    async def test() -> None:
        async with house(spares=0) as it:
            with pytest.raises(InvalidOption, match="seconds"):
                await it.supervisor.submit("fault", Clash(), deadline_s=5.0)

    run(test())


def test_a_caller_who_goes_away_stops_the_work_at_its_next_unit() -> None:
    async def test() -> None:
        async with house(spares=0) as it:
            asked = asyncio.ensure_future(it.ask(Act(do="units", seconds=300.0), deadline_s=600))
            await it.until(lambda: it.pool.busy == 1)
            asked.cancel()
            await it.ask(deadline_s=60)  # the only worker is free long before the work would be over
            assert not it.of(WorkerDied)

    run(test())


def test_a_caller_who_goes_away_while_waiting_is_never_started() -> None:
    async def test() -> None:
        async with house(spares=0) as it:
            first = asyncio.ensure_future(it.ask(Act(seconds=0.3)))
            await it.until(lambda: it.pool.busy == 1)
            second = asyncio.ensure_future(it.ask(Act(do="segfault")))
            await asyncio.sleep(0)
            second.cancel()
            await first
            await it.ask()
            assert not it.of(WorkerDied)

    run(test())


def test_stopping_finishes_what_runs_refuses_what_is_new_and_leaves_no_process() -> None:
    async def test() -> None:
        async with house(workers=2) as it:
            pids = it.pids()
            running = [asyncio.ensure_future(it.ask(Act(seconds=0.3))) for _ in range(4)]
            await it.until(lambda: it.pool.busy == 2)
            stopping = asyncio.ensure_future(it.supervisor.stop(grace_s=5.0))
            await asyncio.sleep(0)
            with pytest.raises(ShuttingDown):
                await it.ask()
            await asyncio.gather(*running)
            await stopping
            assert not any(Path(f"/proc/{pid}").exists() for pid in pids)

    run(test())


def test_what_is_not_done_when_the_grace_is_over_is_refused() -> None:
    async def test() -> None:
        async with house(spares=0) as it:
            asked = asyncio.ensure_future(it.ask(Act(do="hang"), deadline_s=60))
            await it.until(lambda: it.pool.busy == 1)
            await it.supervisor.stop(grace_s=0.2)
            with pytest.raises(ShuttingDown):
                await asked

    run(test())
