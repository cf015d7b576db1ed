"""What finding and following faces costs, on one core, and how steady the landmarks are.

    python -m benchmarks.face_analysis MEDIA MODELS [--rounds N]

MEDIA is a folder with yes.mkv, again.mkv and book.mkv, MODELS one with the weights of the standard engine.
Times are CPU milliseconds of the process with one thread per model and one for OpenCV; the median and the
least of all rounds. Bars: analysis of a photo of 1 megapixel with `standard` within 35 ms; per followed frame
no more than 1 ms beside FaceMesh; a face in at least 98 % of the frames in which the detector finds one.

Jitter is the root mean square of the landmarks' second difference over √6, which for white noise is its
standard deviation; `raw` is the landmarker alone, fed with its own last answer.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, cast

import av
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from steadfast.faces.analyse import analyse, describe
from steadfast.faces.embedded.engine import build as build_embedded
from steadfast.faces.face import Landmarks, Points
from steadfast.faces.roles import Engine
from steadfast.faces.standard.engine import build as build_standard
from steadfast.faces.tracking import FaceTracker
from steadfast.inference.sessions import SessionCache
from steadfast.media.canvas import ArrayCanvas, BgrImage
from steadfast.media.planes import PlaneCanvas
from steadfast.models.store import ModelStore
from steadfast.settings import InferenceSettings, ModelSettings
from steadfast.tasks.showcase import HOPPER, portrait

CLIPS = ("yes.mkv", "again.mkv", "book.mkv")


@dataclass(frozen=True, kw_only=True)
class Times:
    """CPU milliseconds of one thing, round by round."""

    name: str
    rounds_ms: tuple[float, ...]

    @property
    def cells(self) -> tuple[str, str, str]:
        """Of the table."""
        return self.name, f"{median(self.rounds_ms):.1f}", f"{min(self.rounds_ms):.1f}"


def measure(name: str, work: Callable[[], object], rounds: int) -> Times:
    """The work once to warm up, then timed."""
    work()
    spent: list[float] = []
    for _ in range(rounds):
        start_s = time.process_time()
        work()
        spent.append((time.process_time() - start_s) * 1000)
    return Times(name=name, rounds_ms=tuple(spent))


def open_engines(models: Path) -> list[Engine]:
    """Both engines, without swappers."""
    store = ModelStore(ModelSettings(mirror=(models.resolve().as_uri(),)))
    sessions, swapper = SessionCache(InferenceSettings(threads=1)), cast(Any, None)
    return [build_standard(store, sessions, swapper), build_embedded(store, swapper)]


def photo_times(engine: Engine, rounds: int) -> list[Times]:
    """Of a portrait of 1 megapixel, whole and in parts."""
    image = cv2.imread(str(portrait(HOPPER)))
    assert image is not None
    photo = np.asarray(cv2.resize(image, (924, 1083), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    canvas = ArrayCanvas(photo)
    small, _ = canvas.thumbnail(640)
    (face,) = analyse(canvas, engine)
    (found,) = engine.detector.detect(photo)
    name = engine.name.value
    return [
        measure(f"{name}: photo of 1 MP, analysed", lambda: analyse(canvas, engine), rounds),
        measure(f"{name}:   detector at 640 px", lambda: engine.detector.detect(small), rounds),
        measure(f"{name}:   landmarker", lambda: engine.landmarker.locate(photo, face.landmarks), rounds),
        measure(f"{name}:   identity", lambda: engine.identity.embed(photo, face.points5), rounds),
        measure(
            f"{name}:   one face without identity",
            lambda: describe(canvas, engine, found, with_embedding=False),
            rounds,
        ),
    ]


def clip_row(engine: Engine, path: Path) -> tuple[str, ...]:
    """One clip followed: share of frames, milliseconds per frame, jitter in pixels."""
    tracker = FaceTracker(engine)
    spent_ms: list[float] = []
    followed: list[Points] = []
    raw: list[Points] = []
    before: Landmarks | None = None
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            canvas, image = PlaneCanvas(frame), np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
            start_s = time.process_time()
            faces = tracker.update(canvas, float(frame.time or 0))
            spent_ms.append((time.process_time() - start_s) * 1000)
            followed += [tracked.face.landmarks.points for tracked in faces[:1]]
            before = raw_step(engine, image, before)
            raw += [before.points] if before else []
    share = len(followed) / len(spent_ms)
    cells = (f"{share:.1%}", f"{np.mean(spent_ms):.1f}", f"{median(spent_ms):.1f}")
    return (f"{engine.name.value} {path.name}", *cells, f"{jitter_px(raw):.2f}", f"{jitter_px(followed):.2f}")


def raw_step(engine: Engine, image: BgrImage, before: Landmarks | None) -> Landmarks | None:
    """The landmarker alone, frame by frame."""
    found = engine.landmarker.locate(image, before) if before else None
    if found is None:
        detections = engine.detector.detect(image)
        found = engine.landmarker.locate(image, detections[0]) if detections else None
    return found


def jitter_px(sequence: list[Points]) -> float:
    """See the top."""
    return float(np.sqrt((np.diff(np.array(sequence), 2, axis=0) ** 2).sum(axis=2).mean() / 6))


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("media", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    times = Table("CPU ms on one core", "median", "least")
    clips = Table("clip", "followed", "mean ms", "median ms", "raw jitter px", "jitter px")
    for engine in open_engines(chosen.models):
        for row in photo_times(engine, chosen.rounds):
            times.add_row(*row.cells)
        for clip in CLIPS:
            clips.add_row(*clip_row(engine, chosen.media / clip))
    console = Console()
    console.print(times)
    console.print(clips)


if __name__ == "__main__":
    main()
