"""Row: SIGTERM under load."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.server.live_service import live_service
from tests.chaos.server.traffic import LOST, TURNED_AWAY, Load


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """How the service left."""

    exit_status: int
    took_s: float
    grace_s: float
    finished: int
    """Requests that were sent before the signal and answered 200 after it."""
    cut: int
    """Requests that were sent and never answered."""
    refused: int
    """Requests sent after the signal that got their 503."""
    other: int

    def __str__(self) -> str:
        return (
            f"exit {self.exit_status} after {self.took_s:.1f} s (grace {self.grace_s:.0f} s); "
            f"{self.finished} running requests finished, {self.cut} cut, {self.refused} later refused (503)"
        )


async def leave_under_load(folder: Path, *, grace_s: float = 20.0) -> Leaving:
    """SIGTERM to the guardian while 16 clients ask without pause."""
    with live_service(folder, server__grace_s=grace_s) as service:
        load = Load(port=service.port, pause_s=0.01)
        async with load:
            await asyncio.sleep(2.0)
            asked_s = time.monotonic()
            service.ask_to_stop()
            status = await asyncio.to_thread(service.wait, grace_s + 30.0)
            took_s = time.monotonic() - asked_s
        after = [answer for answer in load.answers if answer.sent_at_s + answer.took_ms / 1000 > asked_s]
        before = [answer for answer in after if answer.sent_at_s <= asked_s]
        return Leaving(
            exit_status=status,
            took_s=took_s,
            grace_s=grace_s,
            finished=sum(answer.status == 200 for answer in before),
            cut=sum(answer.status == LOST for answer in after),
            refused=sum(answer.status == 503 for answer in after),
            other=sum(answer.status not in (200, 503, LOST, TURNED_AWAY) for answer in after),
        )
