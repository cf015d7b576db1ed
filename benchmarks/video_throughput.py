"""Frames per second of a video swap beside plain decoding and encoding, measured in turns in one run.

    python -m benchmarks.video_throughput MEDIA MODELS [--quick]

MEDIA is a folder with book.mkv, MODELS one with the weights of the standard engine. Compared are

    (a) PyAV alone: decode and encode, in one loop, with the encoder's own threads
    (n) the pipeline with a step that changes nothing: what the pipeline itself costs
    (b) the swap with the engine `standard`
    (c) the swap with the engine `embedded`

on a clip of one face, looped to 30 s, at 640 × 480 and 1280 × 720, libx264 CRF 20. Bars, with the preset
medium on two cores: (b) ≥ 0.5 × (a) and (c) ≥ 0.25 × (a). Rounds are interleaved, medians are reported; the
clock is the wall's, and the CPU seconds of the whole process stand beside it.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import av
from av.video.frame import PictureType
from av.video.stream import VideoStream

from benchmarks.clips import loop_clip
from steadfast.app import open_app
from steadfast.faces.roles import Engine, EngineName
from steadfast.media.canvas import Canvas
from steadfast.media.encoders import VideoOptions
from steadfast.settings import ModelSettings, Settings
from steadfast.tasks.cast import CastRequest, read_cast
from steadfast.tasks.frame_processing import FrameOutcome
from steadfast.tasks.showcase import COLLINS, portrait
from steadfast.tasks.video_pipeline import VideoRequest, process_video
from steadfast.tasks.video_swap import swap_video

SIZES = ((640, 480), (1280, 720))
BARS = {"b standard": 0.5, "c embedded": 0.25}


@dataclass(kw_only=True)
class Samples:
    """What one variant needed, round by round."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


class Untouched:
    """A processor that changes nothing."""

    def analyse(self, canvas: Canvas, time_s: float) -> None:
        """Nothing."""

    def swap(self, canvas: Canvas, analysis: None) -> FrameOutcome:  # noqa: ARG002
        """Nothing."""
        return FrameOutcome(faces_found=0, faces_swapped=0)


def transcode(source: Path, output: Path, preset: str) -> None:
    """Variant (a)."""
    with av.open(source) as reader, av.open(output, "w") as writer:
        template = reader.streams.video[0]
        stream = writer.add_stream(
            "libx264", rate=template.average_rate, options={"crf": "20", "preset": preset}
        )
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = template.codec_context.width, template.codec_context.height
        context.pix_fmt = template.codec_context.pix_fmt
        context.thread_type = "AUTO"  # whole frames in parallel, as FFmpeg's own program does
        for frame in reader.decode(template):
            frame.pict_type = PictureType.NONE  # as FFmpeg's own program does
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode(None))


def variants(engines: dict[str, Engine], folder: Path, preset: str) -> dict[str, Callable[[Path], None]]:
    """Each variant as a function of the clip."""
    options = VideoOptions(codec="h264", quality=20, preset=preset)

    def request(source: Path) -> VideoRequest:
        return VideoRequest(target=source, output=folder / "out.mp4", video=options)

    def swap(engine: Engine) -> Callable[[Path], None]:
        cast = read_cast(CastRequest(sources=(portrait(COLLINS),)), engine)

        def run(source: Path) -> None:
            report = swap_video(request(source), cast, engine)
            assert report.frames_swapped >= 0.98 * report.frames, report.as_dict()

        return run

    made: dict[str, Callable[[Path], None]] = {
        "a PyAV alone": lambda source: transcode(source, folder / "out.mp4", preset),
        "n pipeline, no swap": lambda source: void(process_video(request(source), Untouched())),
    }
    return made | {name: swap(engine) for name, engine in engines.items()}


def void(_: object) -> None:
    """For a lambda that must answer nothing."""


def measure(runs: dict[str, Callable[[Path], None]], source: Path, rounds: int) -> dict[str, Samples]:
    """Every variant `rounds` times, in turns, after one that is not counted."""
    samples = {name: Samples() for name in runs}
    for number in range(rounds):
        for name, run in runs.items():
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            run(source)
            samples[name].wall_s.append(time.perf_counter() - wall_s)
            samples[name].cpu_s.append(time.process_time() - cpu_s)
        print(f"    round {number + 1} of {rounds}", flush=True)
    return samples


def main() -> int:
    """Prints one table; 1 where a bar of the preset medium is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("media", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("--quick", action="store_true", help="5 seconds, 1 round, no veryfast")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--presets", nargs="+", default=["medium", "veryfast"])
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.seconds, chosen.rounds, chosen.presets = 5.0, 1, ["medium"]
    missed = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        settings = Settings(
            models=ModelSettings(dir=folder / "models", mirror=(chosen.models.resolve().as_uri(),))
        )
        app = open_app(settings)
        engines = {
            "b standard": app.open_engine(EngineName.STANDARD),
            "c embedded": app.open_engine(EngineName.EMBEDDED),
        }
        rows = []
        for size in SIZES:
            clip = loop_clip(
                chosen.media / "book.mkv", folder / f"{size[1]}.mp4", seconds=chosen.seconds, size=size
            )
            frames = round(chosen.seconds * 30)
            for preset in chosen.presets:
                print(f"{size[0]} × {size[1]}, {preset}", flush=True)
                samples = measure(variants(engines, folder, preset), clip, chosen.rounds)
                rows += table(samples, frames, size, preset)
                missed += misses(samples) if preset == "medium" else 0
        print("\n".join(["", HEAD, *rows]))
    return 1 if missed else 0


HEAD = f"{'size':>10} {'preset':>9}  {'variant':<20} {'fps':>7} {'of (a)':>7} {'wall ms':>8} {'CPU ms':>7}"


def table(samples: dict[str, Samples], frames: int, size: tuple[int, int], preset: str) -> list[str]:
    """One line per variant; milliseconds are per frame."""
    base_s = median(samples["a PyAV alone"].wall_s)
    return [
        f"{size[0]:>5}×{size[1]:<4} {preset:>9}  {name:<20} {frames / median(s.wall_s):>7.1f}"
        f" {base_s / median(s.wall_s):>7.2f} {median(s.wall_s) / frames * 1e3:>8.2f}"
        f" {median(s.cpu_s) / frames * 1e3:>7.2f}"
        for name, s in samples.items()
    ]


def misses(samples: dict[str, Samples]) -> int:
    """How many bars are missed."""
    base_s = median(samples["a PyAV alone"].wall_s)
    return sum(base_s / median(samples[name].wall_s) < bar for name, bar in BARS.items())


if __name__ == "__main__":
    raise SystemExit(main())
