"""A server of a cluster without HTTP, to be killed, stopped and cut off: `python cluster_node.py
SETTINGS.json`.
 All of it but the front is real: database, files, scheduler, messenger, registry. The work is done by real
workers (`fault`, see `fault_task`) or, where a test is about many steps and not about work, in this process
(`asleep`).
"""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from tests.sleeping_work import SleepingWork

from steadfast.admission.gate import Gate
from steadfast.assembly.filekeeping import open_library
from steadfast.assembly.jobkeeping import open_jobs
from steadfast.assembly.sharing import open_sharing, prepare_sharing, shared_terms
from steadfast.assembly.staffing import lending_folder, worker_outboxes
from steadfast.database.connection import database_options
from steadfast.database.database import open_database
from steadfast.jobs.carrier import Carrier
from steadfast.runtime.options import ConfinementOptions, Device, PoolOptions, RestartOptions, WorkerOptions
from steadfast.runtime.outbox import remove_old_outboxes
from steadfast.runtime.supervisor import Employment, Supervisor
from steadfast.settings import Settings
from steadfast.task import TaskSpec

ROOT = str(Path(__file__).resolve().parents[1])


async def serve(settings: Settings, *, workers: int, seconds: float | None) -> None:
    """Serves until SIGTERM; `seconds`: per step that is slept instead of worked."""
    database = open_database(database_options(settings.database, settings.data_dir))
    ground = prepare_sharing(settings, database, None)
    library = open_library(settings, database)
    supervisor = await _staffed(settings, 0 if seconds is not None else workers)
    gate = Gate()
    gate.staff("fault", workers)
    shared = shared_terms(settings, ground)
    tasks = () if settings.cluster.role == "api" else ("fault",)
    jobs = open_jobs(
        settings,
        database=database,
        library=library,
        runtime=supervisor,
        gate=gate,
        tasks=tasks,
        shared=shared,
    )
    if seconds is not None:
        work = SleepingWork(settings.data_dir / "scratch" / "delivered", places=workers, seconds=seconds)
        jobs.scheduler.work_with(Carrier(jobs.database, work, lending_folder(settings)), work.places)
    cluster = open_sharing(settings, ground, database=database, jobs=jobs, runtime=supervisor)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await jobs.start()
    if cluster is not None:
        await cluster.start()
    (settings.data_dir / "up").touch()
    await stop.wait()
    if cluster is not None:
        cluster.draw_in()
    await jobs.stop(grace_s=settings.server.grace_s)
    if cluster is not None:
        await cluster.stop()
    await supervisor.stop(grace_s=1.0)
    database.close()


async def _staffed(settings: Settings, workers: int) -> Supervisor:
    remove_old_outboxes(worker_outboxes(settings))
    options = WorkerOptions(
        python_path=(ROOT,),
        outboxes=worker_outboxes(settings),
        confinement=ConfinementOptions(readable=(lending_folder(settings),)),
    )
    pool = PoolOptions(
        devices=(Device(),) * workers,
        spares=0,
        worker=options,
        restart=RestartOptions(deaths=1_000),
        canaries=False,
    )
    spec = TaskSpec(name="fault", path="tests.fault_task:FaultTask", stall_s=5.0)
    employed = workers and settings.cluster.role != "api"
    supervisor = Supervisor([Employment(spec=spec, options=pool)] if employed else [])
    await supervisor.start(wait_s=0.0)
    return supervisor


def settings_of(document: dict[str, Any]) -> Settings:
    """Settings out of what a test wrote."""
    for section, field in (("database", "url"), ("cluster", "broker_url"), ("cluster", "redis_url")):
        if value := document.get(section, {}).get(field):
            document[section][field] = SecretStr(value)
    return Settings(**document)


if __name__ == "__main__":
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    asyncio.run(serve(settings_of(told["settings"]), workers=told["workers"], seconds=told["seconds"]))
