"""What is looked at once a second: memory, leaks, age, canaries, and whether a place may climb again."""

from collections.abc import Callable

from steadfast.runtime.exit_reason import KillReason
from steadfast.runtime.handles import Handles, handles_of, leak_in
from steadfast.runtime.leaks import Growth
from steadfast.runtime.memory import resident_bytes
from steadfast.runtime.staff import Staff
from steadfast.runtime.states import WorkerState
from steadfast.runtime.worker_process import WorkerProcess

TICK_S = 1.0
_SAMPLE_EVERY_S = 0.1
_AT_WORK = (WorkerState.READY, WorkerState.BUSY)


class Upkeep:
    """Looks after the workers of one task."""

    def __init__(
        self,
        staff: Staff,
        *,
        clock: Callable[[], float],
        read_rss_bytes: Callable[[int], int] = resident_bytes,
        read_handles: Callable[[int], Handles | None] = handles_of,
    ) -> None:
        self._staff = staff
        self._clock = clock
        self._read_rss_bytes = read_rss_bytes
        self._read_handles = read_handles
        self._sampled_at_s: dict[int, float] = {}
        self._first_handles: dict[int, Handles] = {}
        """Of workers that have come up, when they were first looked at."""

    def tick(self) -> None:
        """One look at everything; costs some tens of microseconds per worker."""
        self._staff.oom_watches.remember()
        for worker in tuple(self._staff.workers.values()):
            self._staff.oom_watches.watch(worker.pid)
            self._sample(worker)
            self._check_handles(worker)
            self._check_age(worker)
            self._check_canary(worker)
        for slot in self._staff.slots:
            slot.ladder.settle()
            if slot.ladder.climb_due:
                self._staff.mending.climb(slot)
        here = self._staff.workers
        self._sampled_at_s = {key: at_s for key, at_s in self._sampled_at_s.items() if key in here}
        self._first_handles = {key: held for key, held in self._first_handles.items() if key in here}

    def after_request(self, worker: WorkerProcess) -> None:
        """A sample between ticks: a leak of 20 MB per request passes a limit within one."""
        if self._clock() - self._sampled_at_s.get(worker.key, 0.0) >= _SAMPLE_EVERY_S:
            self._sample(worker)
            self._check_age(worker)

    def _sample(self, worker: WorkerProcess) -> None:
        self._sampled_at_s[worker.key] = self._clock()
        worker.rss_bytes = self._read_rss_bytes(worker.pid)
        worker.leaks.add(worker.served, worker.rss_bytes)
        worker.device_leaks.add(worker.served, worker.device_bytes)
        self._check_memory(worker)

    def _check_memory(self, worker: WorkerProcess) -> None:
        recycle = self._staff.options.recycle  # a reload may have changed it
        hard, soft = recycle.hard_rss_bytes, recycle.soft_rss_bytes
        if hard and worker.rss_bytes >= hard:
            worker.kill(KillReason.MEMORY_LIMIT)
        elif soft and worker.rss_bytes >= soft:
            self._staff.retire(worker, f"it holds {worker.rss_bytes >> 20} MiB of {soft >> 20}")
        elif recycle.watch_leaks and (leak := worker.leaks.leak):
            self._staff.retire(worker, _words("resident", leak), leaks=True)
        elif recycle.watch_leaks and (leak := worker.device_leaks.leak):
            self._staff.retire(worker, _words("device", leak), leaks=True)

    def _check_handles(self, worker: WorkerProcess) -> None:
        """Open files and threads; the first look after it came up says how many are usual."""
        if not self._staff.options.recycle.watch_leaks or worker.state not in _AT_WORK:
            return
        now = self._read_handles(worker.pid)
        if now is None:
            return
        first = self._first_handles.setdefault(worker.key, now)
        most_files = self._staff.options.worker.max_open_files
        if what := leak_in(now, first, most_files=most_files):
            self._staff.retire(worker, what, leaks=True)

    def _check_age(self, worker: WorkerProcess) -> None:
        recycle = self._staff.options.recycle
        if recycle.max_requests and worker.served >= recycle.max_requests:
            self._staff.retire(worker, f"it served {worker.served} requests")
        elif recycle.max_age_s and self._clock() - worker.born_at_s >= recycle.max_age_s:
            self._staff.retire(worker, f"it is older than {recycle.max_age_s:.0f} s")

    def _check_canary(self, worker: WorkerProcess) -> None:
        if not self._staff.options.canaries or worker.state is not WorkerState.READY or worker.dying:
            return
        if worker.canary.due(suspicious=self._staff.hangs_in_a_row > 0):
            worker.check_canary()


def _words(kind: str, leak: Growth) -> str:
    return f"its {kind} memory grows by {leak.bytes_per_request / 1024:.0f} KiB per request"
