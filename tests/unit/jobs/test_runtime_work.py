"""Steps of jobs reach a task through the runtime and come back with their files."""

import asyncio
from pathlib import Path

import pytest
from tests.fault_task import FaultTask

from steadfast.errors import PinLost
from steadfast.jobs.runtime_work import RuntimeWork
from steadfast.jobs.work import JobWork, StepJob
from steadfast.runtime.in_memory import InMemoryRuntime
from steadfast.task_steps import JoinOrder, SegmentOrder


def test_a_job_goes_through_the_runtime_from_plan_to_join(tmp_path: Path) -> None:
    work: JobWork = RuntimeWork(InMemoryRuntime({"fault": FaultTask({})}), tmp_path)
    target = tmp_path / "target"
    target.write_text("abcdefghij")
    job = StepJob(job_id="j", key="", task="fault", options={"per_segment": 4}, target=target)
    heard: list[int] = []

    async def check() -> None:
        plan = (await work.plan(job, lambda done, _: heard.append(done))).fields
        orders = [SegmentOrder(segment=segment, pin=plan.pin) for segment in plan.segments]
        made = [await work.run_segment(job, order, lambda *_: None) for order in orders]
        parts = [one.file for one in made if one.file]
        assert [part.read_text() for part in parts] == ["ABCD", "EFGH", "IJ"]
        join = JoinOrder(pin=plan.pin, notes=tuple(one.fields.note for one in made))
        whole = await work.join(job, join, parts, lambda *_: None)
        assert whole.file is not None
        assert whole.file.read_text() == "ABCDEFGHIJ"
        lost = SegmentOrder(segment=plan.segments[0], pin={"engine": "gone"})
        with pytest.raises(PinLost):
            await work.run_segment(job, lost, lambda *_: None)

    asyncio.run(check())
    assert heard == [1]
    assert (work.places("fault"), work.places("unknown")) == (1, 0)
