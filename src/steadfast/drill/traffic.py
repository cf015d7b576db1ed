"""Traffic: clients that ask as a recording says, and write down what came of every request and every job."""

import asyncio
import hashlib
import itertools
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from steadfast.drill.client import Answer, Ask, Client, Endpoint, get
from steadfast.drill.materials import Materials
from steadfast.drill.mix import Kind, Mix, Recorded, built_in_mix

PATIENCE_S = 30.0
"""Deadline of ordinary requests: an outage of a few seconds is waited out."""
_ENDED = frozenset({"succeeded", "failed", "cancelled"})
_JOB_LOOK_S = 0.5
_SHORT_BREATH_S = 0.05
_IN_ORDER_WITHIN_S = 1.0
"""Of what was sent, the answers are written down in their order but for the turns of one event loop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """One request of the mix and its answer."""

    kind: Kind
    answer: Answer
    is_wrong: bool
    """200, and not what this request was answered when nothing was amiss."""

    @property
    def retried_unseen(self) -> bool:
        """Whether a worker failed under it and the client did not notice."""
        return self.answer.is_good and self.answer.attempts > 1


@dataclass(kw_only=True, slots=True)
class FollowedJob:
    """One job that was confirmed to a client."""

    id: str
    submitted_at_s: float
    ended_at_s: float | None = None
    state: str = "queued"
    why: str = ""

    @property
    def is_lost(self) -> bool:
        """Whether it ended otherwise than well."""
        return self.ended_at_s is not None and self.state != "succeeded"


@dataclass(kw_only=True)
class Traffic:
    """Plays a mix against a service. Use it as a context; it stops at its end.

    `sent` and `jobs` hold everything that came of it. Requests are sent at their recorded moments whatever
    became of those before, but never more than `concurrency` at one time: the others wait in the client.
    """

    endpoint: Endpoint
    materials: Materials
    rate_per_s: float
    concurrency: int = 16
    mix: Mix = field(default_factory=built_in_mix)
    deadline_s: float = PATIENCE_S
    factor: float = 1.0
    """Times the rate; the fault `overload` turns it."""
    submit_jobs: bool = True
    clock: Callable[[], float] = time.monotonic
    sent: list[Sent] = field(default_factory=list)
    jobs: list[FollowedJob] = field(default_factory=list)
    _right: dict[tuple[Kind, int], str] = field(default_factory=dict)
    _free: deque[Client] = field(default_factory=deque)
    _running: set["asyncio.Task[None]"] = field(default_factory=set)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    _stopping: bool = False

    # --- life -------------------------------------------------------------------------------------------

    async def learn(self) -> None:
        """Asks every distinct request once while nothing is amiss: those answers are the right ones."""
        for kind, number in sorted(
            {(one.kind, one.picture) for one in self.mix.requests if _is_answered(one)}
        ):
            answer = await self._ask(self._request(kind, number))
            if answer.status == 200:
                self._right[kind, number] = _essence(kind, answer)

    async def __aenter__(self) -> Self:
        self._stopping = False
        self._tasks = [asyncio.create_task(self._play()), asyncio.create_task(self._follow_jobs())]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._running, return_exceptions=True)
        for client in self._free:
            await client.close()

    # --- playing ----------------------------------------------------------------------------------------

    async def _play(self) -> None:
        gate = asyncio.Semaphore(self.concurrency)
        played_s, last_s = 0.0, self.clock()
        for due_s, request in self.mix.at_rate(self.rate_per_s):
            while played_s < due_s:
                await asyncio.sleep(min(_SHORT_BREATH_S, max(0.001, (due_s - played_s) / self.factor)))
                now_s = self.clock()
                played_s, last_s = played_s + (now_s - last_s) * self.factor, now_s
            if request.kind is Kind.VIDEO:
                if self.submit_jobs and self.factor == 1.0:
                    self._begin(self._submit())
                continue
            if self.factor == 1.0:
                await gate.acquire()
                self._begin(self._one(request, gate.release))
            else:  # more than it can take is the point
                self._begin(self._one(request, lambda: None))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _one(self, request: Recorded, done: Callable[[], None]) -> None:
        try:
            answer = await self._ask(self._request(request.kind, request.picture))
        finally:
            done()
        right = self._right.get((request.kind, request.picture))
        is_wrong = (
            right is not None
            and answer.status == 200
            and not answer.degraded
            and _essence(request.kind, answer) != right
        )
        if answer.is_good:  # what was right needs no keeping
            answer = replace(answer, body=b"")
        self.sent.append(Sent(kind=request.kind, answer=answer, is_wrong=is_wrong))

    def _request(self, kind: Kind, number: int) -> Ask:
        match kind:
            case Kind.SWAP:
                return self.materials.swap(number, deadline_s=self.deadline_s, priority="standard")
            case Kind.FACES:
                return self.materials.faces(number, deadline_s=self.deadline_s)
            case _:
                return self.materials.ask(deadline_s=self.deadline_s)

    async def _ask(self, request: Ask) -> Answer:
        client = self._free.popleft() if self._free else Client(self.endpoint)
        answer = await client.send(request, within_s=self.deadline_s + 15.0)
        self._free.append(client)
        return answer

    @property
    def in_flight(self) -> int:
        """Requests that wait for their answers."""
        return len(self._running)

    # --- jobs -------------------------------------------------------------------------------------------

    async def submit_job(self) -> FollowedJob | None:
        """One video, submitted as a careful client does: with a key, again until it is taken or refused."""
        request = self.materials.video_job(uuid.uuid4().hex)
        submitted_at_s = self.clock()
        for wait_s in itertools.chain((0.5, 1.0, 2.0), itertools.repeat(3.0, 10)):
            answer = await self._ask(request)
            if answer.status == 202:
                job = FollowedJob(id=answer.json()["id"], submitted_at_s=submitted_at_s)
                self.jobs.append(job)
                return job
            if answer.status in (400, 404, 415, 422):
                break
            await asyncio.sleep(wait_s)
        return None

    async def _submit(self) -> None:
        await self.submit_job()

    async def _follow_jobs(self) -> None:
        while True:
            await asyncio.sleep(_JOB_LOOK_S)
            for job in [job for job in self.jobs if job.ended_at_s is None]:
                await self.look_at(job)

    async def look_at(self, job: FollowedJob) -> None:
        """Asks how a job stands; a service that is away, or does not find it now, is asked again later."""
        answer = await self._ask(get(f"/v1/jobs/{job.id}"))
        if answer.status != 200:
            return
        document = answer.json()
        job.state = str(document.get("state", job.state))
        if job.state in _ENDED:
            job.ended_at_s = self.clock()
            job.why = str((document.get("failure") or {}).get("code", ""))

    async def jobs_end(self, jobs: Iterable[FollowedJob], within_s: float) -> bool:
        """Waits until these jobs have ended; whether they have."""
        until_s = self.clock() + within_s
        wanted = list(jobs)
        while any(job.ended_at_s is None for job in wanted):
            if self.clock() > until_s:
                return False
            await asyncio.sleep(0.2)
        return True

    # --- what came of it --------------------------------------------------------------------------------

    def between(self, begin_s: float, end_s: float) -> list[Sent]:
        """Requests that were under way at some moment of that time, the earliest to end first."""
        found: list[Sent] = []
        for one in reversed(self.sent):  # it is asked several times a second, of a night's requests
            if one.answer.ended_at_s < begin_s - _IN_ORDER_WITHIN_S:
                break
            if one.answer.ended_at_s >= begin_s and one.answer.sent_at_s <= end_s:
                found.append(one)
        return found[::-1]


def _is_answered(request: Recorded) -> bool:
    return request.kind is not Kind.VIDEO


def _essence(kind: Kind, answer: Answer) -> str:
    """What of an answer must be the same each time."""
    if kind is Kind.ENTAIL:
        return str(answer.json().get("answer"))
    if kind is Kind.FACES:
        return str(len(answer.json().get("faces", ())))
    return hashlib.sha256(answer.body).hexdigest()
