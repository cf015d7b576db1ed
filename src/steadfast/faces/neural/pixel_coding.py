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
        count, height, width, _ = images.shape
        planes = np.empty((count, 3, height, width), dtype=np.float32)
        for plane, (scale, shift) in enumerate(
            self._slopes()
        ):  # plane by plane: seven times as fast as at once
            np.multiply(images[..., 2 - plane], scale, out=planes[:, plane], dtype=np.float32)
            planes[:, plane] += shift
        return planes

    def encode_one(self, image: BgrImage) -> Planes:
        """One BGR picture as 1 × 3 × height × width."""
        return self.encode(image[None])

    def decode(self, planes: Planes) -> BgrBatch:
        """RGB planes as BGR pictures, clipped and rounded."""
        count, _, height, width = planes.shape
        images = np.empty((count, height, width, 3), dtype=np.uint8)
        for plane, (scale, shift) in enumerate(self._slopes()):
            values = (planes[:, plane] - shift) / scale
            images[..., 2 - plane] = np.rint(np.clip(values, 0, 255))
        return images

    def _slopes(self) -> list[tuple[np.float32, np.float32]]:
        """Factor and summand that take 0–255 to the network's numbers, for red, green and blue."""
        pairs = zip(self.mean, self.deviation, strict=True)
        return [(np.float32(1 / 255 / deviation), np.float32(-mean / deviation)) for mean, deviation in pairs]


UNIT = PixelCoding(mean=(0, 0, 0), deviation=(1, 1, 1))
"""0 … 1."""

SIGNED = PixelCoding(mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.5, 0.5))
"""−1 … 1."""

SCRFD = PixelCoding(mean=(0.5, 0.5, 0.5), deviation=(128 / 255, 128 / 255, 128 / 255))
"""(value − 127.5) / 128."""

IMAGENET = PixelCoding(mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225))
"""The statistics of ImageNet."""
