"""Row: the server itself dies, or its event loop blocks; the guardian has it answering again."""

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.server.live_service import LiveService, live_service
from tests.chaos.server.traffic import Load, ask, face, send, swap


@dataclass(frozen=True, kw_only=True)
class Outage:
    """One way to lose the server, several times."""

    answering_after_s: tuple[float, ...]
    """From the blow to the next answer on the port."""
    serving_after_s: tuple[float, ...]
    """To the next swap: workers have to load first."""
    stack_shown: bool
    """Whether the guardian's log has the frame that blocked the loop."""
    orphans: int
    """Workers of a dead server that were still alive when the next one answered."""
    wrong: int

    def __str__(self) -> str:
        answering = ", ".join(f"{s:.2f}" for s in self.answering_after_s)
        serving = ", ".join(f"{s:.1f}" for s in self.serving_after_s)
        return (
            f"answering again after {answering} s, swapping again after {serving} s, {self.orphans} orphans"
        )


async def lose_the_server(folder: Path, *, how: signal.Signals, times: int) -> Outage:
    """SIGKILL kills it; SIGUSR2 is the test's hook that blocks its loop, holding the GIL."""
    with live_service(folder, workers=1) as service:
        load = Load(port=service.port)
        await load.learn()
        answering, serving, orphans = [], [], 0
        async with load:
            for _ in range(times):
                await asyncio.sleep(2.0)
                old = {*service.workers(), *service.workers("spare")}
                before = service.server_pid
                began_s = time.monotonic()
                os.kill(before, how)
                answering.append(await _until_another_answers(service, before, began_s))
                orphans += sum(Path(f"/proc/{pid}").exists() for pid in old)
                serving.append(await _until_swapping(service, began_s))
        return Outage(
            answering_after_s=tuple(answering),
            serving_after_s=tuple(serving),
            stack_shown="block_the_loop" in service.log("guardian"),
            orphans=orphans,
            wrong=load.wrong,
        )


async def _until_another_answers(service: LiveService, before: int, began_s: float) -> float:
    while True:
        try:
            answer = await asyncio.to_thread(ask, service.port, "GET", "/health/live", within_s=0.5)
            if answer.status == 200 and service.server_pid != before:
                return time.monotonic() - began_s
        except (OSError, AssertionError):
            pass
        assert time.monotonic() - began_s < 60, f"it does not answer again\n{service.tail()}"
        await asyncio.sleep(0.02)


async def _until_swapping(service: LiveService, began_s: float) -> float:
    while (await send(service.port, swap(face()))).status != 200:
        assert time.monotonic() - began_s < 60, f"it does not swap again\n{service.tail()}"
        await asyncio.sleep(0.05)
    return time.monotonic() - began_s
