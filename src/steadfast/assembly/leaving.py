"""The end of a service in order: nothing new is taken, what runs is finished or given back, all is let go."""

import asyncio
import time
from contextlib import suppress

from steadfast.admission.gate import Gate
from steadfast.assembly.parts import Parts
from steadfast.runtime.supervisor import Supervisor

_LINGER_S = 0.5
"""Kept answering after the last piece of work, so that clients with open connections hear that it is over."""
_LOOK_EVERY_S = 0.02
_HAND_BACK_S = 1.0
"""Of the grace period, kept for writing down what was not finished."""


async def finish_work(parts: Parts, supervisor: Supervisor, *, grace_s: float) -> None:
    """Takes nothing new, lets what runs come to its end within `grace_s`, refuses the rest.

    Afterwards there is no worker, and everybody who was connected has heard of it.
    """
    backend, began_s = parts.backend, time.monotonic()
    until_s = began_s + grace_s
    backend.stopping = True
    backend.gate.close()
    if backend.uploads is not None:
        backend.uploads.close()
    if parts.health is not None:
        parts.health.feed.close()  # else who listens would hold up the end
    handing_back = asyncio.create_task(_stop_jobs(parts, until_s))
    while _has_work(backend.gate, supervisor) and time.monotonic() < until_s:
        await asyncio.sleep(_LOOK_EVERY_S)
    await handing_back
    backend.gate.refuse_waiting()
    await supervisor.stop(grace_s=max(0.0, until_s - time.monotonic()))
    with suppress(TimeoutError):
        async with asyncio.timeout(max(_LINGER_S, grace_s / 2)):
            while backend.tally.running or time.monotonic() - began_s < _LINGER_S:
                await asyncio.sleep(_LOOK_EVERY_S)
    await parts.http.stop()


async def stop_watching(parts: Parts) -> None:
    """Whoever observes the service stops."""
    if parts.health is not None:
        await parts.health.stop()
    if parts.backend.metrics is not None:
        parts.backend.metrics.stop()
    if parts.backend.status is not None:
        parts.backend.status.stop()
    if parts.traces is not None:
        await asyncio.to_thread(parts.traces.close)


async def _stop_jobs(parts: Parts, until_s: float) -> None:
    """Lets steps that run come to their end, and gives back what would be cut off."""
    if parts.cluster is not None:
        parts.cluster.draw_in()
    if parts.jobs is not None:
        await parts.jobs.stop(grace_s=max(0.0, until_s - time.monotonic() - _HAND_BACK_S))
    if parts.cluster is not None:
        await parts.cluster.stop()


def _has_work(gate: Gate, supervisor: Supervisor) -> bool:
    if any(lane.inside or sum(lane.waiting.values()) for lane in gate.snapshot().lanes):
        return True
    return any(pool.busy or pool.waiting for pool in supervisor.snapshot().pools)
