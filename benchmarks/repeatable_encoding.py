"""Whether an encoder makes the same bytes of the same frames every time; prints how often it did not.

    python -m benchmarks.repeatable_encoding [--runs 120] [--size 160x128] [--threads 2]

Compared are x264 (medium, CRF 20) as it is, and with the instructions or the feature left out that make it
differ. Each run encodes the same 40 frames from a fresh encoder.
"""

import argparse
import hashlib
import tempfile
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_FRAMES = 40
VARIANTS = {
    "as it is": {},
    "asm=AVX2": {"x264-params": "asm=AVX2"},
    "asm=0": {"x264-params": "asm=0"},
    "mbtree=0": {"mbtree": "0"},
}


def frames_of(width: int, height: int) -> list[VideoFrame]:
    """A bar that moves over a shaded ground."""
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    made = []
    for number in range(_FRAMES):
        pixels = np.stack([60 + across % 64, 80 + down % 64, np.full_like(across, 100)], axis=-1)
        pixels[:, number * 3 % width : number * 3 % width + 8] = 230
        frame = VideoFrame.from_ndarray(pixels.astype(np.uint8), format="bgr24").reformat(format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        made.append(frame)
    return made


def encode(frames: list[VideoFrame], options: dict[str, str], threads: int, folder: Path) -> str:
    """Digest of the packets."""
    with av.open(folder / "unused.mp4", "w") as container:
        chosen = {"crf": "20", "preset": "medium", **options}
        stream = container.add_stream("libx264", rate=25, options=chosen, time_base=Fraction(1, 25))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = frames[0].width, frames[0].height
        context = stream.codec_context
        context.thread_count, context.thread_type = threads, "AUTO"
        context.open()
        packets = [packet for frame in (*frames, None) for packet in context.encode(frame)]
        return hashlib.sha256(b"".join(map(bytes, packets))).hexdigest()


def main() -> None:
    """Prints one line per variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=120)
    parser.add_argument("--size", default="160x128")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    width, _, height = asked.size.partition("x")
    frames = frames_of(int(width), int(height))
    with tempfile.TemporaryDirectory() as folder:
        for label, options in VARIANTS.items():
            seen = Counter(encode(frames, options, asked.threads, Path(folder)) for _ in range(asked.runs))
            usual = seen.most_common(1)[0][1]
            print(f"{label:12}{asked.runs - usual:5} of {asked.runs} differ from the most usual result")


if __name__ == "__main__":
    main()
