"""What people and time do to a job, and what cannot be done to it."""

from functools import partial

import pytest
from tests.job_house import JobHouse

from steadfast.errors import InputMissing, JobConflict, JobUnknown, WorkerCrashed
from steadfast.jobs import control, failing, queries
from steadfast.jobs.events import JobStateChanged
from steadfast.jobs.job import TRANSITIONS, JobPriority, JobState, OnPinLost, StepKind, sources_of
from steadfast.jobs.port import JobFilter


def test_nothing_leaves_success_and_every_other_end_can_be_taken_up_again() -> None:
    assert TRANSITIONS[JobState.SUCCEEDED] == frozenset()
    assert sources_of(JobState.QUEUED) >= {JobState.FAILED, JobState.CANCELLED, JobState.PAUSED}
    assert JobState.SUCCEEDED not in sources_of(JobState.CANCELLED)


def test_a_job_of_somebody_else_is_one_that_never_was(house: JobHouse) -> None:
    job_id = house.submit()
    for change in (control.cancel, control.pause, control.resume, control.retry):
        with pytest.raises(JobUnknown):
            house.jobs.write_now(partial(change, owner="ben", job_id=job_id))
    with pytest.raises(JobUnknown):
        house.jobs.read_now(lambda c: queries.get(c, "ben", job_id))
    assert house.job(job_id).state is JobState.QUEUED


def test_cancelling_twice_is_no_fault_and_cancelling_what_is_done_is(house: JobHouse) -> None:
    job_id, done = house.submit(content="one"), house.submit(content="two")
    for _ in range(2):
        house.jobs.write_now(lambda t: control.cancel(t, None, job_id))
    house.finish()
    with pytest.raises(JobConflict, match="succeeded"):
        house.jobs.write_now(lambda t: control.cancel(t, None, done))
    ends = [fact.after for fact in house.of(JobStateChanged) if fact.job_id == job_id]
    assert ends == [JobState.CANCELLED]


def test_a_cancelled_job_leases_nothing_and_refuses_what_was_under_way(house: JobHouse) -> None:
    job_id = house.submit()
    lease = house.took()
    house.jobs.write_now(lambda t: control.cancel(t, None, job_id))
    assert house.take() is None
    assert not house.fail(lease, WorkerCrashed("Killed."))
    house.jobs.write_now(lambda t: control.retry(t, None, job_id))
    again = house.took()
    assert again.token > lease.token + 1, "no token of before may be mistaken for this one"


def test_a_batch_that_starts_over_leaves_what_has_failed_alone(house: JobHouse) -> None:
    job_id = house.submit(house.order("bad", "good", on_pin_lost=OnPinLost.RESTART))
    assert house.fail(house.took(), is_final=True)
    house.plan(house.took())
    segment = house.took()
    assert house.jobs.write_now(lambda t: failing.pin_lost(t, segment, "The model is gone."))
    assert {lease.key.item for lease in house.finish()} == {1}
    job = house.job(job_id)
    assert (job.state, job.progress.items_done, job.progress.items_failed) == (JobState.FAILED, 1, 1)


def test_a_retry_keeps_what_is_done(house: JobHouse) -> None:
    job_id = house.submit()
    house.plan(house.took())
    house.segment(house.took())
    broken = house.took()
    assert house.fail(broken, is_final=True)
    assert house.job(job_id).state is JobState.FAILED
    house.jobs.write_now(lambda t: control.retry(t, None, job_id))
    assert [lease.key.number for lease in house.finish()] == [1, 0]
    assert house.job(job_id).state is JobState.SUCCEEDED


def test_a_job_without_its_inputs_is_not_retried(house: JobHouse) -> None:
    job_id = house.submit()
    house.jobs.write_now(lambda t: control.cancel(t, None, job_id))
    house.jobs.write_now(
        lambda t: t.connection.exec_driver_sql("UPDATE jobs SET inputs_gone_at = created_at")
    )
    with pytest.raises(InputMissing):
        house.jobs.write_now(lambda t: control.retry(t, None, job_id))


def test_a_job_fails_when_its_time_is_over_and_says_so(house: JobHouse) -> None:
    job_id = house.submit(expires_in_s=60.0)
    other = house.submit(content="other")
    lease = house.took()
    assert house.jobs.write_now(control.expire) == 0
    house.clock.turn(61.0)
    assert house.jobs.write_now(control.expire) == 1
    failure = house.job(job_id).failure
    assert failure is not None
    assert failure.code == "job_expired"
    assert not house.fail(lease)
    house.finish()
    assert house.job(other).state is JobState.SUCCEEDED


def test_a_job_that_ended_in_time_does_not_expire(house: JobHouse) -> None:
    job_id = house.submit(expires_in_s=60.0)
    house.finish()
    house.clock.turn(61.0)
    assert house.jobs.write_now(control.expire) == 0
    assert house.job(job_id).state is JobState.SUCCEEDED


def test_the_urgency_of_what_has_ended_is_not_changed(house: JobHouse) -> None:
    job_id = house.submit()
    house.finish()
    with pytest.raises(JobConflict):
        house.jobs.write_now(lambda t: control.set_priority(t, None, job_id, JobPriority.HIGH))


def test_lists_are_the_latest_first_in_pages_and_as_asked_for(house: JobHouse) -> None:
    mine = [house.submit(content=f"job {n}", labels={"batch": str(n % 2)}, subject=f"s{n}") for n in range(5)]
    house.submit(order=house.order("foreign", owner="ben"))
    house.jobs.write_now(lambda t: control.cancel(t, None, mine[0]))

    def ids(which: JobFilter, before: str | None = None, limit: int = 50) -> list[str]:
        page = house.jobs.read_now(lambda c: queries.page(c, "anna", which, limit, before))
        return [job.id for job in page.jobs]

    assert ids(JobFilter()) == mine[::-1]
    assert ids(JobFilter(), limit=2) == [mine[4], mine[3]]
    assert ids(JobFilter(), before=mine[3], limit=2) == [mine[2], mine[1]]
    assert ids(JobFilter(states=(JobState.CANCELLED,))) == [mine[0]]
    assert ids(JobFilter(states=(JobState.CANCELLED, JobState.QUEUED))) == mine[::-1]
    assert ids(JobFilter(labels={"batch": "1"})) == [mine[3], mine[1]]
    assert ids(JobFilter(subject="s2")) == [mine[2]]
    assert ids(JobFilter(task="other")) == []
    first = house.jobs.read_now(lambda c: queries.page(c, "anna", JobFilter(), 2, None))
    assert first.next == mine[3]
    last = house.jobs.read_now(lambda c: queries.page(c, "anna", JobFilter(), 2, mine[2]))
    assert last.next is None
    everybody = house.jobs.read_now(lambda c: queries.page(c, None, JobFilter(), 50, None))
    assert len(everybody.jobs) == 6


def test_steps_go_with_success_and_stay_with_what_may_be_retried(house: JobHouse) -> None:
    done, failed = house.submit(content="done"), house.submit(content="failed")
    while (lease := house.take()) is not None:
        if lease.job_id == failed and lease.key.kind is StepKind.SEGMENT:
            house.fail(lease, is_final=True)
        else:
            house.do(lease)
    assert house.steps(done) == []
    assert len(house.steps(failed)) == 3


def test_a_job_keeps_who_when_what_and_what_it_took(house: JobHouse) -> None:
    job_id = house.submit()
    house.finish()
    tried = house.jobs.read_now(lambda c: queries.attempts(c, "anna", job_id, 100))
    assert [attempt.outcome.value for attempt in tried] == ["done"] * 4
    assert {attempt.owner for attempt in tried} == {str(house.jobs.here)}
    assert {attempt.worker for attempt in tried} == {"toy-0"}
    (item,) = house.jobs.read_now(lambda c: queries.items(c, "anna", job_id, 0, 10))
    assert item.order.target.name == "abcdefgh.txt"
    assert item.report == {"frames": 8}
    job = house.job(job_id)
    assert (job.cost.device_s, job.cost.cpu_s, job.cost.read_bytes) == (4.0, 2.0, 8)
    assert job.started_at is not None
    assert job.pin == {"engine": "toy", "model:net": "00"}


def test_incidents_that_touched_a_job_stay_with_it(house: JobHouse) -> None:
    job_id = house.submit()
    for incident in ("inc1", "inc2", "inc1"):
        house.jobs.write_now(partial(control.note_incident, job_ids=[job_id, "unknown"], incident=incident))
    assert house.job(job_id).incidents == ("inc1", "inc2")
