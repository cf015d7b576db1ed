"""Remedies for workers that cannot go on as they are: cheaper steps, repairs, reloads, at last a kill."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

from steadfast.errors import ModelDamaged, OutOfMemory
from steadfast.events import publish
from steadfast.runtime import messages
from steadfast.runtime.events import LoadFailed, RepairAsked, SteppedDown, SteppedUp
from steadfast.runtime.exit_reason import KillReason
from steadfast.runtime.failure import error_of, is_unexpected
from steadfast.runtime.slot import Slot
from steadfast.runtime.states import WorkerState
from steadfast.runtime.worker_process import WorkerProcess

Repair: TypeAlias = Callable[[str], Awaitable[bool]]
"""Restores a damaged model by name; whether it is whole again. Wired in by `app`."""

_LOAD_TRIES = 3
_FIRST_LOAD_PAUSE_S = 0.2


class Mending:
    """Mends the workers of one task; `slot_of` says where one serves."""

    def __init__(
        self,
        *,
        task: str,
        repair: Repair | None,
        slot_of: Callable[[WorkerProcess], Slot | None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._task = task
        self._repair = repair
        self._slot_of = slot_of
        self._loop = loop
        self._errands: set[asyncio.Task[None]] = set()

    # --- memory -----------------------------------------------------------------------------------------

    def step_down(self, slot: Slot) -> bool:
        """Asks less of a place; whether there was a cheaper step."""
        if not slot.ladder.step_down():
            return False
        rung = slot.ladder.point.rung
        publish(SteppedDown(task=self._task, slot=slot.name, level=slot.ladder.level, rung=rung))
        return True

    def memory_ran_out(self, worker: WorkerProcess) -> tuple[bool, Slot | None]:
        """`Workplace.memory_ran_out`: once per dispatch, however many of a batch complain."""
        slot = self._slot_of(worker)
        if slot is None:  # it is leaving; whoever comes next has memory of his own
            return True, None
        return worker.level < slot.ladder.level or self.step_down(slot), slot

    def climb(self, slot: Slot) -> None:
        """Asks more of a quiet place: its worker loads there and passes a canary, or comes back.

        One that is at work does so before its next request (`Staff.became_idle`): under steady load a look
        once a second would never find it READY, and the place would stay down for ever.
        """
        worker = slot.worker
        if worker is None or worker.dying or worker.state not in (WorkerState.READY, WorkerState.BUSY):
            return
        level = slot.ladder.step_up()
        if worker.state is WorkerState.READY:
            worker.load(level)
        publish(SteppedUp(task=self._task, slot=slot.name, level=level))

    # --- loading ----------------------------------------------------------------------------------------

    def after_failed_load(self, worker: WorkerProcess, said: messages.NotLoaded) -> None:
        """A cheaper step, a repair, or another try after a pause; three tries in all, then it goes.

        After an error that nobody declared, another process tries: half of a package that failed to import
        stays in memory, and the second try in the same process would only tell of that.
        """
        failure = said.failure
        publish(
            LoadFailed(
                task=self._task,
                worker=worker.name,
                code=failure.code,
                detail=failure.detail,
                trace=failure.trace,
            )
        )
        error = error_of(failure)
        if isinstance(error, OutOfMemory) and (level := self._cheaper_level(worker, said)) is not None:
            worker.load_tries = 0
            worker.load(level)
        elif worker.load_tries >= _LOAD_TRIES or is_unexpected(failure):
            worker.kill_for(KillReason.LOAD_FAILED, failure.code, words=failure.trace)
        elif isinstance(error, ModelDamaged) and error.model is not None:
            self._run(self._repair_and_load(worker, error.model))
        else:
            pause_s = _FIRST_LOAD_PAUSE_S * 2 ** (worker.load_tries - 1)
            self._loop.call_later(pause_s, self.load_again, worker)

    def _cheaper_level(self, worker: WorkerProcess, said: messages.NotLoaded) -> int | None:
        slot = self._slot_of(worker)
        if slot is not None:
            return slot.ladder.level if self.step_down(slot) else None
        return worker.level + 1 if worker.level + 1 < len(said.points) else None

    def load_again(self, worker: WorkerProcess) -> None:
        """Has it stand where its place stands, or where it stood."""
        if not worker.dying and worker.state in (WorkerState.LOADING, WorkerState.READY):
            slot = self._slot_of(worker)
            worker.load(slot.ladder.level if slot else worker.level)

    async def _repair_and_load(self, worker: WorkerProcess, model: str) -> None:
        repaired = await self._repair(model) if self._repair is not None else False
        publish(RepairAsked(task=self._task, model=model, repaired=repaired))
        self.load_again(worker)

    # --- wrong answers ----------------------------------------------------------------------------------

    def answered_wrongly(self, worker: WorkerProcess) -> None:
        """An answer was NaN, constant or out of range: before its next dispatch it reloads, or goes."""
        worker.wrong_answers += 1
        worker.reload_wanted = True

    def model_damaged(self, worker: WorkerProcess, model: str | None) -> None:
        """A request found a model damaged: it is repaired and loaded before the next dispatch."""
        worker.reload_wanted = True
        worker.damaged_model = model

    def mistrust(self, worker: WorkerProcess) -> None:
        """A canary was wrong: it loads again, and goes when that has not helped."""
        worker.wrong_answers += 1
        if worker.wrong_answers >= 2:
            worker.kill(KillReason.WRONG_ANSWERS)
        else:
            self.load_again(worker)

    def before_next_dispatch(self, worker: WorkerProcess) -> None:
        """Does what was put off until the worker was free."""
        model, worker.damaged_model, worker.reload_wanted = worker.damaged_model, None, False
        if worker.wrong_answers >= 2:
            worker.kill(KillReason.WRONG_ANSWERS)
        elif model is not None:
            worker.hold()
            self._run(self._repair_and_load(worker, model))
        else:
            self.load_again(worker)

    # --- errands ----------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Gives up on repairs that still run."""
        for errand in tuple(self._errands):
            errand.cancel()

    def _run(self, errand: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(errand)
        self._errands.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._errands.discard)
