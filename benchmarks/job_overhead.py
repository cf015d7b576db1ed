"""What durability costs: a video as a job, beside `steadfast swap` of the same file, measured in turns.

    python -m benchmarks.job_overhead MEDIA MODELS [--seconds 120] [--rounds 2] [--engine standard]

MEDIA is a folder with book.mkv, MODELS one with the weights of the standard engine. Compared are

    (a) `steadfast swap`, one pass, from the start of the command to its end
    (b) the same file as a job of a server with one worker, from submission to the result in the store
    (c) the same with two workers

on a clip of one face with sound, looped to two minutes, at 640 × 480. Bars, on two cores: (b) ≤ 1.15 × (a),
(c) faster than (b). Seconds are the wall's; core seconds of the server's whole tree stand beside them. Six
runs of about a minute each on two idle cores.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.clips import loop_clip
from steadfast.assembly.service import Service
from steadfast.jobs.job import ENDED, InputFile, ItemOrder, JobOrder, JobState
from steadfast.jobs.rows import space_of
from steadfast.jobs.service import JobService
from steadfast.settings import Settings
from steadfast.tasks.showcase import COLLINS, portrait

MOST_OF_ONE_PASS = 1.15


@dataclass(frozen=True, kw_only=True)
class Case:
    """What all variants do."""

    source: Path
    target: Path
    folder: Path
    models: Path
    engine: str


@dataclass(frozen=True, kw_only=True)
class Took:
    """One run."""

    wall_s: float
    cpu_s: float


def settings_of(case: Case, workers: int, data_dir: Path) -> Settings:
    """A server of nothing but jobs."""
    values: dict[str, Any] = {
        "data_dir": data_dir,
        "server": {"port": 0},
        "faces": {"engine": case.engine},
        "models": {"dir": case.folder / "models", "mirror": case.models.resolve().as_uri()},
        "runtime": {"workers": workers, "spares": 0},
    }
    return Settings(**values)


def run_command(case: Case) -> Took:
    """Variant (a)."""
    output = case.folder / "one.mp4"
    files = ["-s", str(case.source), "-t", str(case.target), "-o", str(output)]
    command = [sys.executable, "-m", "steadfast", "swap", *files, "--engine", case.engine]
    environment = {
        **os.environ,
        "STEADFAST_MODELS__DIR": str(case.folder / "models"),
        "STEADFAST_MODELS__MIRROR": case.models.resolve().as_uri(),
        "STEADFAST_FACES__ENGINE": case.engine,
    }
    began_s, began_cpu_s = time.perf_counter(), _cpu_of_children_s()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return Took(wall_s=time.perf_counter() - began_s, cpu_s=_cpu_of_children_s() - began_cpu_s)


def run_job(case: Case, workers: int) -> Took:
    """Variants (b) and (c): the server is up and its workers are loaded when the job is submitted."""
    with tempfile.TemporaryDirectory(dir=case.folder) as data_dir:
        return asyncio.run(_job(case, workers, Path(data_dir)))


async def _job(case: Case, workers: int, data_dir: Path) -> Took:
    service = Service(settings_of(case, workers, data_dir))
    await service.start()
    try:
        while service.supervisor.snapshot().pool("face_swap").able < workers:
            await asyncio.sleep(0.05)
        assert service.jobs is not None
        began_s, began_cpu_s = time.perf_counter(), _cpu_of_tree_s()
        await _to_the_end(service.jobs, case)
        return Took(wall_s=time.perf_counter() - began_s, cpu_s=_cpu_of_tree_s() - began_cpu_s)
    finally:
        await service.stop()


async def _to_the_end(jobs: JobService, case: Case) -> None:
    def keep(path: Path) -> InputFile:
        blob = jobs.database.library.keep_file(path, space=space_of(""), owner="upload", role="input")
        return InputFile(sha256=blob.address.sha256, size_bytes=path.stat().st_size, name=path.name)

    face, video = await asyncio.to_thread(keep, case.source), await asyncio.to_thread(keep, case.target)
    order = JobOrder(owner="", task="face_swap", items=(ItemOrder(target=video, sources=(face,)),))
    job = await jobs.submit(order)
    while job.state not in ENDED:
        await asyncio.sleep(0.05)
        job = await jobs.get(None, job.id)
    if job.state is not JobState.SUCCEEDED:
        raise SystemExit(f"the job {job.state}: {job.failure}")


def _cpu_of_children_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _cpu_of_tree_s() -> float:
    process = psutil.Process()
    spent = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return float(sum(t.user + t.system for t in spent))


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("media", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--engine", default="standard")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        target = loop_clip(
            asked.media / "book.mkv",
            folder / "clip.mp4",
            seconds=asked.seconds,
            size=(640, 480),
            with_sound=True,
        )
        case = Case(
            source=portrait(COLLINS), target=target, folder=folder, models=asked.models, engine=asked.engine
        )
        variants: dict[str, Callable[[], Took]] = {
            "(a) steadfast swap": lambda: run_command(case),
            "(b) job, 1 worker": lambda: run_job(case, 1),
            "(c) job, 2 workers": lambda: run_job(case, 2),
        }
        took: dict[str, list[Took]] = {label: [] for label in variants}
        for _ in range(asked.rounds):
            for label, run in variants.items():
                took[label].append(run())
    _print(took)


def _print(took: dict[str, list[Took]]) -> None:
    wall = {label: median(t.wall_s for t in runs) for label, runs in took.items()}
    first, one, two = wall.values()
    print(f"{'':22}{'wall s':>10}{'core s':>10}{'of (a)':>10}")
    for label, runs in took.items():
        cpu_s = median(t.cpu_s for t in runs)
        print(f"{label:22}{wall[label]:>10.1f}{cpu_s:>10.1f}{wall[label] / first:>10.2f}")
    print(f"(b) at most {MOST_OF_ONE_PASS} × (a): {'yes' if one <= MOST_OF_ONE_PASS * first else 'NO'}")
    print(f"(c) faster than (b): {'yes' if two < one else 'NO'}")


if __name__ == "__main__":
    main()
