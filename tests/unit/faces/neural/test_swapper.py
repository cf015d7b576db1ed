"""Every swapper is fed what its contract says, and its answer lands on the face and nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from steadfast.errors import InvalidModelOutput, InvalidOption, NoFace
from steadfast.faces.face import Face, Points
from steadfast.faces.neural.identity import ArcFaceEncoder
from steadfast.faces.neural.source_vector import source_vector_of
from steadfast.faces.neural.swap_models import SWAP_MODELS, swap_model
from steadfast.faces.neural.swapper import NeuralSwapper, SwapOptions
from steadfast.faces.roles import SourcePhoto
from steadfast.inference.sessions import ModelSession
from steadfast.inference.testing import write_graph
from steadfast.media.canvas import BgrImage, GreyImage

Load = Callable[[Path], ModelSession]
Template = Callable[[str, int], Points]
Floats = NDArray[np.float32]

RNG = np.random.default_rng(11)
EMAP = RNG.normal(size=(512, 512)).astype(np.float32)
CONVERSION = RNG.normal(size=(512, 512)).astype(np.float32)
WEIGHTS = RNG.normal(size=(3, 512)).astype(np.float32)
BIAS = RNG.normal(size=512).astype(np.float32)
REGION_BGR = (40, 120, 200)
HEIGHT, WIDTH = 360, 400


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What the facts on the models say of one swapper, apart from the code under test."""

    size_px: int
    template: str
    low: float  # the number of black
    rule: str
    has_mask: bool = False


HYPERSWAP = Contract(size_px=256, template="arcface_128", low=-1, rule="unit", has_mask=True)
INSWAPPER = Contract(size_px=128, template="arcface_128", low=0, rule="emap")
CONTRACTS = {
    "inswapper_128": INSWAPPER,
    "inswapper_128_fp16": INSWAPPER,
    "hyperswap_1a_256": HYPERSWAP,
    "hyperswap_1b_256": HYPERSWAP,
    "hyperswap_1c_256": HYPERSWAP,
    "hififace_unofficial_256": Contract(size_px=256, template="mtcnn_512", low=-1, rule="converted"),
}


def numbers(value: float | Floats, low: float) -> Any:
    """0–255 in the network's numbers, whose white is 1."""
    return low + (1 - low) * value / 255


def brightness(number: float, low: float) -> float:
    return (number - low) / (1 - low) * 255


def swap_graph(
    path: Path, contract: Contract, marks: Floats, *, batch: int | str = "n", half: bool = False
) -> Path:
    """Red: its own red squared. Green: marks where the template puts the five points. Blue: the source.

    Squaring tells [0, 1] from [−1, 1]; the source's fourth number is shown as a sigmoid of twenty times it.
    """
    side, kind = contract.size_px, np.float16 if half else np.float32
    mask = np.ones((1, 1, side, side))
    mask[..., : side // 2] = 0
    nodes: list[tuple[str, list[str], list[str], dict[str, Any]]] = [
        ("Split", ["target"], ["r", "g", "b"], {"axis": 1}),
        ("Mul", ["r", "r"], ["red"], {}),
        ("Mul", ["b", "none"], ["zero"], {}),
        ("Add", ["zero", "marks"], ["green"], {}),
        ("Gather", ["source", "fourth"], ["entry"], {"axis": 1}),
        ("Mul", ["entry", "gain"], ["steep"], {}),
        ("Sigmoid", ["steep"], ["share"], {}),
        ("Reshape", ["share", "column"], ["cell"], {}),
        ("Add", ["zero", "cell"], ["blue"], {}),
        ("Concat", ["red", "green", "blue"], ["output"], {"axis": 1}),
    ]
    outputs: dict[str, tuple[int | str, ...]] = {"output": (batch, 3, side, side)}
    if contract.has_mask:
        nodes.append(("Add", ["zero", "half"], ["mask"], {}))
        outputs["mask"] = (batch, 1, side, side)
    constants: dict[str, NDArray[Any]] = {
        "none": np.zeros(1, dtype=kind),
        "marks": numbers(marks * 255, contract.low).astype(kind)[None, None],
        "fourth": np.array([3]),
        "gain": np.array([20], dtype=kind),
        "column": np.array([-1, 1, 1, 1]),
        "half": mask.astype(kind),
    }
    if contract.rule == "emap":
        constants["emap"] = EMAP
    return write_graph(
        path,
        nodes,
        inputs={"target": (batch, 3, side, side), "source": (batch, 512)},
        outputs=outputs,
        constants=constants,
        half_precision=half,
    )


def arcface_graph(path: Path) -> Path:
    """A vector of no particular length that depends on the photo's mean colour."""
    return write_graph(
        path,
        [
            ("GlobalAveragePool", ["input"], ["mean"], {}),
            ("Flatten", ["mean"], ["colour"], {}),
            ("MatMul", ["colour", "weights"], ["product"], {}),
            ("Add", ["product", "bias"], ["output"], {}),
        ],
        inputs={"input": (1, 3, 112, 112)},
        outputs={"output": (1, 512)},
        constants={"weights": WEIGHTS, "bias": BIAS},
    )


def crossface_graph(path: Path) -> Path:
    """Not linear, so that an input of another length is another direction."""
    return write_graph(
        path,
        [("Tanh", ["input"], ["bent"], {}), ("MatMul", ["bent", "matrix"], ["output"], {})],
        inputs={"input": (1, 512)},
        outputs={"output": (1, 512)},
        constants={"matrix": CONVERSION},
    )


class Studio:
    """A face in a region, photos, and swappers made of graphs."""

    def __init__(
        self, folder: Path, load: Load, template: Template, placed: Any, face_at: Any, spots: Any
    ) -> None:
        self.folder, self.load, self.template = folder, load, template
        self.placed, self.face_at, self.spots = placed, face_at, spots
        self.session: ModelSession | None = None

    def face(self, contract: Contract) -> Face:
        points = self.template(contract.template, 128)
        face: Face = self.face_at(self.placed(points, degrees=12.0, scale=1.7, shift=(110, 60)))
        return face

    def swapper(
        self, name: str, *, batch: int | str = "n", masks: Any = (), half: bool = False, **options: Any
    ) -> NeuralSwapper:
        contract, side = CONTRACTS[name], CONTRACTS[name].size_px
        marks = self.spots(self.template(contract.template, side), side, side, radius=side / 40)
        path = swap_graph(self.folder / f"{name}.onnx", contract, marks, batch=batch, half=half)
        converter = self.load(crossface_graph(self.folder / "crossface_hififace.onnx"))
        self.session = self.load(path)
        return NeuralSwapper(
            swap_model(name),
            self.session,
            ArcFaceEncoder(self.load(arcface_graph(self.folder / "arcface.onnx"))),
            source_vector_of(swap_model(name), path, converter),
            masks=masks,
            options=SwapOptions(**options),
        )

    def photo(self, colour: tuple[int, int, int]) -> SourcePhoto:
        image = np.full((200, 220, 3), colour, dtype=np.uint8)
        points = self.template("arcface_112_v2", 112) + 30
        return SourcePhoto(image=image, face=self.face_at(points))


@pytest.fixture
def studio(
    tmp_path: Path, session: Load, template_points: Template, placed: Any, face_at: Any, spots: Any
) -> Studio:
    return Studio(tmp_path, session, template_points, placed, face_at, spots)


def measure(colour: tuple[int, int, int]) -> Floats:
    """What the ArcFace graph answers for a photo of one colour (BGR)."""
    rgb = np.array(colour[::-1], dtype=np.float64) / 127.5 - 1
    return np.asarray(rgb @ WEIGHTS + BIAS, dtype=np.float32)


def fed(rule: str, vector: Floats) -> Floats:
    """The source by the facts on the models."""
    if rule == "emap":
        return np.asarray(vector @ EMAP / np.linalg.norm(vector))
    if rule == "converted":
        vector = np.tanh(vector) @ CONVERSION
    return np.asarray(vector / np.linalg.norm(vector))


REGION = np.full((HEIGHT, WIDTH, 3), REGION_BGR, dtype=np.uint8)


@pytest.mark.parametrize("name", list(CONTRACTS))
def test_colours_numbers_and_source_are_those_of_the_contract(studio: Studio, name: str) -> None:
    contract = CONTRACTS[name]
    photo = (90, 160, 30)
    swapper = studio.swapper(name)
    patch = swapper.render(REGION, studio.face(contract), swapper.prepare([studio.photo(photo)]))
    shown = patch.pixels[patch.mask == 255].astype(float)
    assert len(shown) > 5000
    red = brightness(numbers(REGION_BGR[2], contract.low) ** 2, contract.low)
    blue = brightness(1 / (1 + np.exp(-20 * fed(contract.rule, measure(photo))[3])), contract.low)
    assert_allclose(shown[:, 2], red, atol=1)
    assert_allclose(shown[:, 0], blue, atol=1.5)


@pytest.mark.parametrize("name", list(CONTRACTS))
def test_the_networks_points_land_on_the_points_of_the_face(studio: Studio, name: str) -> None:
    contract = CONTRACTS[name]
    face = studio.face(contract)
    swapper = studio.swapper(name)
    patch = swapper.render(REGION, face, swapper.prepare([studio.photo((9, 9, 9))]))
    checked = 0
    for x, y in face.points5:
        left, top = round(float(x)) - 8, round(float(y)) - 8
        window = slice(top, top + 17), slice(left, left + 17)
        if (patch.mask[window] < 255).any():
            continue  # hyperswap's own mask hides half of the face
        light = patch.pixels[window][..., 1].astype(float)
        rows, columns = np.mgrid[0:17, 0:17]
        center = left + (light * columns).sum() / light.sum(), top + (light * rows).sum() / light.sum()
        assert center == pytest.approx((x, y), abs=0.35)
        assert light.max() > 200
        checked += 1
    assert checked == (2 if contract.has_mask else 5)


def test_the_tests_know_every_swapper() -> None:
    assert set(CONTRACTS) == set(SWAP_MODELS)


def test_a_half_precision_graph_gives_the_same_face(studio: Studio) -> None:
    face = studio.face(INSWAPPER)
    patches = []
    for name, half in (("inswapper_128", False), ("inswapper_128_fp16", True)):
        swapper = studio.swapper(name, half=half)
        patches.append(swapper.render(REGION, face, swapper.prepare([studio.photo((9, 90, 9))])))
    assert_allclose(patches[0].pixels.astype(int), patches[1].pixels.astype(int), atol=2)


def test_nothing_outside_the_mask_changes_and_the_feather_ends_inside_the_crop(studio: Studio) -> None:
    region = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    swapper = studio.swapper("inswapper_128")
    patch = swapper.render(region, studio.face(INSWAPPER), swapper.prepare([studio.photo((9, 9, 9))]))
    untouched = patch.mask == 0
    assert_array_equal(patch.pixels[untouched], region[untouched])
    assert 0.15 < np.mean(~untouched) < 0.6
    assert patch.pixels.shape == region.shape
    assert patch.mask.shape == (HEIGHT, WIDTH)


def test_hyperswaps_own_mask_hides_what_it_says(studio: Studio) -> None:
    face = studio.face(HYPERSWAP)
    swapper = studio.swapper("hyperswap_1a_256")
    patch = swapper.render(REGION, face, swapper.prepare([studio.photo((9, 9, 9))]))
    left_eye, right_eye = np.rint(face.points5[:2]).astype(int)
    assert patch.mask[left_eye[1], left_eye[0]] == 0
    assert patch.mask[right_eye[1], right_eye[0]] == 255


def test_what_the_masks_hide_stays(studio: Studio) -> None:
    class LowerHalf:
        def visible(self, region: BgrImage, face: Face) -> GreyImage:
            seen = np.zeros(region.shape[:2], dtype=np.uint8)
            seen[HEIGHT // 2 :] = 255
            return seen

    swapper = studio.swapper("inswapper_128", masks=[LowerHalf()])
    patch = swapper.render(REGION, studio.face(INSWAPPER), swapper.prepare([studio.photo((9, 9, 9))]))
    assert not patch.mask[: HEIGHT // 2].any()
    assert patch.mask[HEIGHT // 2 :].any()


# --- several photos -----------------------------------------------------------------------------------


def test_several_photos_count_alike_however_long_their_vectors_are(studio: Studio) -> None:
    colours = [(0, 0, 0), (250, 240, 10), (120, 30, 200)]
    identity = studio.swapper("hyperswap_1a_256").prepare([studio.photo(c) for c in colours])
    measures = [measure(c) for c in colours]
    lengths = [float(np.linalg.norm(m)) for m in measures]
    assert max(lengths) > 1.15 * min(lengths)
    mean = np.mean([m / np.linalg.norm(m) for m in measures], axis=0)
    assert_allclose(identity.embedding.vector, mean / np.linalg.norm(mean), atol=1e-4)
    assert identity.photos_used == 3


def test_a_converter_is_given_a_vector_of_the_length_it_was_trained_with(studio: Studio) -> None:
    identity = studio.swapper("hififace_unofficial_256").prepare([studio.photo((90, 160, 30))])
    assert_allclose(identity.vector, fed("converted", measure((90, 160, 30))), atol=1e-4)


def test_no_photo_is_no_identity(studio: Studio) -> None:
    with pytest.raises(NoFace):
        studio.swapper("inswapper_128").prepare([])


# --- pixel boost --------------------------------------------------------------------------------------


def shapes_of_runs(swapper: NeuralSwapper, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The shapes of what each run of one rendering was fed."""
    assert studio.session is not None
    seen: list[Any] = []
    run = studio.session.run

    def recording(feeds: Any) -> Any:
        seen.append((feeds["target"].shape, feeds["source"].shape))
        return run(feeds)

    source = swapper.prepare([studio.photo((9, 9, 9))])
    monkeypatch.setattr(studio.session, "run", recording)
    swapper.render(REGION, studio.face(INSWAPPER), source)
    return seen


@pytest.mark.parametrize(("boost", "tiles"), [(0, 1), (256, 4), (512, 16), (1024, 64)])
def test_all_tiles_go_through_in_one_call(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, boost: int, tiles: int
) -> None:
    swapper = studio.swapper("inswapper_128", pixel_boost_px=boost)
    assert shapes_of_runs(swapper, studio, monkeypatch) == [((tiles, 3, 128, 128), (tiles, 512))]


def test_a_graph_of_fixed_batch_gets_its_tiles_one_by_one(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    swapper = studio.swapper("inswapper_128", batch=1, pixel_boost_px=256)
    assert shapes_of_runs(swapper, studio, monkeypatch) == [((1, 3, 128, 128), (1, 512))] * 4


@pytest.mark.parametrize("batch", ["n", 1])
def test_a_boost_keeps_detail_that_one_tile_loses(studio: Studio, batch: int | str) -> None:
    region = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    region[np.arange(HEIGHT) % 6 < 3] = (0, 0, 255)  # red lines of 3 px, which one tile of 1.7 px smears
    face = studio.face(INSWAPPER)
    contrast = []
    for boost in (0, 512):
        swapper = studio.swapper("inswapper_128", batch=batch, pixel_boost_px=boost)
        patch = swapper.render(region, face, swapper.prepare([studio.photo((9, 9, 9))]))
        full = patch.mask == 255
        difference = patch.pixels[..., 2].astype(int) - region[..., 2]
        contrast.append(float(np.abs(difference[full]).mean()))
    assert contrast[1] < 0.65 * contrast[0]  # two bilinear resamplings remain


def test_a_boosted_mask_is_joined_like_its_picture(studio: Studio) -> None:
    swapper = studio.swapper("hyperswap_1a_256", pixel_boost_px=512)
    patch = swapper.render(REGION, studio.face(HYPERSWAP), swapper.prepare([studio.photo((9, 9, 9))]))
    plain = studio.swapper("hyperswap_1a_256").render(
        REGION, studio.face(HYPERSWAP), swapper.prepare([studio.photo((9, 9, 9))])
    )
    assert np.mean(np.abs(patch.mask.astype(int) - plain.mask)) < 1.0


# --- contracts ----------------------------------------------------------------------------------------


def test_an_answer_of_another_size_is_refused(studio: Studio, tmp_path: Path, session: Load) -> None:
    graph = write_graph(
        tmp_path / "odd.onnx",
        [("MaxPool", ["target"], ["output"], {"kernel_shape": [2, 2], "strides": [2, 2]})],
        inputs={"target": ("n", 3, 256, 256), "source": ("n", 512)},
        outputs={"output": ("n", 3, 128, 128)},
    )
    model = swap_model("hyperswap_1a_256")
    encoder = ArcFaceEncoder(session(arcface_graph(tmp_path / "arcface.onnx")))
    swapper = NeuralSwapper(model, session(graph), encoder, source_vector_of(model, graph, None))
    with pytest.raises(InvalidModelOutput, match="128"):
        swapper.render(REGION, studio.face(HYPERSWAP), swapper.prepare([studio.photo((9, 9, 9))]))


def test_the_swapper_owns_up_to_being_generative_and_remembers_nothing(studio: Studio) -> None:
    swapper = studio.swapper("inswapper_128")
    source = swapper.prepare([studio.photo((9, 9, 9))])
    face, memory = studio.face(INSWAPPER), swapper.remember()
    first = swapper.render(REGION, face, source, memory)
    assert swapper.is_generative
    assert_array_equal(first.pixels, swapper.render(REGION, face, source, memory).pixels)


def test_the_margin_holds_the_whole_crop_of_every_template(template_points: Template) -> None:
    """A face's box spans about 2.1 eye distances; the crop's corners must lie in the region that is read."""
    from steadfast.faces.neural.swapper import _MARGIN

    for name in ("arcface_128", "mtcnn_512", "ffhq_512"):
        points = template_points(name, 1)
        eye_distance = float(np.linalg.norm(points[1] - points[0]))
        assert _MARGIN * 2.1 * eye_distance >= 1.0


def test_an_unknown_swapper_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidOption) as caught:
        swap_model("simswap")
    assert "inswapper_128_fp16" in caught.value.remedy
