"""Faults of the server itself, of its guardian, and of all at once."""

import asyncio
import os
import signal
import time
from contextlib import suppress

from steadfast.drill.client import LOST
from steadfast.drill.fault import Expectation, Fault, Group, NotHere, Scene
from steadfast.drill.house import PrivateServer
from steadfast.drill.orders import Act
from steadfast.errors import ServiceError

OUTAGE_S = 3.0
_STARTED_AGAIN_S = 15.0
"""Silence of the port where a supervisor outside (systemd, a container's restart) must start everything."""
_LOOK_S = 0.05
_ORPHANS_WITHIN_S = 5.0


async def note_restart(scene: Scene, before: int, within_s: float = 30.0) -> None:
    """Writes down when another server process answers."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        with suppress(ServiceError):
            if (await scene.house.processes()).server != before:
                scene.signs["restarted"] = time.monotonic()
                return
        await asyncio.sleep(_LOOK_S)


class ServerSigkill(Fault):
    """Workers end with it; requests in it are lost, and clients ask again."""

    name = "server-sigkill"
    what = "The server process gets SIGKILL; the guardian starts another."
    group = Group.SERVER

    async def inject(self, scene: Scene) -> None:
        """The guardian is left."""
        before = (await scene.house.processes()).server
        await scene.house.signal(before, signal.SIGKILL)
        scene.begin(note_restart(scene, before))

    def expect(self) -> Expectation:
        """Three seconds of silence at most, no job lost."""
        return Expectation(signs=("restarted",), detect_within_s=10.0, outage_s=OUTAGE_S)


class ServerLoopBlocked(Fault):
    """The process lives and accepts connections; it never answers."""

    name = "server-loop-blocked"
    what = "The server's event loop never turns again, and no other thread of it runs."
    group = Group.SERVER

    async def inject(self, scene: Scene) -> None:
        """By a call into C that keeps Python's lock."""
        before = (await scene.house.processes()).server
        await scene.order(Act.BLOCK_LOOP)
        scene.orders.clear()  # it is over with the process
        scene.begin(note_restart(scene, before))

    def expect(self) -> Expectation:
        """The guardian notices; three seconds of silence at most."""
        return Expectation(signs=("restarted",), detect_within_s=10.0, outage_s=OUTAGE_S)


class _Ended(Fault):
    """Nothing of the service is left; the drill then starts it again, as systemd or a container would."""

    group = Group.SERVER
    needs_own_server = True

    async def inject(self, scene: Scene) -> None:
        """Ends it, checks that nothing is left, starts it again."""
        house = scene.own
        before = house.remember()
        began_s = time.monotonic()
        await self.end(scene, house)
        scene.signs["gone"] = time.monotonic()
        while left := {pid for pid in before if pid in house.alive()}:
            if time.monotonic() - began_s > self.may_take_s:
                scene.broken.append(f"{len(left)} processes were left after {self.may_take_s:.0f} s.")
                break
            await asyncio.sleep(_LOOK_S)
        house.sweep()
        house.start()

    may_take_s = _ORPHANS_WITHIN_S

    async def end(self, scene: Scene, house: PrivateServer) -> None:
        """How it ends."""
        raise NotImplementedError

    def expect(self) -> Expectation:
        """No job lost, no process left."""
        return Expectation(signs=("gone",), detect_within_s=10.0, outage_s=_STARTED_AGAIN_S)


class GuardianSigkill(_Ended):
    """What is orphaned must end: a server that nobody watches must not go on by itself."""

    name = "guardian-sigkill"
    what = "The guardian gets SIGKILL; server and workers must end, and the whole is started again."

    async def end(self, scene: Scene, house: PrivateServer) -> None:  # noqa: ARG002
        """Only the guardian."""
        guardian = (await house.processes()).guardian
        os.kill(guardian, signal.SIGKILL)
        await house.exited(5.0)


class TreeSigkill(_Ended):
    """As a power cut, but for the disk."""

    name = "tree-sigkill"
    what = "Guardian, server and workers get SIGKILL at once in the middle of a video, and are started again."

    async def end(self, scene: Scene, house: PrivateServer) -> None:
        """When a video has been begun."""
        job = await scene.traffic.submit_job()
        if job is None:
            raise NotHere("no video job was taken")
        until_s = time.monotonic() + 15.0
        while job.state == "queued" and time.monotonic() < until_s:
            await scene.traffic.look_at(job)
            await asyncio.sleep(_LOOK_S)
        for pid in house.remember():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await house.exited(5.0)


class SigtermUnderLoad(_Ended):
    """As every update does it."""

    name = "sigterm-under-load"
    what = "The service gets SIGTERM while requests run: it finishes them and ends; then it is started again."
    may_take_s = 30.0

    async def end(self, scene: Scene, house: PrivateServer) -> None:
        """And waits for it."""
        asked_at_s = time.monotonic()
        assert house.process is not None
        house.process.terminate()
        status = await house.exited(self.may_take_s)
        if status != 0:
            scene.broken.append(f"It ended with status {status} instead of 0.")
        cut = [
            one
            for one in scene.traffic.between(asked_at_s, time.monotonic())
            if one.answer.status == LOST and one.answer.sent_at_s < asked_at_s
        ]
        if cut:
            scene.broken.append(f"{len(cut)} requests were cut off.")


FAULTS: tuple[type[Fault], ...] = (
    ServerSigkill,
    ServerLoopBlocked,
    GuardianSigkill,
    SigtermUnderLoad,
    TreeSigkill,
)
