"""Events become lines without anybody writing them out."""

import logging
from collections.abc import MutableMapping
from typing import Any

import pytest
import structlog

from steadfast.errors import Severity
from steadfast.events import publish
from steadfast.health.events import IncidentMoved
from steadfast.health.incidents import Change
from steadfast.jobs.events import JobProgressed, StepFinished
from steadfast.jobs.job import Cost, StepKind
from steadfast.observability import event_log
from steadfast.observability.event_log import event_fields, event_name
from steadfast.runtime.events import SteppedDown, WorkerDied, WorkerLogged, WorkerStateChanged
from steadfast.runtime.exit_reason import Cause, ExitReport
from steadfast.runtime.states import WorkerState


@pytest.mark.parametrize(("kind", "name"), [(WorkerDied, "worker_died"), (SteppedDown, "stepped_down")])
def test_an_event_is_named_by_its_class(kind: type, name: str) -> None:
    assert event_name(kind) == name


def test_a_nested_record_is_told_beside_the_fields() -> None:
    event = WorkerDied(
        task="t", worker="w", report=ExitReport(pid=3, cause=Cause.EXITED, exit_code=1), wanted=True
    )
    fields = dict(event_fields(event))
    assert (fields["task"], fields["pid"], fields["cause"], fields["exit_code"]) == ("t", 3, "exited", 1)
    assert "report" not in fields


def test_what_a_step_cost_is_told_beside_the_fields() -> None:
    ended = StepFinished(
        job_id="j",
        owner="k",
        task="t",
        item=0,
        kind=StepKind.PLAN,
        number=0,
        cost=Cost(cpu_s=1.5),
        worker="w",
        took_s=2.0,
    )
    fields = dict(event_fields(ended))
    assert (fields["job_id"], fields["cpu_s"], fields["kind"]) == ("j", 1.5, "plan")
    assert "cost" not in fields


@pytest.mark.parametrize(("level", "lines"), [(logging.INFO, 0), (logging.DEBUG, 1)])
def test_what_is_below_the_level_costs_nothing(
    level: int, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    told: list[str] = []

    def fields(event: object) -> list[tuple[str, object]]:
        asked.append(event)
        return []

    def note(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> str:
        told.append(str(entry["event"]))
        return ""

    monkeypatch.setattr(event_log, "event_fields", fields)
    logger = structlog.wrap_logger(
        structlog.ReturnLogger(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[note],
    )
    end = event_log.log_events(logger)
    publish(WorkerStateChanged(task="t", worker="w", pid=1, before=WorkerState.READY, after=WorkerState.BUSY))
    end()
    assert len(asked) == len(told) == lines


@pytest.mark.parametrize(
    ("kind", "severity", "level"),
    [("provider_skipped", "", "warning"), ("model_loaded", "", "info"), ("worker_log", "error", "error")],
)
def test_what_a_worker_says_is_told_at_its_own_level(kind: str, severity: str, level: str) -> None:
    told: list[tuple[str, dict[str, Any]]] = []

    def note(_logger: object, method: str, entry: MutableMapping[str, Any]) -> str:
        told.append((method, dict(entry)))
        return ""

    logger = structlog.wrap_logger(structlog.ReturnLogger(), processors=[note])
    end = event_log.log_events(logger)
    publish(WorkerLogged(task="t", worker="w", kind=kind, severity=severity, fields={"model": "yunet"}))
    end()
    ((method, entry),) = told
    assert method == level
    assert (entry["event"], entry["kind"], entry["fields"]) == ("worker_logged", kind, {"model": "yunet"})


@pytest.mark.parametrize(
    ("change", "level"),
    [(Change.OPENED, "warning"), (Change.RAISED, "warning"), (Change.ACTED, "info"), (Change.ENDED, "info")],
)
def test_an_incident_is_a_warning_while_it_gets_worse(change: Change, level: str) -> None:
    moved = IncidentMoved(incident="i", kind="worker_died", severity=Severity.ERROR, change=change)
    assert event_log._level_of("incident_moved", dict(event_fields(moved))) == level


def test_progress_that_comes_twice_a_second_is_for_those_who_look_for_faults() -> None:
    assert event_log._LEVELS[event_name(JobProgressed)] == "debug"
