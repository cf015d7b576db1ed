"""A server of nothing but jobs, to be killed: `python job_server.py DATA_DIR WORKERS`.

Real workers do `tests.fault_task`, so that they die of themselves too. Jobs come, and are looked at, through
the database, from the process of the test.
"""

import asyncio
import sys
from pathlib import Path

from steadfast.admission.gate import Gate
from steadfast.assembly.filekeeping import open_library
from steadfast.assembly.jobkeeping import open_jobs
from steadfast.assembly.staffing import lending_folder, worker_outboxes
from steadfast.database.connection import database_options
from steadfast.database.database import open_database
from steadfast.runtime.options import ConfinementOptions, Device, PoolOptions, RestartOptions, WorkerOptions
from steadfast.runtime.outbox import remove_old_outboxes
from steadfast.runtime.supervisor import Employment, Supervisor
from steadfast.settings import Settings
from steadfast.task import TaskSpec

ROOT = str(Path(__file__).resolve().parents[3])


async def serve(settings: Settings, workers: int) -> None:
    """Serves until it is killed."""
    database = open_database(database_options(settings.database, settings.data_dir))
    library = open_library(settings, database)
    remove_old_outboxes(worker_outboxes(settings))
    flags = settings.data_dir / "flags"
    flags.mkdir(exist_ok=True)
    options = WorkerOptions(
        python_path=(ROOT,),
        outboxes=worker_outboxes(settings),
        confinement=ConfinementOptions(readable=(lending_folder(settings),), writable=(flags,)),
    )
    pool = PoolOptions(
        devices=(Device(),) * workers,
        spares=1,
        worker=options,
        restart=RestartOptions(deaths=1_000),
        canaries=False,
    )
    spec = TaskSpec(name="fault", path="tests.fault_task:FaultTask", stall_s=5.0)
    supervisor = Supervisor([Employment(spec=spec, options=pool)])
    await supervisor.start(wait_s=0.0)
    gate = Gate()
    gate.staff("fault", workers)
    jobs = open_jobs(
        settings, database=database, library=library, runtime=supervisor, gate=gate, tasks=("fault",)
    )
    await jobs.start()
    while True:
        names = [str(worker.pid) for pool_ in supervisor.snapshot().pools for worker in pool_.workers]
        aside = settings.data_dir / "workers.new"
        aside.write_text(" ".join(names), encoding="ascii")
        aside.replace(settings.data_dir / "workers")
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(serve(Settings(data_dir=Path(sys.argv[1])), int(sys.argv[2])))
