"""What traces cost a request in the server: off, on, and on while nothing is sampled.

`python -m benchmarks.tracing_cost`. Whole requests through the application, with a task that does nothing, in
one process; processor time, medians of rounds that take turns. Off must be free: the same as a server that
was never told of traces, which is measured twice to show the noise.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.faulty_faces import FaultyFaces, act

from steadfast.admission.gate import Gate
from steadfast.api.access import Access
from steadfast.api.application import Application
from steadfast.api.backend import Backend
from steadfast.api.intake import IntakeLimits, Room
from steadfast.observability.traces.export import TraceExport
from steadfast.observability.traces.traced_runtime import TracedRuntime
from steadfast.runtime.in_memory import InMemoryRuntime
from steadfast.spans import RECORDER
from steadfast.tasks.face_messages import TASK

_CALLS_OF_A_STAGE = 100_000


async def backend(folder: Path, sampled: float | None) -> Backend:
    """Everything behind HTTP; `sampled`: part of the traces that are recorded, None: traces are off."""
    runtime = InMemoryRuntime({TASK: FaultyFaces({})})
    await runtime.start()
    made = Backend(
        runtime=runtime,
        gate=Gate(),
        access=Access(None, None),
        room=Room(folder=folder, memory_bytes=1_000_000, disk_bytes=1_000_000),
        limits=IntakeLimits(
            max_request_bytes=10_000, max_parts=6, buffer_bytes=5_000, body_grace_s=5.0, min_bytes_per_s=1e6
        ),
        deadline_s=5.0,
    )
    if sampled is not None:
        export = TraceExport(
            SimpleSpanProcessor(InMemorySpanExporter()), service="x", instance="x", sampled=sampled
        )
        made.traces, made.runtime = export.tracing, TracedRuntime(runtime, export.tracing, export.jobs)
    return made


async def cpu_us(application: Application, requests: int) -> float:
    """Of one request, with the client in the same process."""
    transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]
    files = {"source": b"s", "target": act("echo")}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        began_s = time.process_time()
        for _ in range(requests):
            answer = await client.post("/v1/swap", files=files)
            assert answer.status_code == 200, answer.text
        return (time.process_time() - began_s) / requests * 1e6


def stage_ns() -> float:
    """Of a stage in a worker whose request is not traced."""
    began_s = time.process_time()
    for _ in range(_CALLS_OF_A_STAGE):
        with RECORDER.stage("decode"):
            pass
    return (time.process_time() - began_s) / _CALLS_OF_A_STAGE * 1e9


async def measure(rounds: int, requests: int) -> dict[str, float]:
    """Microseconds of a request, by case."""
    cases: dict[str, float | None] = {"off": None, "off, again": None, "on, sampled 0": 0.0, "on": 1.0}
    with tempfile.TemporaryDirectory() as name:
        applications = {
            case: Application(await backend(Path(name), sampled)) for case, sampled in cases.items()
        }
        found: dict[str, list[float]] = {case: [] for case in cases}
        for _ in range(rounds):
            for case, application in applications.items():
                found[case].append(await cpu_us(application, requests))
    return {case: median(values) for case, values in found.items()}


def main() -> int:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=150)
    options = parser.parse_args()
    found = asyncio.run(measure(options.rounds, options.requests))
    print("| traces | a request | more than off |\n|---|---|---|")
    for case, took_us in found.items():
        print(f"| {case} | {took_us:.0f} us | {took_us - found['off']:+.0f} us |")
    print(f"| off, a stage in a worker | {stage_ns():.0f} ns | |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
