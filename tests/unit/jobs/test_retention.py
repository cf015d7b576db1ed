"""Files go when their time is over, not before, and that they went is on record."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.job_house import JobHouse

from steadfast.blobs.library import Removed
from steadfast.blobs.references import REFERENCES
from steadfast.errors import InputMissing, ResultGone, ServiceError
from steadfast.jobs import control, queries
from steadfast.jobs.deletion import DELETIONS
from steadfast.jobs.events import FilesDeleted
from steadfast.jobs.history import entries_after
from steadfast.jobs.purge import Purge
from steadfast.jobs.retention import Retention, RetentionTerms
from steadfast.jobs.tables import JOBS

HOUR = 3600.0


def sweep(house: JobHouse) -> None:
    asyncio.run(Retention(house.jobs, RetentionTerms()).sweep())


def age(house: JobHouse, by_s: float) -> None:
    """Everything has happened that much longer ago: nobody turns the clock of a PostgreSQL."""
    by = timedelta(seconds=by_s)
    with house.jobs.database.writing() as connection:
        for job in connection.execute(select(JOBS).where(JOBS.c.ended_at.is_not(None))).all():
            values = {"ended_at": job.ended_at - by}
            connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(values))
        for row in connection.execute(select(REFERENCES)).all():
            values = {"referred_at": row.referred_at - by}
            connection.execute(update(REFERENCES).where(REFERENCES.c.owner == row.owner).values(values))
        for row in connection.execute(select(DELETIONS)).all():
            values = {"deleted_at": row.deleted_at - by}
            connection.execute(update(DELETIONS).where(DELETIONS.c.id == row.id).values(values))


def forget_uploads(house: JobHouse) -> None:
    """What `house.keep` refers to beside the job."""
    house.library.let_go("upload")


def finished(house: JobHouse, **options: Any) -> str:
    job_id = house.submit(**options)
    house.finish()
    forget_uploads(house)
    return job_id


def roles(house: JobHouse, job_id: str) -> list[str]:
    return [one.role for one in house.library.references_of(job_id)]


def files(house: JobHouse) -> int:
    return len(list(house.library.store.listed()))


def test_inputs_go_after_a_day_and_results_after_a_week(house: JobHouse) -> None:
    job_id = finished(house)
    age(house, 23 * HOUR)
    sweep(house)
    assert roles(house, job_id) == ["input", "result"]
    age(house, 2 * HOUR)
    sweep(house)
    assert roles(house, job_id) == ["result"]
    age(house, 5 * 24 * HOUR)
    sweep(house)
    assert house.jobs.read_now(lambda c: queries.result(c, None, job_id, 0)).size_bytes > 0
    age(house, 2 * 24 * HOUR)
    sweep(house)
    assert roles(house, job_id) == []
    with pytest.raises(ResultGone):
        house.jobs.read_now(lambda c: queries.result(c, None, job_id, 0))
    assert files(house) == 0


def test_a_purge_that_cannot_be_finished_keeps_nobody_elses_files(
    house: JobHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hinder(_purge: Purge) -> int:
        raise ServiceError("Something is in the way of it.")

    monkeypatch.setattr(Purge, "take_up", hinder)
    job_id = finished(house)
    age(house, 25 * HOUR)
    sweep(house)
    assert roles(house, job_id) == ["result"]


def test_a_job_may_say_so_for_itself_shorter_or_longer(house: JobHouse) -> None:
    short = finished(house, keep_inputs_s=60.0, keep_results_s=120.0)
    long = finished(house, content="other", keep_inputs_s=100 * HOUR)
    age(house, 61)
    sweep(house)
    assert roles(house, short) == ["result"]
    age(house, 60)
    sweep(house)
    assert roles(house, short) == []
    age(house, 99 * HOUR)
    sweep(house)
    assert roles(house, long) == ["input", "result"]
    age(house, HOUR)
    sweep(house)
    assert roles(house, long) == ["result"]


def test_no_job_keeps_files_longer_than_the_operator_lets_it(house: JobHouse) -> None:
    job_id = finished(house, keep_inputs_s=1e9, keep_results_s=1e9)
    age(house, 364 * 24 * HOUR)
    sweep(house)
    assert roles(house, job_id) == ["input", "result"]
    age(house, 2 * 24 * HOUR)
    sweep(house)
    assert roles(house, job_id) == []


def test_a_job_that_has_not_ended_keeps_everything(house: JobHouse) -> None:
    job_id = house.submit()
    house.plan(house.took())
    age(house, 1000 * HOUR)
    sweep(house)
    assert roles(house, job_id) == ["input"]


def test_deletion_is_on_record_without_names_and_told(house: JobHouse) -> None:
    job_id = finished(house)
    age(house, 25 * HOUR)
    sweep(house)
    (row,) = house.jobs.read_now(lambda c: c.execute(select(DELETIONS)).all())
    assert (row.reason, row.owner, row.role, row.size_bytes) == ("retention", job_id, "input", 8)
    (fact,) = house.of(FilesDeleted)
    assert (fact.what, fact.files, fact.bytes) == ("inputs", 1, 8)
    entry = house.jobs.read_now(lambda c: entries_after(c, job_id, 0, 100))[-1]
    assert (entry.kind, entry.data["what"]) == ("deleted", "inputs")


def test_an_input_that_another_job_needs_stays(house: JobHouse) -> None:
    first = finished(house)
    second = house.submit(fresh=True)
    forget_uploads(house)
    age(house, 25 * HOUR)
    sweep(house)
    assert roles(house, first) == ["result"]
    for reference in house.library.references_of(second):
        house.library.verify(reference.blob.address)


def test_a_failed_jobs_segments_go_with_its_inputs_and_it_is_not_tried_again(house: JobHouse) -> None:
    job_id = house.submit()
    house.plan(house.took())
    house.segment(house.took())
    house.fail(house.took(), is_final=True)
    forget_uploads(house)
    assert roles(house, job_id) == ["input", "segment-0"]
    age(house, 25 * HOUR)
    sweep(house)
    assert roles(house, job_id) == []
    assert files(house) == 0
    with pytest.raises(InputMissing):
        house.jobs.write_now(lambda t: control.retry(t, None, job_id))


def test_a_job_that_is_tried_again_in_time_keeps_its_inputs(house: JobHouse) -> None:
    job_id = house.submit()
    house.fail(house.took(), is_final=True)
    age(house, 23 * HOUR)
    house.jobs.write_now(lambda t: control.retry(t, None, job_id))
    age(house, 25 * HOUR)
    sweep(house)
    assert roles(house, job_id) == ["input"]


def test_a_deleted_result_answers_no_other_job(house: JobHouse) -> None:
    finished(house)
    age(house, 8 * 24 * HOUR)
    sweep(house)
    again = finished(house)
    assert house.job(again).attempts > 1, "it was done again"


def test_rows_and_records_are_forgotten_in_the_end(house: JobHouse) -> None:
    job_id = finished(house, callback_url="https://receiver.test/", labels={"a": "b"})
    age(house, 25 * HOUR)
    sweep(house)
    age(house, 200 * 24 * HOUR)
    sweep(house)
    house.job(job_id)
    age(house, 200 * 24 * HOUR)
    sweep(house)
    left = house.jobs.read_now(lambda c: (c.execute(select(JOBS)).all(), c.execute(select(DELETIONS)).all()))
    assert left[0] == []
    assert [row.role for row in left[1]] == ["result"]


def test_a_death_between_the_row_and_the_file_leaves_nothing(
    house: JobHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(house)
    sweep(house)  # of segments
    age(house, 8 * 24 * HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(house.library, "erase", lambda addresses: [])
        patch.setattr(house.library, "collect", lambda *, grace: Removed(files=0))
        sweep(house)
        assert files(house) == 2
    sweep(house)
    assert files(house) == 0


def test_every_server_forgets_what_was_deleted_elsewhere_not_only_the_chief(
    house: JobHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def one_round() -> None:
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        monkeypatch.setattr(house.library, "forget_cached", lambda: loop.call_soon_threadsafe(told.set))
        running = asyncio.create_task(Retention(house.jobs, RetentionTerms()).run(is_chief=lambda: False))
        await asyncio.wait_for(told.wait(), 30.0)
        running.cancel()

    asyncio.run(one_round())


def test_files_of_a_job_that_was_never_recorded_go_after_a_day(house: JobHouse) -> None:
    stays = finished(house)
    house.library.keep_pieces([b"its server died"], space="anna", owner="never-recorded", role="input")
    held_now = update(REFERENCES)  # by the clock of the jobs
    house.jobs.write_now(lambda t: t.connection.execute(held_now.values(referred_at=t.at)))
    sweep(house)
    assert roles(house, "never-recorded") == ["input"], "it may be recorded in a moment"
    age(house, 23 * HOUR)
    sweep(house)
    assert roles(house, "never-recorded") == ["input"]
    age(house, 2 * HOUR)
    sweep(house)
    assert roles(house, "never-recorded") == []
    assert roles(house, stays) == ["result"]
    sweep(house)
    assert files(house) == 1
