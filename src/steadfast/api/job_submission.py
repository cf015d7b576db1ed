"""`POST /v1/jobs`: from a form or a JSON document to a job that is recorded, once however often sent."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import PurePath
from typing import Any

import msgspec

from steadfast.api.backend import Backend
from steadfast.api.exchange import Exchange
from steadfast.api.forms import Form, read_form
from steadfast.api.intake import Held, Intake, announced_bytes
from steadfast.api.job_answers import JOBS, job_document
from steadfast.api.job_fields import (
    EntailJobFields,
    Pairing,
    TaskFields,
    fields_of_document,
    fields_of_form,
    seconds_of,
)
from steadfast.api.job_inputs import Holder, InputResolver, JobIntake
from steadfast.api.job_sentences import SentenceKeeper
from steadfast.api.replays import KeptAnswer, Wanted, key_in
from steadfast.blobs.library import BlobLibrary
from steadfast.errors import (
    CallerError,
    DiskFull,
    InvalidOption,
    MalformedRequest,
    SteadfastError,
    WrongContentType,
)
from steadfast.jobs.job import InputFile, ItemOrder, Job, JobOrder
from steadfast.jobs.labels import OWN_LABELS
from steadfast.jobs.port import JobFilter
from steadfast.jobs.service import JobService
from steadfast.jobs.submission import new_job_id

_FILES = frozenset({"source", "target", "reference", "questions"})
_MOST_PARTS = 2048
_MOST_DOCUMENT_BYTES = 16 << 20
_HOLD_S = 60.0
"""For which a repetition waits for the first one; longer than a record takes while the database is away."""
_REQUEST_LABEL = f"{OWN_LABELS}request"


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """The files of a request, in the order they came."""

    targets: Sequence[InputFile]
    sources: Sequence[InputFile]
    reference: InputFile | None
    questions: InputFile | None = None


class JobSubmission:
    """Reads, records, answers."""

    def __init__(self, backend: Backend, jobs: JobService) -> None:
        self._backend = backend
        self._jobs = jobs
        self._resolver = InputResolver(backend.uploads, backend.references)

    @property
    def _library(self) -> BlobLibrary:
        return self._jobs.database.library

    async def submit(self, exchange: Exchange, owner: str) -> None:
        """Answers 202 once the job is recorded; what was kept of a refused one is let go."""
        # A disk or a bucket that hangs holds up this request, and not the loop that serves all others.
        await asyncio.to_thread(self._check_room, announced_bytes(exchange))
        holder = Holder(owner=owner, job_id=new_job_id())
        try:
            order = await self._read(exchange, holder)
            exchange.noted.update(
                task=order.task,
                job_id=holder.job_id,
                items=len(order.items),
                priority=order.priority.name.lower(),
                bytes=announced_bytes(exchange),
            )
            # A client that goes away now may have a job all the same: it is told by its Idempotency-Key.
            answer, headers = await _to_the_end(self._record(exchange, order, holder))
        except (SteadfastError, asyncio.CancelledError) as error:
            # After a doubtful commit the files stay: the job may be there. Retention ends that doubt.
            if isinstance(error, CallerError | DiskFull | asyncio.CancelledError):
                await asyncio.shield(self._let_go(holder))
            raise
        await exchange.answer(answer.status, answer.content_type, answer.body, [*answer.headers, *headers])

    def _check_room(self, size_bytes: int) -> None:
        self._jobs.check_intake()
        room = self._library.headroom()
        if room is not None and room.free_bytes < size_bytes:
            raise DiskFull(f"There is no room for {size_bytes / 1e6:.1f} MB.", remedy="Try again later.")

    async def _let_go(self, holder: Holder) -> None:
        """Unless there is such a job: then it needs them."""
        try:
            await self._jobs.get(None, holder.job_id)
        except CallerError:
            await asyncio.to_thread(self._library.let_go, holder.job_id)

    # --- reading ----------------------------------------------------------------------------------------

    async def _read(self, exchange: Exchange, holder: Holder) -> JobOrder:
        kind = exchange.headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind == b"application/json":
            fields, inputs = await self._read_document(exchange, holder)
        elif kind == b"multipart/form-data":
            fields, inputs = await self._read_form(exchange, holder)
        else:
            raise WrongContentType("A job is sent as multipart/form-data or as application/json.")
        return self._order(fields, inputs, await self._items(fields, inputs, holder), holder)

    async def _read_form(self, exchange: Exchange, holder: Holder) -> tuple[TaskFields, Inputs]:
        uploads, limits = self._backend.uploads, self._backend.limits
        most_bytes = limits.max_request_bytes if uploads is None else uploads.max_bytes
        limits = replace(limits, max_request_bytes=max(most_bytes, limits.max_request_bytes))
        with JobIntake(exchange, self._backend.room, limits, library=self._library, holder=holder) as intake:
            form = await read_form(exchange, intake, file_names=_FILES, max_parts=_MOST_PARTS)
            await intake.finish()
            fields = fields_of_form(exchange.query | form.fields)
            fields.task_options(has_reference=bool(form.named("reference")))  # before anything is copied
            return fields, await self._inputs_of_form(form, holder)

    async def _inputs_of_form(self, form: Form, holder: Holder) -> Inputs:
        async def kept(parts: Sequence[Held]) -> list[InputFile]:
            return [await self._resolver.of_part(part, holder) for part in parts]

        for name in ("reference", "questions"):
            if len(form.named(name)) > 1:
                raise MalformedRequest(f"The form has more than one part named {name}.")
        return Inputs(
            targets=await kept(form.named("target")),
            sources=await kept(form.named("source")),
            reference=next(iter(await kept(form.named("reference"))), None),
            questions=next(iter(await kept(form.named("questions"))), None),
        )

    async def _read_document(self, exchange: Exchange, holder: Holder) -> tuple[TaskFields, Inputs]:
        most_bytes = min(_MOST_DOCUMENT_BYTES, self._backend.limits.max_request_bytes)
        limits = replace(self._backend.limits, max_request_bytes=most_bytes)
        with Intake(exchange, self._backend.room, limits) as intake:
            document = await _document(intake)
        named = {name: _references(document.pop(name, []), name) for name in sorted(_FILES)}
        fields = fields_of_document(document)
        fields.task_options(has_reference=bool(named["reference"]))  # before anything is copied

        async def kept(name: str) -> list[InputFile]:
            return [await self._resolver.of_reference(one, holder) for one in named[name]]

        for name in ("reference", "questions"):
            if len(named[name]) > 1:
                raise MalformedRequest(f"There is more than one {name}.")
        return fields, Inputs(
            targets=await kept("target"),
            sources=await kept("source"),
            reference=next(iter(await kept("reference")), None),
            questions=next(iter(await kept("questions")), None),
        )

    # --- the order --------------------------------------------------------------------------------------

    def _order(
        self, fields: TaskFields, inputs: Inputs, items: tuple[ItemOrder, ...], holder: Holder
    ) -> JobOrder:
        terms = self._backend.job_terms
        if fields.callback_url:
            if self._backend.callbacks is None:
                raise InvalidOption("This service makes no callbacks.", remedy="Ask for the job's events.")
            self._backend.callbacks.check(fields.callback_url)
        return JobOrder(
            owner=holder.owner,
            task=fields.task,
            items=items,
            options=fields.task_options(has_reference=inputs.reference is not None),
            priority=fields.priority.value_among_jobs,
            on_segment_failure=fields.on_segment_failure,
            on_pin_lost=fields.on_pin_lost,
            segment_s=terms.segment_s if fields.segment_s is None else fields.segment_s,
            callback_url=fields.callback_url,
            expires_in_s=seconds_of("expires_in", fields.expires_in),
            labels=fields.labels,
            subject=fields.subject,
            fresh=fields.fresh,
            keep_inputs_s=self._kept_s("keep_inputs", fields.keep_inputs),
            keep_results_s=self._kept_s("keep_results", fields.keep_results),
        )

    async def _items(self, fields: TaskFields, inputs: Inputs, holder: Holder) -> tuple[ItemOrder, ...]:
        if isinstance(fields, EntailJobFields):
            if not self._backend.entailment.enabled:
                raise InvalidOption(
                    "Visual entailment is switched off (entailment.enabled).",
                    remedy="Have the operator set entailment.enabled to true.",
                )
            if inputs.sources or inputs.reference:
                raise MalformedRequest(f"A job of {fields.task} has neither source nor reference.")
            keeper = SentenceKeeper(library=self._library, holder=holder)
            return await asyncio.to_thread(keeper.items, fields, inputs.targets, inputs.questions)
        if inputs.questions is not None:
            raise MalformedRequest(f"A job of {fields.task} has no questions.")
        return self._pairs(inputs, fields.pairing)

    def _pairs(self, inputs: Inputs, pairing: Pairing | None) -> tuple[ItemOrder, ...]:
        for name, files in (("target", inputs.targets), ("source", inputs.sources)):
            if not files:
                raise MalformedRequest(f"There is no {name} in the request.")
        chosen = pairing or (Pairing.TOGETHER if len(inputs.targets) == 1 else Pairing.EACH)
        more = () if inputs.reference is None else (inputs.reference,)
        if chosen is Pairing.TOGETHER or len(inputs.sources) == 1:
            photos = (*inputs.sources, *more)
            return tuple(ItemOrder(target=target, sources=photos) for target in inputs.targets)
        most = self._backend.job_terms.max_items
        if (count := len(inputs.targets) * len(inputs.sources)) > most:
            raise InvalidOption(f"A job has at most {most} items; this one has {count}.")
        return tuple(
            ItemOrder(target=target, sources=(source, *more), name=_name_of(target, source))
            for target in inputs.targets
            for source in inputs.sources
        )

    def _kept_s(self, name: str, text: str) -> float | None:
        seconds, longest_s = seconds_of(name, text), self._backend.job_terms.longest_kept_s
        if seconds is not None and seconds > longest_s:
            raise InvalidOption(f"{name} is at most {longest_s / 3600:.0f} hours here.")
        return seconds

    # --- once -------------------------------------------------------------------------------------------

    async def _record(
        self, exchange: Exchange, order: JobOrder, holder: Holder
    ) -> tuple[KeptAnswer, Sequence[tuple[bytes, bytes]]]:
        given, replays = key_in(exchange.headers.get(b"idempotency-key")), self._backend.replays
        if given is None or replays is None:
            return _accepted(await self._jobs.submit(order, job_id=holder.job_id)), ()
        fingerprint = _fingerprint(order)
        wanted = Wanted(owner=f"jobs:{holder.space}", key=given, fingerprint=fingerprint, hold_s=_HOLD_S)

        async def answer() -> KeptAnswer:
            mark = f"{_sum(given)[:32]}{fingerprint[:32]}"
            return _accepted(await self._submit_once(order, holder, mark, replays.keep_for))

        kept, headers = await replays.once(wanted, answer)
        if headers:  # it was answered before, so nobody needs what came with it this time
            await self._let_go(holder)
        return kept, headers

    async def _submit_once(self, order: JobOrder, holder: Holder, mark: str, keep_for: timedelta) -> Job:
        """Finds the job that was recorded before a death kept its answer from being sent."""
        marked = {_REQUEST_LABEL: mark}
        page = await self._jobs.list(order.owner, JobFilter(labels=marked), limit=1)
        if page.jobs and page.jobs[0].created_at > await self._jobs.now() - keep_for:
            await self._let_go(holder)
            return page.jobs[0]
        order = msgspec.structs.replace(order, labels={**order.labels, **marked})
        return await self._jobs.submit(order, job_id=holder.job_id)


def _accepted(job: Job) -> KeptAnswer:
    return KeptAnswer(
        status=202,
        content_type=b"application/json",
        headers=[(b"location", f"{JOBS}/{job.id}".encode())],
        body=msgspec.json.encode(job_document(job, is_own=True)),
    )


def _fingerprint(order: JobOrder) -> str:
    return hashlib.sha256(msgspec.json.encode(order, order="sorted")).hexdigest()


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def _document(intake: Intake) -> dict[str, Any]:
    content = bytearray()
    while (piece := await intake.next()) is not None:
        content += piece
    try:
        return msgspec.json.decode(bytes(content), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise MalformedRequest("The body is no JSON object.") from error


def _references(given: Any, name: str) -> list[str]:
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise MalformedRequest(f"{name} is a reference or a list of references.")
    return listed


def _name_of(target: InputFile, source: InputFile) -> str:
    if not (target.name and source.name):
        return ""
    path = PurePath(target.name)
    return f"{path.stem}_{PurePath(source.name).stem}{path.suffix}"[-200:]


async def _to_the_end(recording: Any) -> Any:
    """A cancelled caller waits until it is done: a job must not lose its files while it is recorded."""
    running = asyncio.ensure_future(recording)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()
        raise
