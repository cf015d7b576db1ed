"""Healthy, degraded, unhealthy, and starting, which is not failing."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.health.probes.surroundings import pool, snapshot, worker

from steadfast.errors import Severity
from steadfast.health.incidents import Incident
from steadfast.health.readings import Level, Reading, Status
from steadfast.health.verdict import Judge, Word
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.states import WorkerState


def reading(status: Status) -> Reading:
    return Reading(
        probe="disk_space",
        level=Level.RESOURCE,
        subject="data",
        value=0.01,
        unit="",
        limit=None,
        status=status,
        note="",
        taken_at_s=0.0,
    )


INCIDENT = Incident(
    id="inc_1",
    kind="deadlock",
    severity=Severity.ERROR,
    subject="w0",
    evidence=("",),
    detected_at=datetime(2026, 11, 20, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("facts", "readings", "incidents", "word"),
    [
        ({}, [Status.OK, Status.DISABLED], [], Word.HEALTHY),
        ({"degraded": ("smaller side",)}, [], [], Word.DEGRADED),
        ({}, [Status.WARNING], [], Word.DEGRADED),
        ({}, [Status.UNKNOWN], [], Word.DEGRADED),
        ({}, [], [INCIDENT], Word.DEGRADED),
        ({}, [Status.FATAL], [], Word.UNHEALTHY),
    ],
)
def test_a_ready_service_is_judged_by_what_is_seen(
    facts: dict[str, Any], readings: list[Status], incidents: list[Incident], word: Word
) -> None:
    verdict = Judge().verdict(snapshot(pool(**facts)), [reading(status) for status in readings], incidents)
    assert verdict.word is word
    assert verdict.can_serve is (word is not Word.UNHEALTHY)
    assert bool(verdict.reasons) is (word is not Word.HEALTHY)


def test_a_service_that_loads_is_starting_and_says_what_it_waits_for() -> None:
    judge = Judge()
    verdict = judge.verdict(snapshot(pool(ready=False, why_not="its workers are loading")))
    assert (verdict.word, verdict.waits_for) == (Word.STARTING, ("face_swap: its workers are loading",))
    assert not verdict.can_serve
    loading = worker(state=WorkerState.LOADING)
    verdict = judge.verdict(
        snapshot(pool(loading, ready=False, why_not="no worker is loaded", able=0, places=2))
    )
    assert verdict.waits_for == ("face_swap: models to be loaded by a worker (1 loading, 2 wanted)",)
    assert judge.verdict(snapshot(pool())).word is Word.HEALTHY
    assert judge.verdict(snapshot(pool(ready=False, why_not="they hang"))).word is Word.UNHEALTHY


@pytest.mark.parametrize("facts", [{"breaker": BreakerState.OPEN}, {"last_load_failure": "model_missing"}])
def test_a_start_that_has_failed_is_no_start_any_more(facts: dict[str, Any]) -> None:
    assert Judge().verdict(snapshot(pool(ready=False, why_not="no", **facts))).word is Word.UNHEALTHY


def test_a_service_that_ends_says_so() -> None:
    assert Judge().verdict(snapshot(pool(), stopping=True)).word is Word.STOPPING
