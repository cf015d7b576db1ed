"""A task that does, on request, everything that workers suffer in the wild. Imported by real workers only."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from steadfast.errors import InvalidModelOutput, ModelDamaged, NoFace, PinLost, SteadfastError
from steadfast.readings import Sampled
from steadfast.runtime import messages
from steadfast.task import CanaryVerdict, OperatingPoint, Progress, Request, Response, Rung, Task
from steadfast.task_steps import (
    Job,
    JobPlan,
    JoinDone,
    JoinOrder,
    PlannedSegment,
    SegmentDone,
    SegmentOrder,
    StepResult,
)


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What to do; `echo` unless told otherwise."""

    do: str = "echo"
    seconds: float = 0.0
    amount: int = 0
    flag: str = ""
    """A file: the act happens only while it is absent, and creates it, so it happens once."""
    look: str = ""
    """Afterwards it is looked at how good the answer is: `well`, `badly`, or once there is a file of that
    name."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen."""

    pid: int
    sizes: list[int]
    batch: int = 1
    level: int = 0
    text: str = ""


class Toil(msgspec.Struct, frozen=True, kw_only=True):
    """A job: the last input is copied in capitals, some bytes per segment; `do` happens in one of them."""

    per_segment: int = 4
    do: str = ""
    at: int = 0
    """Segment in which `do` happens, once if there is a `flag`."""
    flag: str = ""
    seconds: float = 0.0
    """Time that each byte takes."""
    pin: str = "as ever"


class FaultTask(Task[Act]):
    """Echoes, or dies."""

    request_type = Act
    job_type = Toil

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._hoard: list[bytearray] = []
        self._level = 0
        self._batch = 1
        self._loads = 0

    def operating_points(self) -> Sequence[OperatingPoint]:
        return (
            OperatingPoint(batch=8),
            OperatingPoint(rung=Rung.SMALLER_BATCH, batch=1),
            OperatingPoint(rung=Rung.SMALLER_SIDE, max_side_px=512, degraded=("smaller side",)),
        )

    def load(self, point: OperatingPoint) -> None:
        self._level = [p.rung for p in self.operating_points()].index(point.rung)
        self._hoard.clear()
        self._loads += 1
        if self._loads <= self.config.get("refuse_loads", 0):
            raise ModelDamaged("The first time it is damaged.", model="toy")
        _once(self.config.get("exit_at_load"), lambda: os._exit(3))
        if self.config.get("never_load"):
            os._exit(3)
        if (first := self.config.get("only_the_first_loads")) and not _claim(first):
            os._exit(3)
        _once(self.config.get("half_import_at_load"), _import_what_fails_half_way)
        if hold := self.config.get("hoard_mib_at_full"):
            self._hoard.append(bytearray(hold << 20) if self._level == 0 else bytearray())
        model = self.config.get("model_file")
        if model and Path(model).read_text(encoding="utf-8") != "whole":
            raise ModelDamaged("The model file is noise.", model="toy")
        for _ in range(self.config.get("threads", 0)):
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        time.sleep(self.config.get("load_s", 0.0))

    def run(self, request: Request[Act], progress: Progress) -> Response:
        act = request.fields
        if not act.flag or act.do == "look_around_at" or _claim(act.flag):
            text = getattr(self, f"_do_{act.do}")(act, request, progress)
        else:
            text = self._do_echo(act, request, progress)
        return self._response(request, text=text)

    def _response(self, request: Request[Act], *, text: str, batch: int = 1) -> Response:
        blobs = [b for b in request.blobs if isinstance(b, memoryview)]
        sizes = [b.stat().st_size if isinstance(b, Path) else len(b) for b in request.blobs]
        return Response(
            fields=Done(pid=os.getpid(), sizes=sizes, batch=batch, level=self._level, text=text),
            blobs=tuple(blobs),
            cost={"bytes": float(sum(sizes))},
            afterwards=(lambda: _look(request.fields.look)) if request.fields.look else None,
        )

    def run_batch(
        self, requests: Sequence[Request[Act]], progress: Progress
    ) -> Sequence[Response | SteadfastError]:
        for request in requests:
            if request.fields.do != "echo" and (not request.fields.flag or _claim(request.fields.flag)):
                getattr(self, f"_do_{request.fields.do}")(request.fields, request, progress)
        return [self._response(request, text="", batch=len(requests)) for request in requests]

    def canary(self) -> CanaryVerdict:
        if name := self.config.get("canary_flag"):
            text = Path(name).read_text(encoding="utf-8") if Path(name).exists() else ""
            if text == "hang":
                _hang()
            return CanaryVerdict(passed=text != "wrong", detail=text)
        return CanaryVerdict(passed=True)

    # --- jobs -------------------------------------------------------------------------------------------

    def plan(self, job: Job[Toil], progress: Progress) -> StepResult:
        size = job.inputs[-1].stat().st_size
        starts = range(0, max(size, 1), job.options.per_segment)
        segments = tuple(
            PlannedSegment(index=i, units=min(job.options.per_segment, size - at), brief=b"%d" % at)
            for i, at in enumerate(starts)
        )
        progress(1, 1)
        return StepResult(
            fields=JobPlan(
                segments=segments, pin={"engine": job.options.pin}, suffix=".txt", content_type="text/plain"
            )
        )

    def run_segment(self, job: Job[Toil], order: SegmentOrder, progress: Progress) -> StepResult:
        if order.pin != {"engine": self.config.get("pin", job.options.pin)}:
            raise PinLost("The engine it was begun with is gone.")
        toil, at, units = job.options, int(order.segment.brief), order.segment.units
        file = job.folder / "made"
        with file.open("wb") as out:
            for done in range(units):
                byte = job.inputs[-1].read_bytes()[at + done : at + done + 1]
                out.write(byte if order.untouched else byte.upper())
                time.sleep(toil.seconds)
                progress(done + 1, units)
        if toil.do and order.segment.index == toil.at and (not toil.flag or _claim(toil.flag)):
            act = Act(do=toil.do, seconds=60.0)
            getattr(self, f"_do_{toil.do}")(act, Request(fields=act), progress)
        note = b"%d" % order.segment.index
        return StepResult(
            fields=SegmentDone(units=units, note=note), file=file, cost={"frames": float(units)}
        )

    def join(self, job: Job[Toil], order: JoinOrder, parts: Sequence[Path], progress: Progress) -> StepResult:
        assert [int(note) for note in order.notes] == list(range(len(parts)))
        file = job.folder / "joined"
        file.write_bytes(b"".join(part.read_bytes() for part in parts))
        progress(1, 1)
        return StepResult(fields=JoinDone(units=file.stat().st_size), file=file)

    # --- acts -------------------------------------------------------------------------------------------

    def _do_tangle(self, act: Act, *_: Any) -> str:
        knot: list[Any] = [b"x" * (64 << 20)]
        knot.append(knot)
        return "left 64 MiB that refer to themselves"

    def _do_echo(self, act: Act, *_: Any) -> str:
        if act.seconds:
            time.sleep(act.seconds)
        return ""

    def _do_long_text(self, act: Act, *_: Any) -> str:
        return "x" * act.amount

    def _do_segfault(self, *_: Any) -> str:
        ctypes.string_at(0)
        return "unreachable"

    def _do_abort(self, *_: Any) -> str:
        ctypes.CDLL(None).abort()
        return "unreachable"

    def _do_kill_self(self, *_: Any) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return "unreachable"

    def _do_exit(self, act: Act, *_: Any) -> str:
        os.write(2, b"going away")
        os._exit(act.amount)

    def _do_hang(self, *_: Any) -> str:
        _hang()
        return "unreachable"

    def _do_units(self, act: Act, _request: Any, progress: Progress) -> str:
        """Works in units of 10 ms and reports each."""
        units = int(act.seconds / 0.01)
        for unit in range(units):
            time.sleep(0.01)
            progress(unit + 1, units)
        return "all units"

    def _do_leak(self, act: Act, *_: Any) -> str:
        self._hoard.append(bytearray(os.urandom(1 << 20) * (act.amount >> 20)))
        return ""

    def _do_memory_error(self, *_: Any) -> str:
        if self._level < 2:
            raise MemoryError
        return "fitted"

    def _do_cuda_oom(self, *_: Any) -> str:
        if self._level == 0:
            raise RuntimeError("CUDA failure 2: out of memory ; GPU=0 ; expr=cudaMalloc")
        return "fitted"

    def _do_cuda_oom_always(self, *_: Any) -> str:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def _do_allocate(self, act: Act, *_: Any) -> str:
        """Takes memory for real, less of it on each step of the ladder."""
        size = act.amount >> (3 * self._level)
        block = bytearray(size)
        block[::4096] = b"x" * len(block[::4096])
        time.sleep(act.seconds if self._level == 0 else 0.0)
        return "fitted"

    def _do_wrong(self, *_: Any) -> str:
        raise InvalidModelOutput("The output is NaN.")

    def _do_no_face(self, *_: Any) -> str:
        raise NoFace("There is no face.")

    def _do_bug(self, *_: Any) -> str:
        raise ZeroDivisionError("a bug")

    def _do_look_around(self, act: Act, *_: Any) -> str:
        """Tries what a hostile worker would; says what it got."""
        names = ("read", "write", "socket", "exec", "signal", "environ")
        return " ".join(f"{name}={_attempt(name, act)}" for name in names)

    _do_look_around_at = _do_look_around

    def _do_wrong_slice(self, act: Act, *_: Any) -> str:
        """Forges an answer that points outside the arena; `amount` is the number of this request."""
        place = messages.Slice(0, 1 << 40)
        fields = messages.raw(Done(pid=0, sizes=[]))
        answer = messages.Finished(act.amount, fields, None, [place], 1.0, {}, (), 0)
        os.write(_channel_fd(), messages.encode(answer))
        time.sleep(30)
        return ""

    def _do_noise(self, *_: Any) -> str:
        os.write(_channel_fd(), b"\xc1 this is no message")
        time.sleep(30)
        return ""

    def _do_leak_files(self, act: Act, *_: Any) -> str:
        """Keeps `amount` files open for ever, as whoever never closes one; they outlive the error, too."""
        for _number in range(act.amount):
            os.open(os.devnull, os.O_RDONLY)
        return ""

    def _do_threads(self, *_: Any) -> str:
        thread = threading.Thread(target=lambda: ctypes.string_at(0))
        thread.start()
        thread.join()
        return ""


def _channel_fd() -> int:
    return int(sys.argv[2])


def _hang() -> None:
    """Never returns and never lets go of the GIL: no thread of this process runs again."""
    while True:
        ctypes.PyDLL(None).sleep(1000)  # PyDLL keeps the GIL during the call, CDLL would not


def _claim(flag: str) -> bool:
    try:
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _look(how: str) -> Sampled:
    if how == "badly":
        raise ArithmeticError("It cannot be told.")
    while how != "well" and not Path(how).exists():
        time.sleep(0.005)
    return Sampled(engine="toy", readings={"identity": 0.5})


def _once(flag: str | None, act: Any) -> None:
    if flag and _claim(flag):
        act()


def _import_what_fails_half_way() -> None:
    raise ImportError("cannot import name 'half' from partially initialized module 'whole'")


def _attempt(name: str, act: Act) -> str:
    try:
        match name:
            case "read":
                Path(act.flag + ".secret").read_text(encoding="utf-8")
            case "write":
                Path(act.flag + ".planted").write_text("x", encoding="utf-8")
            case "socket":
                socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
            case "exec":
                subprocess.run(["/bin/true"], check=True)
            case "signal":
                os.kill(os.getppid(), 0)
            case "environ":
                return "leaked" if any("SECRET" in key for key in os.environ) else "clean"
    except OSError:
        return "refused"
    return "allowed"
