"""The faces task of tests: the last picture of a request is JSON that says what to do. Workers import it."""

import ctypes
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from steadfast.errors import InvalidModelOutput, NoFace
from steadfast.readings import Sampled
from steadfast.task import CanaryVerdict, OperatingPoint, Progress, Request, Response, Rung, Task
from steadfast.tasks.face_messages import FaceAnswer, FaceRequest


def act(do: str = "echo", **more: Any) -> bytes:
    """A picture that has its worker do something."""
    return json.dumps({"do": do, **more}).encode()


READINGS = {
    "identity": 0.9,
    "flicker": 1.1,
    "psnr_outside": 28.0,
    "ssim_outside": 0.98,
    "mask_overlap": 0.95,
    "face_distance": 12.0,
}
"""What it says of results that are sampled."""


class FaultyFaces(Task[FaceRequest]):
    """Echoes what it was told, or suffers."""

    request_type = FaceRequest

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._level = Rung.FULL
        self._hoard: list[bytearray] = []

    def operating_points(self) -> tuple[OperatingPoint, ...]:
        smaller = OperatingPoint(rung=Rung.SMALLER_SIDE, max_side_px=512, degraded=("smaller side",))
        return OperatingPoint(), smaller

    def load(self, point: OperatingPoint) -> None:
        self._level = point.rung

    def canary(self) -> CanaryVerdict:
        return CanaryVerdict(passed=True)

    def run(self, request: Request[FaceRequest], progress: Progress) -> Response:
        blob = request.blobs[-1]
        wanted = json.loads(blob.read_bytes() if isinstance(blob, Path) else bytes(blob))
        getattr(self, f"_do_{wanted['do']}")(wanted, progress)
        sizes = [b.stat().st_size if isinstance(b, Path) else len(b) for b in request.blobs]
        said = {"pid": os.getpid(), "sizes": sizes, "level": self._level.value}
        answer = FaceAnswer(
            engine=wanted.get("engine", "faulty"),
            models=("none",),
            format="png",
            faces_found=2,
            faces_swapped=1,
            identity=0.5,
        )
        sampled = Sampled(engine=answer.engine, readings=dict(READINGS))
        return Response(
            fields=answer,
            blobs=(msgspec.json.encode(said),),
            cost={"bytes": float(sum(sizes))},
            afterwards=(lambda: sampled) if request.fields.sample else None,
        )

    def _do_echo(self, wanted: dict[str, Any], progress: Progress) -> None:
        if seconds := wanted.get("seconds"):
            time.sleep(seconds)

    def _do_work(self, wanted: dict[str, Any], progress: Progress) -> None:
        """Burns a core, in units of a hundredth of a second."""
        until_s = time.perf_counter() + wanted["seconds"]
        while time.perf_counter() < until_s:
            unit_s = time.perf_counter() + 0.01
            while time.perf_counter() < min(unit_s, until_s):
                pass
            progress(1)

    def _do_segfault(self, wanted: dict[str, Any], progress: Progress) -> None:
        ctypes.string_at(0)

    def _do_hang(self, wanted: dict[str, Any], progress: Progress) -> None:
        """Never returns and never lets go of the GIL."""
        while True:
            ctypes.PyDLL(None).sleep(1000)  # PyDLL keeps the GIL during the call, CDLL would not

    def _do_no_face(self, wanted: dict[str, Any], progress: Progress) -> None:
        raise NoFace("No face was found in the target.")

    def _do_bug(self, wanted: dict[str, Any], progress: Progress) -> None:
        raise ZeroDivisionError("a bug")

    def _do_quote(self, wanted: dict[str, Any], progress: Progress) -> None:
        """Tells everybody what it was given, as careless libraries do, and fails with it."""
        for stream in (sys.stdout, sys.stderr):
            stream.write(f"error: cannot read {wanted['what']}\n")
            stream.flush()
        logging.getLogger("somebody").warning("cannot read %s", wanted["what"])
        logging.getLogger("steadfast.tests").error("cannot read %s", wanted["what"], extra=wanted)
        if wanted.get("dies"):
            os.abort()
        raise ValueError(wanted["what"])

    def _do_nan(self, wanted: dict[str, Any], progress: Progress) -> None:
        raise InvalidModelOutput("The model answered NaN.")

    def _do_memory(self, wanted: dict[str, Any], progress: Progress) -> None:
        if self._level is Rung.FULL:
            raise MemoryError

    def _do_hoard(self, wanted: dict[str, Any], progress: Progress) -> None:
        """Really asks for memory, which a limit refuses; at a smaller step it asks for less."""
        share = wanted["mib"] if self._level is Rung.FULL else wanted["mib"] // 8
        held = bytearray(share << 20)
        held[::4096] = b"x" * len(held[::4096])

    def _do_leak(self, wanted: dict[str, Any], progress: Progress) -> None:
        self._hoard.append(bytearray(os.urandom(1 << 20) * wanted["mib"]))
