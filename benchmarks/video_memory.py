"""Peak memory of a long video swap beside a short one: streaming means that they are the same.

    python -m benchmarks.video_memory MEDIA MODELS [--quick]

MEDIA is a folder with book.mkv, MODELS one with the weights of the standard engine. A clip of one face at
1280 × 720 is swapped for 30 seconds and for 10 minutes (--quick: 5 and 30 seconds), each in a fresh process
that reports the peak of its own resident memory (VmHWM); it has no children. Bars: the long run needs at
most 1.1 times the short one, and less than 1 GiB.
"""

import argparse
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av

from benchmarks.clips import loop_clip

SIZE = (1280, 720)
LIMIT_MIB = 1024
LIMIT_RATIO = 1.1
_FPS = 30

_CHILD = """
import sys
from pathlib import Path

from steadfast.app import open_app
from steadfast.faces.roles import EngineName
from steadfast.media.encoders import VideoOptions
from steadfast.settings import ModelSettings, Settings
from steadfast.tasks.cast import CastRequest, read_cast
from steadfast.tasks.showcase import COLLINS, portrait
from steadfast.tasks.video_pipeline import VideoRequest
from steadfast.tasks.video_swap import swap_video

clip, output, models, folder, preset = sys.argv[1:]
app = open_app(Settings(models=ModelSettings(dir=Path(folder), mirror=(Path(models).as_uri(),))))
engine = app.open_engine(EngineName.STANDARD)
cast = read_cast(CastRequest(sources=(portrait(COLLINS),)), engine)
video = VideoOptions(codec="h264", quality=20, preset=preset)
report = swap_video(VideoRequest(target=Path(clip), output=Path(output), video=video), cast, engine)
status = Path("/proc/self/status").read_text()
peak_kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
print(report.frames, round(report.fps, 1), peak_kib)
"""


def repeat_clip(clip: Path, output: Path, times: int) -> Path:
    """The clip over and over, its packets copied: encoding ten minutes would take longer than the swap."""
    with av.open(output, "w") as writer:
        stream = None
        for turn in range(times):
            with av.open(clip) as reader:
                source = reader.streams.video[0]
                stream = stream or writer.add_stream_from_template(source, opaque=True)
                assert source.time_base is not None
                frames = source.frames
                shift = round(Fraction(turn * frames, _FPS) / source.time_base)
                for packet in reader.demux(source):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                    writer.mux(packet)
    return output


def peak_of(clip: Path, models: Path, folder: Path, preset: str) -> tuple[int, float, float]:
    """Frames, frames per second, and peak memory in MiB of a swap of this clip in a process of its own."""
    command = [sys.executable, "-c", _CHILD, clip, folder / "out.mp4", models, folder / "models", preset]
    said = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
    frames, fps, peak_kib = said.split()
    return int(frames), float(fps), int(peak_kib) / 1024


def main() -> int:
    """Prints one table; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("media", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("--quick", action="store_true", help="5 and 30 seconds instead of 30 and 600")
    parser.add_argument("--preset", default="medium", help="of libx264; faster ones need less memory")
    chosen = parser.parse_args()
    short_s, long_s = (5, 30) if chosen.quick else (30, 600)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        short = loop_clip(chosen.media / "book.mkv", folder / "short.mp4", seconds=short_s, size=SIZE)
        long = repeat_clip(short, folder / "long.mp4", long_s // short_s)
        print(f"{'length':>8} {'frames':>7} {'fps':>7} {'peak MiB':>9} {'ratio':>6}")
        peaks: list[float] = []
        for seconds, clip in ((short_s, short), (long_s, long)):
            frames, fps, peak_mib = peak_of(clip, chosen.models.resolve(), folder, chosen.preset)
            peaks.append(peak_mib)
            print(
                f"{seconds:>6} s {frames:>7} {fps:>7.1f} {peak_mib:>9.0f} {peak_mib / peaks[0]:>6.2f}",
                flush=True,
            )
    return 0 if peaks[1] < LIMIT_MIB and peaks[1] <= LIMIT_RATIO * peaks[0] else 1


if __name__ == "__main__":
    raise SystemExit(main())
