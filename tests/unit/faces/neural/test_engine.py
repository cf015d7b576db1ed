"""The engine takes the best of what is there, says what it passed over, and what it cannot do without."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadfast.errors import LicenseNotAccepted, ModelDamaged, ModelMissing, SteadfastError
from steadfast.faces.neural import engine as neural
from steadfast.faces.neural.detector import ScrfdDetector
from steadfast.faces.neural.landmarker import Fan68Landmarker
from steadfast.faces.neural.swap_models import SWAP_MODELS
from steadfast.faces.neural.visibility import BiSeNetRegions, XSegOccluder
from steadfast.faces.roles import Engine, EngineName
from steadfast.faces.standard.detector import YuNetDetector
from steadfast.faces.standard.landmarker import FaceMeshLandmarker
from steadfast.inference.sessions import SessionCache
from steadfast.inference.testing import write_graph
from steadfast.models.catalogue import builtin_catalogue
from steadfast.settings import NeuralSettings, Settings

EVERYTHING = (
    *SWAP_MODELS,
    "crossface_hififace",
    "arcface_w600k_r50",
    "scrfd_10g",
    "2dfan4",
    "xseg_3",
    "bisenet_resnet_34",
    "gpen_bfr_512",
    "restoreformer_plus_plus",
)


class Store:
    """Has some models; says of the rest that they are missing, or what it was told to say."""

    def __init__(self, folder: Path, names: Iterable[str], **errors: SteadfastError) -> None:
        self.folder, self.names, self.errors = folder, set(names), errors

    def require(self, name: str) -> Path:
        if name in self.errors:
            raise self.errors[name]
        if name not in self.names:
            raise ModelMissing(f"The model {name} is not here.")
        return write_graph(
            self.folder / f"{name}.onnx",
            [("Identity", ["target"], ["output"], {})],
            inputs={"target": (1, 3, 8, 8), "source": (1, 512)},
            outputs={"output": (1, 3, 8, 8)},
            constants={"emap": np.eye(512, dtype=np.float32)},
        )


def build(store: Store, **settings: Any) -> Engine:
    return neural.build(store, SessionCache(), Settings(neural=NeuralSettings(**settings)))


def test_with_every_model_every_role_is_filled_and_named(tmp_path: Path) -> None:
    engine = build(Store(tmp_path, EVERYTHING))
    assert engine.name is EngineName.NEURAL
    assert isinstance(engine.detector, ScrfdDetector)
    assert isinstance(engine.landmarker, Fan68Landmarker)
    assert isinstance(engine.occluder, XSegOccluder)
    assert engine.enhancer is not None
    assert engine.swapper.is_generative
    assert set(engine.models) == {
        *("hyperswap_1a_256", "arcface_w600k_r50", "scrfd_10g", "2dfan4"),
        *("xseg_3", "bisenet_resnet_34", "gpen_bfr_512"),
    }
    assert engine.notes == ()


def test_a_swapper_and_arcface_are_enough_beside_the_standard_models(tmp_path: Path) -> None:
    names = ("inswapper_128", "arcface_w600k_r50", "yunet_n_dynamic", "face_landmark")
    engine = build(Store(tmp_path, names))
    assert isinstance(engine.detector, YuNetDetector)
    assert isinstance(engine.landmarker, FaceMeshLandmarker)
    assert engine.occluder is None
    assert engine.enhancer is None
    assert set(engine.models) == set(names)
    for passed_over in ("hyperswap_1a_256", "scrfd_10g", "2dfan4", "xseg_3", "gpen_bfr_512"):
        assert any(note.startswith(f"{passed_over}: ") for note in engine.notes)


@pytest.mark.parametrize("missing", ["arcface_w600k_r50", "swappers", "detectors", "landmarkers"])
def test_without_what_it_cannot_do_without_the_engine_says_which_model_that_is(
    tmp_path: Path, missing: str
) -> None:
    gone = {"swappers": set(SWAP_MODELS), "detectors": {"scrfd_10g"}, "landmarkers": {"2dfan4"}}
    names = set(EVERYTHING) - gone.get(missing, {missing})
    first = {"swappers": "hyperswap_1a_256", "detectors": "scrfd_10g", "landmarkers": "2dfan4"}
    with pytest.raises(ModelMissing, match=first.get(missing, missing)):
        build(Store(tmp_path, names))


def test_the_users_order_of_swappers_is_kept(tmp_path: Path) -> None:
    engine = build(Store(tmp_path, EVERYTHING), swappers=("inswapper_128_fp16", "hyperswap_1a_256"))
    assert "inswapper_128_fp16" in engine.models
    assert "hyperswap_1a_256" not in engine.models


def test_the_converter_is_taken_with_the_swapper_that_needs_it(tmp_path: Path) -> None:
    engine = build(Store(tmp_path, EVERYTHING), swappers=("hififace_unofficial_256",))
    assert {"hififace_unofficial_256", "crossface_hififace"} <= set(engine.models)


def test_a_swapper_without_its_converter_gives_way_to_the_next(tmp_path: Path) -> None:
    names = set(EVERYTHING) - {"crossface_hififace"}
    engine = build(Store(tmp_path, names), swappers=("hififace_unofficial_256", "inswapper_128"))
    assert "inswapper_128" in engine.models
    assert "hififace_unofficial_256" not in engine.models
    assert "crossface_hififace" in engine.notes[0]


@pytest.mark.parametrize(
    "error", [LicenseNotAccepted("Its terms were not accepted."), ModelDamaged("Its sum is wrong.")]
)
def test_a_model_that_may_not_or_cannot_be_used_gives_way_to_the_next(
    tmp_path: Path, error: SteadfastError
) -> None:
    engine = build(Store(tmp_path, EVERYTHING, hyperswap_1a_256=error))
    assert "hyperswap_1b_256" in engine.models
    assert f"hyperswap_1a_256: {error.detail}" in engine.notes


def test_terms_that_nobody_accepted_are_the_error_when_nothing_else_is_there(tmp_path: Path) -> None:
    store = Store(tmp_path, EVERYTHING, arcface_w600k_r50=LicenseNotAccepted("Its terms were not accepted."))
    with pytest.raises(LicenseNotAccepted):
        build(store)


def test_a_model_that_only_served_one_that_was_passed_over_is_not_named(tmp_path: Path) -> None:
    class Broken(Store):
        def require(self, name: str) -> Path:
            path = super().require(name)
            if name == "hififace_unofficial_256":
                path.write_bytes(b"not a graph")
            return path

    order = ("hififace_unofficial_256", "inswapper_128")
    engine = build(Broken(tmp_path, EVERYTHING), swappers=order)
    assert "inswapper_128" in engine.models
    assert "crossface_hififace" not in engine.models


@pytest.mark.parametrize(("boost", "batch"), [(0, 1), (256, None)])
def test_only_a_boost_opens_the_batch_of_the_swapper(tmp_path: Path, boost: int, batch: int | None) -> None:
    store, sessions = Store(tmp_path, EVERYTHING), SessionCache()
    chosen = {"pixel_boost_px": boost, "swappers": ("inswapper_128",)}
    neural.build(store, sessions, Settings(neural=NeuralSettings.model_validate(chosen)))
    session = sessions.get("inswapper_128", tmp_path / "inswapper_128.onnx")
    assert session.input_shapes["target"][0] == batch


def test_regions_alone_mask_as_well(tmp_path: Path) -> None:
    engine = build(Store(tmp_path, set(EVERYTHING) - {"xseg_3"}))
    assert isinstance(engine.occluder, BiSeNetRegions)


def test_every_model_the_engine_asks_for_can_be_pulled() -> None:
    pullable = {model.name for model in builtin_catalogue()}
    settings = NeuralSettings()
    asked = {
        *(neural.IDENTITY, neural.OCCLUDER, neural.REGIONS, *neural.DETECTORS, *neural.LANDMARKERS),
        *(model.converter for model in SWAP_MODELS.values() if model.converter),
    }
    assert asked | set(SWAP_MODELS) | set(settings.swappers) | set(settings.enhancers) <= pullable
