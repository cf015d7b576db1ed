"""One lease carried out: files lent to a worker, what it made put in safety, and only then the row.

The order is what makes a death harmless at any moment: a file without a row is swept away later, a row
without its file cannot be.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from steadfast.blobs.blob import CONTENT, Blob, BlobAddress, parse_address
from steadfast.errors import BlobDamaged, BlobMissing, DatabaseProblem, ServiceError
from steadfast.jobs import completion, failing
from steadfast.jobs.completion import RESULT_ROLE, Work
from steadfast.jobs.flight import Flight
from steadfast.jobs.job import Cost, StepKind
from steadfast.jobs.lease import Lease
from steadfast.jobs.rows import space_of
from steadfast.jobs.transaction import JobDatabase, Transaction
from steadfast.jobs.work import JobWork, Made, StepJob
from steadfast.task_steps import JobPlan, JoinDone, JoinOrder, PlannedSegment, SegmentOrder

T = TypeVar("T")
_COMMIT_AGAIN_S = 1.0


class Carrier:
    """Carries out leases. Raises what the work raised; what it wrote by then is harmless."""

    def __init__(self, jobs: JobDatabase, work: JobWork, lending: Path) -> None:
        """`lending`: a folder that workers may read and not write, on the disk of the store."""
        self._jobs = jobs
        self._work = work
        self._lending = lending

    async def carry(self, flight: Flight) -> None:
        """Does the step of a flight and commits it. Raises `LeaseRefused` if it was lost meanwhile."""
        match flight.lease.key.kind:
            case StepKind.PLAN:
                await self._plan(flight)
            case StepKind.SEGMENT:
                await self._segment(flight)
            case StepKind.JOIN:
                await self._join(flight)

    async def _plan(self, flight: Flight) -> None:
        lease = flight.lease
        async with self._step_job(lease) as job:
            made = await _by_worker(flight, self._work.plan(job, flight.progressed))
        plan: JobPlan = made.fields
        await self.commit(lambda t: completion.planned(t, lease, plan, _work(made)))

    async def _segment(self, flight: Flight) -> None:
        lease = flight.lease
        order = SegmentOrder(
            segment=PlannedSegment(index=lease.key.number, units=lease.units, brief=lease.brief),
            pin=dict(lease.pin or {}),
            untouched=lease.untouched,
        )
        async with self._step_job(lease) as job:
            made = await _by_worker(flight, self._work.run_segment(job, order, flight.progressed))
        blob = await self._keep(lease, made, group=lease.identity, role=lease.segment_role)
        await self.commit(lambda t: completion.segment_done(t, lease, made.fields, blob, _work(made)))

    async def _join(self, flight: Flight) -> None:
        lease = flight.lease
        if damaged := await self._damaged_parts(flight):
            why = "its file was damaged or gone"
            await self.commit(lambda t: failing.redo_segments(t, lease, damaged, why))
            return
        order = JoinOrder(
            pin=dict(lease.pin or {}),
            notes=tuple(part.note for part in lease.parts),
            brief=lease.item_brief,
        )
        addresses = [parse_address(part.address) for part in lease.parts]
        async with self._step_job(lease) as job, self._lent(addresses) as parts:
            made: Made[JoinDone] = await _by_worker(
                flight, self._work.join(job, order, parts, flight.progressed)
            )
        blob = await self._keep(lease, made, group=CONTENT, role=RESULT_ROLE)
        await self.commit(lambda t: completion.joined(t, lease, made.fields, blob, _work(made)))

    async def commit(self, change: Callable[[Transaction], T]) -> T:
        """Writes until it is written: what is done is done, however long the database is away."""
        return await _until_the_database_is_there(lambda: self._jobs.write(change))

    # --- files ---------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _step_job(self, lease: Lease) -> AsyncIterator[StepJob]:
        inputs = [lease.input_address(file) for file in (lease.target, *lease.sources)]
        async with self._lent(inputs) as files:
            yield StepJob(
                job_id=lease.job_id,
                key=lease.owner,
                task=lease.task,
                options=lease.options,
                segment_s=lease.segment_s,
                target=files[0],
                sources=tuple(files[1:]),
                traceparent=lease.traceparent,
            )

    @asynccontextmanager
    async def _lent(self, addresses: list[BlobAddress]) -> AsyncIterator[list[Path]]:
        """Files of these contents where a worker may read them, as long as the block runs."""
        library = self._jobs.library
        with ExitStack() as undo:  # whatever a thread has borrowed when this is cancelled goes back, too

            def borrow() -> list[Path]:
                return [undo.enter_context(library.lent(address, self._lending)) for address in addresses]

            yield await self._in_thread(borrow)

    async def _damaged_parts(self, flight: Flight) -> list[int]:
        """Numbers of segments whose files are not what their sums say."""
        damaged = []
        for part in flight.lease.parts:
            try:
                await self._in_thread(self._jobs.library.verify, parse_address(part.address))
            except (BlobDamaged, BlobMissing):
                damaged.append(part.number)
        return damaged

    async def _keep(self, lease: Lease, made: Made[Any], *, group: str, role: str) -> Blob:
        file = made.file
        if file is None:
            raise ServiceError(f"The {lease.key.kind.value} of a job made no file.")

        def keep() -> Blob:
            return self._jobs.library.keep_file(
                file, space=space_of(lease.owner), group=group, owner=lease.job_id, role=role
            )

        try:
            return await _until_the_database_is_there(lambda: self._in_thread(keep))
        finally:
            await self._in_thread(lambda: file.unlink(missing_ok=True))

    async def _in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Waits for the thread even when cancelled: it must not go on with files behind our back."""
        running = asyncio.ensure_future(asyncio.to_thread(function, *args))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise


async def _until_the_database_is_there(write: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await write()
        except DatabaseProblem:
            await asyncio.sleep(_COMMIT_AGAIN_S)


async def _by_worker(flight: Flight, work: Any) -> Any:
    """From here on only the worker's progress keeps the lease."""
    flight.is_ours = False
    try:
        return await work
    finally:
        flight.is_ours = True


def _work(made: Made[Any]) -> Work:
    cost = made.cost
    return Work(
        cost=Cost(
            device_s=cost.get("device_s", 0.0),
            cpu_s=cost.get("cpu_s", 0.0),
            frames=int(cost.get("frames", 0)),
            pixels=int(cost.get("pixels", 0)),
            faces=int(cost.get("faces", 0)),
        ),
        worked_s=made.worked_s,
        worker=made.worker,
        degraded=made.degraded,
    )
