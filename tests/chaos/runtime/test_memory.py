"""The kernel's OOM killer strikes a worker: recognised, one step down, the request done, and back up."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fault_task import Act
from tests.runtime_house import house, run

from steadfast.runtime.events import SteppedDown, WorkerDied
from steadfast.runtime.exit_reason import Cause

MIB = 1 << 20
ROOT_V1 = Path("/sys/fs/cgroup/memory")
ROOT_V2 = Path("/sys/fs/cgroup")


@pytest.fixture
def small_cgroup() -> Iterator[Path]:
    """A memory cgroup of 300 MiB without swap, in whichever version this machine has."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a memory cgroup")
    root, name = _hierarchy()
    group = root / f"steadfast-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / name).write_text(str(300 * MIB))
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made here: {error}")
    yield group
    group.rmdir()


def _hierarchy() -> tuple[Path, str]:
    if (ROOT_V1 / "memory.limit_in_bytes").exists():
        return ROOT_V1, "memory.limit_in_bytes"
    return ROOT_V2, "memory.max"


def test_a_kill_by_the_kernel_is_recognised_and_the_request_done_one_step_lower(small_cgroup: Path) -> None:
    async def test() -> None:
        async with house(spares=1, quiet_s=1.0) as it:
            await it.full()
            for pid in it.pids():
                (small_cgroup / "cgroup.procs").write_text(str(pid))
            outcome = await it.ask(Act(do="allocate", amount=1024 * MIB), deadline_s=30)
            assert outcome.attempts == 2
            (death,) = it.of(WorkerDied)
            assert death.report.cause is Cause.OUT_OF_MEMORY
            assert death.report.evidence
            assert [event.level for event in it.of(SteppedDown)] == [1]
            await it.until(lambda: it.pool.workers[0].level == 0 or it.pool.degraded == ())
            await it.until(lambda: all(worker.level == 0 for worker in it.pool.workers))

    run(test())
