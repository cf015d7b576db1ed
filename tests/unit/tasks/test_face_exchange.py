"""One face is exchanged where it is, and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from steadfast.errors import EngineUnavailable
from steadfast.faces.face import Box, Embedding, EmbeddingSpace, Face, Landmarks, Pose, Topology
from steadfast.faces.roles import Engine, EngineName, Patch, SourceIdentity, SourcePhoto, SwapMemory
from steadfast.media.canvas import ArrayCanvas, BgrImage
from steadfast.tasks.face_exchange import enhancer_of, exchange_face

POINTS = np.array([[44, 44], [56, 44], [50, 50], [46, 56], [54, 56]], dtype=np.float32)
FACE = Face(
    box=Box(left=40, top=40, right=60, bottom=60),
    score=1.0,
    landmarks=Landmarks(topology=Topology.FIVE, points=POINTS, depth=None, presence=1.0),
    points5=POINTS,
    pose=Pose(yaw_deg=0, pitch_deg=0, roll_deg=0),
    embedding=None,
    sharpness=100.0,
)
SOURCE = SourceIdentity(
    embedding=Embedding(space=EmbeddingSpace.MOBILEFACENET, vector=np.ones(128, dtype=np.float32)),
    photos_used=1,
)


@dataclass
class DotSwapper:
    """Paints the nose white and remembers the face it was shown."""

    is_generative: bool = False
    margin: float = 2.0
    seen: Face | None = None

    def prepare(self, photos: Sequence[SourcePhoto]) -> SourceIdentity:
        return SOURCE

    def remember(self) -> SwapMemory:
        return SwapMemory()

    def render(
        self, region: BgrImage, face: Face, source: SourceIdentity, memory: SwapMemory | None = None
    ) -> Patch:
        self.seen = face
        return dot(region, face.points5[2])


class MouthEnhancer:
    """Paints the left mouth corner white."""

    def enhance(self, region: BgrImage, face: Face) -> Patch:
        return dot(region, face.points5[3])


def dot(region: BgrImage, point: Any) -> Patch:
    x, y = (int(v) for v in point)
    pixels, mask = region.copy(), np.zeros(region.shape[:2], dtype=np.uint8)
    pixels[y, x], mask[y, x] = 255, 255
    return Patch(pixels=pixels, mask=mask)


def engine(swapper: DotSwapper, enhancer: MouthEnhancer | None = None) -> Engine:
    missing = cast(Any, None)
    return Engine(
        name=EngineName.EMBEDDED,
        detector=missing,
        landmarker=missing,
        identity=missing,
        swapper=swapper,
        enhancer=enhancer,
    )


def changed(canvas: ArrayCanvas) -> set[tuple[int, int]]:
    return {(int(x), int(y)) for y, x in np.argwhere(canvas.pixels.any(axis=2))}


def test_the_swapper_sees_the_face_in_the_pixels_of_a_region_with_its_margin() -> None:
    swapper = DotSwapper()
    canvas = ArrayCanvas(np.zeros((100, 100, 3), dtype=np.uint8))
    region = exchange_face(canvas, FACE, SOURCE, engine(swapper)).region
    assert (region.left, region.top, region.width, region.height) == (30, 30, 40, 40)
    assert swapper.seen is not None
    np.testing.assert_allclose(swapper.seen.points5, POINTS - 30)


def test_only_what_the_mask_covers_changes_on_the_canvas() -> None:
    canvas = ArrayCanvas(np.zeros((100, 100, 3), dtype=np.uint8))
    exchange_face(canvas, FACE, SOURCE, engine(DotSwapper()))
    assert changed(canvas) == {(50, 50)}


def test_an_enhancer_adds_to_what_was_swapped() -> None:
    canvas = ArrayCanvas(np.zeros((100, 100, 3), dtype=np.uint8))
    exchange_face(canvas, FACE, SOURCE, engine(DotSwapper()), enhancer=MouthEnhancer())
    assert changed(canvas) == {(50, 50), (46, 56)}


def test_a_face_at_the_border_is_read_inside_the_picture() -> None:
    canvas = ArrayCanvas(np.zeros((58, 58, 3), dtype=np.uint8))
    region = exchange_face(canvas, FACE, SOURCE, engine(DotSwapper())).region
    assert (region.right, region.bottom) == (58, 58)


def test_an_enhancer_that_is_wanted_and_missing_is_a_clear_error() -> None:
    with pytest.raises(EngineUnavailable, match="embedded engine has no enhancer"):
        enhancer_of(engine(DotSwapper()), wanted=True)
    assert enhancer_of(engine(DotSwapper(), MouthEnhancer()), wanted=False) is None
