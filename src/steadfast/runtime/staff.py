"""The workers of one task: hired, put in their places, replaced, let go."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import TypeAlias

from steadfast.errors import ShuttingDown
from steadfast.events import publish
from steadfast.runtime import messages
from steadfast.runtime.breaker import BreakerState
from steadfast.runtime.canary import CanarySchedule
from steadfast.runtime.degradation import Ladder
from steadfast.runtime.dispatcher import Dispatcher
from steadfast.runtime.events import CanaryChecked, SpareTookOver, WorkerLoaded, WorkerRetired
from steadfast.runtime.exit_reason import ExitReport, KillReason
from steadfast.runtime.hiring import Hiring
from steadfast.runtime.kernel_oom import OomWatches
from steadfast.runtime.mending import Mending, Repair
from steadfast.runtime.options import Device, PoolOptions
from steadfast.runtime.slot import Slot, slot_names
from steadfast.runtime.spawn import Spawned
from steadfast.runtime.staffing import Assign, Dismiss, Member, Spawn, Standing, fitting_spares, plan
from steadfast.runtime.states import WorkerState
from steadfast.runtime.ticket import Ticket
from steadfast.runtime.worker_process import WorkerProcess
from steadfast.task import OperatingPoint, TaskSpec

Hire: TypeAlias = Callable[..., Spawned]
"""`spawn.spawn_worker`, or its twin in tests."""

_USUAL_WEIGHT = 0.1
_HANGS = frozenset({KillReason.DEADLINE, KillReason.STALL, KillReason.FROZEN, KillReason.CANARY_TIMEOUT})


class Staff:
    """Keeps the places of one task filled. Owner of its workers, workplace of its dispatcher."""

    def __init__(
        self,
        *,
        spec: TaskSpec,
        options: PoolOptions,
        hire: Hire,
        repair: Repair | None,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
    ) -> None:
        self.spec = spec
        self.options = options
        self._hire = hire
        self._loop = loop
        self._clock = clock
        self.slots = [
            Slot(index=index, name=name, device=device, ladder=Ladder(quiet_s=options.quiet_s, clock=clock))
            for index, (name, device) in enumerate(
                zip(slot_names(options.devices), options.devices, strict=True)
            )
        ]
        self.workers: dict[int, WorkerProcess] = {}
        self.hiring = Hiring(task=spec.name, options=options.restart, clock=clock)
        self.mending = Mending(task=spec.name, repair=repair, slot_of=self.slot_of, loop=loop)
        self.dispatcher = Dispatcher(spec=spec, options=options, place=self, loop=loop, clock=clock)
        self.oom_watches = OomWatches()
        self.generation = 0
        self.hangs_in_a_row = 0
        self.usual_s = 0.0
        """What a request usually takes: a mean that forgets."""
        self.after_request: Callable[[WorkerProcess], None] = lambda _: None
        """Hook of the upkeep."""
        self.changed = asyncio.Event()
        """Set after every arrival and departure."""
        self._relieved: dict[int, Slot] = {}
        """Where those stood who are leaving: what they still die of concerns that place."""
        self._keys = count(1)
        self._replan_timer: asyncio.TimerHandle | None = None
        self._stopping = False

    def slot_of(self, worker: WorkerProcess) -> Slot | None:
        """Where it serves; None: a spare, or on its way in or out."""
        return next((slot for slot in self.slots if slot.worker is worker), None)

    @property
    def hopeless(self) -> bool:
        """Whether nobody can serve now and nobody may be started yet."""
        return self.hiring.state is not BreakerState.CLOSED and not self._somebody_serves

    @property
    def _somebody_serves(self) -> bool:
        return any(worker.able for worker in self.workers.values())

    # --- planning ---------------------------------------------------------------------------------------

    def replan(self) -> None:
        """Hands out work and brings staff and places to what they should be."""
        if not self._stopping:
            steps = plan(
                slots=[slot.device.name for slot in self.slots],
                spares=self._spares(),
                members=self._members(),
            )
            for step in steps:
                match step:
                    case Assign():
                        self._assign(step)
                    case Dismiss(key=key):
                        self.workers[key].drain(self.options.recycle.drain_s)
            self.dispatcher.pump()  # before anybody is started: that takes milliseconds
            for step in steps:
                if isinstance(step, Spawn):
                    self._spawn_if_allowed(step.device)
            self._spare_the_waiting()
        self.changed.set()

    def _spares(self) -> dict[str, int]:
        devices = {slot.device.name: slot.device for slot in self.slots}
        if self.options.spares is not None:
            return dict.fromkeys(devices, self.options.spares)
        return {
            name: fitting_spares(memory_bytes=device.memory_bytes, worker_bytes=self._largest_on(name))
            for name, device in devices.items()
        }

    def _largest_on(self, device: str) -> int:
        loaded = (w.device_bytes for w in self.workers.values() if w.device == device and w.came_up)
        return max(loaded, default=0)

    def _members(self) -> list[Member]:
        # READY ones first: a spare that is just at its canary takes over a little later than an idle one.
        ordered = sorted(self.workers.values(), key=lambda w: (w.state is not WorkerState.READY, w.key))
        return [
            Member(
                key=worker.key,
                device=worker.device,
                standing=_standing(worker),
                slot=slot.index if (slot := self.slot_of(worker)) else None,
                retiring=worker.retiring,
            )
            for worker in ordered
        ]

    def _assign(self, step: Assign) -> None:
        slot, worker = self.slots[step.slot], self.workers[step.key]
        slot.worker = worker
        worker.retitle(self._title("worker", slot.name))
        if slot.filled_before:
            empty_s = 0.0 if slot.empty_since_s is None else self._clock() - slot.empty_since_s
            publish(SpareTookOver(task=self.spec.name, slot=slot.name, worker=worker.name, empty_s=empty_s))
        slot.filled_before, slot.empty_since_s = True, None
        if step.instead is not None:
            self._relieved[step.instead] = slot
            self.workers[step.instead].drain(self.options.recycle.drain_s)
        slot.ladder.adopt(worker.level)
        if worker.state is WorkerState.READY:
            self._keep_in_step(slot, worker)

    def _keep_in_step(self, slot: Slot | None, worker: WorkerProcess) -> bool:
        """Sends a READY worker to load if its place stands at another step; whether it was sent."""
        if slot is None or worker.level == slot.ladder.level:
            return False
        worker.load(slot.ladder.level)
        return True

    def _spare_the_waiting(self) -> None:
        """Nobody waits for a worker that may not be started."""
        if self.hopeless:
            self.dispatcher.fail_waiting(self.hiring.refusal)
        elif self.hiring.state is not BreakerState.CLOSED:
            for slot in self.slots:
                if slot.worker is None:
                    self.dispatcher.unpin(slot)

    def _replan_in(self, pause_s: float) -> None:
        if self._replan_timer is not None:
            self._replan_timer.cancel()
        self._replan_timer = self._loop.call_later(pause_s, self.replan)

    # --- hiring -----------------------------------------------------------------------------------------

    def _spawn_if_allowed(self, device: str) -> None:
        coming = any(not worker.came_up for worker in self.workers.values())
        pause_s = self.hiring.pause_s(somebody_is_coming=coming)
        if pause_s > 0.0:
            self._replan_in(pause_s)
            return
        try:
            self._spawn(next(slot.device for slot in self.slots if slot.device.name == device))
        except OSError as error:  # no more processes, memory or descriptors: as good as a death at the start
            self.hiring.last_failure = f"no process could be started ({error})."
            self.hiring.count_early_death(somebody_serves=self._somebody_serves)
            self._replan_in(max(0.05, self.hiring.pause_s(somebody_is_coming=coming)))

    def _spawn(self, device: Device) -> None:
        key = next(self._keys)
        title = self._title("spare", device.name)
        spawned = self._hire(spec=self.spec, device=device, options=self.options.worker, title=title)
        spec = self.spec
        self.workers[key] = WorkerProcess(
            key=key,
            name=f"{spec.name}-{key}",
            spec=spec,
            device=device.name,
            spawned=spawned,
            owner=self,
            loop=self._loop,
            clock=self._clock,
            generation=self.generation,
            canary=CanarySchedule(
                every_s=spec.canary_every_s, floor_s=spec.canary_floor_s, clock=self._clock
            ),
        )
        self.oom_watches.watch(spawned.pid)

    def _title(self, role: str, place: str) -> str:
        return f"{role} {self.spec.name} {place}"

    # --- what workers tell ------------------------------------------------------------------------------

    def came_up(self, worker: WorkerProcess, loaded: messages.Loaded) -> None:
        """It stands. With a passed canary it may serve; with a failed one it loads again, or goes."""
        self._learn(loaded.points)
        verdict = loaded.canary
        self._tell_canary(worker, verdict.passed, verdict.detail, loaded.canary_ms)
        if not verdict.passed:
            self.mending.mistrust(worker)
            return
        worker.load_tries = 0
        worker.reload_wanted = False
        publish(
            WorkerLoaded(
                task=self.spec.name,
                worker=worker.name,
                level=worker.level,
                load_s=loaded.took_ms / 1000.0,
                is_first=not worker.came_up,
                request_s=verdict.request_s,
            )
        )
        if not worker.came_up:
            worker.came_up = True
            self.hiring.count_arrival()
        worker.rest()

    def did_not_load(self, worker: WorkerProcess, said: messages.NotLoaded) -> None:
        """It is mended, or goes."""
        self.hiring.last_failure = said.failure.detail
        self._learn(said.points)
        self.mending.after_failed_load(worker, said)

    def answered(self, worker: WorkerProcess, ticket: Ticket, answer: messages.Finished) -> None:
        """Passes the answer on; it also proves that the worker works."""
        self.dispatcher.answered(worker, ticket, answer)
        worker.wrong_answers = 0
        self.hangs_in_a_row = 0
        if not ticket.is_step:  # minutes of video say nothing about what a request usually takes
            self.usual_s += (answer.took_ms / 1000.0 - self.usual_s) * _USUAL_WEIGHT
        self.after_request(worker)

    def refused(self, worker: WorkerProcess, ticket: Ticket, failure: messages.Failure) -> None:
        """Passes the failure on."""
        self.dispatcher.refused(worker, ticket, failure)

    def canary_came_back(self, worker: WorkerProcess, done: messages.CanaryDone) -> None:
        """Wrong: it loads again, or is replaced. Right: it goes on."""
        self._tell_canary(worker, done.verdict.passed, done.verdict.detail, done.took_ms)
        if not done.verdict.passed:
            self.mending.mistrust(worker)
            return
        worker.wrong_answers = 0
        self.hangs_in_a_row = 0
        worker.rest()

    def became_idle(self, worker: WorkerProcess) -> None:
        """Between two dispatches is the time for everything that needs the worker for itself."""
        if worker.state is WorkerState.READY and not worker.dying:
            slot = self.slot_of(worker)
            if worker.reload_wanted:
                self.mending.before_next_dispatch(worker)
                return
            if self._keep_in_step(slot, worker):
                return
            if self.options.canaries and worker.canary.due():
                worker.check_canary()
                return
            if slot is not None and not worker.retiring:  # the usual case, thousands of times a second
                self.dispatcher.pump()
                return
        self.replan()

    def died(self, worker: WorkerProcess, report: ExitReport, orphans: list[Ticket]) -> None:
        """Books the death, fills the place, tries its requests again."""
        slot = self.slot_of(worker)
        self.workers.pop(worker.key, None)
        self.oom_watches.forget(worker.pid)
        pinned = self._ask_less_after(report, slot or self._relieved.pop(worker.key, None))
        if slot is not None:
            slot.worker, slot.empty_since_s = None, self._clock()
        if report.kill_reason in _HANGS:
            self.hangs_in_a_row += 1
        never_served = not worker.came_up or (worker.served == 0 and report.unprovoked)
        if never_served and worker.state is WorkerState.FAILED:
            self.hiring.count_early_death(somebody_serves=self._somebody_serves)
        elif slot is not None:
            self.hiring.hurry()
        self.dispatcher.orphaned(orphans, report, pinned)
        self.replan()

    def _ask_less_after(self, report: ExitReport, slot: Slot | None) -> Slot | None:
        """Steps a place down whose worker died of too little memory; that place, if there was a step."""
        if slot is None or not report.out_of_memory or not self.mending.step_down(slot):
            return None
        relief = slot.worker
        if relief is not None and relief.state is WorkerState.READY and not relief.dying:
            self._keep_in_step(slot, relief)  # it came before the step
        return slot

    def oom_evidence(self, worker: WorkerProcess) -> str:
        """Asks the counters of its memory cgroup."""
        return "counted by its memory cgroup" if self.oom_watches.explains_death_of(worker.pid) else ""

    def _learn(self, points: list[OperatingPoint]) -> None:
        for slot in self.slots if points else ():
            slot.ladder.learn(points)

    def _tell_canary(self, worker: WorkerProcess, passed: bool, detail: str, took_ms: float) -> None:
        task = self.spec.name
        publish(CanaryChecked(task=task, worker=worker.name, passed=passed, detail=detail, took_ms=took_ms))

    # --- workplace --------------------------------------------------------------------------------------

    def memory_ran_out(self, worker: WorkerProcess) -> tuple[bool, Slot | None]:
        """`Mending.memory_ran_out`."""
        return self.mending.memory_ran_out(worker)

    def answered_wrongly(self, worker: WorkerProcess) -> None:
        """`Mending.answered_wrongly`."""
        self.mending.answered_wrongly(worker)

    def model_damaged(self, worker: WorkerProcess, model: str | None) -> None:
        """`Mending.model_damaged`."""
        self.mending.model_damaged(worker, model)

    def handles_ran_out(self, worker: WorkerProcess, what: str) -> None:
        """Somebody else stands in its place as soon as there is one; it serves no more until then."""
        if worker.dying or worker.state is WorkerState.DRAINING:
            return
        if not worker.retiring:  # else it has been told
            publish(WorkerRetired(task=self.spec.name, worker=worker.name, why=what, leaks=True))
        worker.drain(self.options.recycle.drain_s)
        self._loop.call_soon(self.replan)  # the request that told of it goes back to the queue first

    # --- leaving ----------------------------------------------------------------------------------------

    def retire(self, worker: WorkerProcess, why: str, *, leaks: bool = False) -> None:
        """Has it replaced without a gap: it works until another one can stand in its place."""
        if worker.retiring or worker.dying or worker.state is WorkerState.DRAINING:
            return
        worker.retiring = True
        publish(WorkerRetired(task=self.spec.name, worker=worker.name, why=why, leaks=leaks))
        self.replan()

    def begin_generation(self, spec: TaskSpec, options: PoolOptions) -> None:
        """Workers that are started from now on follow these, and so does their work."""
        self.generation += 1
        self._follow(spec, options)
        self.hiring.forget()

    def keep_old_generation(self, spec: TaskSpec, options: PoolOptions) -> None:
        """The new ones failed: those that still serve stay, and the old settings with them."""
        self._follow(spec, options)
        for worker in self.workers.values():
            if worker.generation < self.generation:
                worker.generation = self.generation
                worker.retiring = False
            elif not worker.came_up:
                worker.drain(0.0)
        self.hiring.forget()
        self.replan()

    def _follow(self, spec: TaskSpec, options: PoolOptions) -> None:
        self.spec, self.options = spec, options
        self.dispatcher.follow(spec, options)

    async def dismiss_all(self, within_s: float) -> None:
        """Ends every worker, by SIGKILL after `within_s`. All are reaped when this returns."""
        self._stopping = True
        if self._replan_timer is not None:
            self._replan_timer.cancel()
        self.dispatcher.fail_waiting(lambda: ShuttingDown("The service is stopping."))
        self.mending.stop()
        for worker in tuple(self.workers.values()):
            worker.drain(within_s)
        try:
            await asyncio.wait_for(self._until_nobody_is_left(), within_s)
        except TimeoutError:
            for worker in tuple(self.workers.values()):
                worker.kill(KillReason.SHUTDOWN)
            await self._until_nobody_is_left()

    async def _until_nobody_is_left(self) -> None:
        while self.workers:
            self.changed.clear()
            await self.changed.wait()


def _standing(worker: WorkerProcess) -> Standing:
    if worker.dying or worker.state is WorkerState.DRAINING:
        return Standing.LEAVING
    return Standing.ABLE if worker.came_up else Standing.COMING
