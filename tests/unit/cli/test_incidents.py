"""`steadfast incidents` shows what a service tells, for people and for scripts."""

import json
from pathlib import Path
from typing import Any

import pytest

from steadfast.cli.application import run
from steadfast.cli.service_client import ServiceClient
from steadfast.errors import ExitCode


def incident(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"inc_{number:012x}",
        "kind": "worker_died",
        "severity": "error",
        "subject": "face_swap",
        "evidence": ["a worker was ended by SIGSEGV, with 1 request inside"],
        "actions": ["the worker is replaced"],
        "requests": ["2446e44a39b441d6"],
        "jobs": [],
        "signs": 3,
        "detected_at": "2026-11-20T13:48:11.524164+00:00",
        "recovered_at": None,
        "outcome": "open",
    } | more


class Service:
    """Answers as the service does, page by page."""

    def __init__(self, count: int) -> None:
        self.incidents = [incident(number) for number in range(count)]
        self.asked: list[dict[str, object]] = []

    def get(self, path: str, **query: Any) -> Any:
        self.asked.append(query)
        if path != "/v1/incidents":
            return self.incidents[0]
        after = [one["id"] for one in self.incidents].index(query["before"]) + 1 if "before" in query else 0
        return {"incidents": self.incidents[after : after + query["limit"]]}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service(2500)
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(ServiceClient, "get", lambda _, path, **query: service.get(path, **query))
    return service


def test_an_incident_is_shown_with_what_it_touched_and_what_was_done(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["incidents", "show", "inc_000000000000"]) is ExitCode.OK
    shown = capsys.readouterr().out
    assert "it lasts" in shown
    assert "2446e44a39b441d6" in shown
    assert "the worker is replaced" in shown


def test_a_list_is_a_table_for_people_and_data_for_scripts(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["incidents", "list", "--open", "--severity", "error", "--limit", "2"]) is ExitCode.OK
    assert capsys.readouterr().out.count("inc_") == 2
    assert service.asked[-1] == {"limit": 2, "open": "true", "severity": "error"}
    assert run(["incidents", "list", "--limit", "3", "--json"]) is ExitCode.OK
    assert len(json.loads(capsys.readouterr().out)["incidents"]) == 3


def test_everything_is_exported_the_oldest_first_however_many_there_are(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "incidents.jsonl"
    assert run(["incidents", "export", "-o", str(file)]) is ExitCode.OK
    ids = [json.loads(line)["id"] for line in file.read_text().splitlines()]
    assert ids == [one["id"] for one in reversed(service.incidents)]
    assert capsys.readouterr().out.strip() == "2500 incidents."


def test_a_severity_that_does_not_exist_is_refused_before_anybody_is_asked(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["incidents", "list", "--severity", "bad"]) is ExitCode.USAGE
    assert "'warning', 'error', 'fatal'" in capsys.readouterr().err
    assert service.asked == []
