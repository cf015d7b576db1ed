"""2DFAN4: 68 points as peaks of heat maps."""

import numpy as np
from numpy.typing import NDArray

from steadfast.errors import InvalidModelOutput
from steadfast.faces.face import Detection, Landmarks, Points, Topology
from steadfast.faces.neural.pixel_coding import UNIT
from steadfast.faces.topology import IBUG_68
from steadfast.faces.upright_crop import UprightCrop, crop_around_detection, crop_around_points
from steadfast.inference.sessions import ModelSession
from steadfast.media.canvas import BgrImage

INPUT_PX = 256
POINTS = 68
_REFERENCE_PX = 195.0  # the longer side of a face's box in the crops the network was trained on
_BROWS_TO_BOX = 1.2  # a detector's box reaches above the brows, where the 68 points end
_SURE_PEAK = 0.9  # the mean peak of an unmistakable face


class Fan68Landmarker:
    """A `Landmarker` on `2dfan4` (Bulat & Tzimiropoulos, "How far are we from solving the 2D & 3D Face
    Alignment problem?"), which its authors trained on RGB."""

    def __init__(self, session: ModelSession, *, min_presence: float = 0.3) -> None:
        self._session = session
        self._min_presence = min_presence

    @property
    def topology(self) -> Topology:
        """Of every answer."""
        return Topology.IBUG_68

    def locate(self, image: BgrImage, hint: Detection | Landmarks) -> Landmarks | None:
        """The points of the face at `hint` in the pixels of `image`; None where the network sees no face."""
        crop = crop_of(hint)
        if crop is None:
            return None
        answers = self._session.run({self._session.input_names[0]: UNIT.encode_one(crop.cut(image))})
        points, peaks = decode_heatmaps(_heatmaps(answers, self._session.name))
        presence = float(np.clip(peaks.mean() / _SURE_PEAK, 0, 1))
        if presence < self._min_presence:
            return None
        return Landmarks(topology=self.topology, points=crop.to_image(points), depth=None, presence=presence)


def crop_of(hint: Detection | Landmarks) -> UprightCrop | None:
    """Where the network looks for the face of this hint; None where the hint has no extent."""
    factor = INPUT_PX / _REFERENCE_PX
    if isinstance(hint, Detection):
        return crop_around_detection(hint, factor=factor, size_px=INPUT_PX)
    corners = (IBUG_68.left_eye_corners[0], IBUG_68.right_eye_corners[1])
    eyes = hint.points[list(corners)]
    return crop_around_points(hint.points, eyes=eyes, factor=factor * _BROWS_TO_BOX, size_px=INPUT_PX)


def decode_heatmaps(heatmaps: NDArray[np.float32]) -> tuple[Points, NDArray[np.float32]]:
    """68 × 2 px of the crop, and the 68 peaks, from 68 × side × side maps.

    Each point is the centre of gravity of the 5 × 5 cells around its map's peak; a cell covers several
    pixels, whose centres lie on whole numbers.
    """
    count, side, _ = heatmaps.shape
    flat = heatmaps.reshape(count, -1)
    best = flat.argmax(axis=1)
    peak_y, peak_x = best // side, best % side
    reach = np.arange(-2, 3)
    y = np.clip(peak_y[:, None] + reach, 0, side - 1)  # 68 × 5
    x = np.clip(peak_x[:, None] + reach, 0, side - 1)
    heat = np.clip(heatmaps[np.arange(count)[:, None, None], y[:, :, None], x[:, None, :]], 0, None)
    total = np.maximum(heat.sum(axis=(1, 2)), 1e-9)
    cells = np.stack(
        ((heat.sum(axis=1) * x).sum(axis=1) / total, (heat.sum(axis=2) * y).sum(axis=1) / total), axis=1
    )
    pixels = (cells + 0.5) * (INPUT_PX / side) - 0.5
    return pixels.astype(np.float32), flat.max(axis=1)


def _heatmaps(answers: dict[str, NDArray[np.float32]], model: str) -> NDArray[np.float32]:
    """The one output of 1 × 68 × side × side; its name differs between exports."""
    for value in answers.values():
        if value.ndim == 4 and value.shape[1] == POINTS and value.shape[2] == value.shape[3]:
            return np.asarray(value[0], dtype=np.float32)
    raise InvalidModelOutput(f"The model {model} has no output of 1 × {POINTS} heat maps.")
