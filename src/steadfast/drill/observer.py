"""Looks at the drilled service from outside, several times a second: health, incidents, memory, silence."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from steadfast.drill.client import Client, get
from steadfast.drill.house import House, is_whole

LOOK_EVERY_S = 0.2
_INCIDENTS_EVERY_S = 0.5
_WITHIN_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What one look saw."""

    at_s: float
    """On the monotonic clock."""
    answers: bool
    """Whether the port answered."""
    status: str = ""
    """The service's own word for how it is."""
    is_whole: bool = False
    served: int = 0
    resident_bytes: int = 0
    workers: frozenset[str] = frozenset()
    """Names of those that serve."""
    incidents: frozenset[str] = frozenset()
    """Kinds of those that last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenIncident:
    """An incident of the service."""

    id: str
    kind: str
    subject: str
    severity: str
    first_seen_at_s: float
    """On the monotonic clock of whoever looks: the service's own clock may be what is broken."""


@dataclass(kw_only=True)
class Observer:
    """Use it as a context; `looks` and `incidents` grow meanwhile."""

    house: House
    clock: Callable[[], float] = time.monotonic
    looks: list[Look] = field(default_factory=list)
    incidents: dict[str, SeenIncident] = field(default_factory=dict)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._look_for_ever()), asyncio.create_task(self._read_for_ever())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look_for_ever(self) -> None:
        client = Client(self.house.endpoint)
        while True:
            began_s = self.clock()
            answer = await client.send(get("/health"), within_s=_WITHIN_S)
            memory = await asyncio.to_thread(self.house.resident_bytes)
            self.looks.append(look_of(answer.json() if answer.status > 0 else None, self.clock(), memory))
            await asyncio.sleep(max(0.02, LOOK_EVERY_S - (self.clock() - began_s)))

    async def _read_for_ever(self) -> None:
        client = Client(self.house.endpoint)
        while True:
            answer = await client.send(get("/v1/incidents?limit=30"), within_s=2 * _WITHIN_S)
            with suppress(KeyError, TypeError):
                self._note(answer.json().get("incidents", ()))
            await asyncio.sleep(_INCIDENTS_EVERY_S)

    def _note(self, told: Any) -> None:
        now_s = self.clock()
        for one in told:
            if one["id"] not in self.incidents:
                self.incidents[one["id"]] = SeenIncident(
                    id=one["id"],
                    kind=one["kind"],
                    subject=one["subject"],
                    severity=one["severity"],
                    first_seen_at_s=now_s,
                )

    # --- what was seen ----------------------------------------------------------------------------------

    def since(self, at_s: float) -> list[Look]:
        """Looks from then on, oldest first."""
        found = []
        for look in reversed(self.looks):
            if look.at_s < at_s:
                break
            found.append(look)
        return found[::-1]

    def incidents_since(self, at_s: float) -> list[SeenIncident]:
        """Those first seen from then on."""
        return [one for one in self.incidents.values() if one.first_seen_at_s >= at_s]

    def longest_silence_s(self, begin_s: float, end_s: float) -> float:
        """The longest time between two answers of the port."""
        heard = [begin_s] + [look.at_s for look in self.since(begin_s) if look.answers and look.at_s <= end_s]
        gaps = [later - earlier for earlier, later in zip(heard, [*heard[1:], end_s], strict=True)]
        return max(gaps, default=0.0)


def look_of(health: dict[str, Any] | None, now_s: float, resident_bytes: int) -> Look:
    """A document of `/health` (None: nobody answered) as a look."""
    if not health:
        return Look(at_s=now_s, answers=False, resident_bytes=resident_bytes)
    pools = health.get("tasks", {}).values()
    workers = [worker for pool in pools for worker in pool.get("workers", ())]
    return Look(
        at_s=now_s,
        answers=True,
        status=str(health.get("status", "")),
        is_whole=is_whole(health),
        served=sum(worker["served"] for worker in workers),
        resident_bytes=resident_bytes or sum(worker["rss_bytes"] for worker in workers),
        workers=frozenset(worker["name"] for worker in workers if not worker["is_spare"]),
        incidents=frozenset(one["kind"] for one in health.get("incidents", ())),
    )
