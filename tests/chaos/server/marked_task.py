"""The real faces task, and the faults that marked pictures plant in it. Imported by workers only.

A mark is JSON behind the last byte of a picture, which no decoder reads: so a marked picture is a real one,
with a fingerprint of its own, and what survives the fault is swapped for real.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.chaos.server.marks import MARK

from steadfast.drill.hooks.acts import fall_in_native_code, hang_with_the_gil
from steadfast.task import CanaryVerdict, OperatingPoint, Progress, Request, Response
from steadfast.tasks.face_messages import FaceRequest
from steadfast.tasks.face_task import FaceTask


class MarkedFaceTask(FaceTask):
    """Swaps faces; does harm where a mark says so."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._hoard: list[bytearray] = []
        self._step = 0

    def load(self, point: OperatingPoint) -> None:
        self._step = [known.rung for known in self.operating_points()].index(point.rung)
        super().load(point)

    def run(self, request: Request[FaceRequest], progress: Progress) -> Response:
        last = request.blobs[-1]
        content = last.read_bytes() if isinstance(last, Path) else bytes(last)
        _, _, mark = content.rpartition(MARK)
        if len(mark) < len(content):
            self._harm(json.loads(mark))
        return super().run(request, progress)

    def canary(self) -> CanaryVerdict:
        return super().canary()

    def _harm(self, act: dict[str, Any]) -> None:
        match act["do"]:
            case "segfault":
                fall_in_native_code()
            case "hang":
                hang_with_the_gil()
            case "sleep":
                time.sleep(3600)
            case "work":
                time.sleep(act["seconds"])
            case "leak":
                self._hoard.append(bytearray(os.urandom(1 << 20) * act["mib"]))
            case "allocate":
                self._allocate(act["mib"] << 20)

    def _allocate(self, size: int) -> None:
        """Takes memory for real, an eighth of it on each step of the ladder."""
        block = bytearray(size >> (3 * self._step))
        block[::4096] = b"x" * len(block[::4096])
