"""`POST /v1/swap` and `POST /v1/faces`: from bytes on the wire to a request in a worker, and back."""

import asyncio
import time
from collections.abc import Sequence

import msgspec

from steadfast.admission.arrival import Arrival
from steadfast.admission.header_reader import read_header
from steadfast.api.backend import Backend
from steadfast.api.entrance import enter
from steadfast.api.exchange import Exchange
from steadfast.api.face_answers import answer_of, note_done, send_answer
from steadfast.api.forms import read_form
from steadfast.api.intake import Held, Intake
from steadfast.api.options import (
    AnswerKind,
    deadline_of,
    faces_options,
    priority_of,
    swap_options,
)
from steadfast.api.order import Done, Order, Visit
from steadfast.api.replays import Answered, KeptAnswer, Wanted, fingerprint_of, key_in
from steadfast.errors import DeadlineExceeded, EmptyInput, MalformedRequest
from steadfast.readings import is_drawn
from steadfast.tasks.face_messages import TASK, FaceJob, FaceRequest

_SWAP_FILES = frozenset({"source", "target", "reference"})
_FACES_FILES = frozenset({"image"})
_ENGINES = frozenset({"embedded", "standard", "neural"})
_MULTIPART = b"multipart/form-data"
_OF_A_SWAP = {"job": FaceJob.SWAP.value}
_OF_A_LIST = {"job": FaceJob.LIST.value}


class FaceRoutes:
    """The two routes that do work."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._engine = "other"
        """That of the last answer: the next one will be of the same, unless a place steps down."""

    async def swap(self, exchange: Exchange) -> None:
        """Answers a picture with its faces exchanged."""
        visit = await enter(self._backend, exchange, task=TASK, features=_OF_A_SWAP)
        with Intake(exchange, self._backend.room, self._backend.limits) as intake:
            order = await self._read_swap(exchange, intake)
            answer, more = await self._carry_out(exchange, order, visit)
        # What came in is given back first: nobody needs it while a slow client takes the answer.
        await send_answer(exchange, answer, more)

    async def faces(self, exchange: Exchange) -> None:
        """Answers what is known of the faces of a picture."""
        visit = await enter(self._backend, exchange, task=TASK, features=_OF_A_LIST)
        with Intake(exchange, self._backend.room, self._backend.limits) as intake:
            order = await self._read_faces(exchange, intake)
            answer, more = await self._carry_out(exchange, order, visit)
        # What came in is given back first: nobody needs it while a slow client takes the answer.
        await send_answer(exchange, answer, more)

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
                sample=is_sampled([*sources, target], self._backend.sampled),
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

    async def _carry_out(self, exchange: Exchange, order: Order, visit: Visit) -> Answered:
        given = key_in(exchange.headers.get(b"idempotency-key"))
        if given is None or self._backend.replays is None:
            done = await self._submit(exchange, order, visit)
            return self._answer_of(exchange, order, done), ()
        return await self._carry_out_once(exchange, order, visit, given)

    async def _carry_out_once(self, exchange: Exchange, order: Order, visit: Visit, given: str) -> Answered:
        replays = self._backend.replays
        assert replays is not None
        said = (exchange.path.encode(), msgspec.msgpack.encode(order.request), order.answer.encode())
        wanted = Wanted(
            owner=visit.key,
            key=given,
            fingerprint=await asyncio.to_thread(fingerprint_of, said, order.blobs),
            hold_s=order.deadline_s or self._backend.deadline_s,
        )

        async def answer() -> KeptAnswer:
            return self._answer_of(exchange, order, await self._submit(exchange, order, visit))

        return await replays.once(wanted, answer)

    def _answer_of(self, exchange: Exchange, order: Order, done: Done) -> KeptAnswer:
        answer = answer_of(exchange, order, done)
        engine = exchange.noted.get("engine", "")
        self._engine = engine if engine in _ENGINES else "other"  # a worker's word: there are few of these
        return answer

    async def _submit(self, exchange: Exchange, order: Order, visit: Visit) -> Done:
        now_s = time.monotonic()
        exchange.noted["receive_ms"] = round((now_s - visit.began_s) * 1000, 3)
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
            size_bytes=sum([held.size_bytes for held in order.blobs]),
            features=features_of(order.request, order.blobs, self._engine),
        )
        payloads = [held.payload for held in order.blobs]
        # Before the gate: what nobody will touch must not wait for a worker first.
        await self._backend.runtime.refuse_poison(TASK, order.request, payloads)
        async with self._backend.gate.admit(arrival, knocked=True) as permit:
            left_s -= time.monotonic() - now_s
            outcome = await self._backend.runtime.submit(
                TASK, order.request, payloads, deadline_s=max(0.0, left_s)
            )
            permit.finished(outcome.cost, worked_s=outcome.worked_ms / 1000)
            queue_ms = (time.monotonic() - now_s) * 1000 - outcome.worked_ms
            done = Done(outcome=outcome, queue_ms=max(0.0, queue_ms))
            note_done(exchange, order, visit, done)
            if permit.predicted_s is not None:
                exchange.noted["predicted_ms"] = round(permit.predicted_s * 1000, 3)
            return done


def _the_one(found: Sequence[Held], name: str) -> Held:
    if len(found) != 1:
        raise MalformedRequest(f"The form must have one part named {name}; it has {len(found)}.")
    return found[0]


def is_sampled(blobs: Sequence[Held], share: float) -> bool:
    """Whether the result is measured: by lot, and the same lot whenever the same request comes again.

    A lot drawn anew each time would make one request into two: for what is poison, and for what was asked
    before under an `Idempotency-Key`. Sizes are all of a request that does not depend on how it came in.
    """
    return is_drawn(",".join(str(held.size_bytes) for held in blobs), share)


def features_of(request: FaceRequest, blobs: Sequence[Held], engine: str) -> dict[str, float | str]:
    """What its time may depend on, as far as that is known before anything is decoded."""
    return {
        "bytes": float(sum([held.size_bytes for held in blobs])),
        "sources": float(request.sources),
        "job": request.job.value,
        "engine": engine,
        "enhance": float(request.enhance),
        **read_header(blobs[-1].head).features(),
    }


def _filled(blobs: Sequence[Held]) -> Sequence[Held]:
    if any(held.size_bytes == 0 for held in blobs):
        raise EmptyInput("A picture of the request has no bytes.")
    return blobs
