"""What a worker says becomes headers and documents, and nothing else."""

import msgspec
from tests.unit.api.asgi import exchange

from steadfast.admission.arrival import Priority
from steadfast.api.face_answers import answer_of, note_done
from steadfast.api.options import AnswerKind
from steadfast.api.order import Done, Order, Visit
from steadfast.runtime.ticket import Outcome
from steadfast.tasks.face_messages import FaceAnswer, FaceJob, FaceRequest


def order(job: FaceJob = FaceJob.SWAP, answer: AnswerKind = AnswerKind.PICTURE) -> Order:
    return Order(
        request=FaceRequest(job=job), blobs=[], deadline_s=None, priority=Priority.STANDARD, answer=answer
    )


def done(answer: FaceAnswer, *, degraded: tuple[str, ...] = (), cost: dict[str, float] | None = None) -> Done:
    outcome = Outcome(
        fields=msgspec.msgpack.encode(answer),
        blobs=(b"bytes",),
        degraded=degraded,
        cost=cost or {},
        worker="w",
        attempts=1,
        waited_ms=1.0,
        worked_ms=2.0,
    )
    return Done(outcome=outcome, queue_ms=3.0)


PLAIN = FaceAnswer(engine="standard", models=("a", "b"), format="png")


def test_a_picture_has_the_type_of_its_format() -> None:
    kept = answer_of(exchange(), order(), done(PLAIN))
    assert (kept.content_type, kept.body) == (b"image/png", b"bytes")
    assert dict(kept.headers)[b"x-steadfast-models"] == b"a,b"
    assert b"queue;dur=3.0" in dict(kept.headers)[b"server-timing"]


def test_a_format_nobody_knows_never_becomes_a_type_that_a_browser_runs() -> None:
    answer = FaceAnswer(engine="standard", models=(), format="text/html")
    assert answer_of(exchange(), order(), done(answer)).content_type == b"application/octet-stream"


def test_what_a_worker_says_cannot_begin_a_header_of_its_own() -> None:
    answer = FaceAnswer(engine="x\r\nset-cookie: a=b", models=("é\n",), seconds={"a\r\nb": 1.0})
    kept = answer_of(exchange(), order(), done(answer, degraded=("one\r\ntwo", "drei – vier")))
    for _, value in kept.headers:
        assert value.isascii()
        assert b"\r" not in value
        assert b"\n" not in value


def test_a_listing_is_passed_on_as_it_is() -> None:
    kept = answer_of(exchange(), order(FaceJob.LIST), done(PLAIN))
    assert (kept.content_type, kept.body) == (b"application/json", b"bytes")


def test_what_was_given_up_is_told_in_header_and_document() -> None:
    given_up = done(PLAIN, degraded=("smaller",))
    assert dict(answer_of(exchange(), order(), given_up).headers)[b"x-steadfast-degraded"] == b"smaller"
    kept = answer_of(exchange(), order(answer=AnswerKind.JSON), given_up)
    document = msgspec.json.decode(kept.body)
    assert document["degraded"] == ["smaller"]
    assert document["picture"]["content_type"] == "image/png"


def test_a_worker_s_numbers_cannot_overwrite_what_the_server_notes() -> None:
    asked = exchange()
    note_done(asked, order(), Visit(key="k1", began_s=0.0), done(PLAIN, cost={"pixels": 4.0, "key": 666.0}))
    assert (asked.noted["pixels"], asked.noted["key"]) == (4.0, "k1")
