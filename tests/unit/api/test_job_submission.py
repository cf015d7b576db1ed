"""A job that is sent is recorded once, whatever dies between the record and the answer."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from tests.databases import open_migrated_sqlite
from tests.job_house import JobHouse, job_house
from tests.unit.api.asgi import Sent, exchange, run

from steadfast.admission.idempotency import IdempotencyStore
from steadfast.api.answer_bodies import FolderBodies
from steadfast.api.backend import JobTerms
from steadfast.api.intake import IntakeLimits, Room
from steadfast.api.job_submission import JobSubmission
from steadfast.api.replays import Replays
from steadfast.errors import DiskFull, IdempotencyInProgress, IdempotencyMismatch, InvalidOption
from steadfast.jobs.calls import Company
from steadfast.jobs.port import JobFilter
from steadfast.jobs.service import JobService

LIMITS = IntakeLimits(
    max_request_bytes=1_000_000, max_parts=4, buffer_bytes=1_000, body_grace_s=5.0, min_bytes_per_s=1e6
)


class Death(BaseException):
    """Of the server, at one moment."""


async def aside(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[JobHouse]:
    database = open_migrated_sqlite(tmp_path)
    with job_house(database, tmp_path) as built:
        yield built
    database.close()


class Front:
    """A life of the server; what outlives it is the house."""

    def __init__(self, house: JobHouse, folder: Path) -> None:
        store = IdempotencyStore(house.jobs.database, now=lambda: house.clock.wall)
        self.replays = Replays(store, aside, FolderBodies(folder / "answers"), keep=timedelta(days=1))
        idle = SimpleNamespace(flights=(), units_done=Counter(), nudge=lambda: None, company=Company())
        guard = SimpleNamespace(check=lambda: None, check_now=lambda: None)
        self.jobs = JobService(house.jobs, cast("Any", idle), cast("Any", None), cast("Any", guard))
        backend = SimpleNamespace(
            uploads=None,
            references=None,
            replays=self.replays,
            callbacks=None,
            room=Room(folder=folder, memory_bytes=5_000, disk_bytes=20_000),
            limits=LIMITS,
            job_terms=JobTerms(segment_s=4.0, max_items=3, longest_kept_s=3600.0),
        )
        self.submission = JobSubmission(cast("Any", backend), self.jobs)

    def send(self, key: str | None = "once", **fields: str) -> Sent:
        """A form with two pictures."""
        files = [("source", ("me.jpg", b"a face")), ("target", ("you.jpg", b"a picture"))]
        form = httpx.Request("POST", "http://here/v1/jobs", files=files, data=fields)
        headers = {"content-type": form.headers["content-type"]}
        if key is not None:
            headers["idempotency-key"] = key
        sent = Sent()
        run(self.submission.submit(exchange(pieces=[form.read()], headers=headers, sent=sent), "anna"))
        return sent

    def recorded(self) -> list[str]:
        """Every job."""
        return [job.id for job in run(self.jobs.list(None, JobFilter())).jobs]


def id_of(sent: Sent) -> str:
    return str(json.loads(sent.body)["id"])


def test_a_job_is_answered_with_its_place_and_its_files_are_held_by_it(
    house: JobHouse, tmp_path: Path
) -> None:
    front = Front(house, tmp_path)
    sent = front.send(key=None, labels="trip=lisbon")
    job_id = id_of(sent)
    assert (sent.status, sent.headers[b"location"]) == (202, f"/v1/jobs/{job_id}".encode())
    assert {one.role for one in house.library.references_of(job_id)} == {"input"}
    assert front.recorded() == [job_id]


def test_a_repetition_gets_the_same_answer_and_leaves_no_files(house: JobHouse, tmp_path: Path) -> None:
    front = Front(house, tmp_path)
    first, second = front.send(), front.send()
    assert (first.body, second.headers[b"idempotent-replayed"]) == (second.body, b"true")
    assert front.recorded() == [id_of(first)]
    owners = {one.owner for one in house.library.references_of(id_of(first))}
    assert owners == {id_of(first)}
    with pytest.raises(IdempotencyMismatch):
        front.send(quality="50")


def test_a_server_that_died_between_the_record_and_the_answer_has_made_one_job(
    house: JobHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = Front(house, tmp_path)

    async def die(*_: object) -> None:
        raise Death

    monkeypatch.setattr(front.replays, "keep", die)
    with pytest.raises(Death):
        front.send()
    after = Front(house, tmp_path)
    (job_id,) = after.recorded()
    with pytest.raises(IdempotencyInProgress):  # nobody knows yet that the first one is dead
        after.send()
    house.clock.turn(120)
    assert id_of(after.send()) == job_id
    assert after.recorded() == [job_id]
    assert after.send().headers[b"idempotent-replayed"] == b"true"


def test_a_key_that_has_been_forgotten_makes_another_job(house: JobHouse, tmp_path: Path) -> None:
    front = Front(house, tmp_path)
    first = id_of(front.send())
    house.clock.turn(25 * 3600.0)
    assert id_of(front.send()) != first
    assert len(front.recorded()) == 2


def test_what_is_refused_holds_no_files(
    house: JobHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    front, held = Front(house, tmp_path), list[str]()
    let_go = house.library.let_go

    def let_go_and_tell(owner: str) -> object:
        held.append(owner)
        return let_go(owner)

    monkeypatch.setattr(house.library, "let_go", let_go_and_tell)
    with pytest.raises(InvalidOption):
        front.send(codec="divx")
    (owner,) = held
    assert house.library.references_of(owner) == []
    assert front.recorded() == []


def test_a_body_that_finds_no_room_is_refused_before_it_is_read(
    house: JobHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = SimpleNamespace(free_bytes=5)
    monkeypatch.setattr(house.library, "headroom", lambda: room)
    front = Front(house, tmp_path)
    coming = exchange(pieces=[], headers={"content-length": "1000"})
    with pytest.raises(DiskFull):
        run(front.submission.submit(coming, "anna"))


def test_a_store_that_hangs_holds_up_the_request_and_not_the_loop(
    house: JobHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, let_go = threading.Event(), threading.Event()

    def hang() -> SimpleNamespace:
        asked.set()
        assert let_go.wait(30)
        return SimpleNamespace(free_bytes=5)

    monkeypatch.setattr(house.library, "headroom", hang)
    front = Front(house, tmp_path)

    async def test() -> None:
        coming = exchange(pieces=[], headers={"content-length": "1000"})
        submitting = asyncio.create_task(front.submission.submit(coming, "anna"))
        while not asked.is_set():
            await asyncio.sleep(0)
        let_go.set()  # only a loop that turns gets here while the store is silent
        with pytest.raises(DiskFull):
            await submitting

    run(test())
