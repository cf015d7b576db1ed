"""Nothing that belongs to a user gets past the redactor."""

import json
from pathlib import Path
from typing import Any

import pytest

from steadfast.errors import ExitCode, NoFace, Severity
from steadfast.jobs.submission import new_job_id
from steadfast.observability.redaction import WITHHELD, Redactor, exception_outline

SECRETS = (
    "grandma at the lake.jpg",
    "IMG_2931.HEIC",
    "/home/ann/pictures/wedding.png",
    "C:\\Users\\Ann\\wedding.png",
    "a man in a red hat, smiling",
    "sf_0a1b2c3d_Zm9vYmFyYmF6cXV4cXV1eGZvb2Jhcg",
    "Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc",
    "192.0.2.77",
    "2001:db8::1f",
    "fe80::1",
    "fd12:3456:789a:1::1",
    "ann@example.org",
    "https://storage.example.org/u/ann?sig=0badcafe",
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP",
    "Köln, Straße 5",
    "line one\nline two",
)
# Not `event`, `logger` and `where`, which the code itself sets: see test_logs.
FIELDS = (
    *("request_id", "job_id", "trace_id", "fingerprint", "key_id", "address", "client", "remote"),
    *("task", "worker", "slot", "engine", "model", "code", "kind", "reason", "degraded", "rung", "state"),
    *("route", "method", "provider", "signal_name", "outcome", "level", "timestamp", "license", "url"),
    *("file", "path", "name", "text", "detail", "target", "source", "a_field_of_tomorrow"),
)


def redacted(**fields: Any) -> dict[str, Any]:
    return Redactor("a key")(None, "info", fields)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("field", FIELDS)
def test_a_secret_in_any_field_is_not_told(field: str, secret: str) -> None:
    for planted in (secret, [secret], (secret,), {secret: secret}, {"pixels": secret}, {"faces": [secret]}):
        assert secret not in json.dumps(redacted(**{field: planted}), ensure_ascii=False)


@pytest.mark.parametrize(
    "value", [b"\xff\xd8\xff\xe0JFIF", Path("/home/ann/a.jpg"), object(), memoryview(b"pixels")]
)
def test_bytes_paths_and_foreign_objects_are_withheld(value: object) -> None:
    assert redacted(engine=value) == {"engine": WITHHELD}


def test_what_describes_the_work_passes() -> None:
    fields = {
        "event": "request_ended",
        "request_id": "0011223344556677",
        "task": "face_swap",
        "worker": "face_swap cpu:0-1",
        "route": "/v1/swap",
        "method": "POST",
        "engine": "standard",
        "degraded": ["half side", "cpu"],
        "pixels": 2_073_600,
        "queue_ms": 1.25,
        "enhanced": True,
        "cost": {"pixels": 5, "faces": 2},
        "code": NoFace.code,
        "key_id": "0a1b2c3d",
    }
    assert redacted(**fields) == fields


def test_enums_are_told_by_value_and_only_in_their_fields() -> None:
    assert redacted(severity=Severity.ERROR, note=Severity.ERROR, exit=ExitCode.OK) == {
        "severity": "error",
        "note": WITHHELD,
        "exit": 0,
    }


def test_an_address_becomes_a_hash_that_only_the_key_repeats() -> None:
    (first, again, other) = (Redactor(key).value("address", "192.0.2.7") for key in ("k", "k", "another"))
    assert first == again != other
    assert first.startswith("h:")
    assert Redactor().value("address", "192.0.2.7") != Redactor().value("address", "192.0.2.7")


def test_an_id_in_the_shape_of_somebody_else_becomes_a_hash() -> None:
    assert redacted(request_id="ann@example.org")["request_id"].startswith("h:")


def test_an_exception_tells_its_kind_and_place_but_not_its_message() -> None:
    try:
        try:
            Path("/home/ann/secret.jpg").read_bytes()
        except OSError as error:
            raise NoFace("No face was found in secret.jpg.") from error
    except NoFace as error:
        outline = exception_outline(error)
    assert "secret" not in json.dumps({**outline, "frames": []})
    assert (outline["type"], outline["code"], outline["cause"]) == ("NoFace", "no_face", "FileNotFoundError")
    assert outline["frames"][0].startswith("observability/test_redaction.py:")


def test_a_native_traceback_tells_the_signal_and_the_frames_of_the_faulting_thread_only() -> None:
    text = (
        "Fatal Python error: Segmentation fault\n\n"
        "Current thread 0x00007f01 (most recent call first):\n"
        '  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at\n'
        '  File "/home/ann/wedding photos/x.py", line 1 in y\n'
        "Ann was here\n\n"
        "Thread 0x00007f02 (most recent call first):\n"
        '  File "/usr/lib/python3.11/threading.py", line 10 in run\n'
    )
    told = Redactor("key").value("native_traceback", text)
    assert told == ["Segmentation fault", "ctypes/__init__.py:519 string_at"]


def test_the_trace_of_an_undeclared_error_tells_frames_and_kind_but_no_message() -> None:
    trace = (
        "Traceback (most recent call last):\n"
        '  File "/srv/app/steadfast/tasks/face_task.py", line 93, in load\n'
        "    self._engine = self._best_engine(self._sessions)\n"
        "ImportError: cannot import name 'x' from '/home/somebody/x.py'\n"
    )
    told = Redactor().value("trace", trace)
    assert told == ["tasks/face_task.py:93 load", "ImportError"]


def test_nothing_hides_nothing() -> None:
    assert Redactor("key").value("job_id", "") == ""
    assert Redactor("key").value("whatever", "") == ""


def test_the_id_of_a_job_is_ours_and_is_told_so_that_a_line_can_be_found_by_it() -> None:
    job_id = new_job_id()
    assert Redactor("key").value("job_id", job_id) == job_id
    assert Redactor("key").value("owner", "0a1b2c3d4e5f") == "0a1b2c3d4e5f"
    for foreign in ("anna-and-bert-at-the-beach", job_id + "x", "../etc/passwd"):
        assert Redactor("key").value("job_id", foreign).startswith("h:")
