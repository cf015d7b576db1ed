from dataclasses import replace

import cv2
import numpy as np
import pytest
from tests.unit.faces.geometric.drawn_faces import (
    PALE,
    close_mouth,
    draw_face,
    face_at,
    layout_points,
)

from steadfast.errors import InvalidOption
from steadfast.faces.face import Topology
from steadfast.faces.geometric.source import GeometricSource, prepare_source
from steadfast.faces.roles import SourcePhoto

TOPOLOGY = Topology.MEDIAPIPE_468
OPEN = layout_points(TOPOLOGY, 15, 20, 0.17)


def photo(*, closed: bool = False, sharpness: float = 100.0, yaw_deg: float = 0.0) -> SourcePhoto:
    points = close_mouth(OPEN, TOPOLOGY) if closed else OPEN
    face = face_at(points, TOPOLOGY)
    pose = replace(face.pose, yaw_deg=yaw_deg)
    return SourcePhoto(
        image=draw_face(points, TOPOLOGY, PALE), face=replace(face, sharpness=sharpness, pose=pose)
    )


def alone(taken: SourcePhoto) -> GeometricSource:
    return prepare_source([taken])


def test_the_texture_never_holds_teeth() -> None:
    texture = alone(photo()).textures[0]
    corners = texture.points[[61, 291]].mean(axis=0).astype(int)
    mouth = texture.pixels[corners[1] - 1 : corners[1] + 2, corners[0] - 4 : corners[0] + 5, :3]
    assert mouth.min(axis=2).max() < 150


def test_each_target_gets_the_smallest_texture_with_a_pixel_for_each_of_its_own() -> None:
    source = alone(photo())
    widths = [texture.face_width_px for texture in source.textures]
    assert widths == sorted(widths, reverse=True)
    assert source.texture_for(40).face_width_px >= 36
    assert source.texture_for(40).face_width_px < 60
    assert source.texture_for(10_000) is source.textures[0]


def test_the_dark_between_ear_and_cheek_does_not_come_along() -> None:
    taken = photo(closed=True)
    image = taken.image.copy()
    ear = OPEN[[58, 172]].mean(axis=0).round().astype(int)  # the outline beside the mouth
    cv2.circle(image, (int(ear[0]) + 3, int(ear[1])), 4, (10, 10, 20), -1)
    clean, dirty = alone(taken).textures[0], alone(replace(taken, image=image)).textures[0]
    assert not (image == taken.image).all()
    assert np.abs(dirty.pixels[..., :3].astype(int) - clean.pixels[..., :3]).max() < 60


def test_the_shadow_under_a_fringe_does_not_colour_what_the_fringe_hides() -> None:
    taken = photo(closed=True)
    image = taken.image.copy()
    brow = int(OPEN[:, 1].min()) + 24
    image[: brow - 8] = 0  # the fringe
    image[brow - 8 : brow] = (image[brow - 8 : brow] * 0.75).astype(np.uint8)  # its shadow
    texture = alone(replace(taken, image=image)).textures[0]
    top, cheek = (texture.points[i].astype(int) for i in (10, 50))
    forehead = texture.pixels[top[1] + 2, top[0], :3].astype(int)
    assert forehead.sum() > 0.9 * texture.pixels[cheek[1], cheek[0], :3].sum()


def test_what_a_hat_hides_continues_the_skin() -> None:
    taken = photo(closed=True)
    image = taken.image.copy()
    image[: int(OPEN[:, 1].min()) + 20] = 0
    texture = alone(replace(taken, image=image)).textures[0]
    top = texture.points[10].astype(int)
    assert texture.pixels[top[1] + 4, top[0], :3].min() > 100
    assert texture.pixels[top[1] + 4, top[0], 3] < 50


def test_the_frontal_sharp_photo_gives_the_geometry() -> None:
    blurred, turned, best = photo(sharpness=5), photo(yaw_deg=35), photo(closed=True, sharpness=150)
    source = prepare_source([blurred, turned, best])
    assert source.photos_used == 3
    assert source.landmarks is best.face.landmarks


def test_photos_average_to_less_noise_than_one_has() -> None:
    def noisy(seed: int) -> SourcePhoto:
        taken = photo(closed=True)
        noise = np.random.default_rng(seed).normal(0, 12, taken.image.shape)
        return replace(taken, image=np.asarray(np.clip(taken.image + noise, 0, 255), dtype=np.uint8))

    def roughness(source: GeometricSource) -> float:
        texture = source.textures[0]
        x, y = texture.points[50].astype(int)  # a cheek
        return float(texture.pixels[y - 6 : y + 7, x - 6 : x + 7, :3].astype(float).std(axis=(0, 1)).mean())

    assert roughness(prepare_source([noisy(i) for i in range(5)])) < 0.8 * roughness(alone(noisy(0)))


def test_no_photo_and_no_embedding_are_refused() -> None:
    with pytest.raises(InvalidOption):
        prepare_source([])
    taken = photo()
    with pytest.raises(InvalidOption):
        prepare_source([replace(taken, face=replace(taken.face, embedding=None))])
