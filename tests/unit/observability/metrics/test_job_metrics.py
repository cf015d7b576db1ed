"""Jobs are counted by what becomes of them; a running one has an age since anything of it was finished."""

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.registry import CollectorRegistry
from tests.unit.health.probes.surroundings import Hand

from steadfast.events import publish
from steadfast.jobs.events import JobProgressed, JobStateChanged, SegmentRedone, StepFinished, StepStarted
from steadfast.jobs.job import Cost, JobState, Progress, StepKind
from steadfast.observability.metrics.job_metrics import JobMetrics

JOB: dict[str, Any] = {"job_id": "j", "owner": "k", "task": "face_swap"}


class House:
    """Metrics of jobs with a clock by hand."""

    def __init__(self) -> None:
        self.clock = Hand()
        self.registry = CollectorRegistry()
        self.metrics = JobMetrics(self.registry, clock=self.clock)
        self.ends = list(self.metrics.listen())

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def turn(self, before: JobState, after: JobState, took_s: float | None = None) -> None:
        publish(JobStateChanged(**JOB, event_id=1, before=before, after=after, took_s=took_s))

    def finish_step(self, frames: int = 96) -> None:
        publish(
            StepFinished(
                **JOB,
                item=0,
                kind=StepKind.SEGMENT,
                number=0,
                cost=Cost(frames=frames),
                worker="w",
                took_s=2.0,
            )
        )


@pytest.fixture
def house() -> Iterator[House]:
    it = House()
    yield it
    for end in it.ends:
        end()


def test_a_job_that_ends_is_counted_with_its_time(house: House) -> None:
    house.turn(JobState.QUEUED, JobState.RUNNING)
    house.turn(JobState.RUNNING, JobState.SUCCEEDED, took_s=12.0)
    labels = {"task": "face_swap", "state": "succeeded"}
    assert house.value("steadfast_jobs_ended_total", **labels) == 1
    assert house.value("steadfast_job_duration_seconds_sum", **labels) == 12.0


def test_a_running_job_ages_until_something_of_it_is_finished(house: House) -> None:
    house.turn(JobState.QUEUED, JobState.RUNNING)
    house.clock.now_s += 30
    assert house.value("steadfast_job_checkpoint_age_seconds") == 30
    house.finish_step()
    assert house.value("steadfast_job_checkpoint_age_seconds") == 0
    house.clock.now_s += 7
    house.turn(JobState.RUNNING, JobState.PAUSED)
    assert house.value("steadfast_job_checkpoint_age_seconds") == 0


def test_a_job_that_ran_before_the_server_was_started_anew_ages_too(house: House) -> None:
    publish(StepStarted(**JOB, item=0, kind=StepKind.SEGMENT, number=1, token=2))
    house.clock.now_s += 5
    assert house.value("steadfast_job_checkpoint_age_seconds") == 5


def test_the_first_frame_counts_from_the_moment_the_job_runs(house: House) -> None:
    house.turn(JobState.QUEUED, JobState.RUNNING)
    house.clock.now_s += 3
    for frames in (0, 10, 20):
        publish(JobProgressed(**JOB, progress=Progress(frames_done=frames)))
    assert house.value("steadfast_job_first_frame_seconds_sum", task="face_swap") == 3
    assert house.value("steadfast_job_first_frame_seconds_count", task="face_swap") == 1


def test_a_step_that_ends_before_any_progress_is_told_has_the_first_frame(house: House) -> None:
    house.turn(JobState.QUEUED, JobState.RUNNING)
    house.clock.now_s += 2
    house.finish_step(frames=1)
    house.finish_step(frames=1)
    assert house.value("steadfast_job_first_frame_seconds_sum", task="face_swap") == 2
    assert house.value("steadfast_job_first_frame_seconds_count", task="face_swap") == 1


def test_finished_and_redone_segments_are_counted_with_their_frames(house: House) -> None:
    house.finish_step(frames=96)
    publish(SegmentRedone(**JOB, item=0, number=0, why="its sum is wrong"))
    assert house.value("steadfast_job_frames_total", task="face_swap") == 96
    assert house.value("steadfast_job_steps_total", task="face_swap", step="segment") == 1
    assert house.value("steadfast_job_segments_redone_total", task="face_swap") == 1


def test_jobs_by_state_are_what_the_store_last_told(house: House) -> None:
    assert house.value("steadfast_jobs", state="queued") == 0
    house.metrics.counts = {"queued": 4}
    assert house.value("steadfast_jobs", state="queued") == 4
    assert house.value("steadfast_jobs", state="running") == 0
