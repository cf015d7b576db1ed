"""A task is able because it did something, not because its process lives."""

from tests.unit.health.probes.surroundings import Hand, pool, surroundings

from steadfast.health.probes.capability import TaskAnswer, TaskProof, TaskReady, TaskSlowness, WorkerRestarts
from steadfast.health.readings import Status
from steadfast.health.work_record import WorkRecord


def test_the_proof_ages_and_a_canary_or_a_request_renews_it() -> None:
    clock = Hand()
    record = WorkRecord(clock)
    probe = TaskProof(surroundings(pool(), clock=clock), record)
    (nothing,) = probe.take()
    assert (nothing.value, nothing.status) == (None, Status.OK)
    record.count_work("face_swap", size=1000, worked_ms=10)
    clock.pass_(200)
    (old,) = probe.take()
    assert old.value == 200
    assert probe.thresholds.judge(old.value) is Status.WARNING
    record.count_canary("face_swap", passed=True)
    (fresh,) = probe.take()
    assert (fresh.value, fresh.note) == (0, "last proved by a canary")


def test_a_start_that_takes_long_is_no_missing_proof() -> None:
    probe = TaskProof(surroundings(pool(ready=False, why_not="no worker is loaded")), WorkRecord(Hand()))
    (nothing,) = probe.take()
    assert nothing.status is Status.DISABLED


def test_a_wrong_canary_is_an_error_until_a_right_one() -> None:
    record = WorkRecord(Hand())
    record.count_canary("face_swap", passed=False)
    (wrong,) = TaskAnswer(record).take()
    assert wrong.status is Status.ERROR
    record.count_canary("face_swap", passed=True)
    (right,) = TaskAnswer(record).take()
    assert right.status is Status.OK


def test_a_task_that_is_not_ready_says_why() -> None:
    probe = TaskReady(surroundings(pool(ready=False, why_not="every worker hangs")))
    (sample,) = probe.take()
    assert (sample.status, sample.note) == (Status.ERROR, "every worker hangs")


def test_deaths_count_for_ten_minutes() -> None:
    clock = Hand()
    record = WorkRecord(clock)
    probe = WorkerRestarts(surroundings(clock=clock), record)
    for _ in range(6):
        record.count_death("face_swap")
    clock.pass_(599)
    record.count_death("face_swap")
    (sample,) = probe.take()
    assert (sample.subject, sample.value) == ("face_swap", 7.0)
    assert probe.thresholds.judge(7.0) is Status.WARNING
    clock.pass_(2)
    (sample,) = probe.take()
    assert sample.value == 1.0


def test_slowness_compares_work_with_work_of_its_own_size() -> None:
    record = WorkRecord(Hand())
    for _ in range(40):
        for size, took_ms in ((1000, 10.0), (1_000_000, 500.0)):
            record.count_work("face_swap", size=size, worked_ms=took_ms)
        for work in record.task("face_swap").sizes.values():
            work.settle(learn=True)
    for _ in range(10):
        record.count_work("face_swap", size=1_000_000, worked_ms=500.0)
    (usual,) = TaskSlowness(record).take()
    assert usual.value is not None
    assert abs(usual.value - 1) < 0.05
    for _ in range(64):
        record.count_work("face_swap", size=1000, worked_ms=30.0)
    (slow,) = TaskSlowness(record).take()
    assert slow.value is not None
    assert abs(slow.value - 3) < 0.1
