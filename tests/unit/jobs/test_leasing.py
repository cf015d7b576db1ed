"""A step is done once, whoever dies, comes late or is quicker."""

from datetime import timedelta

import pytest
from tests.job_house import JobHouse, work

from steadfast.errors import LeaseRefused, WorkerCrashed
from steadfast.jobs import completion, leasing
from steadfast.jobs.attempts import Ending
from steadfast.jobs.events import LeaseLost, StepStarted
from steadfast.jobs.job import AttemptOutcome, Fault, JobState, StepKind, StepState
from steadfast.jobs.lease import Lease
from steadfast.task_steps import SegmentDone


def begun(house: JobHouse) -> tuple[str, Lease]:
    """A job with two segments, the first of them leased."""
    job_id = house.submit()
    house.plan(house.took())
    return job_id, house.took()


def test_a_job_goes_through_plan_segments_and_join(house: JobHouse) -> None:
    job_id = house.submit()
    kinds = [(lease.key.kind, lease.key.number) for lease in house.finish()]
    assert kinds == [
        (StepKind.PLAN, 0),
        (StepKind.SEGMENT, 0),
        (StepKind.SEGMENT, 1),
        (StepKind.JOIN, 0),
    ]
    job = house.job(job_id)
    assert job.state is JobState.SUCCEEDED
    assert (job.progress.segments_done, job.progress.frames_done, job.attempts) == (2, 8, 4)
    assert job.cost.device_s == pytest.approx(4.0)
    assert job.cost.frames == 8


def test_a_step_is_leased_to_one_only(house: JobHouse) -> None:
    house.submit()
    assert house.take() is not None
    assert house.take() is None


def test_the_join_is_told_what_the_segments_left_for_it(house: JobHouse) -> None:
    _, first = begun(house)
    second = house.took()
    later, earlier = house.segment(second, "later"), house.segment(first, "earlier")
    join = house.took()
    assert [part.address for part in join.parts] == [str(earlier.address), str(later.address)]
    assert [part.note for part in join.parts] == [b"\x00", b"\x01"]
    assert join.item_brief == b"all"


def test_a_late_owner_cannot_write(house: JobHouse) -> None:
    job_id, late = begun(house)
    house.clock.turn(31.0)
    house.jobs.write_now(leasing.drop_expired) if house.jobs.database.options.file else _expire_now(
        house, late
    )
    again = house.took()
    assert (again.key, again.token) == (late.key, late.token + 1)
    blob = house.store(late, "too late")
    done = SegmentDone(units=4)
    with pytest.raises(LeaseRefused):
        house.jobs.write_now(lambda t: completion.segment_done(t, late, done, blob, work()))
    assert not house.fail(late)
    ending = Ending(outcome=AttemptOutcome.GIVEN_BACK)
    assert not house.jobs.write_now(lambda t: leasing.give_back(t, late, ending))
    assert house.jobs.write_now(lambda t: leasing.renew(t, [(late, 3)], lease_s=30.0)) == [late]
    house.segment(again)
    assert [fact.number for fact in house.of(LeaseLost)] == [0]
    assert house.job(job_id).progress.segments_done == 1


def _expire_now(house: JobHouse, lease: Lease) -> None:
    """Where time is the server's, the lease is shortened instead."""
    house.jobs.write_now(lambda t: leasing.renew(t, [(lease, 0)], lease_s=-1.0))
    house.jobs.write_now(leasing.drop_expired)


def test_a_lease_that_is_renewed_does_not_run_out(house: JobHouse) -> None:
    job_id, lease = begun(house)
    for _ in range(5):
        house.clock.turn(20.0)
        assert house.jobs.write_now(lambda t: leasing.renew(t, [(lease, 3)], lease_s=30.0)) == []
        assert house.jobs.write_now(leasing.drop_expired) == 0
    assert [step.state for step in house.steps(job_id)].count(StepState.LEASED) == 1


def test_a_jump_of_the_wall_clock_breaks_no_lease(house: JobHouse) -> None:
    begun(house)
    house.clock.wall += timedelta(hours=1)
    assert house.jobs.write_now(leasing.drop_expired) == 0


def test_a_start_drops_the_leases_of_dead_incarnations_at_once(house: JobHouse) -> None:
    _, lease = begun(house)
    successor = house.restarted()
    assert successor.write_now(lambda t: leasing.drop_dead(t, successor.here)) == 1
    again = successor.write_now(lambda t: leasing.take(t, "toy", lease_s=30.0, open_jobs=4))
    assert again is not None
    assert again.key == lease.key
    successor.close()


def test_leases_of_another_host_are_left_alone(house: JobHouse) -> None:
    begun(house)
    other = house.elsewhere()
    assert other.write_now(lambda t: leasing.drop_dead(t, other.here)) == 0
    other.close()


def test_what_is_given_back_is_leased_again_and_counts_nowhere(house: JobHouse) -> None:
    job_id, lease = begun(house)
    ending = Ending(outcome=AttemptOutcome.GIVEN_BACK, code="shutting_down")
    assert house.jobs.write_now(lambda t: leasing.give_back(t, lease, ending))
    assert house.took().key == lease.key
    assert house.job(job_id).failed_attempts == 0


def test_deaths_from_outside_never_use_up_the_attempts(house: JobHouse) -> None:
    job_id, lease = begun(house)
    for _ in range(10):
        assert house.fail(lease, WorkerCrashed("Killed."), fault=Fault.OUTSIDE)
        lease = house.took()
    house.segment(lease)
    house.finish()
    assert house.job(job_id).state is JobState.SUCCEEDED


def test_every_start_of_a_step_is_stated(house: JobHouse) -> None:
    house.submit()
    house.finish()
    assert [fact.token for fact in house.of(StepStarted)] == [1, 1, 1, 1]
