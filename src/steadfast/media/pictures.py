"""Pictures as they are read: upright BGR pixels, and what else of the file an output should keep."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from steadfast.errors import DamagedMedia, OutOfHostMemory, SteadfastError, UnsupportedMedia
from steadfast.media.canvas import ArrayCanvas, BgrImage, Canvas
from steadfast.media.complaints import complaints
from steadfast.media.deep_canvas import DeepCanvas, DeepImage, upper_bits
from steadfast.media.headers import heif_size, webp_size
from steadfast.media.limits import DEFAULT_LIMITS, MediaLimits, check_pixels, read_picture_file
from steadfast.media.picture_metadata import Metadata, metadata_of
from steadfast.media.picture_pixels import pixels_of
from steadfast.media.sniff import FileFormat, MediaKind, sniff

pillow_heif.register_heif_opener(thumbnails=False)
# Pillow's own limit is a global that warns at one size and fails at twice it. Ours comes from the settings,
# is checked from the header before Pillow sees the file, and again on the size that Pillow found.
Image.MAX_IMAGE_PIXELS = None

T = TypeVar("T")

_CODECS = {FileFormat.HEIC: ["HEIF"], FileFormat.JPEG: ["JPEG", "MPO"]}
_SIZE_READERS = {FileFormat.WEBP: webp_size, FileFormat.HEIC: heif_size, FileFormat.AVIF: heif_size}
_MORE_FRAMES = "It is animated; only its first frame is used."
_MORE = {
    FileFormat.TIFF: "It has several pages; only the first is used.",
    FileFormat.HEIC: "It holds several pictures; only the main one is used.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A decoded picture, pixels."""

    name: str  # for messages
    format: FileFormat
    pixels: BgrImage  # of a 16-bit picture the upper 8 bits
    deep_pixels: DeepImage | None = None  # the same with all 16 bits, where the file has them
    alpha: NDArray[np.uint8] | NDArray[np.uint16] | None = None  # height × width, in the file's own depth
    is_grey: bool = False  # the file holds shades of grey only, and so will its output
    metadata: Metadata = field(default_factory=Metadata)
    notes: tuple[str, ...] = ()  # sentences: what a user should know of how it was read

    @property
    def width(self) -> int:
        """In pixels, pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels, pixels."""
        return int(self.pixels.shape[0])

    def canvas(self) -> Canvas:
        """A copy to change; 16-bit pictures keep their depth."""
        if self.deep_pixels is not None:
            return DeepCanvas(self.deep_pixels.copy())
        return ArrayCanvas(self.pixels.copy())

    def changed_to(self, canvas: Canvas) -> "Picture":
        """This picture with the pixels of a canvas that `canvas()` gave."""
        if isinstance(canvas, DeepCanvas):
            return replace(self, deep_pixels=canvas.deep_pixels, pixels=upper_bits(canvas.deep_pixels))
        if isinstance(canvas, ArrayCanvas):
            return replace(self, pixels=canvas.pixels, deep_pixels=None)
        raise TypeError(f"not a canvas of a picture: {type(canvas).__name__}")


def read_picture(source: Path | bytes, limits: MediaLimits = DEFAULT_LIMITS, *, name: str = "") -> Picture:
    """The picture in a file or in the bytes of one: upright, 8-bit BGR, with its metadata.

    EXIF orientation is applied. CMYK and Lab become sRGB through the embedded profile where there is one;
    every other profile is kept as it is and the pixels are not converted. 16-bit pictures keep their depth
    beside an 8-bit copy. Of an animation the first frame is read, and a note says so. Camera data and GPS are
    kept; the EXIF thumbnail, which would show the old face, is not.

    Raises `InputMissing`, `EmptyInput`, `UnsupportedMedia`, `DamagedMedia` and, from the header and before
    anything is decoded, `MediaTooLarge`.
    """
    data, label = _loaded(source, limits, name)

    def decode(image: Image.Image) -> Picture:
        return _decoded(image, data, label)

    picture, is_damaged = _with_opened(data, label, limits, decode)
    notes = ("Its decoder found it slightly damaged.",) if is_damaged else ()
    return replace(picture, notes=(*picture.notes, *notes))


def read_metadata(source: Path | bytes, limits: MediaLimits = DEFAULT_LIMITS, *, name: str = "") -> Metadata:
    """What a picture file says beside its pixels, which are not decoded; raises as `read_picture` does."""
    data, label = _loaded(source, limits, name)
    return _with_opened(data, label, limits, lambda image: metadata_of(image, data, keeps_profile=True)[0])[0]


def read_size(
    source: Path | bytes, limits: MediaLimits = DEFAULT_LIMITS, *, name: str = ""
) -> tuple[int, int]:
    """Width and height as the file has them, before it is turned upright; nothing is decoded. Raises as
    `read_picture` does.
    """
    data, label = _loaded(source, limits, name)
    return _with_opened(data, label, limits, lambda image: (image.width, image.height))[0]


def _loaded(source: Path | bytes, limits: MediaLimits, name: str) -> tuple[bytes, str]:
    if isinstance(source, Path):
        return read_picture_file(source, limits), name or str(source)
    return source, name or "The picture"


def _with_opened(
    data: bytes, label: str, limits: MediaLimits, work: Callable[[Image.Image], T]
) -> tuple[T, bool]:
    """The work's result on the opened picture, and whether the decoder complained without failing."""
    found = sniff(data)
    if found.kind in {MediaKind.VIDEO, MediaKind.UNKNOWN}:
        raise UnsupportedMedia(f"{label} is not a picture.")
    size = _SIZE_READERS[found](data) if found in _SIZE_READERS else None
    if size is not None:
        check_pixels(label, *size, limits)
    codecs = _CODECS.get(found, [found.value.upper()])
    try:
        with complaints() as heard, Image.open(io.BytesIO(data), formats=codecs) as image:
            check_pixels(label, image.width, image.height, limits)
            return work(image), bool(heard)
    except SteadfastError:
        raise
    except MemoryError as error:
        raise OutOfHostMemory(f"Not enough memory to decode {label}.") from error
    except Exception as error:  # decoders fail on hostile bytes in every way there is
        raise DamagedMedia(f"{label} is cut off or corrupt ({found.value.upper()}).") from error


def _decoded(image: Image.Image, data: bytes, label: str) -> Picture:
    found = sniff(data)
    pixels = pixels_of(image, data)
    metadata, notes = metadata_of(image, data, keeps_profile=pixels.keeps_profile)
    has_more = getattr(image, "is_animated", False)  # an MPO's further pictures are previews and gain maps
    more = (_MORE.get(found, _MORE_FRAMES),) if has_more and image.format != "MPO" else ()
    return Picture(
        name=label,
        format=found,
        pixels=pixels.shallow,
        deep_pixels=pixels.deep,
        alpha=pixels.alpha,
        is_grey=pixels.is_grey,
        metadata=metadata,
        notes=(*pixels.notes, *notes, *more),
    )
