"""What one geometric swap costs: core-milliseconds of `render`, with the warp alone beside it.

    python benchmarks/geometric_swap.py [--models FOLDER]

Prints one table: faces of four widths from the two portraits of the extra `demo`, drawn as a picture and as
frames of a video (with memory), for 68 and 468 landmarks. CPU time of the thread, so that other work on the
machine does not count. For comparison: OpenCV alone warping the same face triangle by triangle, the usual
way.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from steadfast.faces.analyse import analyse
from steadfast.faces.coordinates import face_in_region
from steadfast.faces.embedded.engine import build as build_embedded
from steadfast.faces.face import Face
from steadfast.faces.geometric import GeometricSwapper
from steadfast.faces.geometric.mesh import mesh_of
from steadfast.faces.roles import Engine, SourcePhoto
from steadfast.faces.standard.engine import build as build_standard
from steadfast.inference.sessions import SessionCache
from steadfast.media.canvas import ArrayCanvas, BgrImage
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings, Settings
from steadfast.tasks.showcase import COLLINS, HOPPER, portrait

WIDTHS_PX = (50, 90, 130, 300)
REPEATS = 25


def load(path: Path, engine: Engine, width_px: float | None = None) -> tuple[BgrImage, Face]:
    """A portrait, its face scaled to a width, and the face."""
    image = np.asarray(cv2.imread(str(path)), dtype=np.uint8)
    if width_px is not None:
        scale = width_px / analyse(ArrayCanvas(image), engine)[0].box.width
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=method), dtype=np.uint8)
    faces = analyse(ArrayCanvas(image), engine)
    return image, max(faces, key=lambda face: face.box.width)


def core_ms(work: Callable[[], object]) -> float:
    """Median CPU time of this thread."""
    spent = []
    for _ in range(REPEATS):
        start = time.thread_time()
        work()
        spent.append(time.thread_time() - start)
    return float(np.median(spent)) * 1000


def warp_triangle_by_triangle(region: BgrImage, target: Face, photo: BgrImage, source: Face) -> BgrImage:
    """The usual sketch: one affine warp and one filled mask per triangle."""
    mesh, out = mesh_of(target.landmarks.topology), region.copy()
    there, here = mesh.widen(target.landmarks.points), mesh.widen(source.landmarks.points)
    for triangle in mesh.triangles:
        left, top, width, height = cv2.boundingRect(there[triangle])
        left, top = max(left, 0), max(top, 0)
        part = out[top : top + height, left : left + width]
        if part.size == 0:
            continue
        corners = (there[triangle] - (left, top)).astype(np.float32)
        affine = cv2.getAffineTransform(here[triangle].astype(np.float32), corners)
        warped = cv2.warpAffine(photo, affine, (part.shape[1], part.shape[0]))
        mask = np.zeros(part.shape[:2], dtype=np.uint8)
        cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), 1)
        np.copyto(part, warped, where=mask[..., None] != 0)
    return out


def measure(engine: Engine, width_px: int) -> tuple[float, float, float]:
    """Core-ms of a picture, of a frame, and of the sketch's warp."""
    photo, source_face = load(portrait(HOPPER), engine)
    image, face = load(portrait(COLLINS), engine, width_px)
    swapper = engine.swapper
    source = swapper.prepare([SourcePhoto(image=photo, face=source_face)])
    region = face.box.grown(swapper.margin).clipped(image.shape[1], image.shape[0])
    pixels, placed = ArrayCanvas(image).read(region), face_in_region(face, region)
    memory = swapper.remember()
    for _ in range(8):  # past the frames in which glasses are looked for
        swapper.render(pixels, placed, source, memory)
    return (
        core_ms(lambda: swapper.render(pixels, placed, source)),
        core_ms(lambda: swapper.render(pixels, placed, source, memory)),
        core_ms(lambda: warp_triangle_by_triangle(pixels, placed, photo, source_face)),
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", type=Path, help="folder with the standard engine's models")
    folder = parser.parse_args().models
    cv2.setNumThreads(1)
    settings = Settings().models if folder is None else ModelSettings(mirror=folder.resolve().as_uri())
    store, swapper = ModelStore(settings), GeometricSwapper()
    engines = (build_embedded(store, swapper), build_standard(store, SessionCache(), swapper))
    table = Table(
        "engine", "landmarks", "face, px", "picture, ms", "video frame, ms", "warp alone (sketch), ms"
    )
    for engine in engines:
        count = str(mesh_of(engine.landmarker.topology).landmark_count)
        for width_px in WIDTHS_PX:
            picture, frame, sketch = measure(replace(engine), width_px)
            table.add_row(
                engine.name.value, count, str(width_px), f"{picture:.1f}", f"{frame:.1f}", f"{sketch:.1f}"
            )
    Console().print(table)


if __name__ == "__main__":
    main()
