"""The whole application without sockets and processes: every request is answered, whatever happens."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.faulty_faces import FaultyFaces, act

from steadfast.admission.gate import Gate
from steadfast.admission.keys import ApiKey, utc_now
from steadfast.admission.scopes import Scope
from steadfast.api.access import Access
from steadfast.api.application import Application
from steadfast.api.backend import Backend
from steadfast.api.exchange import Exchange
from steadfast.api.intake import IntakeLimits, Room
from steadfast.assembly.measuring import service_metrics
from steadfast.errors import ShuttingDown
from steadfast.events import subscribe_to
from steadfast.health.probes.devices import Nvml
from steadfast.observability.requests import RequestEnded, RequestOutcome
from steadfast.runtime.in_memory import InMemoryRuntime
from steadfast.settings import Settings
from steadfast.tasks.face_messages import TASK


@pytest.fixture
def runtime() -> InMemoryRuntime:
    return InMemoryRuntime({TASK: FaultyFaces({})})


@pytest.fixture
def backend(tmp_path: Path, runtime: InMemoryRuntime) -> Iterator[Backend]:
    asyncio.run(runtime.start())
    limits = IntakeLimits(
        max_request_bytes=10_000, max_parts=6, buffer_bytes=5_000, body_grace_s=5.0, min_bytes_per_s=1e6
    )
    room = Room(folder=tmp_path, memory_bytes=50_000, disk_bytes=50_000)
    backend = Backend(
        runtime=runtime,
        gate=Gate(),
        access=Access(None, None),
        room=room,
        limits=limits,
        deadline_s=5.0,
    )
    backend.metrics = service_metrics(Settings(data_dir=tmp_path), backend, Nvml())
    yield backend
    assert (room.held_bytes, room.filed_bytes) == (0, 0)
    assert list(tmp_path.iterdir()) == []


def ask(backend: Backend, method: str, path: str, **options: Any) -> httpx.Response:
    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(app=Application(backend))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **options)

    return asyncio.run(asking())


def swap(backend: Backend, do: str = "echo", **options: Any) -> httpx.Response:
    return ask(backend, "POST", "/v1/swap", files={"source": b"s", "target": act(do)}, **options)


def test_a_swap_goes_through_to_the_task_and_back(backend: Backend) -> None:
    answer = swap(backend)
    assert answer.status_code == 200
    assert answer.json()["sizes"] == [1, len(act())]
    assert answer.headers["x-steadfast-faces"] == "found=2;swapped=1"


def test_several_sources_and_a_reference_reach_the_task_in_order(backend: Backend) -> None:
    files = [("source", b"1"), ("reference", b"333"), ("source", b"22"), ("target", act())]
    answer = ask(backend, "POST", "/v1/swap", files=files)
    assert answer.json()["sizes"] == [1, 2, 3, len(act())]


def test_options_may_stand_in_the_query_too(backend: Backend) -> None:
    assert swap(backend, params={"format": "json"}).json()["engine"] == "faulty"
    assert swap(backend, params={"quality": "900"}).status_code == 400


@pytest.mark.parametrize("twice", ["target", "reference"])
def test_of_target_and_reference_there_is_one(backend: Backend, twice: str) -> None:
    files = [("source", b"1"), ("target", act()), (twice, b"2"), (twice, b"2")]
    answer = ask(backend, "POST", "/v1/swap", files=files)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


def test_a_bug_of_our_own_is_answered_without_its_words(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("the secret is 42")

    monkeypatch.setattr(backend.access, "check_names", fail)
    answer = ask(backend, "GET", "/health")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "42" not in answer.text


def test_while_stopping_probes_answer_and_work_is_refused(backend: Backend) -> None:
    backend.stopping = True
    refused = swap(backend)
    assert (refused.status_code, refused.json()["code"]) == (503, ShuttingDown.code)
    assert refused.headers["connection"] == "close"
    assert ask(backend, "GET", "/health/live").status_code == 200
    assert ask(backend, "GET", "/health/ready").status_code == 503
    assert ask(backend, "GET", "/health/simple").text == "FAIL"


def test_a_task_that_is_not_ready_turns_readiness_red_with_its_reason(
    backend: Backend, runtime: InMemoryRuntime
) -> None:
    assert ask(backend, "GET", "/healthz").status_code == 200
    runtime.why_not_ready = "no worker is loaded"
    answer = ask(backend, "GET", "/health/ready", params={"task": TASK})
    assert answer.status_code == 503
    assert answer.json()["tasks"][TASK]["why_not"] == "no worker is loaded"


def test_every_answer_is_counted_by_route_and_status(backend: Backend) -> None:
    swap(backend)
    swap(backend, "no_face")
    ask(backend, "GET", "/etc/passwd")
    text = ask(backend, "GET", "/metrics").text
    assert "steadfast_build_info" in text
    assert 'steadfast_http_requests_total{route="/v1/swap",status="200"} 1.0' in text
    assert 'steadfast_http_requests_total{route="/v1/swap",status="422"} 1.0' in text
    assert 'steadfast_http_requests_total{route="other",status="404"} 1.0' in text
    assert f'steadfast_task_ready{{task="{TASK}"}} 1.0' in text
    assert "passwd" not in text


def test_a_deadline_that_is_over_before_the_body_has_come_is_a_504(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(exchange: Exchange, scope: object) -> str:
        await asyncio.sleep(0)
        return "anonymous"

    monkeypatch.setattr(backend.access, "admit", late)
    answer = swap(backend, headers={"X-Deadline-Ms": "0"})
    assert answer.status_code == 400
    answer = ask(backend, "POST", "/v1/faces", content=act("work", seconds=1), headers={"X-Deadline-Ms": "1"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")


def test_the_end_of_every_request_for_work_is_stated_once_and_of_no_other(backend: Backend) -> None:
    ended: list[RequestEnded] = []
    end = subscribe_to(RequestEnded, ended.append)
    swap(backend)
    swap(backend, "no_face")
    ask(backend, "GET", "/health")
    end()
    assert [one.outcome for one in ended] == [RequestOutcome.OK, RequestOutcome.CALLER_ERROR]
    done, refused = ended
    assert (done.task, done.engine, done.faces, done.swapped, done.frames) == (TASK, "faulty", 2, 1, 1)
    assert done.took_s >= done.worked_s > 0
    assert (refused.task, refused.code) == (TASK, "no_face")


def test_the_submission_of_a_job_is_a_request_for_work_and_a_question_about_jobs_is_none(
    backend: Backend,
) -> None:
    ended: list[RequestEnded] = []
    end = subscribe_to(RequestEnded, ended.append)
    assert backend.metrics is not None
    backend.metrics.start()
    ask(backend, "POST", "/v1/jobs", json={})  # jobs are switched off here: the caller's error
    ask(backend, "GET", "/v1/jobs")
    text = backend.metrics.expose()[1].decode()
    backend.metrics.stop()
    end()
    assert [(one.is_submission, one.outcome) for one in ended] == [(True, RequestOutcome.CALLER_ERROR)]
    assert 'steadfast_requests_total{engine="",outcome="caller_error",task=""} 1.0' in text
    assert "steadfast_request_duration_seconds_count{" not in text  # the time of an upload is no latency


class OneKey:
    """Knows one key, with these scopes."""

    def __init__(self, *scopes: Scope) -> None:
        self.key = ApiKey(
            id="k",
            name="",
            scopes=frozenset(scopes),
            created_at=utc_now(),
            expires_at=None,
            revoked_at=None,
            last_used_at=None,
        )

    def recall(self, token: str) -> ApiKey | None:
        return self.key

    check = recall


@pytest.mark.parametrize(
    ("scopes", "status"), [([Scope.METRICS], 200), ([Scope.ADMIN], 200), ([Scope.SWAP, Scope.JOBS], 403)]
)
def test_figures_need_a_key_with_the_scope_for_them_where_keys_are_asked_for(
    backend: Backend, scopes: list[Scope], status: int
) -> None:
    backend.access = Access(OneKey(*scopes), None)  # type: ignore[arg-type]
    assert ask(backend, "GET", "/metrics", headers={"authorization": "Bearer k"}).status_code == status
    assert ask(backend, "GET", "/metrics").status_code == 401
    backend.metrics_need_key = False
    assert ask(backend, "GET", "/metrics").status_code == 200


def test_figures_that_are_switched_off_are_not_served(backend: Backend) -> None:
    backend.metrics = None
    assert ask(backend, "GET", "/metrics").status_code == 404


def test_a_page_of_another_site_may_not_read_figures(backend: Backend) -> None:
    answer = ask(backend, "GET", "/metrics", headers={"host": "evil.example"})
    assert answer.status_code == 403


def test_who_knows_openmetrics_is_answered_in_it(backend: Backend) -> None:
    answer = ask(backend, "GET", "/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0"})
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.text.endswith("# EOF\n")
