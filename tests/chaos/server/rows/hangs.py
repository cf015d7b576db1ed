"""Rows: inferences that never return, holding the GIL or asleep; and readiness when all workers hang."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.chaos.server.live_service import LiveService, live_service
from tests.chaos.server.marks import marked
from tests.chaos.server.traffic import PATIENT_S, Load, ask, face, faces, send, swap

LEAST_DEADLINE_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Hangs:
    """What the hanging requests came to, and what the 16 others saw."""

    statuses: tuple[int, ...]
    answered_late_ms: tuple[float, ...]
    """From the deadline to the answer."""
    killed_late_ms: tuple[float, ...]
    """From the deadline to the death of the process, by the log's clock."""
    requests: int
    failed: int
    wrong: int
    calm_p99_ms: float
    p99_ms: float

    def __str__(self) -> str:
        return (
            f"{len(self.statuses)} hangs: {sorted(set(self.statuses))}, answered at most "
            f"{max(self.answered_late_ms):.0f} ms and killed at most {max(self.killed_late_ms):.0f} ms after "
            f"the deadline; others: {self.requests} requests, {self.failed} failed, {self.wrong} wrong, "
            f"p99 {self.p99_ms:.0f} ms, undisturbed {self.calm_p99_ms:.0f} ms "
            f"({self.p99_ms / self.calm_p99_ms:.2f} ×)"
        )


async def hang_now_and_then(folder: Path, *, seconds: float, do: str, every_s: float = 5.0) -> Hangs:
    """`do` is `hang` (holds the GIL) or `sleep`; before it the same load runs undisturbed for as long."""
    with live_service(folder) as service:
        requests = [
            swap(target, measure="false", priority="standard", deadline_s=PATIENT_S) for target in faces(16)
        ]
        calm = Load(port=service.port, requests=requests)
        await calm.learn()
        async with calm:
            await asyncio.sleep(seconds)
        # Long enough to reach a worker: a request that cannot is refused, and nothing hangs.
        deadline_s = max(LEAST_DEADLINE_S, calm.p_ms(50) / 2000)
        load = calm.again(service.port)
        statuses, answered, killed = [], [], []
        async with load:
            until_s = time.monotonic() + seconds
            while time.monotonic() < until_s:
                deaths = len(service.told("worker_died"))
                due_at, due_s = time.time() + deadline_s, time.monotonic() + deadline_s
                number = f"{do} {due_at}"  # another input each time: none is refused as poison
                target = marked(face(), do, number=number)
                # The most urgent: it must reach a worker before its time is over.
                answer = await send(service.port, swap(target, deadline_s=deadline_s))
                statuses.append(answer.status)
                answered.append((time.monotonic() - due_s) * 1000)
                await asyncio.sleep(max(0.5, due_s + every_s - deadline_s - time.monotonic()))
                killed += [(_at(line) - due_at) * 1000 for line in service.told("worker_died")[deaths:]]
        return Hangs(
            statuses=tuple(statuses),
            answered_late_ms=tuple(answered),
            killed_late_ms=tuple(killed),
            requests=len(load.answers),
            failed=load.failed + calm.failed,
            wrong=load.wrong,
            calm_p99_ms=calm.p_ms(99),
            p99_ms=load.p_ms(99),
        )


def _at(line: dict[str, str]) -> float:
    return datetime.fromisoformat(line["timestamp"]).timestamp()


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """When readiness turned, seconds after all workers began to hang."""

    red_after_s: float
    live_while_red: bool
    green_after_s: float
    served_when_green: bool

    def __str__(self) -> str:
        return f"red after {self.red_after_s:.2f} s, green again after {self.green_after_s:.2f} s"


async def hang_everywhere(folder: Path, *, deadline_s: float = 3.0) -> Readiness:
    """Every worker hangs at once, the spares that take over too; then nobody sends such pictures any more."""
    with live_service(folder, workers=2, spares=1) as service:
        began_s = time.monotonic()
        hanging = [
            asyncio.create_task(
                send(service.port, swap(marked(face(), "hang", number=number), deadline_s=deadline_s))
            )
            for number in range(2)
        ]
        red_after_s = await _until_ready_is(service, 503, began_s)
        live = (await asyncio.to_thread(ask, service.port, "GET", "/health/live")).status == 200
        await asyncio.gather(*hanging)
        green_after_s = await _until_ready_is(service, 200, began_s)
        served = (await send(service.port, swap(face()))).status == 200
        return Readiness(
            red_after_s=red_after_s,
            live_while_red=live,
            green_after_s=green_after_s,
            served_when_green=served,
        )


async def _until_ready_is(service: LiveService, status: int, began_s: float) -> float:
    while (await asyncio.to_thread(ask, service.port, "GET", "/health/ready")).status != status:
        assert time.monotonic() - began_s < 60, f"readiness did not become {status}\n{service.tail()}"
        await asyncio.sleep(0.05)
    return time.monotonic() - began_s
