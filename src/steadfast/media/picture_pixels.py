"""From whatever a picture file holds to upright BGR."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from steadfast.errors import UnsupportedMedia
from steadfast.media.canvas import BgrImage
from steadfast.media.deep_canvas import DeepImage, upper_bits
from steadfast.media.picture_metadata import orientation_of

Samples = NDArray[np.uint8] | NDArray[np.uint16]

# Else it prints its warnings on damaged files to the terminal.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)

_BITS_PER_SAMPLE = 258  # the TIFF tag
_BAND_PIXELS = 250_000  # what a core keeps in its cache
_PNG_DEPTH_AT = 24  # byte of the bit depth in IHDR, the first chunk
_GREY_MODES = frozenset({"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N"})
_TO_UPRIGHT: dict[int, Callable[[Samples], Any]] = {
    2: lambda a: cv2.flip(a, 1),
    3: lambda a: cv2.rotate(a, cv2.ROTATE_180),
    4: lambda a: cv2.flip(a, 0),
    5: cv2.transpose,
    6: lambda a: cv2.rotate(a, cv2.ROTATE_90_CLOCKWISE),
    7: lambda a: cv2.rotate(cv2.transpose(a), cv2.ROTATE_180),
    8: lambda a: cv2.rotate(a, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Pixels:
    """The decoded samples of a picture."""

    colour: Samples  # height × width × 3, BGR
    alpha: Samples | None = None  # height × width
    is_grey: bool = False
    keeps_profile: bool = True  # whether the file's ICC profile still describes them
    notes: tuple[str, ...] = ()

    @property
    def shallow(self) -> BgrImage:
        """8 bits per channel."""
        deep = self.deep
        return np.asarray(self.colour, dtype=np.uint8) if deep is None else upper_bits(deep)

    @property
    def deep(self) -> DeepImage | None:
        """16 bits per channel, where there are so many."""
        return np.asarray(self.colour, dtype=np.uint16) if self.colour.dtype == np.uint16 else None

    def upright(self, orientation: int) -> "Pixels":
        """Turned and mirrored as EXIF orientation 1–8 asks; any other number is taken for 1."""
        turn = _TO_UPRIGHT.get(orientation)
        if turn is None:
            return self
        alpha = None if self.alpha is None else _samples(turn(self.alpha))
        return replace(self, colour=_samples(turn(self.colour)), alpha=alpha)


def pixels_of(image: Image.Image, data: bytes) -> Pixels:
    """Decodes the image that Pillow opened on `data` and turns it upright.

    CMYK and Lab become sRGB through the embedded profile, where there is one that fits. Raises
    `UnsupportedMedia` for floating-point and 32-bit pictures, and whatever the decoders raise.
    """
    stored_orientation = orientation_of(image)
    image.load()
    orientation = orientation_of(image)  # Pillow turns TIFF while it loads, and only TIFF
    if image.mode in {"F", "I"}:
        raise UnsupportedMedia(
            "Pictures of 32 bits per channel cannot be read.",
            remedy="Export it with 8 or 16 bits per channel.",
        )
    if image.mode.startswith("I;16"):
        grey = Pixels(colour=_three_channels(np.asarray(image).astype(np.uint16)), is_grey=True)
        return grey.upright(orientation)
    if _is_deep(image, data):
        shallow = _shallow_pixels(image).upright(orientation)
        return _deepened(shallow, data, stored_orientation)
    return _shallow_pixels(image).upright(orientation)


def _shallow_pixels(image: Image.Image) -> Pixels:
    is_grey = image.mode in _GREY_MODES
    if image.mode in {"CMYK", "LAB"}:
        return _converted_to_srgb(image)
    if image.has_transparency_data:
        bgra = cv2.cvtColor(np.asarray(image.convert("RGBA")), cv2.COLOR_RGBA2BGRA)
        return Pixels(
            colour=_samples(bgra[..., :3]),
            alpha=_samples(bgra[..., 3]),
            is_grey=is_grey,
            notes=_depth_note(image),
        )
    if is_grey:
        return Pixels(colour=_three_channels(np.asarray(image.convert("L"))), is_grey=True)
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return Pixels(colour=_bgr_of(rgb), notes=_depth_note(image))


def _bgr_of(rgb: Image.Image) -> BgrImage:
    """The samples in bands: as a whole, Pillow would copy them twice before they are turned around."""
    bgr = np.empty((rgb.height, rgb.width, 3), np.uint8)
    rows = max(1, _BAND_PIXELS // rgb.width)
    for top in range(0, rgb.height, rows):
        bottom = min(top + rows, rgb.height)
        band = rgb if rows >= rgb.height else rgb.crop((0, top, rgb.width, bottom))
        cv2.cvtColor(np.asarray(band), cv2.COLOR_RGB2BGR, dst=bgr[top:bottom])
    return bgr


def _depth_note(image: Image.Image) -> tuple[str, ...]:
    depth = image.info.get("bit_depth", 8)  # HEIC says it
    return () if depth == 8 else (f"{depth} bits per channel were reduced to 8.",)


def _converted_to_srgb(image: Image.Image) -> Pixels:
    rgb = _through_profile(image)
    how = "through its profile" if rgb else "without a profile, so colours may be off"
    rgb = rgb or image.convert("RGB")
    return Pixels(
        colour=_bgr_of(rgb), keeps_profile=False, notes=(f"{image.mode} was converted to sRGB {how}.",)
    )


def _through_profile(image: Image.Image) -> Image.Image | None:
    icc = image.info.get("icc_profile")
    try:
        if image.mode == "LAB":
            given = ImageCms.createProfile("LAB")
        elif icc:
            given = ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile
        else:
            return None
        return ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):  # a damaged profile, or one for other channels
        return None


def _deepened(shallow: Pixels, data: bytes, stored_orientation: int) -> Pixels:
    """The same with all 16 bits, which Pillow does not give for PNG and TIFF in colour.

    OpenCV turns some TIFFs by itself and reads some layouts wrongly, so what it gives is taken only where its
    upper bits are what Pillow read.
    """
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is not None and decoded.dtype == np.uint16:
        deep = _deep_pixels(decoded, is_grey=shallow.is_grey)
        for candidate in (deep, deep.upright(stored_orientation)):
            if candidate.shallow.shape == shallow.colour.shape and _are_alike(candidate, shallow):
                return candidate
    return replace(shallow, notes=("16 bits per channel were reduced to 8.",))


def _deep_pixels(decoded: NDArray[Any], *, is_grey: bool) -> Pixels:
    if decoded.ndim == 2:
        return Pixels(colour=_three_channels(_samples(decoded)), is_grey=True)
    alpha = _samples(decoded[..., 3]) if decoded.shape[2] == 4 else None
    return Pixels(colour=_samples(decoded[..., :3]), alpha=alpha, is_grey=is_grey)


def _are_alike(deep: Pixels, shallow: Pixels) -> bool:
    return cv2.norm(deep.shallow, shallow.shallow, cv2.NORM_L1) <= shallow.colour.size  # 1 level on average


def _is_deep(image: Image.Image, data: bytes) -> bool:
    if image.mode not in {"L", "LA", "RGB", "RGBA"}:
        return False
    if image.format == "PNG":
        return data[_PNG_DEPTH_AT] == 16
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, ())
    return image.format == "TIFF" and 16 in bits


def _three_channels(grey: Samples) -> Samples:
    return _samples(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))


def _samples(array: NDArray[Any]) -> Samples:
    contiguous = np.ascontiguousarray(array)
    if contiguous.dtype == np.uint16:
        return contiguous.astype(np.uint16, copy=False)
    return contiguous.astype(np.uint8, copy=False)
