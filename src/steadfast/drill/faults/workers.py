"""Faults of worker processes: killed, faulting, frozen, hanging."""

import signal
from typing import ClassVar

from steadfast.drill.client import send
from steadfast.drill.fault import Expectation, Fault, Group, NotHere, Scene
from steadfast.drill.house import WorkerProcess
from steadfast.drill.orders import Act

FACES = "face_swap"
_DEADLINE_S = 1.5
"""Of requests that hang: long enough to reach a worker."""


async def a_worker(scene: Scene, task: str = FACES) -> WorkerProcess:
    """One of those that serve, as the seed chooses. Raises `NotHere` where none does."""
    serving = sorted((await scene.house.processes()).serving(task), key=lambda one: one.pid)
    if not serving:
        raise NotHere(f"no worker of {task} serves")
    return scene.dice.choice(serving)


class WorkerSigkill(Fault):
    """From outside, as the kernel's OOM killer or an operator does it."""

    name = "worker-sigkill"
    what = "A worker that serves gets SIGKILL."
    group = Group.WORKER

    async def inject(self, scene: Scene) -> None:
        """One of those that swap faces."""
        await scene.house.signal((await a_worker(scene)).pid, signal.SIGKILL)

    def expect(self) -> Expectation:
        """Nobody notices."""
        return Expectation(signs=("incident:worker_died",), detect_within_s=5.0)


class NativeSegfault(Fault):
    """The request it happens to is innocent: it is done by another worker."""

    name = "native-segfault"
    what = "A worker gets SIGSEGV inside C, in the middle of somebody's request."
    group = Group.WORKER
    lasts_s = 5.0

    async def inject(self, scene: Scene) -> None:
        """At its next request."""
        worker = await a_worker(scene)
        await scene.order(Act.SEGFAULT, pid=worker.pid, task=FACES)

    def expect(self) -> Expectation:
        """Nobody notices."""
        return Expectation(signs=("incident:worker_died", "takeover"), detect_within_s=8.0)


class WorkerFrozen(Fault):
    """Its process lives, its socket is open, and nothing ever comes."""

    name = "worker-sigstop"
    what = "A worker that serves gets SIGSTOP: frozen, not dead."
    group = Group.WORKER

    async def inject(self, scene: Scene) -> None:
        """One of those that swap faces."""
        await scene.house.signal((await a_worker(scene)).pid, signal.SIGSTOP)

    def expect(self) -> Expectation:
        """It is killed for its silence, and its request is done elsewhere."""
        signs = ("incident:worker_died", "incident:deadlock", "takeover")
        return Expectation(signs=signs, detect_within_s=30.0, side_signs=("stuck_queue",))


class _Hang(Fault):
    """One request that never ends; whoever sent it hears so at its deadline."""

    group = Group.WORKER
    act: ClassVar[Act]

    async def inject(self, scene: Scene) -> None:
        """One marked picture."""
        scene.send(await scene.swap_with(self.act, deadline_s=_DEADLINE_S))

    def expect(self) -> Expectation:
        """504 at the deadline, the worker killed and replaced, nobody else notices."""
        signs = ("incident:worker_died",)
        return Expectation(signs=signs, detect_within_s=_DEADLINE_S + 3.0, carriers=("504",))


class HangWithGil(_Hang):
    """No thread of that process runs again."""

    name = "hang-with-gil"
    what = "An inference never returns and keeps Python's lock."
    act = Act.HANG_WITH_GIL


class HangInSleep(_Hang):
    """As a lock that is never released, or a device that never answers."""

    name = "hang-in-sleep"
    what = "An inference sleeps for ever."
    act = Act.SLEEP


class BusyLoop(_Hang):
    """It takes a core from everybody else meanwhile."""

    name = "busy-loop"
    what = "An inference computes for ever."
    act = Act.BUSY_LOOP


class PoisonPicture(Fault):
    """The same bytes kill whoever opens them."""

    name = "poison-picture"
    what = "A picture makes native code fault in every worker that opens it; it is sent four times."
    group = Group.TRAFFIC

    async def inject(self, scene: Scene) -> None:
        """The same picture, four times after one another."""
        request = await scene.swap_with(Act.SEGFAULT)

        async def sending() -> None:
            for _ in range(4):
                scene.carriers.append(await send(scene.house.endpoint, request))

        scene.begin(sending())

    def expect(self) -> Expectation:
        """422 after two deaths, and from then on at once."""
        return Expectation(
            signs=("incident:poison_input", "carrier:422"),
            detect_within_s=15.0,
            carriers=("422 poison_input",),
            side_signs=("worker_died",),
        )


FAULTS: tuple[type[Fault], ...] = (
    WorkerSigkill,
    NativeSegfault,
    WorkerFrozen,
    HangWithGil,
    HangInSleep,
    BusyLoop,
    PoisonPicture,
)
