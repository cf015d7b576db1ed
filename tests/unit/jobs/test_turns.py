"""Who is next: urgency first, then fairness between keys, then between the jobs of a key."""

from collections import Counter

import pytest
import tests.job_house
from tests.job_house import JobHouse

from steadfast.jobs import control, leasing
from steadfast.jobs.completion import Work
from steadfast.jobs.job import Cost, JobPriority


def test_the_more_urgent_job_gets_the_next_step_of_all(house: JobHouse) -> None:
    slow = house.submit(content="low", priority=JobPriority.LOW)
    house.plan(house.took(), segments=5)
    house.do(house.took())
    urgent = house.submit(content="high", priority=JobPriority.HIGH)
    order = [lease.job_id for lease in house.finish()]
    assert order == [urgent] * 4 + [slow] * 5


def test_a_change_of_priority_holds_from_the_next_step_on(house: JobHouse) -> None:
    first = house.submit(content="first")
    second = house.submit(content="second", priority=JobPriority.LOW)
    house.plan(house.took(), segments=5)
    house.jobs.write_now(lambda t: control.set_priority(t, "anna", second, JobPriority.HIGH))
    order = [lease.job_id for lease in house.finish()]
    assert order == [second] * 4 + [first] * 6


def test_keys_share_alike_whatever_they_have_waiting(house: JobHouse) -> None:
    for number in range(30):
        house.submit(content=f"anna {number}")
    for number in range(3):
        house.submit(order=house.order(f"ben {number}", owner="ben"))
    first_steps = [lease.owner for lease in house.finish(most=20)]
    shares = Counter(first_steps)
    assert abs(shares["anna"] - shares["ben"]) <= 2


def test_a_key_that_rested_is_owed_nothing(house: JobHouse) -> None:
    house.submit(order=house.order("early", owner="ben"))
    house.finish()
    for number in range(30):
        house.submit(content=f"anna {number}")
    house.finish(most=60)
    for number in range(10):
        house.submit(order=house.order(f"late {number}", owner="ben"))
    shares = Counter(lease.owner for lease in house.finish(most=20))
    assert abs(shares["anna"] - shares["ben"]) <= 2


def test_a_new_key_does_not_pay_for_what_others_did_before(house: JobHouse) -> None:
    for number in range(10):
        house.submit(content=f"anna {number}")
    house.finish()
    house.submit(order=house.order("new", owner="carla"))
    assert house.took().owner == "carla"


def test_few_jobs_of_a_key_are_open_at_a_time(house: JobHouse) -> None:
    jobs = [house.submit(content=f"job {number}") for number in range(10)]
    begun: list[str] = []
    while (lease := house.take(open_jobs=2)) is not None:
        begun.append(lease.job_id)
        house.do(lease)
        unfinished = [job_id for job_id in set(begun) if not house.job(job_id).has_ended]
        assert len(unfinished) <= 2
    assert list(dict.fromkeys(begun)) == jobs


def test_a_place_is_never_idle_while_there_is_work_in_a_job_that_is_not_open(house: JobHouse) -> None:
    jobs = [house.submit(content=f"job {number}") for number in range(6)]
    leases = [house.took(open_jobs=2) for _ in range(6)]
    assert {lease.job_id for lease in leases} == set(jobs)


def test_open_jobs_of_a_key_take_turns(house: JobHouse) -> None:
    long = house.submit(content="long")
    house.plan(house.took(), segments=20)
    for _ in range(5):
        house.do(house.took())
    short = house.submit(content="short")
    order = [lease.job_id for lease in house.finish(most=8)]
    assert order.count(short) == 4
    assert order.count(long) == 4


def test_nothing_to_do_puts_the_flow_to_sleep_and_anything_new_wakes_it(house: JobHouse) -> None:
    job_id = house.submit()
    lease = house.took()
    assert house.take() is None
    house.plan(lease)
    first = house.took()
    house.took()
    assert house.take() is None
    assert house.fail(first)
    assert house.took().job_id == job_id


def test_a_flow_that_sleeps_by_fault_is_woken(house: JobHouse) -> None:
    house.submit()
    house.jobs.write_now(lambda t: t.connection.exec_driver_sql("UPDATE job_flows SET is_waiting = false"))
    assert house.take() is None
    assert house.jobs.write_now(control.wake_all) == 1
    assert house.take() is not None


def test_a_wrong_count_of_steps_mends_itself(house: JobHouse) -> None:
    job_id = house.submit()
    lease = house.took()
    house.jobs.write_now(lambda t: t.connection.exec_driver_sql("UPDATE jobs SET ready_steps = 1"))
    house.jobs.write_now(control.wake_all)
    assert house.take() is None
    house.plan(lease)
    assert [lease.job_id for lease in house.finish()] == [job_id] * 3


def test_only_what_a_node_can_do_is_leased_to_it(house: JobHouse) -> None:
    house.submit()
    take_other = lambda t: leasing.take(t, "other", lease_s=30.0, open_jobs=4)  # noqa: E731
    assert house.jobs.write_now(take_other) is None
    assert house.take() is not None


def test_keys_share_workers_by_the_time_they_take_them_also_where_there_is_no_device(
    house: JobHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        for owner in ("anna", "ben"):
            house.submit(order=house.order(f"{owner} {number}", owner=owner))
    took_s, turns = {"anna": 10.0, "ben": 1.0}, []
    for _ in range(22):
        lease = house.took()
        turns.append(lease.owner)
        done = Work(cost=Cost(cpu_s=took_s[lease.owner]), worked_s=took_s[lease.owner])
        monkeypatch.setattr(tests.job_house, "work", lambda frames=0, done=done: done)
        house.do(lease)
    assert turns.count("ben") > 5 * turns.count("anna")
