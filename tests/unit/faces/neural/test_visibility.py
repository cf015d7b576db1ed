"""What may change of a face: XSeg keeps what lies before it, BiSeNet what is no face."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from steadfast.faces.face import Face, Points
from steadfast.faces.neural.visibility import (
    FACE_CLASSES,
    BiSeNetRegions,
    XSegOccluder,
    seen_by_all,
    soften_inwards,
)
from steadfast.inference.sessions import ModelSession
from steadfast.inference.testing import write_graph
from steadfast.media.canvas import BgrImage, GreyImage

Load = Callable[[Path], ModelSession]
SIZE = (420, 460)  # height, width of the region

SKIN_BGR = (51, 102, 204)
# One colour per class of CelebAMask-HQ, near enough to each other that other numbers mean another class.
CLASS_BGR = [(90 + 6 * k, 200 - 6 * k, 60 + 9 * (k % 7)) for k in range(19)]
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def xseg_graph(path: Path) -> Path:
    """Sees face where a pixel, channels last, is the skin's colour in BGR from 0 to 1."""
    return write_graph(
        path,
        [
            ("Sub", ["input", "skin"], ["diff"], {}),
            ("Abs", ["diff"], ["abs"], {}),
            ("ReduceSum", ["abs", "channels"], ["off"], {}),
            ("Mul", ["off", "steepness"], ["less"], {}),
            ("Add", ["less", "one"], ["output"], {}),  # below 0 where it is no skin: to be clipped
        ],
        inputs={"input": ("n", 256, 256, 3)},
        outputs={"output": ("n", 256, 256, 1)},
        constants={
            "skin": np.array(SKIN_BGR, dtype=np.float32) / 255,
            "channels": np.array([3]),
            "steepness": np.array([-40], dtype=np.float32),
            "one": np.array([1], dtype=np.float32),
        },
    )


def bisenet_graph(path: Path) -> Path:
    """Each of 19 classes is as likely as the pixel is near its colour, in ImageNet's numbers."""
    rgb = np.array(CLASS_BGR, dtype=np.float32)[:, ::-1] / 255
    numbers = ((rgb - IMAGENET_MEAN) / IMAGENET_DEVIATION).astype(np.float32)
    return write_graph(
        path,
        [("Conv", ["input", "colours", "lengths"], ["output"], {})],
        inputs={"input": ("n", 3, 512, 512)},
        outputs={"output": ("n", 19, 512, 512)},
        constants={"colours": (2 * numbers).reshape(19, 3, 1, 1), "lengths": -(numbers**2).sum(axis=1)},
    )


@pytest.fixture
def face(
    template_points: Callable[[str, int], Points],
    placed: Callable[..., Points],
    face_at: Callable[[Points], Face],
) -> Face:
    """A face whose arcface crop has its centre in the middle of the region."""
    return face_at(placed(template_points("arcface_128", 128), degrees=20.0, scale=1.5, shift=(170, 80)))


def painted(colour: tuple[int, int, int]) -> BgrImage:
    return np.full((*SIZE, 3), colour, dtype=np.uint8)


def middle(visible: GreyImage, face: Face, reach: int = 12) -> GreyImage:
    x, y = (int(v) for v in face.points5.mean(axis=0))
    return visible[y - reach : y + reach, x - reach : x + reach]


def test_a_free_face_is_seen_and_the_background_is_not(tmp_path: Path, session: Load, face: Face) -> None:
    occluder = XSegOccluder(session(xseg_graph(tmp_path / "x.onnx")))
    visible = occluder.visible(painted(SKIN_BGR), face)
    assert visible.shape == SIZE
    assert visible.dtype == np.uint8
    assert (middle(visible, face) == 255).all()
    assert (visible[:20] == 0).all()  # outside the crop nothing is known to be face


@pytest.mark.parametrize("colour", [SKIN_BGR[::-1], (51, 102, 194), (0, 0, 0)])
def test_what_is_not_skin_covers_the_face(
    tmp_path: Path, session: Load, face: Face, colour: tuple[int, int, int]
) -> None:
    occluder = XSegOccluder(session(xseg_graph(tmp_path / "x.onnx")))
    assert (middle(occluder.visible(painted(colour), face), face) == 0).all()


def test_a_hand_over_one_half_hides_that_half_where_it_is(tmp_path: Path, session: Load, face: Face) -> None:
    occluder = XSegOccluder(session(xseg_graph(tmp_path / "x.onnx")))
    region = painted(SKIN_BGR)
    x, y = (int(v) for v in face.points5.mean(axis=0))
    region[:, :x] = (200, 30, 30)
    visible = occluder.visible(region, face)
    assert (visible[y - 10 : y + 10, x - 40 : x - 1] == 0).all()  # nothing of the hand, not even softly
    assert (visible[y - 10 : y + 10, x + 16 : x + 40] > 240).all()


@pytest.mark.parametrize("template", ["arcface_128", "ffhq_512"])
def test_each_network_sees_the_square_of_its_own_template(
    tmp_path: Path,
    session: Load,
    template_points: Callable[[str, int], Points],
    placed: Callable[..., Points],
    face_at: Callable[[Points], Face],
    template: str,
) -> None:
    place = {"degrees": 20.0, "scale": 1.5, "shift": (170, 80)}
    face = face_at(placed(template_points(template, 128), **place))
    if template == "arcface_128":
        visible = XSegOccluder(session(xseg_graph(tmp_path / "x.onnx"))).visible(painted(SKIN_BGR), face)
    else:
        regions = BiSeNetRegions(session(bisenet_graph(tmp_path / "b.onnx")))
        visible = regions.visible(painted(CLASS_BGR[1]), face)
    rows, columns = np.nonzero(visible > 127)
    # All of the crop counts as face, so what is visible is the crop: its side, and its centre.
    assert np.sqrt(len(rows)) == pytest.approx(1.5 * 128, abs=3)
    center = placed(np.array([[63.5, 63.5]], dtype=np.float32), **place)[0]
    assert (columns.mean(), rows.mean()) == pytest.approx(tuple(center), abs=1)


@pytest.mark.parametrize("label", range(19))
def test_each_class_of_the_parser_is_face_or_not_as_its_name_says(
    tmp_path: Path, session: Load, face: Face, label: int
) -> None:
    regions = BiSeNetRegions(session(bisenet_graph(tmp_path / "b.onnx")))
    visible = middle(regions.visible(painted(CLASS_BGR[label]), face), face)
    # skin, brows, eyes, glasses, nose, mouth, lips — not background, ears, neck, cloth, hair, hat
    assert (visible == (255 if label in {1, 2, 3, 4, 5, 6, 10, 11, 12, 13} else 0)).all()


def test_classes_are_told_in_imagenets_numbers(tmp_path: Path, session: Load, face: Face) -> None:
    """Between two classes, a pixel goes to the nearer one; other numbers would shift the border."""
    regions = BiSeNetRegions(session(bisenet_graph(tmp_path / "b.onnx")), classes=(5,))
    own, other = np.array(CLASS_BGR[5], dtype=float), np.array(CLASS_BGR[6], dtype=float)
    near = own + 0.35 * (other - own)
    visible = regions.visible(painted(tuple(np.rint(near).astype(int))), face)
    assert (middle(visible, face) == 255).all()
    assert FACE_CLASSES.count(5) == 1


def test_the_softened_edge_lies_inside() -> None:
    mask = np.zeros((256, 256), dtype=np.float32)
    mask[:, 128:] = 1
    soft = soften_inwards(mask)
    assert (soft[:, :128] == 0).all()
    assert_allclose(soft[:, 160:], 1, atol=0.01)
    assert (np.diff(soft[100]) >= -1e-6).all()


def test_what_any_mask_hides_is_hidden(face: Face) -> None:
    class Half:
        def __init__(self, left: int, right: int) -> None:
            self.values = np.repeat(np.array([[left, right]], dtype=np.uint8), 3, axis=0)

        def visible(self, region: BgrImage, face: Face) -> GreyImage:
            return self.values

    region = np.zeros((3, 2, 3), dtype=np.uint8)
    both = seen_by_all((Half(255, 10), Half(30, 200)), region, face)
    assert both is not None
    assert_array_equal(both, np.repeat([[30, 10]], 3, axis=0))
    assert seen_by_all((), region, face) is None
