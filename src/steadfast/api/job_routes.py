"""`/v1/jobs`: work that is recorded first. Needs the scope `jobs`; a key sees its own jobs."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import msgspec

from steadfast.admission.scopes import Scope
from steadfast.api.backend import Backend
from steadfast.api.exchange import Exchange
from steadfast.api.intake import Intake
from steadfast.api.job_answers import JOBS, attempt_document, item_document, job_document
from steadfast.api.job_fields import change_of, pair_of
from steadfast.api.job_results import send_archive, send_result
from steadfast.api.job_stream import as_server_sent, beating, over_web_socket
from steadfast.api.job_submission import JobSubmission
from steadfast.api.web_socket import WebSocket, wants_web_socket
from steadfast.errors import (
    InvalidOption,
    MalformedRequest,
    ResultGone,
    ResultNotReady,
    ShuttingDown,
    UnknownRoute,
    WrongMethod,
)
from steadfast.jobs.job import Item, Job, JobState
from steadfast.jobs.port import JobFilter
from steadfast.jobs.purge import Purge
from steadfast.jobs.service import JobService

_MOST = 1000
_MOST_BODY_BYTES = 64 * 1024
METHODS = "GET, POST"
METHODS_OF_ONE = "GET, POST, PATCH, DELETE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """Who asks."""

    id: str
    """Of the key; empty where none is needed."""
    is_admin: bool

    @property
    def sees(self) -> str | None:
        """Whose jobs; None: everybody's."""
        return None if self.is_admin else self.id

    def document(self, job: Job) -> dict[str, object]:
        """A job as this one may see it."""
        return job_document(job, is_own=job.order.owner == self.id)


Served = Callable[[Exchange, JobService, Asker, str], Awaitable[None]]


class JobRoutes:
    """All of them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._served: dict[tuple[str, str], Served] = {
            ("GET", ""): self._show,
            ("DELETE", ""): self._cancel,
            ("PATCH", ""): self._change,
            ("GET", "items"): self._items,
            ("GET", "attempts"): self._attempts,
            ("GET", "events"): self._events,
            ("GET", "result"): self._result,
            ("POST", "cancel"): self._cancel,
            ("POST", "retry"): self._retry,
            ("POST", "pause"): self._pause,
            ("POST", "resume"): self._resume,
        }

    # --- all of them ------------------------------------------------------------------------------------

    async def jobs(self, exchange: Exchange) -> None:
        """GET lists, the latest first; POST submits."""
        jobs, asker = await self._admitted(exchange)
        if exchange.method != "POST":
            await self._list(exchange, jobs, asker)
            return
        if self._backend.stopping:
            raise ShuttingDown("The service is stopping.", retry_after_s=5.0)
        await JobSubmission(self._backend, jobs).submit(exchange, asker.id)

    async def _list(self, exchange: Exchange, jobs: JobService, asker: Asker) -> None:
        query = exchange.query
        which = JobFilter(
            states=[_state(text) for text in _words(query.get("state", ""))],
            task=query.get("task", ""),
            subject=query.get("subject", ""),
            labels=dict(pair_of(text) for text in _words(query.get("label", ""))),
        )
        page = await jobs.list(
            asker.sees, which, limit=_number(query, "limit", 50), before=query.get("cursor") or None
        )
        await exchange.answer_json({"jobs": [asker.document(job) for job in page.jobs], "next": page.next})

    async def _admitted(self, exchange: Exchange) -> tuple[JobService, Asker]:
        key = await self._backend.access.key_of(exchange, Scope.JOBS)
        if self._backend.jobs is None:
            raise UnknownRoute("Jobs are switched off (jobs.enabled).")
        asker = Asker(id=key.id if key else "", is_admin=key is not None and key.allows(Scope.ADMIN))
        exchange.noted["key"] = asker.id
        return self._backend.jobs, asker

    # --- one --------------------------------------------------------------------------------------------

    async def job(self, exchange: Exchange) -> None:
        """One job, and what can be done with it."""
        jobs, asker = await self._admitted(exchange)
        job_id, _, what = exchange.path.removeprefix(f"{JOBS}/").partition("/")
        if (job_id, what) == ("purge", ""):
            await self._purge(exchange, jobs, asker)
            return
        method = "GET" if exchange.method == "HEAD" else exchange.method
        served = self._served.get((method, what))
        if served is not None:
            await served(exchange, jobs, asker, job_id)
            return
        methods = [one for one, other in self._served if other == what]
        if not methods:
            raise UnknownRoute(f"A job has nothing at /{what[:40]}.")
        allowed = ", ".join(methods)
        error = WrongMethod(f"{exchange.path[:100]} is asked by {allowed}, not {exchange.method[:20]}.")
        await exchange.refuse(error, [(b"allow", allowed.encode())])

    async def _show(self, exchange: Exchange, jobs: JobService, asker: Asker, job_id: str) -> None:
        await exchange.answer_json(asker.document(await jobs.get(asker.sees, job_id)))

    async def _items(self, exchange: Exchange, jobs: JobService, asker: Asker, job_id: str) -> None:
        first, limit = (
            _number(exchange.query, "first", 0, least=0, most=1 << 31),
            _number(exchange.query, "limit", 100),
        )
        job = await jobs.get(asker.sees, job_id)
        found = await jobs.items(asker.sees, job_id, first=first, limit=limit)
        is_own = job.order.owner == asker.id
        last = first + len(found)
        await exchange.answer_json(
            {
                "items": [item_document(job, item, is_own=is_own) for item in found],
                "next": last if last < job.progress.items_total else None,
            }
        )

    async def _attempts(self, exchange: Exchange, jobs: JobService, asker: Asker, job_id: str) -> None:
        limit = _number(exchange.query, "limit", 100)
        is_own = (await jobs.get(asker.sees, job_id)).order.owner == asker.id
        found = await jobs.attempts(asker.sees, job_id, limit=limit)
        await exchange.answer_json(
            {"attempts": [attempt_document(attempt, is_own=is_own) for attempt in found]}
        )

    async def _events(self, exchange: Exchange, jobs: JobService, asker: Asker, job_id: str) -> None:
        after = _last_event(exchange)
        job = await jobs.get(asker.sees, job_id)
        is_own = job.order.owner == asker.id
        if wants_web_socket(exchange):
            socket = WebSocket(exchange)
            _end_with_client(exchange)
            entries = beating(self._backend, jobs.watch(asker.sees, job_id, after=after))
            await over_web_socket(socket, job_id, entries, is_own=is_own)
            return
        if job.has_ended and not await jobs.history(asker.sees, job_id, after=after, limit=1):
            await exchange.answer(204, b"text/plain", b"")  # a browser comes back for ever, else
            return
        _end_with_client(exchange)
        entries = beating(self._backend, jobs.watch(asker.sees, job_id, after=after))
        await exchange.answer_stream(b"text/event-stream", as_server_sent(job_id, entries, is_own=is_own))

    async def _result(self, exchange: Exchange, jobs: JobService, asker: Asker, job_id: str) -> None:
        job = await jobs.get(asker.sees, job_id)
        if "item" not in exchange.query and job.progress.items_total > 1:
            await self._archive(exchange, jobs, asker, job)
            return
        item = _number(exchange.query, "item", 0, least=0, most=1 << 31)
        found = await jobs.result(asker.sees, job_id, item)
        _end_with_client(exchange)
        await send_result(exchange, jobs.database.library, found)

    async def _archive(self, exchange: Exchange, jobs: JobService, asker: Asker, job: Job) -> None:
        """Every result of a batch that has ended, also of one of which some items failed."""
        each = f"{JOBS}/{job.id}/result?item=0 is the first one's, as soon as it is there."
        if job.results_gone_at is not None:
            raise ResultGone("The results were deleted; they are kept for a while only.")
        if not job.has_ended or job.ended_at is None:
            raise ResultNotReady(f"The job is {job.state}; all results come together once it is over. {each}")
        found: list[Item] = []
        while len(found) < job.progress.items_total:
            found += await jobs.items(asker.sees, job.id, first=len(found), limit=_MOST)
        if not any(item.result for item in found):
            raise ResultNotReady("None of its items has a result. The job itself says why.")
        _end_with_client(exchange)
        await send_archive(exchange, jobs.database.library, found, name=job.id, at=job.ended_at)

    # --- changes ----------------------------------------------------------------------------------------

    async def _cancel(self, exchange: Exchange, jobs: JobService, asker: Asker, job_id: str) -> None:
        await exchange.answer_json(asker.document(await jobs.cancel(asker.sees, job_id)))

    async def _retry(self, exchange: Exchange, jobs: JobService, asker: Asker, job_id: str) -> None:
        await exchange.answer_json(asker.document(await jobs.retry(asker.sees, job_id)))

    async def _pause(self, exchange: Exchange, jobs: JobService, asker: Asker, job_id: str) -> None:
        await exchange.answer_json(asker.document(await jobs.pause(asker.sees, job_id)))

    async def _resume(self, exchange: Exchange, jobs: JobService, asker: Asker, job_id: str) -> None:
        await exchange.answer_json(asker.document(await jobs.resume(asker.sees, job_id)))

    async def _change(self, exchange: Exchange, jobs: JobService, asker: Asker, job_id: str) -> None:
        change = change_of(await self._body(exchange))
        job = await jobs.get(asker.sees, job_id)
        if change.labels is not None:
            job = await jobs.set_labels(asker.sees, job_id, change.labels)
        if change.priority is not None:
            job = await jobs.set_priority(asker.sees, job_id, change.priority.value_among_jobs)
        await exchange.answer_json(asker.document(job))

    async def _purge(self, exchange: Exchange, jobs: JobService, asker: Asker) -> None:
        if exchange.method != "POST":
            await exchange.refuse(WrongMethod("A purge is asked by POST."), [(b"allow", b"POST")])
            return
        content = await self._body(exchange)
        try:
            subject = msgspec.json.decode(content, type=dict[str, str]).get("subject", "")
        except msgspec.DecodeError as error:
            raise MalformedRequest('The body is JSON like {"subject": "ID"}.') from error
        purge = Purge(jobs.database).of_subject(subject, owner=asker.sees, asked_by=asker.id or "anonymous")
        # Whoever asks may go; what is begun is finished, and the receipt is kept.
        receipt = await asyncio.shield(purge)
        await exchange.answer_json(receipt.as_dict())

    async def _body(self, exchange: Exchange) -> bytes:
        limits = replace(self._backend.limits, max_request_bytes=_MOST_BODY_BYTES)
        content = bytearray()
        with Intake(exchange, self._backend.room, limits) as intake:
            while (piece := await intake.next()) is not None:
                content += piece
        return bytes(content)


def _end_with_client(exchange: Exchange) -> None:
    if exchange.connection is not None:
        exchange.connection.end_with_client()


def _last_event(exchange: Exchange) -> int:
    given = exchange.headers.get(b"last-event-id", exchange.query.get("after", "0").encode())
    if not given.isdigit() or len(given) > 18:
        raise MalformedRequest("Last-Event-ID, or ?after=, is the number of an event.")
    return int(given)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _state(text: str) -> JobState:
    try:
        return JobState(text)
    except ValueError as error:
        raise InvalidOption(
            f"{text[:40]!r} is no state of a job.", remedy=f"The states are: {', '.join(JobState)}."
        ) from error


def _number(query: dict[str, str], name: str, default: int, *, least: int = 1, most: int = _MOST) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isdigit() or len(text) > 18 or not least <= int(text) <= most:
        raise MalformedRequest(f"{name} is a whole number from {least} to {most}.")
    return int(text)
