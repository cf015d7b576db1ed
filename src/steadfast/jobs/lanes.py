"""Lanes: which workers a flow of jobs waits for, as one word.

A lane is a task, and where not every worker of the task will do, what a worker must be able to do: `faces`,
`faces@cuda-40g`. One lane never holds up another.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

_MARK = "@"

Needs: TypeAlias = Callable[[str, Mapping[str, Any], Mapping[str, str] | None], str]
"""What a job's workers must be able to do: by its task, its options, and what it is pinned to (None: nothing
yet). Empty: nothing special."""


def nothing_special(_task: str, _options: Mapping[str, Any], _pin: Mapping[str, str] | None) -> str:
    """On one machine every worker of a task is like the other."""
    return ""


def lane_of(task: str, capability: str) -> str:
    """The lane of a task's jobs that need a capability; empty: any worker of the task."""
    return f"{task}{_MARK}{capability}" if capability else task


def parts_of(lane: str) -> tuple[str, str]:
    """Task and capability of a lane."""
    task, _, capability = lane.partition(_MARK)
    return task, capability
