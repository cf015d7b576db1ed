"""A server with one video job in it, as a program: whatever kills it, the next start goes on with the job.

    python video_server.py DATA_DIR SOURCE TARGET WORKERS SEGMENT_S

Prints a line of JSON per thing that happens, and ends when the job has ended.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from steadfast.assembly.service import Service
from steadfast.blobs.blob import BlobAddress
from steadfast.events import Event, subscribe
from steadfast.jobs.events import SegmentRedone, StepFailed, StepFinished, StepStarted
from steadfast.jobs.job import ENDED, InputFile, ItemOrder, Job, JobOrder
from steadfast.jobs.port import JobFilter
from steadfast.jobs.rows import space_of
from steadfast.jobs.service import JobService
from steadfast.settings import Settings

_BEGAN_S = psutil.Process().create_time()
"""Of this process: imports count as a part of the restart."""
_TOLD: dict[type[Event], str] = {
    StepStarted: "started",
    StepFinished: "finished",
    StepFailed: "failed",
    SegmentRedone: "redone",
}


def tell(what: str, **more: Any) -> None:
    sys.stdout.write(json.dumps({"what": what, "at_s": round(time.time() - _BEGAN_S, 3), **more}) + "\n")
    sys.stdout.flush()


def tell_event(event: Event) -> None:
    if what := _TOLD.get(type(event)):
        kind, number = getattr(event, "kind", "segment"), getattr(event, "number", 0)
        tell(what, kind=str(kind), number=number, detail=getattr(event, "detail", ""))


def settings_of(data_dir: Path, workers: int) -> Settings:
    values: dict[str, Any] = {
        "data_dir": data_dir,
        "server": {"port": 0},
        "faces": {"engine": "embedded"},
        "entailment": {"enabled": False},
        "models": {"dir": data_dir / "models", "auto_pull": "never"},
        "runtime": {"workers": workers, "spares": 0},
        "health": {"enabled": False},
        "telemetry": {"metrics": False},
    }
    return Settings(**values)


async def live(data_dir: Path, source: Path, target: Path, workers: int, segment_s: float) -> None:
    service = Service(settings_of(data_dir, workers))
    subscribe(tell_event)
    await service.start()
    jobs = service.jobs
    assert jobs is not None
    tell("serving")
    page = await jobs.list(None, JobFilter())
    job = page.jobs[0] if page.jobs else await submit(jobs, source, target, segment_s)
    while (job := await jobs.get(None, job.id)).state not in ENDED:
        await asyncio.sleep(0.05)
    await tell_end(jobs, data_dir, job)
    await service.stop()


async def submit(jobs: JobService, source: Path, target: Path, segment_s: float) -> Job:
    def keep(path: Path) -> InputFile:
        blob = jobs.database.library.keep_file(path, space=space_of(""), owner="upload", role="input")
        return InputFile(sha256=blob.address.sha256, size_bytes=path.stat().st_size, name=path.name)

    face, video = await asyncio.to_thread(keep, source), await asyncio.to_thread(keep, target)
    item = ItemOrder(target=video, sources=(face,))
    return await jobs.submit(JobOrder(owner="", task="face_swap", items=(item,), segment_s=segment_s))


async def tell_end(jobs: JobService, data_dir: Path, job: Job) -> None:
    if job.failure is not None:
        tell("ended", state=job.state, why=f"{job.failure.code}: {job.failure.detail}")
        return
    result = await jobs.result(None, job.id)
    address = BlobAddress(space=space_of(""), sha256=result.sha256)
    content = await asyncio.to_thread(lambda: b"".join(jobs.database.library.read(address)))
    output = data_dir / f"result{Path(result.name).suffix}"
    output.write_bytes(content)
    begun = [a for a in await jobs.attempts(None, job.id, limit=1000) if a.kind == "segment"]
    tell("ended", state=job.state, result=str(output), segments_begun=len(begun), degraded=job.degraded)


if __name__ == "__main__":
    folder, face, video, workers, seconds = sys.argv[1:]
    asyncio.run(live(Path(folder), Path(face), Path(video), int(workers), float(seconds)))
