"""Whatever requests do, in whatever order, nobody is lost, nobody is in twice, and no bound is crossed."""

import asyncio
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.virtual_time import run_in_virtual_time

from steadfast.admission.arrival import Arrival, Priority
from steadfast.admission.gate import Gate, GateOptions
from steadfast.errors import Overloaded

TASK = "swap"
CAPACITY = 6


class Crowd:
    """Clients that come, wait, work, fail and go away by dice, and what must hold all the while."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.loop = asyncio.get_running_loop()
        self.gate = Gate(GateOptions(max_waiting=CAPACITY, first_guess_s=0.5), clock=self.loop.time)
        self.workers = 0
        self.inside = 0
        self.ends = {"done": 0, "failed": 0, "refused": 0, "gone": 0}
        self.entered = 0
        self.told_s: list[float | None] = []
        self.hire()

    def hire(self) -> None:
        self.workers = self.dice.randint(0, 4)
        self.gate.staff(TASK, self.workers)

    async def request(self) -> None:
        arrival = Arrival(
            task=TASK,
            key=self.dice.choice("abc"),
            priority=self.dice.choice(list(Priority)),
            deadline_s=self.dice.choice([0.3, 2.0, 30.0]),
        )
        try:
            async with self.gate.admit(arrival) as permit:
                self.entered += 1
                self.inside += 1
                try:
                    await asyncio.sleep(self.dice.uniform(0.0, 1.0))
                finally:
                    self.inside -= 1
                if self.dice.random() < 0.2:
                    raise ValueError("bad media")
                permit.finished({"pixels": 1.0})
            self.ends["done"] += 1
        except Overloaded as error:
            self.told_s.append(error.retry_after_s)
            self.ends["refused"] += 1
        except ValueError:
            self.ends["failed"] += 1
        except asyncio.CancelledError:
            self.ends["gone"] += 1
            raise

    def check(self) -> None:
        lane = self.gate.snapshot().lane(TASK)
        assert lane.inside >= self.inside  # those let in just now do not know it yet
        assert sum(lane.waiting.values()) == self.gate.waiting(TASK) <= CAPACITY
        assert lane.limit >= max(1, self.workers)

    async def riot(self, requests: int) -> None:
        tasks = []
        for _ in range(requests):
            tasks.append(self.loop.create_task(self.request()))
            if self.dice.random() < 0.7:
                await asyncio.sleep(self.dice.choice([0.0, 0.01, 0.3]))
            if self.dice.random() < 0.3:
                self.dice.choice(tasks).cancel()
            if self.dice.random() < 0.1:
                self.hire()
            self.check()
        self.gate.staff(TASK, 2)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(told_s is not None and told_s >= 0.0 for told_s in self.told_s)
        never_began = sum(task.cancelled() for task in tasks) - self.ends["gone"]
        assert sum(self.ends.values()) + never_began == requests


@given(seed=st.integers(0, 2**32), requests=st.integers(1, 60))
@settings(max_examples=40)
def test_after_any_riot_all_places_are_free_and_everybody_is_accounted_for(seed: int, requests: int) -> None:
    async def test() -> None:
        crowd = Crowd(Random(seed))
        await crowd.riot(requests)
        lane = crowd.gate.snapshot().lane(TASK)
        assert (lane.inside, crowd.gate.waiting(TASK), crowd.inside) == (0, 0, 0)
        assert lane.finished == crowd.ends["done"]
        assert lane.admitted >= crowd.entered
        assert sum(lane.refused.values()) == crowd.ends["refused"]
        assert lane.predicted_wait_s[Priority.BATCH] == 0.0

    run_in_virtual_time(test())
