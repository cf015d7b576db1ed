"""The workers of one task: hired, put in their places, mended, replaced, let go."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any, TypeAlias

from steadfast.errors import BreakerOpen, ModelDamaged, OutOfMemory, ShuttingDown
from steadfast.events import publish
from steadfast.runtime import messages
from steadfast.runtime.breaker import Breaker, BreakerState
from steadfast.runtime.canary import CanarySchedule
from steadfast.runtime.degradation import Ladder
from steadfast.runtime.dispatcher import Dispatcher
from steadfast.runtime.events import (
    BreakerChanged,
    CanaryChecked,
    LoadFailed,
    RepairAsked,
    SpareTookOver,
    SteppedDown,
    SteppedUp,
    WorkerRetired,
)
from steadfast.runtime.exit_reason import ExitReport, KillReason
from steadfast.runtime.failure import error_of
from steadfast.runtime.kernel_oom import OomWatches
from steadfast.runtime.options import Device, PoolOptions
from steadfast.runtime.restart_budget import RestartBudget
from steadfast.runtime.slot import Slot, slot_names
from steadfast.runtime.spawn import Spawned
from steadfast.runtime.staffing import Assign, Dismiss, Member, Spawn, Standing, plan
from steadfast.runtime.states import WorkerState
from steadfast.runtime.ticket import Ticket
from steadfast.runtime.worker_process import WorkerProcess
from steadfast.task import OperatingPoint, TaskSpec

Repair: TypeAlias = Callable[[str], Awaitable[bool]]
"""Restores a damaged model by name; whether it is whole again. Wired in by `app`."""
Hire: TypeAlias = Callable[..., Spawned]
"""`spawn.spawn_worker`, or its twin in tests."""

_USUAL_WEIGHT = 0.1
_LOAD_TRIES = 3
_FIRST_LOAD_PAUSE_S = 0.2
_HANGS = frozenset({KillReason.DEADLINE, KillReason.STALL, KillReason.CANARY_TIMEOUT})


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
        self._repair = repair
        self._loop = loop
        self._clock = clock
        self.slots = [
            Slot(index=index, name=name, device=device, ladder=Ladder(quiet_s=options.quiet_s, clock=clock))
            for index, (name, device) in enumerate(
                zip(slot_names(options.devices), options.devices, strict=True)
            )
        ]
        self.workers: dict[int, WorkerProcess] = {}
        self.dispatcher = Dispatcher(spec=spec, options=options, place=self, loop=loop, clock=clock)
        self.breaker = Breaker(open_s=options.restart.open_s, clock=clock)
        self._budget = RestartBudget(
            deaths=options.restart.deaths,
            window_s=options.restart.window_s,
            first_pause_s=options.restart.first_pause_s,
            longest_pause_s=options.restart.longest_pause_s,
            clock=clock,
        )
        self.oom_watches = OomWatches()
        self.generation = 0
        self.hangs_in_a_row = 0
        self.usual_s = 0.0
        """What a request usually takes: a mean that forgets."""
        self.last_load_failure = ""
        self.after_request: Callable[[WorkerProcess], None] = lambda _: None
        """Hook of the upkeep."""
        self._keys = count(1)
        self._replan_timer: asyncio.TimerHandle | None = None
        self._errands: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.changed = asyncio.Event()
        """Set at every arrival and departure; `wait_until` listens."""

    # --- planning ---------------------------------------------------------------------------------------

    def replan(self) -> None:
        """Brings staff and places to what they should be, then hands out work."""
        if not self._stopping:
            steps = plan(
                slots=[slot.device.name for slot in self.slots],
                spares=self.options.spares,
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
            self._refuse_if_hopeless()
        self.changed.set()

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
            publish(SpareTookOver(task=self.spec.name, slot=slot.name, worker=worker.name))
        slot.filled_before = True
        if step.instead is not None:
            self.workers[step.instead].drain(self.options.recycle.drain_s)
        if worker.level > slot.ladder.level:
            slot.ladder.adopt(worker.level)
        if worker.state is WorkerState.READY:
            self._keep_in_step(slot, worker)

    def _keep_in_step(self, slot: Slot | None, worker: WorkerProcess) -> bool:
        """Sends a READY worker to load if its place stands at another step; whether it was sent."""
        if slot is None or worker.level == slot.ladder.level:
            return False
        worker.load(slot.ladder.level)
        return True

    def _spawn_if_allowed(self, device: str) -> None:
        pause_s = self._pause_before_spawn_s()
        if pause_s > 0.0:
            self._replan_in(pause_s)
        else:
            self._spawn(next(slot.device for slot in self.slots if slot.device.name == device))

    def _pause_before_spawn_s(self) -> float:
        match self.breaker.state:
            case BreakerState.OPEN:
                return self.breaker.retry_after_s
            case BreakerState.HALF_OPEN:  # one trial at a time
                return 1.0 if any(not worker.came_up for worker in self.workers.values()) else 0.0
            case BreakerState.CLOSED:
                return self._budget.pause_s

    def _spawn(self, device: Device) -> None:
        key = next(self._keys)
        name = f"{self.spec.name}-{key}"
        spawned = self._hire(
            spec=self.spec,
            device=device,
            options=self.options.worker,
            title=self._title("spare", device.name),
        )
        self.workers[key] = WorkerProcess(
            key=key,
            name=name,
            spec=self.spec,
            device=device.name,
            spawned=spawned,
            owner=self,
            loop=self._loop,
            clock=self._clock,
            generation=self.generation,
            canary=CanarySchedule(
                every_s=self.spec.canary_every_s, floor_s=self.spec.canary_floor_s, clock=self._clock
            ),
        )
        self.oom_watches.watch(spawned.pid)

    def _title(self, role: str, place: str) -> str:
        return f"{role} {self.spec.name} {place}"

    def _replan_in(self, pause_s: float) -> None:
        if self._replan_timer is not None:
            self._replan_timer.cancel()
        self._replan_timer = self._loop.call_later(pause_s, self.replan)

    def slot_of(self, worker: WorkerProcess) -> Slot | None:
        """Where it serves; None: a spare, or on its way in or out."""
        return next((slot for slot in self.slots if slot.worker is worker), None)

    # --- what workers tell ------------------------------------------------------------------------------

    def came_up(self, worker: WorkerProcess, loaded: messages.Loaded) -> None:
        """It stands. With a passed canary it may serve; with a failed one it loads again, or goes."""
        self._learn(loaded.points)
        self._tell_canary(worker, loaded.canary.passed, loaded.canary.detail, loaded.canary_ms)
        if not loaded.canary.passed:
            self._mistrust(worker)
            return
        worker.load_tries = 0
        worker.reload_wanted = False
        if not worker.came_up:
            worker.came_up = True
            self._budget.count_success()
            self._close_breaker()
        worker.rest()

    def did_not_load(self, worker: WorkerProcess, said: messages.NotLoaded) -> None:
        """It tries a cheaper step, or after a repair, or after a pause; three times in all."""
        failure = said.failure
        self.last_load_failure = failure.detail
        publish(LoadFailed(task=self.spec.name, worker=worker.name, code=failure.code, detail=failure.detail))
        self._learn(said.points)
        error = error_of(failure)
        if isinstance(error, OutOfMemory) and (level := self._cheaper_level(worker, said)) is not None:
            worker.load_tries = 0
            worker.load(level)
        elif worker.load_tries >= _LOAD_TRIES:
            worker.kill(KillReason.LOAD_FAILED)
        elif isinstance(error, ModelDamaged) and error.model is not None:
            self._run(self._repair_and_load(worker, error.model))
        else:
            pause_s = _FIRST_LOAD_PAUSE_S * 2 ** (worker.load_tries - 1)
            self._loop.call_later(pause_s, self._load_again, worker)

    def _cheaper_level(self, worker: WorkerProcess, said: messages.NotLoaded) -> int | None:
        slot = self.slot_of(worker)
        if slot is not None:
            return slot.ladder.level if self._step_down(slot) else None
        return worker.level + 1 if worker.level + 1 < len(said.points) else None

    def _load_again(self, worker: WorkerProcess) -> None:
        if not worker.dying and worker.state is WorkerState.LOADING:
            slot = self.slot_of(worker)
            worker.load(slot.ladder.level if slot else worker.level)

    async def _repair_and_load(self, worker: WorkerProcess, model: str) -> None:
        repaired = await self._repair(model) if self._repair is not None else False
        publish(RepairAsked(task=self.spec.name, model=model, repaired=repaired))
        self._load_again(worker)

    def answered(self, worker: WorkerProcess, ticket: Ticket, answer: messages.Finished) -> None:
        """Passes the answer on; it also proves that the worker works."""
        self.dispatcher.answered(worker, ticket, answer)
        worker.wrong_answers = 0
        self.hangs_in_a_row = 0
        self.usual_s += (answer.took_ms / 1000.0 - self.usual_s) * _USUAL_WEIGHT
        self.after_request(worker)

    def refused(self, worker: WorkerProcess, ticket: Ticket, failure: messages.Failure) -> None:
        """Passes the failure on."""
        self.dispatcher.refused(worker, ticket, failure)

    def canary_came_back(self, worker: WorkerProcess, done: messages.CanaryDone) -> None:
        """Wrong: it loads again, or is replaced. Right: it goes on."""
        self._tell_canary(worker, done.verdict.passed, done.verdict.detail, done.took_ms)
        if done.verdict.passed:
            worker.wrong_answers = 0
            self.hangs_in_a_row = 0
            worker.rest()
        else:
            self._mistrust(worker)

    def became_idle(self, worker: WorkerProcess) -> None:
        """Between two dispatches is the time for everything that needs the worker for itself."""
        if worker.state is WorkerState.READY and not worker.dying:
            slot = self.slot_of(worker)
            if worker.reload_wanted:
                self._reload_or_replace(worker)
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
        pinned = None
        if slot is not None:
            if report.out_of_memory and self._step_down(slot):
                pinned = slot
            slot.worker = None
        if report.kill_reason in _HANGS:
            self.hangs_in_a_row += 1
        if not worker.came_up and worker.state is WorkerState.FAILED:
            self._count_early_death()
        self.dispatcher.orphaned(orphans, report, pinned)
        self.replan()

    def oom_evidence(self, worker: WorkerProcess) -> str:
        """Asks the counters of its memory cgroup."""
        return "counted by its memory cgroup" if self.oom_watches.explains_death_of(worker.pid) else ""

    def _learn(self, points: list[OperatingPoint]) -> None:
        if points:
            for slot in self.slots:
                slot.ladder.learn(points)

    def _tell_canary(self, worker: WorkerProcess, passed: bool, detail: str, took_ms: float) -> None:
        publish(
            CanaryChecked(
                task=self.spec.name, worker=worker.name, passed=passed, detail=detail, took_ms=took_ms
            )
        )

    # --- remedies ---------------------------------------------------------------------------------------

    def memory_ran_out(self, worker: WorkerProcess) -> Slot | None:
        """Steps its place down, once per dispatch however many of a batch complain."""
        slot = self.slot_of(worker)
        if slot is None:
            return None
        already = worker.level < slot.ladder.level
        return slot if already or self._step_down(slot) else None

    def _step_down(self, slot: Slot) -> bool:
        if not slot.ladder.step_down():
            return False
        point = slot.ladder.point
        publish(SteppedDown(task=self.spec.name, slot=slot.name, level=slot.ladder.level, rung=point.rung))
        return True

    def climb(self, slot: Slot) -> None:
        """Asks more of a quiet place: its READY worker loads there and passes a canary, or comes back."""
        if slot.worker is not None and slot.worker.state is WorkerState.READY:
            level = slot.ladder.step_up()
            slot.worker.load(level)
            publish(SteppedUp(task=self.spec.name, slot=slot.name, level=level))

    def answered_wrongly(self, worker: WorkerProcess) -> None:
        """An answer was NaN, constant or out of range: reload before anything else, then replace."""
        worker.wrong_answers += 1
        worker.reload_wanted = True

    def model_damaged(self, worker: WorkerProcess, model: str | None) -> None:
        """Mends the model behind the request that found it damaged."""
        worker.reload_wanted = True
        if model is not None and self._repair is not None:
            self._run(self._repair_only(model))

    async def _repair_only(self, model: str) -> None:
        assert self._repair is not None
        publish(RepairAsked(task=self.spec.name, model=model, repaired=await self._repair(model)))

    def _mistrust(self, worker: WorkerProcess) -> None:
        """A canary was wrong; the worker is in LOADING."""
        slot = self.slot_of(worker)
        worker.wrong_answers += 1
        if worker.wrong_answers >= 2:
            worker.kill(KillReason.WRONG_ANSWERS)
        else:
            worker.load(slot.ladder.level if slot else worker.level)

    def _reload_or_replace(self, worker: WorkerProcess) -> None:
        worker.reload_wanted = False
        if worker.wrong_answers >= 2:
            worker.kill(KillReason.WRONG_ANSWERS)
            return
        slot = self.slot_of(worker)
        worker.load(slot.ladder.level if slot else worker.level)

    def retire(self, worker: WorkerProcess, why: str) -> None:
        """Has it replaced without a gap: it works until another one can stand in its place."""
        if worker.retiring or worker.dying or worker.state is WorkerState.DRAINING:
            return
        worker.retiring = True
        publish(WorkerRetired(task=self.spec.name, worker=worker.name, why=why))
        self.replan()

    # --- breaker ----------------------------------------------------------------------------------------

    def _count_early_death(self) -> None:
        self._budget.count_death()
        if self.breaker.state is BreakerState.HALF_OPEN or (
            self.breaker.state is BreakerState.CLOSED and self._budget.exceeded
        ):
            self.breaker.open()
            publish(BreakerChanged(task=self.spec.name, state=BreakerState.OPEN))

    def _close_breaker(self) -> None:
        if self.breaker.state is not BreakerState.CLOSED:
            self.breaker.close()
            self._budget.forget()
            publish(BreakerChanged(task=self.spec.name, state=BreakerState.CLOSED))

    @property
    def hopeless(self) -> bool:
        """Whether nobody can serve now and nobody may be started yet."""
        return self.breaker.state is not BreakerState.CLOSED and not any(
            worker.able for worker in self.workers.values()
        )

    def breaker_error(self) -> BreakerOpen:
        """What callers get while it is hopeless."""
        why = f": {self.last_load_failure}" if self.last_load_failure else "."
        return BreakerOpen(
            f"The workers of {self.spec.name} die before they serve{why}",
            retry_after_s=max(1.0, self.breaker.retry_after_s),
        )

    def _refuse_if_hopeless(self) -> None:
        if self.hopeless:
            self.dispatcher.fail_waiting(self.breaker_error)

    # --- generations ------------------------------------------------------------------------------------

    def begin_generation(self, spec: TaskSpec, options: PoolOptions) -> None:
        """Workers that are started from now on follow these."""
        self.generation += 1
        self.spec, self.options = spec, options
        self._budget.forget()

    def keep_old_generation(self, spec: TaskSpec, options: PoolOptions) -> None:
        """The new ones failed: those that still serve stay, and the old settings with them."""
        self.spec, self.options = spec, options
        for worker in self.workers.values():
            if worker.generation < self.generation:
                worker.generation = self.generation
                worker.retiring = False
            elif not worker.came_up:
                worker.drain(0.0)
        self._close_breaker()
        self._budget.forget()
        self.replan()

    # --- leaving ----------------------------------------------------------------------------------------

    def stop_hiring(self) -> None:
        """From now on nobody is replaced."""
        self._stopping = True
        if self._replan_timer is not None:
            self._replan_timer.cancel()

    async def dismiss_all(self, within_s: float) -> None:
        """Ends every worker, by SIGKILL after `within_s`. All are reaped when this returns."""
        self.stop_hiring()
        self.dispatcher.fail_waiting(lambda: ShuttingDown("The service is stopping."))
        for worker in tuple(self.workers.values()):
            worker.drain(within_s)
        try:
            await asyncio.wait_for(self._until_nobody_is_left(), within_s)
        except TimeoutError:
            for worker in tuple(self.workers.values()):
                worker.kill(KillReason.SHUTDOWN)
            await self._until_nobody_is_left()
        for errand in tuple(self._errands):
            errand.cancel()

    async def _until_nobody_is_left(self) -> None:
        while self.workers:
            self.changed.clear()
            await self.changed.wait()

    def _run(self, errand: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


def _standing(worker: WorkerProcess) -> Standing:
    if worker.dying or worker.state is WorkerState.DRAINING:
        return Standing.LEAVING
    return Standing.ABLE if worker.came_up else Standing.COMING
