"""A job store with a library in memory, for tests of jobs: orders are words, segments are their letters."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from steadfast.blobs.blob import Blob
from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.memory import MemoryStore
from steadfast.database.database import Database
from steadfast.errors import DamagedMedia, SteadfastError
from steadfast.events import Event, subscribe
from steadfast.jobs import completion, failing, leasing, queries
from steadfast.jobs.completion import Work
from steadfast.jobs.incarnation import Incarnation
from steadfast.jobs.job import Cost, Fault, InputFile, ItemOrder, Job, JobOrder, Step, StepKind
from steadfast.jobs.lease import Lease
from steadfast.jobs.rows import space_of
from steadfast.jobs.store_clock import StoreClock
from steadfast.jobs.submission import new_job_id, submit
from steadfast.jobs.transaction import JobDatabase
from steadfast.task_steps import JobPlan, JoinDone, PlannedSegment, SegmentDone

PIN = {"engine": "toy", "model:net": "00"}


class HandClock:
    """A boot clock and a wall clock that the test turns; each for itself."""

    def __init__(self) -> None:
        self.boot_s = 1_000.0
        self.wall = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def turn(self, seconds: float) -> None:
        """Time passes."""
        self.boot_s += seconds
        self.wall += timedelta(seconds=seconds)


@dataclass(kw_only=True)
class JobHouse:
    """Jobs, and what happened to them."""

    jobs: JobDatabase
    clock: HandClock
    facts: list[Event]

    @property
    def library(self) -> BlobLibrary:
        """Of the files."""
        return self.jobs.library

    def keep(self, content: str, *, owner: str = "anna", role: str = "upload") -> InputFile:
        """An input that was uploaded."""
        blob = self.library.keep_pieces([content.encode()], space=space_of(owner), owner="upload", role=role)
        return InputFile(sha256=blob.address.sha256, size_bytes=blob.size_bytes, name=f"{content}.txt")

    def order(self, content: str = "abcdefgh", *more: str, owner: str = "anna", **options: Any) -> JobOrder:
        """One item per word."""
        items = tuple(ItemOrder(target=self.keep(word, owner=owner)) for word in (content, *more))
        return JobOrder(owner=owner, task="toy", items=items, **options)

    def submit(self, order: JobOrder | None = None, **options: Any) -> str:
        """Records a job; its id."""
        wanted, job_id = order or self.order(**options), new_job_id()
        self.jobs.write_now(lambda transaction: submit(transaction, job_id, wanted))
        return job_id

    def take(self, *, lease_s: float = 30.0, open_jobs: int = 4) -> Lease | None:
        """Leases what is next."""
        return self.jobs.write_now(lambda t: leasing.take(t, "toy", lease_s=lease_s, open_jobs=open_jobs))

    def took(self, **options: Any) -> Lease:
        """Leases what is next; there is something."""
        lease = self.take(**options)
        assert lease is not None
        return lease

    def plan(self, lease: Lease, segments: int = 2, pin: dict[str, str] | None = None) -> None:
        """Hands in a plan of so many segments with 4 units each."""
        cut = tuple(PlannedSegment(index=n, units=4, brief=bytes([n])) for n in range(segments))
        plan = JobPlan(segments=cut, pin=pin or PIN, suffix=".txt", content_type="text/plain", brief=b"all")
        self.jobs.write_now(lambda t: completion.planned(t, lease, plan, work()))

    def segment(self, lease: Lease, content: str | None = None) -> Blob:
        """Hands in a segment."""
        blob = self.store(lease, content or f"segment {lease.key.number} of {lease.key.item}")
        done = SegmentDone(units=4, note=bytes([lease.key.number]))
        self.jobs.write_now(lambda t: completion.segment_done(t, lease, done, blob, work(frames=4)))
        return blob

    def store(self, lease: Lease, content: str) -> Blob:
        """Makes the file of a segment safe."""
        return self.library.keep_pieces(
            [content.encode()],
            space=space_of(lease.owner),
            group=lease.identity,
            owner=lease.job_id,
            role=lease.segment_role,
        )

    def join(self, lease: Lease) -> None:
        """Hands in a result."""
        blob = self.library.keep_pieces(
            [f"result of {lease.identity}".encode()],
            space=space_of(lease.owner),
            owner=lease.job_id,
            role=completion.RESULT_ROLE,
        )
        done = JoinDone(units=8, report={"frames": 8})
        self.jobs.write_now(lambda t: completion.joined(t, lease, done, blob, work()))

    def fail(
        self,
        lease: Lease,
        error: SteadfastError | None = None,
        *,
        fault: Fault = Fault.STEP,
        is_final: bool = False,
    ) -> bool:
        """Hands in a failure."""
        cause = error or DamagedMedia("It is broken.")
        return self.jobs.write_now(
            lambda t: failing.step_failed(t, lease, cause, fault=fault, is_final=is_final, most_failures=3)
        )

    def do(self, lease: Lease) -> None:
        """Does whatever it is."""
        match lease.key.kind:
            case StepKind.PLAN:
                self.plan(lease)
            case StepKind.SEGMENT:
                self.segment(lease)
            case StepKind.JOIN:
                self.join(lease)

    def finish(self, most: int = 10_000) -> list[Lease]:
        """Does everything there is to do; the steps, in order."""
        done: list[Lease] = []
        while len(done) < most and (lease := self.take()) is not None:
            self.do(lease)
            done.append(lease)
        return done

    def job(self, job_id: str) -> Job:
        """As it stands."""
        return self.jobs.read_now(lambda connection: queries.get(connection, None, job_id))

    def steps(self, job_id: str) -> list[Step]:
        """As they stand."""
        return self.jobs.read_now(lambda connection: queries.steps(connection, job_id))

    def of(self, kind: type[Event]) -> list[Any]:
        """Facts of a kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def restarted(self) -> JobDatabase:
        """The same database as another life of the server sees it."""
        here = replace(self.jobs.here, nonce="again")
        return self._another(here)

    def elsewhere(self) -> JobDatabase:
        """The same database as another host sees it."""
        return self._another(replace(self.jobs.here, host="elsewhere", nonce="else"))

    def _another(self, here: Incarnation) -> JobDatabase:
        return JobDatabase(self.jobs.database, self.library, here=here, clock=self.jobs.clock)


def work(frames: int = 0) -> Work:
    """What a step took."""
    return Work(cost=Cost(device_s=1.0, cpu_s=0.5, frames=frames), worker="toy-0")


def sha256(content: str) -> str:
    """Of a word."""
    return hashlib.sha256(content.encode()).hexdigest()


@contextmanager
def job_house(database: Database, folder: Path, library: BlobLibrary | None = None) -> Iterator[JobHouse]:
    """A house in this database; its files are in memory unless there is a library."""
    clock = HandClock()
    store_clock = StoreClock(database, boot=lambda: clock.boot_s, wall=lambda: clock.wall)
    files = library or BlobLibrary(MemoryStore(folder / "staging"), database)
    jobs = JobDatabase(database, files, here=Incarnation.of_this_process(), clock=store_clock)
    facts: list[Event] = []
    end = subscribe(facts.append)
    yield JobHouse(jobs=jobs, clock=clock, facts=facts)
    end()
    jobs.close()
