"""What the demo and the built-in benchmark swap: two public-domain portraits and a clip made from one.

The portraits come with ordinary libraries (the extra `demo`), so that nothing but packages is downloaded:
Eileen Collins (NASA) with scikit-image, Grace Hopper (US Navy) with matplotlib. Only their files are used;
neither library is imported.
"""

from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av
import av.audio
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from steadfast.errors import InputMissing
from steadfast.media.canvas import BgrImage

COLLINS = ("skimage", "data/astronaut.png")
HOPPER = ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")

_AUDIO_HZ = 48_000
_BEEP_HZ = 440.0
_BEEP_S = 0.25


def portrait(of: tuple[str, str]) -> Path:
    """The file of a portrait, `COLLINS` or `HOPPER`; InputMissing if its library is not installed."""
    package, inside = of
    spec = find_spec(package)
    if spec is not None and spec.submodule_search_locations:
        file = Path(spec.submodule_search_locations[0]) / inside
        if file.is_file():
            return file
    raise InputMissing(
        f"The portrait that comes with the package {package} is not installed.",
        remedy="Install the extra that brings it: pip install 'steadfast[demo]'.",
    )


def render_clip(
    picture: BgrImage,
    output: Path,
    *,
    seconds: float = 6.0,
    size: tuple[int, int] = (640, 480),
    fps: int = 30,
) -> None:
    """Writes an H.264/AAC clip of a slow zoom and turn over the picture, with a beep every second.

    `picture` is BGR, of any size; `size` is (width, height) in pixels. The same call always renders the same
    frames. It writes to `output` directly: the caller chooses a place of its own.
    """
    frames = round(seconds * fps)
    with av.open(str(output), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"crf": "18", "preset": "veryfast"})
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=_AUDIO_HZ, layout="mono")
        for index in range(frames):
            moved = _camera_move(picture, index / max(1, frames - 1), size)
            frame = VideoFrame.from_ndarray(moved, format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = _beeps(seconds)
        step = 1024
        for start in range(0, len(samples), step):
            block = av.audio.AudioFrame.from_ndarray(samples[None, start : start + step], "fltp", "mono")
            block.sample_rate, block.pts, block.time_base = _AUDIO_HZ, start, Fraction(1, _AUDIO_HZ)
            container.mux(audio.encode(block))
        container.mux(audio.encode(None))


def _camera_move(picture: BgrImage, progress: float, size: tuple[int, int]) -> BgrImage:
    """The picture as seen at `progress` (0 to 1) of the move: closer, swaying, and turned like a card."""
    width, height = size
    source_h, source_w = picture.shape[:2]
    zoom = (height / source_h) * (1.45 + 0.65 * progress)
    sway = np.sin(2 * np.pi * progress)
    turn, tilt = np.deg2rad(22.0 * sway), np.deg2rad(6.0 * sway)
    focal = 2.2 * source_h
    # A plane that turns about its vertical axis through the upper third, where a portrait has its face.
    pivot = np.array([source_w * 0.45, source_h * 0.30])
    corners = np.array([[0, 0], [source_w, 0], [source_w, source_h], [0, source_h]], dtype=np.float64) - pivot
    roll = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    flat = corners @ roll.T
    depth = focal + flat[:, 0] * np.sin(turn)
    seen = np.column_stack([flat[:, 0] * np.cos(turn), flat[:, 1]]) * (focal / depth)[:, None]
    placed = seen * zoom + np.array([width * 0.5, height * 0.47])
    matrix = cv2.getPerspectiveTransform((corners + pivot).astype(np.float32), placed.astype(np.float32))
    moved = cv2.warpPerspective(
        picture,
        matrix,
        size,
        flags=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(moved, dtype=np.uint8)


def _beeps(seconds: float) -> NDArray[np.float32]:
    """Mono samples at 48 kHz: a quarter of a second of 440 Hz at each full second."""
    time_s = np.arange(round(seconds * _AUDIO_HZ)) / _AUDIO_HZ
    within = time_s % 1.0
    envelope = np.where(within < _BEEP_S, np.sin(np.pi * within / _BEEP_S), 0.0)
    return np.asarray(0.3 * envelope * np.sin(2 * np.pi * _BEEP_HZ * time_s), dtype=np.float32)
