"""Events of the runtime are signs at once, and end when the runtime is whole."""

from typing import Any

import pytest
from tests.unit.health.probes.surroundings import Hand, pool, snapshot, worker

from steadfast.errors import Severity
from steadfast.events import Event
from steadfast.health.detection.detector import QUIET_LOOKS, Detector
from steadfast.health.detection.sign import Scene
from steadfast.health.work_record import WorkRecord
from steadfast.jobs.events import WorkServed, WorkUnserved
from steadfast.runtime.breaker import BreakerState
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
from steadfast.runtime.exit_reason import Cause, ExitReport

TASK = "face_swap"


def died(*, wanted: bool = False) -> WorkerDied:
    report = ExitReport(pid=1, cause=Cause.SIGNALLED, signal_name="SIGSEGV", last_words="/home/me/secret.jpg")
    return WorkerDied(task=TASK, worker="w0", report=report, wanted=wanted)


def scene(**facts: Any) -> Scene:
    clock = Hand()
    workers = facts.pop("workers", (worker("w0"),))
    return Scene(now_s=0.0, readings=(), snapshot=snapshot(pool(*workers, **facts)), work=WorkRecord(clock))


UNSERVED = WorkUnserved(capability="cuda", steps=3, waited_s=60.0, why="no server with cuda is there")

EVENTS: list[tuple[Event, str, Severity]] = [
    (died(), "worker_died", Severity.ERROR),
    (BreakerChanged(task=TASK, state="open"), "breaker_open", Severity.ERROR),
    (
        CanaryChecked(task=TASK, worker="w0", passed=False, detail="", took_ms=1),
        "wrong_answers",
        Severity.ERROR,
    ),
    (LoadFailed(task=TASK, worker="w0", code="model_missing", detail=""), "load_failed", Severity.ERROR),
    (SteppedDown(task=TASK, slot="cpu:0", level=1, rung="smaller batch"), "stepped_down", Severity.WARNING),
    (InputQuarantined(task=TASK, fingerprint="ab"), "poison_input", Severity.WARNING),
    (WorkerRetired(task=TASK, worker="w", why="it grows", leaks=True), "leak", Severity.WARNING),
    (AnswerInvalid(task=TASK, worker="w", detail="NaN"), "invalid_output", Severity.WARNING),
    (RepairAsked(task=TASK, model="yunet", repaired=True), "model_damaged", Severity.WARNING),
    (RepairAsked(task=TASK, model="yunet", repaired=False), "model_damaged", Severity.ERROR),
    (
        UnexpectedError(task=TASK, worker="w0", request_id=1, detail="", trace=""),
        "unexpected_error",
        Severity.WARNING,
    ),
    (UNSERVED, "no_server_for_work", Severity.WARNING),
]


@pytest.mark.parametrize(("event", "kind", "severity"), EVENTS)
def test_an_event_is_a_sign_at_once(event: Event, kind: str, severity: Severity) -> None:
    (sign,) = Detector().hear(event).signs
    assert (sign.kind, sign.severity) == (kind, severity)
    assert "secret" not in sign.evidence


@pytest.mark.parametrize(
    "event",
    [
        died(wanted=True),
        BreakerChanged(task=TASK, state="half_open"),
        CanaryChecked(task=TASK, worker="w0", passed=True, detail="", took_ms=1),
    ],
)
def test_what_was_wanted_or_went_well_is_no_sign(event: Event) -> None:
    assert Detector().hear(event).signs == []


def over_after(detector: Detector, seen: Scene) -> list[tuple[str, str]]:
    return [key for _ in range(QUIET_LOOKS) for key in detector.look(seen).over]


def test_a_death_is_over_when_every_place_is_filled_again() -> None:
    detector = Detector()
    detector.hear(died())
    assert over_after(detector, scene(able=0, places=1, workers=())) == []
    assert over_after(detector, scene(able=1, places=1)) == [("worker_died", TASK)]


def test_a_breaker_is_over_when_it_is_closed() -> None:
    detector = Detector()
    detector.hear(BreakerChanged(task=TASK, state="open"))
    assert over_after(detector, scene(breaker=BreakerState.HALF_OPEN)) == []
    assert over_after(detector, scene()) == [("breaker_open", TASK)]


def test_wrong_answers_are_over_with_a_right_one_or_with_their_worker() -> None:
    wrong = CanaryChecked(task=TASK, worker="w0", passed=False, detail="", took_ms=1)
    mended = Detector()
    mended.hear(wrong)
    assert over_after(mended, scene()) == []
    mended.hear(CanaryChecked(task=TASK, worker="w0", passed=True, detail="", took_ms=1))
    assert over_after(mended, scene()) == [("wrong_answers", "w0")]
    replaced = Detector()
    replaced.hear(wrong)
    assert over_after(replaced, scene(workers=(worker("w1"),))) == [("wrong_answers", "w0")]


def test_work_that_nobody_can_do_is_over_when_somebody_comes() -> None:
    detector = Detector()
    (sign,) = detector.hear(UNSERVED).signs
    assert sign.evidence == "3 steps of jobs wait: no server with cuda is there"
    assert over_after(detector, scene()) == []
    detector.hear(WorkServed(capability="cuda"))
    assert over_after(detector, scene()) == [("no_server_for_work", "cuda")]


def test_a_step_down_is_over_at_the_top_of_the_ladder() -> None:
    detector = Detector()
    detector.hear(SteppedDown(task=TASK, slot="cpu:0", level=2, rung="smaller side"))
    detector.hear(SteppedUp(task=TASK, slot="cpu:0", level=1))
    assert over_after(detector, scene()) == []
    detector.hear(SteppedUp(task=TASK, slot="cpu:0", level=0))
    assert over_after(detector, scene()) == [("stepped_down", "cpu:0")]
