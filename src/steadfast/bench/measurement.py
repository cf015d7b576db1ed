"""One case measured in this process; run as a program, so that each case has memory of its own.

    python -m steadfast.bench.measurement '{"case": {…}, "settings": {…}, "target": "…", …}'

prints the figures as one line of JSON.
"""

import json
import resource
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from steadfast.app import open_app
from steadfast.bench.cases import BenchCase, BenchFigures
from steadfast.errors import SteadfastError
from steadfast.faces.roles import EngineName
from steadfast.inference.device_memory import probe_nvidia
from steadfast.media.canvas import Canvas
from steadfast.settings import Settings
from steadfast.tasks.cast import CastRequest, read_cast
from steadfast.tasks.frame_processing import FrameOutcome
from steadfast.tasks.frame_swap import FramePlan, FrameSwap
from steadfast.tasks.video_pipeline import VideoRequest, process_video


@dataclass(kw_only=True)
class _TimedSwap:
    """A frame swap that keeps the seconds of each step; each step runs in one thread of its own."""

    inner: FrameSwap
    analyse_s: list[float] = field(default_factory=list)
    swap_s: list[float] = field(default_factory=list)

    def analyse(self, canvas: Canvas, time_s: float) -> FramePlan:
        begun = time.perf_counter()
        plan = self.inner.analyse(canvas, time_s)
        self.analyse_s.append(time.perf_counter() - begun)
        return plan

    def swap(self, canvas: Canvas, analysis: FramePlan) -> FrameOutcome:
        begun = time.perf_counter()
        outcome = self.inner.swap(canvas, analysis)
        self.swap_s.append(time.perf_counter() - begun)
        return outcome


class _Untouched:
    """Changes nothing: what is left is decoding and encoding."""

    def analyse(self, canvas: Canvas, time_s: float) -> None:
        pass

    def swap(self, canvas: Canvas, analysis: None) -> FrameOutcome:  # noqa: ARG002
        return FrameOutcome(faces_found=0, faces_swapped=0)


def measure(case: BenchCase, settings: Settings, target: Path, source: Path) -> BenchFigures:
    """Swaps the target once with the case's engine, provider and threads.

    Raises EngineUnavailable where they cannot work, and what a swap raises.
    """
    before = probe_nvidia()
    begun = time.perf_counter()
    app = open_app(_settings_of(case, settings))
    engine = app.open_engine(EngineName(case.engine))
    cast = read_cast(CastRequest(sources=(source,)), engine, app.limits)
    load_s = time.perf_counter() - begun
    timed = _TimedSwap(inner=FrameSwap(engine, cast))
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "out.mp4"
        report = process_video(VideoRequest(target=target, output=output, needs_a_face=True), timed)
        after = probe_nvidia()
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        plain = process_video(VideoRequest(target=target, output=output), _Untouched())
    return BenchFigures(
        frames=report.frames,
        fps=report.fps,
        analyse_ms=_mean_ms(timed.analyse_s),
        swap_ms=_mean_ms(timed.swap_s),
        transcode_ms=1e3 * plain.seconds / plain.frames,
        load_s=load_s,
        peak_memory_mb=peak_mb,
        device_memory_mb=(after.used_bytes - before.used_bytes) / 2**20 if before and after else None,
    )


def _settings_of(case: BenchCase, settings: Settings) -> Settings:
    if case.engine == "embedded":
        return settings
    inference = settings.inference.model_copy(update={"providers": (case.provider,), "threads": case.threads})
    return settings.model_copy(update={"inference": inference})


def _mean_ms(seconds: list[float]) -> float:
    return 1e3 * sum(seconds) / max(1, len(seconds))


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """The figures or the declared error of what was asked, as plain data."""
    try:
        figures = measure(
            BenchCase.from_dict(asked["case"]),
            Settings.model_validate(asked["settings"]),
            Path(asked["target"]),
            Path(asked["source"]),
        )
    except SteadfastError as error:
        return {"error": error.as_dict()}
    return {"figures": asdict(figures)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))) + "\n")
