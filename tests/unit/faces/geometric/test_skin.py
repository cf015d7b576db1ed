import numpy as np
import pytest

from steadfast.faces.geometric.skin import measure_skin, skin_likeness, to_lab
from steadfast.media.canvas import BgrImage

EVERYWHERE = np.ones((40, 40), dtype=np.float32)
TONES = {"pale": (170, 190, 225), "brown": (75, 105, 160), "dark": (35, 50, 85)}


def patch(colour: tuple[int, int, int]) -> BgrImage:
    noise = np.random.default_rng(0).normal(0, 3, (40, 40, 3))
    return np.asarray(np.clip(np.array(colour) + noise, 0, 255), dtype=np.uint8)


@pytest.mark.parametrize("tone", TONES)
def test_skin_of_any_tone_is_like_itself_and_unlike_hair_and_cloth(tone: str) -> None:
    lab = to_lab(patch(TONES[tone]))
    skin = measure_skin(lab, EVERYWHERE)
    assert skin is not None
    assert skin_likeness(lab, skin).mean() > 0.95
    for other in ((12, 10, 10), (160, 60, 20), (40, 160, 40)):
        assert skin_likeness(to_lab(patch(other)), skin).mean() < 0.1


def test_a_cheek_in_the_shade_of_its_own_face_is_still_skin() -> None:
    skin = measure_skin(to_lab(patch(TONES["pale"])), EVERYWHERE)
    assert skin is not None
    shaded = np.asarray(patch(TONES["pale"]) * 0.75, dtype=np.uint8)
    assert skin_likeness(to_lab(shaded), skin).mean() > 0.8


def test_a_few_pixels_do_not_tell_what_skin_is() -> None:
    core = np.zeros_like(EVERYWHERE)
    core[0, :5] = 1
    assert measure_skin(to_lab(patch(TONES["pale"])), core) is None
