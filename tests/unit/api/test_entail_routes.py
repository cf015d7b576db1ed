"""`POST /v1/entail`: forms and documents in, one honest answer out."""

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from steadfast.admission.gate import Gate
from steadfast.api.access import Access
from steadfast.api.application import Application
from steadfast.api.backend import Backend
from steadfast.api.entail_options import EntailOptions, request_of
from steadfast.api.intake import IntakeLimits, Room
from steadfast.entailment.answer import Answer
from steadfast.errors import InvalidModelOutput, NoFace, OutOfHostMemory
from steadfast.events import subscribe_to
from steadfast.observability.requests import RequestEnded, RequestOutcome
from steadfast.readings import ResultSampled, Sampled
from steadfast.runtime.in_memory import InMemoryRuntime
from steadfast.settings.entailment import EntailmentSettings
from steadfast.task import CanaryVerdict, OperatingPoint, Progress, Request, Response, Task
from steadfast.tasks.entail_messages import (
    TASK,
    EntailAnswer,
    EntailmentAnswered,
    EntailRequest,
    Probabilities,
)

FAILURES = {"oom": OutOfHostMemory, "nan": InvalidModelOutput, "caller": NoFace}


class Oracle(Task[EntailRequest]):
    """Says yes, or fails as the sentence says."""

    request_type = EntailRequest

    def load(self, point: OperatingPoint) -> None:
        """Nothing to load."""

    def run(self, request: Request[EntailRequest], progress: Progress) -> Response:
        if request.fields.text in FAILURES:
            raise FAILURES[request.fields.text]("as asked")
        said = f"{request.fields.text}|{request.fields.caption}|{bytes(request.blobs[0]).decode()}"
        answer = EntailAnswer(
            answer=Answer.YES,
            probabilities=Probabilities(yes=0.9, no=0.05, maybe=0.05),
            model=said,
            domain="shapes",
        )
        sampled = Sampled(engine=said, readings={"steadiness": 0.75})
        return Response(
            fields=answer,
            cost={"pixels": 4.0},
            afterwards=(lambda: sampled) if request.fields.sample else None,
        )

    def canary(self) -> CanaryVerdict:
        return CanaryVerdict(passed=True)


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    async def aside(call: Any, *arguments: Any) -> Any:
        return call(*arguments)

    limits = IntakeLimits(
        max_request_bytes=20 << 20, max_parts=8, buffer_bytes=1 << 20, body_grace_s=5.0, min_bytes_per_s=1.0
    )
    return Backend(
        runtime=InMemoryRuntime({TASK: Oracle({})}),
        gate=Gate(),
        access=Access(None, aside, ("testserver",)),
        room=Room(folder=tmp_path, memory_bytes=1 << 26, disk_bytes=1 << 26),
        limits=limits,
        deadline_s=5.0,
        entailment=EntailmentSettings(enabled=True),
    )


@pytest.fixture
def counted() -> Iterator[list[EntailmentAnswered]]:
    heard: list[EntailmentAnswered] = []
    stop = subscribe_to(EntailmentAnswered, heard.append)
    yield heard
    stop()


def ask(backend: Backend, **options: Any) -> httpx.Response:
    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(app=Application(backend))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await client.post("/v1/entail", **options)

    return asyncio.run(asking())


def document(**fields: Any) -> dict[str, Any]:
    return {"image": base64.b64encode(b"picture").decode(), "text": "a red circle", **fields}


def test_a_form_and_a_document_ask_the_same(backend: Backend) -> None:
    form = ask(backend, files={"image": b"picture"}, data={"text": "a red circle", "caption": "a drawing"})
    packed = ask(backend, json=document(caption="a drawing"))
    assert form.status_code == packed.status_code == 200
    assert form.json()["model"] == packed.json()["model"] == "a red circle|a drawing|picture"
    assert form.json()["answer"] == "yes"
    assert form.json()["probabilities"] == {"yes": 0.9, "no": 0.05, "maybe": 0.05}
    assert form.json()["domain"] == "shapes"


def test_a_data_url_is_base64_too(backend: Backend) -> None:
    url = "data:image/png;base64," + base64.b64encode(b"picture").decode()
    assert ask(backend, json=document(image=url)).json()["model"].endswith("|picture")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"json": {"text": "a"}}, 400, "invalid_option"),
        ({"json": document(image="???")}, 400, "malformed_request"),
        ({"json": document(image="")}, 400, "empty_input"),
        ({"json": document(texts="a")}, 400, "invalid_option"),
        ({"content": b"{"}, 400, "malformed_request"),
        ({"json": document(text="")}, 400, "empty_text"),
        ({"json": document(text="red " * 600)}, 413, "text_too_long"),
        ({"json": document(text="r" * 10_000_000)}, 413, "text_too_long"),
        ({"content": json.dumps(document(text="\ud800 red")).encode()}, 422, "text_unreadable"),
        ({"files": {"image": b"1"}}, 400, "invalid_option"),
        ({"files": {"image": b"1", "text": (None, b"red \xff circle")}}, 422, "text_unreadable"),
        ({"files": {"image": b"1"}, "data": {"text": "r" * 10_000_000}}, 413, "text_too_long"),
        ({"files": {"image": b"1"}, "data": {"text": "red " * 600}}, 413, "text_too_long"),
        ({"files": {"image": b"1"}, "data": {"text": "a", "caption": "\u200b"}}, 400, "empty_text"),
        ({"files": {"image": b"1"}, "data": {"text": "\u200b"}}, 400, "empty_text"),
        ({"files": [("image", b"1"), ("image", b"2")], "data": {"text": "a"}}, 400, "malformed_request"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_one_clear_error(
    backend: Backend, sent: dict[str, Any], status: int, code: str
) -> None:
    answer = ask(backend, **sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["remedy"]


def test_it_never_invents_an_answer(backend: Backend, counted: list[EntailmentAnswered]) -> None:
    answer = ask(backend, json=document(text="oom"))
    assert (answer.status_code, answer.json()["code"]) == (503, OutOfHostMemory.code)
    assert counted == []


def test_an_operator_may_have_a_maybe_that_says_why_and_is_counted_apart(
    backend: Backend, counted: list[EntailmentAnswered]
) -> None:
    backend.entailment = EntailmentSettings(enabled=True, on_failure="maybe")
    answer = ask(backend, json=document(text="nan")).json()
    assert (answer["answer"], answer["probabilities"]) == ("maybe", None)
    assert answer["reason"] == InvalidModelOutput.code
    assert answer["degraded"]
    ask(backend, json=document())
    assert [(fact.answer, fact.reason) for fact in counted] == [
        (Answer.MAYBE, InvalidModelOutput.code),
        (Answer.YES, ""),
    ]


def test_a_maybe_that_stands_in_counts_as_our_failure_in_the_ledger(backend: Backend) -> None:
    backend.entailment = EntailmentSettings(enabled=True, on_failure="maybe")
    ended: list[RequestEnded] = []
    stop = subscribe_to(RequestEnded, ended.append)
    try:
        assert ask(backend, json=document(text="nan")).status_code == 200
    finally:
        stop()
    assert [(event.status, event.code, event.outcome) for event in ended] == [
        (200, InvalidModelOutput.code, RequestOutcome.ERROR)
    ]


def test_the_caller_s_fault_stays_an_error_even_then(backend: Backend) -> None:
    backend.entailment = EntailmentSettings(enabled=True, on_failure="maybe")
    assert ask(backend, json=document(text="caller")).status_code == 422


def test_a_service_that_does_not_offer_it_says_so_and_is_not_at_fault(backend: Backend) -> None:
    backend.entailment = EntailmentSettings(enabled=False)
    answer = ask(backend, json=document())
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_route")
    assert "entailment.enabled" in answer.json()["remedy"]


def test_a_sampled_answer_is_told_with_its_model_and_nothing_of_what_was_asked(backend: Backend) -> None:
    told: list[ResultSampled] = []
    stop = subscribe_to(ResultSampled, told.append)
    backend.sampled = 1.0
    assert ask(backend, json=document()).status_code == 200
    backend.sampled = 0.0
    assert ask(backend, json=document()).status_code == 200
    stop()
    (one,) = told
    assert (one.task, one.engine, one.readings) == (TASK, "a red circle|None|picture", {"steadiness": 0.75})


def test_the_same_question_is_sampled_always_or_never() -> None:
    asked = [EntailOptions(text=f"There is a circle {number}.") for number in range(400)]
    drawn = [request_of(one, image_bytes=70, sampled=0.1).sample for one in asked]
    assert drawn == [request_of(one, image_bytes=70, sampled=0.1).sample for one in asked]
    assert 15 <= sum(drawn) <= 70


@pytest.mark.parametrize("letter", ["r", "\u00e9", "\u8d64"])
def test_ten_megabytes_are_counted_in_characters_however_they_come(backend: Backend, letter: str) -> None:
    text = letter * (10_000_000 // len(letter.encode()))
    form = ask(backend, files={"image": b"1"}, data={"text": text})
    packed = ask(backend, json=document(text=text))
    assert form.json()["detail"] == packed.json()["detail"]
    assert f"has {len(text)} characters" in form.json()["detail"]
