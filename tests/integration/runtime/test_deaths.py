"""Whatever ends a worker costs a retry; who is to blame is told apart; hangs end at their deadline."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
from tests.fault_task import Act
from tests.runtime_house import House, house, run

from steadfast.errors import DeadlineExceeded, PoisonInput, RequestAborted, WorkerCrashed
from steadfast.runtime.events import InputQuarantined, RequestRetried, SpareTookOver, WorkerDied
from steadfast.runtime.exit_reason import Cause, Fault, KillReason
from steadfast.runtime.options import RetryOptions
from steadfast.runtime.states import WorkerState


def test_a_segfault_is_retried_and_the_caller_sees_only_success(tmp_path: Path) -> None:
    async def test() -> None:
        async with house(folder=tmp_path) as it:
            outcome = await it.ask(Act(do="segfault", flag=str(tmp_path / "once")), [b"x"])
            assert (outcome.attempts, outcome.blobs) == (2, (b"x",))
            (death,) = it.of(WorkerDied)
            assert death.report.signal_name == "SIGSEGV"
            assert "_do_segfault" in death.report.native_traceback
            assert [event.fault for event in it.of(RequestRetried)] == [Fault.INPUT]
            assert it.of(SpareTookOver)
            assert it.pool.poisoned == 0

    run(test())


def test_an_input_that_kills_twice_is_refused_at_once_from_then_on_and_others_are_served() -> None:
    async def test() -> None:
        async with house() as it:
            killer, sibling = Act(do="segfault"), Act(do="segfault", seconds=0.5)
            with pytest.raises(PoisonInput):
                await it.ask(killer, [b"payload"])
            assert len(it.of(WorkerDied)) == 2
            assert len(it.of(InputQuarantined)) == 1
            with pytest.raises(PoisonInput):
                await it.ask(killer, [b"pay", b"load"])
            assert len(it.of(WorkerDied)) == 2  # no worker has seen it
            await it.ask(Act(), [b"payload"])
            with pytest.raises(PoisonInput):
                await it.ask(sibling, [b"payload"])
            assert len(it.of(WorkerDied)) == 4

    run(test())


def test_the_same_killer_sent_many_times_at_once_costs_two_deaths_per_place_at_most() -> None:
    async def test() -> None:
        async with house(workers=2) as it:
            asked = [it.ask(Act(do="abort"), [b"payload"]) for _ in range(12)]
            results = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(result, PoisonInput) for result in results)
            assert len(it.of(WorkerDied)) <= 4
            assert {death.report.signal_name for death in it.of(WorkerDied)} == {"SIGABRT"}
            await it.ask()

    run(test())


def test_a_large_killer_is_told_apart_by_its_content() -> None:
    async def test() -> None:
        async with house() as it:
            with pytest.raises(PoisonInput):
                await it.ask(Act(do="segfault"), [bytes(3_000_000)])
            with pytest.raises(PoisonInput):
                await it.ask(Act(do="segfault"), [bytes(3_000_000)])
            assert len(it.of(WorkerDied)) == 2

    run(test())


def test_a_kill_from_outside_is_nobodys_fault_however_often() -> None:
    async def test() -> None:
        async with house() as it:
            for _ in range(3):
                await it.full()
                asked = asyncio.ensure_future(it.ask(Act(seconds=0.2), [b"same"]))
                await it.until(lambda: it.pool.busy == 1)
                _kill_busy(it)
                assert (await asked).attempts == 2
            assert it.pool.poisoned == 0
            assert [event.fault for event in it.of(RequestRetried)] == [Fault.OUTSIDE] * 3
            assert all(death.report.cause is Cause.SIGNALLED for death in it.of(WorkerDied))

    run(test())


def _kill_busy(it: House) -> None:
    for worker in it.pool.workers:
        if worker.state is WorkerState.BUSY:
            os.kill(worker.pid, signal.SIGKILL)


def test_a_worker_that_leaves_by_itself_is_told_with_its_code_and_last_words() -> None:
    async def test() -> None:
        async with house() as it:
            with pytest.raises(PoisonInput):
                await it.ask(Act(do="exit", amount=7))
            report = it.of(WorkerDied)[0].report
            assert (report.cause, report.exit_code, report.last_words) == (Cause.EXITED, 7, "going away")

    run(test())


def test_dying_as_part_of_a_batch_blames_nobody_and_all_are_tried_again_alone(tmp_path: Path) -> None:
    async def test() -> None:
        async with house(folder=tmp_path, spec={"max_batch": 4, "batch_wait_ms": 30.0}) as it:
            acts = [Act(), Act(do="segfault", flag=str(tmp_path / "once")), Act(), Act()]
            done = await asyncio.gather(*(it.done(act, [b"x"]) for act in acts))
            assert [d.batch for d in done] == [1, 1, 1, 1]
            (death,) = it.of(WorkerDied)
            assert death.report.fault is Fault.OUTSIDE
            assert it.pool.poisoned == 0

    run(test())


def test_a_hang_that_holds_the_gil_is_answered_at_its_deadline_and_killed() -> None:
    """How soon is measured by the fault table, which has the machine for itself."""

    async def test() -> None:
        async with house() as it:
            began_s = time.monotonic()
            with pytest.raises(DeadlineExceeded):
                await it.ask(Act(do="hang"), deadline_s=0.4)
            assert time.monotonic() - began_s > 0.35
            await it.until(lambda: bool(it.of(WorkerDied)))
            report = it.of(WorkerDied)[0].report
            assert (report.cause, report.kill_reason) == (Cause.KILLED, KillReason.DEADLINE)
            assert it.pool.poisoned == 0
            await it.ask()

    run(test())


def test_work_in_units_stops_softly_at_its_deadline_and_the_worker_stays() -> None:
    async def test() -> None:
        async with house() as it:
            pids = it.pids()
            with pytest.raises(DeadlineExceeded):
                await it.ask(Act(do="units", seconds=5.0), deadline_s=0.3)
            await it.ask()
            assert it.pids() == pids

    run(test())


def test_a_unit_without_progress_counts_as_hung_and_is_retried_within_its_deadline(tmp_path: Path) -> None:
    async def test() -> None:
        async with house(folder=tmp_path, spec={"stall_s": 1.0}) as it:
            outcome = await it.ask(Act(do="hang", flag=str(tmp_path / "once")), deadline_s=30)
            assert outcome.attempts == 2
            assert it.of(WorkerDied)[0].report.kill_reason is KillReason.STALL

    run(test())


def test_progress_keeps_long_work_alive_past_the_stall_limit() -> None:
    async def test() -> None:
        async with house(spares=0, spec={"stall_s": 1.0}) as it:
            assert (await it.done(Act(do="units", seconds=2.0))).text == "all units"
            assert not it.of(WorkerDied)

    run(test())


def test_an_input_whose_worker_was_frozen_from_outside_is_not_to_blame() -> None:
    async def test() -> None:
        async with house(spec={"stall_s": 2.0}) as it:
            asking = asyncio.create_task(it.ask(Act(do="units", seconds=60.0), deadline_s=90))
            await it.until(lambda: it.pool.busy == 1)
            (busy,) = (one for one in it.pool.workers if one.state is WorkerState.BUSY)
            os.kill(busy.pid, signal.SIGSTOP)
            await it.until(lambda: bool(it.of(WorkerDied)), within_s=30.0)
            report = it.of(WorkerDied)[0].report
            assert (report.kill_reason, report.fault) == (KillReason.FROZEN, Fault.OUTSIDE)
            await it.until(lambda: it.pool.busy == 1)  # begun again in another
            asking.cancel()

    run(test())


def test_an_input_that_stalls_twice_is_poison() -> None:
    async def test() -> None:
        async with house(spec={"stall_s": 0.2}) as it:
            with pytest.raises(PoisonInput):
                await it.ask(Act(do="hang"), deadline_s=20)

    run(test())


def test_a_request_that_waits_too_long_is_told_so_and_never_started(tmp_path: Path) -> None:
    async def test() -> None:
        async with house(folder=tmp_path, spares=0) as it:
            first = asyncio.ensure_future(it.ask(Act(seconds=0.5)))
            await it.until(lambda: it.pool.busy == 1)
            with pytest.raises(DeadlineExceeded, match="before a worker was free"):
                await it.ask(Act(do="exit", flag=str(tmp_path / "started")), deadline_s=0.1)
            await first
            assert not (tmp_path / "started").exists()
            assert it.pool.waiting == 0

    run(test())


def test_a_request_whose_workers_keep_being_killed_ends_with_the_cause() -> None:
    async def test() -> None:
        async with house(retry=RetryOptions(max_attempts=2)) as it:
            with pytest.raises(WorkerCrashed, match="to 2 workers; at last the worker was ended by SIGKILL"):
                await it.ask(Act(do="kill_self"))
            await it.ask()

    run(test())


@pytest.mark.parametrize("do", ["noise", "wrong_slice"])
def test_a_worker_that_lies_is_ended_and_the_server_is_unharmed(do: str, tmp_path: Path) -> None:
    async def test() -> None:
        async with house(folder=tmp_path) as it:
            await it.ask(Act(do=do, amount=1, flag=str(tmp_path / "once")), [b"x"])
            (death,) = it.of(WorkerDied)
            assert death.report.kill_reason is KillReason.PROTOCOL
            assert death.report.evidence
            await it.ask()

    run(test())


def test_every_death_is_noticed_and_reaped_once_when_all_die_together() -> None:
    async def test() -> None:
        async with house(workers=3) as it:
            pids = it.pids()
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            await it.until(lambda: len(it.of(WorkerDied)) == 4)
            assert {death.report.pid for death in it.of(WorkerDied)} == pids
            assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
            await it.ask()

    run(test())


def test_an_operator_can_end_one_request() -> None:
    async def test() -> None:
        async with house() as it:
            asked = asyncio.ensure_future(it.ask(Act(do="hang"), deadline_s=60))
            await it.until(lambda: it.pool.busy == 1)
            assert it.supervisor.abort(1)
            assert not it.supervisor.abort(99)
            with pytest.raises(RequestAborted, match="aborted"):
                await asked
            await it.ask()

    run(test())


def test_who_queues_requests_learns_at_once_that_one_is_poison() -> None:
    async def test() -> None:
        async with house() as it:
            act, blob = Act(do="segfault"), [b"marked"]
            await it.supervisor.refuse_poison("fault", act, [blob])
            with pytest.raises(PoisonInput):
                await it.ask(act, blob, deadline_s=20)
            with pytest.raises(PoisonInput):
                await it.supervisor.refuse_poison("fault", act, [blob])
            await it.supervisor.refuse_poison("fault", act, [[b"MARKED"]])

    run(test())
