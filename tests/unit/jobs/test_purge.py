"""Everything of a person goes: files, rows, cached results, uploads; and a receipt proves it."""

import asyncio
import hashlib
import sqlite3
from contextlib import closing
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from tests.job_house import JobHouse

from steadfast.blobs.memory import MemoryStore
from steadfast.errors import InvalidOption
from steadfast.jobs.deletion import rows_left
from steadfast.jobs.job import JobState
from steadfast.jobs.purge import Purge
from steadfast.jobs.purge_receipt import PurgeReceipt, receipts_of, unfinished
from steadfast.jobs.retention import Retention, RetentionTerms
from steadfast.jobs.rows import space_of
from steadfast.uploads.upload import UPLOADS

PERSON = "person-7"


def purge(house: JobHouse, *, owner: str | None = None, pauses: list[float] | None = None) -> PurgeReceipt:
    async def pause(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)

    return asyncio.run(Purge(house.jobs, pause=pause).of_subject(PERSON, owner=owner, asked_by="admin"))


def person_job(house: JobHouse, content: str = "abcdefgh", **options: Any) -> str:
    job_id = house.submit(content=content, **options)
    house.finish()
    house.library.let_go("upload")
    return job_id


def files(house: JobHouse) -> int:
    return len(list(house.library.store.listed()))


def test_nothing_of_the_person_is_left_and_the_receipt_says_what_was(house: JobHouse) -> None:
    gone = person_job(house, subject=PERSON, labels={"name": "Anna"}, callback_url="https://receiver.test/")
    stays = person_job(house, "somebody", subject="person-8")
    receipt = purge(house)
    assert receipt.jobs == (gone,)
    # The segments had served their purpose, but still lay there.
    assert sorted(one.role for one in receipt.files) == ["freed", "freed", "input", "result"]
    assert receipt.files_erased == 4
    assert receipt.is_complete
    assert receipt.verification.is_clean
    assert house.jobs.read_now(lambda c: rows_left(c, gone)) == 0
    assert house.job(stays).state is JobState.SUCCEEDED
    assert files(house) == 4, "of the other job"
    assert not told_anywhere(house, "Anna")


def told_anywhere(house: JobHouse, word: str) -> bool:
    """Whether any row of any table holds the word."""
    with house.jobs.database.reading() as connection:
        from steadfast.database.schema import METADATA

        return any(
            word in str(row) for table in METADATA.sorted_tables for row in connection.execute(table.select())
        )


def test_the_receipt_is_kept_names_no_person_and_bears_a_sum(house: JobHouse) -> None:
    person_job(house, subject=PERSON)
    purge(house)
    assert not told_anywhere(house, PERSON)
    (kept,) = house.jobs.read_now(lambda c: receipts_of(c, PERSON))
    assert kept["subject_sha256"] == hashlib.sha256(PERSON.encode()).hexdigest()
    assert (kept["asked_by"], kept["files_erased"], kept["is_complete"]) == ("admin", 4, True)
    without = {name: value for name, value in kept.items() if name != "sha256"}
    said = msgspec.json.Encoder(order="sorted").encode(without)
    assert hashlib.sha256(said).hexdigest() == kept["sha256"]


def test_a_job_that_runs_is_stopped_and_what_its_worker_hands_in_late_goes_too(house: JobHouse) -> None:
    job_id = house.submit(subject=PERSON)
    house.library.let_go("upload")
    house.plan(house.took())
    lease, pauses = house.took(), []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        house.store(lease, "handed in by a worker that has not heard")

    receipt = asyncio.run(Purge(house.jobs, pause=pause).of_subject(PERSON, owner=None, asked_by="admin"))
    assert len(pauses) == 1
    assert receipt.jobs == (job_id,)
    assert receipt.is_complete
    assert files(house) == 0


def test_a_file_that_came_after_the_rows_were_gone_is_found_by_the_next_round(
    house: JobHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.submit(subject=PERSON)
    house.library.let_go("upload")
    house.plan(house.took())
    lease, erase = house.took(), house.library.erase
    late = iter([True])

    def erase_and_come_late(addresses: Any) -> Any:
        erased = erase(addresses)
        if next(late, False):
            house.store(lease, "very late")
        return erased

    monkeypatch.setattr(house.library, "erase", erase_and_come_late)
    assert purge(house).is_complete
    assert files(house) == 0


def test_what_others_have_too_stays_for_them_and_the_receipt_says_so(house: JobHouse) -> None:
    person_job(house, subject=PERSON)
    other = person_job(house)  # the same input, and answered from the same result
    receipt = purge(house)
    assert not receipt.is_complete
    assert receipt.verification.is_clean
    assert {one.needed_by for one in receipt.files if one.role != "freed"} == {(other,)}
    for reference in house.library.references_of(other):
        house.library.verify(reference.blob.address)


def test_uploads_of_the_same_file_go_too(house: JobHouse) -> None:
    job_id = house.submit(subject=PERSON)
    (given,) = [one for one in house.library.references_of(job_id) if one.role == "input"]
    with house.jobs.database.writing() as connection:
        connection.execute(
            UPLOADS.insert().values(
                id="upload",
                space=space_of("anna"),
                size_bytes=8,
                announced='{"filename":"anna.mp4"}',
                sha256=given.blob.address.sha256,
                created_at=house.clock.wall,
                expires_at=house.clock.wall,
            )
        )
    receipt = purge(house)
    assert receipt.uploads == ("upload",)
    assert receipt.is_complete
    assert not told_anywhere(house, "anna.mp4")


def test_a_key_purges_its_own_jobs_only(house: JobHouse) -> None:
    mine, other = person_job(house, subject=PERSON), person_job(house, subject=PERSON, owner="bob")
    assert purge(house, owner="anna").jobs == (mine,)
    assert purge(house).jobs == (other,)


def test_the_result_of_a_purged_job_answers_nobody(house: JobHouse) -> None:
    person_job(house, subject=PERSON)
    purge(house)
    again = person_job(house)
    assert house.job(again).attempts > 1


def test_a_purge_may_be_repeated_and_finds_nothing(house: JobHouse) -> None:
    person_job(house, subject=PERSON)
    purge(house)
    again = purge(house)
    assert (again.jobs, again.files, again.is_complete) == ((), (), True)


def test_what_the_store_still_has_is_not_called_gone(
    house: JobHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    person_job(house, subject=PERSON)
    store = house.library.store
    assert isinstance(store, MemoryStore)
    monkeypatch.setattr(store, "delete", lambda name: False)
    receipt = purge(house)
    assert receipt.verification.files_left == 4
    assert not receipt.is_complete


def test_others_may_write_while_the_store_is_asked_what_is_left(
    house: JobHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    person_job(house, subject=PERSON)
    asked: list[str] = []

    def slow(name: str) -> None:
        asked.append(name)
        with closing(sqlite3.connect(str(house.jobs.database.options.file), timeout=0.0)) as another:
            another.execute("BEGIN IMMEDIATE")

    monkeypatch.setattr(house.library.store, "size_of", slow)
    assert purge(house).is_complete
    assert asked


class Death(Exception):
    """Of the server."""


@pytest.mark.parametrize("moment", ["before the files", "before the receipt"])
def test_a_purge_that_died_is_taken_up_by_the_next_whose_receipt_has_all(
    house: JobHouse, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    first, second = person_job(house, subject=PERSON), person_job(house, "another", subject=PERSON)

    def die(*_: object) -> None:
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr(Purge, "_erase_files" if moment == "before the files" else "_receipt", die)
        with pytest.raises(Death):
            purge(house)
    assert house.jobs.read_now(lambda c: receipts_of(c, PERSON)) == []
    receipt = purge(house)
    assert sorted(receipt.jobs) == sorted([first, second])
    assert sorted(one.role for one in receipt.files) == sorted(["freed", "freed", "input", "result"] * 2)
    assert receipt.is_complete
    assert files(house) == 0
    assert house.jobs.read_now(lambda c: unfinished(c, PERSON, None)) == []
    assert purge(house).jobs == ()


def test_a_key_takes_up_only_what_was_its_own(house: JobHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = person_job(house, subject=PERSON), person_job(house, subject=PERSON, owner="bob")

    def die(*_: object) -> None:
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr(Purge, "_receipt", die)
        with pytest.raises(Death):
            purge(house)
    assert purge(house, owner="anna").jobs == (mine,)
    assert purge(house).jobs == (other,)
    assert not told_anywhere(house, PERSON)


def test_a_purge_that_died_with_its_server_is_finished_by_the_next_server(
    house: JobHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = [person_job(house, subject=PERSON), person_job(house, "another", subject=PERSON)]

    def die(*_: object) -> None:
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr(Purge, "_erase_files", die)
        with pytest.raises(Death):
            purge(house)
    assert asyncio.run(Purge(house.elsewhere()).take_up()) == 0, "nobody there knows that its server is dead"
    asyncio.run(Retention(house.restarted(), RetentionTerms()).sweep())
    (receipt,) = house.jobs.read_now(lambda c: receipts_of(c, PERSON))
    assert (receipt["asked_by"], sorted(receipt["jobs"]), receipt["is_complete"]) == (
        "admin",
        sorted(gone),
        True,
    )
    assert files(house) == 0
    assert not told_anywhere(house, PERSON)
    assert asyncio.run(Purge(house.restarted()).take_up()) == 0


def test_a_purge_of_nobody_is_refused(house: JobHouse) -> None:
    person_job(house)
    with pytest.raises(InvalidOption):
        asyncio.run(Purge(house.jobs).of_subject("", owner=None, asked_by="admin"))


def test_the_question_for_a_subjects_jobs_uses_its_index(house: JobHouse) -> None:
    if house.jobs.database.options.file is None:
        pytest.skip("PostgreSQL reads a small table as a whole")
    with house.jobs.database.reading() as connection:
        query = "EXPLAIN QUERY PLAN SELECT id FROM jobs WHERE subject = 'x' AND subject != '' ORDER BY id"
        assert "ix_jobs_subject" in str(connection.execute(text(query)).all())
