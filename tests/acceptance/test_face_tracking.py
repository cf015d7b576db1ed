"""On real clips a face is followed wherever the detector sees it, steadily and without lag."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.faces.real_pictures import FolderOfModels, load

from steadfast.faces.embedded.engine import build as build_embedded
from steadfast.faces.face import Points
from steadfast.faces.roles import Engine, EngineName
from steadfast.faces.standard.engine import build as build_standard
from steadfast.faces.tracking import FaceTracker, TrackedFace
from steadfast.inference.sessions import SessionCache
from steadfast.media.canvas import ArrayCanvas, BgrImage
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings

CLIPS = ["yes.mkv", "again.mkv", "book.mkv"]
FRAME_S = 1 / 30
Camera = NDArray[np.float64]


@dataclass(frozen=True)
class Engines:
    """Both engines that need nothing pulled."""

    standard: Engine
    embedded: Engine

    def __getitem__(self, name: EngineName) -> Engine:
        return self.standard if name is EngineName.STANDARD else self.embedded


@pytest.fixture(scope="module")
def engines(shared_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Engines:
    swapper = cast(Any, None)
    bundled = ModelStore(ModelSettings(dir=tmp_path_factory.mktemp("models"), auto_pull="never"))
    return Engines(
        standard=build_standard(FolderOfModels(shared_models), SessionCache(), swapper),
        embedded=build_embedded(bundled, swapper),
    )


def frames_of(path: Path) -> Iterator[BgrImage]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)


def follow(engine: Engine, frames: list[BgrImage]) -> list[list[TrackedFace]]:
    tracker = FaceTracker(engine)
    return [tracker.update(ArrayCanvas(image), i * FRAME_S) for i, image in enumerate(frames)]


def moving_portrait(portrait: BgrImage, frames: int, *, still: bool) -> tuple[list[BgrImage], list[Camera]]:
    """A portrait that sways, turns and comes nearer before a camera with noise; and how it truly moved."""
    random = np.random.default_rng(1)
    images: list[BgrImage] = []
    cameras: list[Camera] = []
    for i in range(frames):
        t = 0.0 if still else 2 * np.pi * i * FRAME_S
        x, y = 320 + 60 * np.sin(0.5 * t), 200 + 25 * np.sin(0.8 * t)
        turn, scale = np.radians(12) * np.sin(0.4 * t), 0.6 * (1 + 0.15 * np.sin(0.3 * t))
        linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        camera = np.column_stack((linear, np.array((x, y)) - linear @ (224, 120)))
        clean = cv2.warpAffine(portrait, camera, (640, 480), borderMode=cv2.BORDER_REPLICATE)
        noisy = clean + random.normal(0, 3, clean.shape)
        images.append(np.clip(noisy, 0, 255).astype(np.uint8))
        cameras.append(camera)
    return images, cameras


def errors_px(found: list[Points], cameras: list[Camera]) -> NDArray[np.float64]:
    """How far each landmark is from where the motion of the portrait takes its average place; F × N × 2."""
    at_home = [np.linalg.solve(c[:, :2], (p - c[:, 2]).T).T for p, c in zip(found, cameras, strict=True)]
    mean = np.mean(at_home, axis=0)
    return np.array([p - (mean @ c[:, :2].T + c[:, 2]) for p, c in zip(found, cameras, strict=True)])


@pytest.mark.parametrize("name", [EngineName.STANDARD, EngineName.EMBEDDED])
@pytest.mark.parametrize("clip", CLIPS)
def test_one_face_is_followed_in_98_percent_of_the_frames_in_which_the_detector_finds_one(
    engines: Engines, shared_media: Path, clip: str, name: EngineName
) -> None:
    frames = list(frames_of(shared_media / clip))
    answers = follow(engines[name], frames)
    seen = [bool(engines.standard.detector.detect(image)) for image in frames]
    followed = [bool(answer) for answer, is_seen in zip(answers, seen, strict=True) if is_seen]
    assert sum(followed) >= 0.98 * len(followed)
    assert max(len(answer) for answer in answers) == 1  # no hand is ever taken for a face
    assert {tracked.person for answer in answers for tracked in answer} == {0}


@pytest.mark.parametrize("clip", CLIPS)
def test_the_followed_face_lies_where_the_detector_sees_it(
    engines: Engines, shared_media: Path, clip: str
) -> None:
    frames = list(frames_of(shared_media / clip))
    for name in (EngineName.STANDARD, EngineName.EMBEDDED):
        for image, answer in list(zip(frames, follow(engines[name], frames), strict=True))[::6]:
            points5 = engines.standard.detector.detect(image)[0].points5
            assert points5 is not None
            missed = np.linalg.norm(answer[0].face.points5 - points5, axis=1).mean()
            assert missed < 0.12 * answer[0].face.box.width


@pytest.mark.parametrize("name", [EngineName.STANDARD, EngineName.EMBEDDED])
@pytest.mark.parametrize("start", [0, 37])
def test_faces_of_a_clip_stretched_to_another_aspect_ratio_are_followed_too(
    engines: Engines, shared_media: Path, name: EngineName, start: int
) -> None:
    wide = [
        np.asarray(cv2.resize(image, (1280, 720), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
        for image in list(frames_of(shared_media / "book.mkv"))[start:]
    ]
    answers = follow(engines[name], wide)
    assert sum(map(bool, answers)) >= 0.98 * len(answers)
    for image, answer in list(zip(wide, answers, strict=True))[10::20]:
        points5 = engines.standard.detector.detect(image)[0].points5
        assert points5 is not None
        missed = np.linalg.norm(answer[0].face.points5 - points5, axis=1).mean()
        assert missed < 0.12 * answer[0].face.box.width  # and not drawn down to the hand


@pytest.mark.parametrize(("name", "limit_px"), [(EngineName.STANDARD, 0.05), (EngineName.EMBEDDED, 0.15)])
def test_landmarks_of_a_still_face_hardly_tremble(
    engines: Engines, collins_path: Path, name: EngineName, limit_px: float
) -> None:
    images, cameras = moving_portrait(load(collins_path), 40, still=True)
    found = [answer[0].face.landmarks.points for answer in follow(engines[name], images)]
    trembling = np.diff(errors_px(found, cameras)[5:], axis=0)
    assert np.sqrt(np.mean(trembling**2)) < limit_px


@pytest.mark.parametrize("name", [EngineName.STANDARD, EngineName.EMBEDDED])
def test_landmarks_of_a_moving_face_do_not_lag_by_half_a_frame(
    engines: Engines, collins_path: Path, name: EngineName
) -> None:
    images, cameras = moving_portrait(load(collins_path), 90, still=False)
    answers = follow(engines[name], images)
    assert {len(answer) for answer in answers} == {1}
    found = [answer[0].face.landmarks.points for answer in answers]
    missed = errors_px(found, cameras)
    place = np.array([points.mean(axis=0) for points in found])
    speed = (place[2:] - place[:-2]) / 2
    lag_frames = -np.sum(missed.mean(axis=1)[1:-1] * speed) / np.sum(speed**2)
    assert abs(lag_frames) < 0.1
    assert np.sqrt(np.mean(missed**2)) < 0.3


@pytest.mark.parametrize("name", [EngineName.STANDARD, EngineName.EMBEDDED])
def test_a_face_that_slides_out_of_the_picture_is_dropped_and_found_when_it_returns(
    engines: Engines, collins_path: Path, name: EngineName
) -> None:
    portrait = load(collins_path)[:256, 60:400]
    wide = np.full((256, 1400, 3), 128, dtype=np.uint8)
    wide[:, 500:840] = portrait
    there, away = (wide[:, left : left + 480].copy() for left in (430, 0))
    slide = [wide[:, left : left + 480].copy() for left in range(430, 0, -30)]
    answers = follow(engines[name], [there] * 3 + slide + [away] * 20 + [there] * 8)
    assert all(answers[:4])
    assert not any(answers[-16:-8])
    assert answers[-1]
    assert answers[-1][0].person == 0


def test_a_hard_cut_to_another_person_is_another_person_and_back_is_the_first(
    engines: Engines, collins_path: Path, hopper_path: Path
) -> None:
    one = np.asarray(cv2.resize(load(collins_path), (480, 480)), dtype=np.uint8)
    other = np.asarray(cv2.resize(load(hopper_path)[:512], (480, 480)), dtype=np.uint8)
    answers = follow(engines.standard, [one] * 3 + [other] * 3 + [one] * 3)
    assert [answer[0].person for answer in answers] == [0, 0, 0, 1, 1, 1, 0, 0, 0]
