"""The embedded engine sees real faces with nothing but installed packages."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
from tests.unit.faces.real_pictures import load, mirrored, turned

from steadfast.errors import ModelDamaged
from steadfast.faces.analyse import AnalysisOptions, analyse
from steadfast.faces.coordinates import move_landmarks
from steadfast.faces.embedded.dlib_runtime import load_model
from steadfast.faces.embedded.engine import MODELS, build
from steadfast.faces.face import Box, Detection, EmbeddingSpace, Face, Topology
from steadfast.faces.roles import Engine, EngineName
from steadfast.faces.similarity import SAME_PERSON, similarity
from steadfast.media.canvas import ArrayCanvas, BgrImage
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    empty = ModelStore(ModelSettings(dir=tmp_path_factory.mktemp("models"), auto_pull="never"))
    return build(empty, cast(Any, None))


@pytest.fixture(scope="module")
def hopper(hopper_path: Path) -> BgrImage:
    return load(hopper_path)


@pytest.fixture(scope="module")
def collins(collins_path: Path) -> BgrImage:
    return load(collins_path)


@pytest.fixture(scope="module")
def hopper_face(engine: Engine, hopper: BgrImage) -> Face:
    return only_face(engine, hopper)


def only_face(engine: Engine, image: BgrImage, *, with_embedding: bool = True) -> Face:
    faces = analyse(ArrayCanvas(image), engine, with_embedding=with_embedding)
    assert len(faces) == 1
    return faces[0]


def test_it_names_itself_and_its_models(engine: Engine) -> None:
    assert engine.name is EngineName.EMBEDDED
    assert engine.models == MODELS
    assert engine.landmarker.topology is Topology.IBUG_68
    assert engine.identity.space is EmbeddingSpace.DLIB_RESNET


def test_portraits_have_one_face_where_it_is_and_their_owners_are_strangers(
    engine: Engine, hopper_face: Face, collins: BgrImage
) -> None:
    other = only_face(engine, collins)
    assert hopper_face.box.center == pytest.approx((266, 231), abs=8)
    assert other.box.center == pytest.approx((226, 125), abs=8)
    assert other.box.height == pytest.approx(109, rel=0.1)
    assert hopper_face.embedding is not None
    assert other.embedding is not None
    assert similarity(hopper_face.embedding, other.embedding) < SAME_PERSON[EmbeddingSpace.DLIB_RESNET]


def test_a_mirror_image_is_the_same_person(engine: Engine, hopper: BgrImage, hopper_face: Face) -> None:
    mirror = only_face(engine, mirrored(hopper))
    assert hopper_face.embedding is not None
    assert mirror.embedding is not None
    assert similarity(hopper_face.embedding, mirror.embedding) > 0.7


def test_roll_follows_the_picture(engine: Engine, hopper: BgrImage, hopper_face: Face) -> None:
    leaning = only_face(engine, turned(hopper, 20, about=(265, 235)), with_embedding=False)
    assert leaning.pose.roll_deg - hopper_face.pose.roll_deg == pytest.approx(20, abs=4)


def test_a_lying_face_is_found_if_asked(engine: Engine, hopper: BgrImage, hopper_face: Face) -> None:
    lying = ArrayCanvas(np.ascontiguousarray(np.rot90(hopper)))
    options = AnalysisOptions(any_orientation=True)
    (face,) = analyse(lying, engine, with_embedding=False, options=options)
    assert face.pose.roll_deg == pytest.approx(hopper_face.pose.roll_deg - 90, abs=5)


def test_landmarks_are_followed_over_a_tenth_of_the_face_and_stay_put_on_a_still_one(
    engine: Engine, hopper: BgrImage, hopper_face: Face
) -> None:
    before = move_landmarks(hopper_face.landmarks, 18, -12)
    again = engine.landmarker.locate(hopper, before)
    assert again is not None
    once_more = engine.landmarker.locate(hopper, again)
    assert once_more is not None
    missed = np.linalg.norm(once_more.points - hopper_face.landmarks.points, axis=1).mean()
    assert missed < hopper_face.box.width / 50


def test_where_no_face_is_there_are_no_landmarks(engine: Engine, collins: BgrImage) -> None:
    elsewhere = Box(left=20, top=330, right=140, bottom=450)
    assert engine.landmarker.locate(collins, Detection(box=elsewhere, score=0.9, points5=None)) is None


def test_a_face_of_45_pixels_is_found(engine: Engine, hopper: BgrImage) -> None:
    small = np.asarray(cv2.resize(hopper, (128, 150), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    canvas = np.full((360, 480, 3), 110, dtype=np.uint8)
    canvas[150:300, 200:328] = small
    face = only_face(engine, canvas, with_embedding=False)
    assert face.box.center == pytest.approx((200 + 66, 150 + 58), abs=4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (200, 200)])
def test_pictures_without_a_face_have_none(engine: Engine, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert analyse(ArrayCanvas(noise), engine) == []


def test_threads_that_share_it_get_what_each_would_get_alone(engine: Engine, hopper: BgrImage) -> None:
    images = [hopper, mirrored(hopper)] * 2
    alone = [only_face(engine, image, with_embedding=False).landmarks.points for image in images[:2]]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda image: only_face(engine, image, with_embedding=False), images))
    for face, expected in zip(together, alone * 2, strict=True):
        np.testing.assert_array_equal(face.landmarks.points, expected)


def test_a_file_that_is_no_model_is_reported_as_damaged(tmp_path: Path) -> None:
    broken = tmp_path / "landmarks.dat"
    broken.write_bytes(b"not a model")
    with pytest.raises(ModelDamaged, match=r"landmarks\.dat"):
        load_model("shape_predictor", broken)
