"""What the service does beside requests, again and again: count, fold, forget, write down, call back."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steadfast.admission.gate import Gate
from steadfast.admission.keyring import Keyring
from steadfast.api.backend import Backend
from steadfast.assembly.chores import Chores
from steadfast.assembly.filekeeping import open_retention, open_webhooks
from steadfast.assembly.measuring import store_figures
from steadfast.assembly.sharing import server_name
from steadfast.database.database import Database
from steadfast.errors import DatabaseProblem
from steadfast.events import subscribe_to
from steadfast.health.incident_store import IncidentStore
from steadfast.jobs.service import JobService
from steadfast.observability.metrics.storage_metrics import StoreFigures
from steadfast.runtime.events import WorkerLoaded
from steadfast.runtime.supervisor import Supervisor
from steadfast.settings import Settings
from steadfast.sla.recorder import Recorder

if TYPE_CHECKING:
    from steadfast.cluster.cluster import Cluster

_FLUSH_EVERY_S = 60.0
_GONE_EVERY_S = 60.0
_COUNT_EVERY_S = 0.25
"""How soon admission hears that there are more or fewer workers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Housework:
    """The parts that want to be tended; what is None is not served."""

    settings: Settings
    backend: Backend
    database: Database
    supervisor: Supervisor
    keyring: Keyring | None
    recorder: Recorder | None
    jobs: JobService | None
    cluster: "Cluster | None"
    is_chief: Callable[[], bool]
    """Whether this server does what only one of many may do."""

    def begin(self, chores: Chores) -> None:
        """Starts all of it; it ends with `chores`."""
        if self.backend.replays is not None:
            chores.begin(self.backend.replays.forget_forever())
        if self.backend.metrics is not None:
            chores.begin(self.backend.metrics.survey_forever())
            chores.begin(self.backend.metrics.ask_forever(self._ask_store))
        if self.backend.uploads is not None:
            chores.begin(self.backend.uploads.expire_forever())
        if self.recorder is not None:
            chores.begin(self.recorder.beat_forever())
            chores.begin(self.recorder.fold_forever(self.database, self.settings.objectives))
        if self.jobs is not None:
            self._tend_jobs(self.jobs, chores)
        if self.keyring is not None:
            chores.begin(_flush_keys_forever(self.keyring, self.database))
        if self.cluster is not None and self.settings.health.enabled:
            chores.begin(self._end_what_the_gone_left(self.cluster))
        chores.begin(_count_workers_forever(self.supervisor, self.backend.gate))

    def _tend_jobs(self, jobs: JobService, chores: Chores) -> None:
        """Deletes what is past its time, and makes the calls that jobs ask for."""
        chores.begin(open_retention(self.settings, jobs.database).run(is_chief=self.is_chief))
        if (webhooks := open_webhooks(self.settings, jobs.database)) is not None:
            chores.begin(webhooks.work_forever())

    async def _end_what_the_gone_left(self, cluster: "Cluster") -> None:
        """Closes the incidents of servers that will not come back to do it."""
        store = IncidentStore(self.database, server=server_name(self.settings))
        while True:
            await asyncio.sleep(_GONE_EVERY_S)
            if self.is_chief():
                with suppress(DatabaseProblem):  # the next round finds them again
                    alive = await self.database.run(cluster.registry.live_names)
                    await self.database.run(store.close_left_by_others, alive)

    async def _ask_store(self) -> StoreFigures:
        return await self.database.run(store_figures, self.database)


def tell_gate_of_loads(gate: Gate) -> Callable[[], None]:
    """Has the gate expect of requests what the canaries of loaded workers showed; the answer ends it."""

    def loaded(event: WorkerLoaded) -> None:
        if event.request_s is not None:
            gate.expect(event.task, event.request_s)

    return subscribe_to(WorkerLoaded, loaded)


def flush_keys(keyring: Keyring) -> None:
    """Writes down when keys were last used, which is worth no failure."""
    with suppress(DatabaseProblem):
        keyring.flush_use()


async def _flush_keys_forever(keyring: Keyring, database: Database) -> None:
    while True:
        await asyncio.sleep(_FLUSH_EVERY_S)
        with suppress(DatabaseProblem):  # no thread was free in time: the next round flushes more
            await database.run(flush_keys, keyring)


async def _count_workers_forever(supervisor: Supervisor, gate: Gate) -> None:
    while True:
        for pool in supervisor.snapshot().pools:
            gate.staff(pool.task, pool.at_once)
        await asyncio.sleep(_COUNT_EVERY_S)
