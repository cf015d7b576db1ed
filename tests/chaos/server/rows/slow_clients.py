"""Row: clients that send one byte per second."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.server.live_service import live_service
from tests.chaos.server.traffic import Load, face, swap


@dataclass(frozen=True, kw_only=True)
class SlowClients:
    """What normal clients saw."""

    slow: int
    cut: int
    """Slow connections that the server ended; each came back."""
    requests: int
    failed: int
    wrong: int
    calm_per_s: float
    per_s: float
    calm_p99_ms: float
    p99_ms: float

    def __str__(self) -> str:
        return (
            f"{self.slow} slow clients ({self.cut} times cut); normal ones: {self.requests} requests, "
            f"{self.failed} failed, {self.per_s:.1f}/s of {self.calm_per_s:.1f}/s, "
            f"p99 {self.p99_ms:.0f} ms of {self.calm_p99_ms:.0f} ms"
        )


async def drip(folder: Path, *, clients: int = 200, seconds: float) -> SlowClients:
    """Half of them are slow in the headers, half in the body; before them the load alone for as long."""
    with live_service(folder) as service:
        calm, load = Load(port=service.port), Load(port=service.port)
        await calm.learn()
        async with calm:
            await asyncio.sleep(seconds)
        cuts = [0]
        slow = [asyncio.create_task(_drip(service.port, number % 2 == 0, cuts)) for number in range(clients)]
        await asyncio.sleep(1.0)
        async with load:
            await asyncio.sleep(seconds)
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        return SlowClients(
            slow=clients,
            cut=cuts[0],
            requests=len(load.answers),
            failed=load.failed,
            wrong=load.wrong,
            calm_per_s=len(calm.answers) / seconds,
            per_s=len(load.answers) / seconds,
            calm_p99_ms=calm.p_ms(99),
            p99_ms=load.p_ms(99),
        )


async def _drip(port: int, in_the_body: bool, cuts: list[int]) -> None:
    request = swap(face())
    content = (request.head() if in_the_body else b"") + request.body
    start = len(request.head()) if in_the_body else 0
    content = content if in_the_body else request.head() + request.body
    while True:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(content[:start])
            with suppress(OSError):
                for position in range(start, len(content)):
                    writer.write(content[position : position + 1])
                    await writer.drain()
                    await asyncio.sleep(1.0)
                    if writer.transport.is_closing():
                        break
            cuts[0] += 1
        finally:
            writer.close()
