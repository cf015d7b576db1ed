"""Writes the journal from what is stated, and has it folded into the database now and then."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from steadfast.database.database import Database
from steadfast.errors import DatabaseProblem
from steadfast.events import publish, subscribe_to
from steadfast.jobs.events import JobLost
from steadfast.observability.quality import QualityMeasured
from steadfast.observability.requests import RequestEnded, RequestStarted
from steadfast.runtime.events import SpareTookOver
from steadfast.settings import ObjectiveSettings
from steadfast.sla.folding import fold
from steadfast.sla.frames import Frame, FrameKind
from steadfast.sla.job_ledger import Lost, absorb_jobs
from steadfast.sla.journal import Journal, unix_us
from steadfast.sla.retention import forget_old
from steadfast.sla.tally import OUTCOMES, READINGS, SIZES, VERDICTS

BEAT_S: Final = 0.5
_FORGET_EVERY_S: Final = 3600.0
_US: Final = 1e6
_OUTCOME: Final = {name: number for number, name in enumerate(OUTCOMES)}
_SIZE: Final = {name: number for number, name in enumerate(SIZES)}
_READING: Final = {name: number for number, name in enumerate(READINGS)}
_VERDICT: Final = {name: number for number, name in enumerate(VERDICTS)}


class Recorder:
    """Lives as long as the server answers."""

    def __init__(
        self,
        folder: Path,
        *,
        instance: str,
        fold_every_s: float = 15.0,
        now_us: Callable[[], int] = unix_us,
    ) -> None:
        """Raises `OutputUnwritable` where the folder cannot be written."""
        self._folder = folder
        self._instance = instance
        self._fold_every_s = fold_every_s
        self._now_us = now_us
        self._journal = Journal(folder, now_us=now_us)
        self._deafen: list[Callable[[], None]] = []

    def listen(self) -> None:
        """The server answers from now on."""
        self._journal.say(FrameKind.LISTENING)
        self._deafen.extend(self._subscriptions())

    def _subscriptions(self) -> Iterable[Callable[[], None]]:
        yield subscribe_to(RequestStarted, self._started)
        yield subscribe_to(RequestEnded, self._ended)
        yield subscribe_to(SpareTookOver, self._took_over)
        yield subscribe_to(QualityMeasured, self._measured)

    async def beat_forever(self) -> None:
        """Says that the loop turns."""
        while True:
            await asyncio.sleep(BEAT_S)
            self._journal.say(FrameKind.BEAT)

    async def fold_forever(self, database: Database, settings: ObjectiveSettings) -> None:
        """Keeps the journal short; what the database does not take now waits for the next time."""
        forget_at_s = 0.0
        while True:
            with suppress(DatabaseProblem):
                for lost in await database.run(self._fold, database):
                    publish(JobLost(job_id=lost.job_id, owner=lost.owner, task=lost.task))
                if time.monotonic() >= forget_at_s:
                    forget_at_s = time.monotonic() + _FORGET_EVERY_S
                    await database.run(forget_old, database, settings, datetime.now(UTC))
            await asyncio.sleep(self._fold_every_s)
            self.turn()

    def _fold(self, database: Database) -> list[Lost]:
        fold(database, self._folder, instance=self._instance)
        return absorb_jobs(database)

    def turn(self) -> None:
        """Begins a new file, so that what was written so far can be folded."""
        self._journal.turn()

    def deafen(self) -> None:
        """Hears no more."""
        while self._deafen:
            self._deafen.pop()()

    def close(self, database: Database | None) -> None:
        """The server has ended in order. Blocks for the last fold."""
        self.deafen()
        self._journal.close()
        if database is not None:
            with suppress(DatabaseProblem):  # the next start folds it
                self._fold(database)

    def _started(self, event: RequestStarted) -> None:
        self._journal.started(event.serial)

    def _ended(self, event: RequestEnded) -> None:
        self._journal.write(
            Frame(
                kind=FrameKind.END,
                at_us=self._now_us(),
                serial=event.serial,
                outcome=_OUTCOME[event.outcome],
                size_class=_SIZE[event.size_class],
                attempts=event.attempts,
                took_us=0 if event.is_submission else int(event.took_s * _US),
                queue_us=int(event.queue_s * _US),
                worked_us=int(event.worked_s * _US),
                status=event.status,
                task=event.task,
                engine=event.engine,
                code=event.code,
                key=event.key,
                priority=event.priority,
            )
        )

    def _took_over(self, event: SpareTookOver) -> None:
        self._journal.write(
            Frame(
                kind=FrameKind.TAKEOVER,
                at_us=self._now_us(),
                task=event.task,
                took_us=int(event.empty_s * _US),
            )
        )

    def _measured(self, event: QualityMeasured) -> None:
        self._journal.write(
            Frame(
                kind=FrameKind.READING,
                at_us=self._now_us(),
                task=event.task,
                engine=event.engine,
                value=event.value,
                outcome=_VERDICT[event.verdict],
                size_class=_READING[event.reading],
            )
        )
