"""A step that is being done here now."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from steadfast.jobs.job import StepKind
from steadfast.jobs.lease import Lease


@dataclass(kw_only=True, slots=True, eq=False)
class Flight:
    """One lease of this process, from when it was taken until its end is written."""

    lease: Lease
    task: "asyncio.Task[Any]"
    began_s: float
    """Monotonic."""
    tally: Counter[str]
    """Units that were done here, by job: what speed is measured by."""
    units_done: int = 0
    came_on: bool = True
    """Whether it made progress since its lease was renewed last."""
    is_ours: bool = True
    """Whether the server itself is at it (fetching, storing, committing): it is always renewed then."""
    is_revoked: bool = False
    """Its lease is lost: nothing of it is to be written any more."""

    def progressed(self, done: int, total: int | None) -> None:  # noqa: ARG002 — the units are known
        """Hears of finished units from the worker."""
        done = min(done, self.lease.units)
        if self.lease.key.kind is StepKind.SEGMENT:
            self.tally[self.lease.job_id] += max(0, done - self.units_done)
        self.units_done = done
        self.came_on = True

    def revoke(self) -> None:
        """Stops it at once."""
        self.is_revoked = True
        self.task.cancel()
