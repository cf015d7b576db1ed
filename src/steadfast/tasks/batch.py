"""Many swaps in a row: each may fail, none stops the others, and a report says what became of each."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from steadfast.errors import DiskFull, ExitCode, OutOfHostMemory, SteadfastError
from steadfast.tasks.batch_plan import BatchJob
from steadfast.tasks.face_swap import SwapReport

_log = logging.getLogger(__name__)


class ItemState(StrEnum):
    """What became of one item."""

    DONE = "done"
    SKIPPED = "skipped"  # its output was there already
    FAILED = "failed"
    NOT_RUN = "not_run"  # the batch ended before, or only the plan was asked for


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchItem:
    """One job and what became of it."""

    job: BatchJob
    state: ItemState
    seconds: float = 0.0
    swap: SwapReport | None = None  # of DONE
    error: SteadfastError | None = None  # of FAILED

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "target": str(self.job.target),
            "sources": [str(source) for source in self.job.sources],
            "output": str(self.job.output),
            "state": self.state.value,
            "seconds": round(self.seconds, 3),
            "swap": None if self.swap is None else self.swap.as_dict(),
            "error": None if self.error is None else self.error.as_dict(),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchReport:
    """What became of every item, in the order of the plan."""

    items: tuple[BatchItem, ...]
    seconds: float

    def count(self, state: ItemState) -> int:
        """How many items ended like this."""
        return sum(item.state is state for item in self.items)

    @property
    def exit_code(self) -> ExitCode:
        """0 where nothing failed, else that of the first failure."""
        errors = [item.error for item in self.items if item.error is not None]
        return errors[0].exit_code if errors else ExitCode.OK

    def as_dict(self) -> dict[str, Any]:
        """Plain data: what --json prints and --report stores."""
        return {
            "counts": {state.value: self.count(state) for state in ItemState},
            "seconds": round(self.seconds, 3),
            "items": [item.as_dict() for item in self.items],
        }


def run_batch(
    jobs: Sequence[BatchJob],
    swap: Callable[[BatchJob], SwapReport],
    *,
    on_start: Callable[[BatchJob], None] = lambda _: None,
    on_item: Callable[[BatchItem], None] = lambda _: None,
    clock: Callable[[], float] = time.perf_counter,
) -> BatchReport:
    """Swaps one job after the other; a failure is recorded and the next one starts.

    A full disk ends the batch, because every further item would fail on it: the rest is NOT_RUN. Ctrl-C is
    not caught; what was finished is there, and running the batch again goes on behind it.
    """
    started, items = clock(), list[BatchItem]()
    for job in jobs:
        disk_is_full = bool(items) and isinstance(items[-1].error, DiskFull)
        if disk_is_full:
            items.extend(not_run(jobs[len(items) :]))
            break
        on_start(job)
        items.append(_run_one(job, swap, clock))
        on_item(items[-1])
    return BatchReport(items=tuple(items), seconds=clock() - started)


def not_run(jobs: Iterable[BatchJob]) -> list[BatchItem]:
    """The jobs as items that nothing was done for."""
    return [BatchItem(job=job, state=ItemState.NOT_RUN) for job in jobs]


def _run_one(job: BatchJob, swap: Callable[[BatchJob], SwapReport], clock: Callable[[], float]) -> BatchItem:
    if job.is_done:
        return BatchItem(job=job, state=ItemState.SKIPPED)
    started = clock()
    try:
        report = _attempt(job, swap)
    except SteadfastError as error:
        return BatchItem(job=job, state=ItemState.FAILED, error=error, seconds=clock() - started)
    return BatchItem(job=job, state=ItemState.DONE, swap=report, seconds=clock() - started)


def _attempt(job: BatchJob, swap: Callable[[BatchJob], SwapReport]) -> SwapReport:
    if job.problem is not None:
        raise job.problem
    try:
        job.output.parent.mkdir(parents=True, exist_ok=True)  # inside the batch's folder, as its plan checked
        return swap(job)
    except SteadfastError:
        raise
    except MemoryError as error:
        raise OutOfHostMemory(f"Not enough memory for {job.target}.") from error
    except Exception as error:  # a bug met by one item must not cost the others
        _log.exception("batch item failed", extra={"target": str(job.target)})
        raise SteadfastError(f"{job.target}: {type(error).__name__}: {error}") from error
