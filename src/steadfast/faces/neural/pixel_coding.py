"""Pixels as networks want them: planes of red, green and blue as floats, and back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadfast.media.canvas import BgrImage

Planes = NDArray[np.float32]
"""N × 3 × height × width, RGB."""

BgrBatch = NDArray[np.uint8]
"""N × height × width × 3, BGR, 0–255."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelCoding:
    """The numbers a network computes on: (value / 255 − mean) / deviation, for red, green and blue."""

    mean: tuple[float, float, float]  # RGB, fractions of full brightness
    deviation: tuple[float, float, float]  # RGB

    def encode(self, images: BgrBatch) -> Planes:
        """A batch of BGR pictures as RGB planes."""
        scale, shift = self._slope()
        rgb = images[..., ::-1].astype(np.float32) * scale + shift
        return np.ascontiguousarray(rgb.transpose(0, 3, 1, 2))

    def encode_one(self, image: BgrImage) -> Planes:
        """One BGR picture as 1 × 3 × height × width."""
        return self.encode(image[None])

    def decode(self, planes: Planes) -> BgrBatch:
        """RGB planes as BGR pictures, clipped and rounded."""
        scale, shift = self._slope()
        rgb = (planes.transpose(0, 2, 3, 1) - shift) / scale
        return np.ascontiguousarray(np.rint(np.clip(rgb, 0, 255))[..., ::-1]).astype(np.uint8)

    def _slope(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        mean = np.array(self.mean, dtype=np.float32)
        deviation = np.array(self.deviation, dtype=np.float32)
        return np.float32(1 / 255) / deviation, -mean / deviation


UNIT = PixelCoding(mean=(0, 0, 0), deviation=(1, 1, 1))
"""0 … 1."""

SIGNED = PixelCoding(mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.5, 0.5))
"""−1 … 1."""

SCRFD = PixelCoding(mean=(0.5, 0.5, 0.5), deviation=(128 / 255, 128 / 255, 128 / 255))
"""(value − 127.5) / 128."""

IMAGENET = PixelCoding(mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225))
"""The statistics of ImageNet."""
