"""The neural engine on real portraits: real detection and landmarks, a generator that inverts its input."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from steadfast.errors import ModelMissing
from steadfast.faces.analyse import analyse
from steadfast.faces.coordinates import face_in_region
from steadfast.faces.face import Face
from steadfast.faces.neural.engine import build
from steadfast.faces.roles import Engine, SourcePhoto
from steadfast.inference.sessions import SessionCache
from steadfast.inference.testing import write_graph
from steadfast.media.canvas import ArrayCanvas, BgrImage, Region
from steadfast.settings import InferenceSettings, NeuralSettings, Settings

SWAPPER, IDENTITY = "inswapper_128", "arcface_w600k_r50"


class Store:
    """The real small models, and two graphs in the place of weights that cannot be had."""

    def __init__(self, models: Path, folder: Path) -> None:
        self.models, self.folder = models, folder
        weights = np.random.default_rng(0).normal(size=(3, 512)).astype(np.float32)
        write_graph(
            folder / f"{IDENTITY}.onnx",
            [
                ("GlobalAveragePool", ["input"], ["mean"], {}),
                ("Flatten", ["mean"], ["colour"], {}),
                ("MatMul", ["colour", "weights"], ["output"], {}),
            ],
            inputs={"input": (1, 3, 112, 112)},
            outputs={"output": (1, 512)},
            constants={"weights": weights},
        )
        write_graph(
            folder / f"{SWAPPER}.onnx",
            [("Sub", ["one", "target"], ["output"], {})],
            inputs={"target": ("n", 3, 128, 128), "source": ("n", 512)},
            outputs={"output": ("n", 3, 128, 128)},
            constants={"one": np.ones(1, dtype=np.float32), "emap": np.eye(512, dtype=np.float32)},
        )

    def require(self, name: str) -> Path:
        for folder in (self.folder, self.models):
            if (folder / f"{name}.onnx").exists():
                return folder / f"{name}.onnx"
        raise ModelMissing(f"The model {name} is not here.")


@pytest.fixture
def store(shared_models: Path, tmp_path: Path) -> Store:
    return Store(shared_models, tmp_path)


@pytest.fixture
def sessions() -> SessionCache:
    return SessionCache(InferenceSettings(residency="strict"))


def picture(path: Path) -> BgrImage:
    return np.asarray(cv2.imread(str(path)), dtype=np.uint8)


def swap(engine: Engine, source: BgrImage, target: BgrImage) -> tuple[BgrImage, Face, Region]:
    """The target with its first face exchanged."""
    canvas = ArrayCanvas(target.copy())
    photo = SourcePhoto(image=source, face=analyse(ArrayCanvas(source), engine)[0])
    face = analyse(canvas, engine)[0]
    region = face.box.grown(engine.swapper.margin).clipped(canvas.width, canvas.height)
    identity = engine.swapper.prepare([photo])
    patch = engine.swapper.render(canvas.read(region), face_in_region(face, region), identity)
    canvas.write(region, patch.pixels, patch.mask)
    return canvas.pixels, face, region


@pytest.mark.parametrize("boost", [0, 512])
def test_a_real_face_goes_through_the_generator_and_nothing_else_of_the_picture_does(
    store: Store, sessions: SessionCache, hopper_path: Path, collins_path: Path, boost: int
) -> None:
    engine = build(store, sessions, Settings(neural=NeuralSettings.model_validate({"pixel_boost_px": boost})))
    collins = picture(collins_path)
    result, face, region = swap(engine, picture(hopper_path), collins)
    for x, y in np.rint(face.points5).astype(int):
        before = cv2.blur(collins, (5, 5))[y, x].astype(int)
        assert_allclose(cv2.blur(result, (5, 5))[y, x], 255 - before, atol=16)
    outside = np.ones(collins.shape[:2], dtype=bool)
    outside[region.top : region.bottom, region.left : region.right] = False
    assert_array_equal(result[outside], collins[outside])
    changed = (result != collins).any(axis=2)
    assert 0.2 < changed.sum() / (region.width * region.height) < 0.9
    assert {SWAPPER, IDENTITY, "yunet_n_dynamic", "face_landmark"} == set(engine.models)


def test_after_a_piece_of_work_under_strict_residency_no_model_is_in_memory(
    store: Store, sessions: SessionCache, hopper_path: Path, collins_path: Path
) -> None:
    engine = build(store, sessions, Settings())
    with sessions.work():
        swap(engine, picture(hopper_path), picture(collins_path))
        loaded = [sessions.get(name, store.require(name)).is_loaded for name in engine.models]
        assert all(loaded)
    assert sessions.release() == ()
