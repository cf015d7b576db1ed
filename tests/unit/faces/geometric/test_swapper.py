from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from tests.unit.faces.geometric.drawn_faces import (
    BACKGROUND,
    DARK,
    PALE,
    close_mouth,
    draw_face,
    face_at,
    layout_points,
)

from steadfast.errors import FaceTooSmall, InvalidOption
from steadfast.faces.face import Face, Points, Topology
from steadfast.faces.geometric import GeometricSwapper
from steadfast.faces.roles import Patch, SourceIdentity, SourcePhoto, SwapMemory
from steadfast.media.canvas import BgrImage

TOPOLOGIES = (Topology.IBUG_68, Topology.MEDIAPIPE_468)
SCALE = 0.17
swapper = GeometricSwapper()


def open_points(topology: Topology) -> Points:
    return layout_points(topology, 15, 20, SCALE)


def closed_points(topology: Topology) -> Points:
    return close_mouth(open_points(topology), topology)


def person(topology: Topology, skin: tuple[int, int, int], points: Points) -> tuple[BgrImage, Face]:
    return draw_face(points, topology, skin), face_at(points, topology)


def source_of(image: BgrImage, face: Face) -> SourceIdentity:
    return swapper.prepare([SourcePhoto(image=image, face=face)])


def cheek(face: Face) -> tuple[slice, slice]:
    """A patch of skin between nose and jaw."""
    x, y = (face.points5[0] + face.points5[3]) / 2 - (8, 0)
    return slice(int(y) - 4, int(y) + 5), slice(int(x) - 4, int(x) + 5)


def mouth(face: Face) -> tuple[slice, slice]:
    x, y = (face.points5[3] + face.points5[4]) / 2
    return slice(int(y) - 2, int(y) + 3), slice(int(x) - 4, int(x) + 5)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_pixels_outside_the_mask_stay_bit_identical(topology: Topology) -> None:
    image, face = person(topology, PALE, closed_points(topology))
    patch = swapper.render(image, face, source_of(*person(topology, DARK, closed_points(topology))))
    outside = patch.mask == 0
    assert patch.mask.any()
    assert (patch.pixels[outside] == image[outside]).all()
    assert outside[:8].all()


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_face_given_to_itself_changes_little(topology: Topology) -> None:
    image, face = person(topology, PALE, closed_points(topology))
    patch = swapper.render(image, face, source_of(image, face))
    inside = patch.mask > 0
    assert np.abs(patch.pixels[inside].astype(int) - image[inside]).mean() < 3


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_skin_of_another_tone_takes_the_targets(topology: Topology) -> None:
    image, face = person(topology, DARK, closed_points(topology))
    patch = swapper.render(image, face, source_of(*person(topology, PALE, closed_points(topology))))
    there = cheek(face)
    assert (patch.mask[there] > 0).all()
    assert np.abs(patch.pixels[there].mean(axis=(0, 1)) - image[there].mean(axis=(0, 1))).max() < 8


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_teeth_of_an_open_target_are_kept_when_the_source_has_its_mouth_closed(topology: Topology) -> None:
    image, face = person(topology, PALE, open_points(topology))
    patch = swapper.render(image, face, source_of(*person(topology, DARK, closed_points(topology))))
    there = mouth(face)
    assert np.abs(patch.pixels[there].astype(int) - image[there]).max() <= 12


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_closed_mouth_shows_no_teeth_of_a_smiling_source(topology: Topology) -> None:
    image, face = person(topology, PALE, closed_points(topology))
    patch = swapper.render(image, face, source_of(*person(topology, PALE, open_points(topology))))
    assert patch.pixels[mouth(face)].min(axis=2).max() < 190


def test_features_land_where_the_target_has_them() -> None:
    topology = Topology.MEDIAPIPE_468
    image, face = person(topology, PALE, closed_points(topology))
    smaller = close_mouth(layout_points(topology, 40, 60, 0.12), topology)
    patch = swapper.render(image, face, source_of(*person(topology, PALE, smaller)))
    for x, y in face.points5[:2]:
        pupil = patch.pixels[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4]
        assert pupil.min() < 90


def test_hair_over_the_forehead_stays_in_front() -> None:
    topology = Topology.MEDIAPIPE_468
    image, face = person(topology, PALE, closed_points(topology))
    image[: int(face.box.top) + 18] = (25, 20, 15)
    patch = swapper.render(image, face, source_of(*person(topology, DARK, closed_points(topology))))
    fringe = slice(int(face.box.top), int(face.box.top) + 12), slice(80, 120)
    assert np.abs(patch.pixels[fringe].astype(int) - image[fringe]).max() <= 8


def test_a_hat_of_the_source_never_reaches_the_target() -> None:
    topology = Topology.MEDIAPIPE_468
    worn, wearer = person(topology, PALE, closed_points(topology))
    worn[: int(wearer.box.top) + 18] = (15, 10, 10)
    image, face = person(topology, PALE, closed_points(topology))
    patch = swapper.render(image, face, source_of(worn, wearer))
    forehead = slice(int(face.box.top) + 4, int(face.box.top) + 14), slice(80, 120)
    assert patch.pixels[forehead].min() > 100


def frames_of_a_hand(topology: Topology) -> tuple[list[BgrImage], Face, tuple[slice, slice]]:
    """Ten frames of a face, then three with a skin-coloured hand coming in from below over the chin."""
    image, face = person(topology, PALE, closed_points(topology))
    x, y = face.landmarks.points[152]
    covered = image.copy()
    cv2.rectangle(covered, (int(x) - 20, int(y) - 18), (int(x) + 20, int(y) + 30), (120, 135, 190), -1)
    for offset in (-10, 0, 10):
        cv2.line(covered, (int(x) + offset, int(y) - 18), (int(x) + offset, int(y) + 30), (80, 90, 140), 2)
    there = slice(int(y) - 13, int(y) - 3), slice(int(x) - 15, int(x) + 16)
    return [image] * 10 + [covered] * 3, face, there


def test_a_hand_that_comes_before_the_face_stays_in_front() -> None:
    topology = Topology.MEDIAPIPE_468
    frames, face, there = frames_of_a_hand(topology)
    source, memory = source_of(*person(topology, DARK, closed_points(topology))), swapper.remember()
    patches = [swapper.render(frame, face, source, memory) for frame in frames]
    assert (patches[9].mask[there] > 0).all()
    for patch in patches[10:]:
        assert np.abs(patch.pixels[there].astype(int) - frames[-1][there]).mean() < 3


def test_the_face_is_exchanged_again_when_the_hand_is_gone() -> None:
    topology = Topology.MEDIAPIPE_468
    frames, face, there = frames_of_a_hand(topology)
    source, memory = source_of(*person(topology, DARK, closed_points(topology))), swapper.remember()
    for frame in [*frames, *[frames[0]] * 10]:
        patch = swapper.render(frame, face, source, memory)
    before = swapper.render(frames[0], face, source, swapper.remember())
    assert np.abs(patch.pixels[there].astype(int) - before.pixels[there]).mean() < 3


def test_an_occluder_says_what_stays_in_front() -> None:
    class RightHalf:
        def visible(self, region: BgrImage, face: Face) -> Any:
            seen = np.full(region.shape[:2], 255, dtype=np.uint8)
            seen[:, region.shape[1] // 2 :] = 0
            return seen

    topology = Topology.IBUG_68
    image, face = person(topology, PALE, closed_points(topology))
    source = source_of(*person(topology, DARK, closed_points(topology)))
    patch = GeometricSwapper(occluder=RightHalf()).render(image, face, source)
    assert patch.mask[:, :90].any()
    assert (patch.pixels[:, 115:] == image[:, 115:]).all()


def test_the_same_input_gives_the_same_bits() -> None:
    topology = Topology.MEDIAPIPE_468
    frames, face, _ = frames_of_a_hand(topology)

    def run() -> list[Patch]:
        source, memory = source_of(*person(topology, DARK, closed_points(topology))), swapper.remember()
        return [swapper.render(frame, face, source, memory) for frame in frames]

    for one, other in zip(run(), run(), strict=True):
        assert (one.pixels == other.pixels).all()
        assert (one.mask == other.mask).all()


def test_several_photos_average_into_one_identity() -> None:
    topology = Topology.MEDIAPIPE_468
    photos = []
    for number, skin in enumerate(((150, 170, 205), (190, 210, 245))):
        image, face = person(topology, skin, closed_points(topology))
        assert face.embedding is not None
        vector = np.eye(128, dtype=np.float32)[number]
        photos.append(
            SourcePhoto(image=image, face=replace(face, embedding=replace(face.embedding, vector=vector)))
        )
    source = swapper.prepare(photos)
    assert source.photos_used == 2
    assert source.embedding.vector[:2] == pytest.approx([0.7071, 0.7071], abs=1e-3)


@pytest.mark.parametrize(
    "points",
    [
        layout_points(Topology.MEDIAPIPE_468, -60, -80, SCALE),
        layout_points(Topology.MEDIAPIPE_468, 120, 150, SCALE),
        layout_points(Topology.MEDIAPIPE_468, 900, 900, SCALE),
        layout_points(Topology.MEDIAPIPE_468, 90, 90, 0.028),
        layout_points(Topology.MEDIAPIPE_468, 90, 90, 0.004),
        layout_points(Topology.MEDIAPIPE_468, 20, 20, SCALE) * np.array((0.25, 1), dtype=np.float32),
        np.full((468, 2), 100, dtype=np.float32),
        np.full((468, 2), np.nan, dtype=np.float32),
        layout_points(Topology.MEDIAPIPE_468, 20, 20, SCALE)[::-1].copy(),
        np.random.default_rng(3).uniform(-50, 250, (468, 2)).astype(np.float32),
    ],
    ids=["cut-off", "corner", "outside", "tiny", "dot", "narrow", "one-point", "nan", "scrambled", "noise"],
)
@pytest.mark.parametrize("remembered", [False, True])
def test_faces_that_cannot_be_drawn_leave_the_region_sound(points: Points, remembered: bool) -> None:
    topology = Topology.MEDIAPIPE_468
    image, good = person(topology, PALE, closed_points(topology))
    source = source_of(*person(topology, DARK, closed_points(topology)))
    memory: SwapMemory | None = swapper.remember() if remembered else None
    face = replace(good, landmarks=replace(good.landmarks, points=points))
    for _ in range(2):
        patch = swapper.render(image, face, source, memory)
        assert patch.pixels.shape == image.shape
        assert (patch.pixels[patch.mask == 0] == image[patch.mask == 0]).all()


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), BACKGROUND])
def test_a_region_of_one_colour_is_swapped_without_error(colour: tuple[int, int, int]) -> None:
    topology = Topology.IBUG_68
    _, face = person(topology, PALE, closed_points(topology))
    image = np.full((220, 200, 3), colour, dtype=np.uint8)
    patch = swapper.render(image, face, source_of(*person(topology, DARK, closed_points(topology))))
    assert patch.pixels.dtype == np.uint8


def test_a_source_too_small_to_give_is_refused() -> None:
    topology = Topology.IBUG_68
    points = layout_points(topology, 50, 50, 0.012)
    with pytest.raises(FaceTooSmall):
        source_of(draw_face(points, topology, PALE), face_at(points, topology))


def test_source_and_target_of_two_engines_are_refused() -> None:
    image, face = person(Topology.IBUG_68, PALE, closed_points(Topology.IBUG_68))
    source = source_of(*person(Topology.MEDIAPIPE_468, DARK, closed_points(Topology.MEDIAPIPE_468)))
    with pytest.raises(InvalidOption, match="different engines"):
        swapper.render(image, face, source)


def test_no_generator_is_claimed() -> None:
    assert not swapper.is_generative
    assert swapper.margin >= 1.4
