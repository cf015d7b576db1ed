"""The standard engine sees real faces: whole, upright, mirrored, turned, dark, grey, small and large."""

from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
from tests.unit.faces.real_pictures import FolderOfModels, load, mirrored, turned

from steadfast.errors import ModelMissing
from steadfast.faces.analyse import AnalysisOptions, analyse
from steadfast.faces.face import EmbeddingSpace, Face, Topology
from steadfast.faces.roles import Engine, EngineName
from steadfast.faces.similarity import SAME_PERSON, similarity
from steadfast.faces.standard.engine import MODELS, build
from steadfast.faces.topology import PARTS
from steadfast.inference.sessions import SessionCache
from steadfast.media.canvas import ArrayCanvas, BgrImage


@pytest.fixture(scope="module")
def engine(shared_models: Path) -> Engine:
    return build(FolderOfModels(shared_models), SessionCache(), cast(Any, None))


@pytest.fixture(scope="module")
def hopper(hopper_path: Path) -> BgrImage:
    return load(hopper_path)


@pytest.fixture(scope="module")
def collins(collins_path: Path) -> BgrImage:
    return load(collins_path)


def only_face(engine: Engine, image: BgrImage) -> Face:
    faces = analyse(ArrayCanvas(image), engine)
    assert len(faces) == 1
    return faces[0]


def alike(one: Face, other: Face) -> float:
    assert one.embedding is not None
    assert other.embedding is not None
    return similarity(one.embedding, other.embedding)


def test_it_names_itself_and_its_models(engine: Engine) -> None:
    assert engine.name is EngineName.STANDARD
    assert engine.models == MODELS
    assert engine.landmarker.topology is Topology.MEDIAPIPE_468
    assert engine.identity.space is EmbeddingSpace.MOBILEFACENET


def test_a_portrait_has_one_face_where_it_is(engine: Engine, hopper: BgrImage, collins: BgrImage) -> None:
    for image, center, height in ((hopper, (265, 233), 205), (collins, (226, 124), 109)):
        face = only_face(engine, image)
        assert face.box.center == pytest.approx(center, abs=6)
        assert face.box.height == pytest.approx(height, rel=0.08)
        assert face.score > 0.8
        assert face.landmarks.presence > 0.9
        assert face.sharpness > 100


def test_the_mesh_knows_an_open_mouth_from_a_closed_one(
    engine: Engine, hopper: BgrImage, collins: BgrImage
) -> None:
    def opening(face: Face) -> float:
        points, lips = face.landmarks.points, PARTS[Topology.MEDIAPIPE_468].lips_inner
        return float(np.ptp(points[list(lips), 1])) / face.box.height

    assert opening(only_face(engine, collins)) > 2 * opening(only_face(engine, hopper))


def test_two_people_are_strangers_and_a_mirror_image_is_the_same_person(
    engine: Engine, hopper: BgrImage, collins: BgrImage
) -> None:
    one, other = only_face(engine, hopper), only_face(engine, collins)
    mirror = only_face(engine, mirrored(hopper))
    threshold = SAME_PERSON[EmbeddingSpace.MOBILEFACENET]
    assert alike(one, other) < threshold / 2
    assert alike(one, mirror) > 2 * threshold


def test_a_mirrored_face_looks_the_other_way(engine: Engine, hopper: BgrImage) -> None:
    leaning = turned(hopper, 15, about=(265, 235))
    one, mirror = only_face(engine, leaning).pose, only_face(engine, mirrored(leaning)).pose
    assert mirror.roll_deg == pytest.approx(-one.roll_deg, abs=2)
    assert mirror.yaw_deg == pytest.approx(-one.yaw_deg, abs=3)
    assert mirror.pitch_deg == pytest.approx(one.pitch_deg, abs=3)


@pytest.mark.parametrize("angle_deg", [-30, 20, 35])
def test_roll_follows_the_picture_and_the_person_stays_the_same(
    engine: Engine, hopper: BgrImage, angle_deg: float
) -> None:
    straight, leaning = (
        only_face(engine, hopper),
        only_face(engine, turned(hopper, angle_deg, about=(265, 235))),
    )
    assert leaning.pose.roll_deg - straight.pose.roll_deg == pytest.approx(angle_deg, abs=3)
    assert leaning.pose.yaw_deg == pytest.approx(straight.pose.yaw_deg, abs=4)
    assert alike(straight, leaning) > 0.8


def test_landmarks_turn_with_the_picture_to_within_a_fiftieth_of_the_face(
    engine: Engine, collins: BgrImage
) -> None:
    matrix = cv2.getRotationMatrix2D((226, 124), -20, 1)
    straight = only_face(engine, collins)
    leaning = only_face(engine, turned(collins, 20, about=(226, 124)))
    expected = straight.landmarks.points @ matrix[:, :2].T + matrix[:, 2]
    missed = np.linalg.norm(leaning.landmarks.points - expected, axis=1).mean()
    assert missed < straight.box.height / 50


def difficult(image: BgrImage, change: str) -> BgrImage:
    changed: Any
    match change:
        case "dark":
            changed = image * 0.08
        case "grey":
            changed = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        case "small":
            changed = cv2.resize(image, (60, 70), interpolation=cv2.INTER_AREA)
        case "large":
            changed = cv2.resize(image, (2560, 3000), interpolation=cv2.INTER_LINEAR)
        case "tight":
            changed = np.ascontiguousarray(image[130:330, 175:360])
        case _:
            changed = np.clip(image + np.random.default_rng(1).normal(0, 25, image.shape), 0, 255)
    return np.asarray(changed).astype(np.uint8)


@pytest.mark.parametrize("change", ["dark", "grey", "small", "large", "tight", "noisy"])
def test_one_face_is_found_in_difficult_pictures(engine: Engine, hopper: BgrImage, change: str) -> None:
    changed = difficult(hopper, change)
    face = only_face(engine, changed)
    share = face.box.height / changed.shape[0]
    assert share == pytest.approx(1.0 if change == "tight" else 0.34, abs=0.06)


def test_a_small_face_in_a_large_picture_is_found(engine: Engine, hopper: BgrImage) -> None:
    small = cv2.resize(hopper, (90, 105), interpolation=cv2.INTER_AREA)
    canvas = np.full((1500, 2400, 3), 128, dtype=np.uint8)
    canvas[900:1005, 1700:1790] = small
    face = only_face(engine, canvas)
    assert face.box.center == pytest.approx((1700 + 265 * 90 / 512, 900 + 233 * 105 / 600), abs=3)


@pytest.mark.parametrize(("quarters", "roll_deg"), [(1, -90), (2, 180), (3, 90)])
def test_a_lying_face_is_found_if_asked_and_its_roll_says_how_it_lies(
    engine: Engine, hopper: BgrImage, quarters: int, roll_deg: float
) -> None:
    lying = ArrayCanvas(np.ascontiguousarray(np.rot90(hopper, quarters)))
    (face,) = analyse(lying, engine, options=AnalysisOptions(any_orientation=True))
    assert abs((face.pose.roll_deg - roll_deg + 180) % 360 - 180) < 6
    assert alike(face, only_face(engine, hopper)) > 0.8


def test_two_people_are_two_faces_from_left_to_right(
    engine: Engine, hopper: BgrImage, collins: BgrImage
) -> None:
    both = np.full((600, 1024, 3), 60, dtype=np.uint8)
    both[:, :512], both[:512, 512:] = hopper, collins
    faces = analyse(ArrayCanvas(both), engine)
    assert len(faces) == 2
    assert faces[0].box.center[0] < 512 < faces[1].box.center[0]
    assert alike(faces[0], only_face(engine, hopper)) > 0.95
    assert alike(faces[1], only_face(engine, collins)) > 0.95


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (37, 11), (400, 400)])
def test_pictures_without_a_face_have_none(engine: Engine, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert analyse(ArrayCanvas(noise), engine) == []


def test_a_missing_model_is_reported_as_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        build(FolderOfModels(tmp_path), SessionCache(), cast(Any, None))
