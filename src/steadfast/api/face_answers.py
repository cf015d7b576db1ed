"""What a worker said about faces, as an answer over HTTP: a picture with headers, or one document.

A worker is not trusted: what it says reaches a header as one line of ASCII, and a content type only by name.
"""

import base64
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from steadfast.api.exchange import Exchange
from steadfast.api.options import AnswerKind
from steadfast.api.order import Done, Order, Visit
from steadfast.api.replays import KeptAnswer
from steadfast.api.reply import Header
from steadfast.tasks.face_messages import CONTENT_TYPES, TASK, FaceAnswer, FaceJob

_JSON = b"application/json"


def answer_of(exchange: Exchange, order: Order, done: Done) -> KeptAnswer:
    """What is sent, and kept where the request carries an Idempotency-Key."""
    outcome = done.outcome
    answer = outcome.decode(FaceAnswer)
    _note_answer(exchange, answer, done)
    headers = _headers(exchange, answer, done)
    body = outcome.blobs[0] if outcome.blobs else b""
    if order.request.job is FaceJob.LIST:
        return KeptAnswer(status=200, content_type=_JSON, headers=headers, body=body)
    content_type = CONTENT_TYPES.get(answer.format, "application/octet-stream")
    if order.answer is AnswerKind.JSON:
        document = _document(exchange, answer, done, content_type)
        return KeptAnswer(status=200, content_type=_JSON, headers=headers, body=msgspec.json.encode(document))
    return KeptAnswer(status=200, content_type=content_type.encode(), headers=headers, body=body)


async def send_answer(exchange: Exchange, kept: KeptAnswer, more: Sequence[Header] = ()) -> None:
    """Sends it."""
    await exchange.answer(kept.status, kept.content_type, kept.body, [*kept.headers, *more])


def _headers(exchange: Exchange, answer: FaceAnswer, done: Done) -> list[Header]:
    outcome = done.outcome
    stages = [f"{name};dur={s * 1000:.1f}, " for name, s in answer.seconds.items()]
    timing = f"{''.join(stages)}queue;dur={done.queue_ms:.1f}, worker;dur={outcome.worked_ms:.1f}"
    headers = [
        (b"x-steadfast-engine", _header_text(answer.engine)),
        (b"x-steadfast-models", _header_text(",".join(answer.models))),
        (b"x-steadfast-faces", b"found=%d;swapped=%d" % (answer.faces_found, answer.faces_swapped)),
        (b"x-steadfast-attempts", b"%d" % outcome.attempts),
        (b"server-timing", _one_line(timing)),
    ]
    if outcome.degraded:
        headers.append((b"x-steadfast-degraded", _header_text("; ".join(outcome.degraded))))
    if answer.identity is not None:
        headers.append((b"x-steadfast-identity", b"%.4f" % answer.identity))
    if exchange.traceparent:
        headers.append((b"traceparent", exchange.traceparent.encode()))
    return headers


def _document(exchange: Exchange, answer: FaceAnswer, done: Done, content_type: str) -> dict[str, Any]:
    outcome = done.outcome
    return {
        "request_id": exchange.request_id.decode(),
        "engine": answer.engine,
        "models": answer.models,
        "degraded": outcome.degraded,
        "faces_found": answer.faces_found,
        "faces_swapped": answer.faces_swapped,
        "identity": answer.identity,
        "notes": answer.notes,
        "attempts": outcome.attempts,
        "timings_ms": {
            **{name: round(s * 1000, 2) for name, s in answer.seconds.items()},
            "queue": round(done.queue_ms, 2),
            "worker": round(outcome.worked_ms, 2),
        },
        "picture": {
            "content_type": content_type,
            "width": answer.width_px,
            "height": answer.height_px,
            "base64": base64.b64encode(outcome.blobs[0]).decode("ascii"),
        },
    }


def note_done(exchange: Exchange, order: Order, visit: Visit, done: Done) -> None:
    """What the log of requests says of one that was carried out."""
    outcome = done.outcome
    # What a worker says is looked at by name only: it must not overwrite what the server knows.
    drivers = {name: outcome.cost[name] for name in ("pixels", "faces", "swapped") if name in outcome.cost}
    exchange.noted.update(
        task=TASK,
        key=visit.key_id,
        worker=outcome.worker,
        attempts=outcome.attempts,
        degraded=outcome.degraded,
        bytes=sum(held.size_bytes for held in order.blobs),
        queue_ms=round(done.queue_ms, 3),
        infer_ms=round(outcome.worked_ms, 3),
        worked_ms=round(outcome.worked_ms, 3),
        priority=order.priority.value,
        **drivers,
    )
    if outcome.device_bytes:
        exchange.noted["device_mem_mb"] = round(outcome.device_bytes / 1e6, 1)
    if exchange.traceparent:
        exchange.noted["traceparent"] = exchange.traceparent


def _note_answer(exchange: Exchange, answer: FaceAnswer, done: Done) -> None:
    """The parts of the time in the worker, which only the task can tell, and what it found."""
    stages, worked_ms = answer.seconds, done.outcome.worked_ms
    decode_ms, encode_ms = stages.get("read", 0.0) * 1000, stages.get("write", 0.0) * 1000
    exchange.noted.update(
        engine=answer.engine,
        decode_ms=round(decode_ms, 3),
        infer_ms=round(max(0.0, worked_ms - decode_ms - encode_ms), 3),
        encode_ms=round(encode_ms, 3),
        faces=answer.faces_found,
        swapped=answer.faces_swapped,
        frames=1,
    )
    if answer.identity is not None:
        exchange.noted["identity"] = answer.identity


def _one_line(text: str) -> bytes:
    """Text as a header can carry it: ASCII on one line."""
    return " ".join(text.split()).encode("ascii", "replace")


_header_text = lru_cache(maxsize=256)(_one_line)
"""The same for what is said of many answers."""
