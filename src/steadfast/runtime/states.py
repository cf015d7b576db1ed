"""A worker's life as an explicit state machine."""

from enum import StrEnum


class WorkerState(StrEnum):
    """Where a worker stands."""

    STARTING = "starting"  # spawned; the interpreter has not said hello
    LOADING = "loading"  # imports, loads, changes its step or passes a canary
    READY = "ready"  # waits for work
    BUSY = "busy"  # has a dispatch
    DRAINING = "draining"  # was told to leave
    STOPPED = "stopped"  # left, or was killed, because we wanted it
    FAILED = "failed"  # died, or could not be loaded


ALLOWED: dict[WorkerState, frozenset[WorkerState]] = {
    WorkerState.STARTING: frozenset(
        {WorkerState.LOADING, WorkerState.DRAINING, WorkerState.STOPPED, WorkerState.FAILED}
    ),
    WorkerState.LOADING: frozenset(
        {WorkerState.READY, WorkerState.DRAINING, WorkerState.STOPPED, WorkerState.FAILED}
    ),
    WorkerState.READY: frozenset(
        {
            WorkerState.BUSY,
            WorkerState.LOADING,
            WorkerState.DRAINING,
            WorkerState.STOPPED,
            WorkerState.FAILED,
        }
    ),
    WorkerState.BUSY: frozenset(
        {WorkerState.READY, WorkerState.DRAINING, WorkerState.STOPPED, WorkerState.FAILED}
    ),
    WorkerState.DRAINING: frozenset({WorkerState.STOPPED, WorkerState.FAILED}),
    WorkerState.STOPPED: frozenset(),
    WorkerState.FAILED: frozenset(),
}

ENDED = frozenset({WorkerState.STOPPED, WorkerState.FAILED})


class ImpossibleTransition(Exception):
    """A bug: the state machine does not know this step."""


def check(before: WorkerState, after: WorkerState) -> None:
    """Raises `ImpossibleTransition` for a step that is not drawn."""
    if after not in ALLOWED[before]:
        raise ImpossibleTransition(f"{before} → {after}")
