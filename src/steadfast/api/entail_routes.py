"""`POST /v1/entail`: does a sentence follow from a picture? From bytes on the wire to a worker, and back."""

import asyncio
import time
from dataclasses import dataclass

import msgspec

from steadfast.admission.arrival import Arrival, Priority
from steadfast.admission.header_reader import read_header
from steadfast.api.backend import Backend
from steadfast.api.entail_answers import answer_of, stand_in
from steadfast.api.entail_options import EntailOptions, document_of, options_of_form, request_of
from steadfast.api.entrance import enter
from steadfast.api.exchange import Exchange
from steadfast.api.face_answers import send_answer
from steadfast.api.forms import read_form
from steadfast.api.intake import Held, Intake
from steadfast.api.options import deadline_of, priority_of
from steadfast.api.order import Done, Visit
from steadfast.api.replays import Answered, KeptAnswer, Wanted, fingerprint_of, key_in
from steadfast.errors import (
    DeadlineExceeded,
    EmptyInput,
    MalformedRequest,
    Overloaded,
    ServiceError,
    ShuttingDown,
    UnknownRoute,
)
from steadfast.tasks.entail_messages import TASK, EntailRequest

_FILES = frozenset({"image"})
_SENTENCES = frozenset({"text", "caption"})
_MULTIPART = b"multipart/form-data"
_QUICK_BYTES = 256 * 1024
"""Base64 up to this is undone at once; more would keep the loop waiting."""
_TURNED_AWAY = (Overloaded, ShuttingDown)
"""What was not let in fails with its time to come again, whatever `on_failure` says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EntailOrder:
    """A question that is complete and about to be admitted."""

    request: EntailRequest
    image: Held
    deadline_s: float | None
    """From the arrival of the headers, as the client said; None: the default, from now on."""
    priority: Priority


class EntailRoutes:
    """The one route of this task."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def entail(self, exchange: Exchange) -> None:
        """Answers yes, no or maybe."""
        self._check_offered()
        visit = await enter(self._backend, exchange, task=TASK)
        with Intake(exchange, self._backend.room, self._backend.limits) as intake:
            order = await self._read(exchange, intake)
            answer, more = await self._answer(exchange, order, visit)
        # What came in is given back first: nobody needs it while a slow client takes the answer.
        await send_answer(exchange, answer, more)

    def _check_offered(self) -> None:
        if not self._backend.entailment.enabled:
            raise UnknownRoute(
                "Visual entailment is switched off (entailment.enabled).",
                remedy="Have the operator set entailment.enabled to true.",
            )

    async def _read(self, exchange: Exchange, intake: Intake) -> EntailOrder:
        if exchange.headers.get(b"content-type", b"").startswith(_MULTIPART):
            options, image = await self._read_form(exchange, intake)
        else:
            options, image = await _read_document(intake)
        if image.size_bytes == 0:
            raise EmptyInput("The picture has no bytes.")
        deadline_s, said = deadline_of(exchange, options.deadline_s, self._backend.deadline_s)
        return EntailOrder(
            request=request_of(options, image_bytes=image.size_bytes, sampled=self._backend.sampled),
            image=image,
            deadline_s=deadline_s if said else None,
            priority=priority_of(exchange, options.priority),
        )

    async def _read_form(self, exchange: Exchange, intake: Intake) -> tuple[EntailOptions, Held]:
        form = await read_form(
            exchange,
            intake,
            file_names=_FILES,
            max_parts=self._backend.limits.max_parts,
            sentence_names=_SENTENCES,
        )
        images = form.named("image")
        if len(images) != 1:
            raise MalformedRequest(f"The form must have one part named image; it has {len(images)}.")
        return options_of_form(exchange.query | form.fields), images[0]

    # --- doing ------------------------------------------------------------------------------------------

    async def _answer(self, exchange: Exchange, order: EntailOrder, visit: Visit) -> Answered:
        """What was found, or a maybe that says why nobody looked, where the operator wants that.

        The maybe is not kept under an Idempotency-Key: who asks again is to be answered.
        """
        try:
            return await self._carry_out(exchange, order, visit)
        except _TURNED_AWAY:
            raise
        except ServiceError as error:
            if self._backend.entailment.on_failure == "error":
                raise
            return stand_in(exchange, error), ()

    async def _carry_out(self, exchange: Exchange, order: EntailOrder, visit: Visit) -> Answered:
        async def answer() -> KeptAnswer:
            return answer_of(exchange, await self._submit(exchange, order, visit))

        given = key_in(exchange.headers.get(b"idempotency-key"))
        replays = self._backend.replays
        if given is None or replays is None:
            return await answer(), ()
        said = (exchange.path.encode(), msgspec.msgpack.encode(order.request))
        wanted = Wanted(
            owner=visit.key,
            key=given,
            fingerprint=await asyncio.to_thread(fingerprint_of, said, [order.image]),
            hold_s=order.deadline_s or self._backend.deadline_s,
        )
        return await replays.once(wanted, answer)

    async def _submit(self, exchange: Exchange, order: EntailOrder, visit: Visit) -> Done:
        backend, now = self._backend, time.monotonic
        now_s, left_s = now(), backend.deadline_s
        exchange.noted["receive_ms"] = round((now_s - visit.began_s) * 1000, 3)
        if order.deadline_s is not None:
            left_s = order.deadline_s - (now_s - visit.began_s)
            if left_s <= 0:
                raise DeadlineExceeded("The time allowed was over before the request had come in.")
        payloads = [order.image.payload]
        # Before the gate: what nobody will touch must not wait for a worker first.
        await backend.runtime.refuse_poison(TASK, order.request, payloads)
        arrival = _arrival(exchange, order, visit, left_s)
        async with backend.gate.admit(arrival, knocked=True) as permit:
            left_s -= now() - now_s
            outcome = await backend.runtime.submit(TASK, order.request, payloads, deadline_s=max(0.0, left_s))
            permit.finished(outcome.cost, worked_s=outcome.worked_ms / 1000)
            if permit.predicted_s is not None:
                exchange.noted["predicted_ms"] = round(permit.predicted_s * 1000, 3)
        queue_ms = (now() - now_s) * 1000 - outcome.worked_ms
        exchange.noted.update(
            priority=order.priority.value, bytes=order.image.size_bytes, text_len=len(order.request.text)
        )
        return Done(outcome=outcome, queue_ms=max(0.0, queue_ms))


async def _read_document(intake: Intake) -> tuple[EntailOptions, Held]:
    pieces = []
    while (piece := await intake.next()) is not None:
        pieces.append(piece)
    body = b"".join(pieces)
    quick = len(body) <= _QUICK_BYTES
    options, content = document_of(body) if quick else await asyncio.to_thread(document_of, body)
    image = intake.hold()
    if content:
        await intake.keep(image, content)
        await image.flush()
    return options, image


def _arrival(exchange: Exchange, order: EntailOrder, visit: Visit, left_s: float) -> Arrival:
    return Arrival(
        task=TASK,
        key=visit.key_id,
        address=exchange.address,
        priority=order.priority,
        deadline_s=left_s,
        size_bytes=order.image.size_bytes,
        features={"bytes": float(order.image.size_bytes), **read_header(order.image.head).features()},
    )
