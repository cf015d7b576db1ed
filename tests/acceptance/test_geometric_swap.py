"""The geometric swap on real portraits and real clips, held to the project's figures."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from tests.unit.faces.real_pictures import FolderOfModels, load

from steadfast.faces.analyse import analyse
from steadfast.faces.coordinates import face_in_region
from steadfast.faces.embedded.engine import build as build_embedded
from steadfast.faces.face import EmbeddingSpace, Face
from steadfast.faces.geometric import GeometricSwapper
from steadfast.faces.quality import (
    FaceQuality,
    VideoMeter,
    VideoQuality,
    measure_face,
    outside_is_identical,
)
from steadfast.faces.roles import Engine, EngineName, SourceIdentity, SourcePhoto, SwapMemory
from steadfast.faces.standard.engine import build as build_standard
from steadfast.faces.tracking import FaceTracker
from steadfast.inference.sessions import SessionCache
from steadfast.media.canvas import ArrayCanvas, BgrImage, GreyImage
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings

ENGINES = (EngineName.STANDARD, EngineName.EMBEDDED)
CLIPS = ("yes.mkv", "again.mkv", "book.mkv")


@cache
def engine_of(name: EngineName, models: Path) -> Engine:
    if name is EngineName.STANDARD:
        return build_standard(FolderOfModels(models), SessionCache(), GeometricSwapper())
    return build_embedded(ModelStore(ModelSettings(dir=models, auto_pull="never")), GeometricSwapper())


@cache
def portrait_face(name: EngineName, models: Path, portrait: Path) -> tuple[BgrImage, Face]:
    image = load(portrait)
    faces = analyse(ArrayCanvas(image), engine_of(name, models))
    assert len(faces) == 1
    return image, faces[0]


def source_from(name: EngineName, models: Path, portrait: Path) -> SourceIdentity:
    image, face = portrait_face(name, models, portrait)
    return engine_of(name, models).swapper.prepare([SourcePhoto(image=image, face=face)])


def exchange(
    canvas: ArrayCanvas, face: Face, source: SourceIdentity, engine: Engine, memory: SwapMemory | None = None
) -> GreyImage:
    """Swaps the face in place and answers the mask of the whole picture."""
    region = face.box.grown(engine.swapper.margin).clipped(canvas.width, canvas.height)
    patch = engine.swapper.render(canvas.read(region), face_in_region(face, region), source, memory)
    canvas.write(region, patch.pixels, patch.mask)
    mask = np.zeros((canvas.height, canvas.width), dtype=np.uint8)
    mask[region.top : region.bottom, region.left : region.right] = patch.mask
    return mask


@dataclass(frozen=True, kw_only=True)
class Swapped:
    before: BgrImage
    after: BgrImage
    mask: GreyImage
    face: Face
    quality: FaceQuality


@cache
def swap_portraits(name: EngineName, models: Path, source: Path, target: Path) -> Swapped:
    engine = engine_of(name, models)
    image, face = portrait_face(name, models, target)
    identity = source_from(name, models, source)
    canvas = ArrayCanvas(image.copy())
    mask = exchange(canvas, face, identity, engine)
    quality = measure_face(canvas, face, identity.embedding, engine)
    assert quality is not None
    return Swapped(before=image, after=canvas.pixels, mask=mask, face=face, quality=quality)


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> EngineName:
    name: EngineName = request.param
    return name


@pytest.fixture(params=["hopper onto collins", "collins onto hopper"])
def swapped(
    request: pytest.FixtureRequest,
    engine_name: EngineName,
    shared_models: Path,
    hopper_path: Path,
    collins_path: Path,
) -> Swapped:
    pair = (hopper_path, collins_path)
    source, target = pair if request.param.startswith("hopper") else pair[::-1]
    return swap_portraits(engine_name, shared_models, source, target)


def test_the_result_is_the_source_and_no_longer_the_target(swapped: Swapped) -> None:
    quality = swapped.quality
    if quality.space is EmbeddingSpace.MOBILEFACENET:
        assert quality.to_source >= 0.60
        assert quality.to_target <= 0.30
    else:  # dlib's own threshold, a distance of 0.6
        assert quality.to_source > 0.40 > quality.to_target


def test_pose_and_expression_stay_within_four_per_cent_of_the_eye_distance(swapped: Swapped) -> None:
    assert swapped.quality.landmark_error <= 0.04


def test_every_pixel_outside_the_mask_is_bit_identical(swapped: Swapped) -> None:
    assert outside_is_identical(swapped.before, swapped.after, [swapped.mask])
    assert 0.02 < (swapped.mask > 0).mean() < 0.2


def test_skin_inside_the_mask_has_the_tone_of_the_target(swapped: Swapped) -> None:
    left, right = swapped.face.points5[[0, 1]]
    across, nose = right - left, swapped.face.points5[2]
    change = []
    for side in (-0.42, 0.42):  # cheeks beside the nose
        x, y = np.round(nose + side * across).astype(int)
        there = slice(y - 6, y + 7), slice(x - 6, x + 7)
        change.append(swapped.after[there].mean(axis=(0, 1)) - swapped.before[there].mean(axis=(0, 1)))
    assert np.abs(np.mean(change, axis=0)).max() < 28


def test_no_hat_of_the_source_comes_onto_the_targets_forehead(
    engine_name: EngineName, shared_models: Path, hopper_path: Path, collins_path: Path
) -> None:
    done = swap_portraits(engine_name, shared_models, hopper_path, collins_path)
    x, y = np.round(done.face.points5[:2].mean(axis=0)).astype(int)
    eyes = float(np.linalg.norm(done.face.points5[1] - done.face.points5[0]))
    there = slice(y - round(0.75 * eyes), y - round(0.3 * eyes)), slice(x - 12, x + 13)
    darker = done.before[there].max(axis=2).astype(int) - done.after[there].max(axis=2)
    assert np.percentile(darker, 95) < 50


def test_teeth_of_the_smiling_target_are_its_own(
    engine_name: EngineName, shared_models: Path, hopper_path: Path, collins_path: Path
) -> None:
    done = swap_portraits(engine_name, shared_models, hopper_path, collins_path)
    x, y = np.round(done.face.points5[3:].mean(axis=0)).astype(int)
    there = slice(y + 3, y + 6), slice(x - 8, x + 9)  # the corners of a smile lie above its middle
    assert np.abs(done.after[there].astype(int) - done.before[there]).mean() < 24


def test_the_hat_of_the_target_stays_untouched(
    engine_name: EngineName, shared_models: Path, hopper_path: Path, collins_path: Path
) -> None:
    done = swap_portraits(engine_name, shared_models, collins_path, hopper_path)
    dark = done.before.max(axis=2) < 40
    dark[round(float(done.face.points5[0, 1])) - 30 :] = False  # above the eyes: the hat
    assert dark.sum() > 5000
    assert np.abs(done.after[dark].astype(int) - done.before[dark]).mean() < 1


def frames_of(clip: Path) -> list[BgrImage]:
    with av.open(str(clip)) as container:
        return [
            np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
            for frame in container.decode(video=0)
        ]


@dataclass(frozen=True, kw_only=True)
class SwappedClip:
    before: list[BgrImage]
    after: list[BgrImage]
    quality: VideoQuality
    is_identical_outside: bool


@cache
def swap_clip(name: EngineName, models: Path, source: Path, clip: Path) -> SwappedClip:
    engine, identity = engine_of(name, models), source_from(name, models, source)
    tracker, meter = FaceTracker(engine, with_embedding=False), VideoMeter()
    memory, before, after, identical = engine.swapper.remember(), frames_of(clip), [], True
    for number, frame in enumerate(before):
        tracked = tracker.update(ArrayCanvas(frame), number / 30)
        canvas, mask = ArrayCanvas(frame.copy()), np.zeros(frame.shape[:2], dtype=np.uint8)
        if tracked:
            mask = exchange(canvas, tracked[0].face, identity, engine, memory)
        meter.add(frame, canvas.pixels, mask, has_face=bool(tracked))
        identical &= outside_is_identical(frame, canvas.pixels, [mask])
        after.append(canvas.pixels)
    return SwappedClip(before=before, after=after, quality=meter.result(), is_identical_outside=identical)


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("portrait", ["hopper_path", "collins_path"])
def test_clips_are_swapped_in_every_frame_and_as_calm_as_the_original(
    clip: str,
    portrait: str,
    engine_name: EngineName,
    shared_models: Path,
    shared_media: Path,
    request: pytest.FixtureRequest,
) -> None:
    source: Path = request.getfixturevalue(portrait)
    done = swap_clip(engine_name, shared_models, source, shared_media / clip)
    assert done.quality.frames_with_face >= 0.98 * len(done.before)
    assert done.quality.swapped_share >= 0.98
    assert done.quality.flicker <= 1.25
    assert done.is_identical_outside


FINGERS = {24: (286, 158, 310, 172), 62: (278, 162, 298, 173)}
"""Frames of book.mkv and where fingers lie over the chin: left, top, right, bottom px."""


def test_fingers_before_the_chin_stay_in_front(
    engine_name: EngineName, shared_models: Path, shared_media: Path, hopper_path: Path
) -> None:
    done = swap_clip(engine_name, shared_models, hopper_path, shared_media / "book.mkv")
    for number, (left, top, right, bottom) in FINGERS.items():
        there = slice(top, bottom), slice(left, right)
        before, after = done.before[number][there], done.after[number][there]
        assert np.abs(after.astype(int) - before).mean() < 6
        nails = before.max(axis=2) < 90
        assert nails.sum() >= 20
        assert np.abs(after[nails].astype(int) - before[nails]).mean() < 3
