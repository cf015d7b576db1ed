"""What a server of many is told and asked from outside: take a step now, take nothing, leave that to others.

On one machine nobody calls: the scheduler looks by itself, does every lane of its tasks, and is alone.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from steadfast.jobs.job import Job, WaitsFor
from steadfast.jobs.lanes import parts_of
from steadfast.jobs.lease import Lease

REFUSE_S = 30.0
"""For which a job is left to others that this server could not do."""


class CallOutcome(StrEnum):
    """What became of a call."""

    WORKED = "worked"  # a step was leased and is over, whatever became of it
    NOTHING = "nothing"  # there was no step that this server could do
    BUSY = "busy"  # there may be one, but no place for it


async def no_others(_lease: Lease) -> bool:
    """On one machine there is nobody else."""
    return False


async def nothing_lacks(_job: Job) -> WaitsFor | None:
    """On one machine what cannot be done fails."""
    return None


@dataclass(kw_only=True, slots=True)
class Company:
    """Whom the scheduler shares the work with."""

    serves: Callable[[str], bool] = lambda _capability: True
    """Whether workers here can do what a lane asks for."""
    is_called: Callable[[], bool] = lambda: False
    """Whether somebody calls when there is work; else the scheduler looks for it."""
    has_others: Callable[[Lease], Awaitable[bool]] = no_others
    """Whether another server might do what this one cannot. Raises `DatabaseProblem`."""
    lacks: Callable[[Job], Awaitable[WaitsFor | None]] = nothing_lacks
    """What a job waits for that no server can do. Raises `DatabaseProblem`."""
    takes_nothing: bool = False
    """Whether this server is to begin no step (cordoned)."""
    refused: dict[str, float] = field(default_factory=dict)
    """Jobs that are left to others, and until when (monotonic)."""

    def refuse(self, job_id: str) -> None:
        """Leaves a job to the others for a while."""
        self.refused[job_id] = time.monotonic() + REFUSE_S

    def refused_now(self) -> frozenset[str]:
        """Jobs that are left to the others."""
        if not self.refused:
            return frozenset()
        now_s = time.monotonic()
        self.refused = {job_id: until_s for job_id, until_s in self.refused.items() if until_s > now_s}
        return frozenset(self.refused)


def in_order(lanes: dict[str, int], turn: int) -> list[str]:
    """The most urgent lanes first; among equals another one begins each turn, so that none waits for ever."""
    by_name = sorted(lanes)
    first = turn % len(by_name) if by_name else 0
    rotated = by_name[first:] + by_name[:first]
    return sorted(rotated, key=lambda lane: -lanes[lane])


def lanes_of(task: str, lanes: dict[str, int], serves: Callable[[str], bool]) -> dict[str, int]:
    """Those of a task that can be done here."""
    return {
        lane: priority
        for lane, priority in lanes.items()
        if (parts := parts_of(lane))[0] == task and serves(parts[1])
    }
