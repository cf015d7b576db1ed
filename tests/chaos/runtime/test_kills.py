"""Kills in bulk, under load: no request is lost, nothing leaks, and a spare takes over."""

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest
from tests.fault_task import Act
from tests.runtime_house import House, house, run

from steadfast.errors import PoisonInput
from steadfast.runtime.events import SpareTookOver, WorkerDied, WorkerRetired
from steadfast.runtime.exit_reason import KillReason
from steadfast.runtime.options import ArenaOptions, Device, RecycleOptions, WorkerOptions
from steadfast.runtime.spawn import spawn_worker
from steadfast.runtime.states import WorkerState
from steadfast.task import TaskSpec

MIB = 1 << 20


def _open_files() -> dict[str, int]:
    kinds: dict[str, int] = {}
    for fd in Path("/proc/self/fd").iterdir():
        try:
            kind = str(fd.readlink()).split("[")[0].split(":")[0]
        except OSError:  # the descriptor of this very listing
            continue
        kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


def _more_than(before: dict[str, int]) -> dict[str, int]:
    """Return what is open now beyond `before`; fewer may be: a neighbour's garbage is collected too."""
    return {kind: count for kind, count in _open_files().items() if count > before.get(kind, 0)}


def _mapped_arenas() -> int:
    """The descriptor of an arena may be closed while its memory is still held by this process."""
    return Path("/proc/self/maps").read_text().count("/memfd:")


async def _keep_asking(it: House, stop: asyncio.Event, client: int) -> int:
    rng = random.Random(client)
    served = 0
    while not stop.is_set():
        data = rng.randbytes(rng.randrange(1, 50_000))
        outcome = await it.ask(Act(seconds=0.002), [data], deadline_s=60)
        assert outcome.blobs == (data,)
        served += 1
    return served


def test_a_busy_worker_killed_again_and_again_loses_no_request_of_16_clients() -> None:
    async def test() -> None:
        async with house(workers=2, spares=1) as it:
            stop = asyncio.Event()
            clients = [asyncio.ensure_future(_keep_asking(it, stop, client)) for client in range(16)]
            killed: set[int] = set()  # a busy machine may not have noticed the last death yet
            while len(killed) < 12:
                await it.full()
                busy = {w.pid for w in it.pool.workers if w.state is WorkerState.BUSY} - killed
                if busy:
                    killed.add(victim := busy.pop())
                    os.kill(victim, signal.SIGKILL)
                await asyncio.sleep(0.05)
            stop.set()
            served = await asyncio.gather(*clients)
            assert sum(served) > 100
            await it.until(lambda: len(it.of(WorkerDied)) == len(killed))
            assert len(it.of(SpareTookOver)) >= len(killed) // 2

    run(test())


def test_a_marked_input_that_segfaults_harms_nobody_else_under_load() -> None:
    async def test() -> None:
        async with house(workers=2, spares=1) as it:
            stop = asyncio.Event()
            clients = [asyncio.ensure_future(_keep_asking(it, stop, client)) for client in range(8)]
            for _ in range(5):
                with pytest.raises(PoisonInput):
                    await it.ask(Act(do="segfault"), [b"marked"], deadline_s=60)
            stop.set()
            await asyncio.gather(*clients)
            deaths = it.of(WorkerDied)
            assert len(deaths) == 2
            assert all("_do_segfault" in death.report.native_traceback for death in deaths)

    run(test())


def test_nobody_waits_for_a_hang_that_holds_the_gil() -> None:
    async def test() -> None:
        async with house(workers=2, spares=1) as it:
            hanging = asyncio.ensure_future(it.ask(Act(do="hang"), deadline_s=120))
            await it.until(lambda: it.pool.busy == 1)
            for _ in range(100):  # one worker hangs, the other serves: nobody waits for the hung one
                await it.ask(Act(seconds=0.005))
            assert not hanging.done()
            hanging.cancel()
            await asyncio.gather(hanging, return_exceptions=True)

    run(test())


def test_hangs_one_after_the_other_are_ended_and_cost_nobody_else() -> None:
    async def test() -> None:
        async with house(workers=2, spares=1) as it:
            stop = asyncio.Event()
            client = asyncio.ensure_future(_keep_asking(it, stop, 1))
            for _ in range(4):
                with pytest.raises(Exception, match="time allowed was over"):
                    await it.ask(Act(do="hang"), deadline_s=0.6)
                await it.full()
            stop.set()
            assert await client > 0
            # On a busy machine the time of one may be over before it meets a worker.
            assert {death.report.kill_reason for death in it.of(WorkerDied)} == {KillReason.DEADLINE}

    run(test())


def test_a_leak_of_20_mb_per_request_is_replaced_before_the_limit_with_no_failed_request() -> None:
    async def test() -> None:
        recycle = RecycleOptions(soft_rss_bytes=500 * MIB, hard_rss_bytes=1500 * MIB)
        async with house(workers=1, spares=1, recycle=recycle) as it:
            highest = 0
            for number in range(75):
                await it.ask(Act(do="leak", amount=20 * MIB, seconds=0.0), [bytes([number])])
                highest = max(highest, *(worker.rss_bytes for worker in it.pool.workers))
            await it.full()
            assert len(it.of(WorkerRetired)) >= 2
            assert all(death.wanted for death in it.of(WorkerDied))
            assert highest < 1500 * MIB

    run(test())


def test_nothing_leaks_after_a_thousand_kills() -> None:
    spec = TaskSpec(name="fault", path="tests.fault_task:FaultTask")
    options = WorkerOptions(arena=ArenaOptions(prefault_bytes=MIB))
    _spawn_and_kill(spec, options, 5)
    files, arenas = _open_files(), _mapped_arenas()
    _spawn_and_kill(spec, options, 1000)
    assert _more_than(files) == {}
    assert _mapped_arenas() <= arenas


def _spawn_and_kill(spec: TaskSpec, options: WorkerOptions, times: int) -> None:
    for _ in range(times):
        spawned = spawn_worker(spec=spec, device=Device(), options=options, title="worker fault cpu:0")
        spawned.arena.make_present()
        signal.pidfd_send_signal(spawned.pidfd, signal.SIGKILL)
        os.waitid(os.P_PIDFD, spawned.pidfd, os.WEXITED)
        spawned.close()


def test_a_house_under_kills_gives_back_every_descriptor_and_task() -> None:
    async def test() -> None:
        before = _open_files()
        async with house(workers=2, spares=1) as it:
            for _ in range(10):
                await it.full()
                for pid in it.pids():
                    os.kill(pid, signal.SIGKILL)
                await it.ask(Act(), [b"x" * 100_000], deadline_s=60)
        assert _more_than(before) == {}

    run(test())
