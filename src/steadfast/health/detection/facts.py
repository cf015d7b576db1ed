"""Facts that are signs in themselves: deaths, failed loads, wrong answers, an open breaker.

What has begun with an event ends when the runtime is seen to be whole again, or with another event.
"""

from collections.abc import Callable, Iterable
from typing import Final

from steadfast.errors import Severity
from steadfast.events import Event
from steadfast.health.detection.sign import Scene, Sign
from steadfast.jobs.events import WorkServed, WorkUnserved
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.caller import Caller
from steadfast.runtime.events import (
    AnswerInvalid,
    BreakerChanged,
    CanaryChecked,
    InputQuarantined,
    LoadFailed,
    RepairAsked,
    SteppedDown,
    SteppedUp,
    UnexpectedError,
    WorkerDied,
    WorkerRetired,
)

_UNTIL_WHOLE: Final = frozenset({"worker_died", "load_failed"})


class EventPolicy:
    """Signs that events have begun and nothing has ended yet."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Sign] = {}

    def hear(self, event: Event) -> Sign | None:
        """The sign that this event is, if it is one."""
        if isinstance(event, CanaryChecked) and event.passed:
            self._open.pop(("wrong_answers", event.worker), None)
        elif isinstance(event, SteppedUp) and event.level == 0:
            self._open.pop(("stepped_down", event.slot), None)
        elif isinstance(event, WorkServed):
            self._open.pop(("no_server_for_work", event.capability), None)
        elif isinstance(event, WorkerDied):
            self._open.pop(("wrong_answers", event.worker), None)
        make = _SIGNS.get(type(event))
        sign = make(event) if make is not None else None
        if sign is not None and not sign.is_moment:
            self._open[sign.key] = sign
        return sign

    def look(self, scene: Scene) -> Iterable[Sign]:
        """What is not over."""
        whole = {pool.task for pool in scene.snapshot.pools if pool.able >= pool.places}
        closed = {p.task for p in scene.snapshot.pools if p.breaker is BreakerState.CLOSED}
        living = {worker.name for pool in scene.snapshot.pools for worker in pool.workers}
        for key, sign in tuple(self._open.items()):
            if (
                (sign.kind in _UNTIL_WHOLE and sign.task in whole)
                or (sign.kind == "breaker_open" and sign.task in closed)
                or (sign.kind == "wrong_answers" and sign.worker not in living)
            ):
                del self._open[key]
        return list(self._open.values())


def _died(event: WorkerDied) -> Sign | None:
    if event.wanted:
        return None
    report = event.report
    return _sign(
        event,
        "worker_died",
        event.task,
        Severity.ERROR,
        f"a worker {report.few_words()}, with {_counted(report.requests_inside, 'request')} inside",
        worker=event.worker,
        callers=tuple(Caller(shape.request_id, shape.job_id) for shape in report.requests),
    )


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _breaker(event: BreakerChanged) -> Sign | None:
    if event.state != BreakerState.OPEN.value:
        return None
    told = "workers die before they serve: the task is paused"
    return _sign(event, "breaker_open", event.task, Severity.ERROR, told)


def _canary(event: CanaryChecked) -> Sign | None:
    if event.passed:
        return None
    told = "an inference with a known answer came back wrong"
    return _sign(event, "wrong_answers", event.worker, Severity.ERROR, told, worker=event.worker)


def _load(event: LoadFailed) -> Sign:
    told = f"a worker could not be loaded: {event.code}"
    return _sign(event, "load_failed", event.task, Severity.ERROR, told, worker=event.worker)


def _stepped_down(event: SteppedDown) -> Sign:
    told = f"memory ran out, less is asked of the machine: step {event.level}"
    return _sign(event, "stepped_down", event.slot, Severity.WARNING, told)


def _quarantined(event: InputQuarantined) -> Sign:
    told = "one input killed its workers, alone; it is refused from now on"
    return _sign(event, "poison_input", event.task, Severity.WARNING, told, is_moment=True)


def _invalid(event: AnswerInvalid) -> Sign:
    told = "a model answered what is no answer (NaN, a wrong shape); it loads again"
    return _sign(
        event, "invalid_output", event.worker, Severity.WARNING, told, worker=event.worker, is_moment=True
    )


def _retired(event: WorkerRetired) -> Sign | None:
    if not event.leaks:
        return None
    told = f"a worker leaks and is replaced: {event.why}"
    return _sign(event, "leak", event.task, Severity.WARNING, told, worker=event.worker, is_moment=True)


def _repair(event: RepairAsked) -> Sign:
    severity = Severity.WARNING if event.repaired else Severity.ERROR
    told = "a damaged model was " + ("replaced" if event.repaired else "found and could not be replaced")
    return _sign(event, "model_damaged", event.model, severity, told, is_moment=event.repaired)


def _unexpected(event: UnexpectedError) -> Sign:
    told = "a task raised what nobody declared: a bug"
    return _sign(event, "unexpected_error", event.task, Severity.WARNING, told, is_moment=True)


def _unserved(event: WorkUnserved) -> Sign:
    told = f"{_counted(event.steps, 'step')} of jobs {'waits' if event.steps == 1 else 'wait'}: {event.why}"
    return _sign(event, "no_server_for_work", event.capability, Severity.WARNING, told)


def _sign(
    event: object,
    kind: str,
    subject: str,
    severity: Severity,
    evidence: str,
    *,
    worker: str = "",
    callers: tuple[Caller, ...] = (),
    is_moment: bool = False,
) -> Sign:
    return Sign(
        kind=kind,
        subject=subject,
        severity=severity,
        evidence=evidence,
        looks=1,
        is_moment=is_moment,
        task=getattr(event, "task", ""),
        worker=worker,
        callers=callers,
    )


_SIGNS: Final[dict[type, Callable[..., Sign | None]]] = {
    WorkerDied: _died,
    BreakerChanged: _breaker,
    CanaryChecked: _canary,
    LoadFailed: _load,
    SteppedDown: _stepped_down,
    InputQuarantined: _quarantined,
    AnswerInvalid: _invalid,
    WorkerRetired: _retired,
    RepairAsked: _repair,
    UnexpectedError: _unexpected,
    WorkUnserved: _unserved,
}
