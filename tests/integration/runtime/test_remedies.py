"""Memory, models, wrong answers, leaks, age, settings: every remedy has a way back."""

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fault_task import Act, Done
from tests.runtime_house import House, house, run

from steadfast.errors import BreakerOpen, InvalidModelOutput, OutOfMemory
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.events import (
    BreakerChanged,
    CanaryChecked,
    LoadFailed,
    RepairAsked,
    SpareTookOver,
    SteppedDown,
    SteppedUp,
    WorkerDied,
    WorkerRetired,
)
from steadfast.runtime.exit_reason import KillReason
from steadfast.runtime.options import RecycleOptions, RestartOptions, WorkerOptions
from steadfast.runtime.states import WorkerState
from steadfast.runtime.supervisor import Employment

MIB = 1 << 20


@pytest.mark.parametrize(("do", "level"), [("cuda_oom", 1), ("memory_error", 2)])
def test_running_out_of_memory_steps_down_until_it_fits_and_says_so(do: str, level: int) -> None:
    async def test() -> None:
        async with house() as it:
            outcome = await it.ask(Act(do=do), [b"x"])
            assert [event.level for event in it.of(SteppedDown)] == list(range(1, level + 1))
            assert outcome.degraded == (("smaller side",) if level == 2 else ())
            assert it.pool.degraded == outcome.degraded
            assert not it.of(WorkerDied)

    run(test())


def test_what_never_fits_is_told_to_the_caller(tmp_path: Path) -> None:
    async def test() -> None:
        async with house(spares=0) as it:
            await it.ask(Act(do="memory_error"))
            with pytest.raises(OutOfMemory):
                await it.ask(Act(do="cuda_oom_always"))

    run(test())


def test_after_a_quiet_time_it_climbs_back_with_a_canary() -> None:
    async def test() -> None:
        async with house(spares=0, quiet_s=0.5) as it:
            await it.ask(Act(do="memory_error"))
            await it.until(lambda: it.pool.degraded == ())
            await it.until(lambda: len(it.of(SteppedUp)) == 2)
            await it.until(lambda: [w.level for w in it.pool.workers] == [0])
            assert (await it.ask()).degraded == ()

    run(test())


def test_a_worker_at_its_address_space_limit_steps_down_and_serves() -> None:
    async def test() -> None:
        worker = WorkerOptions(max_address_space_bytes=600 * MIB)
        async with house(worker=worker) as it:
            outcome = await it.ask(Act(do="allocate", amount=1024 * MIB))
            assert outcome.decode(Done).text == "fitted"
            assert [event.level for event in it.of(SteppedDown)] == [1]

    run(test())


def test_a_worker_over_its_hard_limit_is_killed_and_its_request_done_one_step_lower() -> None:
    async def test() -> None:
        recycle = RecycleOptions(hard_rss_bytes=300 * MIB)
        async with house(recycle=recycle) as it:
            outcome = await it.ask(Act(do="allocate", amount=600 * MIB, seconds=3.0))
            assert outcome.attempts == 2
            assert it.of(WorkerDied)[0].report.kill_reason is KillReason.MEMORY_LIMIT
            assert [event.level for event in it.of(SteppedDown)] == [1]

    run(test())


def test_wrong_answers_reload_the_worker_then_replace_it() -> None:
    async def test() -> None:
        async with house() as it:
            with pytest.raises(InvalidModelOutput):
                await it.ask(Act(do="wrong"))
            await it.until(lambda: bool(it.of(WorkerDied)))
            assert it.of(WorkerDied)[0].report.kill_reason is KillReason.WRONG_ANSWERS
            await it.ask()

    run(test())


def test_one_wrong_answer_is_mended_by_a_reload_and_the_caller_sees_success(tmp_path: Path) -> None:
    async def test() -> None:
        async with house(folder=tmp_path) as it:
            outcome = await it.ask(Act(do="wrong", flag=str(tmp_path / "once")))
            assert not it.of(WorkerDied)
            canaries = [event for event in it.of(CanaryChecked) if event.worker == outcome.worker]
            assert len(canaries) == 2  # one at the start, one after the reload

    run(test())


def test_a_damaged_model_is_repaired_and_the_worker_comes_up(tmp_path: Path) -> None:
    async def test() -> None:
        model = tmp_path / "model"
        model.write_text("noise")
        asked: list[str] = []

        async def repair(name: str) -> bool:
            asked.append(name)
            model.write_text("whole")
            return True

        async with house(config={"model_file": str(model)}, repair=repair, folder=tmp_path) as it:
            await it.ask()
            assert asked
            assert set(asked) == {"toy"}
            assert all(event.repaired for event in it.of(RepairAsked))
            assert not it.of(WorkerDied)

    run(test())


def test_deaths_before_a_first_success_open_the_breaker_and_a_trial_closes_it(tmp_path: Path) -> None:
    async def test() -> None:
        model = tmp_path / "model"
        model.write_text("noise")
        restart = RestartOptions(deaths=2, first_pause_s=0.01, longest_pause_s=0.02, open_s=0.5)
        async with house(
            config={"model_file": str(model)}, restart=restart, folder=tmp_path, wait_s=None, spares=0
        ) as it:
            with pytest.raises(BreakerOpen, match="noise") as caught:
                await it.ask(deadline_s=20)
            assert caught.value.retry_after_s
            assert not it.pool.ready
            with pytest.raises(BreakerOpen):
                await it.ask()
            assert {death.report.kill_reason for death in it.of(WorkerDied)} == {KillReason.LOAD_FAILED}
            assert len(it.of(LoadFailed)) >= 3 * len(it.of(WorkerDied))
            model.write_text("whole")
            await it.until(lambda: it.pool.ready)
            await it.ask()
            assert [event.state for event in it.of(BreakerChanged)][-1] == BreakerState.CLOSED

    run(test())


def test_one_death_at_load_is_started_again(tmp_path: Path) -> None:
    async def test() -> None:
        async with house(config={"exit_at_load": str(tmp_path / "flag")}, folder=tmp_path, spares=0) as it:
            await it.ask()
            assert len(it.of(WorkerDied)) == 1
            assert it.pool.breaker is BreakerState.CLOSED

    run(test())


def test_an_error_at_load_that_nobody_declared_is_tried_again_in_another_process(tmp_path: Path) -> None:
    async def test() -> None:
        config = {"half_import_at_load": str(tmp_path / "flag")}
        async with house(config=config, folder=tmp_path, spares=0) as it:
            await it.ask()
            (failed,), (died,) = it.of(LoadFailed), it.of(WorkerDied)
            assert failed.code == "internal_error"
            assert "ImportError: cannot import name 'half'" in failed.trace
            assert died.report.kill_reason is KillReason.LOAD_FAILED
            assert died.report.evidence == "internal_error"
            assert "_import_what_fails_half_way" in died.report.last_words

    run(test())


def test_a_spare_that_can_never_load_takes_nothing_from_the_place_that_serves(tmp_path: Path) -> None:
    async def test() -> None:
        restart = RestartOptions(deaths=2, first_pause_s=0.01, longest_pause_s=0.02)
        config = {"only_the_first_loads": str(tmp_path / "flag")}
        async with house(config=config, folder=tmp_path, restart=restart, spares=1, wait_s=None) as it:
            await it.until(lambda: len(it.of(WorkerDied)) >= 4)
            assert it.pool.ready
            assert it.pool.breaker is BreakerState.CLOSED
            await it.ask()
            (place,) = (worker for worker in it.pool.workers if worker.slot)
            os.kill(place.pid, signal.SIGKILL)  # now nobody serves: the budget counts
            await it.until(lambda: it.pool.breaker is not BreakerState.CLOSED)
            assert not it.pool.ready

    run(test())


def test_a_worker_that_falls_over_its_last_request_was_not_wanted_to() -> None:
    async def test() -> None:
        async with house(spares=1) as it:
            asking = asyncio.create_task(it.ask(Act(seconds=1.0)))
            await it.until(lambda: it.pool.busy == 1)
            (busy,) = (worker for worker in it.pool.workers if worker.state is WorkerState.BUSY)
            it.supervisor.recycle(busy.name)
            await it.until(lambda: any(w.state is WorkerState.DRAINING for w in it.pool.workers))
            os.kill(busy.pid, signal.SIGKILL)
            await asking
            (died,) = it.of(WorkerDied)
            assert not died.wanted
            assert died.report.requests_inside == 1

    run(test())


def test_a_load_that_never_ends_is_killed() -> None:
    async def test() -> None:
        async with house(config={"load_s": 60}, spec={"load_s": 0.3}, wait_s=None, spares=0) as it:
            await it.until(lambda: bool(it.of(WorkerDied)))
            assert it.of(WorkerDied)[0].report.kill_reason is KillReason.LOAD_TIMEOUT

    run(test())


def test_a_leak_is_drained_without_a_failed_request_and_memory_falls_back() -> None:
    async def test() -> None:
        async with house(recycle=RecycleOptions(soft_rss_bytes=400 * MIB)) as it:
            for number in range(60):
                await it.ask(Act(do="leak", amount=20 * MIB), [bytes([number])])
                # One request takes as long as a sample needs to come round again.
                await asyncio.sleep(0.02)
            assert it.of(WorkerRetired)
            assert all(death.wanted for death in it.of(WorkerDied))
            assert all(worker.rss_bytes < 700 * MIB for worker in it.pool.workers)

    run(test())


def test_workers_that_leak_open_files_by_the_hundred_cost_no_request() -> None:
    async def test() -> None:
        async with house(workers=2, spares=1) as it:
            for number in range(20):  # three fill a worker, long before anybody looks at it again
                await it.ask(Act(do="leak_files", amount=400), [bytes([number])])
            assert len(it.of(WorkerRetired)) >= 3
            assert all(event.leaks for event in it.of(WorkerRetired))
            assert all(death.wanted for death in it.of(WorkerDied))

    run(test())


def test_a_worker_is_replaced_after_its_number_of_requests_without_a_gap() -> None:
    async def test() -> None:
        async with house(recycle=RecycleOptions(max_requests=20), spares=0) as it:
            pids: set[int] = set()
            while len(pids) < 3:  # each answer is a success, whoever gives it
                pids.add((await it.done(Act(seconds=0.01), deadline_s=5)).pid)
            assert len(it.of(WorkerRetired)) >= 2
            assert all(death.wanted for death in it.of(WorkerDied))

    run(test())


def test_reload_replaces_every_worker_and_fails_no_request() -> None:
    async def test() -> None:
        async with house(workers=2) as it:
            before = it.pids()
            stop = asyncio.Event()
            load = [asyncio.ensure_future(_keep_asking(it, stop)) for _ in range(4)]
            await it.supervisor.reload()
            stop.set()
            assert sum(await asyncio.gather(*load)) > 0
            assert not it.pids() & before
            assert all(death.wanted for death in it.of(WorkerDied))

    run(test())


async def _keep_asking(it: House, stop: asyncio.Event) -> int:
    count = 0
    while not stop.is_set():
        await it.ask(Act(seconds=0.005), [b"x" * 1000])
        count += 1
    return count


def test_reload_brings_new_settings_into_force() -> None:
    async def test() -> None:
        async with house(spares=0) as it:
            employment = next(iter(it.supervisor._employments.values()))
            options = replace(employment.options, recycle=RecycleOptions(max_requests=3))
            spec = replace(employment.spec, max_batch=4, batch_wait_ms=30.0)
            await it.supervisor.reload({"fault": Employment(spec=spec, options=options)})
            done = await asyncio.gather(*(it.done(Act()) for _ in range(4)))
            assert [d.batch for d in done] == [4] * 4
            await it.until(lambda: any("served" in event.why for event in it.of(WorkerRetired)))

    run(test())


def test_reload_with_settings_that_do_not_work_keeps_the_old_workers(tmp_path: Path) -> None:
    async def test() -> None:
        restart = RestartOptions(deaths=2, first_pause_s=0.01, longest_pause_s=0.02)
        async with house(restart=restart) as it:
            employment = next(iter(it.supervisor._employments.values()))
            broken = Employment(
                spec=type(employment.spec)(
                    name="fault", path="tests.fault_task:FaultTask", config={"never_load": True}
                ),
                options=employment.options,
            )
            with pytest.raises(Exception, match="do not come up"):
                await it.supervisor.reload({"fault": broken})
            await it.ask()
            await it.full()
            await it.ask()

    run(test())


def test_an_idle_worker_with_a_wrong_canary_reloads_and_is_then_replaced(tmp_path: Path) -> None:
    async def test() -> None:
        flag = tmp_path / "canary"
        spec = {"canary_every_s": 0.2}
        async with house(config={"canary_flag": str(flag)}, folder=tmp_path, spec=spec) as it:
            flag.write_text("wrong")
            await it.until(lambda: any(not event.passed for event in it.of(CanaryChecked)))
            await it.until(lambda: bool(it.of(WorkerDied)))
            assert it.of(WorkerDied)[0].report.kill_reason is KillReason.WRONG_ANSWERS
            flag.write_text("")
            await it.full()
            await it.ask()

    run(test())


def test_when_all_workers_hang_readiness_turns_red_and_green_when_they_serve() -> None:
    async def test() -> None:
        async with house(workers=2, spares=1) as it:
            seen = [it.pool.ready]
            asked = [asyncio.ensure_future(it.ask(Act(do="hang"), deadline_s=2.0)) for _ in range(2)]
            await it.until(lambda: not it.pool.ready)
            await asyncio.gather(*asked, return_exceptions=True)
            await it.until(lambda: len(it.of(WorkerDied)) == 2)
            seen.append(it.pool.ready)
            assert "never returned" in it.pool.why_not
            await it.ask()
            seen.append(it.pool.ready)
            assert seen == [True, False, True]

    run(test())


def test_without_traffic_a_canary_turns_readiness_green_again() -> None:
    async def test() -> None:
        async with house(spares=1) as it:
            with pytest.raises(Exception, match="time"):
                await it.ask(Act(do="hang"), deadline_s=0.2)
            await it.until(lambda: bool(it.of(WorkerDied)))
            assert not it.pool.ready
            await it.until(lambda: it.pool.ready, within_s=30.0)

    run(test())


def test_idle_workers_give_back_caches_when_asked() -> None:
    async def test() -> None:
        async with house(workers=2) as it:
            await it.full()
            assert it.supervisor.release_memory("fault") == 3
            await it.ask()

    run(test())


def test_a_worker_is_replaced_by_name_when_asked() -> None:
    async def test() -> None:
        async with house() as it:
            await it.full()
            name = next(worker.name for worker in it.pool.workers if worker.slot)
            assert it.supervisor.recycle(name)
            assert not it.supervisor.recycle("nobody")
            await it.until(lambda: name not in {worker.name for worker in it.pool.workers})
            assert (await it.ask()).worker != name

    run(test())


def test_a_worker_that_outgrows_its_limit_while_it_is_being_replaced_steps_its_place_down() -> None:
    async def test() -> None:
        async with house(workers=1, spares=1) as it:
            await it.full()
            asked = asyncio.ensure_future(it.done(Act(do="allocate", amount=8 * MIB, seconds=30)))
            await it.until(lambda: it.pool.busy == 1)
            busy = next(worker for worker in it.pool.workers if worker.state is WorkerState.BUSY)
            assert it.supervisor.recycle(busy.name, "it grows")
            await it.until(lambda: len(it.of(SpareTookOver)) == 1)
            staff = it.supervisor._pool("fault").staff
            leaving = next(worker for worker in staff.workers.values() if worker.name == busy.name)
            leaving.kill(KillReason.MEMORY_LIMIT)
            assert (await asked).level == 1
            assert [event.level for event in it.of(SteppedDown)] == [1]

    run(test())
