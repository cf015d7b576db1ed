"""`steadfast crashes` tells a death so that a person understands it."""

from pathlib import Path
from typing import Any

import pytest

from steadfast.cli.application import run
from steadfast.cli.service_client import ServiceClient
from steadfast.errors import ExitCode

ID = "20261120T134811-worker_died-17250e"
REPORT: dict[str, Any] = {
    "report.json": {
        "kind": "worker_died",
        "at": "2026-11-20T13:48:11.524164+00:00",
        "summary": "was ended by SIGSEGV",
        "worker": "face_swap-2",
        "what": {
            "pid": 4131,
            "exit_code": None,
            "signal_name": "SIGSEGV",
            "requests": [{"id": 1, "part_formats": ["jpeg", "png"], "options": {"quality": 95}}],
            "tracebacks": ["  tests/faulty_faces.py:69 _do_segfault"],
            "printed": [],
        },
        "versions": {"steadfast": "0.1.0"},
        "providers": {"face_swap-2": {"yunet": ["CPUExecutionProvider"]}},
    },
    "events.json": [
        {
            "at": "2026-11-20T13:48:11.470+00:00",
            "event": "worker_died",
            "wanted": False,
            "evidence": "[redacted]",
        }
    ],
    "kernel.txt": "python[4131]: segfault at 0\n",
}


@pytest.fixture(autouse=True)
def service(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [
        {"id": ID, "kind": "worker_died", "at": "2026-11-20T13:48:11+00:00", "summary": "x", "size_bytes": 7}
    ]

    def get(_: object, path: str, **__: object) -> Any:
        return {"crashes": listed} if path == "/v1/crashes" else REPORT

    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(ServiceClient, "get", get)
    monkeypatch.setattr(ServiceClient, "get_bytes", lambda *_: b"an archive")


def test_a_report_says_in_lines_what_died_on_what_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["crashes", "show", ID]) is ExitCode.OK
    shown = capsys.readouterr().out
    for told in (
        "worker_died at 2026-11-20 13:48:11 UTC: was ended by SIGSEGV",
        "worker: face_swap-2",
        "  id=1 part_formats=jpeg,png quality=95",
        "  tests/faulty_faces.py:69 _do_segfault",
        "  yunet: CPUExecutionProvider",
        "  python[4131]: segfault at 0",
        "  13:48:11.470 worker_died  wanted=False",
    ):
        assert told in shown
    assert "None" not in shown
    assert "[redacted]" not in shown
    assert "{" not in shown


def test_reports_are_listed_and_an_archive_is_written_where_one_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["crashes", "list"]) is ExitCode.OK
    assert ID in capsys.readouterr().out
    archive = tmp_path / "report.zip"
    assert run(["crashes", "bundle", ID, "-o", str(archive)]) is ExitCode.OK
    assert archive.read_bytes() == b"an archive"
    assert run(["crashes", "bundle", ID, "-o", str(tmp_path / "no" / "folder.zip")]) is ExitCode.CANNOT_CREATE
