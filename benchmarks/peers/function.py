"""The function that every server of the comparison serves, and the faults that a marked picture plants in it.

The function is this package's own face swap on the embedded engine; the source is the portrait that ships
with it, the target is what comes. A mark is JSON behind the last byte of a picture, where no decoder
reads, so a marked picture is swapped for real unless the mark ends it. This is the only place where the
comparison breaks anything from inside: the same code runs in all servers, ours included.
"""

import ctypes
import json
import os
import resource
import time
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from steadfast.task import OperatingPoint, Request, Response
from steadfast.tasks.face_messages import FaceJob, FaceRequest
from steadfast.tasks.face_task import FaceTask

MARK = b"\nsteadfast-peers-mark:"
HUNGER_BYTES = 2 << 30
"""What the hungry picture asks for at once, …"""
ROOM_BYTES = 1 << 30
"""… and what its process is left by RLIMIT_AS beyond what it has."""

_hoard: list[bytearray] = []


def portrait() -> bytes:
    """The public-domain portrait that ships with the package, a JPEG."""
    return resources.files("steadfast.tasks").joinpath("canary_face.jpg").read_bytes()


def marked(picture: bytes, do: str, **more: object) -> bytes:
    """The same picture with a fault behind its last byte; `more` makes it another input than the last one."""
    return picture + MARK + json.dumps({"do": do, **more}).encode()


class SwapFunction:
    """The swap as a plain call, bytes in and bytes out; not to be called by two threads at once."""

    def __init__(self) -> None:
        self._task = FaceTask({"faces": {"engine": "embedded"}, "inference": {"threads": 1}})
        self._task.load(OperatingPoint())
        self._source = portrait()

    def __call__(self, target: bytes) -> bytes:
        """The swapped picture as a JPEG."""
        suffer(target)
        blobs = (memoryview(self._source), memoryview(target))
        fields = FaceRequest(job=FaceJob.SWAP, sources=1, measure=False)
        return bytes(self._task.run(Request(fields=fields, blobs=blobs), _unheard).blobs[0])


class SufferingFaceTask(FaceTask):
    """The same behind Steadfast's own route, by `runtime.face_task`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._step = 0

    def load(self, point: OperatingPoint) -> None:
        """Remembers how far down the ladder it stands: a smaller step asks for less memory."""
        self._step = [known.rung for known in self.operating_points()].index(point.rung)
        super().load(point)

    def run(self, request: Request[FaceRequest], progress: Any) -> Response:
        """Suffers what the target says, then swaps."""
        target = request.blobs[-1]
        suffer(target.read_bytes() if isinstance(target, Path) else bytes(target), step=self._step)
        return super().run(request, progress)


def suffer(picture: bytes, *, step: int = 0) -> None:
    """Does what the mark of a picture says; nothing where it has none."""
    _, _, mark = picture.rpartition(MARK)
    if len(mark) == len(picture):
        return
    act = json.loads(mark)
    match act["do"]:
        case "segfault":
            ctypes.string_at(0)
        case "hang":
            while True:
                ctypes.PyDLL(None).sleep(1000)  # PyDLL keeps the interpreter's lock during the call
        case "sleep":
            time.sleep(3600)
        case "leak":
            _hoard.append(bytearray(os.urandom(1 << 20) * act["mib"]))
        case "hunger":
            _allocate_beyond_the_limit(HUNGER_BYTES >> (3 * step))


def _allocate_beyond_the_limit(size: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM_BYTES, before[1]))
    try:
        block = bytearray(size)
        block[::4096] = b"x" * len(block[::4096])
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _unheard(done: int, total: int | None = None) -> None:
    """Nobody listens to the progress of a plain call."""
