"""Real faces for tests of real models."""

from pathlib import Path

import cv2
import numpy as np

from steadfast.media.canvas import BgrImage


def load(path: Path) -> BgrImage:
    """A picture that must be there."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, dtype=np.uint8)


def mirrored(image: BgrImage) -> BgrImage:
    """The picture as in a mirror."""
    return np.ascontiguousarray(image[:, ::-1])


def turned(image: BgrImage, clockwise_deg: float, *, about: tuple[float, float]) -> BgrImage:
    """The picture turned clockwise, in a frame of the same size."""
    matrix = cv2.getRotationMatrix2D(about, -clockwise_deg, 1)
    return np.asarray(cv2.warpAffine(image, matrix, (image.shape[1], image.shape[0])), dtype=np.uint8)


class FolderOfModels:
    """Model files in one folder, by their names; what the model store is elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def require(self, name: str) -> Path:
        """The file of the model."""
        return self._folder / f"{name}.onnx"
