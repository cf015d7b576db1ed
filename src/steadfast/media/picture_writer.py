"""Pictures as they are written: everything the format can hold, whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.errors import EncodingFailed, InvalidOption
from steadfast.media.canvas import BgrImage
from steadfast.media.deep_canvas import upper_bits
from steadfast.media.output import write_bytes_aside
from steadfast.media.picture_encoders import ENCODERS, EncodingJob, Samples
from steadfast.media.picture_metadata import Metadata
from steadfast.media.pictures import Picture
from steadfast.media.provenance import Mark, xmp_packet
from steadfast.media.sniff import FileFormat

_SUFFIXES: Mapping[str, FileFormat] = {
    ".jpg": FileFormat.JPEG,
    ".jpeg": FileFormat.JPEG,
    ".jpe": FileFormat.JPEG,
    ".jfif": FileFormat.JPEG,
    ".png": FileFormat.PNG,
    ".webp": FileFormat.WEBP,
    ".tif": FileFormat.TIFF,
    ".tiff": FileFormat.TIFF,
    ".bmp": FileFormat.BMP,
    ".gif": FileFormat.GIF,
    ".heic": FileFormat.HEIC,
    ".heif": FileFormat.HEIC,
    ".avif": FileFormat.AVIF,
}
PICTURE_SUFFIXES = frozenset(_SUFFIXES)
"""File name endings that `write_picture` takes, lower case."""

_JPEG_SEGMENT_BYTES = 65_500  # an APP1 segment, less the name of what it holds
_KEEPS_ALPHA = frozenset(
    {FileFormat.PNG, FileFormat.TIFF, FileFormat.WEBP, FileFormat.GIF, FileFormat.AVIF, FileFormat.HEIC}
)
_KEEPS_16_BITS = frozenset({FileFormat.PNG, FileFormat.TIFF})
_KEEPS_GREY = frozenset({FileFormat.JPEG, FileFormat.PNG, FileFormat.TIFF})


def picture_format_for(path: Path) -> FileFormat:
    """The format that a file name asks for; raises `InvalidOption` where there is none such."""
    try:
        return _SUFFIXES[path.suffix.lower()]
    except KeyError:
        known = ", ".join(sorted(_SUFFIXES))
        ending = f"ends in {path.suffix!r}" if path.suffix else "has no ending"
        raise InvalidOption(
            f"{path.name} {ending}, which names no picture format.", remedy=f"Use one of: {known}."
        ) from None


def write_picture(
    picture: Picture,
    path: Path,
    *,
    quality: int = 95,
    mark: Mark | None,
    keep_metadata: bool = True,
    durable: bool = True,
) -> tuple[str, ...]:
    """Stores the picture in the format its suffix names; the answer is notes on what could not be kept.

    `quality` is 1–100, for the lossy formats. ICC profile, EXIF, XMP and resolution are kept unless
    `keep_metadata` is false; `mark` is written in any case. Transparency is kept where the format can, else
    laid over white; 16 bits are kept in PNG and TIFF. Raises `InvalidOption`, `EncodingFailed`,
    `OutputUnwritable` and `DiskFull`, and then nothing was written.
    """
    content, notes = encode_picture(
        picture, picture_format_for(path), quality=quality, mark=mark, keep_metadata=keep_metadata
    )
    write_bytes_aside(path, content, durable=durable)
    return notes


def encode_picture(
    picture: Picture, target: FileFormat, *, quality: int = 95, mark: Mark | None, keep_metadata: bool = True
) -> tuple[bytes, tuple[str, ...]]:
    """The bytes that `write_picture` stores, and its notes."""
    if not 1 <= quality <= 100:
        raise InvalidOption(f"Quality {quality} is not between 1 and 100.")
    if target not in ENCODERS:
        raise InvalidOption(f"Pictures cannot be written as {target.value}.")
    samples, notes = _fitting_samples(picture, target)
    metadata, more_notes = _fitting_metadata(picture, target, mark, keep_metadata, is_grey=samples.ndim == 2)
    try:
        content = ENCODERS[target](EncodingJob(samples=samples, metadata=metadata, quality=quality))
    except Exception as error:  # the boundary to five encoders
        raise EncodingFailed(
            f"The picture of {picture.width} × {picture.height} pixels could not be written as"
            f" {target.value.upper()}: {error}.",
            remedy="Write it as PNG or TIFF.",
        ) from error
    return content, (*notes, *more_notes)


def _fitting_samples(picture: Picture, target: FileFormat) -> tuple[Samples, tuple[str, ...]]:
    notes: list[str] = []
    name = target.value.upper()
    colour: Samples = picture.pixels if picture.deep_pixels is None else picture.deep_pixels
    if colour.dtype == np.uint16 and target not in _KEEPS_16_BITS:
        notes.append(f"16 bits per channel were reduced to 8, the most that {name} holds here.")
        colour = picture.pixels
    if target is FileFormat.GIF:
        notes.append("GIF holds 256 colours; PNG keeps them all.")
    if picture.alpha is not None:
        alpha = picture.alpha if colour.dtype == np.uint16 else _shallow(picture.alpha)
        if target in _KEEPS_ALPHA:
            return np.dstack((colour, alpha)), tuple(notes)
        notes.append(f"{name} holds no transparency; the picture was laid over white.")
        colour = _over_white(picture.pixels, _shallow(alpha))
    if picture.is_grey and target in _KEEPS_GREY:
        colour = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY)
    return colour, tuple(notes)


def _shallow(samples: Samples) -> NDArray[np.uint8]:
    return samples if samples.dtype == np.uint8 else upper_bits(samples)


def _over_white(colour: BgrImage, alpha: NDArray[np.uint8]) -> BgrImage:
    weight = alpha[..., None].astype(np.float32) / 255
    return np.rint(colour * weight + 255 * (1 - weight)).astype(np.uint8)


def _fitting_metadata(
    picture: Picture, target: FileFormat, mark: Mark | None, keep_metadata: bool, *, is_grey: bool
) -> tuple[Metadata, tuple[str, ...]]:
    found = picture.metadata if keep_metadata else Metadata(icc_profile=picture.metadata.icc_profile)
    if target is FileFormat.BMP:
        unmarked = "BMP holds no metadata, so the output does not say what it is; PNG does."
        return Metadata(dpi=found.dpi), (unmarked,) if mark else ()
    is_jpeg = target is FileFormat.JPEG
    packet, xmp_notes = xmp_packet(mark, found.xmp, max_bytes=_JPEG_SEGMENT_BYTES if is_jpeg else None)
    notes = list(xmp_notes)
    exif, icc = found.exif, found.icc_profile
    is_deep_tiff = target is FileFormat.TIFF and picture.deep_pixels is not None
    if exif and (is_deep_tiff or (is_jpeg and len(exif) > _JPEG_SEGMENT_BYTES)):
        exif = None
        notes.append("Its EXIF data does not fit the output's format and was left out.")
    if icc and icc[16:20] == b"GRAY" and not is_grey:
        icc = None
        notes.append("Its grey profile does not fit the colour output and was left out.")
    return Metadata(icc_profile=icc, exif=exif, xmp=packet, dpi=found.dpi), tuple(notes)
