"""Work that waits: a queue that does not move, more work than can be done, workers that wait for nothing."""

from collections.abc import Iterable, Mapping

from steadfast.errors import Severity
from steadfast.health.detection.sign import Scene, Sign
from steadfast.health.work_record import TaskRecord
from steadfast.runtime.snapshot import PoolSnapshot, WorkerSnapshot
from steadfast.runtime.states import WorkerState

_MANY_PER_WORKER = 4
_IDLE_CPU = 0.02
"""Part of a core below which a process does nothing."""
_PATIENCE = 3.0
"""Times the longest usual work that a worker may be silent."""


class QueuePolicy:
    """Queues that are stuck, or longer than is good."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}

    def look(self, scene: Scene) -> Iterable[Sign]:
        """One look at the queue of every task."""
        for pool in scene.snapshot.pools:
            done = sum(worker.served for worker in pool.workers) + scene.work.task(pool.task).finished
            has_moved = self._done.get(pool.task) != done
            self._done[pool.task] = done
            if not pool.waiting or not pool.able:
                continue
            silent_s = min((w.silent_s for w in pool.workers if w.slot is not None), default=0.0)
            if not has_moved and silent_s > _allowed_s(scene.work.task(pool.task)):
                yield _stuck(pool, silent_s)
            elif pool.waiting >= _MANY_PER_WORKER * pool.able and pool.busy >= pool.able:
                yield _saturated(pool)


def _stuck(pool: PoolSnapshot, silent_s: float) -> Sign:
    return Sign(
        kind="stuck_queue",
        subject=pool.task,
        severity=Severity.ERROR,
        evidence=f"{pool.waiting} requests wait, {pool.able} workers are able,"
        f" nothing finished in {silent_s:.0f} s",
        task=pool.task,
    )


def _saturated(pool: PoolSnapshot) -> Sign:
    return Sign(
        kind="saturation",
        subject=pool.task,
        severity=Severity.WARNING,
        evidence=f"{pool.waiting} requests wait for {pool.able} workers, all busy",
        task=pool.task,
    )


class DeadlockPolicy:
    """A worker that has work, finishes nothing and uses no processor: it waits for what never comes."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[int, float, float]] = {}

    def look(self, scene: Scene) -> Iterable[Sign]:
        """Busy workers whose processor time stands still between two looks."""
        before, self._before = self._before, {}
        for pool in scene.snapshot.pools:
            for worker in pool.workers:
                if worker.state is WorkerState.BUSY and worker.pid in scene.cpu_s:
                    self._before[worker.name] = (worker.served, scene.cpu_s[worker.pid], scene.now_s)
                    allowed_s = 0.0 if worker.device == "cpu" else _allowed_s(scene.work.task(pool.task))
                    if self._stands_still(worker, before, allowed_s):
                        yield _deadlocked(pool.task, worker)

    def _stands_still(
        self, worker: WorkerSnapshot, before: Mapping[str, tuple[int, float, float]], allowed_s: float
    ) -> bool:
        if worker.name not in before:
            return False
        served, cpu_s, at_s = before[worker.name]
        _, now_cpu_s, now_s = self._before[worker.name]
        passed_s = now_s - at_s
        # Silent for the whole time between the looks: a worker may have been idle before it got its request.
        return (
            passed_s > 0
            and worker.served == served
            and now_cpu_s - cpu_s < _IDLE_CPU * passed_s
            and worker.silent_s >= passed_s
            and worker.silent_s > allowed_s
        )


def _deadlocked(task: str, worker: WorkerSnapshot) -> Sign:
    return Sign(
        kind="deadlock",
        subject=worker.name,
        severity=Severity.ERROR,
        evidence=f"the worker has work, has been silent for {worker.silent_s:.0f} s and uses no processor",
        # Two looks are in it already: the first only remembers.
        looks=1,
        task=task,
        worker=worker.name,
        requests=worker.requests,
        callers=worker.callers,
    )


def _allowed_s(record: TaskRecord) -> float:
    usual_ms = [work.baseline_ms for work in record.sizes.values() if work.baseline_ms is not None]
    return _PATIENCE * max(usual_ms, default=0.0) / 1000
