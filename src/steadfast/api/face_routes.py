"""`POST /v1/swap` and `POST /v1/faces`: from bytes on the wire to a request in a worker, and back."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from steadfast.admission.arrival import Arrival, Priority
from steadfast.admission.header_reader import read_header
from steadfast.admission.scopes import Scope
from steadfast.api.access import ANONYMOUS
from steadfast.api.backend import Backend
from steadfast.api.exchange import Exchange, Header
from steadfast.api.forms import read_form
from steadfast.api.intake import Held, Intake, announced_bytes
from steadfast.api.options import (
    AnswerKind,
    deadline_of,
    faces_options,
    priority_of,
    swap_options,
)
from steadfast.api.replays import KeptAnswer, Wanted, fingerprint_of, key_in
from steadfast.errors import (
    DeadlineExceeded,
    EmptyInput,
    MalformedRequest,
    ShuttingDown,
)
from steadfast.runtime.ticket import Outcome
from steadfast.tasks.face_messages import CONTENT_TYPES, TASK, FaceAnswer, FaceJob, FaceRequest

_SWAP_FILES = frozenset({"source", "target", "reference"})
_FACES_FILES = frozenset({"image"})
_MULTIPART = b"multipart/form-data"
_JSON = b"application/json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A request that is complete and about to be admitted."""

    request: FaceRequest
    blobs: Sequence[Held]
    deadline_s: float | None
    """From the arrival of the headers, as the client said; None: the default, from now on."""
    priority: Priority
    answer: AnswerKind = AnswerKind.PICTURE


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """Who asks, and since when."""

    key: str
    began_s: float
    """On the loop's clock, when the headers were complete."""

    @property
    def key_id(self) -> str:
        """As admission knows it: empty where no key is needed."""
        return "" if self.key == ANONYMOUS else self.key


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """An order that was carried out."""

    outcome: Outcome
    queue_ms: float
    """From its last byte to its answer, without the time in the worker."""


class FaceRoutes:
    """The two routes that do work."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def swap(self, exchange: Exchange) -> None:
        """Answers a picture with its faces exchanged."""
        visit = await self._enter(exchange)
        with Intake(exchange, self._backend.room, self._backend.limits) as intake:
            order = await self._read_swap(exchange, intake)
            await self._carry_out(exchange, order, visit)

    async def faces(self, exchange: Exchange) -> None:
        """Answers what is known of the faces of a picture."""
        visit = await self._enter(exchange)
        with Intake(exchange, self._backend.room, self._backend.limits) as intake:
            order = await self._read_faces(exchange, intake)
            await self._carry_out(exchange, order, visit)

    async def _enter(self, exchange: Exchange) -> Visit:
        """Refuses whom it can before anything of the body is read."""
        visit = Visit(
            began_s=asyncio.get_running_loop().time(),
            key=await self._backend.access.admit(exchange, Scope.SWAP),
        )
        if self._backend.stopping:
            raise ShuttingDown("The service is stopping.", retry_after_s=1.0)
        deadline_s, _ = deadline_of(exchange, None, self._backend.deadline_s)
        self._backend.gate.knock(
            Arrival(
                task=TASK,
                key=visit.key_id,
                address=exchange.address,
                priority=priority_of(exchange, None),
                deadline_s=deadline_s,
                size_bytes=announced_bytes(exchange),
            )
        )
        return visit

    # --- reading ----------------------------------------------------------------------------------------

    async def _read_swap(self, exchange: Exchange, intake: Intake) -> Order:
        form = await read_form(
            exchange, intake, file_names=_SWAP_FILES, max_parts=self._backend.limits.max_parts
        )
        options = swap_options(exchange.query | form.fields, exchange)
        target = _the_one(form.named("target"), "target")
        sources = form.named("source")
        if not sources:
            raise MalformedRequest("The form has no part named source.")
        references = form.named("reference")
        reference = [_the_one(references, "reference")] if references else []
        return Order(
            request=FaceRequest(
                job=FaceJob.SWAP,
                sources=len(sources),
                has_reference=bool(reference),
                faces=options.faces,
                min_similarity=options.min_similarity,
                enhance=options.enhance,
                format=options.format,
                quality=options.quality,
                measure=options.measure,
            ),
            blobs=_filled([*sources, *reference, target]),
            deadline_s=self._deadline(exchange, options.deadline_s),
            priority=priority_of(exchange, options.priority),
            answer=options.answer or AnswerKind.PICTURE,
        )

    async def _read_faces(self, exchange: Exchange, intake: Intake) -> Order:
        fields = exchange.query
        if exchange.headers.get(b"content-type", b"").startswith(_MULTIPART):
            form = await read_form(
                exchange, intake, file_names=_FACES_FILES, max_parts=self._backend.limits.max_parts
            )
            fields = fields | form.fields
            image = _the_one(form.named("image"), "image")
        else:
            image = await intake.raw()
        options = faces_options(fields)
        return Order(
            request=FaceRequest(job=FaceJob.LIST, full=options.full),
            blobs=_filled([image]),
            deadline_s=self._deadline(exchange, options.deadline_s),
            priority=priority_of(exchange, options.priority),
        )

    def _deadline(self, exchange: Exchange, field_s: float | None) -> float | None:
        deadline_s, said = deadline_of(exchange, field_s, self._backend.deadline_s)
        return deadline_s if said else None

    # --- doing ------------------------------------------------------------------------------------------

    async def _carry_out(self, exchange: Exchange, order: Order, visit: Visit) -> None:
        given = key_in(exchange.headers.get(b"idempotency-key"))
        if given is None or self._backend.replays is None:
            done = await self._submit(exchange, order, visit)
            await _send(exchange, _answer(exchange, order, done))
            return
        await self._carry_out_once(exchange, order, visit, given)

    async def _carry_out_once(self, exchange: Exchange, order: Order, visit: Visit, given: str) -> None:
        replays = self._backend.replays
        assert replays is not None
        said = (exchange.path.encode(), msgspec.msgpack.encode(order.request), order.answer.encode())
        wanted = Wanted(
            owner=visit.key,
            key=given,
            fingerprint=await asyncio.to_thread(fingerprint_of, said, order.blobs),
            hold_s=order.deadline_s or self._backend.deadline_s,
        )
        claim = await replays.claim(wanted)
        if isinstance(claim, KeptAnswer):
            await _send(exchange, claim, ((b"idempotent-replayed", b"true"),))
            return
        try:
            done = await self._submit(exchange, order, visit)
        except BaseException:
            # A repetition is carried out anew: what failed may succeed, what was wrong fails as fast again.
            await asyncio.shield(replays.abandon(claim))
            raise
        answer = _answer(exchange, order, done)
        await replays.keep(claim, answer)
        await _send(exchange, answer)

    async def _submit(self, exchange: Exchange, order: Order, visit: Visit) -> Done:
        now_s = asyncio.get_running_loop().time()
        left_s = self._backend.deadline_s
        if order.deadline_s is not None:
            left_s = order.deadline_s - (now_s - visit.began_s)
            if left_s <= 0:
                raise DeadlineExceeded("The time allowed was over before the request had come in.")
        arrival = Arrival(
            task=TASK,
            key=visit.key_id,
            address=exchange.address,
            priority=order.priority,
            deadline_s=left_s,
            size_bytes=sum(held.size_bytes for held in order.blobs),
            features=features_of(order.request, order.blobs),
        )
        payloads = [held.payload for held in order.blobs]
        # Before the gate: what nobody will touch must not wait for a worker first.
        await self._backend.runtime.refuse_poison(TASK, order.request, payloads)
        async with self._backend.gate.admit(arrival, knocked=True) as permit:
            left_s -= asyncio.get_running_loop().time() - now_s
            outcome = await self._backend.runtime.submit(
                TASK, order.request, payloads, deadline_s=max(0.0, left_s)
            )
            permit.finished(outcome.cost, worked_s=outcome.worked_ms / 1000)
            queue_ms = (asyncio.get_running_loop().time() - now_s) * 1000 - outcome.worked_ms
            done = Done(outcome=outcome, queue_ms=max(0.0, queue_ms))
            _note(exchange, order, visit, done)
            return done


def _the_one(found: Sequence[Held], name: str) -> Held:
    if len(found) != 1:
        raise MalformedRequest(f"The form must have one part named {name}; it has {len(found)}.")
    return found[0]


def features_of(request: FaceRequest, blobs: Sequence[Held]) -> dict[str, float | str]:
    """What its time may depend on, as far as that is known before anything is decoded."""
    return {
        "bytes": float(sum(held.size_bytes for held in blobs)),
        "sources": float(request.sources),
        "job": request.job.value,
        "enhance": float(request.enhance),
        **read_header(blobs[-1].head).features(),
    }


def _filled(blobs: Sequence[Held]) -> Sequence[Held]:
    if any(held.size_bytes == 0 for held in blobs):
        raise EmptyInput("A picture of the request has no bytes.")
    return blobs


def _answer(exchange: Exchange, order: Order, done: Done) -> KeptAnswer:
    outcome = done.outcome
    answer = outcome.decode(FaceAnswer)
    headers = _headers(exchange, answer, done)
    body = outcome.blobs[0] if outcome.blobs else b""
    if order.request.job is FaceJob.LIST:
        return KeptAnswer(status=200, content_type=_JSON, headers=headers, body=body)
    content_type = CONTENT_TYPES.get(answer.format, "application/octet-stream")
    if order.answer is AnswerKind.JSON:
        document = _document(exchange, answer, done, content_type)
        return KeptAnswer(status=200, content_type=_JSON, headers=headers, body=msgspec.json.encode(document))
    return KeptAnswer(status=200, content_type=content_type.encode(), headers=headers, body=body)


async def _send(exchange: Exchange, kept: KeptAnswer, more: Sequence[Header] = ()) -> None:
    await exchange.answer(kept.status, kept.content_type, kept.body, [*kept.headers, *more])


def _headers(exchange: Exchange, answer: FaceAnswer, done: Done) -> list[Header]:
    outcome = done.outcome
    stages = {**{name: s * 1000 for name, s in answer.seconds.items()}, "queue": done.queue_ms}
    timing = ", ".join(f"{name};dur={ms:.1f}" for name, ms in {**stages, "worker": outcome.worked_ms}.items())
    headers = [
        (b"x-steadfast-engine", answer.engine.encode()),
        (b"x-steadfast-models", ",".join(answer.models).encode()),
        (b"x-steadfast-faces", b"found=%d;swapped=%d" % (answer.faces_found, answer.faces_swapped)),
        (b"x-steadfast-attempts", b"%d" % outcome.attempts),
        (b"server-timing", timing.encode()),
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


def _note(exchange: Exchange, order: Order, visit: Visit, done: Done) -> None:
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
        **drivers,
    )
    if exchange.traceparent:
        exchange.noted["traceparent"] = exchange.traceparent


def _header_text(text: str) -> bytes:
    """Text as a header can carry it: ASCII on one line."""
    return " ".join(text.split()).encode("ascii", "replace")
