"""Commands about jobs, against a service that breaks off, goes away and comes back."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from steadfast.cli.job_download import download
from steadfast.cli.job_uploads import Uploader, check_files
from steadfast.cli.job_views import counted
from steadfast.cli.job_watch import events_in, pace_of, told_of
from steadfast.cli.service_client import ServiceClient
from steadfast.errors import BlobDamaged, InputMissing, ServiceUnreachable

CONTENT = bytes(range(256)) * 4000


class Service:
    """Answers instead of a network; a client that sleeps sleeps not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[httpx.Request] = []
        self.answer: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(404)
        transport = httpx.MockTransport(self._serve)
        monkeypatch.setattr(httpx, "request", self._through(transport, "request"))
        monkeypatch.setattr(httpx, "stream", self._through(transport, "stream"))
        monkeypatch.delenv("STEADFAST_URL", raising=False)
        self.client = ServiceClient(sleep=lambda _: None)

    def _serve(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answer(request)

    def _through(self, transport: httpx.MockTransport, how: str) -> Callable[..., Any]:
        return getattr(httpx.Client(transport=transport), how)  # type: ignore[no-any-return]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    return Service(monkeypatch)


class BreaksOff(httpx.SyncByteStream):
    """A body that ends before its end."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Any:
        yield self._content
        raise httpx.ReadError("gone")


def ranged(service: Service, *, breaks_off_at: int | None = None, lies: bool = False) -> None:
    digest = base64.b64encode(hashlib.sha256(b"" if lies else CONTENT).digest()).decode()
    headers = {"etag": '"one"', "repr-digest": f"sha-256=:{digest}:"}

    def answer(request: httpx.Request) -> httpx.Response:
        first = int(request.headers.get("range", "bytes=0-")[6:-1])
        rest = CONTENT[first:]
        status = 206 if first else 200
        if first == 0 and breaks_off_at is not None:
            cut = BreaksOff(rest[:breaks_off_at])
            return httpx.Response(status, headers=headers | {"content-length": str(len(rest))}, stream=cut)
        return httpx.Response(status, headers=headers, content=rest)

    service.answer = answer


def test_a_download_that_breaks_off_goes_on_where_it_stopped(service: Service, tmp_path: Path) -> None:
    ranged(service, breaks_off_at=300_000)
    assert download(service.client, "/r", tmp_path / "out", lambda *_: None) == len(CONTENT)
    assert (tmp_path / "out").read_bytes() == CONTENT
    first, second = service.asked
    assert "range" not in first.headers
    assert int(second.headers["range"][6:-1]) > 200_000
    assert second.headers["if-range"] == '"one"'
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_what_was_fetched_wrong_gets_no_name(service: Service, tmp_path: Path) -> None:
    ranged(service, lies=True)
    with pytest.raises(BlobDamaged):
        download(service.client, "/r", tmp_path / "out", lambda *_: None)
    assert list(tmp_path.iterdir()) == []


def test_an_upload_goes_on_where_it_stands_also_in_another_run(service: Service, tmp_path: Path) -> None:
    file, memory = tmp_path / "clip.mp4", tmp_path / "uploads.json"
    file.write_bytes(CONTENT)
    has = bytearray()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(201, headers={"location": "/v1/uploads/u1"})
        if request.method == "PATCH":
            if not has:
                has.extend(request.content[:1000])
                raise httpx.ReadError("gone")
            has.extend(request.content)
        return httpx.Response(204, headers={"upload-offset": str(len(has))})

    service.answer = answer
    assert Uploader(service.client, memory, lambda *_: None).send(file) == "upload:u1"
    assert bytes(has) == CONTENT
    another = Uploader(service.client, memory, lambda *_: None)
    assert another.send(file) == "upload:u1"
    assert [one.method for one in service.asked].count("POST") == 1
    another.forget()
    assert service.asked[-1].method == "DELETE"
    assert memory.read_text() == "{}"


def test_a_service_that_stays_away_is_given_up_after_a_minute(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now_s[0])
    client = ServiceClient(sleep=lambda pause_s: now_s.__setitem__(0, now_s[0] + pause_s))

    def away() -> None:
        raise ServiceUnreachable("No service answers.")

    with pytest.raises(ServiceUnreachable):
        client.patiently(away)
    assert 50 < now_s[0] <= 60


def test_files_that_are_none_are_said_before_anything_is_sent(tmp_path: Path) -> None:
    check_files(["upload:x", "s3://bucket/y"])
    for text, what in ((str(tmp_path / "no"), "does not exist"), (str(tmp_path), "is a folder")):
        with pytest.raises(InputMissing, match=what):
            check_files([text])


def test_what_happens_is_told_in_lines_for_people() -> None:
    lines = [
        "retry: 2000",
        "",
        "event: state",
        'data: {"kind": "state", "data": {"state": "failed"}}',
        ": beat",
    ]
    (event,) = events_in(iter(lines))
    assert str(told_of(event)) == "failed"
    progress = {
        "items_total": 1,
        "items_done": 0,
        "frames_total": 120,
        "frames_done": 60,
        "fps": 30.0,
        "left_s": 65.0,
    }
    assert pace_of(progress) == "60/120 frames · 30 frames/s · 1:05 left"


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        ("priority", {"priority": "high"}, "priority high"),
        (
            "callback",
            {"event": "job.running", "outcome": "retrying", "attempts": 1, "detail": "no answer within 10 s"},
            "callback job.running: retrying, no answer within 10 s",
        ),
        (
            "deleted",
            {"what": "inputs", "files": 2, "bytes": 10, "reason": "retention"},
            "inputs deleted: 2 files, retention",
        ),
    ],
)
def test_what_happened_beside_the_states_is_told_in_words(kind: str, data: dict[str, Any], told: str) -> None:
    assert str(told_of({"kind": kind, "data": data})) == told


def test_numbers_of_things_are_told_as_people_say_them() -> None:
    assert (counted(1, "job"), counted(2, "job"), counted(1200, "row")) == ("1 job", "2 jobs", "1,200 rows")
