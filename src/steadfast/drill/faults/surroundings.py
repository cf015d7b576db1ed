"""Faults of what is around the service: the clock, names, whoever is to be told."""

import asyncio
import signal
import time
from typing import ClassVar

from steadfast.drill.fault import Expectation, Fault, Group, Scene
from steadfast.drill.faults.workers import a_worker
from steadfast.drill.house import HouseKind
from steadfast.drill.orders import Act

_HOUR_S = 3600
_TOLD_WITHIN_S = 60.0


class _Clock(Fault):
    """The wall clock of every process of the service; what measures time must not read it."""

    group = Group.SURROUNDINGS
    lasts_s = 10.0
    house = HouseKind.FAKE_CLOCK
    needs_own_server = True
    by_s: ClassVar[int]

    async def inject(self, scene: Scene) -> None:
        """At once, while everything runs."""
        assert scene.own.fake_clock is not None
        scene.own.fake_clock.turn(self.by_s)

    async def heal(self, scene: Scene) -> None:
        """Right again, which is another leap."""
        assert scene.own.fake_clock is not None
        scene.own.fake_clock.turn(0)

    def expect(self) -> Expectation:
        """Nobody notices."""
        return Expectation()


class ClockForward(_Clock):
    """As when a machine has slept, or a time server lies."""

    name = "clock-forward"
    what = "The wall clock leaps one hour forward, and ten seconds later back to the truth."
    by_s = _HOUR_S


class ClockBack(_Clock):
    """As after a wrong time zone was put right."""

    name = "clock-back"
    what = "The wall clock leaps one hour back, and ten seconds later forward to the truth."
    by_s = -_HOUR_S


class _Untold(Fault):
    """Something happens that somebody is to be told, and nobody can be told; later it can."""

    group = Group.SURROUNDINGS
    lasts_s = 8.0
    needs_own_server = True

    async def _have_something_to_tell(self, scene: Scene) -> None:
        assert scene.own.receiver is not None
        self._told_before = scene.own.receiver.received
        await scene.house.signal((await a_worker(scene)).pid, signal.SIGKILL)

    async def _await_the_alert(self, scene: Scene) -> None:
        receiver = scene.own.receiver
        assert receiver is not None
        until_s = time.monotonic() + _TOLD_WITHIN_S
        while receiver.received <= self._told_before:
            if time.monotonic() > until_s:
                scene.broken.append(f"The alert had not come {_TOLD_WITHIN_S:.0f} s after it could be told.")
                return
            await asyncio.sleep(0.1)

    def expect(self) -> Expectation:
        """The alert is kept and told later; requests do not notice."""
        return Expectation(signs=("incident:worker_died",), recover_within_s=_TOLD_WITHIN_S + 30.0)


class AlertReceiverGone(_Untold):
    """Its port is closed."""

    name = "alert-receiver-gone"
    what = "Whoever receives alerts is away for eight seconds, and a worker dies meanwhile."

    async def inject(self, scene: Scene) -> None:
        """Then a worker is killed."""
        assert scene.own.receiver is not None
        scene.own.receiver.close()
        await self._have_something_to_tell(scene)

    async def heal(self, scene: Scene) -> None:
        """It is there again."""
        assert scene.own.receiver is not None
        scene.own.receiver.open()
        scene.begin(self._await_the_alert(scene))


class DnsGone(_Untold):
    """A hook in the server: the machine's own resolver is left alone."""

    name = "dns-gone"
    what = "No name can be looked up for eight seconds (simulated), and a worker dies meanwhile."

    async def inject(self, scene: Scene) -> None:
        """Then a worker is killed."""
        await scene.order(Act.NO_NAMES)
        await self._have_something_to_tell(scene)

    async def heal(self, scene: Scene) -> None:
        """Names are found again."""
        await scene.lift()
        scene.begin(self._await_the_alert(scene))


FAULTS: tuple[type[Fault], ...] = (ClockForward, ClockBack, DnsGone, AlertReceiverGone)
