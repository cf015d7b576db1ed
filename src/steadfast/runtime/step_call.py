"""One step of a job, as the server asks for it."""

from dataclasses import dataclass
from pathlib import Path

from steadfast.runtime.ticket import OnProgress
from steadfast.task_steps import Operation, StepRequest

LONGEST_STEP_S = 6 * 3600.0
"""A step that shows progress may take its time; silence ends it much earlier (`TaskSpec.stall_s`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepCall:
    """What is to be done, with which files, and where its own file is wanted."""

    operation: Operation
    """Anything but RUN."""
    request: StepRequest
    """Its files must be readable to workers, under names that the server chose."""
    deliver_to: Path | None = None
    """Where its file is moved, on the disk of `WorkerOptions.outboxes`; None: a plan makes none."""
    on_progress: OnProgress | None = None
    """Hears of units done: the heartbeat that renews a lease."""
    deadline_s: float = LONGEST_STEP_S
    number: int = 0
    """Of a segment, for who watches."""
