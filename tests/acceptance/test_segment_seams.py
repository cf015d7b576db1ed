"""Where a video was cut into segments, the faces of real clips move as they do everywhere else."""

from pathlib import Path
from statistics import mean
from typing import Any, cast

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.faces.real_pictures import FolderOfModels

from steadfast.faces.embedded.engine import build as build_embedded
from steadfast.faces.roles import Engine
from steadfast.faces.standard.engine import build as build_standard
from steadfast.faces.tracking import FaceTracker
from steadfast.inference.sessions import SessionCache
from steadfast.media.canvas import ArrayCanvas, BgrImage
from steadfast.media.frame_index import LEAD_IN_FRAMES
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings

SEGMENT_FRAMES = 20
Shape = tuple[NDArray[np.float32], float]


@pytest.fixture(scope="module")
def standard(shared_models: Path) -> Engine:
    return build_standard(FolderOfModels(shared_models), SessionCache(), cast(Any, None))


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    store = ModelStore(ModelSettings(dir=tmp_path_factory.mktemp("models"), auto_pull="never"))
    return build_embedded(store, cast(Any, None))


def frames_of(path: Path) -> list[BgrImage]:
    with av.open(str(path)) as container:
        return [np.asarray(f.to_ndarray(format="bgr24"), dtype=np.uint8) for f in container.decode(video=0)]


def follow(engine: Engine, frames: list[BgrImage], first: int, end: int) -> dict[int, Shape]:
    """The landmarks of the widest face and its width, by frame."""
    tracker, found = FaceTracker(engine), {}
    for number in range(first, end):
        faces = tracker.update(ArrayCanvas(frames[number]), number / 30)
        if faces:
            face = max(faces, key=lambda tracked: tracked.face.box.width).face
            found[number] = (face.landmarks.points.copy(), face.box.width)
    return found


def in_segments(engine: Engine, frames: list[BgrImage]) -> dict[int, Shape]:
    whole: dict[int, Shape] = {}
    for first in range(0, len(frames), SEGMENT_FRAMES):
        end = min(len(frames), first + SEGMENT_FRAMES)
        part = follow(engine, frames, max(0, first - LEAD_IN_FRAMES), end)
        whole.update({number: shape for number, shape in part.items() if number >= first})
    return whole


def jumps(shapes: dict[int, Shape]) -> dict[int, float]:
    """How far landmarks move into each frame, in widths of the face."""
    return {
        number: float(np.linalg.norm(points - shapes[number - 1][0], axis=1).mean()) / width
        for number, (points, width) in shapes.items()
        if number - 1 in shapes
    }


@pytest.mark.parametrize("clip", ["yes.mkv", "again.mkv", "book.mkv"])
@pytest.mark.parametrize("engine_name", ["standard", "embedded"])
def test_landmarks_jump_at_seams_no_more_than_elsewhere(
    clip: str, engine_name: str, shared_media: Path, request: pytest.FixtureRequest
) -> None:
    engine = request.getfixturevalue(engine_name)
    frames = frames_of(shared_media / clip)
    moved = jumps(in_segments(engine, frames))
    uncut = jumps(follow(engine, frames, 0, len(frames)))
    seams = [number for number in range(SEGMENT_FRAMES, len(frames), SEGMENT_FRAMES) if number in moved]
    assert seams
    at_seams = mean([moved[number] for number in seams])
    elsewhere = mean([jump for number, jump in moved.items() if number not in seams])
    # A head may just move fast there: what the uncut clip does in these frames is no seam.
    assert at_seams <= 1.5 * max(elsewhere, mean([uncut[number] for number in seams]))
