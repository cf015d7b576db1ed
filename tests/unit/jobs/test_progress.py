"""A job tells how far it is, with what is under way here and elsewhere."""

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.job_house import JobHouse

from steadfast.jobs import leasing
from steadfast.jobs.calls import Company
from steadfast.jobs.flight import Flight
from steadfast.jobs.job import Job
from steadfast.jobs.lease import Lease
from steadfast.jobs.port import JobFilter
from steadfast.jobs.service import JobService


def now(house: JobHouse, job_id: str, *flights: Flight) -> Job:
    """As the service tells it of one, after a look that a list tells the same."""
    scheduler = SimpleNamespace(flights=flights, units_done=Counter(), nudge=lambda: None, company=Company())
    jobs = JobService(house.jobs, cast("Any", scheduler), cast("Any", None), cast("Any", None))
    job = asyncio.run(jobs.get(None, job_id))
    assert asyncio.run(jobs.list(None, JobFilter())).jobs == (job,)
    return job


def flight(lease: Lease, units_done: int) -> Flight:
    """A lease of this process that came so far."""
    found = Flight(lease=lease, task=cast("Any", None), began_s=0.0, tally=Counter())
    found.progressed(units_done, None)
    return found


def take_elsewhere(house: JobHouse, units_done: int) -> Lease:
    """Another server has the next step, and told when it renewed its lease how far it came."""
    other = house.elsewhere()
    lease = other.write_now(lambda t: leasing.take(t, "toy", lease_s=30.0, open_jobs=4))
    assert lease is not None
    assert other.write_now(lambda t: leasing.renew(t, [(lease, units_done)], lease_s=30.0)) == []
    other.close()
    return lease


def test_a_video_of_a_batch_counts_by_its_frames(house: JobHouse) -> None:
    job_id = house.submit(house.order("video", "later", "latest", "last"))
    house.plan(house.took())
    house.segment(house.took())
    under_way = take_elsewhere(house, 2)
    assert now(house, job_id).progress.share == pytest.approx(6 / 8 / 4)
    house.segment(under_way)
    house.join(house.took())
    assert now(house, job_id).progress.share == pytest.approx(1 / 4)


def test_an_item_that_failed_is_over_however_far_it_came(house: JobHouse) -> None:
    job_id = house.submit(house.order("bad", "good"))
    house.plan(house.took())
    house.segment(house.took())
    house.fail(house.took(), is_final=True)
    assert now(house, job_id).progress.share == pytest.approx(1 / 2)
    house.plan(house.took())
    house.segment(house.took())
    assert now(house, job_id).progress.share == pytest.approx((1 + 1 / 2) / 2)


def test_what_runs_here_counts_as_it_is_and_elsewhere_as_it_was_told(house: JobHouse) -> None:
    job_id = house.submit()
    house.plan(house.took())
    here = house.took()
    take_elsewhere(house, 1)
    for units_done in (0, 3):
        progress = now(house, job_id, flight(here, units_done)).progress
        assert progress.frames_done == 1 + units_done
        assert progress.share == pytest.approx((1 + units_done) / 8)


def test_a_job_that_has_ended_is_told_as_it_ended(house: JobHouse) -> None:
    job_id = house.submit()
    house.finish()
    progress = now(house, job_id).progress
    assert (progress.frames_done, progress.frames_total, progress.share) == (8, 8, 1.0)
