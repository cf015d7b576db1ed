"""The table from severity to remedy, and the port it goes through."""

from typing import Any

import pytest

from steadfast.errors import ServiceError, Severity
from steadfast.health.detection.sign import Sign
from steadfast.health.remedies import Healer, remedies_for
from steadfast.settings import HealthSettings


class Port:
    """Writes down what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def abort(self, request_id: int) -> bool:
        self.asked.append(("abort", request_id))
        return request_id == 1

    def release_memory(self, task: str) -> int:
        self.asked.append(("release", task))
        if task == "gone":
            raise ServiceError("There is no such task.")
        return 2

    def recycle(self, worker: str, why: str = "asked for") -> bool:
        self.asked.append(("recycle", worker))
        return True

    def restart(self, worker: str) -> bool:
        self.asked.append(("restart", worker))
        return True


def sign(severity: Severity = Severity.ERROR, kind: str = "deadlock", **more: Any) -> Sign:
    return Sign(kind=kind, subject="w0", severity=severity, evidence="", **more)


def healer(port: Port, done: list[str] | None = None) -> Healer:
    heard = done if done is not None else []
    return Healer(
        port,
        tasks=lambda: ["face_swap", "gone"],
        snapshot=lambda one: heard.append(f"report of {one.kind}"),
        leave=lambda why: heard.append(f"left for {why}"),
    )


@pytest.mark.parametrize(
    ("given", "remedies"),
    [
        (sign(Severity.WARNING, "saturation"), ("notify",)),
        (sign(Severity.ERROR, "error_rate"), ("notify", "release", "abort", "recycle")),
        (sign(Severity.ERROR, "deadlock"), ("notify", "release", "restart")),
        (sign(Severity.FATAL, "threads"), ("notify", "snapshot", "exit")),
        (sign(Severity.WARNING, "device_memory"), ("notify", "release")),
    ],
)
def test_severity_decides_unless_the_kind_does(given: Sign, remedies: tuple[str, ...]) -> None:
    assert tuple(remedies_for(given, HealthSettings())) == remedies


def test_a_user_changes_the_table_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from steadfast.settings import load_settings

    monkeypatch.setenv("STEADFAST_HEALTH__ON_ERROR", "notify")
    monkeypatch.setenv("STEADFAST_HEALTH__ACTIONS", '{"deadlock": ["recycle"]}')
    settings = load_settings().health
    assert tuple(remedies_for(sign(), settings)) == ("recycle",)
    assert tuple(remedies_for(sign(kind="error_rate"), settings)) == ("notify",)


def test_remedies_go_to_whom_the_sign_names_and_tell_what_came_of_it() -> None:
    port = Port()
    given = sign(task="face_swap", worker="face_swap-1", requests=(1, 2))
    told = healer(port).apply(given, ("notify", "release", "abort", "recycle"))
    assert port.asked == [("release", "face_swap"), ("abort", 1), ("abort", 2), ("recycle", "face_swap-1")]
    assert told == [
        "2 workers were told to give back caches",
        "1 requests were aborted",
        "the worker is replaced",
    ]


def test_a_worker_that_stands_still_is_ended_and_nobody_is_refused() -> None:
    port = Port()
    told = healer(port).apply(sign(worker="face_swap-1", requests=(1,)), ("restart",))
    assert port.asked == [("restart", "face_swap-1")]
    assert told == ["the worker was ended, its work begins again in another"]


def test_without_a_name_caches_of_every_task_go_and_nobody_is_replaced() -> None:
    port = Port()
    assert healer(port).apply(sign(), ("release", "abort", "recycle")) == [
        "2 workers were told to give back caches"
    ]
    assert port.asked == [("release", "face_swap"), ("release", "gone")]


def test_a_fatal_incident_is_reported_before_the_server_ends() -> None:
    done: list[str] = []
    healer(Port(), done).apply(sign(), ("snapshot", "exit"))
    assert done == ["report of deadlock", "left for deadlock"]
