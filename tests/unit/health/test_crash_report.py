"""A death leaves a report that a stranger may read."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.small_disks import mounted_tmpfs
from tests.unit.health.probes.surroundings import Hand

from steadfast.api.incident_routes import bundle
from steadfast.errors import DiskFull, IncidentUnknown, Severity, SteadfastError
from steadfast.health.crash_report import CrashFolder, exit_facts, report_name, without_paths
from steadfast.health.crash_reporter import CrashReporter, kernel_lines
from steadfast.health.detection.sign import Sign
from steadfast.health.flight_recorder import FlightRecorder
from steadfast.health.stderr_outline import outline_of
from steadfast.observability.redaction import Redactor
from steadfast.runtime.events import CanaryChecked, WorkerDied, WorkerLogged, WorkerRetired
from steadfast.runtime.exit_reason import Cause, ExitReport, RequestShape

SECRETS = ("grandma", "hunter2", "192.168.7.9")
NATIVE = """Fatal Python error: Segmentation fault

Current thread 0x00007f11 (most recent call first):
  File "/home/grandma/steadfast/tasks/face_task.py", line 42 in run
  File "/opt/lib/threading.py", line 982 in run

Thread 0x00007f22 (most recent call first):
  File "/opt/lib/selectors.py", line 468 in select
"""
PRINTED = """decoding /home/grandma/holidays/hunter2.jpg from 192.168.7.9
Traceback (most recent call last):
  File "/srv/steadfast/worker.py", line 7, in main
    open("/home/grandma/hunter2")
ValueError: hunter2 of grandma
"""


SHAPE = RequestShape(
    id=7,
    request_id="grandma",
    part_bytes=(1000, 2000),
    part_formats=("jpeg", "png"),
    options={"job": "swap", "quality": 95},
    attempts=1,
    worked_ms=12.5,
)


def death(number: int = 1, **more: Any) -> WorkerDied:
    report = ExitReport(
        pid=4711,
        cause=Cause.SIGNALLED,
        signal_name="SIGSEGV",
        native_traceback=NATIVE,
        last_words=PRINTED,
        evidence="/home/grandma/hunter2",
        requests_inside=1,
        requests=(SHAPE,),
    )
    return WorkerDied(task="face_swap", worker=f"face_swap-{number}", report=report, wanted=False, **more)


def written(
    folder: Path, *, keep_inputs: bool = False, failures: list[SteadfastError] | None = None
) -> CrashFolder:
    """The folder after one death that had some history."""
    crashes = CrashFolder(folder, most=50, most_bytes=1 << 20)
    recorder = FlightRecorder(redact=Redactor("key").value, now=lambda: datetime.now(UTC))

    async def live() -> None:
        reporter = CrashReporter(
            crashes,
            recorder=recorder,
            redact=Redactor("key").value,
            readings=list,
            state=dict,
            settings=without_paths({"data_dir": "/home/grandma", "port": 8080}),
            failed=(failures if failures is not None else []).append,
            now=lambda: datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
            clock=Hand(),
            keep_inputs=keep_inputs,
        )
        recorder.hear(WorkerRetired(task="face_swap", worker="face_swap-1", why="grandma's hunter2"))
        recorder.hear(CanaryChecked(task="face_swap", worker="other", passed=True, detail="", took_ms=1.0))
        loaded = WorkerLogged(
            task="face_swap",
            worker="face_swap-1",
            kind="model_loaded",
            severity="",
            fields={"model": "yunet", "providers": ["CUDAExecutionProvider", "grandma's"], "text": "hunter2"},
        )
        for event in (loaded, death()):
            recorder.hear(event)
            reporter.hear(event)
        await reporter.settle()

    asyncio.run(live())
    return crashes


def test_a_death_is_reported_with_everything_but_what_belongs_to_users(tmp_path: Path) -> None:
    crashes = written(tmp_path)
    (listed,) = crashes.reports()
    assert listed.kind == "worker_died"
    assert "SIGSEGV" in listed.summary
    report = crashes.show(listed.id)
    assert {"report.json", "readings.json", "events.json", "workers.json", "settings.json"} <= report.keys()
    told = report["report.json"]["what"]["tracebacks"]
    assert "  tasks/face_task.py:42 run" in told
    assert "  lib/selectors.py:468 select" in told  # every thread, not only the one that fell
    assert "ValueError" in report["report.json"]["what"]["printed"]
    assert [event["event"] for event in report["events.json"]] == [
        "worker_retired",
        "worker_logged",
        "worker_died",
    ]
    assert report["events.json"][1]["fields"]["model"] == "yunet"
    assert report["report.json"]["providers"] == {"face_swap-1": {"yunet": ["CUDAExecutionProvider"]}}
    assert report["report.json"]["versions"]["steadfast"]
    (shape,) = report["report.json"]["what"]["requests"]
    assert (shape["part_formats"], shape["options"]) == (["jpeg", "png"], {"job": "swap", "quality": 95})
    assert shape["request_id"] == Redactor("key").hashed("grandma")
    everything = "".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    assert not [secret for secret in SECRETS if secret in everything]


def test_with_keep_inputs_the_printed_words_are_kept_but_no_bundle_has_them(tmp_path: Path) -> None:
    crashes = written(tmp_path, keep_inputs=True)
    (listed,) = crashes.reports()
    report = crashes.show(listed.id)
    assert any("hunter2" in line for line in report["report.json"]["what"]["printed"])
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(bundle(listed.id, report))) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert "SIGSEGV" in everything
    assert not [secret for secret in SECRETS if secret in everything]


def test_reports_are_capped_in_number_and_bytes_and_the_newest_stays(tmp_path: Path) -> None:
    few = CrashFolder(tmp_path / "few", most=2, most_bytes=1 << 20)
    small = CrashFolder(tmp_path / "small", most=50, most_bytes=2000)
    main = json.dumps({"kind": "worker_died", "at": "", "summary": ""})
    for number in range(5):
        name = report_name("worker_died", datetime(2026, 11, 20, 12, number, tzinfo=UTC), f"{number:06x}")
        few.write(name, {"report.json": main})
        small.write(name, {"report.json": main, "events.json": "x" * 5000})
    assert [report.id[-6:] for report in few.reports()] == ["000004", "000003"]
    assert small.reports()[0].id.endswith("000004")
    assert sum(report.size_bytes for report in small.reports()) <= 2000


def test_a_full_disk_leaves_nothing_half_written_and_becomes_a_fact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    failures: list[SteadfastError] = []
    crashes = written(tmp_path, failures=failures)
    assert [type(failure) for failure in failures] == [DiskFull]
    assert crashes.reports() == []
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_really_full_costs_this_report_and_no_other(tmp_path: Path) -> None:
    with mounted_tmpfs(tmp_path / "disk", "size=256k") as disk:
        crashes = CrashFolder(disk / "crashes", most=50, most_bytes=1 << 30)
        main = json.dumps({"kind": "worker_died", "at": "", "summary": "kept"})
        first, second = (
            report_name("worker_died", datetime(2026, 11, 20, hour, tzinfo=UTC), "00aaff") for hour in (1, 2)
        )
        crashes.write(first, {"report.json": main})
        with pytest.raises(DiskFull):
            crashes.write(second, {"report.json": main, "events.json": "x" * 1_000_000})
        assert [report.summary for report in crashes.reports()] == ["kept"]
        assert [file.name for file in (disk / "crashes").iterdir()] == [first]
        crashes.write(second, {"report.json": main})
        assert len(crashes.reports()) == 2


def test_a_file_that_was_cut_to_its_share_can_be_shown(tmp_path: Path) -> None:
    crashes = CrashFolder(tmp_path, most=5, most_bytes=4000)
    name = report_name("worker_died", datetime(2026, 11, 20, 12, tzinfo=UTC), "00aaff")
    crashes.write(name, {"report.json": "{}", "events.json": json.dumps(["x" * 5000])})
    shown = crashes.show(name)
    assert shown["report.json"] == {}
    assert len(shown["events.json"]) == 1000


def test_an_id_cannot_leave_the_folder(tmp_path: Path) -> None:
    crashes = written(tmp_path / "crashes")
    (tmp_path / "secret.json").write_text("{}")
    for name in ("..", "../crashes", "20261120T120000-worker_died-zzzzzz", ""):
        with pytest.raises(IncidentUnknown):
            crashes.show(name)


def test_a_fatal_incident_and_a_dead_server_are_reported_too(tmp_path: Path) -> None:
    crashes = CrashFolder(tmp_path, most=50, most_bytes=1 << 20)

    async def live() -> None:
        reporter = CrashReporter(
            crashes,
            recorder=FlightRecorder(redact=Redactor("key").value, now=lambda: datetime.now(UTC)),
            redact=Redactor("key").value,
            readings=list,
            state=dict,
            settings={},
            failed=lambda _: None,
            now=lambda: datetime.now(UTC),
            clock=Hand(),
        )
        reporter.report_sign(
            Sign(kind="device_errors", subject="gpu:0", severity=Severity.FATAL, evidence="Xid 79")
        )
        reporter.report_server({"signal": "SIGKILL", "why": "silent", "stacks": NATIVE.splitlines()})
        await reporter.settle()

    asyncio.run(live())
    reports = {report.kind: report for report in crashes.reports()}
    assert reports.keys() == {"device_errors", "server_died"}
    assert reports["server_died"].summary == "it hung (silent) and was ended by the guardian"
    told = crashes.show(reports["server_died"].id)["report.json"]["what"]["tracebacks"]
    assert "  tasks/face_task.py:42 run" in told


def test_of_what_was_printed_only_known_forms_are_told() -> None:
    assert outline_of(PRINTED) == [
        "[1 lines withheld]",
        "Traceback (most recent call last):",
        "  steadfast/worker.py:7 main",
        "[1 lines withheld]",
        "ValueError",
    ]
    assert (
        exit_facts(death().report, outline_of, redact=Redactor("key").value, keep_inputs=False)["fault"]
        == "input"
    )


def test_the_kernels_words_are_read_where_they_may_be(tmp_path: Path) -> None:
    assert kernel_lines(1, str(tmp_path / "none")) == []
    log = tmp_path / "kmsg"
    log.write_text("6,1,1,-;python[4711]: segfault at 0\n")
    assert kernel_lines(4711, str(log)) == ["python[4711]: segfault at 0"]
    assert kernel_lines(42, str(log)) == []
